// A baseline: what a scenario came to when somebody last agreed with it. A small JSON file beside
// others, made by `predrill gate DIR --update`, read by people in reviews.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/gate/arm.hpp"
#include "harness/gate/inputs.hpp"
#include "harness/input/diagnostics.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// What at least the objective's quantile of all runs has to keep to.
struct GateBound {
  double quantile = 0.99;
  std::int64_t objective_ms = 0;
  /// The objective where the baseline kept to it; else the slowest run of the baseline, so that
  /// what is too slow already must not become slower. nullopt: too many runs did not recover.
  std::optional<std::int64_t> bound_ms;
  bool met = false;  // the baseline keeps to the objective
  friend bool operator==(const GateBound&, const GateBound&) = default;
};

struct Baseline {
  std::string file;      // where it was read
  std::string scenario;  // relative to the folder of the file
  std::string title;
  std::string system;
  std::string path;
  std::string version;
  std::uint64_t inputs = 0;       // digest_of the values below
  std::uint64_t fingerprint = 0;  // of all runs
  std::size_t quick_runs = 0;     // the first few, re-run even if no file has changed
  std::uint64_t quick_fingerprint = 0;
  std::vector<GateBound> bounds;
  std::vector<SeedMeasure> runs;  // without their own fingerprints
  std::set<std::string> violations;
  std::vector<InputValue> values;  // files relative to the folder of the baseline
};

/// Re-run at once: what differs in at least 11.3 % of all runs shows with 95 %.
constexpr std::size_t baseline_quick_runs = 25;
constexpr std::size_t baseline_usual_runs = 400;

/// The bound of one objective, from the runs in order of their seeds.
GateBound bound_of(double quantile, std::int64_t objective_ms,
                   const std::vector<SeedMeasure>& runs);

/// What a finished arm amounts to. `file`: where it will be written.
Baseline baseline_of(const std::string& file, const ScenarioSpec& scenario, const Arm& arm,
                     const std::vector<InputValue>& values, const std::string& version);

std::string to_json(const Baseline& baseline);
/// Empty if there were errors; they are in the diagnostics.
std::optional<Baseline> load_baseline(const std::filesystem::path& path, Diagnostics&);

/// The values with their files relative to a folder, and back.
std::vector<InputValue> relative_to(std::vector<InputValue> values,
                                    const std::filesystem::path& folder);
std::vector<InputValue> below(std::vector<InputValue> values, const std::filesystem::path& folder);

}  // namespace predrill::harness
