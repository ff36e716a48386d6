// A service of ECS and a Deployment as systems.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/load.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path scenarios = PREDRILL_SOURCE_DIR "/scenarios";

ScenarioSpec load(const std::string& file, const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto scenario = load_scenario(scenarios / "drills" / file, settings, diagnostics);
  INFO(diagnostics.text());
  REQUIRE(scenario.has_value());
  return *scenario;
}

std::int64_t value(const RunOutcome& outcome, std::string_view name) {
  for (const NamedValue& one : outcome.measures.values) {
    if (one.name == name) return one.value;
  }
  FAIL("there is no measure " << name);
  return 0;
}

sim::Duration rto(const RunOutcome& outcome, std::string_view path) {
  const PathRun* found = outcome.measures.find_path(path);
  REQUIRE(found != nullptr);
  return found->measures.rto;
}

}  // namespace

TEST_CASE("ecs kind: a bad revision costs nothing where the old tasks stay", "[kinds][ecs]") {
  const RunOutcome kept = run_once(load("sde-ecs-bad-deploy.json"), {.seed = 1});
  CHECK(kept.problem.empty());
  CHECK(rto(kept, "requests") == 0s);
  CHECK(value(kept, "deployment.rolled_back") == 1);
  CHECK(value(kept, "tasks.failed") >= 3);  // the least threshold of the circuit breaker
  // With 0 % healthy and no room above, the old tasks go first: nobody serves until it is rolled
  // back and the old revision has started again.
  const RunOutcome gone =
      run_once(load("sde-ecs-bad-deploy.json",
                    {"ecs_service.minimumHealthyPercent=0", "ecs_service.maximumPercent=100"}),
               {.seed = 1});
  CHECK(rto(gone, "requests") > 5min);
  CHECK_FALSE(gone.measures.find_path("requests")->measures.censored);
  CHECK(run_once(load("sde-ecs-bad-deploy.json"), {.seed = 1}).measures.fingerprint ==
        kept.measures.fingerprint);
}

TEST_CASE("ecs kind: every usual fault runs", "[kinds][ecs]") {
  const ScenarioSpec scenario = load("sde-ecs-bad-deploy.json");
  const auto all = rehearsal_scenarios(scenario.system, {}, {});
  CHECK(all.size() == 3);
  for (const ScenarioSpec& one : all) {
    INFO(one.name);
    const RunOutcome outcome = run_once(one, {.seed = 2});
    CHECK(outcome.measures.struck());
    for (const NamedValue& measure : outcome.measures.values) {
      CHECK(one.system.kind->unit_of(measure.name) == measure.unit);
    }
  }
}

TEST_CASE("rollout kind: pods older than the secret lack it until they are replaced",
          "[kinds][rollout]") {
  const RunOutcome late = run_once(load("operations-late-secret.json"), {.seed = 1});
  CHECK(late.problem.empty());
  CHECK(value(late, "pods.without_secret") == 0);
  CHECK(rto(late, "requests") == 0s);
  // From the first fault at 1 min: stored at 99 min, seen within the hour, restarted 10 to 15 min
  // later.
  CHECK(rto(late, "secret") >= 98min + 10min);
  CHECK(rto(late, "secret") <= 98min + 60min + 15min + 5min);
  ScenarioSpec never = load("operations-late-secret.json");
  never.faults.pop_back();
  CHECK(value(run_once(never, {.seed = 1}), "pods.without_secret") == 2);
}

TEST_CASE("rollout kind: a check that fails past the deadline is stuck, the old pods serve",
          "[kinds][rollout]") {
  ScenarioSpec scenario = load("operations-late-secret.json");
  FaultSpec unready = scenario.faults[0];
  unready.name = "database_unready";
  scenario.faults = {unready, scenario.faults[0]};
  const RunOutcome outcome = run_once(scenario, {.seed = 1});
  CHECK(value(outcome, "rollout.stuck") == 1);
  CHECK(value(outcome, "init.failures") > 3);
  CHECK(rto(outcome, "requests") == 0s);
}
