// A study: one scenario under several configurations, every run of each with the same seeds, so
// that two of them differ only by what was changed (common random numbers).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/input/diagnostics.hpp"
#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"
#include "harness/what_if/axes.hpp"
#include "harness/what_if/false_failover.hpp"
#include "harness/what_if/study_measure.hpp"

namespace predrill::harness {

class RunStore;

struct StudyPoint {
  GridPoint grid;
  ScenarioSpec scenario;
};

/// What an "own." measure counts is known by the kind of the system alone.
void know_unit(StudyMeasure& measure, const SystemSpec& system);

/// The points that can be simulated as they are written.
struct StudyPlan {
  std::vector<VaryAxis> axes;
  ScenarioSpec current;  // the configuration as it is, with --set
  std::vector<StudyPoint> points;
  /// Points that Patroni would not run as written: loop_wait + 2*retry_timeout > ttl, or a value
  /// below its minimum. It would lower the values and run another point of the grid.
  std::vector<GridPoint> left_out;
  std::string left_out_because;  // what Patroni says about the first of them
};

/// Loads the scenario once per point. Empty if there were errors, which are in the diagnostics;
/// warnings are those of the current configuration.
std::optional<StudyPlan> plan_study(const std::filesystem::path& scenario,
                                    const std::vector<std::string>& settings,
                                    std::vector<VaryAxis> axes, Diagnostics& diagnostics);

struct StudyOptions {
  std::uint64_t first_seed = 1;
  std::size_t runs = 1000;  // of each point
  std::size_t jobs = 0;     // 0 = one per processor
  const std::atomic<bool>* stop = nullptr;
  std::function<void(std::size_t done, std::size_t all)> progress{};
  RunStore* store = nullptr;  // keeps finished runs, and has those of an earlier attempt
};

/// One configuration. Values are kept by run, so that runs of the same seed can be paired.
struct PointResult {
  Summary summary;
  std::vector<std::vector<std::int64_t>> values;      // [measure][run]; no_value: no result
  std::vector<std::array<std::int64_t, stages>> cut;  // [run]; all no_value: no result
  std::vector<std::string> problems;                  // distinct

  /// By measure: the value, and the difference to the current configuration.
  std::vector<StudyValue> measured;
  std::vector<StudyValue> differences;

  FalseFailovers false_failovers;
  StudyValue more_false_failovers;  // a year, than the current configuration
};

struct StudyResult {
  std::vector<StudyMeasure> measures;
  PointResult current;
  std::vector<PointResult> points;  // as in the plan
  bool stopped = false;
};

/// Runs every point with the same seeds, all points side by side, on all processors. The result
/// depends on plan, seeds and number of runs alone.
StudyResult run_study(const StudyPlan& plan, const std::vector<StudyMeasure>& measures,
                      const StudyOptions& options);

/// Adds the false failovers to a study: those of the disturbances that the scenario states, or of
/// usual_disturbances(). `options.runs` seeds for each threshold.
void add_false_failovers(const StudyPlan& plan, const std::vector<Disturbance>& disturbances,
                         const StudyOptions& options, StudyResult& result);

/// How much of the RTO's mean a setting moves, stage by stage.
struct Elasticity {
  std::string path;
  std::array<sim::Estimate, stages> by_stage;  // they add up to the whole
  sim::Estimate whole;
};

/// For each numeric axis of one setting: relative change of the mean RTO per relative change of the
/// setting, over all neighbouring points that differ in it alone. 1 means: 10 % more of the setting
/// is 10 % more RTO. Intervals are paired t intervals over seeds; the mean RTO that they are
/// divided by counts as known.
std::vector<Elasticity> elasticities(const StudyPlan& plan, const StudyResult& result);

}  // namespace predrill::harness
