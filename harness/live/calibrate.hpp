// Fits the delays that no configuration fixes to measured drills, and says what the fit is worth:
// it is made on one half of the drills and held against the other.
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
  std::vector<FittedDelay> delays;   // those with enough drills
  std::size_t drills = 0;            // that were fitted
  std::vector<std::string> too_few;  // delays that could not be fitted, with their numbers
  std::vector<Cell> before;          // the other half, predicted without the fit
  std::vector<Cell> after;           // the same with it
};

/// Drills in turn to the fit and to the validation, cell by cell, so that both halves have the same
/// mixture.
Calibration calibrate(const std::vector<DrillRecord>& records, const CompareOptions& options);

/// predrill.calibration/1: what `"files": {"calibration": …}` of a system.json refers to.
std::string calibration_json(const Calibration& calibration,
                             const std::vector<DrillRecord>& records,
                             const std::vector<std::string>& files);

std::string calibration_text(const Calibration& calibration, const TextStyle& style);

}  // namespace predrill::harness::live
