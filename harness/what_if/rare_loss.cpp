#include "harness/what_if/rare_loss.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/engine/faults.hpp"
#include "harness/engine/redundancy.hpp"
#include "harness/engine/world.hpp"
#include "sim/parallel.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

namespace {

constexpr double seconds_of_a_year = 365.25 * 86400;

struct Fork {
  Time at;
  std::uint64_t salt = 0;
};

// A run is its seed and the moments at which it was given another future.
struct Trajectory {
  std::uint64_t seed = 0;
  std::vector<Fork> forks;
  Time at{};                // where it has come to
  std::size_t reached = 0;  // levels
};

struct End {
  Time at{};
  std::size_t reached = 0;
  std::uint64_t events = 0;
};

std::size_t levels_of(const ScenarioSpec& scenario) {
  return scenario.system.members.size() + 1;
}

// Runs until that many levels are reached, or the scenario ends. The levels are looked at once a
// second, which is no event: the run is the same.
End run_until(const ScenarioSpec& scenario, std::optional<std::uint64_t> more,
              const Trajectory& trajectory, std::size_t goal) {
  World world(scenario.system, {.seed = trajectory.seed});
  if (!world.settle()) return {};
  sim::Simulation& sim = world.sim();
  FaultInjector injector(world, scenario.faults);
  if (more) injector.clock().condition(*more, scenario.run_for);
  injector.clock().start();
  if (world.workload() != nullptr) world.start_clients();
  RedundancyWatch watch(world, injector);
  std::size_t forked = 0;
  const auto go_to = [&](Time time) {
    for (; forked < trajectory.forks.size() && trajectory.forks[forked].at <= time; ++forked) {
      sim.run_until(trajectory.forks[forked].at);
      sim.fork(trajectory.forks[forked].salt);
    }
    sim.run_until(time);
  };
  go_to(injector.clock().earliest());
  const Time end = injector.clock().first() + scenario.run_for;
  std::size_t reached = 0;
  for (Time now = sim.now(); now < end;) {
    now = std::min(end, now + 1s);
    go_to(now);
    const std::size_t copies_lost = std::min(watch.copies_lost(), levels_of(scenario) - 1);
    reached = watch.rows_lost() ? levels_of(scenario) : copies_lost;
    if (reached >= goal) break;
  }
  return {sim.now(), reached, sim.events_executed()};
}

struct Part {
  sim::SplittingReplicate split;
  std::uint64_t runs = 0;
  std::uint64_t events = 0;
};

Part split_part(const ScenarioSpec& scenario, std::uint64_t more, std::size_t replicate,
                const sim::SplittingOptions& splitting, const RareLossOptions& options) {
  Part part;
  const auto start = [](sim::Stream& stream) { return Trajectory{stream.next(), {}}; };
  const auto pass = [&](Trajectory trajectory, std::size_t level,
                        sim::Stream& stream) -> std::optional<Trajectory> {
    if (options.stop != nullptr && *options.stop) return std::nullopt;
    if (trajectory.reached > level) return trajectory;  // several copies were lost at once
    if (level > 0) trajectory.forks.push_back({trajectory.at, stream.next() | 1U});
    const End end = run_until(scenario, more, trajectory, level + 1);
    ++part.runs;
    part.events += end.events;
    if (end.reached <= level) return std::nullopt;
    trajectory.at = end.at;
    trajectory.reached = end.reached;
    return trajectory;
  };
  part.split = sim::split_once(splitting, sim::mix(options.seed, more), replicate, start, pass);
  return part;
}

// P(N = n) of a Poisson number.
double poisson(std::uint64_t n, double mean) {
  double p = std::exp(-mean);
  for (std::uint64_t i = 1; i <= n; ++i) p *= mean / static_cast<double>(i);
  return p;
}

// One case for each number of faults up to one that every copy may fall to, and further on while
// what is left out weighs more than a hundredth of that.
std::vector<LossCase> cases_of(const ScenarioSpec& scenario, double& beyond) {
  const double mean =
      faults_per_year(scenario.faults) * sim::seconds(scenario.run_for) / seconds_of_a_year;
  if (mean == 0) return {LossCase{}};
  constexpr std::uint64_t most = 40;
  const std::uint64_t members = scenario.system.members.size();
  const double share = 0.01 * poisson(members - 1, mean);
  std::vector<LossCase> cases;
  for (std::uint64_t n = 0; n <= most; ++n) {
    cases.push_back({n, poisson(n, mean)});
    beyond = 0;
    for (std::uint64_t m = n + 1; m <= n + most; ++m) beyond += poisson(m, mean);
    if (n >= members && beyond <= share) break;
  }
  return cases;
}

// Stretches that begin with a fault while all is well and last as long as the scenario; between
// them the first fault is waited for.
double losses_per_year(double faults_per_year, Duration stretch, double lost) {
  return lost / (1 / faults_per_year + sim::seconds(stretch) / seconds_of_a_year);
}

// The cases' replicates, weighted and added up.
void add_up(RareLoss& loss, const std::vector<std::vector<sim::SplittingReplicate>>& replicates) {
  std::vector<double> sums(replicates.front().size());
  double may_have = loss.beyond;
  for (std::size_t c = 0; c < loss.cases.size(); ++c) {
    const LossCase& one = loss.cases[c];
    for (std::size_t r = 0; r < sums.size(); ++r) {
      sums[r] += one.weight * replicates[c][r].probability;
    }
    if (one.split.probability.value == 0) {
      may_have += one.weight * one.split.probability.interval.high;
    }
  }
  loss.none_found = std::min(1.0, may_have);
  loss.probability = sim::splitting_estimate(sums, sim::usual_confidence);
  sim::Interval<double>& interval = loss.probability.interval;
  if (loss.probability.value == 0) {
    interval = {0, loss.none_found};
    return;
  }
  const double p = loss.probability.value;
  const double half = (interval.high - interval.low) / 2;
  interval.high = std::min(1.0, interval.high + loss.beyond);
  if (p < 1 && half > 0) loss.runs_of_counting = p * (1 - p) * std::pow(1.96 / half, 2);
}

}  // namespace

std::optional<RareLoss> rare_loss(const ScenarioSpec& scenario, const RareLossOptions& options) {
  RareLoss loss;
  loss.cases = cases_of(scenario, loss.beyond);
  const sim::SplittingOptions splitting{
      .levels = levels_of(scenario), .effort = options.effort, .replicates = options.replicates};
  const auto parts = sim::parallel_results(
      loss.cases.size() * options.replicates,
      [&](std::size_t i) {
        return split_part(scenario, loss.cases[i / options.replicates].more, i % options.replicates,
                          splitting, options);
      },
      {.jobs = options.jobs, .stop = options.stop, .progress = options.progress});
  if (options.stop != nullptr && *options.stop) return std::nullopt;
  std::vector<std::vector<sim::SplittingReplicate>> replicates(loss.cases.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    replicates[i / options.replicates].push_back(parts[i]->split);
    loss.runs += parts[i]->runs;
    loss.events += parts[i]->events;
  }
  for (std::size_t c = 0; c < loss.cases.size(); ++c) {
    loss.cases[c].split = sim::gather(splitting, replicates[c]);
  }
  add_up(loss, replicates);
  loss.events_per_run = static_cast<double>(
      run_until(scenario, 0, {options.seed, {}}, levels_of(scenario) + 1).events);
  const bool at_rates = std::all_of(scenario.faults.begin(), scenario.faults.end(),
                                    [](const FaultSpec& fault) { return fault.at.per_year > 0; });
  if (!at_rates) return loss;
  loss.faults_per_year = faults_per_year(scenario.faults);
  const auto in_a_year = [&](double p) {
    return losses_per_year(loss.faults_per_year, scenario.run_for, p);
  };
  const sim::Estimate& p = loss.probability;
  loss.per_year = {in_a_year(p.value), {in_a_year(p.interval.low), in_a_year(p.interval.high)}};
  return loss;
}

CountedLoss run_until_loss(const ScenarioSpec& scenario, std::uint64_t seed) {
  const End end = run_until(scenario, std::nullopt, {seed, {}}, levels_of(scenario));
  return {end.reached == levels_of(scenario), end.events};
}

}  // namespace predrill::harness
