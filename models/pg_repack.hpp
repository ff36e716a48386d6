// pg_repack on one table: what it locks, what WAL it writes, and what it leaves behind if the
// primary dies in the middle.
//
// Real thing and version: pg_repack 1.4.8 and 1.5.3 (bin/pg_repack.c).
// Modelled: set-up under a short ACCESS EXCLUSIVE (log table, trigger), copy in one snapshot, index
//   builds, log applied in batches until at most 100 rows are left and every transaction older than
//   the copy's snapshot has ended, swap under ACCESS EXCLUSIVE with the wait-timeout that cancels
//   blockers, drop; the WAL of copy and index builds; the log rows of concurrent writes.
// Simplified (diverges from the real thing): rates of a phase are steady; a blocker that is
//   cancelled ends at once.
// Ignored: --jobs, --no-order, several tables, disk that runs full.
// Calibrated from: a repack of 480 million rows (copy 171,123 rows/s, apply 7,889 rows/s, swap
//   4 ms), and our own measurement of PostgreSQL 15 with pg_repack 1.4.8: WAL 1.11 times heap and
//   indexes, swap 71 ms, clean-up 1.3 s.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "models/table_lock.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace pg_repack {
inline constexpr sim::Kind phase{"pg_repack.phase", "phase {0:n}"};
inline constexpr sim::Kind blockers_cancelled{"pg_repack.blockers_cancelled",
                                              "wait-timeout: {0} blockers of the table end"};
inline constexpr sim::Kind gave_up{"pg_repack.gave_up", "the lock was not obtained"};
}  // namespace pg_repack

enum class RepackPhase : std::uint8_t {
  not_started,
  set_up,
  copy,
  indexes,
  apply,
  wait_for_swap,
  swap,
  drop,
  done,
  gave_up,
};
std::string_view to_text(RepackPhase phase);

struct RepackConfig {
  double rows = 480e6;
  double heap_bytes = 103.6e9;  // with TOAST
  double index_bytes = 48e9;
  std::uint32_t indexes = 4;
  double copy_rows_per_second = 171123;
  double index_bytes_per_second = 48.6e6;  // measured: 54 MB/s of WAL while indexes are built
  double apply_rows_per_second = 7889;
  double log_rows_per_second = 50;  // writes to the table meanwhile
  double wal_factor = 1.11;         // of heap and indexes
  sim::Distribution swap =
      sim::Distribution::uniform(std::chrono::milliseconds(4), std::chrono::milliseconds(71));
  sim::Duration wait_timeout = std::chrono::seconds(60);
  bool kill_backend = true;  // false: --no-kill-backend, give up instead
  double switch_threshold = 100;
  sim::Duration drop = std::chrono::milliseconds(1300);
};

/// What stands in the database that survives.
struct RepackLeftovers {
  bool trigger = false;     // repack_trigger, ENABLE ALWAYS: a re-run refuses while it is there
  bool log_table = false;   // repack.log_<oid>, one row more with each write, for ever
  bool copy_table = false;  // repack.table_<oid>, as far as it was committed
  double copy_bytes = 0;
  std::uint32_t finished_indexes = 0;
  bool swapped = false;  // the table is the new one
  double log_rows = 0;   // at the kill
  /// "DROP EXTENSION pg_repack CASCADE; CREATE EXTENSION pg_repack", or nothing to do.
  std::string clean_up() const;
};

class PgRepack {
 public:
  PgRepack(sim::Host& host, TableLock& table, RepackConfig config);
  ~PgRepack();

  void start();
  /// The primary dies: nothing of it runs on. What a promoted standby then holds.
  RepackLeftovers kill();
  RepackPhase phase() const { return phase_; }
  /// Bytes of WAL that it has written so far; what a restore has to replay on top.
  double wal_bytes() const;
  double wal_rate() const;  // bytes per second now
  double log_rows() const;
  /// Of the whole run without writes beside it.
  static double wal_of(const RepackConfig& config);
  /// When a transaction older than the snapshot still runs, the swap waits.
  void set_old_transactions(std::size_t count);
  /// Told when the wait-timeout passes: ends those that hold the table, says how many.
  void on_cancel(std::function<std::size_t()> cancel) { cancel_ = std::move(cancel); }

 private:
  sim::Task<> run();
  sim::Task<TableLock::Held> lock_table();
  void enter(RepackPhase phase, sim::Duration length, double wal);
  double done_share() const;

  RepackConfig config_;
  TableLock& table_;
  sim::Group group_;
  sim::Stream swaps_;
  std::function<std::size_t()> cancel_;
  RepackPhase phase_ = RepackPhase::not_started;
  sim::Time begun_{};        // of the phase
  sim::Duration planned_{};  // of the phase
  double phase_wal_ = 0;     // of the phase as a whole
  double wal_before_ = 0;    // of the phases before
  sim::Time trigger_since_ = sim::time_max;
  double applied_ = 0;
  std::size_t old_transactions_ = 0;
  sim::Signal transactions_;
};

}  // namespace predrill::models
