#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/engine/run.hpp"
#include "harness/load/load.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/number.hpp"
#include "harness/report/progress.hpp"
#include "harness/what_if/sensitivity.hpp"
#include "harness/what_if/study.hpp"
#include "sim/parallel.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

constexpr std::size_t runs_of_a_point = 20;
constexpr std::size_t trajectories = 20;
constexpr std::size_t sobol_points = 32;
constexpr std::size_t replicates = 8;

// A place of the unit cube as settings.
Assignments settings_at(const std::vector<VaryAxis>& axes, const std::vector<double>& point) {
  Assignments values;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const double value = axes[k].low + (axes[k].high - axes[k].low) * point[k];
    char text[40];
    std::snprintf(text, sizeof text, "%.3f", value);
    values.emplace_back(axes[k].paths.front(), text + axes[k].unit);
  }
  return values;
}

// Loads and runs batches of points, all runs of all points side by side.
class Evaluation {
 public:
  Evaluation(const WhatIfCommand& command, std::vector<VaryAxis> axes, StudyMeasure measure,
             std::size_t runs, Progress& progress)
      : command_(command),
        axes_(std::move(axes)),
        measure_(std::move(measure)),
        runs_(runs),
        progress_(progress) {}

  std::vector<double> operator()(const std::vector<std::vector<double>>& points) {
    std::vector<double> values(points.size(), 0.0);
    sim::for_each_index(points.size(), [&](std::size_t i) { values[i] = evaluate(points[i]); },
                        {.jobs = command_.common.jobs, .stop = &interrupted(), .progress = {}});
    return values;
  }

 private:
  double evaluate(const std::vector<double>& point) {
    std::vector<std::string> settings = command_.common.settings;
    for (std::string& setting : settings_of(settings_at(axes_, point))) {
      settings.push_back(std::move(setting));
    }
    Diagnostics diagnostics;
    const auto scenario = load_scenario(command_.scenario, settings, diagnostics);
    sim::Sample sample;
    for (std::size_t run = 0; scenario && run < runs_; ++run) {
      const RunOutcome outcome = run_once(*scenario, {.seed = command_.common.seed + run});
      const std::int64_t value = value_of(measure_, outcome.measures, scenario->path);
      if (outcome.problem.empty() && value != no_value) sample.add(value);
      progress_.add();
    }
    const double unit = measure_.is_time() ? 1e9 : measure_.is_fixed_point() ? 1e3 : 1;
    return statistic_of(measure_, sample).value.value_or(0) / unit;
  }

  const WhatIfCommand& command_;
  std::vector<VaryAxis> axes_;
  StudyMeasure measure_;
  std::size_t runs_;
  Progress& progress_;
};

bool read_ranges(const WhatIfCommand& command, std::vector<VaryAxis>& axes) {
  bool ok = true;
  for (const std::string& text : command.vary) {
    std::string problem;
    auto axis = parse_axis(text, problem);
    if (axis && !axis->is_range()) {
      axis.reset();
      problem = "--sensitivity wants ranges without steps, as in patroni.ttl=20..60; found " + text;
    }
    if (axis) {
      axes.push_back(std::move(*axis));
    } else {
      ok = false;
      std::fprintf(stderr, "predrill: --vary: %s\n", problem.c_str());
    }
  }
  return ok;
}

// The corners of the ranges can be loaded: then everything between them can.
bool corners_load(const WhatIfCommand& command, const std::vector<VaryAxis>& axes) {
  for (const double corner : {0.0, 1.0}) {
    std::vector<std::string> settings = command.common.settings;
    const std::vector<double> point(axes.size(), corner);
    for (std::string& setting : settings_of(settings_at(axes, point))) {
      settings.push_back(std::move(setting));
    }
    Diagnostics diagnostics;
    const auto scenario = load_scenario(command.scenario, settings, diagnostics);
    if (scenario) continue;
    report(diagnostics);
    return false;
  }
  return true;
}

std::string estimate_text(const sim::Estimate& e) {
  char text[80];
  if (e.interval.low == e.interval.high) {
    std::snprintf(text, sizeof text, "%.3g", e.value);
    return text;
  }
  std::snprintf(text, sizeof text, "%.3g [%.3g, %.3g]", e.value, e.interval.low, e.interval.high);
  return text;
}

}  // namespace

int command_sensitivity(const WhatIfCommand& command) {
  if (!command.out.empty() || command.resume) {
    std::fprintf(stderr, "predrill: --sensitivity keeps no runs: leave out --out and --resume\n");
    return exit_usage;
  }
  if (command.vary.empty()) {
    std::fprintf(stderr,
                 "predrill: --vary: over which ranges? for example --vary patroni.ttl=20..60\n");
    return exit_usage;
  }
  std::vector<VaryAxis> axes;
  std::string problem;
  auto measure = parse_measure(
      command.measures.empty() ? std::string("rto.p50") : command.measures.front(), problem);
  if (!measure) std::fprintf(stderr, "predrill: --measure: %s\n", problem.c_str());
  if (!read_ranges(command, axes) || !measure) return exit_usage;
  Diagnostics diagnostics;
  const auto current = load_scenario(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !current) return exit_usage;
  if (!can_simulate(current->system) || !corners_load(command, axes)) return exit_usage;
  know_unit(*measure, current->system);
  const std::size_t runs = command.common.runs == 0 ? runs_of_a_point : command.common.runs;
  const bool screening = command.sensitivity == "morris";
  const std::size_t points =
      screening ? trajectories * (axes.size() + 1) : replicates * sobol_points * (axes.size() + 2);
  WhatIfPart part;
  part.sensitivity_of = measure->name;
  {
    Progress progress("sensitivity of " + measure->name, static_cast<std::int64_t>(points * runs));
    Evaluation evaluation(command, axes, *measure, runs, progress);
    const Response response = [&](const auto& batch) { return evaluation(batch); };
    if (screening) {
      const auto effects = morris(axes.size(), trajectories, command.common.seed, response);
      for (std::size_t k = 0; k < axes.size(); ++k) {
        const sim::Estimate sigma{effects[k].deviation,
                                  {effects[k].deviation, effects[k].deviation}};
        part.sensitivity.push_back(
            {axes[k].paths.front(),
             {{"mu", effects[k].mean}, {"mu_star", effects[k].mean_abs}, {"sigma", sigma}}});
      }
    } else {
      const auto shares =
          sobol(axes.size(), sobol_points, replicates, command.common.seed, response);
      for (std::size_t k = 0; k < axes.size(); ++k) {
        part.sensitivity.push_back(
            {axes[k].paths.front(), {{"first", shares[k].first}, {"total", shares[k].total}}});
      }
    }
  }
  if (interrupted()) {
    std::fprintf(stderr, "predrill: interrupted; an unfinished analysis says nothing\n");
    return exit_interrupted;
  }
  if (command.common.json()) {
    ResultDocument document;
    document.command = "what-if";
    document.version = PREDRILL_VERSION;
    document.system = current->system.name;
    document.seed = command.common.seed;
    document.what_if = std::move(part);
    std::fputs(to_json(document).c_str(), stdout);
    return exit_met;
  }
  std::printf("%s\n%s of %s%s over the whole ranges, %zu points of %zu runs; [95 %% intervals]\n\n",
              current->title.c_str(), screening ? "Elementary effects" : "Shares of the variance",
              measure->name.c_str(), screening && measure->is_time() ? ", in seconds," : "", points,
              runs);
  std::vector<Table::Column> columns = {{"setting"}, {"range"}};
  for (const auto& [name, value] : part.sensitivity.front().indices) {
    columns.push_back({name, Table::Align::right});
  }
  Table table(std::move(columns));
  for (std::size_t k = 0; k < axes.size(); ++k) {
    std::vector<Table::Cell> row = {part.sensitivity[k].path,
                                    command.vary[k].substr(command.vary[k].find('=') + 1)};
    for (const auto& [name, value] : part.sensitivity[k].indices) {
      row.emplace_back(estimate_text(value));
    }
    table.add(std::move(row));
  }
  std::fputs(table.text(style_of_output()).c_str(), stdout);
  std::printf(screening
                  ? "\nmu: mean change of the measure from one end of the range to the other; "
                    "mu_star: its size; sigma beside\nmu_star: how much it depends on the rest.\n"
                  : "\nfirst: the setting alone; total: with all that it does together with "
                    "others.\n");
  if (current->system.kind == nullptr) {
    std::printf(
        "Where loop_wait + 2*retry_timeout > ttl, Patroni adjusts the values and that is "
        "simulated.\n");
  }
  return exit_met;
}

}  // namespace predrill::harness
