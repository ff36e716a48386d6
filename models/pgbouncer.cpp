#include "models/pgbouncer.hpp"

#include <algorithm>
#include <utility>

#include "sim/network.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

/// c-ares 1.18 (Debian 12): 5 s, four tries. (It doubles the time at each try; the connect time-out
/// ends the attempt before that matters.)
constexpr sim::Duration ares_timeout = 5s;
constexpr int ares_tries = 4;

/// FATAL: no ReadyForQuery follows, the connection ends.
bool fatal(SqlState state) {
  return state == SqlState::admin_shutdown || state == SqlState::crash_shutdown ||
         state == SqlState::cannot_connect_now;
}

sim::TcpOptions tcp_options(const PgbouncerConfig& config) {
  sim::TcpOptions tcp;
  tcp.keepalive = config.tcp_keepalive;
  if (config.tcp_keepidle > 0s) tcp.keepalive_idle = config.tcp_keepidle;
  if (config.tcp_keepintvl > 0s) tcp.keepalive_interval = config.tcp_keepintvl;
  if (config.tcp_keepcnt > 0) tcp.keepalive_count = config.tcp_keepcnt;
  tcp.user_timeout = config.tcp_user_timeout;
  return tcp;
}

}  // namespace

Pgbouncer::Pgbouncer(sim::Host& host, AddressBook& book, PgbouncerConfig config,
                     DnsServer* resolver, PgbouncerTimings timings)
    : book_(book),
      resolver_(resolver),
      config_(std::move(config)),
      timings_(std::move(timings)),
      tcp_(tcp_options(config_)),
      entity_(host.simulation().trace().entity(config_.name)),
      stream_(host.simulation().stream(config_.name, "pgbouncer")),
      group_(host, "pgbouncer"),
      listener_(group_, "6432", static_cast<std::size_t>(std::max(1, config_.listen_backlog))) {
  validate(config_);
  listener_.options = tcp_;
  host.on_boot([this] { start(); });
}

Pgbouncer::~Pgbouncer() = default;

void Pgbouncer::start() {
  if (group_.running() || !group_.host().up()) return;
  free_clients_.clear();
  free_servers_.clear();
  all_clients_.clear();
  all_servers_.clear();
  pools_.clear();
  attention_.clear();
  dns_cache_.clear();
  paused_.assign(config_.databases.size(), false);
  client_count_ = 0;
  busy_until_ = now();
  shutting_down_ = false;
  listener_.open();
  group_.spawn(accept_clients());
  group_.spawn(janitor());
  if (console_interval_ > 0s) group_.spawn(console());
  emit(pgbouncer::started);
}

void Pgbouncer::kill() {
  group_.kill();
}

void Pgbouncer::terminate() {
  constexpr int waits_for_clients = 23;
  if (config_.version_minor < waits_for_clients || client_count_ == 0) return group_.kill();
  shutting_down_ = true;
  listener_.close();
}

void Pgbouncer::emit(const sim::Kind& kind, std::int64_t a, std::int64_t b, std::int64_t c) {
  group_.simulation().trace().emit(now(), entity_, kind, a, b, c);
}

// ---- the one thread
// ------------------------------------------------------------------------------

/// When the thread begins this work; it is busy from then on for that long.
sim::Time Pgbouncer::occupy(sim::Duration work) {
  const sim::Time begin = std::max(busy_until_, now());
  busy_until_ = begin + work;
  return begin;
}

sim::Duration Pgbouncer::login_time() {
  // decide_startup_pool refuses before any password is looked at.
  const sim::Distribution& time =
      too_many_clients() ? timings_.login_trust : timings_.login(config_);
  return time.sample_duration(stream_);
}

// ---- clients
// -------------------------------------------------------------------------------------

sim::Task<> Pgbouncer::accept_clients() {
  for (;;) {
    SqlServerSocket socket = co_await listener_.accept();
    if (free_clients_.empty()) {
      all_clients_.push_back(std::make_unique<Client>());
      free_clients_.push_back(all_clients_.back().get());
    }
    Client& client = *free_clients_.back();
    free_clients_.pop_back();
    client.socket = std::move(socket);
    client.state = Client::State::login;
    client.connect_time = client.request_time = now();
    ++client_count_;
    client.process = group_.spawn(client_process(client));
  }
}

sim::Task<> Pgbouncer::client_process(Client& client) {
  const std::uint32_t life = client.life;
  const sim::Duration limit =
      config_.client_login_timeout > 0s ? config_.client_login_timeout : sim::forever;
  const auto startup = co_await client.socket.receive_for(limit);
  if (!startup) {
    const bool late = startup.error() == sim::NetError::timeout;
    disconnect_client(client, late ? Reason::other : Reason::quiet);
    co_return;
  }
  const sim::Duration work = login_time();
  co_await sim::sleep_until(occupy(work) + work);
  finish_client_login(client, *startup);
  per_loop_maint();
  while (client.life == life) {
    if (client.state == Client::State::waiting) {
      co_await client.resumed.wait();
      continue;
    }
    const auto request = co_await client.socket.receive();
    if (!request) {
      disconnect_client(client, Reason::quiet);
      per_loop_maint();
      co_return;
    }
    const sim::Time turn = occupy(timings_.packet);
    if (turn > now()) co_await sim::sleep_until(turn);
    handle_client_work(client, *request);
    per_loop_maint();
  }
}

// client.c: decide_startup_pool, finish_client_login.
void Pgbouncer::finish_client_login(Client& client, const SqlRequest& startup) {
  client.request = startup;
  client.request_time = now();
  if (too_many_clients()) {
    if (stats_.limit_refusals == 0) emit(pgbouncer::client_limit);
    return disconnect_client(client, Reason::limit);
  }
  Pool* pool = get_pool(startup.database, startup.user);
  if (pool == nullptr) return disconnect_client(client, Reason::other);
  client.pool = pool;
  if (pool->welcome_msg_ready) {
    client.state = Client::State::active;
    pool->active_clients.append(client);
    return welcome_client(client);
  }
  client.wait_for_welcome = true;
  client.state = Client::State::waiting;
  client.wait_start = now();
  pool->waiting_clients.append(client);
  launch_new_connection(*pool, true);
}

void Pgbouncer::welcome_client(Client& client) {
  client.wait_for_welcome = false;
  ++stats_.client_logins;
  SqlAnswer answer = client.pool->welcome;
  answer.server = nobody;
  answer.tag = client.request.tag;
  client.socket.send(answer);
}

// client.c: handle_client_work.
void Pgbouncer::handle_client_work(Client& client, const SqlRequest& request) {
  client.request = request;
  client.request_time = now();
  client.in_query = true;
  ++stats_.total_query_count;
  if (client.link == nullptr) {
    find_server(client);
  } else {
    forward(client);
  }
}

void Pgbouncer::forward(Client& client) {
  Server& server = *client.link;
  if (client.pool->mode == PoolMode::statement && client.request.op == SqlOp::begin) {
    disconnect_server(server, "transaction blocks not allowed in statement pooling mode");
    return;
  }
  server.ready = false;
  server.socket.send(client.request);
}

// ---- servers
// -------------------------------------------------------------------------------------

sim::Task<> Pgbouncer::server_process(Server& server) {
  const std::uint32_t life = server.life;
  server.address = co_await resolve(server);
  if (server.address == Address::none) {
    disconnect_server(server, "server DNS lookup failed");
    per_loop_maint();
    co_return;
  }
  const sim::Duration limit =
      config_.server_connect_timeout > 0s ? config_.server_connect_timeout : sim::forever;
  sim::Result<SqlSocket> socket = co_await connect_sql(group_, book_, server.address, limit, tcp_);
  if (!socket) {
    disconnect_server(server, "connect failed");
    per_loop_maint();
    co_return;
  }
  server.socket = std::move(*socket);
  SqlRequest startup;
  startup.op = SqlOp::startup;
  startup.user = server.pool->user;
  startup.database = server.pool->database;
  server.socket.send(startup);
  const auto hello = co_await server.socket.receive();
  if (!hello) {
    disconnect_server(server, "server conn crashed?");
    per_loop_maint();
    co_return;
  }
  if (hello->state == SqlState::ok) {
    const AddressBook::Route route = book_.route(server.address, group_.host());
    sim::Duration more{};
    for (int i = 0; route.listener != nullptr && i < timings_.server_login_round_trips; ++i) {
      sim::Network& network = group_.simulation().network();
      more += network.delay(route.listener->host(), group_.host());
      more += network.delay(group_.host(), route.listener->host());
    }
    co_await sim::sleep_for(more);
  }
  finish_server_login(server, *hello);
  per_loop_maint();
  while (server.life == life) {
    const auto answer = co_await server.socket.receive();
    if (!answer) {
      disconnect_server(server, "server conn crashed?");
      per_loop_maint();
      co_return;
    }
    const sim::Time turn = occupy(timings_.packet);
    if (turn > now()) co_await sim::sleep_until(turn);
    handle_server_work(server, *answer);
    per_loop_maint();
  }
}

// server.c: handle_server_startup.
void Pgbouncer::finish_server_login(Server& server, const SqlAnswer& answer) {
  Pool& pool = *server.pool;
  if (answer.state != SqlState::ok) {
    kill_pool_logins(pool, answer);
    return disconnect_server(server, "login failed");
  }
  ++stats_.server_logins;
  pool.welcome = answer;
  pool.welcome_msg_ready = true;
  if (pool.last_login_failed) emit(pgbouncer::login_works, pool.label);
  pool.fast_failing = false;
  emit(pgbouncer::server_connected, pool.label, static_cast<std::int64_t>(server.address));
  server.ready = true;
  server.request_time = now();
  call_attention(pool);
  release_server(server);
}

// What a refused login does to those who wait (server.c: kill_pool_logins at 1.18, 1.20.1, 1.21,
// 1.22; NEWS 1.21 and 1.22).
void Pgbouncer::kill_pool_logins(Pool& pool, const SqlAnswer& answer) {
  const int version = config_.version_minor;
  if (version >= 21 && answer.state == SqlState::cannot_connect_now) return;
  const bool everybody = version >= 22 && pool.connected() == 0;
  for (Client* client = pool.waiting_clients.first(); client != nullptr;) {
    Client* next = client->next;
    if (everybody || client->wait_for_welcome) {
      disconnect_client(*client, Reason::login_refused, answer.state);
    }
    client = next;
  }
}

// server.c: handle_server_work.
void Pgbouncer::handle_server_work(Server& server, const SqlAnswer& answer) {
  server.request_time = now();
  if (server.state == Server::State::tested && !fatal(answer.state)) {
    server.ready = true;
    return release_server(server);
  }
  if (server.link == nullptr) {  // said something without being asked: dirty
    server.ready = false;
    return;
  }
  Client& client = *server.link;
  client.socket.send(answer);
  if (fatal(answer.state)) {
    server.ready = false;
    return;
  }
  if (!client.in_query) return;
  client.in_query = false;
  switch (client.request.op) {
    case SqlOp::begin:
      server.in_transaction = answer.state == SqlState::ok;
      break;
    case SqlOp::commit:
    case SqlOp::rollback:
      server.in_transaction = false;
      break;
    case SqlOp::startup:
    case SqlOp::read:
    case SqlOp::write:
    case SqlOp::statement:
    case SqlOp::show_state:
      break;
  }
  server.ready = !server.in_transaction;
  if (!server.ready) return;
  ++stats_.total_xact_count;
  if (server.pool->mode != PoolMode::session) release_server(server);
}

// ---- names
// ---------------------------------------------------------------------------------------

Pgbouncer::DnsEntry& Pgbouncer::dns_entry(DnsName name) {
  for (DnsEntry& entry : dns_cache_) {
    if (entry.name == name) return entry;
  }
  dns_cache_.push_back({name, {}});
  return dns_cache_.back();
}

Address Pgbouncer::next_address(DnsEntry& entry) {
  if (!entry.ok) return Address::none;
  return entry.addresses.items[entry.turn++ % entry.addresses.count];
}

// objects.c: dns_connect. A lookup happens here and nowhere else.
sim::Task<Address> Pgbouncer::resolve(Server& server) {
  Pool& pool = *server.pool;
  const PgbouncerDatabase& database = *pool.config;
  if (database.host.empty()) co_return Address::none;
  const HostSpec host = database.host[pool.host_turn % database.host.size()];
  if (database.load_balance_hosts) ++pool.host_turn;
  if (host.name == DnsName::none) co_return host.address;
  if (database.host.size() == 1) server.name = host.name;  // a comma list is never tagged
  DnsEntry& known = dns_entry(host.name);
  if (known.expires > now()) co_return next_address(known);
  DnsAnswer answer;
  if (resolver_ != nullptr) {
    ++stats_.dns_lookups;
    answer = co_await resolver_->query(group_, host.name, ares_timeout, ares_tries);
  }
  DnsEntry& entry = dns_entry(host.name);
  got_dns_answer(entry, answer);
  co_return next_address(entry);
}

// dnslookup.c: got_result_gai, and admin of what has moved (tag_host_addr_dirty). The TTL is not
// looked at.
void Pgbouncer::got_dns_answer(DnsEntry& entry, const DnsAnswer& answer) {
  entry.ok = answer.status == DnsAnswer::Status::ok && !answer.addresses.empty();
  entry.expires = now() + (entry.ok ? config_.dns_max_ttl : config_.dns_nxdomain_ttl);
  if (!entry.ok) return;
  const AddressList old = std::exchange(entry.addresses, answer.addresses);
  std::int64_t tagged = 0;
  for (const auto& server : all_servers_) {
    if (server->pool == nullptr || server->name != entry.name) continue;
    const bool gone = old.contains(server->address) && !entry.addresses.contains(server->address);
    if (!gone || server->close_needed) continue;
    server->close_needed = true;
    ++tagged;
  }
  if (!old.empty() && !(old == entry.addresses)) {
    emit(pgbouncer::dns_changed, static_cast<std::int64_t>(entry.addresses.items[0]), tagged);
  }
}

}  // namespace predrill::models
