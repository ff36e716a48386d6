#include "models/rds_instance.hpp"

namespace predrill::models {

RdsInstance::RdsInstance(sim::Simulation& simulation, const RdsInstanceConfig& config,
                         MemberId member, const RdsConfig& database, RdsReplication& replication,
                         const RdsTimings& timings)
    : ManagedEngine(simulation, config.name, config.zone, member, timings.login,
                    {&rds::engine_started, &rds::engine_stopped}),
      config_(config),
      database_(database),
      replication_(replication),
      timings_(timings),
      lag_(host().stream("replica lag")) {}

RdsInstance::~RdsInstance() {
  end_processes();
}

void RdsInstance::start(RdsRole role) {
  role_ = role;
  open(role == RdsRole::writer ? "writer" : "reader");
}

void RdsInstance::promote() {
  role_ = RdsRole::writer;
  say_started("writer");
}

std::uint32_t RdsInstance::max_connections() const {
  if (database_.max_connections != 0) return database_.max_connections;
  const InstanceClass* its_class = find_instance_class(config_.instance_class);
  return its_class == nullptr ? 0 : default_max_connections(*its_class);
}

void RdsInstance::lose_source() {
  if (!streams_) return;
  streams_ = false;
  lost_source_ = engine().now();
  engine().simulation().trace().emit(engine().now(), host().entity(), rds::replica_behind);
}

void RdsInstance::find_source() {
  if (streams_) return;
  streams_ = true;
  engine().simulation().trace().emit(engine().now(), host().entity(), rds::replica_streams);
}

SqlAnswer RdsInstance::hello() const {
  SqlAnswer answer;
  answer.server = member();
  answer.in_recovery = role_ != RdsRole::writer;
  return answer;
}

sim::Task<SqlAnswer> RdsInstance::execute(SqlRequest request) {
  SqlAnswer answer = hello();
  answer.tag = request.tag;
  if (request.work > sim::Duration{}) co_await sim::sleep_for(request.work);
  const bool writes = request.op == SqlOp::write || request.wal_bytes > 0;
  if (!writes) {
    const sim::Duration lag = timings_.replica_lag.sample_duration(lag_);
    const sim::Time newest = streams_ ? engine().now() : lost_source_;
    answer.data_as_of = role_ == RdsRole::writer ? engine().now() : newest - lag;
    co_return answer;
  }
  if (role_ != RdsRole::writer) {
    answer.state = SqlState::read_only;
    co_return answer;
  }
  answer.lsn = co_await replication_.commit(member(), request.wal_bytes);
  answer.data_as_of = engine().now();
  co_return answer;
}

}  // namespace predrill::models
