#include "harness/kinds/rds_kind.hpp"

#include <algorithm>
#include <array>

#include "harness/kinds/fault_schedule.hpp"
#include "harness/kinds/managed_kind.hpp"
#include "harness/kinds/rds_faults.hpp"
#include "sim/trace_sinks.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::RdsDeployment;
using sim::Duration;

namespace {

constexpr std::array<Milestone, 20> rds_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"api_call", "rds.api_call", "a call to the API is answered"},
    {"status", "rds.status", "DBInstanceStatus, or a cluster's Status, changes"},
    {"failover_begun", "rds.failover_begun", "RDS begins to fail over"},
    {"writer_closed", "rds.writer_closed", "the old writer takes no more statements"},
    {"redo", "rds.redo", "redo since the last checkpoint begins"},
    {"writer_changed", "rds.writer_changed", "another instance takes writes"},
    {"endpoint_moved", "rds.endpoint_moved", "the endpoint answers another address"},
    {"zone_shown", "rds.zone_shown", "the API shows the new AvailabilityZone"},
    {"no_standby", "rds.no_standby", "nobody can take over"},
    {"mirror_given_up", "rds.mirror_given_up", "commits go on without the standby"},
    {"in_sync", "rds.in_sync", "a standby or reader holds everything again"},
    {"replica_behind", "rds.replica_behind", "a follower has lost its source"},
    {"replica_streams", "rds.replica_streams", "a follower streams again"},
    {"engine_stopped", "rds.engine_stopped", "the engine of an instance ends"},
    {"engine_started", "rds.engine_started", "an engine accepts connections"},
    {"storage_low", "rds.storage_low", "FreeStorageSpace is 10 % of AllocatedStorage or less"},
    {"storage_full", "rds.storage_full", "no space is left for WAL"},
    {"storage_scaling", "rds.storage_scaling", "a larger AllocatedStorage is asked for"},
    {"storage_grown", "rds.storage_grown", "the space is there"},
}};
constexpr std::array<std::string_view, 4> rds_paths = {RdsWorld::paths.direct, ClientPaths::hikari,
                                                       ClientPaths::proxy, RdsWorld::paths.reader};
constexpr std::array<const sim::Kind*, 1> rds_statuses = {&models::rds::status};

// Acknowledged writes that whoever took over did not have.
RunLoss lost_at_promotions(const models::Journal& journal, models::RdsReplication& replication,
                           Duration fault) {
  RunLoss loss;
  for (const models::Attempt& one : journal.attempts) {
    if (!one.write || one.outcome != models::Outcome::ok) continue;
    const bool lost = std::ranges::any_of(replication.promotions(), [&](const auto& promotion) {
      const Duration at = promotion.at - sim::Time{};
      return Duration(one.finished) <= at && promotion.end < one.position;
    });
    if (!lost) continue;
    ++loss.rows;
    loss.age = std::max(loss.age, fault - Duration(one.finished));
  }
  return loss;
}

Milestones rds_stages(const std::vector<sim::Record>& records, const sim::Trace& trace,
                      Duration fault) {
  namespace rds = models::rds;
  Milestones at;
  at.fault = fault;
  const Duration full = first_of(records, rds::storage_full);
  at.detected = std::min(
      {first_of(records, rds::failover_begun), full, first_of(records, rds::mirror_given_up)});
  const bool in_place = at.detected == sim::forever;  // an engine restarts by itself
  if (in_place) at.detected = fault;
  const Duration redo = first_of(records, rds::redo);
  at.elected = in_place || redo == sim::forever ? at.detected : std::max(at.detected, redo);
  Duration writes = first_of(records, rds::writer_changed);
  for (const sim::Record& record : records) {
    if (record.kind != &rds::engine_started) continue;
    const auto role = static_cast<sim::EntityId>(record.values[0]);
    if (trace.entity_name(role) == "writer") writes = std::min(writes, record.at - sim::Time{});
  }
  at.writable = writes == sim::forever ? at.elected : std::max(at.elected, writes);
  const Duration moved = first_of(records, rds::endpoint_moved);
  at.routed = moved == sim::forever ? at.writable : std::max(at.writable, moved);
  return at;
}

class RdsKind final : public SystemKind {
 public:
  RdsKind() : SystemKind({"rds", "rds", rds_faults(), rds_milestones, rds_paths}) {}
  Duration observation() const override { return 45min; }
  std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const override {
    auto system = std::make_shared<RdsSystem>();
    read_rds(root.required("rds"), system->rds);
    read_managed_sections(root, "rds", context, system->rds.clients);
    const models::RdsConfig& config = system->rds.config;
    system->rds.clients.reads =
        config.deployment == RdsDeployment::multi_az_cluster || !config.read_replicas.empty();
    return system;
  }
  std::vector<std::string> targets(const SystemSpec& system,
                                   const FaultType& fault) const override {
    return rds_targets(rds_of(system), fault);
  }
  std::vector<FaultSpec> usual_faults(const SystemSpec& system) const override {
    return rds_usual_faults(rds_of(system));
  }
  std::optional<MeasureUnit> unit_of(std::string_view value) const override {
    const bool count = value == "storage.full" || value == "storage.allocated_gib";
    return count ? std::optional(MeasureUnit::count) : managed_unit_of(value);
  }
  RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const override;
  std::string setting_behind(const ScenarioSpec& scenario, const Summary& summary) const override;
};

RunOutcome RdsKind::run(const ScenarioSpec& scenario, const RunOptions& options) const {
  RunOutcome outcome;
  RunMeasures& run = outcome.measures;
  run.seed = options.seed;
  const RdsSpec& spec = rds_of(scenario.system);
  RdsWorld world(spec, options.seed, options.shuffle_ties);
  sim::Simulation& sim = world.sim();
  if (options.sink != nullptr) sim.trace().attach(*options.sink);
  FaultSchedule faults(sim, scenario.faults, rds_milestones,
                       [&](const FaultSpec& fault) { strike_rds(world, fault); });
  world.start();
  if (!faults.observe(scenario, outcome)) return outcome;
  models::RdsDatabase& database = world.database();
  outcome.old_primary = spec.config.members.front().name;
  measure_clients(world.journal(), spec.clients, sim.now(), outcome);
  const PathRun* judged = run.find_path(scenario.path);
  const Duration rto = judged == nullptr ? Duration{} : judged->measures.rto;
  run.stages_of_path = cut(rds_stages(faults.records(), sim.trace(), run.fault), rto);
  const models::MemberId now = database.writer();
  if (now != 0) run.new_primary = database.instance(now).name();
  run.loss = lost_at_promotions(outcome.journal, database.replication(), run.fault);
  if (run.loss.rows > 0) {
    run.violations.push_back(
        {"the new writer lacks " + std::to_string(run.loss.rows) + " acknowledged writes", false});
  }
  const auto promotions = static_cast<std::int64_t>(database.replication().promotions().size());
  if (changes_of_writer(outcome.journal) > promotions) {
    run.violations.push_back({"two instances acknowledged writes at one time", false});
  }
  const Duration api = api_time(sim.trace(), faults.records(), faults.first_fault(), rds_statuses);
  const bool full = first_of(faults.records(), models::rds::storage_full) != sim::forever;
  run.values.push_back({"api.available_again", MeasureUnit::time, api.count()});
  run.values.push_back({"storage.full", MeasureUnit::count, full ? 1 : 0});
  run.values.push_back(
      {"storage.allocated_gib", MeasureUnit::count,
       static_cast<std::int64_t>(database.volume().allocated() / models::gibibyte)});
  faults.tell(outcome, options);
  return outcome;
}

std::string RdsKind::setting_behind(const ScenarioSpec& scenario, const Summary& summary) const {
  const auto stage = summary.dominating_stage();
  if (!stage || scenario.faults.empty()) return "";
  const RdsSpec& spec = rds_of(scenario.system);
  const SystemSpec& system = scenario.system;
  const std::string& fault = scenario.faults.front().name;
  const bool multi_az = spec.config.deployment != RdsDeployment::single_az;
  if (fault == "storage_fill") {
    const bool scales = spec.config.storage.max_allocated_storage != 0;
    return with_origin(system, "rds.MaxAllocatedStorage",
                       scales ? "MaxAllocatedStorage" : "no MaxAllocatedStorage");
  }
  switch (*stage) {
    case Stage::detection:
      if (!multi_az) return with_origin(system, "rds.MultiAZ", "MultiAZ false");
      return fault == "standby_loss" ? "RDS gives the mirror up" : "RDS notices the loss";
    case Stage::election:
      if (!multi_az) return with_origin(system, "rds.MultiAZ", "MultiAZ false");
      return "RDS fences the old side and takes over";
    case Stage::promotion:
      if (fault == "reboot") return "the engine stops and starts";
      if (spec.config.deployment == RdsDeployment::multi_az_cluster && fault != "engine_crash") {
        return "RDS's promotion of a reader";
      }
      return with_origin(system, "rds.parameters.checkpoint_timeout",
                         "engine start and redo: checkpoint_timeout " +
                             sim::to_text(spec.config.checkpoint_timeout));
    case Stage::routing:
      return "RDS's update of the endpoint";
    case Stage::reconnection:
    case Stage::first_commit:
      break;
  }
  return setting_of_clients(scenario, spec.clients, "rds.dns_ttl", spec.config.dns_ttl);
}

}  // namespace

const RdsSpec& rds_of(const SystemSpec& system) {
  return static_cast<const RdsSystem&>(*system.of_kind).rds;
}

const SystemKind& rds_kind() {
  static const RdsKind kind;
  return kind;
}

}  // namespace predrill::harness
