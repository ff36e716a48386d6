#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/recovery/recovery.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text.hpp"
#include "harness/report/text_parts.hpp"
#include "sim/parallel.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

constexpr const char* path_name = "recovery";

RunMeasures measures_of(const RecoveryOutcome& run, std::uint64_t seed) {
  RunMeasures out;
  out.seed = seed;
  out.fault = sim::Duration{};
  out.of_database = false;
  PathRun path;
  path.name = path_name;
  path.measures.rto = path.measures.downtime = run.recovered ? run.rto : sim::Duration{};
  path.measures.censored = !run.recovered;  // never: a lower bound
  out.paths.push_back(std::move(path));
  const auto add = [&](const char* name, MeasureUnit unit, std::int64_t value) {
    out.values.push_back({name, unit, value});
  };
  add("recovered", MeasureUnit::count, run.recovered ? 1 : 0);
  if (run.recovered) add("rpo", MeasureUnit::time, run.rpo.count());
  add("lost_rows", MeasureUnit::count, static_cast<std::int64_t>(run.lost_rows));
  add("read_only", MeasureUnit::time, run.read_only.count());
  add("stall", MeasureUnit::time, run.stall.count());
  return out;
}

std::string document_of(const RecoverySpec& spec, const RunCommand& command,
                        const std::vector<RecoveryCaseResult>& results) {
  ResultDocument document;
  document.command = "run";
  document.version = PREDRILL_VERSION;
  document.system = spec.name;
  document.seed = command.common.seed;
  std::vector<std::unique_ptr<Summary>> summaries;
  for (const RecoveryCaseResult& one : results) {
    summaries.push_back(std::make_unique<Summary>(path_name));
    for (std::size_t i = 0; i < one.runs.size(); ++i) {
      summaries.back()->add(measures_of(one.runs[i], command.common.seed + i));
    }
    ResultEntry entry;
    entry.scenario = one.of->name;
    entry.summary = summaries.back().get();
    entry.verdict = holds(spec, one) ? Verdict::met : Verdict::missed;
    document.results.push_back(std::move(entry));
  }
  return to_json(document);
}

}  // namespace

int command_recovery(const RunCommand& command) {
  Diagnostics diagnostics;
  const auto spec = load_recovery(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !spec) return exit_usage;
  constexpr std::size_t usual_runs = 1000;
  const std::size_t wanted = command.common.runs == 0 ? usual_runs : command.common.runs;
  std::vector<RecoveryCaseResult> results;
  bool stopped = false;
  {
    Progress progress("simulating", static_cast<std::int64_t>(wanted * spec->cases.size()));
    for (const RecoveryCase& one : spec->cases) {
      auto runs = sim::parallel_results(
          wanted, [&](std::size_t i) { return run_recovery(one, command.common.seed + i); },
          {.jobs = command.common.jobs,
           .stop = &interrupted(),
           .progress = [&](std::size_t, std::size_t) { progress.add(); }});
      RecoveryCaseResult result{&one, {}};
      for (auto& run : runs) {
        if (run) result.runs.push_back(std::move(*run));
      }
      stopped = stopped || result.runs.size() < wanted;
      results.push_back(std::move(result));
    }
  }
  bool all_hold = true;
  for (const RecoveryCaseResult& one : results) all_hold = all_hold && holds(*spec, one);
  if (command.common.json()) {
    std::fputs(document_of(*spec, command, results).c_str(), stdout);
  } else {
    const TextStyle style = style_of_output();
    std::string text = spec->title + "\n" + spec->file + ", " + std::to_string(wanted) +
                       " runs a case\nobjectives: RTO " + time_text(spec->rto) + ", RPO " +
                       time_text(spec->rpo) + ", in 99 % of the runs\n\n";
    text += recovery_text(*spec, results, style) + "\n";
    for (const std::string& remark : spec->remarks) text += paragraph("- " + remark, style);
    text += std::string("\nVerdict: ") + (all_hold ? "met" : "missed") + "\n";
    std::fputs(text.c_str(), stdout);
  }
  if (stopped) return exit_interrupted;
  return all_hold ? exit_met : exit_missed;
}

}  // namespace predrill::harness
