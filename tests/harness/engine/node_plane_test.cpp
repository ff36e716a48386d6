// A database on Kubernetes nodes: what a deadlock of containerd on the primary's node does to it.
#include "harness/engine/node_plane.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "harness/engine/run.hpp"
#include "harness/load/load.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

ScenarioSpec load(const std::string& file) {
  Diagnostics diagnostics;
  auto scenario = load_scenario(
      std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/drills" / file, {}, diagnostics);
  INFO(diagnostics.text());
  REQUIRE(scenario.has_value());
  return *scenario;
}

double first(const RunOutcome& run, const std::string& words) {
  const auto found = std::find_if(
      run.timeline.begin(), run.timeline.end(),
      [&](const TimelineEntry& entry) { return entry.event.find(words) != std::string::npos; });
  return found == run.timeline.end() ? -1 : sim::seconds(found->at);
}

}  // namespace

TEST_CASE("node plane: PLEG trouble on the primary's node fails nothing over", "[engine]") {
  const ScenarioSpec scenario = load("database-node-pleg.json");
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const RunOutcome run = run_once(scenario, {.seed = seed, .timeline = true});
    REQUIRE(run.problem.empty());
    CHECK(first(run, "PLEG is not healthy") == Approx(180).margin(1.1));
    CHECK(first(run, "Ready=False") >= 179);
    CHECK(first(run, "Ready=False") <= 191.5);
    CHECK(first(run, "evicted by the taint") >= 479);
    CHECK(first(run, "evicted by the taint") <= 497);
    CHECK(first(run, "SIGTERM") == -1);               // it cannot be stopped
    CHECK(first(run, "removed from the API") == -1);  // so nothing takes its name
    CHECK(run.measures.new_primary.empty());
    CHECK_FALSE(run.measures.key_released);
    for (const PathRun& path : run.measures.paths) CHECK(path.measures.rto == 0s);
    CHECK(run.measures.violations.empty());
  }
}

TEST_CASE("node plane: the repair after the eviction is what fails the database over", "[engine]") {
  const ScenarioSpec scenario = load("database-node-pleg-repaired.json");
  const RunOutcome run = run_once(scenario, {.seed = 1, .timeline = true});
  REQUIRE(run.problem.empty());
  CHECK(first(run, "SIGTERM") >= 900);
  CHECK(run.measures.key_released);
  CHECK_FALSE(run.measures.new_primary.empty());
  const PathRun* direct = run.measures.find_path("direct");
  REQUIRE(direct != nullptr);
  CHECK(direct->measures.downtime < 30s);
  CHECK(run.measures.violations.empty());
}
