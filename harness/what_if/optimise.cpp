#include "harness/what_if/optimise.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "harness/input/diagnostics.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/number.hpp"
#include "harness/what_if/study_text.hpp"

namespace predrill::harness {

namespace {

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

std::optional<Goal> parse_goal(const std::string& text, std::string& problem) {
  Goal goal;
  const std::size_t bound = text.find("<=");
  if (bound != std::string::npos) {
    goal.kind = Goal::Kind::at_most;
    goal.measure = trimmed(text.substr(0, bound));
  } else if (text.starts_with("min ") || text.starts_with("max ")) {
    goal.kind = text.starts_with("min ") ? Goal::Kind::minimise : Goal::Kind::maximise;
    goal.measure = trimmed(text.substr(4));
  } else {
    problem = in_quotes(text) + " is no goal; write min MEASURE, max MEASURE or MEASURE <= VALUE";
    return std::nullopt;
  }
  bool is_time = false;
  if (goal.measure != false_failovers_per_year) {
    const auto measure = parse_measure(goal.measure, problem);
    if (!measure) return std::nullopt;
    is_time = measure->is_time();
  }
  if (goal.kind == Goal::Kind::at_most) {
    const auto value = numeric(trimmed(text.substr(bound + 2)));
    if (!value) {
      problem = in_quotes(text) + ": the bound is no number; write 30s, 0.5 or 12";
      return std::nullopt;
    }
    goal.bound = is_time ? *value * 1e9 : *value;
  }
  return goal;
}

bool same_measure(const Goal& goal, const StudyMeasure& measure) {
  return measure.name == goal.measure;
}

// Settings that differ from the current ones, and how far they are away.
struct Change {
  std::size_t settings = 0;
  double size = 0;
  friend auto operator<=>(const Change&, const Change&) = default;
};

Change change_of(const StudyPlan& plan, const GridPoint& point) {
  Change change;
  for (const auto& [path, value] : point.values) {
    const auto now = current_value(plan.current.system, path);
    const auto then = numeric(value);
    if (!now || !then) {
      ++change.settings;
    } else if (*now != *then) {
      ++change.settings;
      change.size += *now > 0 && *then > 0 ? std::abs(std::log(*then / *now)) : 1;
    }
  }
  return change;
}

bool meets(const StudyPlan& plan, const StudyResult& result, const std::vector<Goal>& goals,
           const PointResult& point) {
  bool bounded = false;
  for (const Goal& goal : goals) {
    if (goal.kind != Goal::Kind::at_most) continue;
    bounded = true;
    const auto value = goal_value(goal, result, point);
    if (!value || *value > goal.bound) return false;
  }
  if (bounded) return true;
  if (plan.current.objectives.empty()) return false;
  return std::all_of(plan.current.objectives.begin(), plan.current.objectives.end(),
                     [&](const Objective& objective) {
                       return judge(objective, point.summary).verdict == Verdict::met;
                     });
}

std::string goal_text(const Goal& goal, const StudyResult& result, double value) {
  for (const StudyMeasure& measure : result.measures) {
    if (same_measure(goal, measure)) {
      return value_text(measure, value) + (measure.is_time() && value != 0 ? " s" : "");
    }
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

}  // namespace

std::optional<std::vector<Goal>> parse_goals(std::string_view text, std::string& problem) {
  std::vector<Goal> goals;
  while (true) {
    const std::size_t comma = text.find(',');
    const auto goal = parse_goal(trimmed(text.substr(0, comma)), problem);
    if (!goal) return std::nullopt;
    goals.push_back(*goal);
    if (comma == std::string_view::npos) return goals;
    text.remove_prefix(comma + 1);
  }
}

void add_measures_of(const std::vector<Goal>& goals, std::vector<StudyMeasure>& measures) {
  for (const Goal& goal : goals) {
    if (goal.measure == false_failovers_per_year) continue;
    const bool known = std::any_of(measures.begin(), measures.end(),
                                   [&](const StudyMeasure& m) { return same_measure(goal, m); });
    std::string problem;
    if (!known) measures.push_back(*parse_measure(goal.measure, problem));
  }
}

std::optional<double> goal_value(const Goal& goal, const StudyResult& result,
                                 const PointResult& point) {
  if (goal.measure == false_failovers_per_year) return point.false_failovers.per_year.value;
  for (std::size_t m = 0; m < result.measures.size(); ++m) {
    if (same_measure(goal, result.measures[m])) return point.measured[m].value;
  }
  return std::nullopt;
}

bool beats(const std::vector<double>& a, const std::vector<double>& b) {
  bool better = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] > b[i]) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

Optimum optimise(const StudyPlan& plan, const StudyResult& result, const std::vector<Goal>& goals) {
  Optimum optimum;
  std::vector<std::optional<std::vector<double>>> costs;
  for (const PointResult& point : result.points) {
    std::vector<double> cost;
    for (const Goal& goal : goals) {
      if (goal.kind == Goal::Kind::at_most) continue;
      const auto value = goal_value(goal, result, point);
      if (value) cost.push_back(goal.kind == Goal::Kind::maximise ? -*value : *value);
    }
    const auto wanted = std::count_if(goals.begin(), goals.end(), [](const Goal& goal) {
      return goal.kind != Goal::Kind::at_most;
    });
    costs.push_back(cost.size() == static_cast<std::size_t>(wanted) ? std::optional(cost)
                                                                    : std::nullopt);
  }
  std::optional<Change> smallest;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const bool beaten = !costs[i] || std::any_of(costs.begin(), costs.end(), [&](const auto& c) {
      return c && beats(*c, *costs[i]);
    });
    if (!beaten) optimum.pareto.push_back(i);
    if (!meets(plan, result, goals, result.points[i])) continue;
    optimum.meeting.push_back(i);
    const Change change = change_of(plan, plan.points[i].grid);
    if (!smallest || change < *smallest) {
      smallest = change;
      optimum.smallest_change = i;
    }
  }
  std::stable_sort(optimum.pareto.begin(), optimum.pareto.end(),
                   [&](std::size_t a, std::size_t b) { return *costs[a] < *costs[b]; });
  return optimum;
}

std::string optimum_text(const StudyPlan& plan, const StudyResult& result,
                         const std::vector<Goal>& goals, const Optimum& optimum,
                         const TextStyle& style) {
  std::vector<Table::Column> columns = {{"configuration"}};
  for (const Goal& goal : goals) columns.push_back({goal.measure, Table::Align::right});
  Table table(std::move(columns));
  const auto add = [&](const std::string& name, const PointResult& point) {
    std::vector<Table::Cell> row = {name};
    for (const Goal& goal : goals) {
      const auto value = goal_value(goal, result, point);
      row.emplace_back(value ? goal_text(goal, result, *value) : "–");
    }
    table.add(std::move(row));
  };
  add("now", result.current);
  for (const std::size_t i : optimum.pareto) {
    add(point_text(plan.points[i].grid.values), result.points[i]);
  }
  std::string text =
      std::to_string(optimum.pareto.size()) + " of " + std::to_string(plan.points.size()) +
      " points are beaten by no other in all of them (Pareto):\n" + table.text(style, 2);
  if (!optimum.smallest_change) {
    return text + "No point of the grid meets the objectives.\n";
  }
  const GridPoint& best = plan.points[*optimum.smallest_change].grid;
  std::string change;
  for (const auto& [path, value] : best.values) {
    const auto now = current_value(plan.current.system, path);
    if (now && numeric(value) == *now) continue;
    change += (change.empty() ? "" : ", ") + point_text({{path, value}});
  }
  return text + std::to_string(optimum.meeting.size()) +
         " points meet the objectives; the smallest change that does: " +
         (change.empty() ? "none, it meets them as it is" : change) + "\n";
}

std::optional<double> current_value(const SystemSpec& system, std::string_view path) {
  const auto seconds = [](sim::Duration d) { return std::optional(sim::seconds(d)); };
  if (path.starts_with("system.")) path.remove_prefix(7);
  if (path == "patroni.ttl") return seconds(system.patroni.ttl);
  if (path == "patroni.loop_wait") return seconds(system.patroni.loop_wait);
  if (path == "patroni.retry_timeout") return seconds(system.patroni.retry_timeout);
  if (path == "workload.connections") return static_cast<double>(system.workload.connections);
  if (path == "workload.transactions_per_second") return system.workload.transactions_per_second;
  if (!system.pooler) return std::nullopt;
  const models::PgbouncerConfig& pooler = system.pooler->config;
  if (path == "pgbouncer.server_connect_timeout") return seconds(pooler.server_connect_timeout);
  if (path == "pgbouncer.server_login_retry") return seconds(pooler.server_login_retry);
  if (path == "pgbouncer.query_wait_timeout") return seconds(pooler.query_wait_timeout);
  if (path == "pgbouncer.dns_max_ttl") return seconds(pooler.dns_max_ttl);
  if (path == "pgbouncer.default_pool_size") return static_cast<double>(pooler.default_pool_size);
  return std::nullopt;
}

}  // namespace predrill::harness
