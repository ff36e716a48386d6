// The write-ahead log as numbers: its growth over time and its timelines. No bytes, no events.
// Sources: PostgreSQL 15 documentation "Continuous Archiving", section "Timelines", and
// src/backend/access/transam/timeline.c.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/lsn.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// rate (bytes per second) times a duration, rounded down; 0 for a negative duration.
std::uint64_t bytes_in(std::uint64_t bytes_per_second, sim::Duration duration);
/// The time that `bytes` take at `bytes_per_second`, rounded up; sim::forever at rate 0.
sim::Duration time_for(std::uint64_t bytes, std::uint64_t bytes_per_second);

/// A position that grows steadily (background load) and in jumps (single transactions). Remembers
/// its recent past: exactly for about two seconds, then in steps of about 100 ms, 512 points in
/// all.
class WalCurve {
 public:
  void reset(sim::Time now, Lsn position);
  /// From now on the position grows by this many bytes per second, in records of so many bytes of
  /// which the first begins now; 0 = in no records.
  void set_rate(sim::Time now, std::uint64_t bytes_per_second, std::uint64_t record_bytes = 0);
  void jump(sim::Time now, std::uint64_t bytes);

  /// The position at an instant, past or (if nothing changes) future.
  Lsn at(sim::Time t) const;
  /// Where the last record ends that lies whole at or before this position.
  Lsn record_end(Lsn position) const;
  /// Until when everything was at or before this position; time_max if that still holds.
  sim::Time until(Lsn position) const;
  std::uint64_t rate() const { return points_.back().rate; }
  /// When it last moved, at the latest `now`.
  sim::Time last_moved(sim::Time now) const { return rate() != 0 ? now : last_jump_; }

 private:
  struct Point {
    sim::Time at;
    Lsn position;
    std::uint64_t rate;
    std::uint64_t partial = 0;  // of a record that has begun before
  };
  void add(Point point);
  void thin(sim::Time now);
  std::vector<Point> points_{Point{sim::Time{}, Lsn{}, 0}};
  std::uint64_t record_bytes_ = 0;
  sim::Time last_jump_{};
};

/// Identifies a stretch of WAL for good. PostgreSQL knows timelines only; two isolated promotions
/// may choose the same number, and a crash may lose a tail that is then written anew under the same
/// number. A branch is never ambiguous.
using Branch = std::uint32_t;

struct TimelineEntry {
  Timeline timeline = 1;
  Branch branch = 0;
  Lsn begin;
};

/// The timelines that lead to a data directory's present state, oldest first (a .history file and
/// the timeline itself). Never empty.
class WalHistory {
 public:
  Timeline timeline() const { return entries_.back().timeline; }
  Branch branch() const { return entries_.back().branch; }
  Lsn begin() const { return entries_.back().begin; }
  const std::vector<TimelineEntry>& entries() const { return entries_; }
  WalHistory() = default;
  explicit WalHistory(TimelineEntry first) : entries_{first} {}
  void fork(TimelineEntry entry) { entries_.push_back(entry); }
  /// Where this branch ends in the history of a directory that ends at `own_end`; nothing if it has
  /// no part of the branch.
  std::optional<Lsn> end_of(Branch branch, Lsn own_end) const;
  /// Without the timelines that begin after `end`.
  void trim(Lsn end);
  /// Where the two part: up to here they hold the same WAL.
  static Lsn common_end(const WalHistory& a, Lsn a_end, const WalHistory& b, Lsn b_end);

 private:
  std::vector<TimelineEntry> entries_{TimelineEntry{}};
};

/// Whether a standby with WAL up to an end can follow a primary.
enum class Follow : std::uint8_t {
  yes,
  ahead,     // "requested starting point … is ahead of the WAL flush position of this server"
  diverged,  // "new timeline N forked off current database system timeline M before current
             // recovery point"; needs pg_rewind or a new copy
  behind,    // "highest timeline N of the primary is behind recovery timeline M"
};
Follow can_follow(const WalHistory& standby, Lsn standby_end, const WalHistory& primary,
                  Lsn primary_end);

}  // namespace predrill::models
