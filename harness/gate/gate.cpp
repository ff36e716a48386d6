#include "harness/gate/gate.hpp"

#include <algorithm>
#include <utility>

#include "harness/load/load.hpp"
#include "harness/report/number.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t more_runs = 200;   // at a time, until a sequential test has decided
constexpr std::size_t blame_runs = 100;  // for each change that is taken back
constexpr std::size_t blame_changes = 16;

fs::path scenario_of(const Baseline& baseline) {
  return (fs::path(baseline.file).parent_path() / baseline.scenario).lexically_normal();
}

ArmOptions arm_options(const GateRunOptions& options) {
  return {options.jobs, options.stop, options.on_run};
}

double mean_of(const std::vector<SeedMeasure>& runs, std::size_t n) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::min(n, runs.size()); ++i) {
    if (!runs[i].has_result) continue;
    sum += static_cast<double>(runs[i].rto_ms);
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

// --set counts as a change of the files.
void add_settings(const std::vector<std::string>& settings, std::vector<InputChange>& changed) {
  for (const std::string& setting : settings) {
    const std::size_t equals = std::min(setting.find('='), setting.size());
    InputChange change;
    change.file = "--set " + setting;
    change.key = setting.substr(0, equals);
    change.after = setting.substr(std::min(equals + 1, setting.size()));
    changed.push_back(std::move(change));
  }
}

// Of one change that one; of several the one whose taking back shortens the runs most.
void blame_key(const ScenarioSpec& scenario, const GateRunOptions& options, GateFinding& finding) {
  const auto& changed = finding.changed;
  if (changed.empty()) return;
  if (changed.size() == 1) {
    finding.key = changed.front();
    finding.key_ms = finding.judgement.rto.mean;
    return;
  }
  for (std::size_t i = 0; i < std::min(changed.size(), blame_changes); ++i) {
    std::vector<std::string> settings = options.settings;
    if (changed[i].file.starts_with("--set ")) {
      std::erase(settings, changed[i].file.substr(std::string_view("--set ").size()));
    } else {
      auto back = taken_back(changed[i], scenario);
      if (!back) continue;
      settings.push_back(std::move(*back));
    }
    Diagnostics ignored;  // an old value may not go with the new ones
    const auto without = load_scenario(scenario.file, settings, ignored);
    if (!without || ignored.has_errors()) continue;
    Arm arm(without->path);
    extend(arm, *without, finding.arm.runs.front().seed, blame_runs, arm_options(options));
    if (arm.stopped) return;
    const double gained =
        mean_of(finding.arm.runs, arm.runs.size()) - mean_of(arm.runs, blame_runs);
    if (gained > finding.key_ms) {
      finding.key_ms = gained;
      finding.key = changed[i];
    }
  }
}

bool waits_for_bound(const GateJudgement& judgement) {
  return judgement.verdict == GateVerdict::undecided &&
         std::any_of(judgement.bounds.begin(), judgement.bounds.end(), [](const BoundTest& test) {
           return test.decision == sim::SequentialTest::Decision::go_on;
         });
}

// The verdict from fingerprints or, failing that, from statistics.
void decide(const Baseline& baseline, const ScenarioSpec& scenario, const GateRunOptions& options,
            bool same_inputs, GateFinding& finding) {
  const ArmOptions arm = arm_options(options);
  const std::uint64_t first = baseline.runs.empty() ? 1 : baseline.runs.front().seed;
  const std::size_t all = baseline.runs.size();
  const auto& runs = finding.arm.runs;
  const auto passes = [&](GateFinding::How how) {
    finding.how = how;
    finding.verdict = finding.judgement.verdict = GateVerdict::pass;
  };
  if (same_inputs && !options.all_seeds) {
    extend(finding.arm, scenario, first, baseline.quick_runs, arm);
    if (!finding.arm.stopped && fingerprint_of(runs) == baseline.quick_fingerprint) {
      return passes(GateFinding::How::first_seeds);
    }
  }
  extend(finding.arm, scenario, first, all, arm);
  if (finding.arm.stopped) return;
  if (fingerprint_of(runs) == baseline.fingerprint) return passes(GateFinding::How::all_seeds);
  finding.judgement = judge_against(baseline, runs, finding.arm.violations, options.judge);
  while (waits_for_bound(finding.judgement) && runs.size() < all + gate_runs_max) {
    extend(finding.arm, scenario, first, runs.size() + more_runs, arm);
    if (finding.arm.stopped) return;
    finding.judgement = judge_against(baseline, runs, finding.arm.violations, options.judge);
  }
  finding.verdict = finding.judgement.verdict;
  if (finding.judgement.slower) blame_key(scenario, options, finding);
}

}  // namespace

std::vector<Baseline> load_baselines(const fs::path& path, Diagnostics& diagnostics) {
  std::vector<fs::path> files;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else if (fs::exists(path, error)) {
    files.push_back(path);
  }
  std::vector<Baseline> baselines;
  for (const fs::path& file : files) {
    if (auto baseline = load_baseline(file, diagnostics)) baselines.push_back(std::move(*baseline));
  }
  return baselines;
}

std::unique_ptr<GateFinding> run_gate(const Baseline& baseline, const GateRunOptions& options,
                                      Diagnostics& diagnostics) {
  const fs::path path = scenario_of(baseline);
  const fs::path folder = fs::path(baseline.file).lexically_normal().parent_path();
  const auto scenario = load_scenario(path, options.settings, diagnostics);
  const std::vector<InputValue> values = input_values(path, diagnostics);
  if (!scenario || diagnostics.has_errors()) return nullptr;
  auto finding = std::make_unique<GateFinding>();
  finding->name = fs::path(baseline.file).stem().string();
  finding->file = baseline.file;
  finding->title = baseline.title;
  finding->scenario = scenario->file;
  finding->system = scenario->system.name;
  finding->version = baseline.version;
  finding->arm = Arm(scenario->path);
  finding->before = rto_of(baseline.runs);
  finding->changed = changes(below(baseline.values, folder), values);
  add_settings(options.settings, finding->changed);
  const bool same_inputs = finding->changed.empty() && digest_of(values, folder) == baseline.inputs;
  decide(baseline, *scenario, options, same_inputs, *finding);
  finding->now = rto_of(finding->arm.runs);
  return finding;
}

std::optional<Baseline> make_baseline(const std::string& file, const fs::path& scenario,
                                      std::uint64_t first, std::size_t runs,
                                      const GateRunOptions& options, Diagnostics& diagnostics) {
  const fs::path path = scenario.lexically_normal();
  const auto spec = load_scenario(path, {}, diagnostics);
  const std::vector<InputValue> values = input_values(path, diagnostics);
  if (!spec || diagnostics.has_errors()) return std::nullopt;
  Arm arm(spec->path);
  extend(arm, *spec, first, runs, arm_options(options));
  if (arm.stopped) return std::nullopt;
  return baseline_of(file, *spec, arm, values, PREDRILL_VERSION);
}

Quantiles rto_of(const std::vector<SeedMeasure>& runs) {
  sim::Sample sample;
  for (const SeedMeasure& run : runs) {
    if (run.has_result) sample.add(run.rto_ms);
  }
  return quantiles(sample);
}

std::string how_text(const GateFinding& finding) {
  const std::string runs = grouped(static_cast<std::int64_t>(finding.arm.runs.size()));
  switch (finding.how) {
    case GateFinding::How::first_seeds:
      return "unchanged: same fingerprint of " + runs + " seeds";
    case GateFinding::How::all_seeds:
      return "same fingerprint of all " + runs + " seeds";
    case GateFinding::How::statistics:
      return runs + " runs were compared";
  }
  return "";
}

}  // namespace predrill::harness
