// What PgBouncer does by the clock (src/janitor.c), at each turn of its loop, and on the console
// (src/admin.c).
#include <algorithm>
#include <utility>

#include "models/pgbouncer.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration full_maint_period = sim::Duration(1s) / 3;
/// A queue whose head is younger is everyday life, not worth a line on a timeline.
constexpr sim::Duration waiting_worth_saying = 1s;

}  // namespace

// ---- at each turn of the loop
// --------------------------------------------------------------------

void Pgbouncer::call_attention(Pool& pool) {
  if (pool.attention) return;
  pool.attention = true;
  attention_.push_back(&pool);
}

void Pgbouncer::per_loop_maint() {
  if (attention_.empty() || in_maint_) return;
  in_maint_ = true;
  for (std::size_t i = 0; i < attention_.size(); ++i) {
    Pool& pool = *attention_[i];
    pool.attention = false;
    if (paused(pool)) {
      per_loop_pause(pool);
    } else {
      per_loop_activate(pool);
    }
    SIM_ASSERT(i < 1'000'000, "one turn of the loop ends");
  }
  attention_.clear();
  in_maint_ = false;
}

void Pgbouncer::per_loop_activate(Pool& pool) {
  std::size_t tested = pool.tested.count();
  std::size_t used = pool.used.count();
  for (Client* client = pool.waiting_clients.first(); client != nullptr;) {
    Client* next = client->next;
    if (!pool.idle.empty()) {
      if (client->wait_for_welcome && !pool.welcome_msg_ready) {
        launch_new_connection(pool, true);
      } else {
        activate_client(*client);
      }
    } else if (tested > 0) {
      --tested;
    } else if (used > 0) {
      launch_recheck(pool);
      --used;
    } else {
      launch_new_connection(pool, true);
      return;
    }
    client = next;
  }
}

void Pgbouncer::per_loop_pause(Pool& pool) {
  for (StatList<Server>* list : {&pool.idle, &pool.used, &pool.login}) {
    while (Server* server = list->first()) disconnect_server(*server, "pause mode");
  }
  if (pool.active.empty() && pool.tested.empty()) pause_progress_.notify_all();
}

// ---- every third of a second
// ---------------------------------------------------------------------

sim::Task<> Pgbouncer::janitor() {
  const sim::Duration phase = stream_.uniform(0s, full_maint_period);
  co_await sim::sleep_for(phase);
  for (;;) {
    for (std::size_t i = 0; i < pools_.size(); ++i) {
      maintain_servers(*pools_[i]);
      maintain_clients(*pools_[i]);
      check_pool_size(*pools_[i]);
      report_waiting(*pools_[i]);
      call_attention(*pools_[i]);
    }
    per_loop_maint();
    if (sample_interval_ > 0s && now() - last_sample_ >= sample_interval_) {
      last_sample_ = now();
      for (const auto& pool : pools_) samples_.push_back({now(), row_of(*pool)});
    }
    co_await sim::sleep_for(full_maint_period);
  }
}

// Each question is a turn of the loop for all pools, so a login that has failed is tried again with
// the first one after server_login_retry: lab, six times in a row within 1 ms of a question.
sim::Task<> Pgbouncer::console() {
  const sim::Duration phase = stream_.uniform(0s, console_interval_);
  co_await sim::sleep_for(phase);
  for (;;) {
    for (const auto& pool : pools_) call_attention(*pool);
    per_loop_maint();
    const sim::Duration late = timings_.console_late.sample_duration(stream_);
    co_await sim::sleep_for(console_interval_ + late);
  }
}

// pool_server_maint
void Pgbouncer::maintain_servers(Pool& pool) {
  maintain_idle(pool, pool.used, false);
  maintain_idle(pool, pool.tested, false);
  maintain_idle(pool, pool.idle, true);
  maintain_active(pool);
  if (config_.server_connect_timeout > 0s) {
    Server* server = pool.login.first();
    if (server != nullptr && now() - server->connect_time > config_.server_connect_timeout) {
      disconnect_server(*server, "connect timeout");
    }
  }
}

// check_unused_servers
void Pgbouncer::maintain_idle(Pool& pool, StatList<Server>& list, bool idle_test) {
  for (Server* server = list.first(); server != nullptr;) {
    Server* next = server->next;
    const sim::Duration idle = now() - server->request_time;
    const bool above_minimum = pool.min_pool_size == 0 || pool.connected() > pool.min_pool_size;
    if (server->close_needed) {
      disconnect_server(*server, "database configuration changed");
    } else if (server->state != Server::State::tested && !server->ready) {
      disconnect_server(*server, "idle server got dirty");
    } else if (config_.server_idle_timeout > 0s && idle > config_.server_idle_timeout &&
               above_minimum) {
      disconnect_server(*server, "server idle timeout");
    } else if (life_over(*server)) {
      pool.last_lifetime_disconnect = now();
      disconnect_server(*server, "server lifetime over");
    } else if (idle_test && config_.server_check_query && idle > config_.server_check_delay) {
      change_server_state(*server, Server::State::used);
    }
    server = next;
  }
}

void Pgbouncer::maintain_active(Pool& pool) {
  const bool timeouts = config_.query_timeout > 0s || config_.idle_transaction_timeout > 0s;
  if (!timeouts && !config_.server_fast_close) return;
  for (Server* server = pool.active.first(); server != nullptr;) {
    Server* next = server->next;
    const Client& client = *server->link;
    if (config_.server_fast_close && server->close_needed && pool.mode == PoolMode::session) {
      disconnect_server(*server, "database configuration changed");
    } else if (!server->ready) {
      const bool idle_in_transaction = server->in_transaction && !client.in_query;
      if (config_.query_timeout > 0s && client.in_query &&
          now() - client.request_time > config_.query_timeout) {
        disconnect_server(*server, "query timeout");
      } else if (config_.idle_transaction_timeout > 0s && idle_in_transaction &&
                 now() - server->request_time > config_.idle_transaction_timeout) {
        disconnect_server(*server, "idle transaction timeout");
      }
    }
    server = next;
  }
}

// pool_client_maint
void Pgbouncer::maintain_clients(Pool& pool) {
  if (config_.client_idle_timeout > 0s) {
    for (Client* client = pool.active_clients.first(); client != nullptr;) {
      Client* next = client->next;
      const bool idle = client->link == nullptr;
      if (idle && now() - client->request_time > config_.client_idle_timeout) {
        disconnect_client(*client, Reason::other);
      }
      client = next;
    }
  }
  for (Client* client = pool.waiting_clients.first(); client != nullptr;) {
    Client* next = client->next;
    const sim::Duration age = now() - client->request_time;
    if (client->wait_for_welcome) {
      if (config_.client_login_timeout > 0s &&
          now() - client->connect_time > config_.client_login_timeout) {
        disconnect_client(*client, Reason::other);  // client_login_timeout (server down)
      }
    } else if (config_.query_timeout > 0s && age > config_.query_timeout) {
      disconnect_client(*client, Reason::query_timeout);
    } else if (config_.query_wait_timeout > 0s && age > config_.query_wait_timeout) {
      if (!pool.waiting_said || stats_.wait_timeouts == 0) {
        emit(pgbouncer::query_wait_timeout, pool.label,
             static_cast<std::int64_t>(pool.waiting_clients.count()) - 1);
      }
      disconnect_client(*client, Reason::query_wait_timeout, SqlState::query_wait_timeout);
    }
    client = next;
  }
}

void Pgbouncer::check_pool_size(Pool& pool) {
  std::int32_t many = pool.connected() - (pool.pool_size + pool.reserve);
  while (pool.pool_size > 0 && many-- > 0) {
    Server* server = pool.used.first() != nullptr ? pool.used.first() : pool.idle.first();
    if (server == nullptr) break;
    disconnect_server(*server, "too many servers in the pool");
  }
  constexpr int forced_user_counts = 21;
  const bool forced = pool.config->user != unset && config_.version_minor >= forced_user_counts;
  if (pool.connected() < pool.min_pool_size && pool.connected() < pool.pool_size && !paused(pool) &&
      (pool.client_count() > 0 || forced)) {
    launch_new_connection(pool, false);
  }
}

void Pgbouncer::report_waiting(Pool& pool) {
  const Client* first = pool.waiting_clients.first();
  const sim::Duration age = first == nullptr ? sim::Duration{} : now() - first->wait_start;
  if (!pool.waiting_said && age >= waiting_worth_saying) {
    pool.waiting_said = true;
    emit(pgbouncer::clients_wait, pool.label,
         static_cast<std::int64_t>(pool.waiting_clients.count()), age.count());
  } else if (pool.waiting_said && first == nullptr) {
    pool.waiting_said = false;
    emit(pgbouncer::clients_served, pool.label);
  }
}

// ---- console
// -------------------------------------------------------------------------------------

sim::Task<> Pgbouncer::pause(std::int32_t database) {
  for (const auto& pool : pools_) {
    if (database == unset || pool->database == database) call_attention(*pool);
  }
  for (std::size_t i = 0; i < paused_.size(); ++i) {
    if (database == unset || static_cast<std::int32_t>(i) == database) paused_[i] = true;
  }
  per_loop_maint();
  for (;;) {
    bool busy = false;
    for (const auto& pool : pools_) {
      if (database != unset && pool->database != database) continue;
      busy = busy || !pool->active.empty() || !pool->tested.empty();
    }
    if (!busy) co_return;
    co_await pause_progress_.wait();
  }
}

void Pgbouncer::resume(std::int32_t database) {
  for (std::size_t i = 0; i < paused_.size(); ++i) {
    if (database == unset || static_cast<std::int32_t>(i) == database) paused_[i] = false;
  }
  for (const auto& pool : pools_) call_attention(*pool);
  per_loop_maint();
}

// tag_pool_dirty: also forgets what a new client would be told, so the limit is not enforced until
// one login succeeds.
void Pgbouncer::reconnect(std::int32_t database) {
  for (const auto& pool : pools_) {
    if (database != unset && pool->database != database) continue;
    pool->welcome_msg_ready = false;
    for (StatList<Server>* list : {&pool->active, &pool->idle, &pool->used, &pool->tested}) {
      for (Server* s = list->first(); s != nullptr; s = s->next) s->close_needed = true;
    }
    while (Server* server = pool->login.first()) disconnect_server(*server, "RECONNECT");
  }
  per_loop_maint();
}

void Pgbouncer::kill_database(std::int32_t database) {
  paused_[static_cast<std::size_t>(database)] = true;
  for (const auto& pool : pools_) {
    if (pool->database != database) continue;
    for (StatList<Client>* list : {&pool->active_clients, &pool->waiting_clients}) {
      while (Client* client = list->first()) disconnect_client(*client, Reason::other);
    }
    for (StatList<Server>* list :
         {&pool->active, &pool->tested, &pool->used, &pool->idle, &pool->login}) {
      while (Server* server = list->first()) disconnect_server(*server, "database removed");
    }
  }
  per_loop_maint();
}

PgbouncerPoolRow Pgbouncer::row_of(const Pool& pool) const {
  const auto n = [](std::size_t count) { return static_cast<std::uint32_t>(count); };
  PgbouncerPoolRow row;
  row.database = pool.database;
  row.user = pool.user;
  row.cl_active = n(pool.active_clients.count());
  row.cl_waiting = n(pool.waiting_clients.count());
  row.sv_active = n(pool.active.count());
  row.sv_idle = n(pool.idle.count());
  row.sv_used = n(pool.used.count());
  row.sv_tested = n(pool.tested.count());
  row.sv_login = n(pool.login.count());
  const Client* first = pool.waiting_clients.first();
  if (first != nullptr && !first->wait_for_welcome) row.maxwait = now() - first->request_time;
  return row;
}

std::vector<PgbouncerPoolRow> Pgbouncer::show_pools() const {
  std::vector<PgbouncerPoolRow> rows;
  for (const auto& pool : pools_) rows.push_back(row_of(*pool));
  return rows;
}

PgbouncerPoolRow Pgbouncer::show_pool(std::uint8_t database, std::uint8_t user) const {
  for (const auto& pool : pools_) {
    if (pool->database == database && pool->user == user) return row_of(*pool);
  }
  return {};
}

std::vector<PgbouncerServerRow> Pgbouncer::show_servers() const {
  std::vector<PgbouncerServerRow> rows;
  for (const auto& pool : pools_) {
    for (const StatList<Server>* list :
         {&pool->active, &pool->idle, &pool->used, &pool->tested, &pool->login}) {
      for (const Server* s = list->first(); s != nullptr; s = s->next) {
        rows.push_back({s->state, s->address, s->close_needed});
      }
    }
  }
  return rows;
}

}  // namespace predrill::models
