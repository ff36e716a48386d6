#include "sim/paired_sample.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

constexpr int repetitions = 2000;

void check_coverage(int covered) {
  CHECK(covered >= repetitions * 93 / 100);
  CHECK(covered <= repetitions * 97 / 100);
}

std::int64_t milliseconds(double value) {
  return std::llround(value * 1e6);
}

/// The variant adds a second delay to the baseline's: the common part exponential with mean 100 ms,
/// its own part exponential with mean `own` ms.
PairedSample two_stages(int n, double own, SplitMix& random) {
  PairedSample pairs;
  for (int i = 0; i < n; ++i) {
    const double common = 100 * random.exponential();
    pairs.add(milliseconds(common), milliseconds(common + own * random.exponential()));
  }
  return pairs;
}

/// The variant's p-quantile in ms: P(common + own > x) = (100 exp(-x/100) - own exp(-x/own)) /
/// (100 - own), solved by bisection.
double variant_quantile(double p, double own) {
  double low = 0;
  double high = 1e6;
  for (int i = 0; i < 200; ++i) {
    const double x = (low + high) / 2;
    const double tail = (100 * std::exp(-x / 100) - own * std::exp(-x / own)) / (100 - own);
    (tail > 1 - p ? low : high) = x;
  }
  return low;
}

int covered_quantile_differences(int runs, int n, double own, double p, SplitMix& random) {
  const auto truth = milliseconds(variant_quantile(p, own) + 100 * std::log(1 - p));
  int covered = 0;
  for (int i = 0; i < runs; ++i) {
    const auto pairs = two_stages(n, own, random);
    covered += pairs.quantile_difference_interval(p, 0.95, 399)->contains(truth);
  }
  return covered;
}

}  // namespace

TEST_CASE("pairs: values by hand", "[statistics]") {
  PairedSample pairs;
  pairs.add(10ns, 13ns);
  pairs.add(20ns, 21ns);
  pairs.add(30ns, 35ns);
  CHECK(pairs.size() == 3);
  CHECK(pairs.differences() == Sample({1, 3, 5}));
  CHECK(pairs.differences().mean() == 3.0);
  CHECK(pairs.quantile_difference(0.5) == 1);
  // (100 + 124) / 4
  CHECK(*pairs.variance_reduction() == Approx((100 + 124) / 4.0));
  // Three pairs cannot give an interval of the median.
  CHECK_FALSE(pairs.quantile_difference_interval(0.5));
  CHECK_FALSE(PairedSample().quantile_difference(0.5));
  CHECK_FALSE(PairedSample().variance_reduction());
}

TEST_CASE("pairs: a constant shift is seen exactly", "[statistics]") {
  constexpr std::uint64_t seed = 71;
  INFO("seed " << seed);
  SplitMix random(seed);
  PairedSample pairs;
  for (int i = 0; i < 400; ++i) {
    const auto common = milliseconds(1000 * random.exponential());
    pairs.add(common, common + 7);
  }
  for (const double p : {0.5, 0.95, 0.99}) {
    CHECK(pairs.quantile_difference(p) == 7);
    CHECK(pairs.quantile_difference_interval(p) == Interval<std::int64_t>{7, 7});
  }
  CHECK_FALSE(pairs.variance_reduction());
  CHECK(pairs.differences().mean_estimate() == Estimate{7, {7, 7}});
}

TEST_CASE("pairs: differences beyond 64 bits are cut", "[statistics]") {
  PairedSample pairs;
  pairs.add(-5, std::numeric_limits<std::int64_t>::max());
  CHECK(pairs.differences().max() == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("pairs: what the factor promises", "[statistics]") {
  // Var common = 100^2, Var own = 50^2: (2 * 100^2 + 50^2) / 50^2 = 9.
  constexpr std::uint64_t seed = 72;
  INFO("seed " << seed);
  SplitMix random(seed);
  CHECK(*two_stages(200'000, 50, random).variance_reduction() == Approx(9).epsilon(0.05));
}

TEST_CASE("pairs: neither order nor grouping changes a bit", "[statistics]") {
  constexpr std::uint64_t seed = 73;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<std::pair<std::int64_t, std::int64_t>> values(500);
  // Few distinct values, so that ties are everywhere.
  for (auto& [a, b] : values) {
    a = static_cast<std::int64_t>(random.below(40));
    b = static_cast<std::int64_t>(random.below(40));
  }
  PairedSample whole;
  for (const auto& [a, b] : values) whole.add(a, b);
  for (int round = 0; round < 5; ++round) {
    shuffle(values, random);
    std::vector<PairedSample> parts(3);
    for (const auto& [a, b] : values) parts[random.below(3)].add(a, b);
    PairedSample merged;
    for (const auto& part : parts) merged.merge(part);
    CHECK(merged == whole);
    CHECK(merged.quantile_difference_interval(0.9) == whole.quantile_difference_interval(0.9));
    CHECK(merged.differences().mean_estimate() == whole.differences().mean_estimate());
    CHECK(merged.variance_reduction() == whole.variance_reduction());
  }
}

TEST_CASE("pairs: intervals of the differences cover as often as they claim",
          "[statistics][coverage]") {
  constexpr std::uint64_t seed = 74;
  INFO("seed " << seed);
  SplitMix random(seed);
  int mean = 0;
  int median = 0;
  int p95 = 0;
  for (int i = 0; i < repetitions; ++i) {
    const auto pairs = two_stages(300, 50, random);
    const Sample& differences = pairs.differences();
    mean += differences.mean_estimate()->interval.contains(50e6);
    median += differences.quantile_interval(0.5)->contains(milliseconds(50 * std::log(2)));
    p95 += differences.quantile_interval(0.95)->contains(milliseconds(50 * std::log(20)));
  }
  check_coverage(mean);
  check_coverage(median);
  check_coverage(p95);
}

TEST_CASE("pairs: the interval of a difference of quantiles covers as often as it claims",
          "[statistics][coverage]") {
  constexpr std::uint64_t seed = 75;
  INFO("seed " << seed);
  SplitMix random(seed);
  for (const double p : {0.5, 0.9}) {
    INFO("p = " << p);
    check_coverage(covered_quantile_differences(repetitions, 200, 300, p, random));
  }
}

TEST_CASE("pairs: with strong correlation that interval errs on the safe side",
          "[statistics][coverage]") {
  constexpr std::uint64_t seed = 76;
  INFO("seed " << seed);
  SplitMix random(seed);
  for (const double p : {0.5, 0.95}) {
    INFO("p = " << p);
    CHECK(covered_quantile_differences(400, 200, 10, p, random) >= 400 * 97 / 100);
  }
  // Safe, and yet narrower than what the two variants give when looked at separately.
  const auto pairs = two_stages(200, 10, random);
  const auto together = *pairs.quantile_difference_interval(0.95);
  const auto baseline = *pairs.baseline().quantile_interval(0.95);
  CHECK(together.high - together.low < (baseline.high - baseline.low) / 2);
}
