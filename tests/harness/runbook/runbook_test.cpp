// Runbooks: what they are read from, the replays of a rollout against its log, the race of a wait.
#include "harness/runbook/runbook.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "harness/runbook/runbook_report.hpp"
#include "harness/runbook/runbook_run.hpp"
#include "sim/parallel.hpp"
#include "tests/harness/load/load_test.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::string folder = PREDRILL_SOURCE_DIR "/scenarios/";

RunbookSpec load(const std::string& path, const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto spec = load_runbook(folder + path, settings, diagnostics);
  INFO(diagnostics.text());
  REQUIRE_FALSE(diagnostics.has_errors());
  REQUIRE(spec.has_value());
  return std::move(*spec);
}

std::vector<RunbookOutcome> runs_of(const RunbookSpec& spec, std::size_t count) {
  auto results = sim::parallel_results(
      count, [&](std::size_t i) { return run_runbook(spec, {.seed = i + 1}); });
  std::vector<RunbookOutcome> runs;
  for (auto& one : results) runs.push_back(std::move(*one));
  return runs;
}

std::string problems_of(const std::string& text) {
  Folder files;
  files.write("runbook.json", text);
  Diagnostics diagnostics;
  const auto spec = load_runbook(files / "runbook.json", {}, diagnostics);
  CHECK_FALSE(spec.has_value());
  return diagnostics.text();
}

}  // namespace

TEST_CASE("runbook: the switchover checklist needs more than its window of 5 minutes",
          "[runbook]") {
  // From T-5 min to T+2 min the plan's own waits are 5 min, and the CNAME takes 35 s at least.
  const RunbookSpec spec = load("drills/orders-switchover-checklist.json");
  const auto runs = runs_of(spec, 100);
  const auto rows = compare_rows(spec, runs);
  REQUIRE(rows.size() == 3);
  CHECK_FALSE(rows[0].inside);
  CHECK(rows[0].p5 >= 5min + 35s);
  CHECK(rows[0].n >= 85);  // a go/no-go gate and three checks may end it
  CHECK_THAT(rows_text(spec, rows, {}), !Catch::Contains("calibrate"));
}

TEST_CASE("runbook: every measured duration of the rollout beside its simulation", "[runbook]") {
  // Calibrated on dev and prod; stage and demo are held out.
  std::size_t inside = 0;
  std::size_t rows = 0;
  std::size_t held_out_inside = 0;
  std::size_t held_out = 0;
  for (const char* partition : {"dev", "stage", "demo", "prod"}) {
    const RunbookSpec spec = load("incidents/aurora-rollout-" + std::string(partition) + ".json");
    const auto runs = runs_of(spec, 200);
    const auto compared = compare_rows(spec, runs);
    for (const RowComparison& row : compared) {
      INFO(partition << ": " << row.row->row);
      CHECK((row.n == 0 || row.p5 <= row.p95));
    }
    inside += rows_inside(compared);
    rows += compared.size();
    if (spec.calibrated_here) continue;
    held_out_inside += rows_inside(compared);
    held_out += compared.size();
  }
  CHECK(rows == 59);
  CHECK(held_out == 23);
  CHECK(10 * inside >= 9 * rows);
  CHECK(10 * held_out_inside >= 9 * held_out);
}

TEST_CASE("runbook: a wait after the failover call returns too early, a poll loop does not",
          "[runbook]") {
  const RunbookSpec racing = load("drills/aurora-failover-wait.json");
  const RunbookSpec polling = load("drills/aurora-failover-poll.json");
  std::size_t raced = 0;
  for (const RunbookOutcome& run : runs_of(racing, 100)) {
    if (run.races.empty()) continue;
    ++raced;
    const WaitRace& race = run.races.front();
    CHECK(race.returned > race.called);
    CHECK(race.flipped > race.returned);
    CHECK(run.stopped_at == "2");  // the next step finds the old writer
  }
  CHECK(raced == 100);
  for (const RunbookOutcome& run : runs_of(polling, 100)) {
    CHECK(run.races.empty());
    CHECK(run.completed);
    CHECK(run.lost == 0);
  }
}

TEST_CASE("runbook: the API's failover is not the client's", "[runbook]") {
  const RunbookSpec spec = load("drills/aurora-failover-poll.json");
  for (const RunbookOutcome& run : runs_of(spec, 50)) {
    REQUIRE(run.disturbances.size() == 1);
    const Interruption& one = run.disturbances.front();
    CHECK(one.what == "failover");
    CHECK(one.flip >= 14s);
    CHECK(one.api > one.flip);
    CHECK(one.direct < one.api);
    CHECK(one.first_commit >= one.flip);
    CHECK(one.proxy_wait > 0s);  // a statement waits in the proxy, and is not told of DNS
    CHECK(one.proxy_wait < one.first_commit);
    CHECK(one.proxy_failed <= 1);
  }
}

TEST_CASE("runbook: the same seed gives the same run", "[runbook]") {
  const RunbookSpec spec = load("incidents/aurora-rollout-prod.json");
  const RunbookOutcome first = run_runbook(spec, {.seed = 7});
  const RunbookOutcome again = run_runbook(spec, {.seed = 7});
  const RunbookOutcome other = run_runbook(spec, {.seed = 8});
  CHECK(first.fingerprint == again.fingerprint);
  CHECK(first.marks == again.marks);
  CHECK(first.fingerprint != other.fingerprint);
}

TEST_CASE("runbook: settings reach the file and its calibration", "[runbook]") {
  const RunbookSpec spec = load("incidents/aurora-rollout-stage.json",
                                {"calibration.durations.rollout=5s", "aurora.dns_ttl=60s"});
  CHECK(spec.aurora.config.dns_ttl == 60s);
  const RunbookOutcome run = run_runbook(spec, {.seed = 1});
  const sim::Duration* from = run.find_mark("8.rollout.begin");
  const sim::Duration* to = run.find_mark("8.rollout");
  REQUIRE(from != nullptr);
  REQUIRE(to != nullptr);
  CHECK(*to - *from == 5s);
}

TEST_CASE("runbook: a retry, a branch and a gate", "[runbook]") {
  RunbookSpec spec = load("drills/aurora-failover-wait.json");
  spec.steps[1].attempts = 10;  // check again until the writer has moved
  spec.steps[1].retry_pause = sim::Distribution::constant(5s);
  const RunbookOutcome retried = run_runbook(spec, {.seed = 1});
  CHECK(retried.completed);
  CHECK_FALSE(retried.races.empty());
  spec.steps[1].attempts = 1;
  spec.steps[1].on_failure = RunbookStep::Failure::go_on;
  const RunbookOutcome went_on = run_runbook(spec, {.seed = 1});
  CHECK(went_on.completed);
  CHECK(went_on.failed_steps == std::vector<std::string>{"2"});
  spec.steps[0].no_go = 1;
  const RunbookOutcome stopped = run_runbook(spec, {.seed = 1});
  CHECK(stopped.stopped_at == "1");
  CHECK(stopped.disturbances.empty());
}

TEST_CASE("runbook: mistakes are told all at once, with the nearest spelling", "[runbook]") {
  const std::string text = problems_of(R"({ "name": "x",
    "aurora": { "cluster": "c", "instances": [
      { "name": "one", "class": "db.r6g.larg" }, { "name": "two", "class": "db.r6g.large" } ] },
    "runbook": { "steps": [
      { "step": "1", "do": [ { "run": "aws rds failover-db-clustr --db-cluster-identifier c" },
                             { "run": "aws rds wait db-instance-availabel" },
                             { "run": "aws rds reboot-db-instance --db-instance-identifier ones" },
                             { "sleep": "1s" } ] } ] } })");
  CHECK_THAT(text, Catch::Contains("db.r6g.large"));
  CHECK_THAT(text, Catch::Contains("failover-db-cluster"));
  CHECK_THAT(text, Catch::Contains("db-instance-available"));
  CHECK_THAT(text, Catch::Contains("there is no instance \"ones\""));
  CHECK_THAT(text, Catch::Contains("nothing is done"));
}
