#include "harness/what_if/study.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <numeric>

#include "harness/engine/run.hpp"
#include "harness/engine/run_store.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/load.hpp"
#include "models/patroni_config.hpp"
#include "sim/parallel.hpp"
#include "sim/tally.hpp"

namespace predrill::harness {

using sim::Duration;

namespace {

constexpr std::size_t points_max = 20'000;

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// What Patroni would change, in its own words; empty if nothing.
std::string adjustment(const ScenarioSpec& scenario) {
  if (scenario.system.kind != nullptr) return "";  // no Patroni
  models::PatroniConfig patroni = scenario.system.patroni;
  const models::PatroniConfig written = patroni;
  const std::vector<std::string> said = models::adjust(patroni);
  if (patroni.ttl == written.ttl && patroni.loop_wait == written.loop_wait &&
      patroni.retry_timeout == written.retry_timeout) {
    return "";
  }
  return said.front();
}

PointResult empty_result(const ScenarioSpec& scenario, std::size_t measures, std::size_t runs) {
  PointResult result{.summary = Summary(scenario.path),
                     .values = {},
                     .cut = {},
                     .problems = {},
                     .measured = {},
                     .differences = {},
                     .false_failovers = {},
                     .more_false_failovers = {}};
  result.values.assign(measures, std::vector<std::int64_t>(runs, no_value));
  std::array<std::int64_t, stages> nothing{};
  nothing.fill(no_value);
  result.cut.assign(runs, nothing);
  return result;
}

StoredRun run_or_find(const ScenarioSpec& scenario, RunKey key, RunStore* store) {
  if (store != nullptr) {
    if (const StoredRun* found = store->find(key)) return *found;
  }
  RunOutcome outcome = run_once(scenario, {.seed = key.seed});
  StoredRun run{std::move(outcome.measures), std::move(outcome.problem)};
  run.measures.seed = key.seed;
  if (store != nullptr) store->add(key, run);
  return run;
}

// In the store a threshold is a run with one value.
Duration threshold_or_find(const ScenarioSpec& scenario, const Disturbance& disturbance, RunKey key,
                           RunStore* store) {
  if (store != nullptr) {
    if (const StoredRun* found = store->find(key)) {
      return Duration(found->measures.values.front().value);
    }
  }
  const Duration threshold = failover_threshold(scenario, disturbance, key.seed);
  if (store != nullptr) {
    StoredRun run;
    run.measures.values = {{"threshold", MeasureUnit::time, threshold.count()}};
    store->add(key, run);
  }
  return threshold;
}

void keep(const StoredRun& outcome, std::size_t run, const ScenarioSpec& scenario,
          const std::vector<StudyMeasure>& measures, PointResult& into) {
  if (!outcome.problem.empty()) {
    if (std::find(into.problems.begin(), into.problems.end(), outcome.problem) ==
        into.problems.end()) {
      into.problems.push_back(outcome.problem);
    }
    return;
  }
  into.summary.add(outcome.measures);
  for (std::size_t m = 0; m < measures.size(); ++m) {
    into.values[m][run] = value_of(measures[m], outcome.measures, scenario.path);
  }
  for (std::size_t s = 0; s < stages; ++s) {
    into.cut[run][s] = outcome.measures.stages_of_path[s].count();
  }
}

void evaluate(const std::vector<StudyMeasure>& measures, const PointResult& current,
              PointResult& point) {
  for (std::size_t m = 0; m < measures.size(); ++m) {
    sim::Sample sample;
    sim::PairedSample pairs;
    for (std::size_t run = 0; run < point.values[m].size(); ++run) {
      const std::int64_t value = point.values[m][run];
      if (value == no_value) continue;
      sample.add(value);
      if (current.values[m][run] != no_value) pairs.add(current.values[m][run], value);
    }
    point.measured.push_back(statistic_of(measures[m], sample));
    point.differences.push_back(&point == &current ? StudyValue{}
                                                   : difference_of(measures[m], pairs));
  }
}

}  // namespace

void know_unit(StudyMeasure& measure, const SystemSpec& system) {
  const std::string& own = measure.own;
  // Of transactions that are simulated one by one.
  const bool time =
      own.starts_with("response.") || own == "backlog.lasts" || own == "connections.back";
  if (system.kind != nullptr) {
    measure.own_unit = system.kind->unit_of(own);
  } else if (time) {
    measure.own_unit = MeasureUnit::time;
  }
}

std::optional<StudyPlan> plan_study(const std::filesystem::path& scenario,
                                    const std::vector<std::string>& settings,
                                    std::vector<VaryAxis> axes, Diagnostics& diagnostics) {
  StudyPlan plan;
  plan.axes = std::move(axes);
  auto current = load_scenario(scenario, settings, diagnostics);
  if (!current) return std::nullopt;
  plan.current = std::move(*current);
  std::size_t size = 1;
  for (const VaryAxis& axis : plan.axes) size *= std::max<std::size_t>(1, axis.steps.size());
  if (size > points_max) {
    diagnostics.error({std::make_shared<const std::string>("--vary"), 0, 0}, "",
                      "the grid has " + std::to_string(size) + " points",
                      "at most " + std::to_string(points_max));
    return std::nullopt;
  }
  for (GridPoint& grid : grid_of(plan.axes)) {
    Diagnostics of_point;
    auto loaded = load_scenario(scenario, joined(settings, settings_of(grid.values)), of_point);
    if (!loaded) {
      diagnostics.merge(of_point);
      if (diagnostics.errors() >= 20) break;
      continue;
    }
    const std::string adjusted = adjustment(*loaded);
    if (adjusted.empty()) {
      plan.points.push_back({std::move(grid), std::move(*loaded)});
    } else {
      if (plan.left_out.empty()) plan.left_out_because = adjusted;
      plan.left_out.push_back(std::move(grid));
    }
  }
  if (diagnostics.has_errors()) return std::nullopt;
  return plan;
}

StudyResult run_study(const StudyPlan& plan, const std::vector<StudyMeasure>& measures,
                      const StudyOptions& options) {
  StudyResult result{.measures = measures,
                     .current = empty_result(plan.current, measures.size(), options.runs),
                     .points = {},
                     .stopped = false};
  for (const StudyPoint& point : plan.points) {
    result.points.push_back(empty_result(point.scenario, measures.size(), options.runs));
  }
  const std::size_t columns = plan.points.size() + 1;
  std::vector<std::mutex> mutexes(columns);
  // Run by run over all points: what a stop leaves is complete for all of them.
  result.stopped = !sim::for_each_index(
      columns * options.runs,
      [&](std::size_t i) {
        const std::size_t run = i / columns;
        const std::size_t column = i % columns;
        const ScenarioSpec& scenario =
            column == 0 ? plan.current : plan.points[column - 1].scenario;
        const StoredRun outcome =
            run_or_find(scenario, {column, options.first_seed + run}, options.store);
        const std::lock_guard lock(mutexes[column]);
        keep(outcome, run, scenario, measures,
             column == 0 ? result.current : result.points[column - 1]);
      },
      {.jobs = options.jobs, .stop = options.stop, .progress = options.progress});
  evaluate(measures, result.current, result.current);
  sim::for_each_index(plan.points.size(),
                      [&](std::size_t i) { evaluate(measures, result.current, result.points[i]); },
                      {.jobs = options.jobs});
  return result;
}

void add_false_failovers(const StudyPlan& plan, const std::vector<Disturbance>& disturbances,
                         const StudyOptions& options, StudyResult& result) {
  const std::size_t columns = plan.points.size() + 1;
  const std::size_t kinds = disturbances.size();
  using Thresholds = std::vector<std::vector<sim::Duration>>;  // [disturbance][seed]
  std::vector<Thresholds> thresholds(
      columns, Thresholds(kinds, std::vector<sim::Duration>(options.runs, sim::forever)));
  result.stopped |= !sim::for_each_index(
      columns * kinds * options.runs,
      [&](std::size_t i) {
        const std::size_t column = i % columns;
        const std::size_t kind = i / columns % kinds;
        const std::size_t run = i / columns / kinds;
        const ScenarioSpec& scenario =
            column == 0 ? plan.current : plan.points[column - 1].scenario;
        const std::uint64_t part = columns * (kind + 1) + column;  // after those of the runs
        thresholds[column][kind][run] = threshold_or_find(
            scenario, disturbances[kind], {part, options.first_seed + run}, options.store);
      },
      {.jobs = options.jobs, .stop = options.stop, .progress = options.progress});
  if (result.stopped) return;  // a search that is not finished says nothing
  result.current.false_failovers = false_failovers(disturbances, thresholds[0]);
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    FalseFailovers& now = result.points[i].false_failovers;
    now = false_failovers(disturbances, thresholds[i + 1]);
    sim::Tally more;
    for (std::size_t s = 0; s < options.runs; ++s) {
      more.add(now.by_seed[s] - result.current.false_failovers.by_seed[s]);
    }
    result.points[i].more_false_failovers.value = more.mean();
    if (const auto estimate = more.mean_estimate()) {
      result.points[i].more_false_failovers.interval = estimate->interval;
    }
  }
}

namespace {

// Points that are neighbours in one axis and equal in all others.
struct Neighbours {
  std::size_t low;
  std::size_t high;
  double change;  // of the setting
  double middle;
};

std::vector<Neighbours> neighbours_of(const StudyPlan& plan, std::size_t axis) {
  std::vector<Neighbours> found;
  const auto same_but = [axis](std::vector<std::size_t> a, std::vector<std::size_t> b) {
    a[axis] = b[axis] = 0;
    return a == b;
  };
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const auto& at = plan.points[i].grid.at;
    std::size_t best = plan.points.size();
    for (std::size_t j = 0; j < plan.points.size(); ++j) {
      const auto& other = plan.points[j].grid.at;
      if (other[axis] <= at[axis] || !same_but(at, other)) continue;
      if (best == plan.points.size() || other[axis] < plan.points[best].grid.at[axis]) best = j;
    }
    if (best == plan.points.size()) continue;
    const auto& steps = plan.axes[axis].steps;
    const double from = *numeric(steps[at[axis]].front());
    const double to = *numeric(steps[plan.points[best].grid.at[axis]].front());
    if (from != to) found.push_back({i, best, to - from, (from + to) / 2});
  }
  return found;
}

bool is_numeric(const VaryAxis& axis) {
  return axis.paths.size() == 1 && axis.steps.size() > 1 &&
         std::all_of(axis.steps.begin(), axis.steps.end(),
                     [](const auto& step) { return numeric(step.front()).has_value(); });
}

std::optional<Elasticity> elasticity_of(const StudyResult& result, const std::string& path,
                                        const std::vector<Neighbours>& pairs) {
  std::array<sim::Tally, stages> by_stage;
  sim::Tally whole, rto;
  for (std::size_t run = 0; run < result.current.cut.size(); ++run) {
    std::array<double, stages> slopes{};
    double sum = 0;
    bool complete = true;
    for (const Neighbours& pair : pairs) {
      const auto& low = result.points[pair.low].cut[run];
      const auto& high = result.points[pair.high].cut[run];
      complete = complete && low[0] != no_value && high[0] != no_value;
      if (!complete) break;
      for (std::size_t s = 0; s < stages; ++s) {
        slopes[s] += static_cast<double>(high[s] - low[s]) / pair.change * pair.middle;
        sum += static_cast<double>(high[s] + low[s]) / 2;
      }
    }
    if (!complete) continue;
    const auto n = static_cast<double>(pairs.size());
    for (std::size_t s = 0; s < stages; ++s) by_stage[s].add(slopes[s] / n);
    whole.add(std::accumulate(slopes.begin(), slopes.end(), 0.0) / n);
    rto.add(sum / n);
  }
  const auto mean = rto.mean();
  if (rto.count() < 2 || *mean <= 0) return std::nullopt;
  const auto relative = [&](const sim::Tally& tally) {
    const sim::Estimate e = *tally.mean_estimate();
    return sim::Estimate{e.value / *mean, {e.interval.low / *mean, e.interval.high / *mean}};
  };
  Elasticity elasticity;
  elasticity.path = path;
  for (std::size_t s = 0; s < stages; ++s) elasticity.by_stage[s] = relative(by_stage[s]);
  elasticity.whole = relative(whole);
  return elasticity;
}

}  // namespace

std::vector<Elasticity> elasticities(const StudyPlan& plan, const StudyResult& result) {
  std::vector<Elasticity> all;
  std::size_t axis_of_grid = 0;
  for (const VaryAxis& axis : plan.axes) {
    if (axis.is_range()) continue;
    const std::size_t index = axis_of_grid++;
    if (!is_numeric(axis)) continue;
    const std::vector<Neighbours> pairs = neighbours_of(plan, index);
    if (pairs.empty()) continue;
    if (auto found = elasticity_of(result, axis.paths.front(), pairs)) {
      all.push_back(std::move(*found));
    }
  }
  return all;
}

}  // namespace predrill::harness
