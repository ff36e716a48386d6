#include "harness/lint/lint.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/kinds/aurora_kind.hpp"
#include "harness/kinds/rds_kind.hpp"
#include "sim/paired_sample.hpp"
#include "sim/parallel.hpp"

namespace predrill::harness {

namespace {

double seconds_of(sim::Duration time) {
  return static_cast<double>(time.count()) / 1e9;
}

std::optional<double> rto_seconds(const RunMeasures& run, const ScenarioSpec& scenario) {
  const PathRun* path = run.find_path(scenario.path);
  if (path == nullptr) return std::nullopt;
  return seconds_of(path->measures.rto);
}

std::optional<double> downtime_seconds(const RunMeasures& run, const ScenarioSpec& scenario) {
  const PathRun* path = run.find_path(scenario.path);
  if (path == nullptr) return std::nullopt;
  return seconds_of(path->measures.downtime);
}

std::optional<double> overlap_seconds(const RunMeasures& run, const ScenarioSpec&) {
  return seconds_of(run.dual_writers.overlap);
}

std::optional<double> lost_seconds(const RunMeasures& run, const ScenarioSpec&) {
  return seconds_of(run.loss.age);
}

std::optional<double> rejoin_seconds(const RunMeasures& run, const ScenarioSpec& scenario) {
  for (const NamedTime& milestone : run.milestones) {
    if (milestone.name == "old_primary_streaming") return seconds_of(milestone.at);
  }
  return seconds_of(scenario.run_for);  // a lower bound
}

// The key's own place, else the first of its program in the file that says most of it: there it
// belongs.
Origin place_of(const std::string& key, const SystemSpec& system, bool& is_set) {
  const auto found = system.origins.find(key);
  is_set = found != system.origins.end() && !found->second.file.empty() &&
           (found->second.line > 0 || found->second.file.starts_with("--set "));
  if (is_set) return found->second;
  const std::string owner = key.substr(0, key.find('.') + 1);
  std::map<std::string, std::vector<const Origin*>> files;
  for (const auto& [path, origin] : system.origins) {
    if (path.starts_with(owner) && origin.line > 0) files[origin.file].push_back(&origin);
  }
  const auto most = std::max_element(files.begin(), files.end(), [](const auto& a, const auto& b) {
    return a.second.size() < b.second.size();
  });
  if (most != files.end()) {
    return **std::min_element(most->second.begin(), most->second.end(),
                              [](const Origin* a, const Origin* b) { return a->line < b->line; });
  }
  return {system.file, 1, key};
}

ScenarioSpec scenario_of(const LintRule& rule, const SystemSpec& system) {
  auto scenarios = rehearsal_scenarios(system, {std::string(rule.fault)}, {});
  if (scenarios.empty()) return {};
  ScenarioSpec scenario = std::move(scenarios.front());
  if (rule.adapt != nullptr) rule.adapt(scenario);
  return scenario;
}

using Costs = std::vector<std::optional<double>>;

struct Result {
  RunMeasures measures;
  bool ok = false;
};

// The runs of one scenario by seed.
std::vector<std::optional<Result>> simulate(const ScenarioSpec& scenario,
                                            const LintOptions& options) {
  if (scenario.faults.empty()) return {};
  return sim::parallel_results(
      options.runs,
      [&](std::size_t i) {
        RunOutcome outcome = run_once(scenario, {.seed = options.first_seed + i});
        return Result{std::move(outcome.measures), outcome.problem.empty()};
      },
      {.jobs = options.jobs, .stop = options.stop, .progress = [&](std::size_t, std::size_t) {
         if (options.on_run) options.on_run();
       }});
}

Costs costs_of(const std::vector<std::optional<Result>>& results, const LintRule& rule,
               const ScenarioSpec& scenario) {
  Costs costs;
  for (const auto& result : results) {
    costs.push_back(result && result->ok ? rule.cost->seconds(result->measures, scenario)
                                         : std::nullopt);
  }
  return costs;
}

void compare(const Costs& before, const Costs& after, LintFinding& finding) {
  sim::PairedSample pairs;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    if (!before[i] || !after[i]) continue;
    pairs.add(static_cast<std::int64_t>(*before[i] * 1e9),
              static_cast<std::int64_t>(*after[i] * 1e9));
  }
  finding.runs = pairs.size();
  if (pairs.size() == 0) return;
  finding.before = *pairs.baseline().mean() / 1e9;
  finding.after = *pairs.variant().mean() / 1e9;
  if (const auto estimate = pairs.differences().mean_estimate()) {
    finding.difference = {estimate->interval.low / 1e9, estimate->interval.high / 1e9};
  }
}

// Rules that show in the same scenario share the runs before their fixes.
std::string run_key(const LintRule& rule) {
  return rule.adapt == nullptr ? std::string(rule.fault) : std::string(rule.id);
}

}  // namespace

const LintCost cost_rto = {"RTO", rto_seconds};
const LintCost cost_downtime = {"downtime", downtime_seconds};
const LintCost cost_two_primaries = {"two primaries", overlap_seconds};
const LintCost cost_lost_writes = {"lost writes", lost_seconds};
const LintCost cost_rejoin = {"rejoin", rejoin_seconds};

std::string_view to_text(LintSeverity severity) {
  switch (severity) {
    case LintSeverity::note:
      return "note";
    case LintSeverity::warning:
      return "warning";
    case LintSeverity::error:
      return "error";
  }
  return "";
}

std::span<const LintRule> lint_rules() {
  static const std::vector<LintRule> rules = [] {
    std::vector<LintRule> all;
    for (const auto part : {patroni_rules(), server_rules(), pooler_rules(), aurora_rules(),
                            client_rules(), rds_rules()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rules;
}

std::span<const LintRule> lint_rules_for(const SystemSpec& system) {
  const auto all = lint_rules();
  const std::size_t of_managed = client_rules().size();
  const std::size_t of_aurora = aurora_rules().size() + of_managed;
  const std::size_t of_rds = of_managed + rds_rules().size();
  if (system.kind == &rds_kind()) return all.last(of_rds);
  const std::size_t of_patroni = all.size() - of_aurora - rds_rules().size();
  if (system.kind == nullptr) return all.first(of_patroni);
  if (system.kind == &aurora_kind()) return all.subspan(of_patroni, of_aurora);
  return {};
}

std::vector<LintFinding> find_lint(const SystemSpec& system) {
  std::vector<LintFinding> findings;
  for (const LintRule& rule : lint_rules_for(system)) {
    auto hit = rule.find(system);
    if (!hit) continue;
    LintFinding finding;
    finding.rule = &rule;
    finding.place = place_of(hit->key, system, finding.is_set);
    finding.hit = std::move(*hit);
    findings.push_back(std::move(finding));
  }
  return findings;
}

void add_costs(std::vector<LintFinding>& findings, const SystemSpec& system,
               const LintOptions& options) {
  std::map<std::string, std::vector<std::optional<Result>>> before;
  for (LintFinding& finding : findings) {
    const LintRule& rule = *finding.rule;
    const ScenarioSpec scenario = scenario_of(rule, system);
    finding.path = scenario.path;
    const auto [found, added] = before.try_emplace(run_key(rule));
    if (added) found->second = simulate(scenario, options);
    SystemSpec fixed = system;
    rule.fix(fixed);
    const ScenarioSpec repaired = scenario_of(rule, fixed);
    const auto after = simulate(repaired, options);
    if (options.stop != nullptr && *options.stop) return;
    compare(costs_of(found->second, rule, scenario), costs_of(after, rule, repaired), finding);
  }
}

std::size_t lint_runs(std::span<const LintFinding> findings, const LintOptions& options) {
  std::map<std::string, int> scenarios;
  for (const LintFinding& finding : findings) ++scenarios[run_key(*finding.rule)];
  return (scenarios.size() + findings.size()) * options.runs;
}

}  // namespace predrill::harness
