#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/gate/gate.hpp"
#include "harness/gate/gate_text.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/report/progress.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace fs = std::filesystem;

namespace {

GateRunOptions options_of(const GateCommand& command, Progress& progress) {
  GateRunOptions options;
  options.jobs = command.common.jobs;
  options.all_seeds = command.all_seeds;
  options.settings = command.common.settings;
  options.stop = &interrupted();
  options.on_run = [&progress] { progress.add(); };
  return options;
}

// Where the baseline of a scenario goes.
std::string file_for(const std::string& folder, const std::string& scenario) {
  return (fs::path(folder) / (fs::path(scenario).stem().string() + ".json")).string();
}

int update(const GateCommand& command, const std::vector<Baseline>& old) {
  struct Wanted {
    std::string file, scenario;
    const Baseline* before = nullptr;
  };
  std::vector<Wanted> wanted;
  for (const Baseline& baseline : old) {
    wanted.push_back({baseline.file,
                      (fs::path(baseline.file).parent_path() / baseline.scenario).string(),
                      &baseline});
  }
  for (const std::string& scenario : command.add) {
    wanted.push_back({file_for(command.folder, scenario), scenario, nullptr});
  }
  std::vector<std::unique_ptr<Baseline>> made;
  std::vector<BaselineUpdate> updates;
  OutputFiles files;
  Diagnostics diagnostics;
  {
    Progress progress("simulating", 0);
    for (const Wanted& one : wanted) {
      const bool usual = one.before == nullptr || one.before->runs.empty();
      std::size_t runs = usual ? baseline_usual_runs : one.before->runs.size();
      if (command.common.runs > 0) runs = command.common.runs;
      const std::uint64_t first = usual ? command.common.seed : one.before->runs.front().seed;
      auto baseline = make_baseline(one.file, one.scenario, first, runs,
                                    options_of(command, progress), diagnostics);
      if (!baseline) continue;
      made.push_back(std::make_unique<Baseline>(std::move(*baseline)));
      updates.push_back({one.before, made.back().get()});
      files.add(one.file, to_json(*made.back()));
    }
  }
  if (interrupted()) {
    std::fputs("predrill: interrupted; no baseline was written\n", stderr);
    return exit_interrupted;
  }
  if (!report(diagnostics)) return exit_usage;
  if (const auto problem = files.write()) {
    std::fprintf(stderr, "predrill: %s\n", problem->c_str());
    return exit_internal;
  }
  std::fputs(update_text(updates).c_str(), stdout);
  return exit_met;
}

Verdict verdict_of(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::pass:
      return Verdict::met;
    case GateVerdict::fail:
      return Verdict::missed;
    case GateVerdict::undecided:
      return Verdict::undecided;
  }
  return Verdict::undecided;
}

std::string document_of(GateFindings findings, const GateCommand& command) {
  ResultDocument document;
  document.command = "gate";
  document.version = PREDRILL_VERSION;
  document.system = command.folder;
  if (!findings.empty()) {
    document.system = findings.front()->system;
    if (!findings.front()->arm.runs.empty()) {
      document.seed = findings.front()->arm.runs.front().seed;
    }
  }
  for (const auto& finding : findings) {
    ResultEntry entry;
    entry.scenario = finding->title;
    entry.summary = &finding->arm.summary;
    entry.verdict = verdict_of(finding->verdict);
    entry.gate = finding.get();
    document.results.push_back(std::move(entry));
  }
  return to_json(document);
}

// False if a file could not be written, which has been said.
bool write_files(GateFindings findings, const GateCommand& command) {
  OutputFiles files;
  if (!command.markdown.empty()) files.add(command.markdown, gate_markdown(findings));
  if (!command.junit.empty()) files.add(command.junit, gate_junit(findings, command.folder));
  if (!command.sarif.empty()) files.add(command.sarif, gate_sarif(findings, PREDRILL_VERSION));
  const auto problem = files.write();
  if (problem) std::fprintf(stderr, "predrill: %s\n", problem->c_str());
  return !problem;
}

int status_of(GateFindings findings) {
  bool failed = false, undecided = false;
  for (const auto& finding : findings) {
    failed |= finding->verdict == GateVerdict::fail;
    undecided |= finding->verdict == GateVerdict::undecided;
  }
  return failed ? exit_missed : undecided ? exit_undecided : exit_met;
}

}  // namespace

int command_gate(const GateCommand& command) {
  Diagnostics diagnostics;
  const std::vector<Baseline> baselines = load_baselines(command.folder, diagnostics);
  if (!command.add.empty() && !command.update) {
    std::fputs("predrill: --add makes new baselines: it goes with --update\n", stderr);
    return exit_usage;
  }
  if (command.update && !command.common.settings.empty()) {
    std::fputs("predrill: --update takes the files as they are: leave out --set\n", stderr);
    return exit_usage;
  }
  if (!report(diagnostics)) return exit_usage;
  if (command.update && (!baselines.empty() || !command.add.empty())) {
    return update(command, baselines);
  }
  if (baselines.empty()) {
    std::fprintf(stderr,
                 "predrill: there is no baseline in %s; make some with predrill gate %s --update "
                 "--add SCENARIO\n",
                 command.folder.c_str(), command.folder.c_str());
    return exit_usage;
  }
  std::vector<std::unique_ptr<GateFinding>> findings;
  bool stopped = false;
  {
    Progress progress("gate", 0);
    for (const Baseline& baseline : baselines) {
      auto finding = run_gate(baseline, options_of(command, progress), diagnostics);
      if (!finding) continue;
      stopped = finding->arm.stopped || interrupted();
      if (stopped) break;
      findings.push_back(std::move(finding));
    }
  }
  if (!report(diagnostics)) return exit_usage;
  if (!stopped && !write_files(findings, command)) return exit_internal;
  const std::string text = command.common.json() ? document_of(findings, command)
                                                 : gate_text(findings, style_of_output());
  std::fputs(text.c_str(), stdout);
  if (stopped) {
    std::fputs(
        "predrill: interrupted; these are the baselines that were finished, and no file "
        "was written\n",
        stderr);
    return exit_interrupted;
  }
  return status_of(findings);
}

}  // namespace predrill::harness
