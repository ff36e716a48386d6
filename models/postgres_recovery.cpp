// Startup process, checkpointer and shutdown of a PostgreSQL server; copies of its directory.
#include <algorithm>
#include <utility>

#include "models/postgres.hpp"
#include "models/postgres_processes.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

namespace {

constexpr std::uint64_t checkpoint_record_bytes = 120;  // with its page header and alignment

}  // namespace

// ---- start ---------------------------------------------------------------------------------

sim::Task<void> PostgresServer::postmaster() {
  co_await sim::sleep_for(slowness_.sample(timings_.start, starts_));
  sql_.open();
  replication_.open();
  group_.spawn(accept_sessions());
  group_.spawn(accept_replication());
  changed_.notify_all();
  co_await startup();
}

sim::Task<void> PostgresServer::reinitialize(Duration notice) {
  co_await sim::sleep_for(notice);
  co_await startup();
}

sim::Task<void> PostgresServer::startup() {
  const bool end_checkpoint = !durable_.standby_signal && !durable_.control.clean();
  const bool recovered = co_await recover(end_checkpoint);
  if (!recovered) {
    emit(postgres_kinds::start_failed);
    group_.kill();
    co_return;
  }
  if (durable_.standby_signal) {
    enter_standby();
  } else {
    enter_production();
  }
}

// Replays the WAL since the last completed checkpoint; a crashed primary then waits for a
// checkpoint (xlog.c, StartupXLOG).
sim::Task<bool> PostgresServer::recover(bool end_of_recovery_checkpoint) {
  if (!durable_.intact || disk_.failing()) co_return false;
  const bool unclean = !durable_.control.clean();
  const std::uint64_t bytes = unclean ? durable_.end - durable_.control.redo : 0;
  if (durable_.standby_signal) {
    set_phase(Phase::recovery);
    emit(postgres_kinds::recovery_started, static_cast<std::int64_t>(bytes));
    durable_.control.state = ControlState::in_archive_recovery;
  } else if (end_of_recovery_checkpoint) {
    set_phase(Phase::crash_recovery);
    emit(postgres_kinds::crash_recovery_started, static_cast<std::int64_t>(bytes));
    durable_.control.state = ControlState::in_crash_recovery;
  }
  Duration work = time_for(bytes, volatile_.replay_rate);
  // xlog.c, StartupXLOG: SyncDataDirectory(), unless the last shutdown was clean.
  if (unclean) work += slowness_.sample(timings_.data_directory_sync, starts_);
  if (durable_.standby_signal) work += ask_archive(timings_.archive_probes_at_start);
  co_await sim::sleep_for(work);
  if (!end_of_recovery_checkpoint) co_return true;
  const DiskResult written = co_await disk_.write(std::min(bytes, config_.shared_buffers));
  if (written != DiskResult::ok) co_return false;
  complete_checkpoint(durable_.end);
  emit(postgres_kinds::crash_recovery_finished, static_cast<std::int64_t>(durable_.end.value));
  co_return true;
}

void PostgresServer::enter_production() {
  curve_.reset(now(), durable_.end);
  volatile_.source = Source::curve;
  durable_.control.state = ControlState::in_production;
  open_flow_ = {};
  emit(postgres_kinds::ready, timeline());
  set_phase(Phase::production);
  volatile_.checkpoint_started = now();
  arm_checkpoint();
  update_background();
}

void PostgresServer::enter_standby() {
  flow_.reset(now(), durable_.end, durable_.end, volatile_.replay_rate);
  flow_.set_stalled(now(), disk_.stalled());
  volatile_.source = Source::flow;
  emit(postgres_kinds::ready_read_only);
  set_phase(Phase::standby);
  volatile_.checkpoint_started = now();
  arm_checkpoint();
  start_receiving(false);
}

// restore_command for files that the archive lacks, one after the other.
Duration PostgresServer::ask_archive(std::int32_t times) {
  Duration spent{};
  if (!config_.restore_command) return spent;
  for (std::int32_t i = 0; i < times; ++i) {
    spent += timings_.archive_miss.sample_duration(misses_);
  }
  return spent;
}

std::uint64_t PostgresServer::draw_replay_rate() {
  const double rate = timings_.replay_bytes_per_second.sample(replays_);
  return rate < 1 ? 1 : static_cast<std::uint64_t>(rate);
}

// ---- promotion -----------------------------------------------------------------------------

// xlogrecovery.c: the walreceiver is stopped, everything received is replayed, the archive is asked
// for more, then a new timeline begins. No checkpoint is waited for.
sim::Task<void> PostgresServer::promotion() {
  group_.kill(volatile_.receiving);
  flow_.set_replay_paused(now(), false);
  emit(postgres_kinds::promotion_started,
       static_cast<std::int64_t>(flow_.received(now()) - flow_.replayed(now())));
  Duration work = slowness_.sample(timings_.promotion, promotions_);
  const bool slow = slow_promotions_.chance(timings_.promotion_slow_share);
  const Duration slept = timings_.promotion_slow.sample_duration(slow_promotions_);
  if (slow) work += slept;
  work += ask_archive(timings_.archive_misses);
  co_await sim::sleep_for(work + flow_.replay_backlog(now()));
  const DiskResult written = co_await disk_.fsync();  // history file, end-of-recovery record
  if (written != DiskResult::ok) {
    panic();
    co_return;
  }
  const Lsn end = flow_.flushed(now());
  const Timeline next = timeline() + 1;
  durable_.history.trim(end);
  const Branch branch = (Branch{config_.member} + 1) << 24 | ++durable_.branches;
  durable_.history.fork({next, branch, end});
  durable_.standby_signal = false;
  durable_.slot_lsn.fill(end);
  curve_.reset(now(), end);
  volatile_.source = Source::curve;
  durable_.control.state = ControlState::in_production;
  open_flow_ = {};
  emit(postgres_kinds::promotion_finished, timeline(), static_cast<std::int64_t>(end.value));
  set_phase(Phase::production);
  begin_checkpoint();
  update_background();
}

// ---- checkpoints ---------------------------------------------------------------------------

std::uint64_t PostgresServer::dirty_bytes() const {
  // Pages dirtied since the last checkpoint, as if WAL were full-page images.
  return std::min(flushed() - durable_.control.redo, config_.shared_buffers);
}

void PostgresServer::complete_checkpoint(Lsn redo) {
  durable_.control.redo = durable_.control.checkpoint = redo;
  durable_.control.timeline = timeline();
}

// WAL between two checkpoints that max_wal_size forces (xlog.c, CalculateCheckpointSegments).
std::uint64_t PostgresServer::checkpoint_distance() const {
  return config_.max_wal_size * 100 /
         static_cast<std::uint64_t>(100 + config_.checkpoint_completion_target_percent);
}

// After a commit: has max_wal_size been reached?
void PostgresServer::checkpoint_if_due() {
  const Lsn last = volatile_.checkpoint_running ? volatile_.checkpoint_redo : durable_.control.redo;
  const bool due = flushed() - last >= checkpoint_distance();
  if (due && volatile_.phase == Phase::production) checkpoint_due();
}

// Spread over checkpoint_completion_target of the time until the next one.
void PostgresServer::begin_checkpoint() {
  const std::int32_t percent = config_.checkpoint_completion_target_percent;
  Duration interval = config_.checkpoint_timeout;
  if (curve_.rate() != 0) {
    interval = std::min(interval, time_for(checkpoint_distance(), curve_.rate()));
  }
  volatile_.checkpoint_started = now();
  volatile_.checkpoint_redo = replayed();
  volatile_.checkpoint_running = true;
  checkpoint_done_.arm(interval * percent / 100);
  arm_checkpoint();
}

void PostgresServer::arm_checkpoint() {
  if (volatile_.source == Source::durable || volatile_.phase == Phase::stopping) return;
  const Lsn last = volatile_.checkpoint_running ? volatile_.checkpoint_redo : durable_.control.redo;
  const std::uint64_t limit = checkpoint_distance();
  const std::uint64_t written = flushed() - last;
  Duration wait = volatile_.checkpoint_started + config_.checkpoint_timeout - now();
  if (volatile_.source == Source::curve && curve_.rate() != 0) {
    wait = std::min(wait, time_for(limit > written ? limit - written : 0, curve_.rate()));
  }
  checkpoint_due_.arm(std::max(wait, Duration{1ms}));
}

void PostgresServer::checkpoint_due() {
  const bool idle = flushed() == durable_.control.redo;  // nothing to do without new WAL
  if (idle || disk_.stalled()) {
    volatile_.checkpoint_started = now();
    arm_checkpoint();
    return;
  }
  if (volatile_.checkpoint_running) checkpoint_done();  // hurried up
  begin_checkpoint();
}

void PostgresServer::checkpoint_done() {
  if (!volatile_.checkpoint_running || disk_.stalled()) return;
  volatile_.checkpoint_running = false;
  checkpoint_done_.disarm();
  complete_checkpoint(volatile_.checkpoint_redo);
}

sim::Task<bool> PostgresServer::checkpoint() {
  const std::uint32_t life = life_;
  if (volatile_.source == Source::durable || volatile_.phase == Phase::stopping) co_return false;
  const Lsn redo = replayed();
  const DiskResult written = co_await disk_.write(dirty_bytes());
  // Files are synced even if nothing had to be written.
  co_await sim::sleep_for(slowness_.sample(timings_.shutdown_checkpoint, stops_));
  if (life != life_ || volatile_.source == Source::durable || written != DiskResult::ok) {
    co_return false;
  }
  volatile_.checkpoint_running = false;
  checkpoint_done_.disarm();
  volatile_.checkpoint_started = now();
  complete_checkpoint(redo);
  arm_checkpoint();
  co_return true;
}

// ---- stop ----------------------------------------------------------------------------------

// pg_ctl stop: postmaster.c, pmdie and PostmasterStateMachine.
sim::Task<void> PostgresServer::shutdown(StopMode mode) {
  const bool recovered = volatile_.source != Source::durable;
  set_phase(Phase::stopping);
  if (mode == StopMode::immediate) {
    end_sessions(SqlState::admin_shutdown);
    volatile_.sessions_over = true;
    update_background();
    co_await sim::sleep_for(timings_.crash_notice.sample_duration(crashes_));
    group_.kill();
    co_return;
  }
  while (mode == StopMode::smart && sessions_ > 0) co_await sessions_changed_.wait();
  if (mode == StopMode::fast) {
    // Lab, 13 fast stops: PgBouncer's session had ended 13 ms after the signal on average; the last
    // process had after 31 ms (p50 of all).
    const Duration all = slowness_.sample(timings_.stop_sessions, stops_);
    co_await sim::sleep_for(all * 2 / 5);
    end_sessions(SqlState::admin_shutdown);
    co_await sim::sleep_for(all - all * 2 / 5);
  }
  volatile_.sessions_over = true;
  group_.kill(volatile_.startup);
  group_.kill(volatile_.receiving);
  bool clean = false;
  if (volatile_.source == Source::curve) {
    clean = co_await shutdown_primary();
  } else if (recovered) {
    const DiskResult written = co_await disk_.write(dirty_bytes());  // the restartpoint
    clean = written == DiskResult::ok;
    if (clean) {
      complete_checkpoint(flow_.replayed(now()));
      durable_.control.state = ControlState::shut_down_in_recovery;
    }
  }
  volatile_.clean_exit = true;
  if (clean || !recovered) emit(postgres_kinds::shut_down);
  group_.kill();
}

// Shutdown checkpoint first, then the walsenders send all of it and wait for the standbys.
sim::Task<bool> PostgresServer::shutdown_primary() {
  update_background();
  durable_.control.state = ControlState::shutting_down;
  changed_.notify_all();
  co_await sim::sleep_for(slowness_.sample(timings_.shutdown_checkpoint, checkpoints_));
  const DiskResult written = co_await disk_.write(dirty_bytes() + volatile_.unflushed_bytes);
  if (written != DiskResult::ok) {
    emit(postgres_kinds::panic);
    co_return false;
  }
  settle_streams();
  curve_.jump(now(), volatile_.unflushed_bytes + checkpoint_record_bytes);
  volatile_.unflushed_bytes = 0;
  volatile_.unflushed_acknowledged = false;
  complete_checkpoint(flushed());
  durable_.control.state = ControlState::shut_down;
  emit(postgres_kinds::shutdown_checkpoint, static_cast<std::int64_t>(flushed().value));
  changed_.notify_all();
  co_await drain_walsenders();
  co_return true;
}

// A walsender that hears nothing holds the stop up until wal_sender_timeout (walsender.c,
// WalSndDone).
sim::Task<void> PostgresServer::drain_walsenders() {
  for (;;) {
    const auto first = std::find_if(walsenders_.begin(), walsenders_.end(),
                                    [](const Walsender* s) { return s != nullptr; });
    if (first == walsenders_.end()) co_return;
    const MemberId member = (*first)->member;
    const Time due = (*first)->confirmation(flushed(), SynchronousCommit::on);
    if (due == sim::time_max || !(*first)->flowing()) {
      co_await senders_changed_.wait();
      continue;
    }
    co_await senders_changed_.wait_for(due - now());
    Walsender* sender = walsenders_[member];
    if (sender == nullptr || now() < due || !sender->flowing()) continue;
    ReplicationReply end;
    end.op = ReplicationReply::Op::end_of_wal;
    end.timeline = timeline();
    end.position = flushed();
    sender->socket.send(end);
    group_.kill(sender->process);
  }
}

// ---- offline work --------------------------------------------------------------------------

namespace {

// The directory is taken until the work ends, also where whoever waits for it is killed.
class OfflineWork {
 public:
  explicit OfflineWork(bool& taken) : taken_(taken) { taken_ = true; }
  ~OfflineWork() { taken_ = false; }
  OfflineWork(const OfflineWork&) = delete;
  OfflineWork& operator=(const OfflineWork&) = delete;

 private:
  bool& taken_;
};

}  // namespace

sim::Task<bool> PostgresServer::single_user_recovery() {
  if (alive() || copying_ || !host_.up()) co_return false;
  const OfflineWork work(copying_);
  const std::uint32_t host_life = host_.incarnation();
  const Duration replay =
      time_for(durable_.control.clean() ? 0 : wal_since_redo(), draw_replay_rate());
  co_await sim::sleep_for(slowness_.sample(timings_.start, starts_) + replay);
  const DiskResult written =
      co_await disk_.write(std::min(wal_since_redo(), config_.shared_buffers));
  if (host_life != host_.incarnation() || written != DiskResult::ok || !durable_.intact) {
    co_return false;
  }
  // xlog.c, ShutdownXLOG: where WAL is archived, and Patroni starts this mode with archive_mode on
  // and an archive_command that fails (rewind.py, ensure_clean_shutdown), a stop ends the segment.
  durable_.switched = durable_.end;
  durable_.end = durable_.end + checkpoint_record_bytes;
  complete_checkpoint(durable_.end);
  durable_.control.state = ControlState::shut_down;
  co_return true;
}

bool PostgresServer::can_copy_from(const PostgresServer& source) const {
  const sim::Network& network = host_.simulation().network();
  return source.volatile_.phase == Phase::production && !source.group_.frozen() &&
         source.durable_.control.timeline == source.timeline() &&
         network.reaches(host_, source.host_) && network.reaches(source.host_, host_);
}

// Becomes a copy of the source as of the end of copying; must replay from `redo` to be consistent.
sim::Task<RewindResult> PostgresServer::copy(PostgresServer& source, std::uint64_t bytes,
                                             Lsn redo) {
  const double rate = timings_.copy_bytes_per_second.sample(copies_);
  durable_.intact = false;
  co_await sim::sleep_for(time_for(bytes, rate < 1 ? 1 : static_cast<std::uint64_t>(rate)));
  if (!can_copy_from(source)) {
    emit(postgres_kinds::copy_failed, source.member());
    co_return RewindResult::failed;
  }
  const Branch branches = durable_.branches;
  const MemberId follow = durable_.follow;
  const SynchronousStandbyNames names = durable_.sync_names;
  durable_ = Durable{};
  durable_.history = source.durable_.history;
  durable_.end = source.flushed();
  durable_.control = {ControlState::in_archive_recovery, source.timeline(), redo, redo};
  durable_.branches = branches;
  durable_.follow = follow;
  durable_.sync_names = names;
  durable_.standby_signal = true;
  co_return RewindResult::done;
}

sim::Task<RewindResult> PostgresServer::pg_rewind(PostgresServer& source) {
  if (alive() || copying_ || !durable_.control.clean() || !durable_.intact ||
      !can_copy_from(source)) {
    co_return RewindResult::failed;
  }
  const OfflineWork work(copying_);
  co_await sim::sleep_for(slowness_.sample(timings_.rewind, copies_));
  const Lsn common =
      WalHistory::common_end(durable_.history, durable_.end, source.history(), source.flushed());
  const std::uint64_t discarded = durable_.end - common;
  // Blocks changed since the last checkpoint before the divergence, and the WAL since then.
  const Lsn redo = std::min(common, source.controldata().redo);
  const std::uint64_t bytes = discarded + (source.flushed() - redo);
  const RewindResult result = co_await copy(source, bytes, redo);
  if (result == RewindResult::done) {
    emit(postgres_kinds::rewound, source.member(), static_cast<std::int64_t>(discarded));
  }
  co_return result;
}

sim::Task<RewindResult> PostgresServer::pg_basebackup(PostgresServer& source) {
  if (alive() || copying_ || !can_copy_from(source)) co_return RewindResult::failed;
  const OfflineWork work(copying_);
  const Lsn redo = source.flushed();
  const RewindResult result = co_await copy(source, config_.data_bytes, redo);
  if (result == RewindResult::done) emit(postgres_kinds::copied, source.member());
  co_return result;
}

}  // namespace predrill::models
