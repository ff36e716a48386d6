// One instance of an Aurora PostgreSQL cluster: its host, its engine, its sessions.
//
// Real thing and version: Aurora PostgreSQL 15/16, as a client and the control plane see it.
// Modelled: an engine that starts as writer or reader and takes its static parameters then;
//   sessions with max_connections; commits that wait for the storage quorum and are refused when
//   another writer has raised the volume epoch; writes on a reader (25006); the end of an engine as
//   a stop (57P01 and FIN), a crash (RST) or silence; a page cache that is cold after a promotion.
// Simplified (diverges from the real thing): a statement is one commit; no locks, no queue for
//   processors: time comes from the statement's work, the cache and the storage.
// Ignored: query plans, vacuum, the buffer of result rows.
// Calibrated from: AuroraTimings, which names the source of each delay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/address.hpp"
#include "models/aurora_config.hpp"
#include "models/aurora_storage.hpp"
#include "models/rds_api.hpp"
#include "models/sql.hpp"
#include "sim/host.hpp"
#include "sim/task.hpp"

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

/// How an engine ends, as its clients see it.
enum class EngineEnd : std::uint8_t {
  stopped,  // 57P01, then FIN
  crashed,  // RST
  silent,   // nothing: the host is gone or its network is
};

class AuroraInstance {
 public:
  AuroraInstance(sim::Simulation& simulation, const AuroraInstanceConfig& config, MemberId member,
                 AuroraStorage& storage, const AuroraTimings& timings);
  ~AuroraInstance();
  AuroraInstance(const AuroraInstance&) = delete;
  AuroraInstance& operator=(const AuroraInstance&) = delete;

  /// The engine starts: static parameters of the groups are in force, the port is open.
  void start(AuroraRole role);
  /// A reader becomes the writer without a restart; its cache is cold for writes.
  void promote();
  void end(EngineEnd how);
  bool running() const { return listener_.is_open() && host_.up(); }
  AuroraRole role() const { return role_; }
  std::size_t sessions() const { return sessions_.size(); }
  std::uint32_t max_connections() const;

  sim::Host& host() { return host_; }
  SqlListener& listener() { return listener_; }
  MemberId member() const { return member_; }
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
  struct Session {
    Session(std::vector<SqlServerSocket*>& list_ref, SqlServerSocket& socket_ref)
        : list(list_ref), socket(&socket_ref) {
      list.push_back(socket);
    }
    ~Session() { std::erase(list, socket); }
    std::vector<SqlServerSocket*>& list;
    SqlServerSocket* socket;
  };
  sim::Task<> accept();
  sim::Task<> serve(SqlServerSocket socket);
  sim::Task<SqlAnswer> execute(SqlRequest request);
  sim::Task<bool> commit(SqlRequest request, SqlAnswer& answer);
  SqlAnswer hello() const;
  sim::Duration read_time();

  AuroraInstanceConfig config_;
  MemberId member_;
  AuroraStorage& storage_;
  const AuroraTimings& timings_;
  sim::Host host_;
  sim::Group engine_;
  SqlListener listener_;
  sim::Stream login_;
  sim::Stream lag_;
  AuroraRole role_ = AuroraRole::reader;
  std::uint32_t epoch_ = 0;
  bool cold_ = false;
  sim::Time cold_since_{};
  std::uint64_t acknowledged_ = 0;
  Lsn acknowledged_to_;
  std::vector<SqlServerSocket*> sessions_;
};

}  // namespace predrill::models
