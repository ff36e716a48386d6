// postgresql.conf, the delays that it does not fix, and the lines of the server's log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/lsn.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

/// postgresql.conf; names and defaults of PostgreSQL 15.
struct PostgresConfig {
  MemberId member = 0;
  std::string name = "postgres";  // of the member: traces, random streams
  std::string machine;            // if members share one; see Slowness
  std::int32_t max_connections = 100;
  std::int32_t superuser_reserved_connections = 3;
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

/// What configuration does not fix. Sources in postgres_config.cpp.
struct PostgresTimings {
  PostgresTimings();
  sim::Distribution fork;                 // serial in the postmaster, per connection
  sim::Distribution authentication;       // in the new backend, per connection
  sim::Distribution query;                // the cluster manager's local status query
  sim::Distribution start;                // postmaster until recovery begins
  sim::Distribution data_directory_sync;  // before WAL is replayed after a crash
  sim::Distribution replay_bytes_per_second;
  sim::Distribution promotion;       // signal until "accepting connections", nothing to replay
  sim::Distribution promotion_slow;  // added when the startup process sleeps through it
  double promotion_slow_share = 0;   // how often
  sim::Distribution archive_miss;    // restore_command without a file
  std::int32_t archive_misses = 3;
  /// Likewise at the start of a standby: the next two .history files and the first segment on two
  /// timelines (xlogrecovery.c, findNewestTimeLine and XLogFileReadAnyTLI).
  std::int32_t archive_probes_at_start = 4;
  sim::Distribution stop_sessions;          // signal until the sessions are gone
  sim::Distribution shutdown_checkpoint;    // in addition to writing the dirty buffers
  sim::Distribution crash_notice;           // a backend's crash until all sessions are gone
  sim::Distribution walsender_delay;        // local flush until the WAL is on the wire
  sim::Distribution walreceiver_start;      // decision to stream until the primary is asked
  sim::Distribution segment_resend;         // of 16 MB that the standby has already
  sim::Distribution reload;                 // SIGHUP until a setting is in force
  sim::Distribution rewind;                 // pg_rewind without copying
  sim::Distribution copy_bytes_per_second;  // pg_rewind, pg_basebackup
};

namespace postgres_kinds {
using sim::Kind;
inline constexpr Kind starting{"postgres.starting", "starting PostgreSQL"};
inline constexpr Kind crash_recovery_started{
    "postgres.crash_recovery_started",
    "database system was not properly shut down; automatic recovery in progress, {0:b} to redo"};
inline constexpr Kind crash_recovery_finished{"postgres.crash_recovery_finished",
                                              "redo done and checkpoint complete at {0:lsn}"};
inline constexpr Kind recovery_started{"postgres.recovery_started",
                                       "entering standby mode, {0:b} to redo"};
inline constexpr Kind ready{"postgres.ready",
                            "database system is ready to accept connections, timeline {0}"};
inline constexpr Kind ready_read_only{"postgres.ready_read_only",
                                      "database system is ready to accept read-only connections"};
inline constexpr Kind start_failed{"postgres.start_failed",
                                   "startup process failed; the postmaster exits"};
inline constexpr Kind smart_stop{"postgres.smart_stop", "received smart shutdown request"};
inline constexpr Kind fast_stop{"postgres.fast_stop", "received fast shutdown request"};
inline constexpr Kind immediate_stop{"postgres.immediate_stop",
                                     "received immediate shutdown request"};
inline constexpr Kind sessions_ended{"postgres.sessions_ended", "{0} sessions ended"};
inline constexpr Kind shutdown_checkpoint{"postgres.shutdown_checkpoint",
                                          "shutdown checkpoint complete at {0:lsn}"};
inline constexpr Kind shut_down{"postgres.shut_down", "database system is shut down"};
inline constexpr Kind killed{"postgres.killed", "the postmaster is gone, WAL flushed to {0:lsn}"};
inline constexpr Kind backend_crashed{
    "postgres.backend_crashed",
    "a server process was terminated by a signal; terminating all others and reinitializing"};
inline constexpr Kind panic{"postgres.panic", "PANIC: could not write to the write-ahead log"};
inline constexpr Kind promotion_started{"postgres.promotion_started",
                                        "received promote request, {0:b} to replay"};
inline constexpr Kind promotion_finished{"postgres.promotion_finished",
                                         "selected new timeline ID {0} at {1:lsn}; ready to accept "
                                         "connections"};
inline constexpr Kind sync_names{"postgres.sync_names",
                                 "synchronous_standby_names changed: {0} of member set {1:x}"};
inline constexpr Kind sync_hang{"postgres.sync_hang",
                                "the background load waits for synchronous replication"};
inline constexpr Kind sync_resumed{"postgres.sync_resumed", "the background load goes on"};
inline constexpr Kind walreceiver_started{
    "postgres.walreceiver_started",
    "started streaming WAL from member {0} at {1:lsn} on timeline {2}"};
inline constexpr Kind walreceiver_refused{
    "postgres.walreceiver_refused", "could not start WAL streaming from member {0}: reason {1}"};
inline constexpr Kind walreceiver_ended{"postgres.walreceiver_ended",
                                        "WAL stream from member {0} ended at {1:lsn}"};
inline constexpr Kind walreceiver_timeout{"postgres.walreceiver_timeout",
                                          "terminating walreceiver due to timeout"};
inline constexpr Kind stream_broken{"postgres.stream_broken",
                                    "no word from the standby, member {0}, at {1:lsn}"};
inline constexpr Kind stream_resumed{"postgres.stream_resumed",
                                     "the stream to the standby, member {0}, flows from {1:lsn}"};
inline constexpr Kind walsender_timeout{
    "postgres.walsender_timeout",
    "terminating walsender process of member {0} due to replication timeout"};
inline constexpr Kind rewound{"postgres.rewound",
                              "pg_rewind from member {0} done: {1:b} of WAL discarded"};
inline constexpr Kind copied{"postgres.copied", "base backup from member {0} done"};
inline constexpr Kind copy_failed{"postgres.copy_failed", "copying from member {0} failed"};
}  // namespace postgres_kinds

}  // namespace predrill::models
