// The payment gateway of 2025-09-14 as a whole: both replays, the counterfactuals, determinism, and
// what each fault does to targets, requests and people.
#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/kinds/gateway_world.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/load.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path scenarios = std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios";

ScenarioSpec load(const std::string& file, const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto scenario = load_scenario(scenarios / file, settings, diagnostics);
  INFO(diagnostics.text());
  REQUIRE(scenario.has_value());
  return *scenario;
}

const std::string as_told = "incidents/2025-09-14-payment-gateway-pleg.json";
const std::string mechanistic = "incidents/2025-09-14-payment-gateway-pleg-mechanistic.json";

Summary summary_of(const ScenarioSpec& scenario, std::size_t runs) {
  return run_campaign(scenario, {.runs = runs, .jobs = 1}).all;
}

double median(const Summary& summary, const std::string& milestone) {
  const auto found = summary.milestones().find(milestone);
  return found == summary.milestones().end()
             ? -1
             : sim::seconds(sim::Duration(*found->second.quantile(0.5)));
}

double value(const Summary& summary, const std::string& name, double quantile = 0.5) {
  const ValueSummary& found = summary.values().at(name);
  const auto number = static_cast<double>(*found.sample.quantile(quantile));
  return found.unit == MeasureUnit::thousandth ? number / 1e3 : number;
}

}  // namespace

TEST_CASE("gateway: the log of 2025-09-14 is replayed within its precision", "[gateway]") {
  const ScenarioSpec scenario = load(as_told);
  const Summary summary = summary_of(scenario, 100);
  int compared = 0;
  for (const Observed& row : scenario.observed) {
    if (!row.at || row.matches.empty()) continue;
    INFO(row.event);
    const double logged = sim::seconds(*row.at);
    const double slack =
        std::max({5.0, 0.03 * logged, sim::seconds(row.precision)});  // what issue 4 asks for
    CHECK(std::abs(median(summary, row.matches) - logged) <= slack);
    ++compared;
  }
  CHECK(compared >= 15);
  CHECK(value(summary, "tps_per_target.before") == Approx(206.7).margin(0.1));
  CHECK(value(summary, "tps_per_target.max") == Approx(310).margin(0.1));
  CHECK(value(summary, "throughput.least_tps", 0) == 1240);
  CHECK(value(summary, "targets.most_unhealthy") == 2);
  CHECK(value(summary, "pages.payment-gateway: unhealthy NLB targets", 0) == 1);
}

TEST_CASE("gateway: a containerd deadlock alone changes no target before the eviction",
          "[gateway]") {
  const Summary summary = summary_of(load(mechanistic), 60);
  CHECK(summary.milestones().count("target_unhealthy") == 0);
  const sim::Sample& eviction = summary.milestones().at("pod_leaves");
  CHECK(eviction.size() == 60);
  CHECK(sim::seconds(sim::Duration(*eviction.min())) >= 478.9);  // 480 after the last good relist
  CHECK(sim::seconds(sim::Duration(*eviction.max())) <= 496.2);
  const sim::Sample& draining = summary.milestones().at("target_draining");
  CHECK(*draining.min() >= *eviction.min());
  CHECK(value(summary, "targets.least_healthy", 0) == 4);
  CHECK(value(summary, "targets.least_healthy", 1) == 4);
  CHECK(value(summary, "pages.payment-gateway: unhealthy NLB targets", 1) == 0);
  CHECK(value(summary, "requests.failed", 1) == 0);
  // 15 minutes of not Ready and two intervals later somebody is told, of the node.
  CHECK(median(summary, "paged") > 1080);
  CHECK(median(summary, "paged") < 1300);
}

TEST_CASE("gateway: the same seed gives the same run, and ties do not matter", "[gateway]") {
  const ScenarioSpec scenario = load(as_told);
  const RunOutcome a = run_once(scenario, {.seed = 7});
  const RunOutcome b = run_once(scenario, {.seed = 7});
  CHECK(a.measures.fingerprint == b.measures.fingerprint);
  CHECK(a.events == b.events);
  CHECK(run_once(scenario, {.seed = 8}).measures.fingerprint != a.measures.fingerprint);
  const RunOutcome shuffled = run_once(scenario, {.seed = 7, .shuffle_ties = true});
  REQUIRE(shuffled.measures.milestones.size() == a.measures.milestones.size());
}

TEST_CASE("gateway: a rehearsal covers every fault", "[gateway]") {
  Diagnostics diagnostics;
  const auto system = load_system(scenarios / "systems/payment-gateway", diagnostics);
  REQUIRE(system.has_value());
  const auto faults = rehearsal_scenarios(*system, {}, {});
  CHECK(faults.size() == system->kind->faults().size());
  for (const ScenarioSpec& scenario : faults) {
    INFO(scenario.name);
    const RunOutcome outcome = run_once(scenario, {.seed = 3});
    CHECK(outcome.problem.empty());
    CHECK(outcome.measures.struck());
    REQUIRE(outcome.measures.find_path("requests") != nullptr);
    for (const Violation& violation : outcome.measures.violations) {
      INFO(violation.text);
      CHECK(violation.explained);
    }
  }
}

TEST_CASE("gateway: what the node's loss costs depends on the health check", "[gateway]") {
  const auto lost = [](const std::vector<std::string>& settings) {
    ScenarioSpec scenario = load(mechanistic, settings);
    scenario.faults.front().name = "node_power_loss";
    scenario.run_for = 3min;
    return summary_of(scenario, 60);
  };
  const Summary two = lost({});
  const Summary three = lost({"load_balancer.target_group.unhealthy_threshold_count=3"});
  // SYN drop, fixed rate: (U-1)I+T to U*I+T; the second of two targets decides.
  CHECK(median(two, "target_unhealthy#2") >= 20);
  CHECK(median(two, "target_unhealthy#2") <= 30);
  CHECK(median(three, "target_unhealthy#2") - median(two, "target_unhealthy#2") ==
        Approx(10).margin(0.1));
  // 413 requests/s until then.
  CHECK(value(two, "requests.failed") == Approx(413.3 * 25).epsilon(0.2));
  CHECK(value(three, "requests.failed") > value(two, "requests.failed") + 2000);
}

TEST_CASE("gateway: every contradiction of the log is remarked upon", "[gateway]") {
  const ScenarioSpec scenario = load(as_told);
  std::string rows;
  for (const Observed& row : scenario.observed) rows += row.remark + "\n";
  // Each touches a row: the remark column names it there.
  for (int number = 1; number <= 18; ++number) {
    const std::string name = "I" + std::to_string(number) + ":";
    INFO(name);
    CHECK(rows.find(name) != std::string::npos);
  }
  for (const Observed& row : scenario.observed) {
    if (row.matches.empty() && row.measure.empty()) continue;
    INFO(row.event);
    CHECK(row.at.has_value() + row.logged.has_value() <= 1);
  }
}

TEST_CASE("gateway: the log's figures are reproduced, but for a p99 that no queue explains",
          "[gateway]") {
  const ScenarioSpec scenario = load(as_told);
  const Summary summary = summary_of(scenario, 10);
  int compared = 0;
  for (const Observed& row : scenario.observed) {
    if (row.measure.empty()) continue;
    INFO(row.event);
    const ValueSummary& found = summary.values().at(row.measure);
    double simulated = static_cast<double>(*found.sample.quantile(0.5));
    if (found.unit == MeasureUnit::thousandth) simulated /= 1e3;
    if (found.unit == MeasureUnit::time) simulated /= 1e9;
    REQUIRE(row.logged.has_value());
    if (row.measure == "latency.busiest.p99") {
      CHECK(simulated == Approx(0.120).epsilon(0.01));  // 0.140 is logged
    } else {
      CHECK(simulated == Approx(*row.logged).epsilon(0.01));
    }
    ++compared;
  }
  CHECK(compared >= 9);
}

TEST_CASE("gateway: PLAT-4903, three failed checks cost 10 s and buy rarer false alarms",
          "[gateway]") {
  const std::string file = "what-if/payment-gateway-plat-4903.json";
  const auto with = [&](int threshold) {
    return summary_of(load(file, {"load_balancer.target_group.unhealthy_threshold_count=" +
                                  std::to_string(threshold)}),
                      40);
  };
  const Summary two = with(2);
  const Summary three = with(3);
  const double detection = value(two, "targets.slowest_detection") / 1e9;
  CHECK(detection >= 20);
  CHECK(detection <= 30);
  CHECK(value(three, "targets.slowest_detection") / 1e9 - detection == Approx(10).margin(0.01));
  // Six targets for three hours; a target whose alarm lasts has no other one meanwhile, so a rate
  // per healthy time is a little lower than the closed form's.
  const auto mean = [](const Summary& summary) {
    return *summary.values().at("targets.false_alarms").sample.mean();
  };
  const auto expected = [](int threshold) {
    const double p = 0.05;
    const double checks = (std::pow(p, -threshold) - 1) / (1 - p);
    return 6 * 3 * 3600 / (10 * checks);
  };
  const auto deviation = [](double rate) { return std::sqrt(rate / 40); };
  CHECK(std::abs(mean(two) - expected(2)) <= 3.3 * deviation(expected(2)) + 0.02 * expected(2));
  CHECK(std::abs(mean(three) - expected(3)) <= 3.3 * deviation(expected(3)) + 0.02 * expected(3));
  CHECK(expected(2) / expected(3) == Approx(20.05).epsilon(0.001));
}

TEST_CASE("gateway: with readiness gates a rolling update keeps its targets", "[gateway]") {
  const Summary gated = summary_of(load("drills/payment-gateway-rollout-gated.json"), 20);
  CHECK(value(gated, "targets.least_healthy", 0) >= 5);  // 6 replicas, 25 % rounded down: 1
  CHECK(value(gated, "requests.failed", 1) == 0);
  CHECK(gated.violations().empty());
  const Summary bare = summary_of(load("drills/payment-gateway-rollout.json"), 20);
  CHECK(value(bare, "targets.least_healthy", 0) == 0);
  CHECK(value(bare, "requests.failed", 0) > 10'000);
  CHECK(bare.violations().empty());
}

TEST_CASE("gateway: the load balancer's rules are watched in every run", "[gateway]") {
  Diagnostics diagnostics;
  const auto system = load_system(scenarios / "systems/payment-gateway", diagnostics);
  REQUIRE(system.has_value());
  const auto& spec = static_cast<const GatewaySpec&>(*system->of_kind);
  {
    GatewayWorld world(spec, 1, false);
    world.start();
    world.sim().run_for(60s);
    world.start_measuring();
    world.sim().run_for(600s);
    CHECK(world.broken_invariants().empty());
  }
  GatewayWorld world(spec, 1, false);
  world.start();
  world.sim().run_for(60s);
  world.start_measuring();
  world.kubelet(0).power_off();  // no fault was declared
  world.sim().run_for(60s);
  const auto broken = world.broken_invariants();
  REQUIRE_FALSE(broken.empty());
  CHECK(broken.front().starts_with("B7 "));
}
