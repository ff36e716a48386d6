// HAProxy in TCP mode in front of PostgreSQL, with Patroni's REST API as the health check.
//
// Real thing and version: HAProxy 2.6 (src/check.c, src/tcpcheck.c, src/backend.c, configuration
//   manual) with Patroni's haproxy.cfg.
// Modelled: one check per server and section with its start offset, inter, fastinter, downinter,
//   rise and fall (the health counter of struct check), the limits of a check; the next check comes
//   `inter` after the end of the last one, so a silent server costs its time-out on top;
//   on-marked-down shutdown-sessions; round robin over the servers that are up (lb_fwrr.c), where
//   one that comes up lets another go first: after a shutdown the next connection is refused once
//   more, the one after it gets through (lab: so in 101 of 107 drills); timeout connect, retries
//   with the pause of 1 s, redispatch; timeout client/server; maxconn of the process and of servers
//   with timeout queue. Without a server that is up a connection is accepted and closed.
// Simplified (diverges from the real thing): of n others a server that comes up lets one go first,
//   lb_fwrr.c up to n + 1 of them by the phase of its window. timeout client and timeout server
//   count any traffic of the session. A connection that waits in a server's queue stays there if
//   the server goes down.
// Ignored: weights, agent checks, observe, slowstart, spread-checks, cookies, HTTP mode, reloads,
//   several threads.
// Calibrated from: nothing; every delay is configured, or the network's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/haproxy_config.hpp"
#include "models/patroni_api.hpp"
#include "models/sql.hpp"
#include "models/stat_list.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace haproxy {
inline constexpr sim::Kind started{"haproxy.started", "process up"};
inline constexpr sim::Kind server_down{"haproxy.server_down",
                                       "{0:n}/{1:n} is DOWN, {2} sessions, {3} shut down"};
inline constexpr sim::Kind server_up{"haproxy.server_up", "{0:n}/{1:n} is UP"};
inline constexpr sim::Kind no_server{"haproxy.no_server", "{0:n} has no server available!"};
}  // namespace haproxy

/// A `server` line: where sessions go and where its checks go (port 8008 of the same host).
struct HaproxyServer {
  MemberId member = nobody;
  std::string name;
  SqlListener* sql = nullptr;
  RestListener* check = nullptr;
};

/// What HAProxy refuses or warns of at start, as sentences; what it refuses gets its default.
std::vector<std::string> validate(HaproxyConfig& config);

/// struct check: health from 0 to rise + fall - 1; UP from `rise` on. It starts at `rise`: the
/// first failure counts as the last.
struct HaproxyHealth {
  std::int32_t rise = 2;
  std::int32_t fall = 3;
  std::int32_t value = 2;
  bool up() const { return value >= rise; }
  bool transitional() const { return value != 0 && value != rise + fall - 1; }
  /// set_server_check_status
  void note(bool passed);
};

class Haproxy {
 public:
  Haproxy(sim::Host& host, HaproxyConfig config, const std::vector<HaproxyServer>& servers);
  ~Haproxy();

  enum class Started : std::uint8_t { now, long_ago };
  /// The process starts; all servers count as up until their first check. First checks are spread
  /// evenly over `inter`; long ago: since then each has gone on `inter` after its own last end, so
  /// that nothing ties one server's checks to another's.
  void start(Started when = Started::now);
  void kill() { group_.kill(); }
  bool running() const { return group_.running(); }

  /// The port of a section.
  SqlListener& listener(std::size_t section) { return sections_[section]->listener; }
  bool is_up(std::size_t section, MemberId member) const;
  std::size_t sessions(std::size_t section) const;
  std::uint64_t closed_without_server() const { return closed_without_server_; }
  sim::Group& group() { return group_; }
  const HaproxyConfig& config() const { return config_; }

 private:
  struct Section;
  struct Backend {
    const HaproxyServer* line = nullptr;
    std::int64_t label = 0;
    HaproxyHealth health;
    std::int64_t turn = 0;  // the least is next
    std::size_t sessions = 0;
    std::unique_ptr<sim::Semaphore> slots;  // server maxconn
  };
  struct Session {
    Session(Haproxy& proxy_ref, sim::Group& group);
    void expired();
    Haproxy& proxy;
    SqlServerSocket client;
    SqlSocket server;
    Section* section = nullptr;
    Backend* backend = nullptr;
    bool connected = false;  // to the backend
    bool shut = false;       // the backend was marked down meanwhile
    sim::Semaphore::Permit slot;
    sim::ProcessId upward;    // client to server
    sim::ProcessId downward;  // server to client
    std::uint32_t life = 0;
    Session* previous = nullptr;
    Session* next = nullptr;
    sim::Timer<Session, &Session::expired> inactivity;
  };
  struct Section {
    Section(sim::Group& group, const HaproxySection& section_config);
    const HaproxySection& config;
    std::int64_t label = 0;
    SqlListener listener;
    std::vector<Backend> backends;
    StatList<Session> sessions;
  };

  sim::Task<> accept_sessions(Section& section);
  sim::Task<> serve(Session& session);
  sim::Task<> relay_answers(Session& session);
  sim::Task<bool> connect_backend(Session& session);
  Backend* next_in_turn(Section& section, const Backend* avoid = nullptr);
  Backend* choose(Section& section, const Backend* avoid = nullptr);
  void close_session(Session& session);
  void touch(Session& session);
  sim::Task<> check_loop(Section& section, Backend& backend, sim::Duration offset);
  sim::Task<bool> check(Section& section, Backend& backend);
  void note_check(Section& section, Backend& backend, bool passed);
  sim::Duration next_check(const Section& section, const Backend& backend) const;

  HaproxyConfig config_;
  std::vector<HaproxyServer> servers_;
  sim::EntityId entity_;
  sim::Duration inactivity_limit_{};
  std::uint64_t closed_without_server_ = 0;
  std::size_t open_sessions_ = 0;
  std::vector<std::unique_ptr<Session>> all_sessions_;
  std::vector<Session*> free_sessions_;
  sim::Signal session_ended_;
  sim::Group group_;
  sim::Stream phases_;
  std::vector<std::unique_ptr<Section>> sections_;
};

}  // namespace predrill::models
