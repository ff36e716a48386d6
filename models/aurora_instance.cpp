#include "models/aurora_instance.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sim/portable_math.hpp"

namespace predrill::models {

AuroraInstance::AuroraInstance(sim::Simulation& simulation, const AuroraInstanceConfig& config,
                               MemberId member, AuroraStorage& storage,
                               const AuroraTimings& timings)
    : ManagedEngine(simulation, config.name, config.zone, member, timings.login,
                    {&aurora::engine_started, &aurora::engine_stopped}),
      config_(config),
      storage_(storage),
      timings_(timings),
      lag_(host().stream("replica lag")) {}

AuroraInstance::~AuroraInstance() {
  end_processes();
}

void AuroraInstance::start(AuroraRole role) {
  role_ = role;
  in_force = wanted;
  if (parameter_status == ParameterApplyStatus::pending_reboot) {
    parameter_status = ParameterApplyStatus::in_sync;
  }
  cold_ = false;
  if (role == AuroraRole::writer) epoch_ = storage_.raise_epoch();
  open(role == AuroraRole::writer ? "writer" : "reader");
}

void AuroraInstance::promote() {
  if (!running()) {
    start(AuroraRole::writer);
  } else {
    role_ = AuroraRole::writer;
    epoch_ = storage_.raise_epoch();
    say_started("writer");
  }
  cold_ = true;
  cold_since_ = engine().now();
}

std::string AuroraInstance::show(std::string_view name) const {
  const auto found = std::ranges::find(in_force, name, &DbParameter::name);
  return found == in_force.end() ? std::string() : found->value;
}

void AuroraInstance::apply_dynamic() {
  for (const DbParameter& want : wanted) {
    if (want.is_static) continue;
    const auto found = std::ranges::find(in_force, want.name, &DbParameter::name);
    if (found == in_force.end()) {
      in_force.push_back(want);
    } else {
      found->value = want.value;
    }
  }
}

// A number wins over the class's default; a formula of a parameter group is that default.
std::uint32_t AuroraInstance::max_connections() const {
  const std::string text = show("max_connections");
  std::uint32_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = !text.empty() && read.ptr == text.data() + text.size();
  if (is_number) return value;
  const InstanceClass* its_class = find_instance_class(config_.instance_class);
  return its_class == nullptr ? 0 : default_max_connections(*its_class);
}

SqlAnswer AuroraInstance::hello() const {
  SqlAnswer answer;
  answer.server = member();
  answer.in_recovery = role_ == AuroraRole::reader;
  answer.timeline = epoch_;
  return answer;
}

sim::Duration AuroraInstance::read_time() {
  if (!cold_) return sim::Duration{};
  const double age = sim::seconds(engine().now() - cold_since_) / sim::seconds(timings_.cache_tau);
  const double surplus =
      (timings_.miss_rate_cold - timings_.miss_rate_steady) * sim::portable::exp(-age);
  const double blocks = timings_.blocks_per_statement * surplus;
  return sim::Duration(
      static_cast<std::int64_t>(blocks * static_cast<double>(timings_.block_read.count())));
}

sim::Task<SqlAnswer> AuroraInstance::execute(SqlRequest request) {
  SqlAnswer answer = hello();
  answer.tag = request.tag;
  const sim::Duration work = request.work + read_time();
  if (work > sim::Duration{}) co_await sim::sleep_for(work);
  const bool writes = request.op == SqlOp::write || request.wal_bytes > 0;
  if (!writes) {
    const bool reader = role_ == AuroraRole::reader;
    const sim::Duration lag = reader ? timings_.replica_lag.sample_duration(lag_) : sim::Duration{};
    answer.lsn = storage_.durable();
    answer.data_as_of = engine().now() - lag;
    co_return answer;
  }
  if (role_ == AuroraRole::reader) {
    answer.state = SqlState::read_only;
    co_return answer;
  }
  const bool acknowledged = co_await commit(request, answer);
  if (!acknowledged) answer.state = SqlState::admin_shutdown;
  co_return answer;
}

sim::Task<bool> AuroraInstance::commit(SqlRequest request, SqlAnswer& answer) {
  while (!storage_.writable()) co_await storage_.quorum().wait();
  const std::uint32_t epoch = epoch_;
  const sim::Duration latency = storage_.commit_latency(config_.zone);
  co_await sim::sleep_for(latency);
  Lsn position;
  if (!storage_.append(epoch, request.wal_bytes, &position)) {
    engine().simulation().trace().emit(engine().now(), host().entity(), aurora::fenced, epoch,
                                       storage_.epoch());
    co_return false;
  }
  answer.lsn = position;
  answer.data_as_of = engine().now();
  acknowledged_to_ = position;
  ++acknowledged_;
  co_return true;
}

}  // namespace predrill::models
