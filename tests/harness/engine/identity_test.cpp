// The same runs give the same document, however many threads work on them.
#include "harness/engine/campaign.hpp"
#include "harness/measure/result_document.hpp"
#include "tests/harness/engine/example.hpp"

namespace predrill::harness::fixture {
namespace {

std::string rehearsed(const SystemSpec& system, std::size_t jobs, std::uint64_t seed) {
  const auto scenarios = rehearsal_scenarios(system, {}, {});
  CampaignOptions options;
  options.first_seed = seed;
  options.runs = 6;
  options.jobs = jobs;
  std::vector<CampaignResult> results;
  for (const ScenarioSpec& scenario : scenarios) {
    results.push_back(run_campaign(scenario, options));
  }
  ResultDocument document;
  document.command = "rehearse";
  document.system = system.name;
  document.seed = seed;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    ResultEntry entry;
    entry.scenario = scenarios[i].name;
    entry.summary = &results[i].all;
    document.results.push_back(std::move(entry));
  }
  return to_json(document);
}

}  // namespace

TEST_CASE("identity: a rehearsal does not depend on the number of threads", "[engine][threads]") {
  const SystemSpec system = example_system();
  const std::string one = rehearsed(system, 1, 1);
  CHECK(one == rehearsed(system, 2, 1));
  CHECK(one == rehearsed(system, 3, 1));
  CHECK(one != rehearsed(system, 1, 2));
}

TEST_CASE("identity: whoever listens changes nothing", "[engine]") {
  class Ear : public sim::TraceSink {
    void on_record(const sim::Trace&, const sim::Record&) override {}
  };
  const SystemSpec system = example_system();
  for (const ScenarioSpec& scenario : rehearsal_scenarios(system, {}, {})) {
    Ear ear;
    const RunOutcome alone = run_once(scenario, {.seed = 3});
    const RunOutcome heard = run_once(scenario, {.seed = 3, .timeline = true, .sink = &ear});
    CHECK(alone.measures.fingerprint == heard.measures.fingerprint);
    CHECK(alone.events == heard.events);
    CHECK(alone.events > 1000);
  }
}

}  // namespace predrill::harness::fixture
