// One instance of an Aurora PostgreSQL cluster: its host, its engine, its sessions.
//
// Real thing and version: Aurora PostgreSQL 15/16, as a client and the control plane see it.
// Modelled: an engine (models/managed_engine.hpp) that starts as writer or reader and takes its
//   static parameters then; commits that wait for the storage quorum and are refused when another
//   writer has raised the volume epoch; writes on a reader (25006); a page cache that is cold after
//   a promotion.
// Simplified (diverges from the real thing): time comes from the statement's work, the cache and
//   the storage alone.
// Ignored: query plans, vacuum, the buffer of result rows.
// Calibrated from: AuroraTimings, which names the source of each delay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/aurora_config.hpp"
#include "models/aurora_storage.hpp"
#include "models/managed_engine.hpp"
#include "models/rds_api.hpp"

namespace predrill::models {

namespace aurora {
inline constexpr sim::Kind engine_started{"aurora.engine_started",
                                          "engine accepts connections as {0:n}"};
inline constexpr sim::Kind engine_stopped{"aurora.engine_stopped",
                                          "engine {0:n}, {1} sessions lost"};
inline constexpr sim::Kind fenced{"aurora.fenced",
                                  "storage refuses a write of epoch {0}: the volume is at {1}"};
}  // namespace aurora

enum class AuroraRole : std::uint8_t { reader, writer };

class AuroraInstance final : public ManagedEngine {
 public:
  AuroraInstance(sim::Simulation& simulation, const AuroraInstanceConfig& config, MemberId member,
                 AuroraStorage& storage, const AuroraTimings& timings);
  ~AuroraInstance() override;

  /// The engine starts: static parameters of the groups are in force, the port is open.
  void start(AuroraRole role);
  /// A reader becomes the writer without a restart; its cache is cold for writes.
  void promote();
  AuroraRole role() const { return role_; }
  std::uint32_t max_connections() const override;
  const std::string& name() const { return config_.name; }
  AuroraInstanceConfig& config() { return config_; }

  // What the API shows of it; the control plane writes these.
  InstanceStatus status = InstanceStatus::available;
  ParameterApplyStatus parameter_status = ParameterApplyStatus::in_sync;
  std::string pending_class;          // PendingModifiedValues.DBInstanceClass
  std::vector<DbParameter> wanted;    // values of the groups attached now
  std::vector<DbParameter> in_force;  // what SHOW answers
  /// SHOW name; empty if neither group sets it.
  std::string show(std::string_view name) const;
  /// A dynamic value reaches the engine; static ones wait for the next start.
  void apply_dynamic();

  std::uint64_t acknowledged() const { return acknowledged_; }
  Lsn acknowledged_to() const { return acknowledged_to_; }

 private:
  sim::Task<SqlAnswer> execute(SqlRequest request) override;
  sim::Task<bool> commit(SqlRequest request, SqlAnswer& answer);
  SqlAnswer hello() const override;
  sim::Duration read_time();

  AuroraInstanceConfig config_;
  AuroraStorage& storage_;
  const AuroraTimings& timings_;
  sim::Stream lag_;
  AuroraRole role_ = AuroraRole::reader;
  std::uint32_t epoch_ = 0;
  bool cold_ = false;
  sim::Time cold_since_{};
  std::uint64_t acknowledged_ = 0;
  Lsn acknowledged_to_;
};

}  // namespace predrill::models
