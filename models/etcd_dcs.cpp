#include "models/etcd_dcs.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration cache_pause = 1s;     // KVCache.run after an error
constexpr sim::Duration replica_nap = 500ms;  // Etcd3.watch: non-leaders wait longer

}  // namespace

EtcdDcs::EtcdDcs(Etcd& etcd, ScopeId scope, MemberId self, sim::Group& patroni,
                 const EtcdDcsConfig& config)
    : scope_(scope),
      self_(self),
      patroni_(patroni),
      reput_unconditionally_(config.reput_unconditionally),
      thread_wake_(config.thread_wake),
      wakes_(patroni.host().stream("patroni watch")),
      answer_wakes_(patroni.host().stream("patroni answers")),
      client_(patroni, *this, ports_of(etcd), DcsClient::Protocol::etcd, config) {}

void EtcdDcs::start() {
  lease_ = 0;
  last_lease_refresh_ = {};
  leader_session_ = 0;
  last_status_.reset();
  last_failsafe_.reset();
  do_not_watch_ = false;
  client_.start();
  cache_ = {};
  streaming_ = false;
  ready_.shut();
  event.shut();
  watcher_ = patroni_.spawn(keep_cache());
}

void EtcdDcs::set_timeouts(sim::Duration ttl, sim::Duration loop_wait,
                           sim::Duration retry_timeout) {
  if (ttl !=
      client_.config.ttl) {  // a lease cannot change its length: the next refresh takes another
    lease_ = 0;
    do_not_watch_ = true;
  }
  client_.config.ttl = ttl;
  client_.config.loop_wait = loop_wait;
  client_.config.retry_timeout = retry_timeout;
}

// ---- what the HA loop asks for -------------------------------------------------------------

sim::Task<DcsAnswer> EtcdDcs::get_cluster(ClusterView& view) {
  const bool ready = co_await ready_.wait_for(client_.config.retry_timeout);
  if (!ready) co_return DcsAnswer::error;
  view = cache_;
  leader_session_ = cached_leader_lease_;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::attempt_to_acquire_leader() {
  Retry retry = client_.new_retry();
  const bool leased = co_await refresh_lease(false, &retry);
  if (!leased) co_return DcsAnswer::error;
  EtcdRequest create = request(EtcdOp::create, EtcdKey::leader);
  create.lease = lease_;
  Answer answer = co_await send(create, &retry);
  if (answer.answered && answer.reply.error == EtcdError::lease_not_found) {
    lease_ = 0;
    sim::Simulation& sim = patroni_.simulation();
    sim.trace().emit(sim.now(), patroni_.host().entity(), lease_lost);
    const bool leased_anew = co_await refresh_lease(false, &retry);
    if (!leased_anew) co_return DcsAnswer::error;
    create.lease = lease_;
    answer = co_await send(create, &retry);
  }
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  if (!answer.reply.succeeded) co_return DcsAnswer::no;
  leader_session_ = lease_;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::update_leader(Lsn last_lsn, MemberSet failsafe) {
  Retry retry = client_.new_retry();
  const bool leased = co_await refresh_lease(true, &retry);
  if (!leased) co_return DcsAnswer::error;
  if (leader_session_ != lease_) {
    EtcdRequest again =
        request(reput_unconditionally_ ? EtcdOp::put : EtcdOp::reput, EtcdKey::leader);
    again.lease = lease_;
    const Answer answer = co_await send(again, &retry);
    if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
    if (!answer.reply.succeeded) co_return DcsAnswer::no;
    leader_session_ = lease_;
  }
  if (last_lsn != Lsn{}) co_await write_status(last_lsn);
  if (failsafe != 0 && last_failsafe_ != failsafe) {
    EtcdRequest put = request(EtcdOp::put, EtcdKey::failsafe);
    put.value.members = failsafe;
    const Answer answer = co_await send(put, nullptr);
    if (answer.answered && answer.reply.succeeded) last_failsafe_ = failsafe;
  }
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::write_status(Lsn last_lsn) {
  if (last_status_ == last_lsn) co_return DcsAnswer::yes;
  EtcdRequest put = request(EtcdOp::put, EtcdKey::status);
  put.value.lsn = last_lsn;
  const Answer answer = co_await send(put, nullptr);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  last_status_ = last_lsn;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::touch_member(const MemberData data) {
  Retry retry = client_.new_retry();
  const bool leased = co_await refresh_lease(false, &retry);
  if (!leased) co_return DcsAnswer::error;
  const bool same = contains(cache_.present, self_) && cached_member_lease_[self_] == lease_ &&
                    cache_.members[self_] == data;
  if (same) co_return DcsAnswer::yes;
  EtcdRequest put = request(EtcdOp::put, EtcdKey::member);
  put.name.member = self_;
  put.lease = lease_;
  put.value.data = data;
  const Answer answer = co_await send(put, nullptr);
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
  const Answer answer = co_await send(request(EtcdOp::compare_delete, EtcdKey::leader), nullptr);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  co_return answer.reply.succeeded ? DcsAnswer::yes : DcsAnswer::no;
}

sim::Task<DcsAnswer> EtcdDcs::write_sync_state(SyncState& state) {
  Retry retry = client_.new_retry();
  EtcdRequest put = request(EtcdOp::compare_put, EtcdKey::sync);
  put.revision = state.version;
  put.value.holder = state.leader;
  put.value.members = state.sync_standby;
  const Answer answer = co_await send(put, &retry);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  if (!answer.reply.succeeded) co_return DcsAnswer::no;
  state.version = answer.reply.revision;
  co_return DcsAnswer::yes;
}

sim::Task<DcsAnswer> EtcdDcs::write_failover(const FailoverRequest wanted) {
  Retry retry = client_.new_retry();
  EtcdRequest put = request(EtcdOp::put, EtcdKey::failover);
  if (!wanted.present) {
    put.op = EtcdOp::remove;
  } else if (wanted.version != 0) {
    put.op = EtcdOp::compare_put;
    put.revision = wanted.version;
  }
  put.value.holder = wanted.leader;
  put.value.candidate = wanted.candidate;
  const Answer answer = co_await send(put, &retry);
  if (!answer.answered || answer.reply.error != EtcdError::none) co_return DcsAnswer::error;
  co_return answer.reply.succeeded || !wanted.present ? DcsAnswer::yes : DcsAnswer::no;
}

sim::Task<DcsAnswer> EtcdDcs::write_history(Timeline timeline) {
  EtcdRequest put = request(EtcdOp::put, EtcdKey::history);
  put.value.timeline = timeline;
  const Answer answer = co_await send(put, nullptr);
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
  if (!force && lease_ != 0 && last_lease_refresh_ + client_.config.loop_wait > client_.wall())
    co_return true;
  if (lease_ != 0) {
    EtcdRequest keepalive = request(EtcdOp::lease_keepalive, EtcdKey::leader);
    keepalive.lease = lease_;
    const Answer answer = co_await client_.call(keepalive, retry);
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
        std::chrono::duration_cast<std::chrono::seconds>(client_.config.ttl).count());
    const Answer answer = co_await client_.call(grant, retry);
    if (!answer.answered || answer.reply.error != EtcdError::none) co_return false;
    lease_ = answer.reply.lease;
  }
  last_lease_refresh_ = client_.wall();
  co_return true;
}

// ---- the watch cache -----------------------------------------------------------------------

// KVCache.run: read everything, then follow the changes until the stream breaks.
sim::Task<> EtcdDcs::keep_cache() {
  for (;;) {
    ready_.shut();
    streaming_ = false;
    // _build_cache: self._dcs.retry(prefix), so all nodes are asked until the deadline, and one
    // without a leader answers from what it has.
    Retry retry = client_.new_retry();
    const Answer all = co_await client_.call(request(EtcdOp::range, EtcdKey::leader), &retry);
    if (!all.answered || all.reply.error != EtcdError::none) {
      co_await sim::sleep_for(cache_pause);
      continue;
    }
    fill_cache();
    ready_.open();
    const DcsClient::Limits limit = client_.limits();
    streaming_ = true;
    auto stream =
        co_await sim::connect(patroni_, client_.port(), limit.connect, client_.socket_options());
    if (!stream) continue;
    EtcdRequest follow = request(EtcdOp::watch, EtcdKey::leader);
    follow.revision = all.reply.revision;
    stream->send(follow);
    for (;;) {
      const sim::Time began = patroni_.now();
      const auto change = co_await stream->receive();
      // A thread that has slept has to wake up. After a freeze it races with the HA loop, whose
      // view is stale if it comes first: in 119 of 240 stops of a bare Patroni 3.0.2.
      if (patroni_.now() != began) {
        const sim::Duration waking = thread_wake_.sample_duration(wakes_);
        co_await sim::sleep_for(waking);
      }
      if (!change) break;
      set(change->event, true);
    }
  }
}

// _build_cache replaces the contents without a word; only the watch wakes the loop.
void EtcdDcs::fill_cache() {
  cache_ = {};
  cached_leader_lease_ = 0;
  cached_member_lease_.fill(0);
  cached_revision_.fill(0);
  for (std::size_t i = 0; i < client_.fetched_count; ++i) set(client_.fetched[i], false);
}

// PatroniEtcd3Client.call_rpc: what was written is in the cache before the watch tells it, and then
// wakes nobody.
sim::Task<EtcdDcs::Answer> EtcdDcs::send(const EtcdRequest asked, Retry* retry) {
  Answer answer;
  if (retry != nullptr) {
    answer = co_await client_.call(asked, retry);
  } else {
    answer = co_await client_.execute(asked, nullptr);
  }
  if (answer.answered && answer.reply.error == EtcdError::none && answer.reply.succeeded) {
    // Two threads wake up at once, this one and the one that follows the watch.
    const sim::Duration waking = thread_wake_.sample_duration(answer_wakes_);
    co_await sim::sleep_for(waking);
    EtcdEvent change;
    change.mod_revision = answer.reply.revision;
    change.lease = asked.lease;
    change.scope = scope_;
    change.name = asked.name;
    change.deleted = asked.op == EtcdOp::compare_delete || asked.op == EtcdOp::remove;
    if (!change.deleted) change.value = asked.value;
    set(change, false);
  }
  co_return answer;
}

// KVCache._process_event: which changes wake this member.
void EtcdDcs::set(const EtcdEvent& change, bool watched) {
  std::uint64_t& known = cached_revision_[slot_of(change.name)];
  if (change.mod_revision <= known) return;
  known = change.mod_revision;
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
  if (wakes && watched && streaming_) event.open();
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

void EtcdDcs::on_select() {
  if (!streaming_) return;
  patroni_.kill(watcher_);
  streaming_ = false;
  ready_.shut();
  watcher_ = patroni_.spawn(keep_cache());
}

}  // namespace predrill::models
