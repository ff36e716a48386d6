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
#include "models/replication.hpp"
#include "models/sql.hpp"
#include "models/wal.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

/// postgresql.conf; names and defaults of PostgreSQL 15.
struct PostgresConfig {
  MemberId member = 0;
  std::string name = "postgres";  // of the member: traces, random streams
  std::int32_t max_connections = 100;
  std::int32_t superuser_reserved_connections = 3;
  SynchronousCommit synchronous_commit = SynchronousCommit::on;  // of the background load
  sim::Duration wal_sender_timeout = std::chrono::seconds(60);
  sim::Duration wal_receiver_timeout = std::chrono::seconds(60);
  sim::Duration wal_receiver_status_interval = std::chrono::seconds(10);
  sim::Duration wal_retrieve_retry_interval = std::chrono::seconds(5);
  sim::Duration wal_writer_delay = std::chrono::milliseconds(200);
  sim::Duration checkpoint_timeout = std::chrono::minutes(5);
  std::int32_t checkpoint_completion_target_percent = 90;
  std::uint64_t max_wal_size = std::uint64_t{1} << 30;
  std::uint64_t wal_keep_size = std::uint64_t{128} << 20;  // Patroni's value; PostgreSQL's is 0
  std::uint64_t shared_buffers = std::uint64_t{128} << 20;
  bool hot_standby = true;
  bool restart_after_crash = true;
  bool restore_command = false;  // an archive is asked at promotion
  sim::Duration authentication_timeout = std::chrono::minutes(1);
  std::int32_t cores = 0;  // statements that can compute at one time; 0 = any number
  std::uint64_t replication_bytes_per_second = 0;      // to each standby; 0 = unlimited
  std::uint64_t data_bytes = std::uint64_t{10} << 30;  // size of the data directory, for copies
};

/// What PostgreSQL or the file system would reject or clamp, as sentences; clamps like they do.
std::vector<std::string> validate(PostgresConfig& config);

/// What configuration does not fix. Sources in postgres.cpp.
struct PostgresTimings {
  PostgresTimings();
  sim::Distribution fork;            // serial in the postmaster, per connection
  sim::Distribution authentication;  // in the new backend, per connection
  sim::Distribution query;           // the cluster manager's local status query
  sim::Distribution start;           // postmaster until recovery begins
  sim::Distribution replay_bytes_per_second;
  sim::Distribution promotion;       // signal until "accepting connections", nothing to replay
  sim::Distribution promotion_slow;  // added when the startup process sleeps through it
  double promotion_slow_share = 0;   // how often
  sim::Distribution archive_miss;    // restore_command without a file, at promotion
  std::int32_t archive_misses = 3;
  sim::Distribution stop_sessions;          // signal until the sessions are gone
  sim::Distribution shutdown_checkpoint;    // in addition to writing the dirty buffers
  sim::Distribution crash_notice;           // a backend's crash until all sessions are gone
  sim::Distribution walsender_delay;        // local flush until the WAL is on the wire
  sim::Distribution reload;                 // SIGHUP until a setting is in force
  sim::Distribution rewind;                 // pg_rewind without copying
  sim::Distribution copy_bytes_per_second;  // pg_rewind, pg_basebackup
};

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
  timeout,
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

class PostgresServer : DiskUser, sim::GroupResource, sim::NetworkObserver {
 public:
  PostgresServer(sim::Host& host, PostgresConfig config, Disk& disk, Ledger* ledger = nullptr,
                 PostgresTimings timings = {});
  ~PostgresServer();

  /// Whom member numbers mean. Call once, before the first start; pointers outlive the run.
  void set_members(const std::vector<PostgresServer*>& members);
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

  sim::Task<QueryResult> query_status(ServerStatus& status, sim::Duration limit);
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
  MemberSet slots() const { return durable_.slots; }
  void use_slot(bool use) { use_slot_ = use; }  // primary_slot_name of this standby
  ReplicationView pg_stat_replication() const;

  // ---- what can be seen without a connection --------------------------------------------------

  /// A postmaster is there; also a dead one that nobody has waited for.
  bool is_running() const { return alive() || zombie_; }
  /// wait(2): a dead postmaster leaves the process table.
  void reap() { zombie_ = false; }
  Readiness pg_isready() const;
  ControlData controldata() const { return durable_.control; }
  const WalHistory& history() const { return durable_.history; }
  /// The end of the WAL that would survive a crash now.
  Lsn flushed() const;
  Lsn received() const { return flushed(); }
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
  /// Places the last checkpoint as if the background load had been there for ever.
  void assume_steady_state();
  /// Closes the ledger's open stretch of background load: call before asking the ledger.
  void settle_ledger();

  // ---- faults ---------------------------------------------------------------------------------

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
  struct Durable {
    WalHistory history;
    ControlData control;
    SynchronousStandbyNames sync_names;
    MemberId follow = nobody;
    MemberSet slots = 0;
    bool standby_signal = false;
  };
  void on_disk_change() override;
  void on_group_death() override;
  void on_group_freeze(bool frozen) override;
  void on_network_change() override;
  bool alive() const;

  sim::Host& host_;
  PostgresConfig config_;
  Disk& disk_;
  BackgroundLoad background_;
  Durable durable_;
  bool use_slot_ = false;
  bool zombie_ = false;
  std::int32_t sessions_ = 0;
  sim::Signal changed_;
  sim::Group group_;
  SqlListener sql_;
  ReplicationListener replication_;
};

}  // namespace predrill::models
