// What the steps of a cycle use: the lock, the member's own key, the monitoring query, slots,
// asynchronous actions, the watchdog. Source: patroni/ha.py, postgresql/, watchdog/ of 3.3.2.
#include <algorithm>

#include "models/patroni.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
namespace kinds = patroni_kinds;

bool Patroni::is_leader() const {
  return running_ && m_.leader_until > host_.clock().now();
}

bool Patroni::failsafe_active() const {
  return m_.failsafe_until > host_.clock().now();
}

void Patroni::set_is_leader(bool value) {
  m_.leader_until = value ? wall() + config_.ttl : Wall{};
  if (value) m_.renewed_at = group_.now();
}

void Patroni::set_state(MemberData::State state) {
  if (m_.state == state) return;
  m_.state = state;
  m_.state_since = wall();
}

Task<DcsAnswer> Patroni::update_lock(bool write_status) {
  Lsn last = m_.cluster.status_lsn;
  if (write_status) {
    const bool known = co_await query();
    if (known) {
      last = m_.status.in_recovery ? std::max(m_.status.received, m_.status.replayed)
                                   : m_.status.written;
    }
  }
  const MemberSet failsafe = config_.failsafe_mode
                                 ? static_cast<MemberSet>(m_.cluster.present | only(config_.member))
                                 : MemberSet{0};
  const DcsAnswer answer = co_await dcs_.update_leader(last, failsafe);
  if (answer == DcsAnswer::error) co_return answer;
  set_is_leader(answer == DcsAnswer::yes);
  if (answer == DcsAnswer::yes) watchdog_keepalive();
  co_return answer;
}

Task<bool> Patroni::touch_member() {
  MemberData data;
  switch (m_.role) {
    case Role::uninitialized:
      data.role = MemberData::Role::uninitialized;
      break;
    case Role::primary:
    case Role::promoted:
      data.role = MemberData::Role::primary;
      break;
    case Role::replica:
    case Role::demoted:
      data.role = MemberData::Role::replica;
      break;
  }
  data.state = m_.state;
  data.awaits_checkpoint = is_leader() && m_.checkpoint != Checkpoint::done;
  data.nofailover = config_.nofailover();
  data.nosync = config_.tags.nosync || m_.nosync;
  data.failover_priority = config_.tags.failover_priority;
  if (m_.state == MemberData::State::running && m_.status_ok) {
    data.streaming = m_.status.streaming;
    data.timeline = m_.status.timeline;
    data.xlog_location = m_.status.in_recovery ? std::max(m_.status.received, m_.status.replayed)
                                               : m_.status.written;
  }
  const DcsAnswer answer = co_await dcs_.touch_member(data);
  co_return answer == DcsAnswer::yes;
}

// One query per cycle, tried twice (Retry with max_tries 1). Nothing but the server's own
// statement_timeout bounds it: a server that stands still keeps the loop waiting.
Task<bool> Patroni::query() {
  if (m_.status_fresh) co_return m_.status_ok;
  m_.status_ok = false;
  m_.status_fresh = true;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const QueryResult result = co_await postgres_.query_status(m_.status);
    if (result == QueryResult::ok) {
      m_.status_ok = true;
      break;
    }
    if (attempt == 0) {
      const Duration pause = timings_.retry_jitter.sample_duration(jitter_stream_);
      co_await sim::sleep_for(pause);
    }
  }
  co_return m_.status_ok;
}

// Postgresql.is_primary: falls back to the role it remembers.
Task<bool> Patroni::is_primary() {
  const bool known = co_await query();
  if (known) co_return !m_.status.in_recovery;
  co_return postgres_.is_running() && m_.role == Role::primary;
}

Task<DcsAnswer> Patroni::release_leader_key(Lsn last_lsn) {
  set_is_leader(false);
  const DcsAnswer answer = co_await dcs_.delete_leader(last_lsn);
  if (answer == DcsAnswer::yes) note(kinds::key_released);
  m_.cluster.leader = nobody;
  co_await touch_member();
  co_return answer;
}

// slots.py and Cluster.get_replication_slots: the primary, once it is known to be promoted, has a
// slot for each other member whose key exists. From 4.0 on every member has them, for
// member_slots_ttl longer than the key, and a standby moves its own on to where the others are.
// During a promotion nothing comes of it before 4.0, also where it is tried (3.1 on, #2741): the
// member is no primary yet, and slots in use cannot be dropped.
void Patroni::sync_slots() {
  const bool everywhere = version_.keeps_member_slots && config_.member_slots_ttl > 0s;
  if (!config_.use_slots || (m_.action == Action::promote && !everywhere)) return;
  const bool has_slots = everywhere || m_.role == Role::primary;
  MemberSet wanted = 0;
  for (MemberId id = 0; has_slots && id < members_max; ++id) {
    if (id == config_.member) continue;
    if (contains(m_.cluster.present, id)) {
      m_.member_seen[id] = wall();
      wanted |= only(id);
    } else if (everywhere && m_.member_seen[id] != Wall{} &&
               wall() - m_.member_seen[id] < config_.member_slots_ttl) {
      wanted |= only(id);
    }
  }
  if (wanted != postgres_.slots()) postgres_.set_slots(wanted);
  if (m_.role != Role::primary) postgres_.advance_slots();
}

/// Starts an asynchronous action (AsyncExecutor.try_run_async); false if one is under way.
bool Patroni::begin(Action action, Task<> task) {
  if (m_.action != Action::none) return false;
  m_.action = action;
  m_.action_runs = false;
  m_.action_process = group_.spawn(run_action(std::move(task)));
  return true;
}

// AsyncExecutor.run: its first and its last step need the lock that every cycle holds. The thread
// asks for it while the cycle that has started it still runs, so it always has to wake up.
Task<> Patroni::run_action(Task<> task) {
  const Duration waking = timings_.thread_wake.sample_duration(thread_stream_);
  co_await sim::sleep_for(waking);
  {
    const sim::Semaphore::Permit turn = co_await executor_turn();
    m_.action_runs = true;
  }
  co_await std::move(task);
}

// A Python lock belongs to whoever asks first once it is free, not to who has waited: after a cycle
// that came late the main thread sleeps 1 ms and asks again. Who wakes up later than that waits for
// another cycle.
Task<sim::Semaphore::Permit> Patroni::executor_turn() {
  sim::Semaphore::Permit turn = cycle_lock_.try_acquire();
  while (!turn) {
    co_await between_cycles_.wait();
    const Duration waking = timings_.thread_wake.sample_duration(thread_stream_);
    co_await sim::sleep_for(waking);
    turn = cycle_lock_.try_acquire();
  }
  co_return turn;
}

/// The action has ended; wakes the main loop if its function returned something.
Task<> Patroni::finish(bool wake) {
  {
    const sim::Semaphore::Permit turn = co_await executor_turn();
    m_.action = Action::none;
  }
  if (wake) dcs_.event.open();
}

// ---- watchdog
// ------------------------------------------------------------------------------------

bool Patroni::watchdog_activate() {
  if (watchdog_.armed()) return true;
  if (config_.watchdog.mode == WatchdogConfig::Mode::off) return true;
  if (!config_.watchdog.device) return config_.watchdog.mode != WatchdogConfig::Mode::required;
  watchdog_.arm(config_.watchdog_timeout());
  return true;
}

void Patroni::watchdog_keepalive() {
  if (watchdog_.armed()) watchdog_.arm(config_.watchdog_timeout());
}

void Patroni::watchdog_fires() {
  if (!host_.up()) return;
  note(kinds::watchdog);
  if (reset_host_) {
    reset_host_();
  } else {
    host_.crash();
  }
}

}  // namespace predrill::models
