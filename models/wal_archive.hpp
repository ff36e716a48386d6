// WAL archiving: what of the write-ahead log exists on the primary's disk alone.
//
// Real thing and version: PostgreSQL 15 (postmaster/pgarch.c, archive_timeout) with an
//   archive_command such as wal-g wal-push.
// Modelled: only completed segments are archived; archive_timeout forces a switch where there is
//   activity; one file at a time, the oldest first; after three failures with a pause of 1 s the
//   archiver gives up until its next wake-up, each 60 s or with the next segment; a failing
//   archive_command blocks nothing, pg_wal grows.
// Simplified (diverges from the real thing): WAL is written at a steady rate.
// Ignored: .history and .backup files, compression, several timelines.
// Calibrated from: PostgreSQL documentation; the time of an archive_command is configured.
#pragma once

#include <cstdint>
#include <deque>

#include "models/lsn.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct WalArchiveConfig {
  double wal_bytes_per_second = 0;
  sim::Duration archive_timeout{};  // 0 = off; Spilo sets 30 min
  sim::Distribution archive_command = sim::Distribution::constant(std::chrono::seconds(1));
  double failure_probability = 0;  // of one archive_command
};

/// What is lost if the primary's disk goes and no standby survives.
struct WalExposure {
  sim::Duration age{};  // of the oldest byte that is in no archived segment
  std::uint64_t bytes = 0;
  std::size_t segments = 0;  // completed and not archived
};

class WalArchiver {
 public:
  WalArchiver(sim::Host& host, WalArchiveConfig config);
  ~WalArchiver();
  void start();
  /// From the next segment on.
  void set_rate(double bytes_per_second) { config_.wal_bytes_per_second = bytes_per_second; }
  WalExposure exposure() const;
  std::uint64_t archived() const { return archived_; }  // segments

 private:
  struct Segment {
    sim::Time begin;
    std::uint64_t bytes;  // of WAL in it; a forced switch leaves the rest empty
  };
  sim::Task<> write();
  sim::Task<> archive();

  WalArchiveConfig config_;
  sim::Group group_;
  sim::Stream commands_;
  std::deque<Segment> ready_;
  sim::Time current_since_{};
  sim::Signal completed_;
  std::uint64_t archived_ = 0;
};

}  // namespace predrill::models
