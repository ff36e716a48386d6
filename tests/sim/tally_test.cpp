#include "sim/tally.hpp"

#include <catch2/catch.hpp>

#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;

TEST_CASE("tally: values by hand", "[statistics]") {
  Tally tally;
  CHECK_FALSE(tally.mean());
  CHECK_FALSE(tally.min());
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0}) tally.add(value);
  CHECK(tally.count() == 8);
  CHECK(tally.mean() == 5.0);
  CHECK(*tally.variance() == Approx(32.0 / 7));
  CHECK(tally.min() == 2.0);
  CHECK(tally.max() == 9.0);
  // t(0.975, 7) = 2.364624252 (any table).
  const auto estimate = tally.mean_estimate();
  REQUIRE(estimate);
  CHECK(estimate->interval.high - 5 == Approx(2.364624252 * std::sqrt(32.0 / 56)).epsilon(1e-9));
}

TEST_CASE("tally: the spread of values far from zero keeps its digits", "[statistics]") {
  // The squares need 100 bits; the textbook formula in doubles returns nonsense here.
  Tally tally;
  for (const double value : {1e15 + 1, 1e15 + 2, 1e15 + 3}) tally.add(value);
  CHECK(tally.variance() == 1.0);
  Tally constant;
  for (int i = 0; i < 10; ++i) constant.add(0.1);
  CHECK(*constant.variance() < 1e-32);
}

TEST_CASE("tally: neither order nor grouping changes a bit", "[statistics]") {
  constexpr std::uint64_t seed = 41;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<double> values(3000);
  for (auto& value : values) value = std::exp(20 * random.normal());
  Tally whole;
  for (const double value : values) whole.add(value);
  for (int round = 0; round < 5; ++round) {
    shuffle(values, random);
    std::vector<Tally> parts(4);
    for (const double value : values) parts[random.below(parts.size())].add(value);
    Tally merged;
    for (const auto& part : parts) merged.merge(part);
    CHECK(merged == whole);
    CHECK(merged.mean_estimate() == whole.mean_estimate());
  }
}
