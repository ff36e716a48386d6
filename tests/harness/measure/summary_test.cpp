#include "harness/measure/summary.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
using sim::Duration;

namespace {

RunMeasures run(std::uint64_t seed, Duration rto, const std::string& path = "pgbouncer") {
  RunMeasures r;
  r.seed = seed;
  r.fingerprint = seed * 1000;
  r.fault = 60s;
  PathRun p;
  p.name = path;
  p.measures.rto = rto;
  p.measures.downtime = rto / 2;
  r.paths.push_back(p);
  r.stages_of_path[0] = rto / 4;
  r.stages_of_path[5] = rto - rto / 4;
  return r;
}

models::Attempt attempt(std::uint64_t tag, std::uint8_t number, models::Outcome outcome,
                        models::SqlState state = models::SqlState::ok) {
  models::Attempt a;
  a.finished = Duration(10s).count();
  a.tag = tag;
  a.number = number;
  a.outcome = outcome;
  a.state = state;
  return a;
}

}  // namespace

TEST_CASE("errors: by text, before and after the client's retries", "[measure]") {
  using models::Outcome;
  using models::SqlState;
  models::Journal journal;
  journal.paths = {"pgbouncer", "direct"};
  journal.attempts = {
      attempt(1, 1, Outcome::sql_error, SqlState::admin_shutdown),  // tried again
      attempt(1, 2, Outcome::timeout),                              // tried again
      attempt(1, 3, Outcome::ok),
      attempt(2, 1, Outcome::timeout),  // tried again
      attempt(2, 2, Outcome::timeout),  // given up
      attempt(0, 1, Outcome::refused),  // not followed
  };
  journal.attempts.push_back(attempt(9, 1, Outcome::reset));
  journal.attempts.back().path = 1;
  journal.attempts.push_back(attempt(8, 1, Outcome::reset));
  journal.attempts.back().finished = 0;
  CHECK(count_errors(journal, 0, 5s) ==
        std::vector<ErrorCount>{{"57P01", 1, 0}, {"refused", 1, 1}, {"timeout", 3, 1}});
  CHECK(count_errors(journal, 1, 5s) == std::vector<ErrorCount>{{"reset", 1, 1}});
}

TEST_CASE("summary: a handful of runs by hand", "[measure]") {
  Summary summary;
  for (int i = 1; i <= 4; ++i) {
    RunMeasures r = run(static_cast<std::uint64_t>(i), i * 4s);
    r.loss.rows = i == 3 ? 7 : 0;
    r.new_primary = i == 1 ? "" : "db-1";
    r.key_released = i == 4;
    r.milestones = {{"elected", i * 1s}};
    if (i < 3) r.paths[0].errors = {{"57P01", static_cast<std::uint64_t>(10 * i), 1}};
    if (i > 2) r.violations = {{"lost writes", i == 3}};
    summary.add(r);
  }
  const Quantiles rto = quantiles(summary.rto());
  CHECK(rto.n == 4);
  CHECK(rto.min == Duration(4s).count());
  CHECK(rto.p50 == Duration(8s).count());
  CHECK(rto.p99 == Duration(16s).count());
  CHECK_FALSE(rto.p99_ci);
  CHECK(summary.stage_shares()[0] == 0.25);
  CHECK(summary.stage_shares()[5] == 0.75);
  CHECK(summary.dominating_stage() == Stage::first_commit);
  CHECK(summary.rpo_rows().max() == 7);
  CHECK(summary.failover() == sim::Proportion(3, 4));
  CHECK(summary.new_primaries().at("db-1") == 3);
  CHECK(summary.key_released() == sim::Proportion(1, 4));
  CHECK(summary.milestones().at("elected").quantile(0.5) == Duration(2s).count());
  const sim::Sample errors = summary.objective_path().errors_per_run("57P01");
  CHECK(errors == sim::Sample({0, 0, 10, 20}));
  const ViolationSummary& violation = summary.violations().at("lost writes");
  CHECK_FALSE(violation.explained);
  CHECK(violation.runs == 2);
  CHECK(violation.seeds == std::vector<std::uint64_t>{3, 4});
  CHECK(summary.has_unexplained_violation());
  CHECK(summary.worst_seed() == 4);
}

TEST_CASE("summary: without runs and without faults there is nothing to tell", "[measure]") {
  Summary summary;
  CHECK(summary.runs() == 0);
  CHECK(summary.modes().empty());
  CHECK_FALSE(summary.worst_seed());
  CHECK_FALSE(summary.dominating_stage());
  RunMeasures idle = run(1, 5s);
  idle.fault = sim::forever;
  summary.add(idle);
  CHECK(summary.runs() == 1);
  CHECK(summary.without_fault() == 1);
  CHECK(summary.rto().empty());
  CHECK(summary.rpo_rows().empty());
}

TEST_CASE("summary: order of addition and of merging leaves no trace", "[measure]") {
  const std::uint32_t seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::vector<RunMeasures> runs;
  for (std::uint64_t i = 0; i < 300; ++i) {
    RunMeasures r = run(i, Duration(random() % 40'000) * 1'000'000);
    r.fingerprint = random();
    if (random() % 10 == 0) r.fault = sim::forever;
    if (random() % 5 == 0) r.paths[0].measures.censored = true;
    if (random() % 2 == 0) r.paths[0].errors = {{"timeout", random() % 9, random() % 3}};
    if (random() % 3 == 0) r.violations = {{"a", random() % 2 == 0}, {"b", true}};
    if (random() % 3 == 0) r.new_primary = random() % 2 == 0 ? "x" : "y";
    r.milestones = {{"detected", Duration(random())}};
    runs.push_back(r);
  }
  Summary forwards;
  for (const RunMeasures& r : runs) forwards.add(r);
  std::shuffle(runs.begin(), runs.end(), random);
  std::vector<Summary> parts(7);
  for (std::size_t i = 0; i < runs.size(); ++i) parts[random() % 7].add(runs[i]);
  Summary merged;
  for (std::size_t i = 7; i > 0; --i) merged.merge(parts[i - 1]);
  CHECK(merged == forwards);
  CHECK(merged.fingerprint() == forwards.fingerprint());
  CHECK(merged.stage_shares() == forwards.stage_shares());
  CHECK(merged.worst_seed() == forwards.worst_seed());
  CHECK(quantiles(merged.rto()).p99_ci == quantiles(forwards.rto()).p99_ci);

  RunMeasures other = run(0, 1ms);
  other.fingerprint = 1;
  merged.add(other);
  CHECK_FALSE(merged == forwards);
  CHECK(merged.fingerprint() != forwards.fingerprint());
}

TEST_CASE("summary: the fingerprint of one run is its own", "[measure]") {
  Summary summary;
  summary.add(run(17, 1s));
  CHECK(summary.fingerprint() == 17000);
}

TEST_CASE("modes: a released key and an expired one", "[measure]") {
  Summary summary;
  // 81 runs evenly from 26 to 34 s, 19 from 3.9 to 5.7 s.
  for (std::uint64_t i = 0; i < 81; ++i) summary.add(run(i, 26s + i * 100ms));
  for (std::uint64_t i = 0; i < 19; ++i) summary.add(run(100 + i, 3900ms + i * 100ms));
  const std::vector<Mode> modes = summary.modes();
  REQUIRE(modes.size() == 2);
  CHECK(modes[0].min == Duration(3900ms).count());
  CHECK(modes[0].max == Duration(5700ms).count());
  CHECK(modes[0].median == Duration(4800ms).count());
  CHECK(modes[0].seed == 109);
  CHECK(modes[0].runs == 19);
  CHECK(modes[0].share == 0.19);
  // Wilson for 19 of 100: (0.19 + 1.92073/100 +- 1.95996 sqrt(0.1539/100 + 3.84146/40000)) /
  // 1.0384146
  CHECK(modes[0].share_ci.low == Approx(0.1251).margin(0.0001));
  CHECK(modes[0].share_ci.high == Approx(0.2778).margin(0.0001));
  CHECK(modes[1].min == Duration(26s).count());
  CHECK(modes[1].median == Duration(30s).count());
  CHECK(modes[1].seed == 40);
}

TEST_CASE("modes: what is no second mode", "[measure]") {
  const auto modes_of = [](const std::vector<Duration>& rtos) {
    Summary summary;
    for (std::size_t i = 0; i < rtos.size(); ++i) summary.add(run(i, rtos[i]));
    return summary.modes().size();
  };
  std::vector<Duration> even;
  for (int i = 0; i < 200; ++i) even.push_back(20s + i * 50ms);
  CHECK(modes_of(even) == 1);
  SECTION("a lone run far away") {
    even.push_back(100s);
    CHECK(modes_of(even) == 1);
    even.push_back(101s);
    CHECK(modes_of(even) == 2);
  }
  SECTION("a gap below three seconds") {
    std::vector<Duration> near;
    for (int i = 0; i < 100; ++i) near.push_back(1s + i * 1ms);
    for (int i = 0; i < 100; ++i) near.push_back(3900ms + i * 1ms);
    CHECK(modes_of(near) == 1);
    for (int i = 0; i < 100; ++i) near[static_cast<std::size_t>(100 + i)] += 300ms;
    CHECK(modes_of(near) == 2);
  }
  SECTION("too few runs to tell a gap from chance") {
    // One gap of 60 % of the range: 5 * 0.4^4 = 0.13 for six values, 9 * 0.4^8 = 0.006 for ten.
    CHECK(modes_of({0s, 2s, 4s, 10s, 10s, 10s}) == 1);
    CHECK(modes_of({0s, 1s, 2s, 3s, 4s, 10s, 10s, 10s, 10s, 10s}) == 2);
  }
  SECTION("all alike") {
    CHECK(modes_of({5s, 5s, 5s}) == 1);
  }
}

TEST_CASE("modes: three of them", "[measure]") {
  Summary summary;
  std::uint64_t seed = 0;
  for (const Duration at : {0s, 5s, 30s}) {
    for (int i = 0; i < 50; ++i) summary.add(run(seed++, at + i * 10ms));
  }
  const auto modes = summary.modes();
  REQUIRE(modes.size() == 3);
  CHECK(modes[0].max == Duration(490ms).count());
  CHECK(modes[1].min == Duration(5s).count());
  CHECK(modes[2].min == Duration(30s).count());
}

TEST_CASE("modes: one is hardly ever taken for two", "[measure]") {
  const std::uint32_t seed = 1009;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  int split_even = 0;
  int split_skewed = 0;
  constexpr int trials = 400;
  for (int i = 0; i < trials; ++i) {
    Summary even;
    Summary skewed;
    const int n = 5 + 25 * (i % 20);
    for (int k = 0; k < n; ++k) {
      // Between 20 and 50 s; and a product of three, whose density falls steeply.
      const double u = uniform();
      const double v = uniform() * uniform() * uniform();
      even.add(run(static_cast<std::uint64_t>(k),
                   Duration(static_cast<int>(20e3 + 30e3 * u)) * 1'000'000));
      skewed.add(run(static_cast<std::uint64_t>(k),
                     Duration(static_cast<int>(1e3 + 60e3 * v)) * 1'000'000));
    }
    split_even += even.modes().size() > 1 ? 1 : 0;
    split_skewed += skewed.modes().size() > 1 ? 1 : 0;
  }
  CHECK(split_even <= trials * 2 / 100);
  CHECK(split_skewed <= trials * 5 / 100);
}
