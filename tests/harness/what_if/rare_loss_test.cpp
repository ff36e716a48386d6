#include "harness/what_if/rare_loss.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "harness/analytic/markov.hpp"
#include "sim/portable_math.hpp"
#include "sim/proportion.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

constexpr double seconds_of_a_year = 365.25 * 86400;

// Three machines, each lost for good `often` times in the length of the scenario. Every commit is
// on all of them that are left, at least two: so rows are lost when the last one goes, a chain that
// can be solved.
ScenarioSpec dying_machines(double often, sim::Duration length) {
  ScenarioSpec scenario;
  scenario.system = fixture::example_system(
      {"patroni.synchronous_node_count=2", "patroni.synchronous_mode_strict=true"});
  scenario.run_for = length;
  for (const MemberSpec& member : scenario.system.members) {
    FaultSpec fault;
    fault.kind = FaultKind::node_loss;
    fault.on = {Target::Role::named, member.name};
    fault.at.per_year = often * seconds_of_a_year / sim::seconds(length);
    scenario.faults.push_back(fault);
  }
  return scenario;
}

// That the other two are gone as well, a length after the first: by the chain of those left.
double all_gone(double often) {
  analytic::MarkovChain chain(3);
  chain.add_rate(0, 1, 2 * often);
  chain.add_rate(1, 2, often);
  return chain.at(1, {1, 0, 0})[2];
}

// Copies of rows that fail at rate f and are repaired at rate r each; lost once the last one fails.
struct Copies {
  double left = 0;  // time
  int gone = 1;
};
constexpr int copies = 3;
constexpr double f = 1e-3, r = 1, horizon = 4;  // per hour

double lost_copies() {
  analytic::MarkovChain chain(copies + 1);
  for (int gone = 0; gone < copies; ++gone) {
    const auto at = static_cast<std::size_t>(gone);
    chain.add_rate(at, at + 1, f * (copies - gone));
    if (gone > 0) chain.add_rate(at, at - 1, r * gone);
  }
  return chain.at(horizon, {0, 1, 0, 0})[copies];
}

// Until one copy more is gone. All draws are made here, after the fork, so nothing is decided yet.
std::optional<Copies> fail_once_more(Copies state, std::size_t level, sim::Stream& stream,
                                     std::uint64_t& events) {
  while (state.gone > 0 && state.gone < static_cast<int>(level) + 2) {
    const double failures = f * (copies - state.gone), repairs = r * state.gone;
    state.left += sim::portable::log(stream.unit()) / (failures + repairs);
    ++events;
    if (state.left < 0) return std::nullopt;
    state.gone += stream.chance(failures / (failures + repairs)) ? 1 : -1;
  }
  return state.gone == 0 ? std::nullopt : std::optional(state);
}

}  // namespace

TEST_CASE("rare loss: splitting on the copies that are gone gives the chain's answer",
          "[what-if][splitting]") {
  const double truth = lost_copies();  // two more fail before the repairs: some 1e-6
  const sim::SplittingOptions options{.levels = 2, .effort = 20'000, .replicates = 20};
  int covered = 0;
  double sum = 0;
  std::uint64_t events = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto found = sim::split(
        options, seed,
        [](sim::Stream&) {
          return Copies{horizon, 1};
        },
        [&](Copies state, std::size_t level, sim::Stream& stream) {
          return fail_once_more(state, level, stream, events);
        });
    covered += found.probability.interval.contains(truth) ? 1 : 0;
    sum += found.probability.value / 20;
  }
  INFO("seeds 1 to 20: mean " << sum << ", chain " << truth << ", covered " << covered << " of 20");
  CHECK(sum == Approx(truth).epsilon(0.1));
  CHECK(covered >= 16);
}

TEST_CASE("rare loss: a cluster whose machines die one by one is the chain of them",
          "[what-if][splitting]") {
  // One in a million: each machine is lost for good once in a thousand lengths of ten minutes.
  const double truth = all_gone(1e-3);
  const RareLossOptions options{.seed = 1, .effort = 30, .replicates = 10, .jobs = 2};
  const RareLoss loss = *rare_loss(dying_machines(1e-3, 10min), options);
  INFO("seed 1: " << loss.probability.value << " [" << loss.probability.interval.low << ", "
                  << loss.probability.interval.high << "], chain " << truth << "; " << loss.runs
                  << " runs, " << loss.events << " events; counting: " << loss.runs_of_counting
                  << " runs of " << loss.events_per_run << " events");
  CHECK(truth == Approx(1e-6).epsilon(0.01));
  CHECK(loss.probability.value == Approx(truth).epsilon(0.2));
  CHECK(loss.probability.interval.contains(truth));
  CHECK(static_cast<double>(loss.events) <= 0.01 * loss.runs_of_counting * loss.events_per_run);
  // Three machines at this rate, and a stretch for each first fault.
  const double stretches = 1 / (1 / loss.faults_per_year + 600 / seconds_of_a_year);
  CHECK(loss.per_year.value == Approx(loss.probability.value * stretches));
}

TEST_CASE("rare loss: agrees with counting where counting can be done", "[what-if][splitting]") {
  // Machines that are lost for good, and that often: cases of up to eight faults.
  const ScenarioSpec scenario = dying_machines(0.7, 10min);
  const RareLossOptions options{.seed = 3, .effort = 20, .replicates = 6, .jobs = 1};
  const RareLoss loss = *rare_loss(scenario, options);
  sim::Proportion counted;
  for (std::uint64_t seed = 1; seed <= 200; ++seed)
    counted.add(run_until_loss(scenario, seed).lost);
  const auto truth = counted.clopper_pearson(0.99);
  INFO("split " << loss.probability.value << " [" << loss.probability.interval.low << ", "
                << loss.probability.interval.high << "], counted " << *counted.value()
                << " of seeds 1 to 200, chain " << all_gone(0.7));
  CHECK(loss.probability.interval.high >= truth->low);
  CHECK(loss.probability.interval.low <= truth->high);
  CHECK(truth->contains(all_gone(0.7)));
  RareLossOptions threads = options;
  threads.jobs = 3;
  const RareLoss again = *rare_loss(scenario, threads);
  CHECK(again.probability == loss.probability);
  CHECK(again.events == loss.events);
  const std::atomic<bool> stop = true;
  threads.stop = &stop;
  CHECK_FALSE(rare_loss(scenario, threads));
}

TEST_CASE("rare loss: without a synchronous standby one lost machine is enough",
          "[what-if][splitting]") {
  ScenarioSpec scenario;
  scenario.faults.resize(1);
  scenario.faults[0].kind = FaultKind::node_loss;
  scenario.faults[0].on.role = Target::Role::primary;
  scenario.faults[0].at.delay = sim::Distribution::uniform(sim::Duration(10s), sim::Duration(20s));
  scenario.run_for = 90s;
  const RareLossOptions options{.seed = 1, .effort = 10, .replicates = 3, .jobs = 1};
  scenario.system = fixture::example_system(false);
  const RareLoss alone = *rare_loss(scenario, options);
  scenario.system = fixture::example_system(true);
  const RareLoss safe = *rare_loss(scenario, options);
  REQUIRE(alone.cases.size() == 1);  // no fault has a rate
  CHECK(alone.faults_per_year == 0);
  CHECK(alone.probability.value > 0);
  CHECK(safe.probability.value == 0);
  CHECK(safe.probability.interval.high > 0);
  CHECK(safe.probability.interval.high < 1);
}
