// Outages too rare to count: how likely is it that a path is still down after ten minutes?
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "harness/scenario.hpp"
#include "sim/splitting.hpp"

namespace predrill::harness {

struct RareOutageOptions {
  std::uint64_t seed = 1;
  std::size_t levels = 5;  // equal stretches of the outage; the last ends at its length
  std::size_t effort = 100;
  std::size_t replicates = 10;
  std::size_t jobs = 0;                     // 0 = one per processor; the result is the same
  const std::atomic<bool>* stop = nullptr;  // Ctrl-C
  std::function<void()> progress{};         // after each run; never by two threads at once
};

/// Probability that the scenario's path is in an outage at `length` after the fault: multilevel
/// splitting with the outage so far as importance. A run that is still down at a level is repeated
/// up to that moment and goes on from there with other random numbers (Simulation::fork), so only
/// the rare part is sampled anew. The outage has lasted at least a second at each level, so that no
/// level looks into the future. nullopt: it was stopped.
std::optional<sim::SplittingResult> rare_outage(const ScenarioSpec& scenario, sim::Duration length,
                                                const RareOutageOptions& options);

}  // namespace predrill::harness
