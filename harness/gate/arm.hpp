// One side of a comparison: a scenario's runs by seed, with what the gate compares of each.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "harness/measure/stages.hpp"
#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// Times in whole milliseconds, as a baseline keeps them.
struct SeedMeasure {
  std::uint64_t seed = 0;
  std::uint64_t fingerprint = 0;
  bool has_result = false;  // false: the world did not settle, or no fault struck
  bool recovered = true;    // false: the RTO is a lower bound
  std::int64_t rto_ms = 0;
  std::array<std::int64_t, stages> stages_ms{};
  std::int64_t lost_rows = 0;
  friend bool operator==(const SeedMeasure&, const SeedMeasure&) = default;
};

/// Nanoseconds, not negative, as milliseconds: rounded half up.
std::int64_t milliseconds(sim::Duration time);

struct Arm {
  explicit Arm(std::string path = "pgbouncer") : summary(std::move(path)) {}
  std::vector<SeedMeasure> runs;  // by ascending seed, without gaps
  Summary summary;                // of those with a result
  std::set<std::string> violations;
  std::set<std::string> problems;
  bool stopped = false;
};

struct ArmOptions {
  std::size_t jobs = 0;
  const std::atomic<bool>* stop = nullptr;
  std::function<void()> on_run{};
};

/// Runs the seeds that follow the arm's last one (or `first_seed`, if it has none), until there are
/// `runs` of them. Unfinished if it was stopped.
void extend(Arm& arm, const ScenarioSpec& scenario, std::uint64_t first_seed, std::size_t runs,
            const ArmOptions& options);

/// Of seeds and fingerprints, in this order.
std::uint64_t fingerprint_of(std::span<const SeedMeasure> runs);

}  // namespace predrill::harness
