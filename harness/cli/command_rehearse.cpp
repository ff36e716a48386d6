#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "harness/cli/cli.hpp"
#include "harness/cli/kept_runs.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/input/nearest.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/load/load.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text.hpp"
#include "harness/topology/topology.hpp"
#include "harness/topology/topology_text.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

constexpr std::size_t usual_runs = 1000;

bool known_faults(const SystemSpec& system, const std::vector<std::string>& names) {
  bool ok = true;
  std::vector<std::string_view> all;
  if (system.kind != nullptr) {
    for (const FaultType& fault : system.kind->faults()) all.push_back(fault.name);
  } else {
    for (const FaultForm& fault : fault_forms()) all.push_back(fault.name);
  }
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) != all.end()) continue;
    ok = false;
    const std::string near = nearest(name, all);
    const std::string hint =
        near.empty() ? "see predrill list faults" : "did you mean \"" + near + "\"?";
    std::fprintf(stderr, "predrill: --faults: \"%s\" is not a fault; %s\n", name.c_str(),
                 hint.c_str());
  }
  return ok;
}

void print_advice(const std::vector<ScenarioSpec>& scenarios,
                  const std::vector<std::unique_ptr<CampaignResult>>& results,
                  const TextStyle& style) {
  // When to abort: the slowest recovery that was ever seen, plus half of it.
  std::fputs(
      ("\n" + coloured("What to watch, and when to abort", Colour::bold, style) + "\n").c_str(),
      stdout);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Summary& summary = results[i]->all;
    if (summary.runs() == 0) continue;
    const Quantiles q = quantiles(summary.rto());
    if (q.max == 0) continue;
    std::string line = "  " + scenarios[i].name + ": ";
    line.resize(std::max<std::size_t>(line.size(), 20), ' ');
    if (summary.censored() > 0) {
      line += "may not come back by itself: have a person ready, abort after " +
              sim::to_text(sim::Duration(q.p50 + q.p50 / 2));
    } else {
      line += (summary.of_database() ? "abort when writes have not come back after "
                                     : "abort when requests still fail after ") +
              sim::to_text(sim::Duration(q.max + q.max / 2)) + " (longest seen " +
              sim::to_text(sim::Duration(q.max)) + ")";
    }
    std::fputs((line + "\n").c_str(), stdout);
  }
}

// `finished`: how many of the scenarios were run.
void print_why(const SystemSpec& system, const std::vector<ScenarioSpec>& scenarios,
               std::size_t finished, const TextStyle& style) {
  if (system.kind != nullptr || system.members.empty()) return;
  std::vector<std::string> faults;
  for (std::size_t i = 0; i < finished; ++i) faults.push_back(scenarios[i].name);
  const Topology topology(system);
  print_section("Why these matter", why_faults_matter(topology, system, faults, style), style);
}

void print_limits(const std::string& limits, const TextStyle& style) {
  if (limits.empty()) return;
  std::fputs(("\n" + coloured("What no rehearsal can change", Colour::bold, style) + "\n").c_str(),
             stdout);
  for (const std::string& line : wrap(limits, style.width - 2)) {
    std::printf("  %s\n", line.c_str());
  }
}

// Every fault in turn; those that an interruption left out are missing at the end.
std::vector<std::unique_ptr<CampaignResult>> simulate(const std::vector<ScenarioSpec>& scenarios,
                                                      const RehearseCommand& command,
                                                      std::size_t runs, RunStore* store) {
  std::vector<std::unique_ptr<CampaignResult>> results;
  Progress progress("rehearsing " + scenarios.front().system.name,
                    static_cast<std::int64_t>(scenarios.size() * runs));
  for (const ScenarioSpec& scenario : scenarios) {
    const auto show = [&](std::size_t, std::size_t) { progress.add(); };
    results.push_back(
        std::make_unique<CampaignResult>(run_campaign(scenario, {.first_seed = command.common.seed,
                                                                 .runs = runs,
                                                                 .jobs = command.common.jobs,
                                                                 .stop = &interrupted(),
                                                                 .progress = show,
                                                                 .store = store,
                                                                 .part = results.size()})));
    if (interrupted()) break;
  }
  return results;
}

bool usual_path_is_probed(const SystemSpec& system) {
  const std::string path(system.usual_path());
  if (system.kind != nullptr || system.probe.asks(path)) return true;
  std::fprintf(stderr,
               "%s: error: nobody probes \"%s\", the path that is judged; add it to "
               "\"probe.paths\"\n",
               system.file.c_str(), path.c_str());
  return false;
}

void print_text(const SystemSpec& system, const std::vector<ScenarioSpec>& scenarios,
                const std::vector<std::unique_ptr<CampaignResult>>& results,
                const std::vector<RehearsalRow>& rows, const std::vector<Objective>& objectives,
                const RehearseCommand& command, std::size_t runs) {
  const TextStyle style = style_of_output();
  const std::size_t faults = scenarios.size();
  std::printf("%s: %zu fault%s, %zu runs each, seeds %llu to %llu, path %s\n\n",
              system.name.c_str(), faults, faults == 1 ? "" : "s", runs,
              static_cast<unsigned long long>(command.common.seed),
              static_cast<unsigned long long>(command.common.seed + runs - 1),
              scenarios.front().path.c_str());
  std::fputs(rehearsal_text(rows, style).c_str(), stdout);
  print_section("Why undecided", undecided_text(rows, style), style);
  print_why(system, scenarios, results.size(), style);
  print_limits(expiry_limits(system, objectives), style);
  print_advice(scenarios, results, style);
}

}  // namespace

int command_rehearse(const RehearseCommand& command) {
  Diagnostics diagnostics;
  const auto system = load_system(command.system, diagnostics, command.common.settings);
  if (!report(diagnostics) || !system) return exit_usage;
  if (!known_faults(*system, command.faults)) return exit_usage;
  if (!can_simulate(*system) || !usual_path_is_probed(*system)) return exit_usage;
  const std::vector<Objective> objectives =
      system->objectives.empty() ? std::vector<Objective>{{"rto", 0.99, 30}} : system->objectives;
  const auto scenarios = rehearsal_scenarios(*system, command.faults, objectives);
  if (scenarios.empty()) {
    std::fputs("predrill: none of these faults applies to this system\n", stderr);
    return exit_usage;
  }
  const std::size_t runs = command.common.runs == 0 ? usual_runs : command.common.runs;
  std::vector<std::string> words = command.common.settings;
  for (const ScenarioSpec& scenario : scenarios) words.push_back("--faults " + scenario.name);
  const KeptRuns kept = KeptRuns::open(command.out, command.resume, system->file, words);
  if (kept.failed()) {
    std::fprintf(stderr, "predrill: %s\n", kept.problem().c_str());
    return kept.misused() ? exit_usage : exit_internal;
  }
  const auto results = simulate(scenarios, command, runs, kept.store());
  if (!kept.problem().empty()) std::fprintf(stderr, "predrill: %s\n", kept.problem().c_str());
  std::vector<RehearsalRow> rows;
  bool missed = false;
  bool undecided = false;
  ResultDocument document;
  document.command = "rehearse";
  document.version = PREDRILL_VERSION;
  document.system = system->name;
  document.seed = command.common.seed;
  document.reproduce = reproduction("rehearse", command.system, command.common, runs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Summary& summary = results[i]->all;
    std::vector<Judgement> judgements;
    for (const Objective& objective : objectives) judgements.push_back(judge(objective, summary));
    const Verdict verdict = overall(judgements, summary);
    missed |= verdict == Verdict::missed;
    undecided |= verdict == Verdict::undecided;
    rows.push_back(
        {scenarios[i].name, &summary, setting_behind(scenarios[i], summary), verdict, judgements});
    ResultEntry entry;
    entry.scenario = scenarios[i].name;
    entry.summary = &summary;
    entry.judgements = std::move(judgements);
    entry.verdict = verdict;
    entry.setting = rows.back().setting;
    document.results.push_back(std::move(entry));
    for (const std::string& problem : results[i]->problems) {
      std::fprintf(stderr, "predrill: %s: runs without a result: %s\n", scenarios[i].name.c_str(),
                   problem.c_str());
    }
  }
  const std::string json = to_json(document);
  if (!kept.write(json, interrupted())) return exit_internal;
  if (command.common.json()) {
    std::fputs(json.c_str(), stdout);
  } else {
    print_text(*system, scenarios, results, rows, objectives, command, runs);
  }
  if (interrupted()) {
    std::fprintf(stderr, "predrill: interrupted; this is what was finished\n");
    return exit_interrupted;
  }
  return missed ? exit_missed : undecided ? exit_undecided : exit_met;
}

}  // namespace predrill::harness
