#include "models/wal_archive.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr int attempts_in_a_row = 3;
constexpr sim::Duration pause_after_failure = 1s;
constexpr sim::Duration wake_up = 60s;

std::uint64_t written(double rate, sim::Duration length) {
  return static_cast<std::uint64_t>(rate * sim::seconds(length));
}

}  // namespace

WalArchiver::WalArchiver(sim::Host& host, WalArchiveConfig config)
    : config_(std::move(config)),
      group_(host, "archiver"),
      commands_(host.stream("archive_command")) {}

WalArchiver::~WalArchiver() {
  group_.kill();
}

void WalArchiver::start() {
  current_since_ = group_.now();
  group_.spawn(write());
  group_.spawn(archive());
}

sim::Task<> WalArchiver::write() {
  for (;;) {
    current_since_ = group_.now();
    const double rate = config_.wal_bytes_per_second;
    if (rate <= 0) {  // nothing to switch away from
      co_await sim::sleep_for(wake_up);
      continue;
    }
    sim::Duration length(
        static_cast<std::int64_t>(static_cast<double>(wal_segment_bytes) / rate * 1e9));
    if (config_.archive_timeout > 0s) length = std::min(length, config_.archive_timeout);
    co_await sim::sleep_for(length);
    ready_.push_back({current_since_, written(rate, length)});
    completed_.notify_all();
  }
}

sim::Task<> WalArchiver::archive() {
  for (;;) {
    int failures = 0;
    while (!ready_.empty() && failures < attempts_in_a_row) {
      const sim::Duration length = config_.archive_command.sample_duration(commands_);
      co_await sim::sleep_for(length);
      if (commands_.chance(config_.failure_probability)) {
        ++failures;
        co_await sim::sleep_for(pause_after_failure);
        continue;
      }
      failures = 0;
      ready_.pop_front();
      ++archived_;
    }
    co_await completed_.wait_for(wake_up);
  }
}

WalExposure WalArchiver::exposure() const {
  WalExposure exposure;
  const sim::Time now = group_.now();
  if (config_.wal_bytes_per_second > 0) {
    exposure.age = now - current_since_;
    exposure.bytes = written(config_.wal_bytes_per_second, exposure.age);
  }
  for (const Segment& one : ready_) exposure.bytes += one.bytes;
  exposure.segments = ready_.size();
  if (!ready_.empty()) exposure.age = now - ready_.front().begin;
  return exposure;
}

}  // namespace predrill::models
