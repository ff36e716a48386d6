// One run of a scenario: build the world, let it settle, break it, measure it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/scenario.hpp"
#include "models/invariants.hpp"
#include "models/journal.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

class World;

struct RunOptions {
  std::uint64_t seed = 1;
  bool timeline = false;  // keep the records as text
  bool shuffle_ties = false;
  sim::TraceSink* sink = nullptr;  // also told of every record, from the start of the run
  /// Called once the world has settled and before the first fault: for tests that break something.
  std::function<void(World&)> meddle{};
};

struct RunOutcome {
  RunMeasures measures;
  std::string problem;  // why there is no result: the world did not settle, no fault struck
  models::Journal journal;
  std::vector<TimelineEntry> timeline;
  std::string old_primary;
  std::vector<models::Violation> broken;  // every violation with its time and member
  std::uint64_t events = 0;
};

RunOutcome run_once(const ScenarioSpec& scenario, const RunOptions& options);

}  // namespace predrill::harness
