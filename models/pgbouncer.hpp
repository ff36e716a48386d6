// PgBouncer: one process, one thread, a pool of server connections per (database, user).
//
// Real thing and version: PgBouncer 1.22 (objects.c, janitor.c, client.c, server.c, dnslookup.c);
//   rules that changed between 1.18 and 1.25 follow PgbouncerConfig::version_minor.
// Modelled: linking and the FIFO queue, when a server connection is opened and why not (one login
//   at a time, server_login_retry, pool, reserve, database and user limits, eviction), the janitor
//   every 1/3 s with all its time-outs, checks and resets, lifetime pacing, what clients see when
//   servers die, fast fail, refused logins by version, its own DNS cache (looked up at launches
//   only, fixed time), dirty tagging, PAUSE, RESUME, RECONNECT, KILL, SHOW POOLS and SHOW SERVERS,
//   max_client_conn, the thread's time per login and per packet.
// Simplified (diverges from the real thing): a message is a whole statement; results are not
//   streamed. The thread's time for a packet delays only the packets behind it. Loop turns happen
//   at the events of this model, so a launch that waits for the next turn comes with the janitor
//   at the latest. Logins are not held back while paused.
// Ignored: cancel requests and peering, prepared statements, SET tracking, auth_query, TLS,
//   SUSPEND and online restart, WAIT_CLOSE, DISABLE, dns_zone_check_period, so_reuseport (start
//   several instead).
// Calibrated from: see PgbouncerTimings.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/address.hpp"
#include "models/dns.hpp"
#include "models/pgbouncer_config.hpp"
#include "models/sql.hpp"
#include "models/stat_list.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace pgbouncer {
inline constexpr sim::Kind started{"pgbouncer.started", "process up, listening"};
inline constexpr sim::Kind server_connected{"pgbouncer.server_connected",
                                            "{0:n}: logged in to server address #{1}"};
inline constexpr sim::Kind login_failing{
    "pgbouncer.login_failing", "{0:n}: server login failed ({1:n}), next try after {2:d}"};
inline constexpr sim::Kind login_works{"pgbouncer.login_works", "{0:n}: server login works again"};
inline constexpr sim::Kind server_lost{"pgbouncer.server_lost",
                                       "{0:n}: server conn crashed? {1} client closed"};
inline constexpr sim::Kind fast_fail{"pgbouncer.fast_fail",
                                     "{0:n}: server login has been failing, try again later"};
inline constexpr sim::Kind query_wait_timeout{"pgbouncer.query_wait_timeout",
                                              "{0:n}: query_wait_timeout, {1} clients still wait"};
inline constexpr sim::Kind clients_wait{"pgbouncer.clients_wait",
                                        "{0:n}: {1} clients wait, the first for {2:d}"};
inline constexpr sim::Kind clients_served{"pgbouncer.clients_served", "{0:n}: no client waits"};
inline constexpr sim::Kind reserve_used{"pgbouncer.reserve_used",
                                        "{0:n}: taking connection from reserve_pool"};
inline constexpr sim::Kind dns_changed{
    "pgbouncer.dns_changed", "server address changed to #{0}, {1} connections to be closed"};
inline constexpr sim::Kind client_limit{"pgbouncer.client_limit",
                                        "no more connections allowed (max_client_conn)"};
}  // namespace pgbouncer

/// A row of SHOW POOLS.
struct PgbouncerPoolRow {
  std::uint8_t database = 0;
  std::uint8_t user = 0;
  std::uint32_t cl_active = 0;
  std::uint32_t cl_waiting = 0;
  std::uint32_t sv_active = 0;
  std::uint32_t sv_idle = 0;
  std::uint32_t sv_used = 0;
  std::uint32_t sv_tested = 0;
  std::uint32_t sv_login = 0;
  sim::Duration maxwait{};
};

/// A row of SHOW SERVERS.
struct PgbouncerServerRow {
  enum class State : std::uint8_t { login, idle, active, used, tested };
  State state = State::login;
  Address addr = Address::none;
  bool close_needed = false;
};

struct PgbouncerPoolSample {
  sim::Time at{};
  PgbouncerPoolRow row;
};

/// SHOW STATS, and what its log would add up to.
struct PgbouncerStats {
  std::uint64_t total_xact_count = 0;
  std::uint64_t total_query_count = 0;
  std::uint64_t total_server_assignment_count = 0;
  std::uint64_t waits = 0;          // assignments that were not immediate
  sim::Duration total_wait_time{};  // added when the wait ends with a server
  sim::Duration longest_wait{};
  std::uint64_t server_logins = 0;
  std::uint64_t server_login_attempts = 0;
  std::uint64_t dns_lookups = 0;
  std::uint64_t client_logins = 0;
  // Clients closed, by reason:
  std::uint64_t server_crashes = 0;  // server conn crashed?
  std::uint64_t fast_fails = 0;      // server login has been failing
  std::uint64_t login_refusals = 0;  // the server's own message passed on (1.22+, welcome)
  std::uint64_t wait_timeouts = 0;   // query_wait_timeout
  std::uint64_t query_timeouts = 0;  // query_timeout, idle_transaction_timeout
  std::uint64_t limit_refusals = 0;  // max_client_conn
  std::uint64_t other_closes = 0;    // by us for other reasons
};

class Pgbouncer {
 public:
  /// `resolver`: who answers the names in `host=`; may be null if all are addresses.
  Pgbouncer(sim::Host& host, AddressBook& book, PgbouncerConfig config,
            DnsServer* resolver = nullptr, PgbouncerTimings timings = {});
  ~Pgbouncer();

  /// The process starts with empty pools. Nothing happens if it runs or the host is down.
  void start();
  /// SIGKILL, and SIGTERM up to 1.22.
  void kill();
  /// SIGTERM: from 1.23 stops listening and ends when the last client has left.
  void terminate();
  bool running() const { return group_.running(); }

  // ---- console; all databases where none is named ----------------------------------------------

  /// PAUSE: returns when no server connection is in use any more.
  sim::Task<> pause(std::int32_t database = unset);
  void resume(std::int32_t database = unset);
  void reconnect(std::int32_t database = unset);
  /// KILL: closes every client and server of the database and leaves it paused.
  void kill_database(std::int32_t database);

  std::vector<PgbouncerPoolRow> show_pools() const;
  /// The pool's row; zeros if it does not exist yet.
  PgbouncerPoolRow show_pool(std::uint8_t database = 0, std::uint8_t user = 0) const;
  std::vector<PgbouncerServerRow> show_servers() const;
  std::size_t clients() const { return client_count_; }
  const PgbouncerStats& stats() const { return stats_; }
  /// Somebody asks the console so often from the next start on, an exporter for one.
  void ask_console(sim::Duration interval) { console_interval_ = interval; }
  /// Keeps a row per pool from now on, at each janitor run that is at least this far from the last.
  void record_samples(sim::Duration interval) { sample_interval_ = interval; }
  const std::vector<PgbouncerPoolSample>& samples() const { return samples_; }

  SqlListener& listener() { return listener_; }
  sim::Group& group() { return group_; }
  sim::Host& host() const { return group_.host(); }
  const PgbouncerConfig& config() const { return config_; }

 private:
  struct Pool;
  struct Server;
  struct Client {
    enum class State : std::uint8_t { free, login, active, waiting };
    SqlServerSocket socket;
    State state = State::free;
    bool wait_for_welcome = false;
    bool in_query = false;   // its request has not been answered
    std::uint32_t life = 0;  // goes up when the object is freed
    Pool* pool = nullptr;
    Server* link = nullptr;
    Client* previous = nullptr;
    Client* next = nullptr;
    sim::Time connect_time{};
    sim::Time request_time{};  // last packet
    sim::Time wait_start{};
    SqlRequest request;
    sim::ProcessId process;
    sim::Signal resumed;
  };
  struct Server {
    using State = PgbouncerServerRow::State;
    SqlSocket socket;
    State state = State::login;
    bool ready = false;  // the last answer left it idle, outside a transaction
    bool in_transaction = false;
    bool close_needed = false;
    std::uint32_t life = 0;
    Pool* pool = nullptr;
    Client* link = nullptr;
    Server* previous = nullptr;
    Server* next = nullptr;
    sim::Time connect_time{};
    sim::Time request_time{};  // last packet from it
    DnsName name = DnsName::none;
    Address address = Address::none;
    sim::ProcessId process;
  };
  struct Pool {
    const PgbouncerDatabase* config = nullptr;
    std::uint8_t database = 0;
    std::uint8_t user = 0;
    std::int32_t pool_size = 0;
    std::int32_t min_pool_size = 0;
    std::int32_t reserve = 0;
    PoolMode mode = PoolMode::session;
    std::int64_t label = 0;  // for traces
    StatList<Client> active_clients;
    StatList<Client> waiting_clients;
    StatList<Server> login, idle, used, tested, active;
    bool last_connect_failed = false;
    bool last_login_failed = false;
    bool fast_failing = false;  // said so in the trace
    bool waiting_said = false;
    bool welcome_msg_ready = false;
    bool attention = false;  // look at it before the loop turns again
    SqlAnswer welcome;
    sim::Time last_connect_time{};
    sim::Time last_lifetime_disconnect{};
    std::size_t host_turn = 0;

    std::int32_t connected() const {
      return static_cast<std::int32_t>(active.count() + idle.count() + tested.count() +
                                       used.count());
    }
    std::int32_t server_count() const {
      return connected() + static_cast<std::int32_t>(login.count());
    }
    std::size_t client_count() const { return active_clients.count() + waiting_clients.count(); }
    StatList<Server>& list(Server::State state);
  };
  struct DnsEntry {
    DnsName name;
    AddressList addresses;  // of the last good answer
    bool ok = false;
    sim::Time expires{};
    std::size_t turn = 0;
  };
  enum class Reason : std::uint8_t {
    quiet,  // the client has left
    server_crashed,
    fast_fail,
    login_refused,
    query_wait_timeout,
    query_timeout,
    limit,
    other
  };

  // pgbouncer.cpp: clients and servers as sockets
  sim::Task<> accept_clients();
  sim::Task<> client_process(Client& client);
  sim::Task<> server_process(Server& server);
  void finish_client_login(Client& client, const SqlRequest& startup);
  void welcome_client(Client& client);
  void handle_client_work(Client& client, const SqlRequest& request);
  void handle_server_work(Server& server, const SqlAnswer& answer);
  void finish_server_login(Server& server, const SqlAnswer& answer);
  void kill_pool_logins(Pool& pool, const SqlAnswer& answer);
  void forward(Client& client);
  sim::Duration login_time();
  bool too_many_clients() const {
    return static_cast<std::int64_t>(client_count_) > config_.max_client_conn;
  }
  sim::Time occupy(sim::Duration work);
  sim::Task<Address> resolve(Server& server);
  Address next_address(DnsEntry& entry);
  DnsEntry& dns_entry(DnsName name);
  void got_dns_answer(DnsEntry& entry, const DnsAnswer& answer);

  // pgbouncer_pool.cpp: objects.c
  Pool* get_pool(std::uint8_t database, std::uint8_t user);
  void find_server(Client& client);
  bool check_fast_fail(Client& client);
  void link(Client& client, Server& server);
  void pause_client(Client& client);
  void activate_client(Client& client);
  void launch_new_connection(Pool& pool, bool evict_if_needed);
  bool evict_connection(Pool& pool, bool same_database);
  void release_server(Server& server);
  void launch_recheck(Pool& pool);
  bool life_over(const Server& server) const;
  void change_server_state(Server& server, Server::State state);
  void disconnect_server(Server& server, std::string_view reason);
  void disconnect_client(Client& client, Reason reason, SqlState state = SqlState::pooler_error);
  void count_close(Reason reason);
  bool paused(const Pool& pool) const { return paused_[pool.database]; }
  std::int32_t database_connections(std::uint8_t database) const;
  std::int32_t user_connections(std::uint8_t user) const;
  void tag_dirty(Server& server) { server.close_needed = true; }

  // pgbouncer_janitor.cpp: janitor.c and the console
  sim::Task<> janitor();
  sim::Task<> console();
  void maintain_servers(Pool& pool);
  void maintain_idle(Pool& pool, StatList<Server>& list, bool idle_test);
  void maintain_active(Pool& pool);
  void maintain_clients(Pool& pool);
  void check_pool_size(Pool& pool);
  void report_waiting(Pool& pool);
  void call_attention(Pool& pool);
  void per_loop_maint();
  void per_loop_activate(Pool& pool);
  void per_loop_pause(Pool& pool);
  PgbouncerPoolRow row_of(const Pool& pool) const;

  void emit(const sim::Kind& kind, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0);
  sim::Time now() const { return group_.now(); }

  AddressBook& book_;
  DnsServer* resolver_;
  PgbouncerConfig config_;
  PgbouncerTimings timings_;
  sim::TcpOptions tcp_;
  sim::EntityId entity_;
  sim::Stream stream_;
  PgbouncerStats stats_;
  sim::Duration console_interval_{};
  sim::Duration sample_interval_{};
  sim::Time last_sample_{};
  std::vector<PgbouncerPoolSample> samples_;

  // Memory of the process; emptied by start(). Objects are reused and never move.
  std::vector<std::unique_ptr<Client>> all_clients_;
  std::vector<std::unique_ptr<Server>> all_servers_;
  std::vector<Client*> free_clients_;
  std::vector<Server*> free_servers_;
  std::vector<std::unique_ptr<Pool>> pools_;  // by (database, user)
  std::vector<Pool*> attention_;
  std::vector<DnsEntry> dns_cache_;
  std::vector<bool> paused_;  // by database
  std::size_t client_count_ = 0;
  sim::Time busy_until_{};
  bool shutting_down_ = false;
  bool in_maint_ = false;
  sim::Signal pause_progress_;
  sim::Group group_;
  SqlListener listener_;
};

}  // namespace predrill::models
