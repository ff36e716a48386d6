// A PostgreSQL server: postmaster, sessions, WAL, recovery, streaming replication.
//
// Real thing and version: PostgreSQL 15 (differences of 12 to 17 are not modelled).
// Modelled: start, stop (smart, fast, immediate), crash and recovery, promotion and timelines,
//   commits with group flush, synchronous replication, streaming with lag, walsender and
//   walreceiver time-outs, hot standby reads, connection limits, SQLSTATEs, replication slots and
//   WAL retention, checkpoints as far as recovery time and stops depend on them, pg_rewind and
//   pg_basebackup.
// Simplified (diverges from the real thing): replication does not send messages while it flows;
//   positions are computed from rate, latency, bandwidth and replay rate, and the connection
//   decides what happens when it breaks and when it comes back. A path that is cut in one direction
//   stops the flow at once (TCP's window is not modelled). Names in synchronous_standby_names are a
//   set: priority is the member's number. Statements take their time and hold no locks.
// Ignored: cascading replication (a standby refuses), logical replication, archive contents,
// vacuum,
//   recovery conflicts, prepared transactions.
// Calibrated from: see PostgresTimings.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "models/disk.hpp"
#include "models/ledger.hpp"
#include "models/lsn.hpp"
#include "models/postgres_config.hpp"
#include "models/replication.hpp"
#include "models/slowness.hpp"
#include "models/sql.hpp"
#include "models/wal.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

/// Settings of synchronous_standby_names.
struct SynchronousStandbyNames {
  enum class Method : std::uint8_t { none, first, any };
  Method method = Method::none;  // none = ''
  std::uint8_t count = 1;
  MemberSet members = 0;  // all bits set = '*'
  bool operator==(const SynchronousStandbyNames&) const = default;
};
constexpr MemberSet every_member = 0xffff;

/// pg_controldata: "Database cluster state".
enum class ControlState : std::uint8_t {
  shut_down,              // shut down
  shut_down_in_recovery,  // shut down in recovery
  shutting_down,          // shutting down
  in_crash_recovery,      // in crash recovery
  in_archive_recovery,    // in archive recovery
  in_production,          // in production
};
std::string_view to_text(ControlState state);

struct ControlData {
  ControlState state = ControlState::shut_down;
  Timeline timeline = 1;  // of the latest checkpoint
  Lsn checkpoint;         // latest checkpoint location
  Lsn redo;               // its REDO location
  bool clean() const {
    return state == ControlState::shut_down || state == ControlState::shut_down_in_recovery;
  }
};

/// pg_isready.
enum class Readiness : std::uint8_t { accepting, rejecting, no_response };

enum class StopMode : std::uint8_t { smart, fast, immediate };
enum class StartAs : std::uint8_t { primary, standby };

/// Answer of the one query that a cluster manager asks per cycle.
struct ServerStatus {
  bool in_recovery = false;
  Timeline timeline = 0;           // primary: current; standby: being replayed
  Timeline received_timeline = 0;  // of the walreceiver; 0 = none
  Lsn written;                     // primary: pg_current_wal_flush_lsn()
  Lsn received;                    // standby: pg_last_wal_receive_lsn()
  Lsn replayed;                    // standby: pg_last_wal_replay_lsn()
  bool streaming = false;          // pg_stat_wal_receiver
};
enum class QueryResult : std::uint8_t {
  ok,
  no_connection,  // nobody listens
  rejected,       // 57P03
  too_many,       // 53300
};

/// A row of pg_stat_replication.
struct ReplicationRow {
  enum class SyncState : std::uint8_t { async, potential, sync, quorum };
  MemberId member = nobody;
  bool streaming = false;  // else catching up
  Lsn sent;
  Lsn flushed;
  Lsn replayed;
  SyncState sync_state = SyncState::async;
};
struct ReplicationView {
  std::array<ReplicationRow, members_max> rows{};
  std::size_t count = 0;
  const ReplicationRow* find(MemberId member) const;
};

/// Transactions of a workload that is not simulated one by one.
struct BackgroundLoad {
  std::uint64_t rows_per_kilosecond = 0;  // 1000 times the write transactions per second
  std::uint64_t wal_bytes_per_row = 0;
  SynchronousCommit synchronous_commit = SynchronousCommit::on;
  std::uint64_t bytes_per_second() const { return rows_per_kilosecond * wal_bytes_per_row / 1000; }
};

enum class RewindResult : std::uint8_t { done, failed };

/// SqlRequest.user of a superuser: may use superuser_reserved_connections.
constexpr std::uint8_t superuser = 255;

class Session;
class Walsender;
class Walreceiver;

class PostgresServer : DiskUser, sim::GroupResource, sim::NetworkObserver {
 public:
  PostgresServer(sim::Host& host, PostgresConfig config, Disk& disk, Ledger* ledger = nullptr,
                 PostgresTimings timings = {});
  ~PostgresServer() override;

  /// Whom member numbers mean. Call once, before the first start; pointers outlive the run.
  void set_members(const std::vector<PostgresServer*>& members);
  /// A volume of its own for the data; without it data and WAL share one. When it is full,
  /// statements fail with 53100 and the server lives on.
  void set_data_disk(Disk& disk) { data_disk_ = &disk; }
  /// A new directory, clean and shut down, with this much WAL written so far.
  void initialize(Lsn end, Timeline timeline = 1);

  // ---- as pg_ctl on the same host -------------------------------------------------------------

  /// Forks a postmaster; it opens its port and works its way to accepting connections. False if
  /// one is running or the host is down.
  bool start(StartAs as, MemberId follow = nobody);
  /// Sends the signal. Nothing happens if none is running.
  void stop(StopMode mode);
  /// pg_ctl promote -W: signals a standby. False if it is no running standby.
  bool promote();
  /// Waits until there is no postmaster; false after `limit`.
  sim::Task<bool> wait_stopped(sim::Duration limit);
  /// Waits until pg_isready says "accepting connections"; false after `limit`, or without
  /// postmaster.
  sim::Task<bool> wait_ready(sim::Duration limit);
  /// Waits until pg_controldata says "in production"; false after `limit`, or without postmaster.
  sim::Task<bool> wait_production(sim::Duration limit);
  /// Notified at every change that pg_isready, pg_controldata or a process list would show.
  sim::Signal& changed() { return changed_; }

  /// Without a postmaster: crash recovery in single-user mode, then a clean shutdown.
  sim::Task<bool> single_user_recovery();
  /// Without a postmaster, after a clean shutdown: makes this directory a copy of `source`, which
  /// must be in production, have completed a checkpoint on its timeline and be reachable.
  sim::Task<RewindResult> pg_rewind(PostgresServer& source);
  /// Without a postmaster: a new copy.
  sim::Task<RewindResult> pg_basebackup(PostgresServer& source);

  // ---- as a superuser's local session ---------------------------------------------------------

  /// A server that was stopped (SIGSTOP) answers when it goes on: its statement_timeout stands
  /// still with it, and its kernel acknowledges what arrives.
  sim::Task<QueryResult> query_status(ServerStatus& status);
  /// CHECKPOINT. False if the server stopped meanwhile.
  sim::Task<bool> checkpoint();
  /// Writes the setting and reloads.
  void set_synchronous_standby_names(SynchronousStandbyNames names);
  const SynchronousStandbyNames& synchronous_standby_names() const { return durable_.sync_names; }
  /// Writes primary_conninfo and, if running, reloads: the walreceiver restarts. nobody = none.
  void follow(MemberId primary);
  MemberId following() const { return durable_.follow; }
  /// Physical slots, one per member. A standby that uses slots cannot connect without its own.
  void set_slots(MemberSet slots);
  /// pg_replication_slot_advance of those that nobody uses, to the end of this server's WAL.
  void advance_slots();
  MemberSet slots() const { return durable_.slots; }
  void use_slot(bool use) { use_slot_ = use; }  // primary_slot_name of this standby
  ReplicationView pg_stat_replication() const;

  // ---- what can be seen without a connection --------------------------------------------------

  /// A postmaster is there; also a dead one that nobody has waited for.
  bool is_running() const { return alive() || zombie_; }
  /// wait(2): a dead postmaster leaves the process table.
  void reap() { zombie_ = false; }
  Readiness pg_isready() const;
  /// Its processes are there and stopped.
  bool stands_still() const { return alive() && group_.frozen(); }
  ControlData controldata() const { return durable_.control; }
  const WalHistory& history() const { return durable_.history; }
  /// The end of the WAL that would survive a crash now.
  Lsn flushed() const;
  Lsn received() const { return flushed(); }
  /// Of what a standby has, the end of the last record that is whole.
  Lsn whole_records() const;
  Lsn replayed() const;
  bool in_recovery() const;
  bool accepts_writes() const;
  Timeline timeline() const { return durable_.history.timeline(); }
  bool standby_signal() const { return durable_.standby_signal; }
  /// WAL from the REDO point of the last completed checkpoint: what a crash would have to replay.
  std::uint64_t wal_since_redo() const;
  /// WAL that slots hold back.
  std::uint64_t wal_retained() const;
  /// Whether this directory's WAL departs from the other's (a rewind is needed).
  Follow can_follow(const PostgresServer& primary) const;

  const PostgresConfig& config() const { return config_; }
  MemberId member() const { return config_.member; }
  sim::Host& host() const { return host_; }
  sim::Group& group() { return group_; }  // freeze() it; kill through kill_postmaster()
  Disk& disk() const { return disk_; }
  SqlListener& sql() { return sql_; }
  ReplicationListener& replication() { return replication_; }
  std::int32_t connections() const { return sessions_; }

  // ---- load -----------------------------------------------------------------------------------

  /// A steady load that commits here whenever this server accepts writes and is reachable for it
  /// (set_background_reaches). Costs no events.
  void set_background(BackgroundLoad load);
  const BackgroundLoad& background() const { return background_; }
  /// Whether the clients of the background load find this server.
  void set_background_reaches(bool reaches);
  /// ALTER SYSTEM and a reload: survives restarts, does not travel to standbys.
  void set_default_transaction_read_only(bool on);
  /// Places the last checkpoint as if the background load had been there for ever.
  void assume_steady_state();
  /// Closes the ledger's open stretch of background load: call before asking the ledger.
  void settle_ledger();

  // ---- faults ---------------------------------------------------------------------------------

  /// The wall clock of the host was set forward by so much (or back): walsenders time their
  /// standbys' replies by it, so a jump of wal_sender_timeout and more ends them. One that reads a
  /// reply before it looks at the clock would be spared; that is not modelled.
  void clock_jumped(sim::Duration by);
  /// SIGKILL: postmaster and, within milliseconds, all its children. `zombie`: until reap() it is
  /// still in the process table.
  void kill_postmaster(bool zombie = false);
  /// A backend dies of a signal: all sessions end and the postmaster re-initialises.
  void crash_backend();
  /// Replay stops (pg_wal_replay_pause, or a conflict) and goes on.
  void set_replay_paused(bool paused);
  /// Bandwidth from this server to each standby, bytes per second; 0 = unlimited.
  void set_replication_bandwidth(std::uint64_t bytes_per_second);

 private:
  friend class Session;
  friend class Walsender;
  friend class Walreceiver;

  enum class Phase : std::uint8_t {
    down,
    starting,        // until recovery begins
    crash_recovery,  // also the end-of-recovery checkpoint
    recovery,        // standby, not yet consistent
    standby,
    promoting,
    production,
    stopping,
  };
  /// Which of the two tells the position.
  enum class Source : std::uint8_t { durable, curve, flow };

  struct Durable {
    WalHistory history;
    ControlData control;
    Lsn end;       // of the WAL, while nothing runs
    Lsn switched;  // where a segment was last left unfinished and the next one begun
    SynchronousStandbyNames sync_names;
    MemberId follow = nobody;
    MemberSet slots = 0;
    std::array<Lsn, members_max> slot_lsn{};
    std::uint32_t branches = 0;  // begun here
    bool standby_signal = false;
    bool intact = true;  // false after a copy that was broken off
  };
  struct Volatile {
    Phase phase = Phase::down;
    Source source = Source::durable;
    bool clean_exit = false;
    bool sessions_over = false;  // by a stop
    StopMode stop_mode = StopMode::smart;
    sim::ProcessId startup;
    sim::ProcessId shutdown;
    sim::ProcessId receiving;
    sim::Time receive_failed = sim::Time{} - std::chrono::hours(1);  // last failure, waited out
    bool waits_to_receive = false;                                   // for the next attempt
    ReplicationReply::Op refused = ReplicationReply::Op::streaming;  // last reason seen
    SynchronousStandbyNames sync_names;                              // in force
    // Group flush: statements take numbers, one of them flushes for all.
    std::uint64_t unflushed_bytes = 0;
    std::uint64_t inserted = 0;
    std::uint64_t flushed = 0;
    bool flushing = false;
    bool unflushed_acknowledged = false;  // synchronous_commit = off
    Lsn checkpoint_redo;                  // of the checkpoint under way
    sim::Time checkpoint_started{};
    bool checkpoint_running = false;
    std::uint64_t replay_rate = 1;
  };

  // postgres.cpp: the postmaster
  sim::Time now() const { return group_.now(); }
  bool alive() const { return volatile_.phase != Phase::down; }
  bool dying() const { return group_.incarnation() != life_; }
  void emit(const sim::Kind& kind, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0);
  void set_phase(Phase phase);
  void on_disk_change() override;
  void on_group_death() override;
  void on_group_freeze(bool frozen) override;
  void on_network_change() override;
  void lose_memory();
  void panic();
  void crash_restart(sim::Duration notice);
  void refresh_streams();
  void settle_streams();
  void sync_moved();
  void update_background();
  void close_flow();
  sim::Task<void> end_process(sim::ProcessId process);
  void reloaded();

  // postgres_recovery.cpp: startup process, checkpointer, shutdown
  sim::Task<void> postmaster();
  sim::Task<void> reinitialize(sim::Duration notice);
  sim::Task<void> startup();
  sim::Task<bool> recover(bool end_of_recovery_checkpoint);
  void enter_production();
  void enter_standby();
  sim::Task<void> promotion();
  sim::Task<void> shutdown(StopMode mode);
  sim::Task<bool> shutdown_primary();
  sim::Task<void> drain_walsenders();
  void checkpoint_due();
  void checkpoint_if_due();
  std::uint64_t checkpoint_distance() const;
  void checkpoint_done();
  void begin_checkpoint();
  void arm_checkpoint();
  void complete_checkpoint(Lsn redo);
  std::uint64_t dirty_bytes() const;
  std::uint64_t draw_replay_rate();
  sim::Duration ask_archive(std::int32_t times);
  bool can_copy_from(const PostgresServer& source) const;
  sim::Task<RewindResult> copy(PostgresServer& source, std::uint64_t bytes, Lsn redo);

  // postgres_backend.cpp: sessions and commits
  sim::Task<void> accept_sessions();
  sim::Task<void> backend(SqlServerSocket socket);
  SqlAnswer admit(const SqlRequest& request) const;
  sim::Task<SqlAnswer> execute(Session& session, const SqlRequest request);
  sim::Task<void> compute(sim::Duration work);
  sim::Task<Lsn> commit(Session& session, const SqlRequest request, std::uint64_t bytes);
  sim::Task<Lsn> flush(std::uint64_t bytes);
  Lsn insert_unflushed(std::uint64_t bytes);
  void wal_writer();
  sim::Task<void> flush_in_background();
  sim::Task<void> sync_wait(Lsn lsn, SynchronousCommit level);
  sim::Time sync_due(Lsn lsn, SynchronousCommit level);
  std::size_t sync_candidates(std::array<Walsender*, members_max>& candidates) const;
  bool sync_flows(SynchronousCommit level) const;
  sim::Duration sync_delay(SynchronousCommit level) const;
  bool waits_for_standby(SynchronousCommit level) const;
  void end_sessions(SqlState state);
  void described(SqlAnswer& answer) const;

  // postgres_replication.cpp
  sim::Task<void> accept_replication();
  sim::Task<void> walsender(WalSenderSocket socket);
  ReplicationReply admit(const ReplicationRequest& request);
  Lsn oldest_kept() const;
  void start_receiving(bool failed);
  sim::Task<void> receive_wal(bool failed);
  sim::Task<void> restart_receiving();
  sim::Task<void> stream_from(PostgresServer& primary, WalReceiverSocket& socket);
  sim::Duration resending(const PostgresServer& primary);

  sim::Host& host_;
  PostgresConfig config_;
  PostgresTimings timings_;
  Disk& disk_;
  Disk* data_disk_ = nullptr;
  Ledger* ledger_;
  sim::EntityId entity_;
  std::vector<PostgresServer*> members_;
  BackgroundLoad background_;
  bool background_reaches_ = true;
  bool default_transaction_read_only_ = false;
  bool use_slot_ = false;
  bool zombie_ = false;
  bool copying_ = false;  // single-user recovery, pg_rewind or pg_basebackup at work
  std::uint32_t life_ = 0;
  std::int32_t sessions_ = 0;
  Durable durable_;
  Volatile volatile_;
  WalCurve curve_;    // of a primary: flushed WAL
  StandbyFlow flow_;  // of a standby
  AcknowledgedFlow open_flow_;
  sim::Duration open_flow_delay_{};  // commit until acknowledged
  sim::Stream forks_, authentications_, queries_, starts_, replays_, promotions_, slow_promotions_,
      misses_, stops_, checkpoints_, crashes_, sends_, receives_, reloads_, copies_, tails_;
  Slowness slowness_;
  Session* newest_session_ = nullptr;
  Walreceiver* walreceiver_ = nullptr;
  std::array<Walsender*, members_max> walsenders_{};
  sim::Semaphore cpus_;
  sim::Signal changed_;
  sim::Signal sessions_changed_;
  sim::Signal senders_changed_;
  sim::Signal sync_changed_;
  sim::Signal flushed_;
  sim::Group group_;
  SqlListener sql_;
  ReplicationListener replication_;
  sim::Timer<PostgresServer, &PostgresServer::checkpoint_due> checkpoint_due_;
  sim::Timer<PostgresServer, &PostgresServer::checkpoint_done> checkpoint_done_;
  sim::Timer<PostgresServer, &PostgresServer::wal_writer> wal_writer_;
  sim::Timer<PostgresServer, &PostgresServer::reloaded> reload_;
};

}  // namespace predrill::models
