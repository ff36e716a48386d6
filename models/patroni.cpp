#include "models/patroni.hpp"

#include <algorithm>

#include "sim/assert.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
namespace kinds = patroni_kinds;

namespace {
constexpr Duration reload_pause = 1s;  // ConfigHandler.reload_config, after a reload
}  // namespace

Patroni::Patroni(sim::Group& group, PatroniConfig config, Dcs& dcs, PostgresServer& postgres,
                 PatroniTimings timings)
    : group_(group),
      host_(group.host()),
      config_(std::move(config)),
      version_(features(config_.version)),
      timings_(std::move(timings)),
      dcs_(dcs),
      postgres_(postgres),
      entity_(group.simulation().trace().entity(config_.name)),
      start_stream_(group.simulation().stream(config_.name, "patroni start")),
      rest_stream_(group.simulation().stream(config_.name, "patroni rest")),
      cycle_stream_(group.simulation().stream(config_.name, "patroni cycle")),
      thread_stream_(group.simulation().stream(config_.name, "patroni threads")),
      command_stream_(group.simulation().stream(config_.name, "patroni command")),
      jitter_stream_(group.simulation().stream(config_.name, "patroni retry")),
      exit_stream_(group.simulation().stream(config_.name, "postmaster exit")),
      slowness_(group.simulation(), config_.machine.empty() ? config_.name : config_.machine),
      rest_(group, "8008"),
      watchdog_(*this, group.host().kernel()),
      supervisor_(*this, group.host().kernel()) {
  adjust(config_);
}

Patroni::~Patroni() = default;

void Patroni::note(const sim::Kind& kind, std::int64_t a, std::int64_t b) {
  group_.simulation().trace().emit(group_.now(), entity_, kind, a, b);
}

std::int64_t Patroni::entity_of(MemberId member) const {
  if (member >= members_.size() || members_[member] == nullptr) return 0;
  return static_cast<std::int64_t>(members_[member]->entity_);
}

// ---- the process
// ---------------------------------------------------------------------------------

bool Patroni::start() {
  if (running_ || !host_.up()) return false;
  supervisor_.disarm();
  m_ = Memory{};
  running_ = true;
  exiting_ = false;
  failed_ = false;
  attach(group_);
  note(kinds::started);
  main_ = group_.spawn(main());
  return true;
}

void Patroni::sigterm() {
  if (!running_ || exiting_) return;
  exiting_ = true;
  note(kinds::sigterm);
  group_.kill(main_);  // SystemExit in the main thread, wherever it stands
  between_cycles_.open();
  main_ = group_.spawn(shutdown());
}

void Patroni::fail() {
  if (!running_ || exiting_) return;
  failed_ = true;
  group_.kill();
}

void Patroni::on_group_death() {
  running_ = false;
  const bool kept = m_.failsafe_leader == config_.member;
  if (kept && observer_ != nullptr) observer_->on_failsafe(config_.member, false);
  if (!host_.up()) {
    watchdog_.disarm();
    supervisor_.disarm();
    return;
  }
  note(exiting_ || failed_ ? kinds::exited : kinds::killed);
  if (!config_.supervisor.restarts || !supervised_ || exiting_)
    return;  // SIGTERM comes from "sv stop"
  if (!failed_) {
    supervisor_.arm(config_.supervisor.after_signal);
  } else if (++exits_ <= config_.supervisor.exits_max) {
    supervisor_.arm(config_.supervisor.after_exit_step * exits_);
  }
}

void Patroni::supervise() {
  start();
}

Task<> Patroni::main() {
  const Duration start_up = timings_.start.sample_duration(start_stream_);
  co_await sim::sleep_for(start_up);
  if (adopt_postgres()) co_await sim::sleep_for(reload_pause);
  const Duration contact = timings_.first_cycle.sample_duration(start_stream_);
  co_await sim::sleep_for(contact);
  dcs_.start();
  dcs_.set_timeouts(config_.ttl, config_.loop_wait, config_.retry_timeout);
  rest_.open();
  serving_ = group_.spawn(serve());
  m_.next_run = wall();
  for (;;) {
    {
      const sim::Semaphore::Permit turn = co_await cycle_lock_.acquire();
      between_cycles_.shut();
      co_await run_cycle();
      m_.cycled_at = group_.now();
    }
    between_cycles_.open();
    // schedule_next_run of __main__.py; Ha.watch: leaders and those without a leader do not wait
    // the half second longer.
    m_.next_run += config_.loop_wait;
    const Duration nap = m_.next_run - wall();
    if (nap <= 0s) {
      m_.next_run = wall();
      note(kinds::late);
      co_await sim::sleep_for(1ms);
    } else {
      const bool as_leader = m_.action != Action::none || is_unlocked() || has_lock();
      const sim::Time ended = group_.now();
      const bool woken = co_await dcs_.watch(as_leader, nap);
      if (woken) m_.next_run = wall();
      // What woke it may have come before it slept.
      const bool slept = group_.now() != ended;
      const sim::Distribution& pause = slept ? timings_.thread_wake : timings_.next_cycle;
      const Duration pausing = pause.sample_duration(thread_stream_);
      co_await sim::sleep_for(pausing);
    }
  }
}

// PostgreSQL may already run: Patroni was restarted (Postgresql.__init__). Whether it has been
// given another configuration.
bool Patroni::adopt_postgres() {
  postgres_.use_slot(config_.use_slots);
  if (!postgres_.is_running()) {
    m_.role = postgres_.standby_signal() ? Role::replica : Role::primary;
    return false;
  }
  if (postgres_.pg_isready() != Readiness::accepting) {
    set_state(MemberData::State::starting);
    m_.role = postgres_.standby_signal() ? Role::replica : Role::primary;
    return false;
  }
  set_state(MemberData::State::running);
  m_.role = postgres_.in_recovery() ? Role::replica : Role::primary;
  if (m_.role == Role::primary && config_.synchronous_mode && version_.sync_names_reset &&
      postgres_.synchronous_standby_names() != SynchronousStandbyNames{}) {
    // Commit 9977850b of 3.3.7: the dynamic configuration is not loaded yet, so synchronous_mode
    // looks as if it were off when postgresql.conf is written.
    note(kinds::sync_reset);
    postgres_.set_synchronous_standby_names({});
    return true;
  }
  return false;
}

// Ha.shutdown
Task<> Patroni::shutdown() {
  // The server's thread ends, its socket stays until the process is gone: who asks gets no answer.
  group_.kill(serving_);
  const Duration polled = timings_.rest_shutdown.sample_duration(exit_stream_);
  co_await sim::sleep_for(polled);
  if (m_.cluster.pause) {
    watchdog_disable();
  } else {
    if (config_.synchronous_mode && !config_.tags.nosync) co_await nosync_handshake();
    m_.demotion_released = false;
    const bool leader = is_leader();
    co_await stop_postgres(StopMode::fast, false, leader ? AtShutdown::exit : AtShutdown::nothing);
    if (leader && !m_.demotion_released && !postgres_.is_running()) {
      co_await latest_checkpoint_location();
      const DcsAnswer deleted = co_await dcs_.delete_leader(postgres_.flushed());
      if (deleted == DcsAnswer::yes) note(kinds::key_released);
    }
    set_is_leader(false);
    set_state(MemberData::State::stopped);
    co_await touch_member();
  }
  const Duration ending = slowness_.sample(timings_.exit, exit_stream_);
  co_await sim::sleep_for(ending);
  group_.kill();  // exit: on_group_death() sees to the rest
}

// Ha.while_not_sync_standby
Task<> Patroni::nosync_handshake() {
  m_.nosync = true;
  const bool touched = co_await touch_member();
  if (!touched) co_return;
  for (Duration waited{}; waited < 2 * config_.loop_wait; waited += 2s) {
    const DcsAnswer loaded = co_await dcs_.get_cluster(m_.cluster);
    if (loaded != DcsAnswer::yes) co_return;
    const bool chosen =
        contains(m_.cluster.sync.sync_standby, config_.member) && !has_lock() && !is_unlocked();
    if (!chosen) co_return;
    if (waited == 0s) note(kinds::waiting_nosync);
    co_await sim::sleep_for(2s);
  }
}

// ---- one cycle
// -----------------------------------------------------------------------------------

Task<> Patroni::run_cycle() {
  m_.status_fresh = false;
  if (observer_ != nullptr) observer_->on_cycle(config_.member);
  Step step = co_await cycle();
  const bool failed = step == Step::dcs_error;
  if (failed != m_.dcs_failing) note(failed ? kinds::dcs_error : kinds::dcs_back);
  m_.dcs_failing = failed;
  if (failed) {
    step = co_await handle_dcs_error();
    co_return;
  }
  if (m_.failsafe_leader == config_.member) {
    if (observer_ != nullptr) observer_->on_failsafe(config_.member, false);
    const bool demoted = version_.stale_failsafe_leader && !is_leader();
    m_.failsafe_leader = demoted ? m_.failsafe_told : nobody;
    if (!demoted) m_.failsafe_until = {};
  }
  co_await touch_member();
  if (const sim::Kind* const outcome = std::exchange(m_.outcome, nullptr)) note(*outcome);
}

// Ha._run_cycle
Task<Patroni::Step> Patroni::cycle() {
  // The view comes first: a cycle may act on a cache that is a moment old.
  const DcsAnswer loaded = co_await load_cluster();
  if (loaded == DcsAnswer::error) co_return Step::dcs_error;
  const Duration processing = slowness_.sample(timings_.cycle, cycle_stream_);
  co_await sim::sleep_for(processing);
  if (m_.cluster.pause) {
    watchdog_disable();
  } else if (m_.was_paused) {
    m_.rewind = Rewind::initial;
  }
  m_.was_paused = m_.cluster.pause;
  if (!contains(m_.cluster.present, config_.member)) {
    co_await touch_member();
  }
  Step step = Step::go_on;
  if (m_.action != Action::none) {
    step = co_await handle_long_action();
    co_return step;
  }
  step = co_await handle_starting_instance();
  if (step != Step::go_on) co_return step;

  if (m_.recovering) {
    m_.recovering = false;
    if (m_.rewind != Rewind::need && !postgres_.is_running()) {  // post_recover
      watchdog_disable();
      if (has_lock()) {
        if (m_.role == Role::primary) m_.role = Role::demoted;
        note(kinds::start_failed);
        set_is_leader(false);
        const DcsAnswer deleted = co_await dcs_.delete_leader(postgres_.flushed());
        co_return deleted == DcsAnswer::error ? Step::dcs_error : Step::done;
      }
      co_return Step::done;
    }
    m_.crash_recovery_done = false;
    if (m_.rewind == Rewind::success || m_.rewind == Rewind::not_needed) {
      m_.rewind = Rewind::initial;
    }
  }

  if (!postgres_.is_running()) {
    if (m_.cluster.pause) {
      set_state(MemberData::State::stopped);
      if (!has_lock()) co_return Step::done;
      const DcsAnswer released = co_await release_leader_key({});
      co_return released == DcsAnswer::error ? Step::dcs_error : Step::done;
    }
    if (m_.state == MemberData::State::running || m_.state == MemberData::State::starting) {
      set_state(MemberData::State::crashed);
      note(kinds::crashed);
    }
    step = co_await recover();
    co_return step;
  }
  postgres_.reap();  // a postmaster that was dead already counted as running once more

  if (is_unlocked()) {
    step = co_await process_unhealthy_cluster();
  } else {
    step = co_await process_healthy_cluster();
  }
  if (step == Step::dcs_error) co_return step;
  const bool busy = m_.action != Action::none && m_.action != Action::promote;
  if (!busy && postgres_.is_running()) sync_slots();
  co_return step;
}

Task<DcsAnswer> Patroni::load_cluster() {
  const bool had_leader = !is_unlocked();
  const DcsAnswer answer = co_await dcs_.get_cluster(m_.cluster);
  if (answer == DcsAnswer::error) co_return answer;
  MemberId told = m_.failsafe_leader;
  // A primary that once was told of another one takes that for the leader as soon as it sees that
  // its key has expired.
  if (version_.stale_failsafe_leader && told == config_.member) told = m_.failsafe_told;
  if (is_unlocked() && config_.failsafe_mode && told != nobody && told != config_.member &&
      m_.failsafe_until > wall()) {
    m_.cluster.leader = told;  // Failsafe.update_cluster: it told us that it leads
  }
  if (!is_unlocked()) {
    m_.last_healthy = m_.cluster;
    m_.last_obstacle = Obstacle::none;
  } else if (had_leader) {
    note(kinds::leader_gone);
  }
  if (!has_lock()) set_is_leader(false);
  co_return DcsAnswer::yes;
}

Task<Patroni::Step> Patroni::handle_long_action() {
  if (has_lock()) {
    const DcsAnswer renewed = co_await update_lock(false);
    if (renewed == DcsAnswer::error) co_return Step::dcs_error;
    if (renewed == DcsAnswer::yes) {
      if (m_.action == Action::crash_recovery &&
          wall() - m_.crash_recovery_started > config_.primary_start_timeout) {
        const bool possible = co_await is_failover_possible({}, false);
        if (possible) {
          note(kinds::demoting_start_timeout);
          group_.kill(m_.action_process);
          m_.action = Action::none;
          co_await demote(Demotion::immediate);
        }
      }
      co_return Step::done;
    }
  }
  // Without the lock nothing may promote or start a primary in the background.
  if (m_.action == Action::promote && !m_.promote_signalled) {
    group_.kill(m_.action_process);
    m_.action = Action::none;
    note(kinds::promote_cancelled);
    co_return Step::done;
  }
  if (m_.role == Role::primary && m_.action != Action::demote) {
    note(kinds::demoting_during);
    if (m_.action == Action::restart || m_.action == Action::start_primary) {
      group_.kill(m_.action_process);
      m_.action = Action::none;
    }
    co_await demote(Demotion::immediate_nolock);
  }
  co_return Step::done;
}

Task<Patroni::Step> Patroni::handle_starting_instance() {
  if (m_.state != MemberData::State::starting || check_startup_state_changed() ||
      m_.cluster.pause) {
    if (m_.cluster.pause) {
      set_state(postgres_.is_running() ? MemberData::State::running : MemberData::State::stopped);
    }
    co_return Step::go_on;
  }
  if (!has_lock()) co_return Step::go_on;  // "Still starting up as a standby."
  const DcsAnswer renewed = co_await update_lock(false);
  if (renewed == DcsAnswer::error) co_return Step::dcs_error;
  if (renewed == DcsAnswer::no) {
    note(kinds::lock_lost);
    co_await demote(Demotion::immediate_nolock);
    co_return Step::done;
  }
  if (wall() - m_.state_since >= config_.primary_start_timeout) {
    const bool possible = co_await is_failover_possible({}, false);
    if (possible) {
      note(kinds::demoting_start_timeout);
      co_await demote(Demotion::immediate);
    }
    co_return Step::done;
  }
  const Step step = co_await switchover_from_leader();
  co_return step == Step::go_on ? Step::done : step;
}

Task<Patroni::Step> Patroni::process_healthy_cluster() {
  if (!has_lock()) {
    const Step step = co_await follow(&kinds::demoting_not_leader, false);
    co_return step;
  }
  const bool was_primary = co_await is_primary();
  if (m_.cluster.pause && !was_primary) {
    const DcsAnswer released = co_await release_leader_key({});
    co_return released == DcsAnswer::error ? Step::dcs_error : Step::done;
  }
  const DcsAnswer renewed = co_await update_lock(true);
  if (renewed == DcsAnswer::error) co_return Step::dcs_error;
  if (renewed == DcsAnswer::no) {
    if (was_primary && !m_.cluster.pause) {
      note(kinds::lock_lost);
      co_await demote(Demotion::immediate_nolock);
    }
    co_return Step::done;
  }
  Step step = co_await switchover_from_leader();
  if (step != Step::go_on) co_return step;
  if (was_primary) ensure_checkpoint_after_promote();
  step = co_await enforce_primary_role(false);
  co_return step;
}

Task<Patroni::Step> Patroni::process_unhealthy_cluster() {
  bool healthiest = false;
  Step step = co_await is_healthiest_node(&healthiest);
  if (step != Step::go_on) co_return step;
  if (healthiest) {
    const DcsAnswer taken = co_await dcs_.attempt_to_acquire_leader();
    if (taken == DcsAnswer::error) co_return Step::dcs_error;
    set_is_leader(taken == DcsAnswer::yes);
    if (taken == DcsAnswer::yes) {
      if (m_.cluster.failover.present) {
        co_await dcs_.write_failover({});
      }
      const DcsAnswer loaded = co_await load_cluster();
      if (loaded == DcsAnswer::error) co_return Step::dcs_error;
      // The cache may lag behind our own write.
      m_.cluster.leader = config_.member;
      set_is_leader(true);
      step = co_await enforce_primary_role(true);
      co_return step;
    }
    const bool primary = co_await is_primary();
    if (!primary) note(kinds::lost_race);
    step = co_await follow(&kinds::demoting_lost_race, true);
    co_return step;
  }
  // Nobody knows who will win a manual failover, or whether a member that must not lead is ahead.
  if (m_.cluster.failover.present || config_.nofailover()) {
    if (m_.rewind != Rewind::need) m_.rewind = Rewind::check;
    co_await sim::sleep_for(2s);
  }
  step = co_await follow(&kinds::demoting_unhealthy, true);
  co_return step;
}

// Ha._handle_dcs_error
Task<Patroni::Step> Patroni::handle_dcs_error() {
  if (m_.cluster.pause || !postgres_.is_running()) co_return Step::done;
  const bool primary = co_await is_primary();
  if (!primary) co_return Step::done;
  if (config_.failsafe_mode) {
    const bool agreed = co_await failsafe_topology_agrees();
    if (agreed) {
      set_is_leader(true);
      if (m_.failsafe_leader != config_.member) {
        note(kinds::failsafe);
        if (observer_ != nullptr) observer_->on_failsafe(config_.member, true);
      }
      m_.failsafe_leader = config_.member;
      m_.failsafe_until = wall() + config_.ttl;
      watchdog_keepalive();
      co_return Step::done;
    }
    if (m_.failsafe_leader == config_.member) {
      m_.failsafe_leader = nobody;
      if (observer_ != nullptr) observer_->on_failsafe(config_.member, false);
    }
  }
  if (m_.action == Action::demote && m_.action_runs) co_return Step::done;
  // A demotion that still waits for its turn: "AsyncExecutor is busy, demoting from the main
  // thread"; it follows when this cycle has ended.
  note(kinds::demoting_dcs);
  if (version_.offline_demotion_async && m_.action == Action::none) {
    begin(Action::demote, demote_as_action(Demotion::offline));
  } else {
    co_await demote(Demotion::offline);
  }
  co_return Step::done;
}

}  // namespace predrill::models
