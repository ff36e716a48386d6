#include "models/rds_volume.hpp"

#include <algorithm>

#include "models/wal.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t least_increment = 10 * gibibyte;
constexpr std::uint64_t tenth = 10;
constexpr sim::Duration looked_back = 1h;
constexpr std::uint64_t hours_ahead = 7;

std::uint64_t whole_gibibytes(std::uint64_t bytes) {
  return (bytes + gibibyte - 1) / gibibyte * gibibyte;
}

}  // namespace

RdsVolume::RdsVolume(const RdsVolumeConfig& config)
    : allocated_(config.allocated_storage),
      max_allocated_(config.max_allocated_storage),
      growth_(config.growth_bytes_per_second),
      used_since_(config.allocated_storage -
                  std::min(config.free_storage_space, config.allocated_storage)) {}

std::uint64_t RdsVolume::used(sim::Time now) const {
  return std::min(allocated_, used_since_ + bytes_in(growth_ + fill_, now - since_));
}

std::uint64_t RdsVolume::free(sim::Time now) const {
  return allocated_ - used(now);
}

void RdsVolume::set_fill(sim::Time now, std::uint64_t bytes_per_second) {
  used_since_ = used(now);
  since_ = now;
  fill_ = bytes_per_second;
}

sim::Duration RdsVolume::until_full(sim::Time now) const {
  return time_for(free(now), growth_ + fill_);
}

// What the growth of the past hour adds within seven more, beyond what is allocated.
std::uint64_t RdsVolume::predicted(sim::Time now) const {
  const std::uint64_t grown = used(now) - std::min(used(now), readings_.front().used);
  const std::uint64_t then = used(now) + grown * hours_ahead;
  return then > allocated_ ? then - allocated_ : 0;
}

std::uint64_t RdsVolume::autoscale(sim::Time now) {
  readings_.push_back({now, used(now)});
  while (now - readings_.front().at > looked_back) readings_.pop_front();
  if (max_allocated_ == 0) return 0;
  if (free(now) > allocated_ / tenth) {
    low_since_ = sim::time_max;
    return 0;
  }
  low_since_ = std::min(low_since_, now);
  const bool long_enough = now - low_since_ >= low_for;
  if (!long_enough || !may_change(now) || allocated_ >= max_allocated_) return 0;
  const std::uint64_t by_rule = std::max(least_increment, allocated_ / tenth);
  const std::uint64_t wanted = whole_gibibytes(allocated_ + std::max(by_rule, predicted(now)));
  return std::min(wanted, max_allocated_);
}

bool RdsVolume::may_change(sim::Time now) const {
  return !ever_changed_ || (!optimizing_ && now - changed_ >= between_changes);
}

void RdsVolume::resize(sim::Time now, std::uint64_t allocated) {
  used_since_ = used(now);
  since_ = now;
  allocated_ = std::max(allocated_, allocated);
  changed_ = now;
  ever_changed_ = true;
  optimizing_ = true;
  low_since_ = sim::time_max;
}

}  // namespace predrill::models
