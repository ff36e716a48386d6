// The gate's statistics: how long a test takes, how often it errs, what it blames.
#include <catch2/catch.hpp>

#include <cmath>

#include "harness/gate/judge.hpp"
#include "sim/random.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill;
using namespace predrill::harness;
using sim::SequentialTest;

namespace {

constexpr std::int64_t bound_ms = 10'000;

Baseline baseline_with_bound() {
  Baseline baseline;
  baseline.bounds = {{0.99, bound_ms, bound_ms, true}};
  return baseline;
}

// Seeds that the baseline lacks, so that the bound alone decides.
std::vector<SeedMeasure> runs_of(std::int64_t n, const std::function<bool(std::int64_t)>& keeps) {
  std::vector<SeedMeasure> runs(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    SeedMeasure& run = runs[static_cast<std::size_t>(i)];
    run.seed = static_cast<std::uint64_t>(1'000'000 + i);
    run.has_result = true;
    run.rto_ms = keeps(i) ? 5'000 : bound_ms + 1;
  }
  return runs;
}

BoundTest bound_test(const std::vector<SeedMeasure>& runs) {
  return judge_against(baseline_with_bound(), runs, {}).bounds.at(0);
}

// RTOs of a real failover.
const std::vector<SeedMeasure>& node_losses() {
  static const std::vector<SeedMeasure> runs = [] {
    const ScenarioSpec scenario = fixture::scenario_of(fixture::example_system(), "node_loss");
    Arm arm(scenario.path);
    extend(arm, scenario, 1, 300, {});
    return arm.runs;
  }();
  return runs;
}

Baseline baseline_of_node_losses() {
  Baseline baseline;
  baseline.runs = node_losses();
  baseline.bounds = {bound_of(0.99, bound_ms, baseline.runs)};
  return baseline;
}

void plant(SeedMeasure& run, std::size_t stage, std::int64_t ms) {
  run.rto_ms += ms;
  run.stages_ms[stage] += ms;
}

}  // namespace

TEST_CASE("gate: 112 clean runs accept a bound, 3 immediate failures reject it", "[gate]") {
  // ln(0.01/0.99) / ln(0.95/0.99) = 111.4 and ln(0.99/0.01) / ln(0.05/0.01) = 2.86.
  CHECK(bound_test(runs_of(111, [](auto) { return true; })).decision ==
        SequentialTest::Decision::go_on);
  const BoundTest clean = bound_test(runs_of(400, [](auto) { return true; }));
  CHECK(clean.decision == SequentialTest::Decision::accept);
  CHECK(clean.runs == 112);
  CHECK(bound_test(runs_of(2, [](auto) { return false; })).decision ==
        SequentialTest::Decision::go_on);
  const BoundTest broken = bound_test(runs_of(400, [](auto) { return false; }));
  CHECK(broken.decision == SequentialTest::Decision::reject);
  CHECK(broken.runs == 3);
  const GateJudgement judgement =
      judge_against(baseline_with_bound(), runs_of(3, [](auto) { return false; }), {});
  CHECK(judgement.verdict == GateVerdict::fail);
  CHECK(judgement.reasons.at(0) ==
        "3 of 3 runs take longer than 10.00 s, which 99 % have to keep to");
}

TEST_CASE("gate: over 2,000 jobs a bound is judged wrongly as rarely as promised", "[gate]") {
  constexpr int jobs = 2000;
  constexpr double nominal = 0.01;
  const double allowed = nominal + 2 * std::sqrt(nominal * (1 - nominal) / jobs);
  const auto wrong = [](double probability, SequentialTest::Decision decision) {
    int n = 0;
    for (int job = 0; job < jobs; ++job) {
      sim::Stream stream(static_cast<std::uint64_t>(job), "job", "keeps to the bound");
      const auto runs = runs_of(2400, [&](auto) { return stream.chance(probability); });
      n += bound_test(runs).decision == decision ? 1 : 0;
    }
    return static_cast<double>(n) / jobs;
  };
  const double rejected = wrong(0.99, SequentialTest::Decision::reject);
  const double accepted = wrong(0.95, SequentialTest::Decision::accept);
  CAPTURE(rejected, accepted, allowed);
  CHECK(rejected <= allowed);
  CHECK(accepted <= allowed);
}

TEST_CASE("gate: 10,000 unchanged comparisons pass 10,000 times", "[gate]") {
  // What fingerprints would settle; here the statistics must.
  Baseline baseline = baseline_of_node_losses();
  int passed = 0;
  for (int i = 0; i < 10'000; ++i) {
    passed += judge_against(baseline, baseline.runs, {}).verdict == GateVerdict::pass ? 1 : 0;
  }
  CHECK(passed == 10'000);
}

TEST_CASE("gate: a second more in one stage fails and is blamed on that stage", "[gate]") {
  // 200 jobs for each stage; the second comes with noise of its own, and every other stage wobbles.
  const Baseline baseline = baseline_of_node_losses();
  int blamed = 0, jobs = 0;
  for (std::size_t stage = 0; stage < stages; ++stage) {
    for (std::uint64_t job = 0; job < 200; ++job, ++jobs) {
      sim::Stream stream(job, std::to_string(stage), "noise");
      std::vector<SeedMeasure> now = baseline.runs;
      for (SeedMeasure& run : now) {
        plant(run, stage, 500 + static_cast<std::int64_t>(stream.below(1001)));
        const std::size_t other = stream.below(stages);
        plant(run, other, static_cast<std::int64_t>(stream.below(401)) - 200);
      }
      const GateJudgement judgement = judge_against(baseline, now, {});
      const bool right = judgement.stage && *judgement.stage == static_cast<Stage>(stage);
      blamed += judgement.verdict == GateVerdict::fail && right ? 1 : 0;
    }
  }
  CAPTURE(jobs, blamed);
  CHECK(blamed * 100 >= jobs * 99);
}

TEST_CASE("gate: runs of the same distribution with other random numbers rarely fail", "[gate]") {
  // Pairs that have nothing in common: what a change that draws in another order looks like.
  const Baseline baseline = baseline_of_node_losses();
  constexpr int jobs = 200;
  int failed = 0;
  for (std::uint64_t job = 0; job < jobs; ++job) {
    sim::Stream stream(job, "job", "resampled");
    std::vector<SeedMeasure> now = baseline.runs;
    for (SeedMeasure& run : now) {
      const std::uint64_t seed = run.seed;
      run = baseline.runs[stream.below(baseline.runs.size())];
      run.seed = seed;
    }
    failed += judge_against(baseline, now, {}).verdict == GateVerdict::fail ? 1 : 0;
  }
  // Three tests at 0.5 % and one at 1 %: 2.5 %, and two standard errors of 200 jobs.
  CAPTURE(failed);
  CHECK(failed <= 200 * (0.025 + 2 * std::sqrt(0.025 * 0.975 / 200)));
}

TEST_CASE("gate: rows that are lost now fail, whatever the times", "[gate]") {
  const Baseline baseline = baseline_of_node_losses();
  std::vector<SeedMeasure> now = baseline.runs;
  now[7].lost_rows = 12;
  const GateJudgement judgement = judge_against(baseline, now, {});
  CHECK(judgement.verdict == GateVerdict::fail);
  CHECK_FALSE(judgement.slower);
  CHECK(judgement.reasons.at(0) == "acknowledged rows are lost in 1 of 300 runs, before in 0");
  const GateJudgement broken = judge_against(baseline, baseline.runs, {"two primaries"});
  CHECK(broken.verdict == GateVerdict::fail);
  CHECK(broken.reasons.at(0) == "an invariant broke that held: two primaries");
}

TEST_CASE("gate: faster passes, and says so", "[gate]") {
  const Baseline baseline = baseline_of_node_losses();
  std::vector<SeedMeasure> now = baseline.runs;
  for (SeedMeasure& run : now) plant(run, 0, -3000);
  const GateJudgement judgement = judge_against(baseline, now, {});
  CHECK(judgement.verdict == GateVerdict::pass);
  CHECK(judgement.faster);
}

TEST_CASE("gate: what few runs cannot say is undecided", "[gate]") {
  Baseline baseline = baseline_of_node_losses();
  baseline.runs.resize(4);
  baseline.bounds.clear();
  std::vector<SeedMeasure> now = baseline.runs;
  plant(now[0], 0, 9000);
  CHECK(judge_against(baseline, now, {}).verdict == GateVerdict::undecided);
  CHECK(judge_against(baseline, {}, {}).verdict == GateVerdict::undecided);
}

TEST_CASE("gate: a bound that is missed already must not be missed by more", "[gate]") {
  const Baseline baseline = baseline_of_node_losses();
  REQUIRE_FALSE(baseline.bounds[0].met);
  REQUIRE(baseline.bounds[0].bound_ms.has_value());
  CHECK(*baseline.bounds[0].bound_ms > bound_ms);
  std::vector<SeedMeasure> never = baseline.runs;
  for (SeedMeasure& run : never) run.recovered = false;
  CHECK_FALSE(bound_of(0.99, bound_ms, never).bound_ms.has_value());
}
