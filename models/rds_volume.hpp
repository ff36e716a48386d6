// The space of an RDS volume: how it fills, and when storage autoscaling makes it larger. Pure
// arithmetic over time.
//
// Real thing and version: Amazon RDS storage autoscaling, user guide page USER_PIOPS.Autoscaling.
// Modelled: steady growth; scaling when free space has been 10 % of AllocatedStorage or less for
//   five minutes and the last change is six hours and its optimization old, by the largest of
//   10 GiB, 10 %, and what the growth of the past hour would need within seven hours; the bound
//   MaxAllocatedStorage.
// Simplified (diverges from the real thing): FreeStorageSpace is looked at once a minute. A
//   prediction beyond MaxAllocatedStorage scales to that bound.
// Ignored: IOPS and their limits, burst credits, volumes of several disks.
// Calibrated from: the user guide alone.
#pragma once

#include <cstdint>
#include <deque>

#include "sim/time.hpp"

namespace predrill::models {

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;

struct RdsVolumeConfig {
  std::uint64_t allocated_storage = 100 * gibibyte;  // AllocatedStorage
  std::uint64_t max_allocated_storage = 0;           // MaxAllocatedStorage; 0: no autoscaling
  std::uint64_t free_storage_space = 50 * gibibyte;  // FreeStorageSpace at the beginning
  std::uint64_t growth_bytes_per_second = 0;         // of ordinary work
};

class RdsVolume {
 public:
  static constexpr sim::Duration look = std::chrono::minutes(1);
  static constexpr sim::Duration low_for = std::chrono::minutes(5);
  static constexpr sim::Duration between_changes = std::chrono::hours(6);

  explicit RdsVolume(const RdsVolumeConfig& config);

  /// What fills the volume beside ordinary growth: a slot that nobody reads, a bulk load.
  void set_fill(sim::Time now, std::uint64_t bytes_per_second);
  std::uint64_t allocated() const { return allocated_; }
  std::uint64_t free(sim::Time now) const;
  bool full(sim::Time now) const { return free(now) == 0; }
  bool grows() const { return growth_ + fill_ > 0; }
  /// Until no space is left; forever if nothing grows.
  sim::Duration until_full(sim::Time now) const;

  /// The look of each minute: what AllocatedStorage autoscaling asks for now, 0 for nothing.
  std::uint64_t autoscale(sim::Time now);
  /// Six hours after the last change, and once that is optimized.
  bool may_change(sim::Time now) const;
  /// The size is another one from now on; it is optimized until optimized().
  void resize(sim::Time now, std::uint64_t allocated);
  void optimized() { optimizing_ = false; }
  bool optimizing() const { return optimizing_; }

 private:
  struct Reading {
    sim::Time at;
    std::uint64_t used;
  };
  std::uint64_t used(sim::Time now) const;
  std::uint64_t predicted(sim::Time now) const;

  std::uint64_t allocated_;
  std::uint64_t max_allocated_;
  std::uint64_t growth_;
  std::uint64_t fill_ = 0;
  std::uint64_t used_since_;
  sim::Time since_{};
  sim::Time low_since_ = sim::time_max;
  sim::Time changed_{};
  bool ever_changed_ = false;
  bool optimizing_ = false;
  std::deque<Reading> readings_;  // of the past hour
};

}  // namespace predrill::models
