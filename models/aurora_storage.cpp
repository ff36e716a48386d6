#include "models/aurora_storage.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace predrill::models {

using namespace std::chrono_literals;

AuroraStorageTimings AuroraStorageTimings::defaults() {
  const std::string source =
      "model: 0.5 to 2 ms within an AZ, 1 to 4 ms between AZs, the commit being the fourth of six";
  return {
      sim::Distribution::lognormal_percentiles(0.5, 800us, 0.99, 3ms).with_source(source),
      sim::Distribution::lognormal_percentiles(0.5, 1600us, 0.99, 6ms).with_source(source),
      sim::Distribution::uniform(8s, 12s).with_source(
          "SIGMOD 2017 section 2.2: 10 GB in about 10 s over 10 Gbit/s"),
  };
}

AuroraStorage::AuroraStorage(sim::Simulation& simulation, AuroraStorageTimings timings)
    : simulation_(simulation),
      timings_(std::move(timings)),
      latency_(simulation.stream("aurora-storage", "segments")),
      repairs_(simulation.stream("aurora-storage", "repairs")) {
  up_.fill(true);
}

std::size_t AuroraStorage::available() const {
  return static_cast<std::size_t>(std::ranges::count(up_, true));
}

void AuroraStorage::settle() {
  if (writable()) {
    quorum_.open();
  } else {
    quorum_.shut();
  }
}

void AuroraStorage::lose_zone(std::size_t zone) {
  up_[zone * 2] = up_[zone * 2 + 1] = false;
  settle();
}

void AuroraStorage::restore_zone(std::size_t zone) {
  up_[zone * 2] = up_[zone * 2 + 1] = true;
  settle();
}

void AuroraStorage::lose_segment(std::size_t segment) {
  up_[segment] = false;
  settle();
  simulation_.world().spawn(repair(segment));
}

sim::Task<> AuroraStorage::repair(std::size_t segment) {
  const sim::Duration length = timings_.repair.sample_duration(repairs_);
  co_await sim::sleep_for(length);
  if (repairable()) restore_segment(segment);
}

void AuroraStorage::restore_segment(std::size_t segment) {
  up_[segment] = true;
  settle();
}

sim::Duration AuroraStorage::commit_latency(std::size_t writer_zone) {
  SIM_ASSERT(writable(), "a commit without a write quorum has no latency");
  std::array<sim::Duration, segments> answers{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < segments; ++i) {
    const bool local = i / 2 == writer_zone;
    const sim::Distribution& one = local ? timings_.local_segment : timings_.remote_segment;
    const sim::Duration answer = one.sample_duration(latency_);  // drawn also if it is down
    if (up_[i]) answers[count++] = answer;
  }
  const auto fourth = answers.begin() + (write_quorum - 1);
  std::nth_element(answers.begin(), fourth, answers.begin() + static_cast<std::ptrdiff_t>(count));
  return *fourth;
}

bool AuroraStorage::append(std::uint32_t epoch, std::uint32_t bytes, Lsn* end) {
  if (epoch != epoch_) return false;
  durable_ = durable_ + bytes;
  *end = durable_;
  return true;
}

}  // namespace predrill::models
