#include "models/etcd_dcs.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

/// Waits in turn on this many nodes at least one second each.
constexpr sim::Duration node_timeout_min = 1s;
constexpr sim::Duration delay_first = 100ms;
constexpr sim::Duration delay_max = 1s;
constexpr std::uint64_t jitter_steps = 81;  // 0 to 80 hundredths of a second
constexpr sim::Duration jitter_step = 10ms;
constexpr sim::Duration cache_pause = 1s;     // KVCache.run after an error
constexpr sim::Duration replica_nap = 500ms;  // Etcd3.watch: non-leaders wait longer

}  // namespace

EtcdDcs::EtcdDcs(Etcd& etcd, ScopeId scope, MemberId self, sim::Group& patroni,
                 const EtcdDcsConfig& config)
    : etcd_(etcd),
      scope_(scope),
      self_(self),
      patroni_(patroni),
      config_(config),
      jitter_(patroni.host().stream("patroni etcd retry")),
      order_(patroni.host().stream("patroni etcd hosts")) {
  if (config_.hosts.empty()) {
    for (std::size_t i = 0; i < etcd_.size(); ++i) config_.hosts.push_back(i);
  }
  idle_.resize(etcd_.size());
}

void EtcdDcs::start() {
  lease_ = 0;
  last_lease_refresh_ = {};
  leader_session_ = 0;
  last_status_.reset();
  last_failsafe_.reset();
  do_not_watch_ = false;
  reload_machines_ = false;
  drop_connections();
  machines_ = config_.hosts;
  for (std::size_t i = machines_.size(); i > 1; --i) {
    std::swap(machines_[i - 1], machines_[order_.below(i)]);
  }
  endpoint_ = config_.first_endpoint.value_or(machines_.front());
  cache_ = {};
  streaming_ = false;
  ready_.shut();
  event.shut();
  watcher_ = patroni_.spawn(keep_cache());
}

void EtcdDcs::set_timeouts(sim::Duration ttl, sim::Duration loop_wait,
                           sim::Duration retry_timeout) {
  if (ttl != config_.ttl) {  // a lease cannot change its length: the next refresh takes another
    lease_ = 0;
    do_not_watch_ = true;
  }
  config_.ttl = ttl;
  config_.loop_wait = loop_wait;
  config_.retry_timeout = retry_timeout;
}

// ---- what the HA loop asks for -------------------------------------------------------------

sim::Task<DcsAnswer> EtcdDcs::get_cluster(ClusterView& view) {
  const bool ready = co_await ready_.wait_for(config_.retry_timeout);
  if (!ready) co_return DcsAnswer::error;
  view = cache_;
  leader_session_ = cached_leader_lease_;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::attempt_to_acquire_leader() {
  Retry retry = new_retry();
  if (lease_ == 0) {
    const bool leased = co_await refresh_lease(false, &retry);
    if (!leased) co_return DcsAnswer::error;
  }
  EtcdRequest create = request(EtcdOp::create, EtcdKey::leader);
  create.lease = lease_;
  Answer answer = co_await call(create, &retry);
  if (answer.answered && answer.reply.error == EtcdError::lease_not_found) {
    lease_ = 0;
    sim::Simulation& sim = patroni_.simulation();
    sim.trace().emit(sim.now(), patroni_.host().entity(), lease_lost);
    const bool leased = co_await refresh_lease(false, &retry);
    if (!leased) co_return DcsAnswer::error;
    create.lease = lease_;
    answer = co_await call(create, &retry);
  }
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  if (!answer.reply.succeeded) co_return DcsAnswer::no;
  leader_session_ = lease_;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::update_leader(Lsn last_lsn, MemberSet failsafe) {
  Retry retry = new_retry();
  const bool leased = co_await refresh_lease(true, &retry);
  if (!leased) co_return DcsAnswer::error;
  if (leader_session_ != lease_) {
    EtcdRequest again =
        request(config_.reput_unconditionally ? EtcdOp::put : EtcdOp::reput, EtcdKey::leader);
    again.lease = lease_;
    const Answer answer = co_await call(again, &retry);
    if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
    if (!answer.reply.succeeded) co_return DcsAnswer::no;
    leader_session_ = lease_;
  }
  if (last_lsn != Lsn{}) co_await write_status(last_lsn);
  if (failsafe != 0 && last_failsafe_ != failsafe) {
    EtcdRequest put = request(EtcdOp::put, EtcdKey::failsafe);
    put.value.members = failsafe;
    const Answer answer = co_await execute(put, nullptr);
    if (answer.answered && answer.reply.succeeded) last_failsafe_ = failsafe;
  }
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::write_status(Lsn last_lsn) {
  if (last_status_ == last_lsn) co_return DcsAnswer::yes;
  EtcdRequest put = request(EtcdOp::put, EtcdKey::status);
  put.value.lsn = last_lsn;
  const Answer answer = co_await execute(put, nullptr);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  last_status_ = last_lsn;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::touch_member(const MemberData data) {
  Retry retry = new_retry();
  const bool leased = co_await refresh_lease(false, &retry);
  if (!leased) co_return DcsAnswer::error;
  const bool same = contains(cache_.present, self_) && cached_member_lease_[self_] == lease_ &&
                    cache_.members[self_] == data;
  if (same) co_return DcsAnswer::yes;
  EtcdRequest put = request(EtcdOp::put, EtcdKey::member);
  put.name.member = self_;
  put.lease = lease_;
  put.value.data = data;
  const Answer answer = co_await execute(put, nullptr);
  if (!answer.answered) co_return DcsAnswer::error;
  if (answer.reply.error == EtcdError::lease_not_found) {
    lease_ = 0;
    sim::Simulation& sim = patroni_.simulation();
    sim.trace().emit(sim.now(), patroni_.host().entity(), lease_lost);
  }
  co_return answer.reply.error == EtcdError::none ? DcsAnswer::yes : DcsAnswer::error;
}

sim::Task<DcsAnswer> EtcdDcs::delete_leader(Lsn last_lsn) {
  if (last_lsn != Lsn{}) co_await write_status(last_lsn);
  const Answer answer = co_await execute(request(EtcdOp::compare_delete, EtcdKey::leader), nullptr);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  co_return answer.reply.succeeded ? DcsAnswer::yes : DcsAnswer::no;
}

sim::Task<DcsAnswer> EtcdDcs::write_sync_state(SyncState& state) {
  Retry retry = new_retry();
  EtcdRequest put = request(EtcdOp::compare_put, EtcdKey::sync);
  put.revision = state.version;
  put.value.holder = state.leader;
  put.value.members = state.sync_standby;
  const Answer answer = co_await call(put, &retry);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  if (!answer.reply.succeeded) co_return DcsAnswer::no;
  state.version = answer.reply.revision;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::write_failover(const FailoverRequest wanted) {
  Retry retry = new_retry();
  EtcdRequest put = request(EtcdOp::put, EtcdKey::failover);
  if (!wanted.present) {
    put.op = EtcdOp::remove;
  } else if (wanted.version != 0) {
    put.op = EtcdOp::compare_put;
    put.revision = wanted.version;
  }
  put.value.holder = wanted.leader;
  put.value.candidate = wanted.candidate;
  const Answer answer = co_await call(put, &retry);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  co_return answer.reply.succeeded || !wanted.present ? DcsAnswer::yes : DcsAnswer::no;
}

sim::Task<DcsAnswer> EtcdDcs::write_history(Timeline timeline) {
  EtcdRequest put = request(EtcdOp::put, EtcdKey::history);
  put.value.timeline = timeline;
  const Answer answer = co_await execute(put, nullptr);
  const bool done = answer.answered && answer.reply.error == EtcdError::none;
  co_return done ? DcsAnswer::yes : DcsAnswer::error;
}

sim::Task<bool> EtcdDcs::watch(bool is_leader, sim::Duration timeout) {
  if (std::exchange(do_not_watch_, false)) co_return true;
  const bool woken = co_await event.wait_for(is_leader ? timeout : timeout + replica_nap);
  event.shut();
  co_return woken;
}

// _do_refresh_lease: false if etcd cannot be asked or refuses a new lease.
sim::Task<bool> EtcdDcs::refresh_lease(bool force, Retry* retry) {
  if (!force && lease_ != 0 && last_lease_refresh_ + config_.loop_wait > wall()) co_return true;
  if (lease_ != 0) {
    EtcdRequest keepalive = request(EtcdOp::lease_keepalive, EtcdKey::leader);
    keepalive.lease = lease_;
    const Answer answer = co_await call(keepalive, retry);
    if (!answer.answered) co_return false;
    if (answer.reply.error == EtcdError::lease_not_found) {
      lease_ = 0;
      sim::Simulation& sim = patroni_.simulation();
      sim.trace().emit(sim.now(), patroni_.host().entity(), lease_lost);
    } else if (answer.reply.error != EtcdError::none) {
      co_return false;
    }
  }
  if (lease_ == 0) {
    EtcdRequest grant = request(EtcdOp::lease_grant, EtcdKey::leader);
    grant.ttl_s = static_cast<std::int32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(config_.ttl).count());
    const Answer answer = co_await call(grant, retry);
    if (!answer.answered || answer.reply.error != EtcdError::none) co_return false;
    lease_ = answer.reply.lease;
  }
  last_lease_refresh_ = wall();
  co_return true;
}

// ---- the watch cache -----------------------------------------------------------------------

// KVCache.run: read everything, then follow the changes until the stream breaks.
sim::Task<> EtcdDcs::keep_cache() {
  for (;;) {
    ready_.shut();
    streaming_ = false;
    Retry retry = new_retry();
    const Answer all = co_await call(request(EtcdOp::range, EtcdKey::leader), &retry);
    if (!all.answered || all.reply.error != EtcdError::none) {
      co_await sim::sleep_for(cache_pause);
      continue;
    }
    fill_cache();
    ready_.open();
    const Limits limit = limits(machines_.size(), config_.retry_timeout);
    streaming_ = true;
    auto stream =
        co_await sim::connect(patroni_, etcd_.port(endpoint_), limit.connect, socket_options());
    if (!stream) continue;
    EtcdRequest follow = request(EtcdOp::watch, EtcdKey::leader);
    follow.revision = all.reply.revision;
    stream->send(follow);
    for (;;) {
      const auto change = co_await stream->receive();
      if (!change) break;
      set(change->event);
    }
  }
}

// _build_cache replaces the contents without a word; only the watch wakes the loop.
void EtcdDcs::fill_cache() {
  cache_ = {};
  cached_leader_lease_ = 0;
  cached_member_lease_.fill(0);
  for (std::size_t i = 0; i < fetched_count_; ++i) set(fetched_[i]);
}

// KVCache._process_event: which changes wake this member.
void EtcdDcs::set(const EtcdEvent& change) {
  const EtcdValue& value = change.value;
  const std::uint64_t version = change.deleted ? 0 : change.mod_revision;
  bool wakes = false;
  switch (change.name.key) {
    case EtcdKey::leader: {
      const MemberId holder = change.deleted ? nobody : value.holder;
      wakes = holder != cache_.leader;
      cache_.leader = holder;
      cache_.leader_version = version;
      cached_leader_lease_ = change.deleted ? 0 : change.lease;
      break;
    }
    case EtcdKey::status:
      wakes = !change.deleted && value.lsn != cache_.status_lsn && cache_.leader != self_;
      cache_.status_lsn = change.deleted ? Lsn{} : value.lsn;
      break;
    case EtcdKey::sync:
      cache_.sync = {};
      if (!change.deleted) {
        cache_.sync = {.leader = value.holder, .sync_standby = value.members, .version = version};
      }
      break;
    case EtcdKey::failover:
      cache_.failover = {};
      if (!change.deleted) {
        cache_.failover = {.present = true,
                           .leader = value.holder,
                           .candidate = value.candidate,
                           .version = version};
      }
      break;
    case EtcdKey::failsafe:
      cache_.failsafe = change.deleted ? MemberSet{0} : value.members;
      break;
    case EtcdKey::history:
      cache_.history_timeline = change.deleted ? 0 : value.timeline;
      break;
    case EtcdKey::config:
      wakes = !change.deleted && cache_.config_version != 0;
      cache_.pause = !change.deleted && value.pause;
      cache_.config_version = version;
      break;
    case EtcdKey::member: {
      const MemberId id = change.name.member;
      const MemberSet bit = only(id);
      cache_.present =
          static_cast<MemberSet>(change.deleted ? cache_.present & ~bit : cache_.present | bit);
      cache_.members[id] = change.deleted ? MemberData{} : value.data;
      cached_member_lease_[id] = change.deleted ? 0 : change.lease;
      break;
    }
  }
  if (wakes && streaming_) event.open();
}

// ---- requests ------------------------------------------------------------------------------

EtcdRequest EtcdDcs::request(EtcdOp op, EtcdKey key) const {
  EtcdRequest made;
  made.op = op;
  made.scope = scope_;
  made.name.key = key;
  if (key == EtcdKey::leader) made.value.holder = self_;
  return made;
}

sim::TcpOptions EtcdDcs::socket_options() const {
  sim::TcpOptions options;
  options.keepalive = true;
  options.keepalive_idle = config_.loop_wait + config_.retry_timeout;
  options.keepalive_count = 3;
  options.keepalive_interval =
      std::max<sim::Duration>(1s, (config_.ttl - options.keepalive_idle) / 3);
  options.user_timeout = config_.ttl;
  return options;
}

EtcdDcs::Limits EtcdDcs::limits(std::size_t nodes, sim::Duration timeout) const {
  int tries_max = 4 - static_cast<int>(std::min<std::size_t>(nodes, 3));
  sim::Duration per_node = timeout;
  int tries = 1;
  for (; nodes > 0; --nodes, tries_max = 1) {
    per_node = timeout / static_cast<std::int64_t>(nodes);
    if (per_node < node_timeout_min) continue;
    while (tries < tries_max && per_node / (tries + 1) >= node_timeout_min) ++tries;
    per_node /= tries;
    break;
  }
  per_node = std::max(per_node, node_timeout_min);
  return {nodes, std::max<sim::Duration>(node_timeout_min, per_node / 2), per_node, tries};
}

EtcdDcs::Retry EtcdDcs::new_retry() const {
  return {wall() + config_.retry_timeout, delay_first};
}

sim::Duration EtcdDcs::sleep_time(const Retry& retry) {
  return retry.delay + jitter_step * static_cast<std::int64_t>(jitter_.below(jitter_steps));
}

// Retry.__call__: "Unavailable" is asked again on the same node until the deadline.
sim::Task<EtcdDcs::Answer> EtcdDcs::call(const EtcdRequest asked, Retry* retry) {
  retry->delay = delay_first;
  for (;;) {
    const Answer answer = co_await execute(asked, retry);
    if (!answer.answered || answer.reply.error != EtcdError::timed_out) co_return answer;
    const sim::Duration pause = sleep_time(*retry);
    if (wall() + pause >= retry->stop) co_return Answer{};
    co_await sim::sleep_for(pause);
    retry->delay = std::min(retry->delay * 2, delay_max);
  }
}

// api_execute and _do_http_request: node after node; when all have failed, the list is read again
// from the configured nodes, and only then is the deadline looked at. Without `retry` one node
// only.
sim::Task<EtcdDcs::Answer> EtcdDcs::execute(const EtcdRequest asked, Retry* retry) {
  if (reload_machines_) {
    const bool loaded = co_await load_machines(true);
    if (!loaded) co_return Answer{};
  }
  std::vector<std::size_t> nodes = machines();
  Limits limit = limits(nodes.size(), config_.retry_timeout);
  for (;;) {
    bool some_failed = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (int tries = 0; tries < limit.tries; ++tries) {
        const Answer answer = co_await attempt(nodes[i], asked, limit);
        if (!answer.answered) continue;
        if (some_failed) {
          select(nodes[i]);
          co_await load_machines(false);
        }
        co_return answer;
      }
      drop_connections();
      if (retry == nullptr) {
        select(i + 1 < nodes.size() ? nodes[i + 1] : nodes[i]);
        co_return Answer{};
      }
      some_failed = true;
    }
    const bool loaded = co_await load_machines(true);
    if (loaded) nodes = machines();
    const sim::Duration pause = sleep_time(*retry);
    limit = limits(nodes.size(), retry->stop - pause - wall());
    if (limit.nodes == 0) {
      reload_machines_ = true;
      co_return Answer{};
    }
    co_await sim::sleep_for(pause);
    retry->delay = std::min(retry->delay * 2, delay_max);
    nodes.resize(std::min(nodes.size(), limit.nodes));
  }
}

// One HTTP request on a pooled or a new connection.
sim::Task<EtcdDcs::Answer> EtcdDcs::attempt(std::size_t endpoint, const EtcdRequest asked,
                                            const Limits limit) {
  const sim::Time start = patroni_.now();
  Client socket;
  std::vector<Client>& pool = idle_[endpoint];
  while (!pool.empty() && !socket.is_open()) {
    socket = std::move(pool.back());
    pool.pop_back();
  }
  if (!socket.is_open()) {
    const sim::Duration allowed = std::min(limit.connect, limit.total);
    auto connected =
        co_await sim::connect(patroni_, etcd_.port(endpoint), allowed, socket_options());
    if (!connected) co_return Answer{};
    socket = std::move(*connected);
  }
  socket.send(asked);
  const sim::Duration left = limit.total - (patroni_.now() - start);
  const auto reply = co_await socket.receive_for(left);
  if (!reply) co_return Answer{};
  if (asked.op == EtcdOp::range && reply->error == EtcdError::none) {
    fetched_count_ = 0;
    for (std::uint16_t i = 0; i < reply->following; ++i) {
      const auto key = co_await socket.receive_for(limit.total - (patroni_.now() - start));
      if (!key) co_return Answer{};
      fetched_[fetched_count_++] = key->event;
    }
  }
  idle_[endpoint].push_back(std::move(socket));
  Answer answer;
  answer.answered = true;
  answer.reply = *reply;
  co_return answer;
}

// _load_machines_cache (from the configuration, when all have failed) and _refresh_machines_cache.
sim::Task<bool> EtcdDcs::load_machines(bool from_config) {
  if (from_config) reload_machines_ = true;
  const std::vector<std::size_t> ask = from_config ? config_.hosts : machines();
  const Limits limit = limits(ask.size(), config_.retry_timeout);
  for (const std::size_t node : ask) {
    const Answer answer =
        co_await attempt(node, request(EtcdOp::member_list, EtcdKey::leader), limit);
    if (!answer.answered) {
      drop_connections();
      continue;
    }
    machines_ = config_.hosts;
    for (std::size_t i = machines_.size(); i > 1; --i) {
      std::swap(machines_[i - 1], machines_[order_.below(i)]);
    }
    reload_machines_ = false;
    co_return true;
  }
  co_return false;
}

std::vector<std::size_t> EtcdDcs::machines() const {
  std::vector<std::size_t> all{endpoint_};
  for (const std::size_t machine : machines_) {
    if (machine != endpoint_) all.push_back(machine);
  }
  return all;
}

// set_base_uri: the watch moves along.
void EtcdDcs::select(std::size_t endpoint) {
  if (endpoint != endpoint_) {
    sim::Simulation& sim = patroni_.simulation();
    sim.trace().emit(sim.now(), patroni_.host().entity(), endpoint_changed,
                     sim.trace().name(etcd_.host(endpoint).name()));
  }
  endpoint_ = endpoint;
  if (!streaming_) return;
  patroni_.kill(watcher_);
  streaming_ = false;
  ready_.shut();
  watcher_ = patroni_.spawn(keep_cache());
}

void EtcdDcs::drop_connections() {
  for (auto& pool : idle_) pool.clear();
}

}  // namespace predrill::models
