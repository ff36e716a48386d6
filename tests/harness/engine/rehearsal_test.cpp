// Rehearsals of the example system against the formulas of the real systems.
#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/load/load.hpp"

namespace predrill::harness {
namespace {

using namespace std::chrono_literals;
using sim::Duration;

const std::string folder = PREDRILL_SOURCE_DIR "/scenarios/";

SystemSpec example(std::vector<std::string> settings = {}) {
  Diagnostics diagnostics;
  auto system = load_system(folder + "systems/user-profile-db", diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system);
  return *system;
}

ScenarioSpec only(const SystemSpec& system, const std::string& fault) {
  auto scenarios = rehearsal_scenarios(system, {fault}, {});
  REQUIRE(scenarios.size() == 1);
  return scenarios.front();
}

Duration milestone(const RunMeasures& run, std::string_view name) {
  for (const NamedTime& time : run.milestones) {
    if (time.name == name) return time.at;
  }
  return sim::forever;
}

// The median of the database's own RTO, which depends on no client, over the same seeds.
double median_rto(const ScenarioSpec& scenario, std::size_t runs) {
  const CampaignResult result = run_campaign(scenario, {.runs = runs});
  return static_cast<double>(quantiles(result.all.paths().at("database").rto).p50) / 1e9;
}

}  // namespace

TEST_CASE("every fault of the catalogue runs against the example system", "[engine]") {
  const SystemSpec system = example();
  const auto scenarios = rehearsal_scenarios(system, {}, {});
  // containerd_deadlock takes minutes to show, and read_only is planned.
  CHECK(scenarios.size() + 2 == fault_forms().size());
  for (const ScenarioSpec& scenario : scenarios) {
    const RunOutcome outcome = run_once(scenario, {.seed = 5});
    INFO(scenario.name);
    CHECK(outcome.problem.empty());
    CHECK(outcome.measures.struck());
    Duration sum{};
    for (const Duration stage : outcome.measures.stages_of_path) sum += stage;
    CHECK(sum == outcome.measures.find_path("pgbouncer")->measures.rto);
  }
}

TEST_CASE("judged is how most clients come; a database without load has no outage of its own",
          "[engine]") {
  Diagnostics diagnostics;
  auto lab = load_system(folder + "lab/system.json", diagnostics, {});
  REQUIRE(lab);
  CHECK(only(*lab, "node_loss").path == "pgbouncer");
  const RunOutcome idle = run_once(only(*lab, "node_loss"), {.seed = 5});
  CHECK(idle.measures.find_path("direct") != nullptr);
  CHECK(idle.measures.find_path("database") == nullptr);
  lab->pooler.reset();
  CHECK(only(*lab, "node_loss").path == "haproxy");
  lab->haproxy.reset();
  CHECK(only(*lab, "node_loss").path == "direct");
}

// ttl - a + U(0, 0.5) until the key is gone, with the age a of the last renewal in [0, loop_wait];
// 2.0 s for the poll of the dead member; the lock; the promotion.
TEST_CASE("node_loss costs the rest of the ttl, a poll of 2 s and the promotion", "[engine]") {
  const ScenarioSpec scenario = only(example(), "node_loss");
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const RunMeasures run = run_once(scenario, {.seed = seed}).measures;
    INFO("seed " << seed);
    const Duration gone = milestone(run, "leader_gone");
    CHECK(gone >= 20s);
    CHECK(gone <= 30s + 600ms);
    const Duration elected = milestone(run, "key_acquired");
    CHECK(elected - gone >= 2s);
    CHECK(elected - gone <= 2s + 500ms);  // and the cycle's own time: 40 ms, p99 150 ms
    const PathMeasures& database = run.find_path("database")->measures;
    CHECK(database.rto >= elected);
    CHECK(run.loss.rows == 0);  // a synchronous standby takes over
    CHECK(run.dual_writers.overlap == 0s);
  }
}

TEST_CASE("node_loss follows ttl one to one, patroni_stop does not", "[engine]") {
  constexpr std::size_t runs = 200;
  const std::vector<std::string> longer = {"patroni.ttl=40"};
  const double node_loss = (median_rto(only(example(longer), "node_loss"), runs) -
                            median_rto(only(example(), "node_loss"), runs)) /
                           10;
  CHECK(node_loss == Approx(1.0).margin(0.05));
  const double patroni_stop = (median_rto(only(example(longer), "patroni_stop"), runs) -
                               median_rto(only(example(), "patroni_stop"), runs)) /
                              10;
  CHECK(patroni_stop == Approx(0.0).margin(0.05));
}

TEST_CASE("a changed manifest value changes the rehearsal as Patroni would take it", "[engine]") {
  const SystemSpec system =
      example({"patroni.ttl=20", "patroni.loop_wait=5", "patroni.retry_timeout=5"});
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunMeasures run = run_once(only(system, "node_loss"), {.seed = seed}).measures;
    INFO("seed " << seed);
    CHECK(milestone(run, "leader_gone") >= 15s);
    CHECK(milestone(run, "leader_gone") <= 20s + 600ms);
  }
}

TEST_CASE("the recorded drill is a race with two outcomes", "[engine]") {
  Diagnostics diagnostics;
  const auto scenario =
      load_scenario(folder + "drills/user-profile-db-2025-10-09.json", {}, diagnostics);
  REQUIRE(scenario);
  const CampaignResult result = run_campaign(*scenario, {.runs = 300});
  REQUIRE(result.released.runs() > 0);
  REQUIRE(result.not_released.runs() > 0);
  // Released: a little more than the 2 s of the kubelet. Else the ttl decides.
  const auto& released = result.released.milestones().at("key_released");
  CHECK(*released.quantile(0.5) >= Duration(2s).count());
  CHECK(*released.quantile(0.5) <= Duration(2500ms).count());
  const auto& expired = result.not_released.paths().at("database").rto;
  CHECK(*expired.min() >= Duration(20s).count());
  CHECK(*result.all.rpo_rows().max() == 0);
}

TEST_CASE("the same seeds give the same summary for one thread and for two", "[engine][threads]") {
  const ScenarioSpec scenario = only(example(), "node_loss");
  const CampaignResult one = run_campaign(scenario, {.runs = 12, .jobs = 1});
  const CampaignResult two = run_campaign(scenario, {.runs = 12, .jobs = 2});
  CHECK(one.all == two.all);
  CHECK(one.all.fingerprint() == two.all.fingerprint());
}

TEST_CASE("no ttl is said to meet a target below what Patroni allows", "[engine]") {
  const SystemSpec system = example();
  CHECK(expiry_limits(system, {{"rto", 0.99, 60}}).empty());
  CHECK_THAT(expiry_limits(system, {{"rto", 0.99, 10}}), Catch::Contains("No legal ttl"));
  CHECK_THAT(expiry_limits(system, {{"rto", 0.99, 25}}), Catch::Contains("22.5 s or less would"));
}

}  // namespace predrill::harness
