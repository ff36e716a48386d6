// The postmaster: starting, signals, death; the background load.
#include "models/postgres.hpp"

#include <algorithm>
#include <utility>

#include "models/postgres_processes.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

std::string_view to_text(ControlState state) {
  switch (state) {
    case ControlState::shut_down:
      return "shut down";
    case ControlState::shut_down_in_recovery:
      return "shut down in recovery";
    case ControlState::shutting_down:
      return "shutting down";
    case ControlState::in_crash_recovery:
      return "in crash recovery";
    case ControlState::in_archive_recovery:
      return "in archive recovery";
    case ControlState::in_production:
      return "in production";
  }
  return "?";
}

const ReplicationRow* ReplicationView::find(MemberId member) const {
  for (std::size_t i = 0; i < count; ++i) {
    if (rows[i].member == member) return &rows[i];
  }
  return nullptr;
}

namespace {

std::size_t backlog(const PostgresConfig& config) {  // pqcomm.c: StreamServerPort
  return static_cast<std::size_t>(std::min(config.max_connections * 2, 4096));
}

}  // namespace

PostgresServer::PostgresServer(sim::Host& host, PostgresConfig config, Disk& disk, Ledger* ledger,
                               PostgresTimings timings)
    : host_(host),
      config_(std::move(config)),
      timings_(std::move(timings)),
      disk_(disk),
      ledger_(ledger),
      entity_(host.simulation().trace().entity("postgres/" + config_.name)),
      forks_(host.simulation().stream(config_.name, "fork")),
      authentications_(host.simulation().stream(config_.name, "authentication")),
      queries_(host.simulation().stream(config_.name, "query")),
      starts_(host.simulation().stream(config_.name, "start")),
      replays_(host.simulation().stream(config_.name, "replay")),
      promotions_(host.simulation().stream(config_.name, "promotion")),
      slow_promotions_(host.simulation().stream(config_.name, "promotion_slow")),
      misses_(host.simulation().stream(config_.name, "archive_miss")),
      stops_(host.simulation().stream(config_.name, "stop")),
      checkpoints_(host.simulation().stream(config_.name, "checkpoint")),
      crashes_(host.simulation().stream(config_.name, "crash")),
      sends_(host.simulation().stream(config_.name, "walsender")),
      receives_(host.simulation().stream(config_.name, "walreceiver")),
      reloads_(host.simulation().stream(config_.name, "reload")),
      copies_(host.simulation().stream(config_.name, "copy")),
      tails_(host.simulation().stream(config_.name, "tail")),
      slowness_(host.simulation(), config_.machine.empty() ? config_.name : config_.machine),
      cpus_(config_.cores == 0 ? INT32_MAX : config_.cores),
      group_(host, "postgres"),
      sql_(group_, "5432", backlog(config_)),
      replication_(group_, "5432 (replication)"),
      checkpoint_due_(*this, group_),
      checkpoint_done_(*this, group_),
      wal_writer_(*this, group_),
      reload_(*this, group_) {
  disk_.add_user(*this);
  host_.simulation().network().add_observer(*this);
  sql_.options.keepalive = replication_.options.keepalive = true;  // with the kernel's defaults
}

PostgresServer::~PostgresServer() {
  group_.kill();
  host_.simulation().network().remove_observer(*this);
  disk_.remove_user(*this);
}

void PostgresServer::set_members(const std::vector<PostgresServer*>& members) {
  members_ = members;
}

void PostgresServer::initialize(Lsn end, Timeline timeline) {
  SIM_ASSERT(!alive(), "a directory is made before its server starts");
  durable_ = Durable{};
  durable_.history = WalHistory(TimelineEntry{timeline, 0, Lsn{}});
  durable_.end = end;
  durable_.control = {ControlState::shut_down, timeline, end, end};
}

// ---- control -------------------------------------------------------------------------------

bool PostgresServer::start(StartAs as, MemberId follow) {
  if (alive() || copying_ || !host_.up()) return false;
  zombie_ = false;
  durable_.standby_signal = as == StartAs::standby;
  if (follow != nobody) durable_.follow = follow;
  volatile_ = Volatile{};
  volatile_.sync_names = durable_.sync_names;
  volatile_.replay_rate = draw_replay_rate();
  life_ = group_.incarnation();
  attach(group_);
  emit(postgres_kinds::starting);
  set_phase(Phase::starting);
  volatile_.startup = group_.spawn(postmaster());
  return true;
}

void PostgresServer::stop(StopMode mode) {
  if (!alive()) return;
  const bool stopping = volatile_.phase == Phase::stopping;
  if (stopping && mode <= volatile_.stop_mode) return;
  emit(mode == StopMode::smart  ? postgres_kinds::smart_stop
       : mode == StopMode::fast ? postgres_kinds::fast_stop
                                : postgres_kinds::immediate_stop);
  if (stopping) group_.kill(volatile_.shutdown);
  volatile_.stop_mode = mode;
  volatile_.shutdown = group_.spawn(shutdown(mode));
}

bool PostgresServer::promote() {
  if (volatile_.phase != Phase::standby) return false;
  volatile_.startup = group_.spawn(promotion());
  set_phase(Phase::promoting);
  return true;
}

sim::Task<bool> PostgresServer::wait_stopped(Duration limit) {
  const Time deadline = later(now(), limit);
  while (alive()) {
    if (now() >= deadline) co_return false;
    co_await changed_.wait_for(limit == sim::forever ? limit : deadline - now());
  }
  co_return true;
}

sim::Task<bool> PostgresServer::wait_ready(Duration limit) {
  const Time deadline = later(now(), limit);
  while (pg_isready() != Readiness::accepting) {
    if (now() >= deadline || !alive()) co_return false;
    co_await changed_.wait_for(limit == sim::forever ? limit : deadline - now());
  }
  co_return true;
}

sim::Task<bool> PostgresServer::wait_production(Duration limit) {
  const Time deadline = later(now(), limit);
  while (durable_.control.state != ControlState::in_production ||
         volatile_.phase != Phase::production) {
    if (now() >= deadline || !alive()) co_return false;
    co_await changed_.wait_for(limit == sim::forever ? limit : deadline - now());
  }
  co_return true;
}

void PostgresServer::set_phase(Phase phase) {
  volatile_.phase = phase;
  changed_.notify_all();
}

void PostgresServer::emit(const sim::Kind& kind, std::int64_t a, std::int64_t b, std::int64_t c) {
  host_.simulation().trace().emit(now(), entity_, kind, a, b, c);
}

// ---- settings ------------------------------------------------------------------------------

void PostgresServer::set_synchronous_standby_names(SynchronousStandbyNames names) {
  if (names == durable_.sync_names) return;
  durable_.sync_names = names;
  if (alive()) reload_.arm(timings_.reload.sample_duration(reloads_));
}

// SIGHUP has arrived. The checkpointer wakes all who wait if the names have become empty
// (syncrep.c, SyncRepUpdateSyncStandbysDefined).
void PostgresServer::reloaded() {
  if (!alive() || volatile_.sync_names == durable_.sync_names) return;
  volatile_.sync_names = durable_.sync_names;
  const bool none = volatile_.sync_names.method == SynchronousStandbyNames::Method::none;
  emit(postgres_kinds::sync_names, none ? 0 : volatile_.sync_names.count,
       volatile_.sync_names.members);
  sync_moved();
}

void PostgresServer::follow(MemberId primary) {
  if (durable_.follow == primary) return;
  durable_.follow = primary;
  if (volatile_.phase == Phase::standby) start_receiving(false);
}

void PostgresServer::set_slots(MemberSet slots) {
  const Lsn end = flushed();
  for (MemberId m = 0; m < members_max; ++m) {
    if (contains(slots, m) && !contains(durable_.slots, m)) durable_.slot_lsn[m] = end;
  }
  durable_.slots = slots;
}

void PostgresServer::advance_slots() {
  for (MemberId m = 0; m < members_max; ++m) {
    if (contains(durable_.slots, m) && walsenders_[m] == nullptr) durable_.slot_lsn[m] = flushed();
  }
}

// ---- what can be seen ----------------------------------------------------------------------

Readiness PostgresServer::pg_isready() const {
  if (!sql_.is_open() || group_.frozen()) return Readiness::no_response;
  switch (volatile_.phase) {
    case Phase::production:
      return Readiness::accepting;
    case Phase::standby:
    case Phase::promoting:
      return config_.hot_standby ? Readiness::accepting : Readiness::rejecting;
    case Phase::down:
    case Phase::starting:
    case Phase::crash_recovery:
    case Phase::recovery:
    case Phase::stopping:
      break;
  }
  return Readiness::rejecting;
}

Lsn PostgresServer::flushed() const {
  switch (volatile_.source) {
    case Source::curve:
      return curve_.at(now());
    case Source::flow:
      return flow_.flushed(now());
    case Source::durable:
      break;
  }
  return durable_.end;
}

Lsn PostgresServer::whole_records() const {
  return volatile_.source == Source::flow ? flow_.whole_records(now()) : flushed();
}

Lsn PostgresServer::replayed() const {
  return volatile_.source == Source::flow ? flow_.replayed(now()) : flushed();
}

bool PostgresServer::in_recovery() const {
  return volatile_.source == Source::curve ? false : durable_.standby_signal;
}

bool PostgresServer::accepts_writes() const {
  return volatile_.phase == Phase::production && !group_.frozen();
}

std::uint64_t PostgresServer::wal_since_redo() const {
  return flushed() - durable_.control.redo;
}

std::uint64_t PostgresServer::wal_retained() const {
  Lsn oldest = flushed();
  for (MemberId m = 0; m < members_max; ++m) {
    if (!contains(durable_.slots, m)) continue;
    const Walsender* sender = walsenders_[m];
    oldest = std::min(oldest, sender != nullptr ? sender->confirmed_flush() : durable_.slot_lsn[m]);
  }
  return flushed() - oldest;
}

Follow PostgresServer::can_follow(const PostgresServer& primary) const {
  // Half a record has not been replayed, and is written anew when streaming begins.
  return models::can_follow(durable_.history, whole_records(), primary.durable_.history,
                            primary.flushed());
}

// ---- death and changes from outside ----------------------------------------------------------

void PostgresServer::kill_postmaster(bool zombie) {
  if (!alive()) return;
  zombie_ = zombie;
  group_.kill();
}

void PostgresServer::crash_backend() {
  if (volatile_.source == Source::durable) return;
  emit(postgres_kinds::backend_crashed);
  crash_restart(timings_.crash_notice.sample_duration(crashes_));
}

void PostgresServer::panic() {
  emit(postgres_kinds::panic);
  crash_restart(timings_.crash_notice.sample_duration(crashes_));
}

// A server process has died abnormally (postmaster.c, HandleChildCrash): everybody else goes,
// shared memory is made anew.
void PostgresServer::crash_restart(Duration notice) {
  const bool stopping = volatile_.phase == Phase::stopping;
  end_sessions(SqlState::crash_shutdown);
  if (!config_.restart_after_crash || stopping) {
    group_.kill();
    return;
  }
  for (Walsender* sender : walsenders_) {
    if (sender != nullptr) group_.kill(sender->process);
  }
  group_.kill(volatile_.startup);
  group_.kill(volatile_.receiving);
  lose_memory();
  volatile_.startup = group_.spawn(reinitialize(notice));
  set_phase(Phase::starting);
}

// What was flushed stays.
void PostgresServer::lose_memory() {
  close_flow();
  Lsn end = flushed();
  const bool primary = volatile_.source == Source::curve;
  if (volatile_.source == Source::flow) {
    flow_.disconnect(now(), false);
    end = flow_.flushed(now());
  }
  bool tail_lost = primary && volatile_.unflushed_acknowledged;
  if (primary && curve_.rate() != 0 && background_.synchronous_commit == SynchronousCommit::off) {
    const Duration age = tails_.uniform(Duration{}, 3 * config_.wal_writer_delay);
    end =
        std::max(curve_.at(now() - age), std::max(durable_.control.redo, durable_.history.begin()));
    for (MemberId m = 0; m < members_max; ++m) end = std::max(end, durable_.slot_lsn[m]);
    tail_lost = true;
  }
  curve_.set_rate(now(), 0);
  durable_.end = end;
  durable_.history.trim(end);
  if (tail_lost) {  // the same timeline will be written anew from here
    const Branch branch = (Branch{config_.member} + 1) << 24 | ++durable_.branches;
    durable_.history.fork({durable_.history.timeline(), branch, end});
  }
  const Volatile old = volatile_;
  volatile_ = Volatile{};
  volatile_.phase = old.phase;
  volatile_.clean_exit = old.clean_exit;
  volatile_.sync_names = durable_.sync_names;
  volatile_.replay_rate = old.replay_rate;
  checkpoint_due_.disarm();
  checkpoint_done_.disarm();
  wal_writer_.disarm();
  reload_.disarm();
}

void PostgresServer::on_group_death() {
  if (!alive()) return;
  lose_memory();
  if (!volatile_.clean_exit) {
    emit(postgres_kinds::killed, static_cast<std::int64_t>(durable_.end.value));
  }
  if (!host_.up()) zombie_ = false;
  sessions_ = 0;
  set_phase(Phase::down);
}

void PostgresServer::on_group_freeze(bool frozen) {
  if (!alive()) return;
  if (!frozen) {
    for (Walsender* sender : walsenders_) {
      if (sender != nullptr) sender->thawed();
    }
    if (walreceiver_ != nullptr) walreceiver_->thawed();
    changed_.notify_all();
  }
  refresh_streams();
  update_background();
}

void PostgresServer::on_network_change() {
  if (alive()) refresh_streams();
}

void PostgresServer::on_disk_change() {
  if (!alive()) return;
  if (volatile_.source == Source::flow) {
    flow_.set_stalled(now(), disk_.stalled());
    if (walreceiver_ != nullptr && walreceiver_->sender != nullptr) {
      walreceiver_->primary.sync_moved();
    }
  }
  const bool broken = disk_.full() || disk_.failing();
  if (broken && volatile_.phase == Phase::production && curve_.rate() != 0) {
    panic();
    return;
  }
  update_background();
}

void PostgresServer::refresh_streams() {
  for (Walsender* sender : walsenders_) {
    if (sender != nullptr) sender->refresh();
  }
  if (walreceiver_ != nullptr && walreceiver_->sender != nullptr) walreceiver_->sender->refresh();
}

void PostgresServer::settle_streams() {
  for (Walsender* sender : walsenders_) {
    if (sender != nullptr && sender->flowing()) sender->standby_flow().settle(now());
  }
}

/// Who waits for standbys must look again.
void PostgresServer::sync_moved() {
  sync_changed_.notify_all();
  update_background();
}

sim::Task<void> PostgresServer::end_process(sim::ProcessId process) {
  group_.kill(process);
  co_return;
}

// ---- lag -----------------------------------------------------------------------------------

void PostgresServer::set_replay_paused(bool paused) {
  if (volatile_.source != Source::flow) return;
  flow_.set_replay_paused(now(), paused);
  if (walreceiver_ != nullptr && walreceiver_->sender != nullptr)
    walreceiver_->primary.sync_moved();
}

void PostgresServer::set_replication_bandwidth(std::uint64_t bytes_per_second) {
  config_.replication_bytes_per_second = bytes_per_second;
  for (Walsender* sender : walsenders_) {
    if (sender != nullptr && sender->flowing()) {
      sender->standby_flow().set_bandwidth(now(), bytes_per_second);
    }
  }
  update_background();
}

}  // namespace predrill::models
