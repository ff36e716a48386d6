// `predrill run SCENARIO --rare …`: what no campaign would meet.
#include <cstdio>
#include <optional>
#include <string>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/report/number.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/table.hpp"
#include "harness/report/text_parts.hpp"
#include "harness/what_if/rare_loss.hpp"
#include "harness/what_if/rare_outage.hpp"
#include "sim/time.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

int say_interrupted() {
  std::fprintf(stderr, "predrill: interrupted; part of a splitting says nothing\n");
  return exit_interrupted;
}

int print_document(const ScenarioSpec& scenario, const RunCommand& command, RarePart rare) {
  ResultDocument document;
  document.command = "run";
  document.version = PREDRILL_VERSION;
  document.system = scenario.system.name;
  document.seed = command.common.seed;
  document.reproduce = reproduction("run", command.scenario, command.common, 0) + " --rare " +
                       shell_word(command.rare);
  document.rare = std::move(rare);
  std::fputs(to_json(document).c_str(), stdout);
  return exit_met;
}

void print_heading(const ScenarioSpec& scenario, const RunCommand& command) {
  std::printf("%s\n%s, seed %llu\n\n", scenario.title.c_str(), scenario.file.c_str(),
              static_cast<unsigned long long>(command.common.seed));
}

int print_outage(const ScenarioSpec& scenario, const RunCommand& command, sim::Duration length) {
  RareOutageOptions options;
  options.seed = command.common.seed;
  options.jobs = command.common.jobs;
  options.stop = &interrupted();
  std::optional<sim::SplittingResult> result;
  {
    const std::size_t most = options.levels * options.effort * options.replicates;
    Progress progress("splitting", static_cast<std::int64_t>(most));
    options.progress = [&] { progress.add(); };
    result = rare_outage(scenario, length, options);
  }
  if (!result) return say_interrupted();
  if (command.common.json()) {
    RarePart rare;
    rare.path = scenario.path;
    rare.length = length;
    rare.probability = result->probability;
    rare.passed = result->passed;
    rare.runs = result->trajectories;
    return print_document(scenario, command, std::move(rare));
  }
  print_heading(scenario, command);
  const sim::Estimate& found = result->probability;
  std::printf("Path %s still down %s after the fault: probability ", scenario.path.c_str(),
              sim::to_text(length).c_str());
  if (found.value == 0) {
    std::printf("below %.2g: no run got there\n", found.interval.high);
  } else {
    std::printf("%.3g [%.3g, %.3g]\n", found.value, found.interval.low, found.interval.high);
  }
  for (std::size_t level = 0; level < result->passed.size(); ++level) {
    const bool tried = level == 0 || result->passed[level - 1] > 0;
    if (!tried) break;
    const sim::Duration at = length * static_cast<std::int64_t>(level + 1) /
                             static_cast<std::int64_t>(result->passed.size());
    std::printf("  still down at %-10s %5.1f %% of those before\n", sim::to_text(at).c_str(),
                100 * result->passed[level]);
  }
  std::printf("Multilevel splitting, %llu runs, 95 %% interval over %zu independent estimates.\n",
              static_cast<unsigned long long>(result->trajectories), options.replicates);
  return exit_met;
}

std::string probability_text(const sim::Estimate& found) {
  char text[96];
  if (found.value == 0) {
    std::snprintf(text, sizeof text, "below %.2g: no run lost any", found.interval.high);
  } else {
    std::snprintf(text, sizeof text, "%.3g [%.3g, %.3g]", found.value, found.interval.low,
                  found.interval.high);
  }
  return text;
}

// "100 → 52 → 30": the share of runs that lost so many copies, of those that lost one less.
std::string levels_text(const sim::SplittingResult& split) {
  std::string text;
  for (std::size_t level = 0; level < split.passed.size(); ++level) {
    if (level > 0 && split.passed[level - 1] == 0) break;
    char share[24];
    std::snprintf(share, sizeof share, "%s%.3g", level == 0 ? "" : ", ", 100 * split.passed[level]);
    text += share;
  }
  return text;
}

std::string cases_text(const ScenarioSpec& scenario, const RareLoss& loss, const TextStyle& style) {
  Table table({{"faults within " + sim::to_text(scenario.run_for), Table::Align::right},
               {"how likely", Table::Align::right},
               {"rows lost", Table::Align::left},
               {"of those before, % by level", Table::Align::left}});
  for (const LossCase& one : loss.cases) {
    char weight[24];
    std::snprintf(weight, sizeof weight, "%.3g", one.weight);
    table.add({std::to_string(one.more + 1), weight, probability_text(one.split.probability),
               levels_text(one.split)});
  }
  return table.text(style);
}

void print_loss_text(const ScenarioSpec& scenario, const RareLoss& loss,
                     const RareLossOptions& options, const TextStyle& style) {
  const bool rated = loss.faults_per_year > 0;
  std::printf("Acknowledged rows lost %s: probability %s\n",
              rated ? "after a fault" : "by the end of the scenario",
              probability_text(loss.probability).c_str());
  if (rated && loss.probability.value > 0) {
    std::printf("In a year: %.3g losses [%.3g, %.3g], one in %.3g years\n", loss.per_year.value,
                loss.per_year.interval.low, loss.per_year.interval.high, 1 / loss.per_year.value);
  } else if (rated) {
    std::printf("In a year: fewer than %.2g losses\n", loss.per_year.interval.high);
  }
  std::printf("\n%s", cases_text(scenario, loss, style).c_str());
  std::string words = "Levels: one copy of the rows less, two, ... , then rows lost. ";
  char text[400];
  if (loss.probability.value > 0 && loss.none_found > 0) {
    std::snprintf(text, sizeof text,
                  "Cases in which no run lost rows, and more faults than in any case, may add "
                  "%.2g at most; the interval leaves the former out. ",
                  loss.none_found);
    words += text;
  }
  if (rated) {
    std::snprintf(text, sizeof text,
                  "Faults: %.3g a year; each begins %s at whose end all is repaired. ",
                  loss.faults_per_year, sim::to_text(scenario.run_for).c_str());
    words += text;
  }
  std::snprintf(text, sizeof text,
                "Multilevel splitting within each number of faults: %s runs, %s events, 95 %% "
                "interval over %zu independent estimates. ",
                grouped(static_cast<std::int64_t>(loss.runs)).c_str(),
                grouped(static_cast<std::int64_t>(loss.events)).c_str(), options.replicates);
  words += text;
  if (loss.runs_of_counting > 0) {
    const double events = loss.runs_of_counting * loss.events_per_run;
    std::snprintf(
        text, sizeof text, "Counting would need %.2g events for the same interval%s", events,
        events < static_cast<double>(loss.events)
            ? ": such losses are not rare, `predrill run FILE --runs N` counts them sooner."
            : ".");
    words += text;
  }
  std::fputs(("\n" + paragraph(words, style)).c_str(), stdout);
}

RarePart part_of(const RareLoss& loss) {
  RarePart rare;
  rare.probability = loss.probability;
  rare.runs = loss.runs;
  rare.loss.emplace();
  rare.loss->events = loss.events;
  rare.loss->events_of_counting = loss.runs_of_counting * loss.events_per_run;
  rare.loss->none_found = loss.none_found;
  rare.loss->faults_per_year = loss.faults_per_year;
  rare.loss->per_year = loss.per_year;
  for (const LossCase& one : loss.cases) {
    rare.loss->cases.push_back({one.more + 1, one.weight, one.split.probability, one.split.passed});
  }
  return rare;
}

int print_loss(const ScenarioSpec& scenario, const RunCommand& command) {
  if (scenario.system.kind != nullptr) {
    std::fprintf(stderr,
                 "predrill: --rare lost is for Patroni clusters: in other systems the "
                 "service keeps the rows\n");
    return exit_usage;
  }
  RareLossOptions options;
  options.seed = command.common.seed;
  options.jobs = command.common.jobs;
  options.stop = &interrupted();
  std::optional<RareLoss> loss;
  {
    std::optional<Progress> progress;
    std::size_t told = 0;
    options.progress = [&](std::size_t done, std::size_t all) {
      if (!progress) progress.emplace("splitting", static_cast<std::int64_t>(all));
      for (; told < done; ++told) progress->add();
    };
    loss = rare_loss(scenario, options);
  }
  if (!loss) return say_interrupted();
  if (command.common.json()) return print_document(scenario, command, part_of(*loss));
  print_heading(scenario, command);
  print_loss_text(scenario, *loss, options, style_of_output());
  return exit_met;
}

}  // namespace

int command_rare(const RunCommand& command, const ScenarioSpec& scenario) {
  if (command.rare == "lost") return print_loss(scenario, command);
  const auto length = sim::parse_duration(command.rare);
  if (length && *length > sim::Duration{}) return print_outage(scenario, command, *length);
  std::fprintf(stderr, "predrill: --rare: write a time, as in 10m, or \"lost\"\n");
  return exit_usage;
}

}  // namespace predrill::harness
