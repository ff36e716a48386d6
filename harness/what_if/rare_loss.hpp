// How likely is it that acknowledged rows are lost, in a scenario or in a year?
//
// Faults at a rate are rare, and a loss that wants two or three of them at once is rarer still. So
// the number of faults that follow the first one is not drawn: each number is a case of its own,
// with its Poisson probability as weight, and within a case the loss is found by multilevel
// splitting with the redundancy lost so far as importance. A run that has lost so much is repeated
// up to that moment and given another future; faults at a rate are then drawn anew (FaultClock).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "harness/scenario.hpp"
#include "sim/splitting.hpp"

namespace predrill::harness {

struct RareLossOptions {
  std::uint64_t seed = 1;
  std::size_t effort = 40;  // runs from each level, in each case
  std::size_t replicates = 10;
  std::size_t jobs = 0;                     // 0 = one per processor; the result is the same
  const std::atomic<bool>* stop = nullptr;  // Ctrl-C
  /// After each part of the work; never by two threads at once.
  std::function<void(std::size_t done, std::size_t all)> progress{};
};

/// The runs in which this many faults strike at a rate after the first one.
struct LossCase {
  std::uint64_t more = 0;
  double weight = 1;  // how likely that is
  /// Levels: as many copies as the system has members are gone, one by one; then the loss.
  sim::SplittingResult split{};
};

struct RareLoss {
  /// That rows are lost by the end of the scenario. The interval is Student's, over the replicates,
  /// and its upper end has `beyond` added; where no case has a loss it is all that they may have.
  /// It does not hold what cases without a loss may have beside others that have one: none_found.
  sim::Estimate probability;
  std::vector<LossCase> cases;
  double beyond = 0;      // probability of more faults than in any case
  double none_found = 0;  // at most so much may lie in cases in which no run lost rows
  std::uint64_t runs = 0;
  std::uint64_t events = 0;
  double events_per_run = 0;  // of one that is not cut short
  /// Runs that counting needs for an interval as narrow; 0: the probability is 0 or 1.
  double runs_of_counting = 0;

  /// Of all faults at a rate; 0 if a fault of the scenario has a time of its own: then the rest
  /// says nothing.
  double faults_per_year = 0;
  sim::Estimate per_year;  // losses: a loss ends one of the stretches that each begin with a fault
};

/// Of a Patroni cluster. Stopped: nullopt.
std::optional<RareLoss> rare_loss(const ScenarioSpec& scenario, const RareLossOptions& options);

/// The same by counting whole runs, each with its own number of faults: for the tests.
struct CountedLoss {
  bool lost = false;
  std::uint64_t events = 0;
};
CountedLoss run_until_loss(const ScenarioSpec& scenario, std::uint64_t seed);

}  // namespace predrill::harness
