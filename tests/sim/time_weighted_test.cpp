#include "sim/time_weighted.hpp"

#include <catch2/catch.hpp>

#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

TEST_CASE("time-weighted: a queue by hand", "[statistics]") {
  // 0 for 2 s, 3 for 1 s, 1 for 5 s: mean 8/8.
  SignalMeter queue(Time{}, 0, 1.0);
  queue.set(Time(2s), 3);
  queue.change_by(Time(3s), -2);
  const auto totals = queue.totals(Time(8s));
  CHECK(totals.observed() == 8s);
  CHECK(totals.mean() == 1.0);
  CHECK(totals.min() == 0.0);
  CHECK(totals.max() == 3.0);
  // Strictly above 1.
  CHECK(totals.time_above() == 1s);
}

TEST_CASE("time-weighted: a value of no duration is not seen", "[statistics]") {
  SignalMeter signal(Time{}, 1);
  signal.set(Time(1s), 100);
  signal.set(Time(1s), 2);
  CHECK(signal.totals(Time(2s)).max() == 2.0);
  CHECK(signal.totals(Time(2s)).mean() == 1.5);
  CHECK_FALSE(TimeWeighted().mean());
  CHECK_FALSE(SignalMeter(Time(5s), 1).totals(Time(5s)).max());
}

TEST_CASE("time-weighted: the warm-up can be forgotten", "[statistics]") {
  SignalMeter signal(Time{}, 50, 10.0);
  signal.set(Time(10s), 4);
  signal.restart(Time(20s));
  const auto totals = signal.totals(Time(30s));
  CHECK(totals.observed() == 10s);
  CHECK(totals.mean() == 4.0);
  CHECK(totals.max() == 4.0);
  CHECK(totals.time_above() == 0s);
}

TEST_CASE("time-weighted: neither order nor grouping changes a bit", "[statistics]") {
  constexpr std::uint64_t seed = 51;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<std::pair<double, Duration>> stretches(2000);
  for (auto& [value, length] : stretches) {
    value = random.normal();
    length = Duration(random.below(1'000'000'000'000));
  }
  TimeWeighted whole(0.5);
  for (const auto& [value, length] : stretches) whole.hold(value, length);
  for (int round = 0; round < 5; ++round) {
    shuffle(stretches, random);
    std::vector<TimeWeighted> parts(3, TimeWeighted(0.5));
    for (const auto& [value, length] : stretches) parts[random.below(3)].hold(value, length);
    TimeWeighted merged(0.5);
    for (const auto& part : parts) REQUIRE(merged.merge(part));
    CHECK(merged == whole);
    CHECK(merged.mean() == whole.mean());
  }
  TimeWeighted stranger(0.25);
  CHECK_FALSE(stranger.merge(whole));
  CHECK(stranger.observed() == 0s);
}
