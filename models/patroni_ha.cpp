// Leader race, promotion, demotion, switchover. Source: patroni/ha.py of 3.3.2.
#include <algorithm>

#include "models/patroni.hpp"
#include "sim/combine.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
namespace kinds = patroni_kinds;

RaceSelf Patroni::race_self(bool primary) const {
  RaceSelf self;
  self.member = config_.member;
  self.is_primary = primary;
  self.timeline = std::max(m_.status.timeline, m_.status.received_timeline);
  self.wal_position = std::max(m_.status.received, m_.status.replayed);
  self.watchdog_usable =
      config_.watchdog.mode != WatchdogConfig::Mode::required || config_.watchdog.device;
  return self;
}

// Each reason once per leaderless time.
void Patroni::note_obstacle(Obstacle obstacle, MemberId by) {
  if (obstacle == m_.last_obstacle && by == m_.last_obstacle_by) return;
  m_.last_obstacle = obstacle;
  m_.last_obstacle_by = by;
  const std::int64_t text = group_.simulation().trace().name(to_text(obstacle));
  if (by == nobody) {
    note(kinds::race_refused, text);
  } else {
    note(kinds::race_vetoed, text, entity_of(by));
  }
}

Task<Patroni::Step> Patroni::is_healthiest_node(bool* yes) {
  *yes = false;
  const bool primary = co_await is_primary();
  bool manual = false;
  const Obstacle obstacle = own_obstacle(config_, race_self(primary), m_.cluster, &manual);
  if (obstacle != Obstacle::none) {
    note_obstacle(obstacle, nobody);
    co_return Step::go_on;
  }
  if (manual) {
    *yes = co_await manual_failover_no_leader();
    co_return Step::go_on;
  }
  if (primary) {
    *yes = true;
    co_return Step::go_on;
  }
  if (!m_.status_ok) co_return Step::postgres_error;  // no position of my own
  const MemberSet peers = race_peers(config_, config_.member, m_.cluster, m_.last_healthy);
  *yes = co_await is_healthiest_among(peers, true);
  co_return Step::go_on;
}

Task<bool> Patroni::is_healthiest_among(const MemberSet peers, const bool check_lag) {
  if (!m_.status_ok) co_return false;
  const RaceSelf self = race_self(false);
  Obstacle obstacle = replica_obstacle(config_, self, m_.cluster, check_lag);
  MemberId by = nobody;
  if (obstacle == Obstacle::none) {
    m_.polled = co_await poll(peers);
    obstacle = peer_obstacle(config_, self, m_.cluster, m_.polled, &by);
  }
  if (obstacle != Obstacle::none) note_obstacle(obstacle, by);
  co_return obstacle == Obstacle::none;
}

Task<bool> Patroni::is_failover_possible(const Lsn cluster_lsn, const bool exclude_candidate) {
  const MemberSet candidates =
      failover_candidates(config_, config_.member, m_.cluster, exclude_candidate);
  const PeerStatuses statuses = co_await poll(candidates);
  co_return failover_possible(config_, m_.cluster, statuses, cluster_lsn);
}

// Ha.manual_failover_process_no_leader
Task<bool> Patroni::manual_failover_no_leader() {
  const FailoverRequest wanted = m_.cluster.failover;
  if (wanted.candidate == config_.member) co_return true;
  if (m_.cluster.pause) co_return false;
  if (wanted.candidate != nobody) {
    if (sync_mode_is_active(config_, m_.cluster) && !m_.cluster.sync.matches(config_.member)) {
      co_return false;
    }
    if (contains(m_.cluster.present, wanted.candidate)) {
      const PeerStatuses candidate = co_await poll(only(wanted.candidate));
      if (candidate.count == 1 && candidate.of[0].may_lead()) {
        note_obstacle(Obstacle::candidate_is_other, wanted.candidate);
        co_return false;
      }
    }
  }
  if (wanted.leader == config_.member) {
    const bool others = co_await is_failover_possible({}, wanted.candidate != nobody);
    co_return !others;
  }
  MemberSet peers = 0;
  for (MemberId id = 0; id < members_max; ++id) {
    if (id == config_.member || id == wanted.leader) continue;
    if (contains(m_.cluster.present, id) && !m_.cluster.members[id].nofailover) peers |= only(id);
  }
  const bool healthiest = co_await is_healthiest_among(peers, false);
  co_return healthiest;
}

Task<Patroni::Step> Patroni::enforce_primary_role(const bool just_acquired) {
  if (!m_.cluster.pause && !watchdog_activate()) {
    if (m_.role == Role::primary) {
      note(kinds::demoting_watchdog);
      co_await demote(Demotion::immediate);
    } else {
      const DcsAnswer released = co_await release_leader_key({});
      if (released == DcsAnswer::error) co_return Step::dcs_error;
    }
    co_return Step::done;
  }
  const bool primary = co_await is_primary();
  if (primary || m_.role == Role::primary || m_.role == Role::promoted) {
    if (primary) m_.role = Role::primary;
    if (just_acquired) note(kinds::acquired);
    const Step step = co_await process_sync_replication();
    if (step != Step::go_on) co_return step;
    if (primary && m_.status_ok && m_.status.timeline > m_.cluster.history_timeline) {
      const DcsAnswer written = co_await dcs_.write_history(m_.status.timeline);
      if (written == DcsAnswer::error) co_return Step::dcs_error;
      m_.cluster.history_timeline = m_.status.timeline;
    }
    co_return Step::done;
  }
  // process_sync_replication_prepromote
  if (config_.synchronous_mode && !m_.cluster.sync.is_empty()) {
    SyncState sync = m_.cluster.sync;
    const bool written = co_await write_sync(sync, 0);
    if (!written) {
      note(kinds::postponed);
      co_return Step::done;
    }
  }
  if (config_.synchronous_mode) {
    SynchronousStandbyNames names;
    if (config_.synchronous_mode_strict) {
      names.method = SynchronousStandbyNames::Method::first;
      names.members = every_member;
    }
    co_await set_sync_names(names);
  }
  m_.failsafe_until = {};
  m_.promote_signalled = false;
  if (begin(Action::promote, promote())) {
    m_.outcome = just_acquired ? &kinds::promoting : &kinds::promoting_had_lock;
  }
  co_return Step::done;
}

// Postgresql.promote
Task<> Patroni::promote() {
  const Duration command = slowness_.sample(timings_.promote_command, command_stream_);
  co_await sim::sleep_for(command);
  m_.promote_signalled = true;
  if (observer_ != nullptr) observer_->on_promote(config_.member);
  const bool signalled = postgres_.promote();
  if (!signalled) {
    co_await finish(true);
    co_return;
  }
  m_.role = Role::promoted;
  m_.checkpoint = Checkpoint::none;
  m_.rewind = Rewind::initial;
  for (Duration waited{}; waited < config_.loop_wait; waited += 1s) {
    if (postgres_.controldata().state == ControlState::in_production) {
      m_.role = Role::primary;
      note(kinds::promoted);
      break;
    }
    co_await sim::sleep_for(1s);
  }
  co_await finish(true);
}

Task<Patroni::Step> Patroni::switchover_from_leader() {
  const FailoverRequest wanted = m_.cluster.failover;
  if (!wanted.present || m_.cluster.pause) co_return Step::go_on;
  const bool mine = wanted.leader == nobody || wanted.leader == config_.member;
  if (mine && wanted.candidate != config_.member) {
    const bool possible = co_await is_failover_possible({}, false);
    if (possible) {
      note(kinds::demoting_switchover);
      begin(Action::demote, demote_as_action(Demotion::graceful));
      co_return Step::done;
    }
  }
  FailoverRequest none;
  none.version = wanted.version;
  co_await dcs_.write_failover(none);
  m_.cluster.failover = {};
  co_return Step::go_on;
}

// Ha.follow; `reason` is given if a running primary has to be demoted.
Task<Patroni::Step> Patroni::follow(const sim::Kind* reason, const bool refresh) {
  if (refresh) {
    const DcsAnswer loaded = co_await load_cluster();
    if (loaded == DcsAnswer::error) co_return Step::dcs_error;
  }
  const bool primary = co_await is_primary();
  if (m_.cluster.pause && primary)
    co_return Step::done;  // "continue to run as primary without lock"
  if (primary) {
    note(*reason, entity_of(m_.cluster.leader));
    co_await demote(Demotion::immediate_nolock);
    co_return Step::done;
  }
  const MemberId node = node_to_follow();
  if (node == nobody) co_return Step::done;
  if (m_.role != Role::replica && m_.state == MemberData::State::running) m_.role = Role::replica;
  const Step step = co_await handle_rewind();
  if (step != Step::go_on) co_return step;
  if (m_.action == Action::none && postgres_.following() != node) {
    note(kinds::following, entity_of(node));
    if (m_.rewind == Rewind::initial) m_.rewind = Rewind::check;
    postgres_.follow(node);
  }
  co_return Step::done;
}

Task<> Patroni::demote_as_action(const Demotion mode) {
  co_await demote(mode);
  co_await finish(m_.rewind == Rewind::need);
}

// Ha.demote
Task<> Patroni::demote(const Demotion mode) {
  const bool release = mode == Demotion::graceful || mode == Demotion::immediate;
  const bool fast = mode == Demotion::graceful || mode == Demotion::offline;
  m_.rewind = Rewind::check;
  m_.demotion_released = false;
  co_await stop_postgres(fast ? StopMode::fast : StopMode::immediate, mode == Demotion::graceful,
                         release ? AtShutdown::release : AtShutdown::nothing);
  m_.role = Role::demoted;
  set_is_leader(false);
  note(kinds::demoted);
  if (release) {
    if (!m_.demotion_released) {
      if (mode == Demotion::graceful) co_await latest_checkpoint_location();
      const Lsn last = mode == Demotion::graceful ? postgres_.flushed() : Lsn{};
      if (mode == Demotion::graceful) {
        const sim::Semaphore::Permit turn = co_await cycle_lock_.acquire();
        co_await release_leader_key(last);
      } else {
        co_await release_leader_key(last);
      }
    }
    co_await sim::sleep_for(2s);  // give somebody time to take the leader lock
  }
  MemberId node = nobody;
  if (mode != Demotion::offline) {
    ClusterView view;
    const DcsAnswer loaded = co_await dcs_.get_cluster(view);
    if (loaded == DcsAnswer::yes && view.leader != config_.member) node = view.leader;
  }
  if (config_.synchronous_mode) co_await set_sync_names({});
  if (mode == Demotion::immediate || mode == Demotion::immediate_nolock) {
    m_.recovering = false;
    begin(Action::restart, start_as_action(StartAs::standby, node, 60s));
    co_return;
  }
  if (node != nobody) co_await check_rewind(node);
  if (m_.rewind == Rewind::need) co_return;  // pg_rewind comes in the next cycle
  co_await start_postgres(StartAs::standby, node, 60s);
}

// Postgresql._do_stop
Task<> Patroni::stop_postgres(const StopMode mode, const bool checkpoint, const AtShutdown then) {
  constexpr Duration polling = 1s;  // STOP_POLLING_INTERVAL
  if (!postgres_.is_running()) {
    watchdog_disable();
    set_state(MemberData::State::stopped);
    co_return;
  }
  if (checkpoint && m_.state != MemberData::State::starting) {
    co_await postgres_.checkpoint();
  }
  set_state(MemberData::State::stopping);
  postgres_.stop(mode);
  watchdog_disable();  // once no user backend is left: at once, compared with the waits below
  const Duration limit = config_.synchronous_mode && config_.primary_stop_timeout > 0s
                             ? config_.primary_stop_timeout
                             : sim::forever;
  const sim::Time began = group_.now();
  sim::Time gone = sim::time_max;  // when the postmaster has left the process table
  if (then != AtShutdown::nothing && mode == StopMode::fast) {
    const Duration lingers = timings_.postmaster_exit.sample_duration(exit_stream_);
    while (group_.now() < gone) {
      const Duration asking = slowness_.sample(timings_.command, exit_stream_);
      co_await sim::sleep_for(asking);
      const ControlState state = postgres_.controldata().state;
      if (state == ControlState::shut_down) {
        co_await at_shutdown(then);
        break;
      }
      if (state == ControlState::shut_down_in_recovery) break;
      if (group_.now() - began >= limit) break;
      const sim::Time next = group_.now() + polling;
      if (gone == sim::time_max) {
        const bool stopped = co_await postgres_.wait_stopped(polling);
        if (stopped) gone = group_.now() + lingers;
      }
      co_await sim::sleep_until(next);
    }
  }
  if (gone != sim::time_max) {
    co_await sim::sleep_until(gone);
  } else {
    const Duration left =
        limit == sim::forever ? limit : std::max(Duration{}, limit - (group_.now() - began));
    const bool stopped = co_await postgres_.wait_stopped(left);
    if (!stopped) {  // primary_stop_timeout: SIGQUIT, then SIGKILL
      postgres_.stop(StopMode::immediate);
      co_await postgres_.wait_stopped(sim::forever);
    }
  }
  set_state(MemberData::State::stopped);
}

// Postgresql.latest_checkpoint_location: pg_controldata, and pg_waldump for the shutdown checkpoint
// and for the record before it.
Task<> Patroni::latest_checkpoint_location() {
  for (int i = 0; i < 3; ++i) {
    const Duration asking = slowness_.sample(timings_.command, exit_stream_);
    co_await sim::sleep_for(asking);
  }
}

// pg_control says "shut down", the postmaster may still be there: on_shutdown of demote() and
// shutdown().
Task<> Patroni::at_shutdown(const AtShutdown then) {
  co_await latest_checkpoint_location();
  const Lsn checkpoint = postgres_.flushed();
  if (version_.waits_for_replicas) co_await sim::sleep_for(1s);  // to catch up
  const bool possible = co_await is_failover_possible(checkpoint, false);
  if (then == AtShutdown::exit) {
    if (possible) {
      const DcsAnswer deleted = co_await dcs_.delete_leader(checkpoint);
      if (deleted == DcsAnswer::yes) note(kinds::key_released);
      m_.demotion_released = true;
    } else {
      co_await dcs_.write_status(checkpoint);
    }
  } else if (possible) {
    m_.role = Role::demoted;
    if (m_.action == Action::demote) {
      const sim::Semaphore::Permit turn = co_await cycle_lock_.acquire();
      co_await release_leader_key(checkpoint);
    } else {
      co_await release_leader_key(checkpoint);
    }
    m_.demotion_released = true;
  }
}

Task<bool> Patroni::failsafe_topology_agrees() {
  const MemberSet listed = m_.cluster.failsafe;
  if (!contains(listed, config_.member)) co_return false;
  RestRequest request;
  request.path = RestPath::failsafe;
  request.leader = config_.member;
  std::vector<Task<sim::Result<RestReply>>> calls;
  for (MemberId id = 0; id < members_max; ++id) {
    if (id == config_.member || !contains(listed, id)) continue;
    calls.push_back(ask(id, request));
  }
  const auto replies = co_await sim::all_in(std::move(calls));
  bool agreed = true;
  for (const auto& reply : replies) agreed = agreed && reply && reply->status == 200;
  co_return agreed;
}

}  // namespace predrill::models
