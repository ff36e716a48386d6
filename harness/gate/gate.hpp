// Holds the scenarios of a folder of baselines against what they were: did a change of files or of
// the program make a failover slower?
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/gate/arm.hpp"
#include "harness/gate/baseline.hpp"
#include "harness/gate/inputs.hpp"
#include "harness/gate/judge.hpp"
#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

struct GateRunOptions {
  std::size_t jobs = 0;
  bool all_seeds = false;  // also where no file has changed
  std::vector<std::string> settings;
  const std::atomic<bool>* stop = nullptr;
  std::function<void()> on_run{};
  GateOptions judge;
};

/// Most runs that a sequential test may take beyond those of the baseline.
constexpr std::size_t gate_runs_max = 2000;

struct GateFinding {
  enum class How : std::uint8_t {
    first_seeds,  // nothing has changed, and the first seeds give the same fingerprint
    all_seeds,    // so do all of them
    statistics,
  };
  std::string name;  // "node-loss"
  std::string file;  // of the baseline
  std::string title;
  std::string scenario;
  How how = How::statistics;
  GateVerdict verdict = GateVerdict::undecided;
  GateJudgement judgement;
  std::vector<InputChange> changed;
  /// The change that made it slower, with the growth of the mean that it explains.
  std::optional<InputChange> key;
  double key_ms = 0;
  Quantiles before, now;  // of the RTO in milliseconds
  Arm arm;
  std::string system;
  std::string version;  // of the baseline
};

/// The baselines of a folder (or one file), by name. Problems go to the diagnostics.
std::vector<Baseline> load_baselines(const std::filesystem::path& path, Diagnostics&);

/// Empty if the scenario cannot be read; why is in the diagnostics.
std::unique_ptr<GateFinding> run_gate(const Baseline& baseline, const GateRunOptions& options,
                                      Diagnostics&);

/// Simulates the scenario anew: a baseline that has not been written yet. Empty if the scenario
/// cannot be read or was stopped.
std::optional<Baseline> make_baseline(const std::string& file,
                                      const std::filesystem::path& scenario, std::uint64_t first,
                                      std::size_t runs, const GateRunOptions& options,
                                      Diagnostics&);

/// The RTO of the runs with a result, in milliseconds.
Quantiles rto_of(const std::vector<SeedMeasure>& runs);

/// How the verdict was reached, as a sentence.
std::string how_text(const GateFinding& finding);

}  // namespace predrill::harness
