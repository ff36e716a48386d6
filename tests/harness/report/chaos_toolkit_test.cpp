// The journal of Chaos Toolkit: the fields that its open specification requires, with their values.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "harness/report/chaos_toolkit.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill::harness;

TEST_CASE("chaos journal: what the specification requires", "[report]") {
  ScenarioSpec scenario = fixture::scenario_of(fixture::example_system(), "node_loss");
  scenario.objectives = {{"rto", 0.99, 10}};
  const RunOutcome outcome = run_once(scenario, {.seed = 1});
  Summary summary(scenario.path);
  summary.add(outcome.measures);
  const std::vector<Judgement> judgements = {judge(scenario.objectives[0], summary)};
  const Verdict verdict = overall(judgements, summary);
  const auto journal = nlohmann::json::parse(
      chaos_journal(scenario, outcome, judgements, verdict, 1767225600, "0.1.0"));
  for (const char* key : {"chaoslib-version", "platform", "node", "experiment", "start", "status",
                          "deviated", "steady_states", "run", "rollbacks", "end", "duration"}) {
    CHECK(journal.contains(key));
  }
  CHECK(journal.at("status") == "completed");
  CHECK(journal.at("deviated") == true);
  CHECK(journal.at("start") == "2026-01-01T00:00:00.000000");
  const auto& experiment = journal.at("experiment");
  for (const char* key : {"title", "description", "method"}) CHECK(experiment.contains(key));
  CHECK(experiment.at("method").at(0).at("name") == "node_loss");
  const auto& run = journal.at("run").at(0);
  for (const char* key : {"activity", "status", "start", "end", "duration", "output"}) {
    CHECK(run.contains(key));
  }
  const auto& after = journal.at("steady_states").at("after");
  CHECK(after.at("steady_state_met") == false);
  CHECK(after.at("probes").at(0).at("tolerance_met") == false);
}

TEST_CASE("chaos journal: times in UTC", "[report]") {
  CHECK(utc_text(0) == "1970-01-01T00:00:00.000000");
  CHECK(utc_text(951'782'400'250'000) == "2000-02-29T00:00:00.250000");
  CHECK(utc_text(1'767'225'599'000'000) == "2025-12-31T23:59:59.000000");
}
