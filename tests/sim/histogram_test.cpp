#include "sim/histogram.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "sim/sample.hpp"
#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

constexpr auto largest = std::numeric_limits<std::int64_t>::max();

/// Any magnitude from 1 ns to centuries is equally likely.
std::int64_t any_magnitude(SplitMix& random) {
  return static_cast<std::int64_t>(random.next() >> (1 + random.below(63)));
}

}  // namespace

TEST_CASE("histogram: small values are exact", "[statistics]") {
  Histogram histogram;
  for (std::int64_t value = 0; value < 256; ++value) {
    histogram.add(value);
    CHECK(histogram.bucket_of(value).low == value);
    CHECK(histogram.bucket_of(value).high == value);
  }
  CHECK(histogram.quantile(0.5) == 127);
  CHECK(histogram.min() == 0);
  CHECK(histogram.max() == 255);
  CHECK(histogram.mean() == 127.5);
}

TEST_CASE("histogram: buckets leave no gap and are narrow enough", "[statistics]") {
  const Histogram histogram;
  std::int64_t next = 0;
  while (true) {
    const auto bucket = histogram.bucket_of(next);
    REQUIRE(bucket.low == next);
    REQUIRE(histogram.bucket_of(bucket.high).low == bucket.low);
    // The middle is at most half a width away from any value of the bucket.
    REQUIRE(static_cast<double>(bucket.high - bucket.low) / 2 <=
            static_cast<double>(bucket.low) * Histogram::relative_error);
    if (bucket.high == largest) break;
    next = bucket.high + 1;
  }
}

TEST_CASE("histogram: every quantile keeps the promised error", "[statistics][property]") {
  constexpr std::uint64_t seed = 21;
  SplitMix random(seed);
  for (int round = 0; round < 60; ++round) {
    Histogram histogram;
    Sample sample;
    const auto n = 1 + random.below(2000);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::int64_t value = any_magnitude(random);
      histogram.add(value);
      sample.add(value);
    }
    for (const double p : {0.0, 0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
      INFO("seed " << seed << " round " << round << " n " << n << " p " << p);
      const auto exact = static_cast<double>(*sample.quantile(p));
      const auto reported = static_cast<double>(*histogram.quantile(p));
      CHECK(std::abs(reported - exact) <= exact * Histogram::relative_error);
      const auto narrow = sample.quantile_interval(p);
      const auto wide = histogram.quantile_interval(p);
      REQUIRE(narrow.has_value() == wide.has_value());
      if (!narrow) continue;
      CHECK(wide->low <= narrow->low);
      CHECK(narrow->high <= wide->high);
      CHECK(static_cast<double>(wide->high) <=
            static_cast<double>(narrow->high) * (1 + 2 * Histogram::relative_error));
    }
    CHECK(histogram.sum() == static_cast<Uint128>(sample.sum()));
    CHECK(histogram.min() == sample.min());
    CHECK(histogram.max() == sample.max());
  }
}

TEST_CASE("histogram: neither order nor grouping changes a bit", "[statistics]") {
  constexpr std::uint64_t seed = 22;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<std::int64_t> values(3000);
  for (auto& value : values) value = any_magnitude(random);
  Histogram whole;
  for (const auto value : values) whole.add(value);
  for (int round = 0; round < 5; ++round) {
    shuffle(values, random);
    std::vector<Histogram> parts(5);
    for (const auto value : values) parts[random.below(parts.size())].add(value);
    Histogram merged;
    for (const auto& part : parts) merged.merge(part);
    CHECK(merged == whole);
  }
}

TEST_CASE("histogram: the ends of the range", "[statistics]") {
  Histogram histogram;
  CHECK_FALSE(histogram.quantile(0.5));
  CHECK_FALSE(histogram.min());
  CHECK_FALSE(histogram.mean());
  histogram.add(largest, 3);
  CHECK(histogram.quantile(0.5).value() <= largest);
  CHECK(histogram.max() == largest);
  CHECK(histogram.sum() == Uint128{largest} * 3);
  histogram.add(-5ns);
  CHECK(histogram.clamped() == 1);
  CHECK(histogram.min() == 0);
  CHECK(histogram.count_at_most(-1) == 0);
  CHECK(histogram.count_at_most(0) == 1);
  CHECK(histogram.count_at_most(largest) == 4);
  REQUIRE(histogram.buckets().size() == 2);
  CHECK(histogram.buckets().back().count == 3);
}
