// A volume: how long a flush takes, and how it fails.
// Real thing: a block device under ext4 or XFS, as PostgreSQL's fsync sees it.
// Modelled: latency of a flush; stall (nothing returns, no error); full (ENOSPC); failing (EIO).
// Simplified: flushes do not queue behind each other; bandwidth is a number used by its clients.
// Ignored: page cache, torn writes, lost writes.
// Calibrated from: see DiskTimings.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

struct DiskTimings {
  sim::Distribution fsync =
      sim::Distribution::lognormal_percentiles(0.5, std::chrono::microseconds(700), 0.99,
                                               std::chrono::milliseconds(6))
          .with_source(
              "assumption: networked SSD, to be measured with "
              "pg_test_fsync on the site");
  /// Sequential writes of a checkpoint, bytes per second.
  sim::Distribution write_bytes_per_second = sim::Distribution::constant(212e6).with_source(
      "lab: end-of-recovery checkpoint of 976 MB in 4.6 s");
};

enum class DiskResult : std::uint8_t { ok, full, io_error };

/// Told when a volume stalls, fills up, fails or recovers.
class DiskUser {
 public:
  virtual void on_disk_change() = 0;

 protected:
  ~DiskUser() = default;
};

class Disk {
 public:
  /// `name` goes into traces and random streams ("db-0/wal").
  Disk(sim::Host& host, std::string_view name, DiskTimings timings = {});

  /// Waits for a flush; while the volume is stalled it does not return.
  sim::Task<DiskResult> fsync();
  /// Waits for `bytes` of writes and one flush.
  sim::Task<DiskResult> write(std::uint64_t bytes);
  /// Draws the latency of one flush.
  sim::Duration fsync_time() { return timings_.fsync.sample_duration(fsyncs_); }
  sim::Duration write_time(std::uint64_t bytes);

  // Faults.
  void stall();
  void resume();
  void set_full(bool full);
  void set_failing(bool failing);

  bool stalled() const { return !moving_.is_open(); }
  bool full() const { return full_; }
  bool failing() const { return failing_; }
  bool healthy() const { return !stalled() && !full_ && !failing_; }

  void add_user(DiskUser& user) { users_.push_back(&user); }
  void remove_user(DiskUser& user);

 private:
  DiskResult state() const;
  void changed(const sim::Kind& kind);
  sim::Host& host_;
  sim::EntityId entity_;
  DiskTimings timings_;
  sim::Stream fsyncs_;
  sim::Stream writes_;
  sim::Gate moving_{true};
  bool full_ = false;
  bool failing_ = false;
  std::vector<DiskUser*> users_;
};

namespace disk_kinds {
inline constexpr sim::Kind stalled{"disk.stalled", "the disk stalls: writes do not return"};
inline constexpr sim::Kind resumed{"disk.resumed", "the disk moves again"};
inline constexpr sim::Kind full{"disk.full", "no space left on device"};
inline constexpr sim::Kind space{"disk.space", "there is space on the device again"};
inline constexpr sim::Kind failing{"disk.failing", "the disk returns input/output errors"};
inline constexpr sim::Kind repaired{"disk.repaired", "the disk returns no more errors"};
}  // namespace disk_kinds

}  // namespace predrill::models
