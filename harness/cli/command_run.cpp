#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "harness/cli/cli.hpp"
#include "harness/cli/kept_runs.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/recording.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/load/load.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/recovery/recovery.hpp"
#include "harness/report/chaos_toolkit.hpp"
#include "harness/report/number.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text.hpp"
#include "harness/runbook/runbook.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

std::string heading(const ScenarioSpec& scenario, const CommonOptions& options, std::size_t runs) {
  std::string text = scenario.title.empty() ? scenario.name : scenario.title;
  text += "\n" + scenario.file + ", seed " + std::to_string(options.seed);
  if (runs > 1) text += " to " + std::to_string(options.seed + runs - 1);
  return text + "\n";
}

int status_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::met:
      return exit_met;
    case Verdict::missed:
      return exit_missed;
    case Verdict::undecided:
      return exit_undecided;
  }
  return exit_internal;
}

Verdict judge_all(const ScenarioSpec& scenario, const Summary& summary,
                  std::vector<Judgement>& judgements) {
  for (const Objective& objective : scenario.objectives) {
    judgements.push_back(judge(objective, summary));
  }
  return overall(judgements, summary);
}

// The runs that went the way of the record: those whose promotion ended nearest to the logged one.
// The split is by mechanism (was the key released?), not by the time itself.
const Summary* like_the_record(const ScenarioSpec& scenario, const CampaignResult& runs) {
  const Observed* promotion = nullptr;
  for (const Observed& line : scenario.observed) {
    if (line.matches == "promotion_finished" && line.at) promotion = &line;
  }
  if (promotion == nullptr || runs.released.runs() == 0) return nullptr;
  if (runs.not_released.runs() == 0) return &runs.released;
  const auto distance = [promotion](const Summary& summary) {
    const auto found = summary.milestones().find("promotion_finished");
    if (found == summary.milestones().end()) return sim::forever.count();
    return std::abs(quantiles(found->second).p50 - promotion->at->count());
  };
  return distance(runs.released) <= distance(runs.not_released) ? &runs.released
                                                                : &runs.not_released;
}

std::string share_text(const sim::Proportion& p) {
  char text[64];
  const auto interval = p.wilson();
  std::snprintf(text, sizeof text, "%.1f %% [%.1f, %.1f]", 100 * p.value().value_or(0),
                interval ? 100 * interval->low : 0, interval ? 100 * interval->high : 100);
  return text;
}

std::string mechanism_text(const CampaignResult& runs) {
  const sim::Proportion& released = runs.all.key_released();
  if (released.successes() == 0 || released.successes() == released.trials()) return "";
  const auto line = [](const char* what, const sim::Proportion& share, const Summary& summary) {
    const Quantiles q = quantiles(summary.rto());
    char text[200];
    std::snprintf(text, sizeof text, "  %-38s %-22s RTO p50 %6.1f s, from %5.1f s to %5.1f s\n",
                  what, share_text(share).c_str(), static_cast<double>(q.p50) / 1e9,
                  static_cast<double>(q.min) / 1e9, static_cast<double>(q.max) / 1e9);
    return std::string(text);
  };
  const sim::Proportion expired(released.trials() - released.successes(), released.trials());
  return line("the old primary released the key", released, runs.released) +
         line("the key had to expire", expired, runs.not_released);
}

// The document for --format json and --out. `run`: of a single run.
std::string document_of(const ScenarioSpec& scenario, const RunCommand& command,
                        const Summary& summary, const std::vector<Judgement>& judgements,
                        Verdict verdict, const RunOutcome* run) {
  ResultDocument document;
  document.command = "run";
  document.version = PREDRILL_VERSION;
  document.system = scenario.system.name;
  document.seed = command.common.seed;
  const auto runs = static_cast<std::size_t>(summary.runs());
  document.reproduce = reproduction("run", command.scenario, command.common, runs);
  ResultEntry entry;
  entry.scenario = scenario.name;
  entry.summary = &summary;
  entry.judgements = judgements;
  entry.verdict = verdict;
  entry.setting = setting_behind(scenario, summary);
  entry.observed = scenario.observed;
  if (run != nullptr && run->problem.empty()) {
    entry.run = &run->measures;
    entry.journal = &run->journal;
    document.timeline = run->timeline;
  }
  document.results.push_back(std::move(entry));
  return to_json(document);
}

// Writes what --out and --trace want; false if that failed, which has been said.
bool write_files(const RunCommand& command, const ScenarioSpec& scenario, std::string document,
                 Recording& recording, const RunOutcome& recorded,
                 std::span<const Judgement> judgements, Verdict verdict) {
  OutputFiles files;
  if (!command.out.empty()) {
    files.add(std::filesystem::path(command.out) / "result.json", std::move(document));
  }
  recording.add_files(scenario, recorded, files);
  if (!command.chaos_journal.empty()) {
    files.add(command.chaos_journal, chaos_journal(scenario, recorded, judgements, verdict,
                                                   command.metrics_start, PREDRILL_VERSION));
  }
  const auto problem = files.write();
  if (problem) std::fprintf(stderr, "predrill: %s\n", problem->c_str());
  return !problem;
}

int print_single(const ScenarioSpec& scenario, const RunCommand& command, const TextStyle& style) {
  Recording recording(command);
  const RunOutcome outcome =
      run_once(scenario, {.seed = command.common.seed, .timeline = true, .sink = recording.sink()});
  const RunMeasures& run = outcome.measures;
  Summary summary(scenario.path);
  if (outcome.problem.empty()) summary.add(run);
  std::vector<Judgement> judgements;
  const Verdict verdict = judge_all(scenario, summary, judgements);
  const std::string document =
      document_of(scenario, command, summary, judgements, verdict, &outcome);
  if (!write_files(command, scenario, document, recording, outcome, judgements, verdict)) {
    return exit_internal;
  }
  if (!outcome.problem.empty()) {
    std::fprintf(stderr, "predrill: no result: %s\n", outcome.problem.c_str());
  }
  if (command.common.json()) {
    print(document);
    return status_of(verdict);
  }
  if (!outcome.problem.empty()) return exit_undecided;
  print(heading(scenario, command.common, 1));
  print_section("Timeline (since the fault)", timeline_text(outcome.timeline, style), style);
  print_section("Outages", outages_text(run, style), style);
  print_section("Stages of the RTO, path " + scenario.path, stages_text(run, scenario.path, style),
                style);
  print_section("Data", rpo_text(run, style), style);
  print_section("Measures", values_text(run, style), style);
  print_section("Errors", errors_text(run, style), style);
  print_section("PgBouncer", pool_text(run, style), style);
  print_section("Safety", violations_text(run, style), style);
  print_section("Verdict", verdict_text(judgements, verdict, style), style);
  char fingerprint[64];
  std::snprintf(fingerprint, sizeof fingerprint, "\nfingerprint %016llx, %llu events\n",
                static_cast<unsigned long long>(run.fingerprint),
                static_cast<unsigned long long>(outcome.events));
  print(fingerprint);
  return status_of(verdict);
}

// How well the p99 is known by now.
std::string width_text(const Summary& summary) {
  const auto interval = summary.rto().quantile_interval(0.99);
  if (!interval) return "";
  return "p99 in [" + sim::to_text(sim::Duration(interval->low)) + ", " +
         sim::to_text(sim::Duration(interval->high)) + "]";
}

CampaignResult simulate(const ScenarioSpec& scenario, const RunCommand& command, std::size_t runs,
                        const std::optional<StopRule>& until, RunStore* store) {
  Progress progress("simulating", static_cast<std::int64_t>(runs));
  return run_campaign(scenario,
                      {.first_seed = command.common.seed,
                       .runs = runs,
                       .jobs = command.common.jobs,
                       .stop = &interrupted(),
                       .progress = [&](std::size_t, std::size_t) { progress.add(); },
                       .batch = [&](const Summary& all) { progress.note(width_text(all)); },
                       .until = until,
                       .store = store});
}

int print_campaign(const ScenarioSpec& scenario, const RunCommand& command, std::size_t runs,
                   const std::optional<StopRule>& until, const TextStyle& style) {
  const KeptRuns kept =
      KeptRuns::open(command.out, command.resume, scenario.file, command.common.settings);
  if (kept.failed()) {
    std::fprintf(stderr, "predrill: %s\n", kept.problem().c_str());
    return kept.misused() ? exit_usage : exit_internal;
  }
  RunStore* store = kept.store();
  const CampaignResult result = simulate(scenario, command, runs, until, store);
  if (!kept.problem().empty()) std::fprintf(stderr, "predrill: %s\n", kept.problem().c_str());
  for (const std::string& problem : result.problems) {
    std::fprintf(stderr, "predrill: runs without a result: %s\n", problem.c_str());
  }
  std::vector<Judgement> judgements;
  const Verdict verdict = judge_all(scenario, result.all, judgements);
  const std::string document =
      document_of(scenario, command, result.all, judgements, verdict, nullptr);
  Recording recording(command);
  if (recording.wanted() || !command.chaos_journal.empty()) {
    const RunOutcome first =
        run_once(scenario, {.seed = command.common.seed, .sink = recording.sink()});
    if (!write_files(command, scenario, document, recording, first, judgements, verdict)) {
      return exit_internal;
    }
  }
  if (store != nullptr &&
      !result.stopped) {  // the result is there: its parts are not needed any more
    std::error_code ignored;
    std::filesystem::remove(std::filesystem::path(command.out) / "runs.part", ignored);
  }
  const auto status = [&] {
    if (!result.stopped) return status_of(verdict);
    std::fprintf(stderr, "predrill: interrupted after %lld of %zu runs%s\n",
                 static_cast<long long>(result.all.runs()), result.wanted,
                 store != nullptr ? "; the same command with --resume goes on" : "");
    return static_cast<int>(exit_interrupted);
  };
  if (command.common.json()) {
    print(document);
    return status();
  }
  print(heading(scenario, command.common, runs));
  print_section("What became of the leader key", mechanism_text(result), style);
  print_section("Distribution over " + std::to_string(result.all.runs()) + " runs",
                distribution_text(result.all, style), style);
  if (!scenario.observed.empty()) {
    const Summary* like = like_the_record(scenario, result);
    print_section(
        like == nullptr            ? "Log against simulation"
        : like == &result.released ? "Log against simulation, in the runs that released the key"
                                   : "Log against simulation, in the runs whose key expired",
        observed_text(scenario.observed, like == nullptr ? result.all : *like, style), style);
    print_section("Figures of the log against simulation",
                  figures_text(scenario.observed, like == nullptr ? result.all : *like, style),
                  style);
    std::string remarks;
    for (const std::string& remark : scenario.remarks) {
      for (std::string& line : wrap("- " + remark, style.width - 2)) remarks += "  " + line + "\n";
    }
    print_section("What else contradicts itself in the log", remarks, style);
  }
  print_section("Verdict", verdict_text(judgements, verdict, style), style);
  if (!result.ended.empty())
    print("\nEnded after " + grouped(result.all.runs()) + " runs: " + result.ended + "\n");
  char fingerprint[64];
  std::snprintf(fingerprint, sizeof fingerprint, "\nfingerprint %016llx\n",
                static_cast<unsigned long long>(result.all.fingerprint()));
  print(fingerprint);
  return status();
}

// A file that would not be written is said before anything runs.
bool can_record(const RunCommand& command, bool recovery) {
  const std::string kind = recovery ? "a recovery" : "a runbook";
  std::vector<std::pair<const char*, bool>> wanted = {
      {"--trace", !command.trace.empty() && recovery},
      {"--openmetrics", !command.metrics.empty()},
      {"--chaos-journal", !command.chaos_journal.empty()},
      {"--out", !command.out.empty() && recovery},
      {"--until", !command.until.empty()},
      {"--resume", command.resume},
      {"--rare", !command.rare.empty()}};
  bool good = true;
  for (const auto& [option, given] : wanted) {
    if (!given) continue;
    std::fprintf(stderr, "predrill: %s is not possible for %s: %s\n", option, kind.c_str(),
                 recovery ? "take --format json" : "take --trace, --out or --format json");
    good = false;
  }
  return good;
}

}  // namespace

int command_run(const RunCommand& command) {
  const bool recovery = is_recovery_file(command.scenario);
  if (recovery || is_runbook_file(command.scenario)) {
    if (!can_record(command, recovery)) return exit_usage;
    return recovery ? command_recovery(command) : command_runbook(command);
  }
  Diagnostics diagnostics;
  const auto scenario = load_scenario(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !scenario) return exit_usage;
  if (!can_simulate(scenario->system)) return exit_usage;
  std::optional<StopRule> until;
  std::string problem;
  if (!command.until.empty()) until = parse_stop_rule(command.until, problem);
  if (!command.until.empty() && !until) problem = "--until: " + problem;
  if (command.resume && command.out.empty()) problem = "--resume wants the folder of --out";
  if (!problem.empty()) {
    std::fprintf(stderr, "predrill: %s\n", problem.c_str());
    return exit_usage;
  }
  if (!command.rare.empty()) return command_rare(command, *scenario);
  const TextStyle style = style_of_output();
  // A record is compared with the distribution, not with one run of luck.
  constexpr std::size_t runs_against_record = 1000;
  std::size_t runs = command.common.runs;
  constexpr std::size_t runs_with_rule = 100'000;  // at most
  if (runs == 0 && until) runs = runs_with_rule;
  if (runs == 0) runs = scenario->observed.empty() ? 1 : runs_against_record;
  if (runs == 1) return print_single(*scenario, command, style);
  return print_campaign(*scenario, command, runs, until, style);
}

}  // namespace predrill::harness
