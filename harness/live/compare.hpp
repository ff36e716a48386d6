// Prediction against measurement: how far off, how often outside, and whether the measured drills
// could have come from the predicted distribution.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/input/diagnostics.hpp"
#include "harness/live/record.hpp"
#include "harness/measure/stages.hpp"
#include "harness/report/table.hpp"
#include "harness/scenario.hpp"
#include "sim/sample.hpp"

namespace predrill::harness::live {

constexpr std::size_t pit_bins = 5;

/// Between two of n predictions, both included; beyond the extremes nothing is foretold.
struct PredictionInterval {
  std::int64_t low = 0, high = 0;
  bool has(std::int64_t value) const { return value >= low && value <= high; }
};
/// Where another value of the predictions' distribution lies with at least this probability, as
/// far as so few predictions can say. Precondition: there are some.
PredictionInterval prediction_interval(const sim::Sample& predicted, double share);

/// A quantity of all drills of a cell, in nanoseconds.
struct Comparison {
  std::string what;  // "rto:pgbouncer", "stage:promotion"
  std::int64_t drills = 0;
  std::int64_t measured_median = 0;
  std::int64_t predicted_median = 0;
  std::int64_t predicted_p5 = 0, predicted_p95 = 0;
  double inside_50 = 0;  // share of the measurements within the predicted interval
  double inside_90 = 0;
  std::optional<double> kolmogorov_smirnov;  // p-value
  std::optional<double> anderson_darling;    // p-value, at least 0.01, at most 0.25
  std::array<std::int64_t, pit_bins> pit{};  // where the measurements lie in the predictions
  /// How often as many drills drawn from the prediction itself would hold: what few drills allow.
  std::optional<double> attainable;

  std::int64_t bias() const { return measured_median - predicted_median; }
};

/// Drills of one scenario with the same settings.
struct Cell {
  std::string scenario;
  std::vector<std::string> settings;
  std::string fault;
  std::string path;  // of the objective
  std::int64_t drills = 0;
  std::int64_t without_proof = 0;  // or interrupted: they say nothing
  std::vector<Comparison> rto;     // by path
  std::vector<Comparison> stages;
  std::int64_t lost_rows_max = 0;  // measured
  std::int64_t predicted_lost_rows_max = 0;
  std::string problem;  // why it could not be simulated

  std::string name() const;
};

/// The median is within 10 % or 0.5 s of the measured one (whichever is larger), the 90 % interval
/// has 80 % to 100 % of the measurements, and Kolmogorov-Smirnov does not reject at 1 %.
struct Fidelity {
  bool median = false;
  bool coverage = false;
  bool distribution = false;
  bool holds() const { return median && coverage && distribution; }
};
Fidelity fidelity(const Comparison& comparison);

struct CompareOptions {
  std::size_t runs = 200;      // for each member that led before a fault
  std::size_t replicates = 0;  // for Comparison::attainable; 0 leaves it out
  std::size_t jobs = 0;
  std::uint64_t seed = 1;
  std::vector<std::string> settings;                             // on top of those of the drills
  std::function<void(SystemSpec&)> adjust = [](SystemSpec&) {};  // before each simulation
  const std::atomic<bool>* stop = nullptr;
  std::function<void()> progress = [] {};  // after each drill
};

/// Simulates each cell with the settings of its drills, each with the member that led then.
std::vector<Cell> compare(const std::vector<DrillRecord>& records, const CompareOptions& options);

std::string compare_text(const std::vector<Cell>& cells, const TextStyle& style, bool details);
std::string compare_json(const std::vector<Cell>& cells);

}  // namespace predrill::harness::live
