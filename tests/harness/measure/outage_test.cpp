// Outages and RTO by hand: probes every 100 ms, so the threshold is 1 s.
#include <catch2/catch.hpp>

#include <random>

#include "harness/measure/outage.hpp"
#include "harness/measure/stages.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
using models::Attempt;
using models::Journal;
using models::Outcome;
using sim::Duration;

namespace {

// A journal with a success every 100 ms in the given stretches, failures elsewhere.
Journal journal(std::initializer_list<std::pair<Duration, Duration>> good, Duration until) {
  Journal j;
  j.paths = {"direct"};
  j.observed_until = until.count();
  for (Duration t{}; t <= until; t += 100ms) {
    bool ok = false;
    for (const auto& [from, to] : good) ok |= t >= from && t <= to;
    Attempt a;
    a.sent = t.count();
    a.finished = t.count();
    a.outcome = ok ? Outcome::ok : Outcome::refused;
    j.attempts.push_back(a);
  }
  return j;
}

constexpr Duration threshold = outage_threshold(100ms);

}  // namespace

TEST_CASE("the threshold is three intervals and at least a second", "[measure]") {
  CHECK(outage_threshold(100ms) == 1s);
  CHECK(outage_threshold(500ms) == 1500ms);
}

TEST_CASE("one outage: from the last success to the first", "[measure]") {
  const auto m = measure_path(journal({{0s, 10s}, {34s, 60s}}, 60s), 0, 10050ms, threshold);
  REQUIRE(m.outages.size() == 1);
  CHECK(m.outages[0].begin == 10s);
  CHECK(m.outages[0].end == 34s);
  CHECK(m.rto == 34s - 10050ms);
  CHECK(m.downtime == 34s - 10050ms);
  CHECK_FALSE(m.censored);
}

TEST_CASE("no outage: RTO is zero", "[measure]") {
  const auto m = measure_path(journal({{0s, 60s}}, 60s), 0, 10s, threshold);
  CHECK(m.outages.empty());
  CHECK(m.rto == 0s);
  CHECK(m.downtime == 0s);
}

TEST_CASE("a gap below the threshold is no outage", "[measure]") {
  CHECK(measure_path(journal({{0s, 10s}, {11s, 60s}}, 60s), 0, 10s, threshold).outages.empty());
  CHECK(measure_path(journal({{0s, 10s}, {11100ms, 60s}}, 60s), 0, 10s, threshold).outages.size() ==
        1);
}

TEST_CASE("an outage that began late counts from the fault all the same", "[measure]") {
  // Writes went on for 12 s after the fault (a primary that still had its key).
  const auto m = measure_path(journal({{0s, 22s}, {42s, 60s}}, 60s), 0, 10s, threshold);
  CHECK(m.rto == 32s);
  CHECK(m.downtime == 20s);
}

TEST_CASE("two outages of one incident: RTO to the end of the last", "[measure]") {
  const auto m = measure_path(journal({{0s, 10s}, {15s, 18s}, {25s, 60s}}, 60s), 0, 10s, threshold);
  CHECK(m.outages.size() == 2);
  CHECK(m.rto == 15s);
  CHECK(m.downtime == 12s);
}

TEST_CASE("a later incident is downtime, not RTO", "[measure]") {
  const auto m =
      measure_path(journal({{0s, 10s}, {15s, 80s}, {90s, 120s}}, 120s), 0, 10s, threshold);
  CHECK(m.rto == 5s);
  CHECK(m.downtime == 15s);
}

TEST_CASE("an outage that does not end is censored", "[measure]") {
  const auto m = measure_path(journal({{0s, 10s}}, 60s), 0, 10s, threshold);
  CHECK(m.censored);
  CHECK(m.outages.back().open);
  CHECK(m.rto == 50s);
}

TEST_CASE("a path that never answered is one open outage from the fault on", "[measure]") {
  const auto m = measure_path(journal({}, 60s), 0, 10s, threshold);
  REQUIRE(m.outages.size() == 1);
  CHECK(m.rto == 50s);
  CHECK(m.censored);
}

TEST_CASE("an outage before the fault that ended before it is ignored", "[measure]") {
  const auto m = measure_path(journal({{0s, 2s}, {5s, 60s}}, 60s), 0, 10s, threshold);
  CHECK(m.outages.empty());
}

TEST_CASE("answers count when they arrive, in whatever order they were recorded", "[measure]") {
  Journal j = journal({{0s, 10s}, {34s, 60s}}, 60s);
  Attempt slow;  // sent during the outage, answered in it
  slow.sent = Duration(12s).count();
  slow.finished = Duration(20s).count();
  j.attempts.insert(j.attempts.begin(), slow);
  const auto m = measure_path(j, 0, 10s, threshold);
  REQUIRE(m.outages.size() == 2);
  CHECK(m.outages[0].end == 20s);
  CHECK(m.rto == 24s);
}

TEST_CASE("failures, unknown outcomes and staleness are counted after the fault", "[measure]") {
  Journal j = journal({{0s, 10s}, {12s, 20s}}, 20s);
  j.attempts[150].write = false;  // 15 s
  j.attempts[150].data_as_of = Duration(9s).count();
  j.attempts[105].in_flight = true;  // 10.5 s, a write that failed
  const auto m = measure_path(j, 0, 10s, threshold);
  CHECK(m.failures == 19);
  CHECK(m.unknown == 1);
  CHECK(m.staleness_max == 6s);
}

TEST_CASE("stages: a crash with failover", "[measure][stages]") {
  const Milestones m{.fault = 10s,
                     .detected = 35s,
                     .elected = 37s,
                     .writable = 37500ms,
                     .routed = 38s,
                     .reconnected = 39s};
  const Stages s = cut(m, 29100ms);
  CHECK(s == Stages{25s, 2s, 500ms, 500ms, 1s, 100ms});
  CHECK(dominating(s) == Stage::detection);
}

TEST_CASE("stages: what did not happen takes no time", "[measure][stages]") {
  Milestones m{.fault = 10s, .detected = 15s, .writable = 18s};
  CHECK(cut(m, 9s) == Stages{5s, 0s, 3s, 0s, 0s, 1s});
  CHECK(cut({.fault = 10s}, 9s) == Stages{0s, 0s, 0s, 0s, 0s, 9s});
}

TEST_CASE("stages: milestones after the recovery or out of order are cut off",
          "[measure][stages]") {
  // The route was updated before the promotion was over (the leader key moved first).
  const Milestones early{.fault = 0s,
                         .detected = 20s,
                         .elected = 22s,
                         .writable = 25s,
                         .routed = 23s,
                         .reconnected = 26s};
  CHECK(cut(early, 27s) == Stages{20s, 2s, 1s, 0s, 3s, 1s});
  const Milestones late{.fault = 0s, .detected = 20s, .elected = 50s};
  CHECK(cut(late, 30s) == Stages{20s, 10s, 0s, 0s, 0s, 0s});
}

TEST_CASE("stages always add up and are never negative", "[measure][stages]") {
  const auto seed = 20251009U;
  INFO("seed " << seed);
  std::mt19937_64 engine(seed);
  const auto draw = [&engine]() -> Duration {
    const auto v = engine() % 60'000;
    return v < 6'000 ? sim::forever : Duration(std::chrono::milliseconds(v));
  };
  for (int i = 0; i < 10'000; ++i) {
    Milestones m{.fault = Duration(std::chrono::milliseconds(engine() % 20'000)),
                 .detected = draw(),
                 .elected = draw(),
                 .writable = draw(),
                 .routed = draw(),
                 .reconnected = draw()};
    const Duration rto = std::chrono::milliseconds(engine() % 50'000);
    const Stages s = cut(m, rto);
    Duration sum{};
    for (const Duration d : s) {
      REQUIRE(d >= 0s);
      sum += d;
    }
    REQUIRE(sum == rto);
  }
}

TEST_CASE("the database's own outage: flows of any member", "[measure]") {
  using models::Lsn;
  const auto at = [](Duration d) { return sim::Time(d); };
  // 100 rows a second until 10.2 s; another member's from 31 s, with a pause too short to count,
  // and from 95 s.
  const auto flow = [&](Duration from, Duration to, models::MemberId member) {
    return models::AcknowledgedFlow{at(from), at(to), Lsn{}, Lsn{}, 100'000, member, 1, member};
  };
  const std::vector<models::AcknowledgedFlow> flows = {flow(31s, 60s, 1), flow(0s, 10200ms, 0),
                                                       flow(60050ms, 90s, 1), flow(95s, 99s, 1)};
  const auto m = measure_flows(flows, at(10s), at(80s));
  REQUIRE(m);
  REQUIRE(m->outages.size() == 1);
  CHECK(m->outages[0].begin == 10200ms);
  CHECK(m->outages[0].end == 31s);
  CHECK(m->rto == 21s);
  CHECK(m->downtime == 20800ms);
  CHECK_FALSE(m->censored);
  const auto longer = measure_flows(flows, at(10s), at(110s));
  REQUIRE(longer);
  REQUIRE(longer->outages.size() == 3);
  CHECK(longer->outages[1].begin == 90s);
  CHECK_FALSE(longer->outages[1].open);
  CHECK(longer->outages[2].begin == 99s);
  CHECK(longer->censored);
  CHECK_FALSE(measure_flows({}, at(10s), at(80s)));  // no such load: nothing can be said
}
