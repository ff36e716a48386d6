// Pools: which server serves which client, when one is opened and when it goes (src/objects.c).
#include <algorithm>
#include <string>
#include <utility>

#include "models/pgbouncer.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

StatList<Pgbouncer::Server>& Pgbouncer::Pool::list(Server::State state) {
  switch (state) {
    case Server::State::login:
      return login;
    case Server::State::idle:
      return idle;
    case Server::State::active:
      return active;
    case Server::State::used:
      return used;
    case Server::State::tested:
      break;
  }
  return tested;
}

Pgbouncer::Pool* Pgbouncer::get_pool(std::uint8_t database, std::uint8_t user) {
  if (database >= config_.databases.size()) return nullptr;
  const PgbouncerDatabase& entry = config_.databases[database];
  if (entry.user != unset) user = static_cast<std::uint8_t>(entry.user);
  const auto at = std::find_if(pools_.begin(), pools_.end(), [database, user](const auto& pool) {
    return std::pair(pool->database, pool->user) >= std::pair(database, user);
  });
  if (at != pools_.end() && (*at)->database == database && (*at)->user == user) return at->get();
  auto pool = std::make_unique<Pool>();
  const auto value = [](std::int32_t own, std::int32_t general) {
    return own == unset ? general : own;
  };
  pool->config = &entry;
  pool->database = database;
  pool->user = user;
  pool->pool_size = value(entry.pool_size, config_.default_pool_size);
  pool->min_pool_size = value(entry.min_pool_size, config_.min_pool_size);
  pool->reserve = value(entry.reserve_pool, config_.reserve_pool_size);
  pool->mode =
      entry.pool_mode == unset ? config_.pool_mode : static_cast<PoolMode>(entry.pool_mode);
  pool->label = group_.simulation().trace().name(entry.name + "/" + std::to_string(user));
  pool->last_lifetime_disconnect = now();
  return pools_.insert(at, std::move(pool))->get();
}

// ---- linking
// -------------------------------------------------------------------------------------

void Pgbouncer::find_server(Client& client) {
  Pool& pool = *client.pool;
  if (!paused(pool)) {
    while (Server* server = pool.idle.first()) {
      if (!server->close_needed && server->ready) return link(client, *server);
      disconnect_server(*server, server->ready ? "obsolete connection" : "idle server got dirty");
    }
    if (!check_fast_fail(client)) return;
  }
  pause_client(client);
}

/// False: the client has been closed, since logins to the server fail and none is left.
bool Pgbouncer::check_fast_fail(Client& client) {
  Pool& pool = *client.pool;
  if (!pool.last_login_failed) return true;
  if (pool.connected() != 0) return true;
  if (!pool.fast_failing) emit(pgbouncer::fast_fail, pool.label);
  pool.fast_failing = true;
  disconnect_client(client, Reason::fast_fail);
  launch_new_connection(pool, true);
  return false;
}

void Pgbouncer::pause_client(Client& client) {
  Pool& pool = *client.pool;
  pool.active_clients.remove(client);
  client.state = Client::State::waiting;
  client.wait_start = now();
  pool.waiting_clients.append(client);
  call_attention(pool);
}

void Pgbouncer::link(Client& client, Server& server) {
  ++stats_.total_server_assignment_count;
  if (client.state == Client::State::waiting) {
    Pool& pool = *client.pool;
    pool.waiting_clients.remove(client);
    pool.active_clients.append(client);
    client.state = Client::State::active;
    const sim::Duration wait = now() - client.wait_start;
    ++stats_.waits;
    stats_.total_wait_time += wait;
    stats_.longest_wait = std::max(stats_.longest_wait, wait);
    client.resumed.notify_all();
  }
  client.link = &server;
  server.link = &client;
  change_server_state(server, Server::State::active);
  forward(client);
}

/// A waiting client, when there is an idle server. Its socket was not read while it waited and is
/// read first now: who has gone meanwhile costs no server (sbuf_continue, "client unexpected eof").
void Pgbouncer::activate_client(Client& client) {
  Pool& pool = *client.pool;
  if (client.socket.readable()) {  // nobody sends while a request is under way: it has ended
    call_attention(pool);
    return disconnect_client(client, Reason::quiet);
  }
  if (client.wait_for_welcome) {
    pool.waiting_clients.remove(client);
    pool.active_clients.append(client);
    client.state = Client::State::active;
    welcome_client(client);
    client.resumed.notify_all();
    return;
  }
  while (Server* server = pool.idle.first()) {
    if (!server->close_needed && server->ready) return link(client, *server);
    disconnect_server(*server, server->ready ? "obsolete connection" : "idle server got dirty");
  }
}

// ---- opening
// -------------------------------------------------------------------------------------

void Pgbouncer::launch_new_connection(Pool& pool, bool evict_if_needed) {
  if (!pool.login.empty() || paused(pool)) return;
  if (pool.last_connect_failed && now() - pool.last_connect_time < config_.server_login_retry) {
    return;
  }
  constexpr int zero_is_unlimited = 24;
  const bool unlimited = pool.pool_size == 0 && config_.version_minor >= zero_is_unlimited;
  if (!unlimited && pool.server_count() >= pool.pool_size && pool.welcome_msg_ready) {
    if (config_.reserve_pool_timeout <= 0s || pool.reserve <= 0) return;
    const Client* first = pool.waiting_clients.first();
    if (first == nullptr || now() - first->request_time < config_.reserve_pool_timeout) return;
    if (pool.server_count() >= pool.pool_size + pool.reserve) return;
    emit(pgbouncer::reserve_used, pool.label);
  }
  const std::int32_t own = pool.config->max_db_connections;
  const std::int32_t database_limit = own == unset ? config_.max_db_connections : own;
  while (database_limit > 0 && database_connections(pool.database) >= database_limit) {
    if (!evict_if_needed || !evict_connection(pool, true)) return;
  }
  const std::int32_t user_limit = config_.max_user_connections;
  while (user_limit > 0 && user_connections(pool.user) >= user_limit) {
    if (!evict_if_needed || !evict_connection(pool, false)) return;
  }
  if (free_servers_.empty()) {
    all_servers_.push_back(std::make_unique<Server>());
    free_servers_.push_back(all_servers_.back().get());
  }
  Server& server = *free_servers_.back();
  free_servers_.pop_back();
  server.pool = &pool;
  server.state = Server::State::login;
  server.connect_time = server.request_time = pool.last_connect_time = now();
  pool.login.append(server);
  ++stats_.server_login_attempts;
  server.process = group_.spawn(server_process(server));
}

std::int32_t Pgbouncer::database_connections(std::uint8_t database) const {
  std::int32_t count = 0;
  for (const auto& pool : pools_) count += pool->database == database ? pool->server_count() : 0;
  return count;
}

std::int32_t Pgbouncer::user_connections(std::uint8_t user) const {
  std::int32_t count = 0;
  for (const auto& pool : pools_) count += pool->user == user ? pool->server_count() : 0;
  return count;
}

/// Closes the longest idle connection of another pool of the same database or user.
bool Pgbouncer::evict_connection(Pool& pool, bool same_database) {
  Server* oldest = nullptr;
  for (const auto& other : pools_) {
    const bool related =
        same_database ? other->database == pool.database : other->user == pool.user;
    if (other.get() == &pool || !related) continue;
    for (Server* last : {other->idle.last(), other->used.last(), other->tested.last()}) {
      if (last == nullptr) continue;
      if (oldest == nullptr || last->request_time < oldest->request_time) oldest = last;
    }
  }
  if (oldest == nullptr) return false;
  disconnect_server(*oldest, "evicted");
  return true;
}

// ---- giving back
// ---------------------------------------------------------------------------------

void Pgbouncer::change_server_state(Server& server, Server::State state) {
  Pool& pool = *server.pool;
  pool.list(server.state).remove(server);
  server.state = state;
  StatList<Server>& list = pool.list(state);
  if (state == Server::State::idle && !config_.server_round_robin && !server.close_needed) {
    list.prepend(server);
  } else {
    list.append(server);
  }
}

void Pgbouncer::release_server(Server& server) {
  Pool& pool = *server.pool;
  Server::State next = Server::State::idle;
  switch (server.state) {
    case Server::State::active: {
      if (server.link != nullptr) {
        server.link->link = nullptr;
        server.link = nullptr;
      }
      const bool reset = config_.server_reset_query &&
                         (config_.server_reset_query_always || pool.mode == PoolMode::session);
      const bool check = config_.server_check_delay == 0s && config_.server_check_query;
      if (reset || check) next = Server::State::tested;
      break;
    }
    case Server::State::login:
      pool.last_login_failed = false;
      pool.last_connect_failed = false;
      break;
    case Server::State::idle:
    case Server::State::used:
    case Server::State::tested:
      break;
  }
  if (server.state != Server::State::login && life_over(server)) {
    pool.last_lifetime_disconnect = now();
    return disconnect_server(server, "server_lifetime");
  }
  if (server.close_needed) return disconnect_server(server, "close_needed");
  change_server_state(server, next);
  if (next == Server::State::tested) {
    server.ready = false;
    SqlRequest query;
    query.op = SqlOp::read;
    server.socket.send(query);
    return;
  }
  if (paused(pool)) return call_attention(pool);
  Client* first = pool.waiting_clients.first();
  if (first != nullptr) activate_client(*first);
}

/// A waiting client and no idle server, but one that has not been checked for a while.
void Pgbouncer::launch_recheck(Pool& pool) {
  while (Server* server = pool.used.first()) {
    if (!server->ready) {
      disconnect_server(*server, "idle server got dirty");
      continue;
    }
    const sim::Duration age = now() - server->request_time;
    const bool fresh = config_.server_check_delay > 0s && age < config_.server_check_delay;
    if (!config_.server_check_query || fresh) return release_server(*server);
    change_server_state(*server, Server::State::tested);
    server->ready = false;
    SqlRequest query;
    query.op = SqlOp::read;
    server->socket.send(query);
    return;
  }
}

/// Older than server_lifetime, and the last one closed for that is long enough ago.
bool Pgbouncer::life_over(const Server& server) const {
  const Pool& pool = *server.pool;
  if (now() - server.connect_time < config_.server_lifetime) return false;
  const sim::Duration gap =
      pool.pool_size > 0 ? config_.server_lifetime / pool.pool_size : sim::Duration{};
  return now() - pool.last_lifetime_disconnect >= gap;
}

// ---- closing
// -------------------------------------------------------------------------------------

void Pgbouncer::disconnect_server(Server& server, std::string_view reason) {
  Pool& pool = *server.pool;
  Client* client = std::exchange(server.link, nullptr);
  if (server.state == Server::State::login) {
    pool.last_connect_failed = true;
    pool.last_login_failed = true;
    if (!pool.config->load_balance_hosts) ++pool.host_turn;
    emit(pgbouncer::login_failing, pool.label, group_.simulation().trace().name(reason),
         config_.server_login_retry.count());
  }
  pool.list(server.state).remove(server);
  group_.kill(server.process);
  server.socket.close();
  ++server.life;
  server.pool = nullptr;
  server.name = DnsName::none;
  server.address = Address::none;
  server.ready = server.in_transaction = server.close_needed = false;
  free_servers_.push_back(&server);
  if (client != nullptr) {
    client->link = nullptr;
    const bool crash = reason.starts_with("server conn crashed");
    const bool late = reason.ends_with("timeout");
    if (crash) emit(pgbouncer::server_lost, pool.label, 1);
    disconnect_client(*client, crash  ? Reason::server_crashed
                               : late ? Reason::query_timeout
                                      : Reason::other);
  }
  call_attention(pool);
}

void Pgbouncer::count_close(Reason reason) {
  switch (reason) {
    case Reason::quiet:
      return;
    case Reason::server_crashed:
      ++stats_.server_crashes;
      return;
    case Reason::fast_fail:
      ++stats_.fast_fails;
      return;
    case Reason::login_refused:
      ++stats_.login_refusals;
      return;
    case Reason::query_wait_timeout:
      ++stats_.wait_timeouts;
      return;
    case Reason::query_timeout:
      ++stats_.query_timeouts;
      return;
    case Reason::limit:
      ++stats_.limit_refusals;
      return;
    case Reason::other:
      ++stats_.other_closes;
      return;
  }
}

void Pgbouncer::disconnect_client(Client& client, Reason reason, SqlState state) {
  if (Server* server = std::exchange(client.link, nullptr); server != nullptr) {
    server->link = nullptr;
    if (server->ready) {
      release_server(*server);
    } else {
      disconnect_server(*server, "client disconnect while server was not ready");
    }
  }
  if (reason != Reason::quiet) {
    SqlAnswer last;
    last.state = state;
    last.tag = client.request.tag;
    client.socket.send(last);
    count_close(reason);
  }
  if (client.state == Client::State::waiting) client.pool->waiting_clients.remove(client);
  if (client.state == Client::State::active) client.pool->active_clients.remove(client);
  group_.kill(client.process);
  client.socket.close();
  client.state = Client::State::free;
  client.wait_for_welcome = client.in_query = false;
  client.pool = nullptr;
  ++client.life;
  free_clients_.push_back(&client);
  --client_count_;
  if (shutting_down_ && client_count_ == 0) group_.kill();
}

}  // namespace predrill::models
