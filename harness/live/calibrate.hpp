// Fits the delays that no configuration fixes to measured drills, and says what such a fit is
// worth: one that is made on one half of the drills is held against the other, and against all.
#pragma once

#include <string>
#include <vector>

#include "harness/live/compare.hpp"
#include "harness/live/record.hpp"

namespace predrill::harness::live {

/// A delay that drills show, and the timing of the models that it is.
struct FittedDelay {
  std::string name;  // "postgresql.promotion": timings.postgresql.promotion
  std::string meaning;
  std::vector<std::int64_t> values;  // nanoseconds, in the order of the drills
};

struct Calibration {
  std::vector<FittedDelay> delays;   // to all drills; those with enough of them
  std::size_t drills = 0;            // that were fitted
  std::vector<std::string> too_few;  // delays that could not be fitted, with their numbers
  std::vector<Cell> before;          // half of the drills, predicted without a fit
  std::vector<Cell> after;           // the same half, with a fit to the other one
  std::vector<Cell> all;             // both halves, with that fit
};

/// For the validation drills go in turn to either half, cell by cell, so that both have the same
/// mixture.
Calibration calibrate(const std::vector<DrillRecord>& records, const CompareOptions& options);

/// predrill.calibration/1: what `"files": {"calibration": …}` of a system.json refers to.
std::string calibration_json(const Calibration& calibration,
                             const std::vector<DrillRecord>& records,
                             const std::vector<std::string>& files);

std::string calibration_text(const Calibration& calibration, const TextStyle& style);

}  // namespace predrill::harness::live
