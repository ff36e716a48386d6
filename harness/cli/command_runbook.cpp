#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text.hpp"
#include "harness/report/text_parts.hpp"
#include "harness/runbook/runbook.hpp"
#include "harness/runbook/runbook_report.hpp"
#include "harness/runbook/runbook_run.hpp"
#include "sim/parallel.hpp"
#include "sim/trace_sinks.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

// Met: every run came to the end of the runbook, no wait ended too early, nothing was lost.
struct RunbookVerdict {
  std::size_t runs = 0, stopped = 0, raced = 0, lossy = 0;
  explicit RunbookVerdict(const std::vector<RunbookOutcome>& outcomes) : runs(outcomes.size()) {
    for (const RunbookOutcome& run : outcomes) {
      if (!run.completed) ++stopped;
      if (!run.races.empty()) ++raced;
      if (run.lost > 0) ++lossy;
    }
  }
  Verdict verdict() const {
    if (runs == 0) return Verdict::undecided;
    return stopped + raced + lossy == 0 ? Verdict::met : Verdict::missed;
  }
  std::string text() const {
    const auto line = [&](std::size_t count, const char* what) {
      return "  " + std::to_string(count) + " of " + std::to_string(runs) + " runs " + what + "\n";
    };
    return line(stopped, "stopped before the end of the runbook") +
           line(raced, "had a wait that ended too early") +
           line(lossy, "lost an acknowledged write");
  }
};

int status_of(Verdict verdict) {
  return verdict == Verdict::met      ? exit_met
         : verdict == Verdict::missed ? exit_missed
                                      : exit_undecided;
}

std::string document_of(const RunbookSpec& spec, const RunCommand& command, const Summary& summary,
                        Verdict verdict, const std::vector<RunbookOutcome>& runs) {
  ResultDocument document;
  document.command = "run";
  document.version = PREDRILL_VERSION;
  document.system = spec.aurora.config.cluster;
  document.seed = command.common.seed;
  ResultEntry entry;
  entry.scenario = spec.name;
  entry.summary = &summary;
  entry.verdict = verdict;
  document.results.push_back(std::move(entry));
  if (runs.size() == 1) document.timeline = runs.front().timeline;
  return to_json(document);
}

void print_report(const RunbookSpec& spec, const RunCommand& command,
                  const std::vector<RunbookOutcome>& runs, const RunbookVerdict& verdict) {
  const TextStyle style = style_of_output();
  print(spec.title + "\n" + spec.file + ", seed " + std::to_string(command.common.seed));
  if (runs.size() > 1) print(" to " + std::to_string(command.common.seed + runs.size() - 1));
  print("\n");
  if (runs.size() == 1)
    print_section("Timeline", timeline_text(runs.front().timeline, style), style);
  print_section("Steps", steps_text(spec, runs, style), style);
  if (runs.size() > 1) {
    print_section("Log against simulation", rows_text(spec, compare_rows(spec, runs), style),
                  style);
    if (!spec.calibration.empty()) print(paragraph("calibration: " + spec.calibration, style));
  }
  print_section("RTO by observer", observers_text(spec, runs, style), style);
  print_section("Waits", races_text(runs, style), style);
  std::string remarks;
  for (const std::string& remark : spec.remarks) remarks += paragraph("- " + remark, style);
  print_section("What the log says otherwise", remarks, style);
  print_section("Verdict: " + std::string(to_text(verdict.verdict())), verdict.text(), style);
}

// The records of the first seed for Perfetto.
std::string perfetto_of(const RunbookSpec& spec, std::uint64_t seed) {
  std::ostringstream text;
  {
    sim::PerfettoTrace trace(text);
    run_runbook(spec, {.seed = seed, .sink = &trace});
  }
  return text.str();
}

}  // namespace

int command_runbook(const RunCommand& command) {
  Diagnostics diagnostics;
  const auto spec = load_runbook(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !spec) return exit_usage;
  constexpr std::size_t runs_against_record = 1000;
  std::size_t wanted = command.common.runs;
  if (wanted == 0) wanted = spec->observed.empty() ? 1 : runs_against_record;
  std::vector<RunbookOutcome> runs;
  {
    Progress progress("simulating", static_cast<std::int64_t>(wanted));
    auto results = sim::parallel_results(
        wanted,
        [&](std::size_t i) {
          return run_runbook(*spec, {.seed = command.common.seed + i, .timeline = wanted == 1});
        },
        {.jobs = command.common.jobs,
         .stop = &interrupted(),
         .progress = [&](std::size_t, std::size_t) { progress.add(); }});
    for (auto& one : results) {
      if (one) runs.push_back(std::move(*one));
    }
  }
  Summary summary(std::string{});
  for (const RunbookOutcome& run : runs) summary.add(to_measures(run));
  const RunbookVerdict verdict(runs);
  const std::string document = document_of(*spec, command, summary, verdict.verdict(), runs);
  if (!command.out.empty() || !command.trace.empty()) {
    OutputFiles files;
    if (!command.out.empty()) {
      files.add(std::filesystem::path(command.out) / "result.json", document);
    }
    if (!command.trace.empty()) files.add(command.trace, perfetto_of(*spec, command.common.seed));
    const auto problem = files.write();
    if (problem) {
      std::fprintf(stderr, "predrill: %s\n", problem->c_str());
      return exit_internal;
    }
  }
  if (command.common.json()) {
    print(document);
  } else {
    print_report(*spec, command, runs, verdict);
  }
  if (runs.size() < wanted) {
    std::fprintf(stderr, "predrill: interrupted after %zu of %zu runs\n", runs.size(), wanted);
    return exit_interrupted;
  }
  return status_of(verdict.verdict());
}

}  // namespace predrill::harness
