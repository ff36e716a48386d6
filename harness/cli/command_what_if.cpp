#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/kept_runs.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/load.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/number.hpp"
#include "harness/report/progress.hpp"
#include "harness/report/text.hpp"
#include "harness/what_if/capacity.hpp"
#include "harness/what_if/health_checks.hpp"
#include "harness/what_if/knee.hpp"
#include "harness/what_if/optimise.hpp"
#include "harness/what_if/study.hpp"
#include "harness/what_if/study_text.hpp"
#include "sim/order_statistics.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

constexpr std::size_t usual_runs = 1000;
constexpr std::size_t threshold_seeds = 24;  // phases of the HA loop for each false failover

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

void section(const std::string& title, const std::string& body, const TextStyle& style) {
  if (body.empty()) return;
  print("\n" + coloured(title, Colour::bold, style) + "\n" + body);
}

bool complain(const std::string& option, const std::string& problem) {
  std::fprintf(stderr, "predrill: %s: %s\n", option.c_str(), problem.c_str());
  return false;
}

// False if one of them is wrong; each that is has been reported.
bool read_options(const WhatIfCommand& command, std::vector<VaryAxis>& axes,
                  std::vector<StudyMeasure>& measures, std::vector<Goal>& goals) {
  bool ok = true;
  for (const std::string& text : command.vary) {
    std::string problem;
    auto axis = parse_axis(text, problem);
    if (axis && axis->is_range()) {
      axis.reset();
      problem = "a range without a step, " + text +
                ": add one, as in 20..60:10, or ask for --sensitivity";
    }
    if (axis) {
      axes.push_back(std::move(*axis));
    } else {
      ok = complain("--vary", problem);
    }
  }
  for (const std::string& text : command.measures) {
    std::string problem;
    auto measure = parse_measure(text, problem);
    if (measure) {
      measures.push_back(std::move(*measure));
    } else {
      ok = complain("--measure", problem);
    }
  }
  if (!command.optimise.empty()) {
    std::string problem;
    if (auto parsed = parse_goals(command.optimise, problem)) {
      goals = std::move(*parsed);
      add_measures_of(goals, measures);
    } else {
      ok = complain("--optimise", problem);
    }
  }
  return ok;
}

// A measure of a path that nobody asks would stay empty without a word.
bool all_measured(const std::vector<StudyMeasure>& measures, const SystemSpec& system) {
  bool ok = true;
  if (system.kind != nullptr) return ok;
  for (const StudyMeasure& measure : measures) {
    const bool there = system.probe.asks(measure.path) &&
                       (measure.path != "pgbouncer" || system.pooler.has_value()) &&
                       (measure.path != "haproxy" || system.haproxy.has_value());
    if (!there) {
      ok = complain("--measure", in_quotes(measure.name) + ": nobody probes " +
                                     in_quotes(measure.path) + " here; see \"probe.paths\"");
    }
  }
  return ok;
}

// Before those that goals ask for.
void add_usual_measures(const SystemSpec& system, std::vector<StudyMeasure>& measures) {
  const std::vector<std::string> usual =
      system.kind != nullptr ? system.kind->usual_measures()
                             : std::vector<std::string>{"rto.p50", "rto.p99", "rpo.rows.max"};
  std::vector<StudyMeasure> all;
  std::string problem;
  for (const std::string& name : usual) {
    if (auto measure = parse_measure(name, problem)) all.push_back(std::move(*measure));
  }
  for (StudyMeasure& measure : measures) {
    const bool known = std::any_of(
        all.begin(), all.end(), [&](const StudyMeasure& one) { return one.name == measure.name; });
    if (!known) all.push_back(std::move(measure));
  }
  measures = std::move(all);
}

double in_document_unit(const StudyMeasure& measure, double value) {
  return measure.is_time() ? value / 1e9 : measure.is_fixed_point() ? value / 1e3 : value;
}

ResultEntry entry_of(const StudyPlan& plan, const StudyResult& result, const PointResult& point,
                     const Assignments& varied) {
  ResultEntry entry;
  entry.scenario = plan.current.name;
  entry.summary = &point.summary;
  for (const Objective& objective : plan.current.objectives) {
    entry.judgements.push_back(judge(objective, point.summary));
  }
  entry.verdict = overall(entry.judgements, point.summary);
  entry.varied = varied;
  for (std::size_t m = 0; m < result.measures.size(); ++m) {
    const StudyMeasure& measure = result.measures[m];
    const auto number = [&](const std::optional<double>& value) {
      return value ? std::optional(in_document_unit(measure, *value)) : std::nullopt;
    };
    const auto interval = [&](const std::optional<sim::Interval<double>>& i) {
      return i ? std::optional(sim::Interval<double>{in_document_unit(measure, i->low),
                                                     in_document_unit(measure, i->high)})
               : std::nullopt;
    };
    entry.measures.push_back({measure.name, measure.is_time() ? "s" : "",
                              number(point.measured[m].value), interval(point.measured[m].interval),
                              number(point.differences[m].value),
                              interval(point.differences[m].interval)});
  }
  const sim::Estimate& rate = point.false_failovers.per_year;
  if (point.false_failovers.per_event.empty()) return entry;
  entry.measures.push_back({std::string(false_failovers_per_year), "1/year", rate.value,
                            rate.interval, point.more_false_failovers.value,
                            point.more_false_failovers.interval});
  return entry;
}

std::string document_of(const StudyPlan& plan, const StudyResult& result,
                        const std::vector<Elasticity>& moved,
                        const std::vector<Disturbance>& disturbances,
                        const std::optional<Optimum>& optimum, const WhatIfCommand& command) {
  ResultDocument document;
  document.command = "what-if";
  document.version = PREDRILL_VERSION;
  document.system = plan.current.system.name;
  document.seed = command.common.seed;
  const std::size_t runs = command.common.runs == 0 ? usual_runs : command.common.runs;
  document.reproduce = reproduction("what-if", command.scenario, command.common, runs);
  for (const std::string& vary : command.vary) {
    document.reproduce += " --vary " + shell_word(vary);
  }
  for (const std::string& measure : command.measures) {
    document.reproduce += " --measure " + shell_word(measure);
  }
  if (!command.optimise.empty())
    document.reproduce += " --optimise " + shell_word(command.optimise);
  document.results.push_back(entry_of(plan, result, result.current, {}));
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    document.results.push_back(
        entry_of(plan, result, result.points[i], plan.points[i].grid.values));
  }
  WhatIfPart part;
  for (const GridPoint& point : plan.left_out) part.left_out.push_back(point.values);
  for (const Elasticity& one : moved) {
    part.elasticities.push_back({one.path, one.whole, {one.by_stage.begin(), one.by_stage.end()}});
  }
  for (const Disturbance& one : disturbances) part.disturbances.push_back(describe(one));
  if (optimum) {
    part.pareto.emplace();
    // The first result is the current configuration.
    for (const std::size_t i : optimum->pareto) part.pareto->push_back(i + 1);
    if (optimum->smallest_change) part.smallest_change = *optimum->smallest_change + 1;
  }
  document.what_if = std::move(part);
  return to_json(document);
}

std::string heading(const StudyPlan& plan, const CommonOptions& common, std::size_t runs) {
  std::string text = plan.current.title.empty() ? plan.current.name : plan.current.title;
  text += "\n" + std::to_string(plan.points.size()) +
          (plan.points.size() == 1 ? " configuration" : " configurations") +
          " and the current one, " + std::to_string(runs) + (runs == 1 ? " run" : " runs") +
          " each with the same seeds " + std::to_string(common.seed) + " to " +
          std::to_string(common.seed + runs - 1) + ", path " + plan.current.path + "\n";
  if (!plan.left_out.empty()) {
    text += std::to_string(plan.left_out.size()) +
            (plan.left_out.size() == 1 ? " point is" : " points are") +
            " left out, because Patroni would not run it as written: " +
            point_text(plan.left_out.front().values) + ": " + plan.left_out_because + "\n";
  }
  return text + "Times in seconds; [95 % intervals], differences paired run by run.\n\n";
}

// A lease buys a short outage with false failovers: beside the one always the other. A question
// about nothing but load has neither.
bool about_outages(const std::vector<StudyMeasure>& measures) {
  using What = StudyMeasure::What;
  return std::any_of(measures.begin(), measures.end(), [](const StudyMeasure& measure) {
    return measure.what == What::rto || measure.what == What::downtime ||
           measure.what == What::stage || measure.what == What::failover;
  });
}

bool can_fail_over_falsely(const SystemSpec& system) {
  return system.kind == nullptr && system.members.size() > 1;
}

// The scenario's objectives, together.
StudyColumn verdict_column(const StudyPlan& plan, const StudyResult& result) {
  const auto text = [&plan](const PointResult& point) {
    std::vector<Judgement> judgements;
    for (const Objective& objective : plan.current.objectives) {
      judgements.push_back(judge(objective, point.summary));
    }
    return std::string(to_text(overall(judgements, point.summary)));
  };
  StudyColumn column{"objectives", text(result.current), {}};
  for (const PointResult& point : result.points) column.points.push_back(text(point));
  return column;
}

StudyColumn false_failover_column(const StudyResult& result) {
  const auto text = [](const PointResult& point) {
    if (point.false_failovers.per_event.empty()) return std::string("–");
    const sim::Estimate& rate = point.false_failovers.per_year;
    char cell[80];
    std::snprintf(cell, sizeof cell, "%.3g [%.3g, %.3g]", rate.value, rate.interval.low,
                  rate.interval.high);
    return std::string(cell);
  };
  StudyColumn column{"false failovers/year", text(result.current), {}};
  for (const PointResult& point : result.points) column.points.push_back(text(point));
  return column;
}

std::string disturbances_text(const StudyPlan& plan, const StudyResult& result,
                              const std::vector<Disturbance>& disturbances,
                              const TextStyle& style) {
  if (disturbances.empty()) return "";
  std::string text = plan.current.disturbances.empty()
                         ? "The scenario states none (\"disturbances\"), so these are assumed:\n"
                         : "As the scenario states them:\n";
  for (std::size_t i = 0; i < disturbances.size(); ++i) {
    char cost[80] = "";
    if (!result.current.false_failovers.per_event.empty()) {
      std::snprintf(cost, sizeof cost, "; now %.2g %% of them cost a failover",
                    100 * result.current.false_failovers.per_event[i].value);
    }
    for (const std::string& line : wrap("- " + describe(disturbances[i]) + cost, style.width - 2)) {
      text += "  " + line + "\n";
    }
  }
  return text;
}

// Runs everything under one line of progress.
StudyResult run_all(const StudyPlan& plan, const std::vector<StudyMeasure>& measures,
                    const std::vector<Disturbance>& disturbances, const CommonOptions& common,
                    std::size_t runs, RunStore* store) {
  const std::size_t seeds = std::min(runs, threshold_seeds);
  const std::size_t columns = plan.points.size() + 1;
  Progress progress("what-if " + plan.current.name,
                    static_cast<std::int64_t>(columns * (runs + disturbances.size() * seeds)));
  StudyOptions options{.first_seed = common.seed,
                       .runs = runs,
                       .jobs = common.jobs,
                       .stop = &interrupted(),
                       .progress = [&](std::size_t, std::size_t) { progress.add(); },
                       .store = store};
  StudyResult result = run_study(plan, measures, options);
  options.runs = seeds;
  if (disturbances.empty()) return result;
  add_false_failovers(plan, disturbances, options, result);
  return result;
}

// Why a column has no interval, where more runs would give it one.
std::string too_few_text(const StudyResult& result, std::size_t runs) {
  const auto has_one = [](const StudyMeasure& measure, std::size_t n) {
    return sim::quantile_rank_interval(static_cast<std::int64_t>(n), measure.p,
                                       sim::usual_confidence)
        .has_value();
  };
  std::string text;
  for (const StudyMeasure& measure : result.measures) {
    const bool quantile =
        measure.statistic == StudyMeasure::Statistic::quantile && measure.p > 0 && measure.p < 1;
    if (!quantile || has_one(measure, runs)) continue;
    std::size_t enough = runs + 1;
    while (enough < 1'000'000 && !has_one(measure, enough)) ++enough;
    text += "No interval for " + measure.name + ": it takes " +
            grouped(static_cast<std::int64_t>(enough)) + " runs.\n";
  }
  return text;
}

void print_text(const StudyPlan& plan, const StudyResult& result,
                const std::vector<Elasticity>& moved, const std::vector<Disturbance>& disturbances,
                const std::vector<Goal>& goals, const std::optional<Optimum>& optimum,
                const WhatIfCommand& command, std::size_t runs) {
  const TextStyle style = style_of_output();
  print(heading(plan, command.common, runs));
  std::vector<StudyColumn> more;
  if (!disturbances.empty()) more.push_back(false_failover_column(result));
  if (!plan.current.objectives.empty()) more.push_back(verdict_column(plan, result));
  print(study_text(plan, result, more, style));
  print(too_few_text(result, runs));
  if (optimum) {
    section("Best for " + command.optimise, optimum_text(plan, result, goals, *optimum, style),
            style);
  }
  section("Heat map", heat_map_text(plan, result, 0, style), style);
  section("Knee of the curve", knee_text(plan, result, style), style);
  section("What moves the mean RTO: % per 1 % of the setting, by stage",
          elasticity_text(moved, style), style);
  section("Closed forms of the pool", capacity_text(plan, style), style);
  section("Closed forms of the targets", target_text(plan, style), style);
  section("Closed forms of the health checks", check_forms_text(plan, style), style);
  std::string remarks;
  for (const std::string& remark : plan.current.remarks) {
    for (const std::string& line : wrap("- " + remark, style.width - 2)) {
      remarks += "  " + line + "\n";
    }
  }
  section("Where the figures contradict themselves", remarks, style);
  section("What false failovers come from", disturbances_text(plan, result, disturbances, style),
          style);
}

// Which values of its own a run tells is known once there is one.
void say_unknown_values(const std::vector<StudyMeasure>& measures, const Summary& summary) {
  if (summary.runs() == 0) return;
  for (const StudyMeasure& measure : measures) {
    if (measure.what != StudyMeasure::What::own || summary.values().contains(measure.own)) continue;
    std::string known;
    for (const auto& [name, value] : summary.values()) known += (known.empty() ? "" : ", ") + name;
    complain("--measure", in_quotes(measure.name) + ": no run tells " + in_quotes(measure.own) +
                              (known.empty() ? "; runs of this system have no values of their own"
                                             : "; they tell " + known));
  }
}

// What the command line leaves open is as the scenario's own "what_if" says.
bool complete_from_file(WhatIfCommand& command) {
  Diagnostics diagnostics;
  const auto scenario = load_scenario(command.scenario, command.common.settings, diagnostics);
  if (!scenario || diagnostics.has_errors()) return report(diagnostics) && scenario;
  const WhatIfSpec& asked = scenario->what_if;
  if (command.vary.empty()) command.vary = asked.vary;
  if (command.measures.empty()) command.measures = asked.measure;
  if (command.optimise.empty()) command.optimise = asked.optimise;
  if (command.common.runs == 0) command.common.runs = asked.runs;
  if (!command.vary.empty()) return true;
  return complain("--vary", "what shall change? " + command.scenario +
                                " has no \"what_if\"; for example --vary patroni.ttl=20,30,60 "
                                "(predrill list settings)");
}

}  // namespace

int command_what_if(const WhatIfCommand& given) {
  WhatIfCommand command = given;
  if (!complete_from_file(command)) return exit_usage;
  std::vector<VaryAxis> axes;
  std::vector<StudyMeasure> measures;
  std::vector<Goal> goals;
  if (!read_options(command, axes, measures, goals)) return exit_usage;
  Diagnostics diagnostics;
  const auto plan =
      plan_study(command.scenario, command.common.settings, std::move(axes), diagnostics);
  if (!report(diagnostics) || !plan) return exit_usage;
  const SystemSpec& system = plan->current.system;
  if (command.measures.empty()) add_usual_measures(system, measures);
  for (StudyMeasure& measure : measures) know_unit(measure, system);
  if (!can_simulate(plan->current.system)) return exit_usage;
  if (!all_measured(measures, plan->current.system)) return exit_usage;
  if (plan->points.empty()) {
    std::fprintf(stderr, "predrill: no point of the grid can be run as written: %s\n",
                 plan->left_out_because.c_str());
    return exit_usage;
  }
  const std::size_t runs = command.common.runs == 0 ? usual_runs : command.common.runs;
  // Only a Patroni cluster fails over by mistake.
  std::vector<Disturbance> disturbances = plan->current.disturbances;
  const bool asked = std::any_of(goals.begin(), goals.end(), [](const Goal& goal) {
    return goal.measure == false_failovers_per_year;
  });
  if (disturbances.empty() && can_fail_over_falsely(plan->current.system) &&
      (asked || about_outages(measures))) {
    disturbances = usual_disturbances();
  }
  std::vector<std::string> words = command.common.settings;
  for (const std::string& vary : command.vary) words.push_back("--vary " + vary);
  const KeptRuns kept = KeptRuns::open(command.out, command.resume, command.scenario, words);
  if (kept.failed()) {
    std::fprintf(stderr, "predrill: %s\n", kept.problem().c_str());
    return kept.misused() ? exit_usage : exit_internal;
  }
  const StudyResult result =
      run_all(*plan, measures, disturbances, command.common, runs, kept.store());
  if (!kept.problem().empty()) std::fprintf(stderr, "predrill: %s\n", kept.problem().c_str());
  for (const std::string& problem : result.current.problems) {
    std::fprintf(stderr, "predrill: runs without a result: %s\n", problem.c_str());
  }
  say_unknown_values(measures, result.current.summary);
  const std::vector<Elasticity> moved = elasticities(*plan, result);
  std::optional<Optimum> optimum;
  if (!goals.empty()) optimum = optimise(*plan, result, goals);
  const std::string document = document_of(*plan, result, moved, disturbances, optimum, command);
  if (!kept.write(document, result.stopped)) return exit_internal;
  if (command.common.json()) {
    print(document);
  } else {
    const auto finished = static_cast<std::size_t>(result.current.summary.runs());
    print_text(*plan, result, moved, disturbances, goals, optimum, command,
               result.stopped ? finished : runs);
  }
  if (result.stopped) {
    std::fprintf(stderr, "predrill: interrupted; this is what was finished\n");
    return exit_interrupted;
  }
  return optimum && !optimum->smallest_change && optimum->meeting.empty() &&
                 !plan->current.objectives.empty()
             ? exit_missed
             : exit_met;
}

}  // namespace predrill::harness
