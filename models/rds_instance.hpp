// One instance of an RDS for PostgreSQL database: the writer, a reader or a read replica.
//
// Real thing and version: RDS for PostgreSQL 15 as a client and the control plane see it.
// Modelled: an engine (models/managed_engine.hpp); commits that wait for the copies of the
//   deployment; writes on a reader (25006); a read replica that follows its source, falls behind
//   while the source is gone, notices silence after wal_receiver_timeout and tries again every
//   wal_retrieve_retry_interval.
// Simplified (diverges from the real thing): how far a follower lags is drawn statement by
//   statement.
// Ignored: query plans, vacuum, conflicts of reads with recovery.
// Calibrated from: RdsTimings.
#pragma once

#include "models/managed_engine.hpp"
#include "models/rds_config.hpp"
#include "models/rds_replication.hpp"

namespace predrill::models {

namespace rds {
inline constexpr sim::Kind engine_started{"rds.engine_started",
                                          "engine accepts connections as {0:n}"};
inline constexpr sim::Kind engine_stopped{"rds.engine_stopped", "engine {0:n}, {1} sessions lost"};
inline constexpr sim::Kind replica_behind{"rds.replica_behind", "has lost its source"};
inline constexpr sim::Kind replica_streams{"rds.replica_streams", "streams from the source again"};
}  // namespace rds

enum class RdsRole : std::uint8_t { writer, standby, follower };

class RdsInstance final : public ManagedEngine {
 public:
  RdsInstance(sim::Simulation& simulation, const RdsInstanceConfig& config, MemberId member,
              const RdsConfig& database, RdsReplication& replication, const RdsTimings& timings);
  ~RdsInstance() override;

  /// The engine opens its port; a standby has none.
  void start(RdsRole role);
  /// A reader of a cluster takes writes from now on.
  void promote();
  /// The engine is gone or was never there: the host with its volume stays as what it was.
  void stand_by() { role_ = RdsRole::standby; }
  RdsRole role() const { return role_; }
  std::uint32_t max_connections() const override;
  const std::string& name() const { return config_.name; }
  std::size_t zone() const { return config_.zone; }

  /// The stream of WAL from the source has ended or has come back.
  void lose_source();
  void find_source();
  bool streams() const { return streams_; }

  InstanceStatus status = InstanceStatus::available;  // as the API shows it

 private:
  sim::Task<SqlAnswer> execute(SqlRequest request) override;
  SqlAnswer hello() const override;

  RdsInstanceConfig config_;
  const RdsConfig& database_;
  RdsReplication& replication_;
  const RdsTimings& timings_;
  sim::Stream lag_;
  RdsRole role_ = RdsRole::standby;
  bool streams_ = true;
  sim::Time lost_source_{};
};

}  // namespace predrill::models
