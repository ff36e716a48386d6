// PostgreSQL of a managed instance as its clients see it: a port, logins, sessions, and the ways in
// which an engine ends. What a statement does is left to the kind of instance.
//
// Real thing and version: the server process of Amazon RDS for PostgreSQL and Aurora PostgreSQL.
// Modelled: sessions with max_connections (53300); logins that take their time; the end of an
//   engine as a stop (57P01 and FIN), a crash (RST) or silence.
// Simplified (diverges from the real thing): a statement is one commit; no locks, no queue for
//   processors.
// Ignored: superuser_reserved_connections, rds.superuser_reserved_connections.
// Calibrated from: the distribution of logins that its owner gives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/address.hpp"
#include "models/sql.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

/// How an engine ends, as its clients see it.
enum class EngineEnd : std::uint8_t {
  stopped,  // 57P01, then FIN
  crashed,  // RST
  silent,   // nothing: the host is gone or its network is
};

/// The events of an engine: {0:n} is its role, or how it ended and {1} the sessions lost.
struct EngineKinds {
  const sim::Kind* started = nullptr;
  const sim::Kind* stopped = nullptr;
};

class ManagedEngine {
 public:
  ManagedEngine(sim::Simulation& simulation, const std::string& name, std::size_t zone,
                MemberId member, const sim::Distribution& login, EngineKinds kinds);
  virtual ~ManagedEngine();
  ManagedEngine(const ManagedEngine&) = delete;
  ManagedEngine& operator=(const ManagedEngine&) = delete;

  void end(EngineEnd how);
  bool running() const { return listener_.is_open() && host_.up(); }
  std::size_t sessions() const { return sessions_.size(); }
  virtual std::uint32_t max_connections() const = 0;

  sim::Host& host() { return host_; }
  SqlListener& listener() { return listener_; }
  MemberId member() const { return member_; }

 protected:
  /// What is left of an earlier engine ends; the port is open.
  void open(std::string_view role);
  void say_started(std::string_view role);
  virtual SqlAnswer hello() const = 0;
  virtual sim::Task<SqlAnswer> execute(SqlRequest request) = 0;
  /// To be called by every heir's destructor: processes use what is the heir's.
  void end_processes() { engine_.kill(); }
  sim::Group& engine() { return engine_; }
  const sim::Group& engine() const { return engine_; }

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

  MemberId member_;
  const sim::Distribution& login_time_;
  EngineKinds kinds_;
  sim::Host host_;
  sim::Group engine_;
  SqlListener listener_;
  sim::Stream login_;
  std::vector<SqlServerSocket*> sessions_;
};

}  // namespace predrill::models
