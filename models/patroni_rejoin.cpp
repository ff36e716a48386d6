// A PostgreSQL that does not run: crash recovery, rewind, start. Source: patroni/ha.py (recover),
// postgresql/rewind.py, postgresql/__init__.py (start) of 3.3.2.
#include <algorithm>

#include "models/patroni.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
namespace kinds = patroni_kinds;

namespace {

constexpr Duration pg_ctl_timeout = 60s;
constexpr Duration polling_interval = 1s;  // utils.py, polling_loop

bool unclean(ControlState state) {
  return state == ControlState::in_production || state == ControlState::shutting_down ||
         state == ControlState::in_crash_recovery;
}

}  // namespace

Task<Patroni::Step> Patroni::recover() {
  watchdog_disable();
  bool locked = false;
  if (has_lock()) {
    const DcsAnswer renewed = co_await update_lock(false);
    if (renewed == DcsAnswer::error) co_return Step::dcs_error;
    locked = renewed == DcsAnswer::yes;
  }
  if (locked && config_.primary_start_timeout == 0s) {
    const bool possible = co_await is_failover_possible({}, false);
    if (possible) {
      note(kinds::demoting_crash);
      co_await demote(Demotion::immediate);
      co_return Step::done;
    }
  }
  const ControlState control = postgres_.controldata().state;
  if (locked && config_.primary_start_timeout > 0s && version_.crash_restart_primary &&
      (unclean(control) || control == ControlState::shut_down) &&
      m_.state == MemberData::State::crashed && m_.role == Role::primary &&
      !postgres_.standby_signal()) {
    note(kinds::starting_primary);
    begin(Action::start_primary,
          start_as_action(StartAs::primary, nobody, config_.primary_start_timeout));
    m_.recovering = true;
    co_return Step::done;
  }
  if (unclean(control) && !m_.crash_recovery_done && (is_unlocked() || config_.use_pg_rewind)) {
    m_.crash_recovery_done = true;
    m_.crash_recovery_started = wall();
    note(kinds::crash_recovery);
    begin(Action::crash_recovery, crash_recovery());
    co_return Step::done;
  }
  const DcsAnswer loaded = co_await load_cluster();
  if (loaded == DcsAnswer::error) co_return Step::dcs_error;
  MemberId node = nobody;
  if (has_lock()) {
    m_.rewind = Rewind::initial;
    note(kinds::starting_readonly);
  } else {
    if (m_.rewind == Rewind::initial) m_.rewind = Rewind::check;
    const Step step = co_await handle_rewind();
    if (step != Step::go_on) co_return step;
    node = node_to_follow();
    note(kinds::starting_secondary);
    if (config_.synchronous_mode) co_await set_sync_names({});
  }
  const bool limited = locked && config_.primary_start_timeout > 0s;
  begin(Action::restart, start_as_action(StartAs::standby, node,
                                         limited ? config_.primary_start_timeout : pg_ctl_timeout));
  m_.recovering = true;
  co_return Step::done;
}

MemberId Patroni::node_to_follow() const {
  return m_.cluster.leader == config_.member ? nobody : m_.cluster.leader;
}

// A replication connection to the leader works and the leader is not in recovery.
PostgresServer* Patroni::reachable_primary(MemberId member) const {
  if (member >= members_.size() || members_[member] == nullptr) return nullptr;
  PostgresServer& server = members_[member]->postgres_;
  const sim::Network& network = group_.simulation().network();
  const bool reaches = network.reaches(host_, server.host()) && network.open(server.host(), host_);
  const bool primary =
      reaches && server.pg_isready() == Readiness::accepting && !server.in_recovery();
  return primary ? &server : nullptr;
}

// Rewind._check_timeline_and_lsn
Task<> Patroni::check_rewind(const MemberId leader) {
  const Duration length = slowness_.sample(timings_.rewind_check, command_stream_);
  co_await sim::sleep_for(length);
  const PostgresServer* server = reachable_primary(leader);
  if (server == nullptr) co_return;  // asked again in the next cycle
  const Follow follows = postgres_.can_follow(*server);
  const bool needed = follows == Follow::diverged || follows == Follow::behind;
  m_.rewind = needed ? Rewind::need : Rewind::not_needed;
}

// Ha._handle_rewind_or_reinitialize
Task<Patroni::Step> Patroni::handle_rewind() {
  const MemberId leader = node_to_follow();
  if (leader == nobody) co_return Step::go_on;
  if (m_.rewind == Rewind::check) co_await check_rewind(leader);
  if (m_.rewind != Rewind::need) co_return Step::go_on;
  if (config_.use_pg_rewind) {
    if (!postgres_.is_running() && !m_.crash_recovery_done &&
        postgres_.controldata().state == ControlState::in_archive_recovery) {
      m_.crash_recovery_done = true;
      m_.crash_recovery_started = wall();
      note(kinds::crash_recovery);
      begin(Action::crash_recovery, crash_recovery());
      co_return Step::done;
    }
    begin(Action::rewind, run_rewind(leader));
    co_return Step::done;
  }
  if (config_.remove_data_directory_on_diverged_timelines) {
    note(kinds::reinitializing);
    begin(Action::reinitialize, run_reinitialize(leader));
    co_return Step::done;
  }
  co_return Step::go_on;  // it will fail to stream
}

Task<> Patroni::crash_recovery() {
  const Duration around = slowness_.sample(timings_.single_user_mode, command_stream_);
  co_await sim::sleep_for(around);
  const bool clean = co_await postgres_.single_user_recovery();
  co_await finish(clean);
}

Task<> Patroni::run_rewind(const MemberId leader) {
  if (postgres_.is_running()) co_await stop_postgres(StopMode::fast, false, AtShutdown::nothing);
  PostgresServer* source = reachable_primary(leader);
  // "Waiting for checkpoint on … before rewind": pg_control must name the new timeline.
  if (source == nullptr || source->controldata().timeline != source->timeline()) {
    co_await finish(false);
    co_return;
  }
  note(kinds::rewinding, entity_of(leader));
  const RewindResult result = co_await postgres_.pg_rewind(*source);
  const bool done = result == RewindResult::done;
  note(done ? kinds::rewound : kinds::rewind_failed);
  m_.rewind = done ? Rewind::success : Rewind::check;
  m_.role = Role::replica;
  co_await finish(false);
}

Task<> Patroni::run_reinitialize(const MemberId leader) {
  if (postgres_.is_running()) {
    co_await stop_postgres(StopMode::immediate, false, AtShutdown::nothing);
  }
  set_state(MemberData::State::creating_replica);
  PostgresServer* source = reachable_primary(leader);
  if (source != nullptr) {
    const RewindResult result = co_await postgres_.pg_basebackup(*source);
    if (result == RewindResult::done) m_.rewind = Rewind::success;
  }
  co_await finish(false);
}

// Postgresql.start: waits for the port, then until the server accepts connections.
Task<bool> Patroni::start_postgres(const StartAs as, const MemberId node, const Duration limit) {
  set_state(MemberData::State::starting);
  m_.role = as == StartAs::primary ? Role::primary : Role::replica;
  const Duration command = slowness_.sample(timings_.start_command, command_stream_);
  co_await sim::sleep_for(command);
  postgres_.use_slot(config_.use_slots);
  const bool forked = postgres_.start(as, node);
  if (!forked) {
    set_state(MemberData::State::start_failed);
    co_return false;
  }
  const Duration noticed = slowness_.sample(timings_.pid_file, command_stream_);
  co_await sim::sleep_for(noticed);
  const sim::Time deadline = sim::later(group_.now(), limit);
  const Duration after = slowness_.sample(timings_.after_start, command_stream_);
  const sim::Time end = group_.now() + after;
  // wait_for_port_open and wait_for_startup: pg_isready is a program, and its first answer counts
  // only if there is none.
  const Duration first = slowness_.sample(timings_.command, command_stream_);
  co_await sim::sleep_for(std::min(first, after));
  while (postgres_.is_running() && postgres_.pg_isready() == Readiness::no_response &&
         group_.now() < deadline) {
    co_await sim::sleep_for(polling_interval);
  }
  const Duration second = slowness_.sample(timings_.command, command_stream_);
  co_await sim::sleep_for(std::min(second, after - std::min(first, after)));
  const sim::Time asked = group_.now();
  while (!check_startup_state_changed() && group_.now() < deadline) {
    co_await sim::sleep_for(polling_interval);
  }
  const Duration polled = group_.now() - asked;
  co_await sim::sleep_until(std::max(end + polled, group_.now()));
  co_return m_.state == MemberData::State::running;
}

Task<> Patroni::start_as_action(const StartAs as, const MemberId node, const Duration limit) {
  co_await start_postgres(as, node, limit);
  co_await finish(m_.state != MemberData::State::starting);
}

Task<> Patroni::restart_as_action() {
  const bool primary = m_.role == Role::primary;
  const MemberId node = node_to_follow();
  co_await stop_postgres(StopMode::fast, true, AtShutdown::nothing);
  co_await start_postgres(primary ? StartAs::primary : StartAs::standby, node,
                          primary && config_.primary_start_timeout > 0s
                              ? config_.primary_start_timeout
                              : pg_ctl_timeout);
  co_await finish(true);
}

bool Patroni::check_startup_state_changed() {
  switch (postgres_.pg_isready()) {
    case Readiness::accepting:
      set_state(MemberData::State::running);
      return true;
    case Readiness::rejecting:
      return false;
    case Readiness::no_response:
      break;
  }
  if (postgres_.is_running()) return false;
  set_state(MemberData::State::start_failed);
  return true;
}

// Rewind: others can rewind from here afterwards.
void Patroni::ensure_checkpoint_after_promote() {
  if (m_.checkpoint == Checkpoint::written) m_.checkpoint = Checkpoint::done;
  if (m_.checkpoint != Checkpoint::none) return;
  if (postgres_.controldata().timeline == postgres_.timeline()) {
    m_.checkpoint = Checkpoint::done;
    return;
  }
  m_.checkpoint = Checkpoint::requested;
  group_.spawn(checkpoint());
}

Task<> Patroni::checkpoint() {
  co_await postgres_.checkpoint();
  if (m_.checkpoint == Checkpoint::requested) m_.checkpoint = Checkpoint::written;
  dcs_.event.open();
}

}  // namespace predrill::models
