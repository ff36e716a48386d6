// One run of a scenario: build the world, let it settle, break it, measure it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/scenario.hpp"
#include "models/journal.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

struct RunOptions {
  std::uint64_t seed = 1;
  bool timeline = false;  // keep the records as text
  bool shuffle_ties = false;
  sim::TraceSink* sink = nullptr;  // also told of every record, from the start of the run
};

struct RunOutcome {
  RunMeasures measures;
  std::string problem;  // why there is no result: the world did not settle, no fault struck
  models::Journal journal;
  std::vector<TimelineEntry> timeline;
  std::string old_primary;
  std::uint64_t events = 0;
};

RunOutcome run_once(const ScenarioSpec& scenario, const RunOptions& options);

}  // namespace predrill::harness
