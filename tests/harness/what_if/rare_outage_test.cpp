#include "harness/what_if/rare_outage.hpp"

#include <catch2/catch.hpp>

#include "harness/engine/campaign.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

TEST_CASE("rare outages: splitting agrees with counting where counting can be done",
          "[what-if][splitting]") {
  // A crash of one server process: the path is down for 12 s in some percent of the runs.
  ScenarioSpec scenario = fixture::scenario_of(fixture::example_system(), "backend_crash");
  scenario.run_for = 40s;
  constexpr sim::Duration length = 9s;
  const RareOutageOptions options{.seed = 1, .levels = 3, .effort = 60, .replicates = 8, .jobs = 1};
  const sim::SplittingResult split = *rare_outage(scenario, length, options);
  sim::Proportion counted;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    const PathRun* path = outcome.measures.find_path(scenario.path);
    REQUIRE(path != nullptr);
    bool down = false;
    for (const Outage& outage : path->measures.outages) {
      const sim::Duration at = outcome.measures.fault + length;
      down = down || (outage.begin + 1s <= at && outage.end > at);
    }
    counted.add(down);
  }
  const auto truth = counted.clopper_pearson(0.99);
  INFO("split " << split.probability.value << " [" << split.probability.interval.low << ", "
                << split.probability.interval.high << "], counted " << *counted.value());
  CHECK(split.probability.interval.high >= truth->low);
  CHECK(split.probability.interval.low <= truth->high);
  CHECK(split.probability.value > 0);
  CHECK(split.trajectories <= 3U * 60U * 8U);
  RareOutageOptions threads = options;
  threads.jobs = 3;
  const sim::SplittingResult again = *rare_outage(scenario, length, threads);
  CHECK(again.probability.value == split.probability.value);
  CHECK(again.probability.interval.high == split.probability.interval.high);
  CHECK(again.passed == split.passed);
  const std::atomic<bool> stop = true;
  threads.stop = &stop;
  CHECK_FALSE(rare_outage(scenario, length, threads));
}

TEST_CASE("rare outages: a run that is repeated keeps its past", "[what-if][splitting]") {
  // Certain at every level: the node does not come back, and nobody may take over.
  SystemSpec system = fixture::example_system();
  for (MemberSpec& member : system.members) member.tags.nofailover = true;
  system.members[system.primary].tags.nofailover = false;
  ScenarioSpec scenario = fixture::scenario_of(system, "node_loss");
  const auto split =
      *rare_outage(scenario, 60s, {.seed = 1, .levels = 3, .effort = 3, .replicates = 2});
  CHECK(split.probability.value == 1);
}
