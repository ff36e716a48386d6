#include "harness/what_if/false_failover.hpp"

#include <catch2/catch.hpp>

#include <cmath>

#include "harness/load/load.hpp"
#include "harness/what_if/optimise.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
using sim::Duration;

namespace {

ScenarioSpec lease_timing(const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto scenario = load_scenario(PREDRILL_SOURCE_DIR "/scenarios/what-if/lease-timing.json",
                                settings, diagnostics);
  INFO(diagnostics.text());
  REQUIRE(scenario);
  return std::move(*scenario);
}

Disturbance disturbance(FaultKind kind, Duration mean) {
  Disturbance one;
  one.fault.kind = kind;
  if (kind == FaultKind::partition) one.fault.from = Target{Target::Role::dcs, ""};
  if (kind == FaultKind::dcs_quorum_loss) one.fault.on.role = Target::Role::dcs;
  one.per_year = 1000;
  one.length = sim::Distribution::exponential(mean);
  return one;
}

FalseFailovers simulated(const ScenarioSpec& scenario, const Disturbance& one, std::size_t seeds) {
  std::vector<Duration> thresholds;
  for (std::size_t seed = 1; seed <= seeds; ++seed) {
    thresholds.push_back(failover_threshold(scenario, one, seed));
  }
  return false_failovers({one}, {thresholds});
}

}  // namespace

TEST_CASE("false failovers: pauses with a known tail give the analytic rate", "[what-if]") {
  // A primary that is paused for L loses its key if L exceeds ttl - a + u: a is the age of the last
  // renewal, uniform in loop_wait; etcd revokes within u, uniform in 0.5 s. With L exponential of
  // mean m the chance is e^(-ttl/m) * E e^(a/m) * E e^(-u/m).
  const double ttl = 30, loop = 10, m = 6;
  const double chance =
      std::exp(-ttl / m) * (m / loop) * std::expm1(loop / m) * (m / 0.5) * -std::expm1(-0.5 / m);
  const FalseFailovers found = simulated(lease_timing(), disturbance(FaultKind::freeze, 6s), 200);
  INFO("analytic " << 1000 * chance << " a year, simulated " << found.per_year.value << " ["
                   << found.per_year.interval.low << ", " << found.per_year.interval.high
                   << "], seeds 1 to 200");
  CHECK(found.per_year.interval.contains(1000 * chance));
  CHECK(found.per_year.interval.high < 1.25 * found.per_year.interval.low);
  CHECK(found.per_event[0].value * 1000 == Approx(found.per_year.value));
}

TEST_CASE("false failovers: conditioning on the phase agrees with counting", "[what-if]") {
  // The same chance by brute force: lengths drawn, failovers counted.
  const ScenarioSpec scenario = lease_timing();
  const Disturbance one = disturbance(FaultKind::partition, 15s);
  const FalseFailovers smooth = simulated(scenario, one, 60);
  sim::Stream lengths(1, "test", "length");
  sim::Proportion counted;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const Duration length = one.length.sample_duration(lengths);
    counted.add(failover_threshold(scenario, one, seed % 60 + 1, 250ms) < length);
  }
  const auto interval = counted.clopper_pearson(0.99);
  INFO("conditional " << smooth.per_event[0].value << ", counted " << *counted.value());
  CHECK(interval->contains(smooth.per_event[0].value));
}

TEST_CASE("false failovers: a longer lease and a longer patience make them rarer", "[what-if]") {
  const Disturbance pause = disturbance(FaultKind::freeze, 6s);
  const Disturbance cut = disturbance(FaultKind::partition, 6s);
  const std::size_t seeds = 20;
  const auto rate = [&](const std::vector<std::string>& settings, const Disturbance& one) {
    return simulated(lease_timing(settings), one, seeds).per_year.value;
  };
  CHECK(rate({"patroni.ttl=60"}, pause) < rate({}, pause) / 10);
  CHECK(rate({"patroni.ttl=60", "patroni.retry_timeout=20"}, cut) < rate({"patroni.ttl=60"}, cut));
  CHECK(rate({"patroni.ttl=60"}, cut) == Approx(rate({}, cut)).epsilon(0.2));
}

TEST_CASE("false failovers: what never costs one", "[what-if]") {
  Disturbance stall = disturbance(FaultKind::disk_stall, 6s);
  const FalseFailovers none = simulated(lease_timing(), stall, 3);
  CHECK(none.per_year.value == 0);
}

TEST_CASE("optimise: goals are read, and what is wrong with them is said", "[what-if]") {
  std::string problem;
  const auto goals = parse_goals(
      "min rto.p99, min false_failovers.per_year,rpo.rows.max <= 0, rto.p50<=30s", problem);
  REQUIRE(goals);
  REQUIRE(goals->size() == 4);
  CHECK((*goals)[1].measure == false_failovers_per_year);
  CHECK((*goals)[3].kind == Goal::Kind::at_most);
  CHECK((*goals)[3].bound == 30e9);
  CHECK_FALSE(parse_goals("least rto.p99", problem));
  CHECK(problem ==
        "\"least rto.p99\" is no goal; write min MEASURE, max MEASURE or MEASURE <= VALUE");
  CHECK_FALSE(parse_goals("min rtoo", problem));
  CHECK_FALSE(parse_goals("rto.p99 <= soon", problem));
}

TEST_CASE("optimise: a point is beaten by one that is nowhere worse", "[what-if]") {
  CHECK(beats({1, 2}, {1, 3}));
  CHECK_FALSE(beats({1, 2}, {1, 2}));
  CHECK_FALSE(beats({1, 4}, {2, 3}));
}

TEST_CASE("optimise: the documented settings are not beaten", "[what-if]") {
  // Under growing stalls a longer lease pays: what the three usual recommendations are for.
  std::vector<VaryAxis> axes;
  std::string problem;
  axes.push_back(
      *parse_axis("patroni.ttl/patroni.loop_wait/patroni.retry_timeout="
                  "20/5/5,30/5/10,60/10/20,30/10/10,45/10/10",
                  problem));
  Diagnostics diagnostics;
  const auto plan = plan_study(PREDRILL_SOURCE_DIR "/scenarios/what-if/lease-timing.json", {},
                               std::move(axes), diagnostics);
  REQUIRE(plan);
  const auto goals =
      parse_goals("min rto.p99, min false_failovers.per_year, rto.p95 <= 30s", problem);
  std::vector<StudyMeasure> measures;
  add_measures_of(*goals, measures);
  StudyResult result = run_study(*plan, measures, {.runs = 100});
  add_false_failovers(*plan, plan->current.disturbances, {.runs = 10}, result);
  const Optimum best = optimise(*plan, result, *goals);
  REQUIRE(best.pareto.size() >= 3);
  CHECK(best.pareto.front() == 0);  // 20/5/5: the shortest RTO
  CHECK(best.pareto.back() == 2);   // 60/10/20: the fewest false failovers
  CHECK(best.smallest_change == std::size_t{0});
  CHECK(optimum_text(*plan, result, *goals, best, {}).find("ttl 20, loop_wait 5") !=
        std::string::npos);
}
