// What a study varies: settings and their values, and the grid that they span.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace predrill::harness {

/// One setting, or several that change together ("zipped").
struct VaryAxis {
  std::vector<std::string> paths;               // "patroni.ttl"
  std::vector<std::vector<std::string>> steps;  // for each step one value per path
  /// "20..60" without a step: any value in between, for sensitivity analyses. Else low == high.
  double low = 0;
  double high = 0;
  std::string unit;  // of low and high: "s", or empty
  bool is_range() const { return steps.empty(); }
};

/// Reads what follows --vary:
///   patroni.ttl=20,30,60                            values
///   patroni.ttl=20..60:10                           a range with its step
///   patroni.ttl=20..60                              a range without: for --sensitivity
///   patroni.ttl/patroni.loop_wait=20/5,30/10        settings that change together
/// A value that holds commas of its own is written as JSON: [..], {..} or "..". On a mistake
/// nullopt and, in `problem`, a sentence that says what is wrong.
std::optional<VaryAxis> parse_axis(std::string_view text, std::string& problem);

using Assignments = std::vector<std::pair<std::string, std::string>>;  // path, value

struct GridPoint {
  Assignments values;
  std::vector<std::size_t> at;  // index of the step of each axis
};

/// Every combination, the last axis fastest. Axes that are ranges are not part of it.
std::vector<GridPoint> grid_of(const std::vector<VaryAxis>& axes);

/// "path=value" for --set.
std::vector<std::string> settings_of(const Assignments& values);

/// A value as a number: "20" is 20, "500ms" is 0.5, "85%" is 0.85; nullopt for anything else.
std::optional<double> numeric(std::string_view value);

}  // namespace predrill::harness
