// A drill in the lab: predict, look that all is well, break it, measure, mend it, look again.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "harness/live/lab.hpp"
#include "harness/live/record.hpp"
#include "harness/scenario.hpp"
#include "models/journal.hpp"

namespace predrill::harness::live {

struct DrillOptions {
  std::vector<std::string> settings;  // as they were given, for the record
  std::size_t predicted_runs = 1000;
  std::uint64_t seed = 1;
  const std::atomic<bool>* stop = nullptr;  // Ctrl-C: mend it and end
  std::function<void(const std::string&)> tell = [](const std::string&) {};
  /// Called with the prediction before the fault is injected; a problem ends the drill.
  std::function<Problem(const DrillRecord&)> keep_prediction = [](const DrillRecord&) -> Problem {
    return std::nullopt;
  };
};

struct DrillOutcome {
  DrillRecord record;
  models::Journal journal;
  /// Safety: refused before the fault, or not mended after it. The drill has ended with exit 4.
  Problem refused;
};

/// Runs the scenario once. The lab is held (LabLock) by the caller.
DrillOutcome run_drill(Lab& lab, const ScenarioSpec& scenario, const DrillOptions& options);

/// A drill that was interrupted: its file is there.
std::filesystem::path undo_file(const LabPlan& plan);

/// Mends the lab after an interrupted drill and waits until it is steady.
Problem recover(Lab& lab);

/// Acknowledged writes of a journal that are not among the rows that survived: `tags`, ascending.
RunLoss count_loss(const models::Journal& journal, const std::vector<std::uint64_t>& tags,
                   sim::Duration fault);

}  // namespace predrill::harness::live
