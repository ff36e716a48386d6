#include "sim/sample.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "sim/order_statistics.hpp"
#include "sim/probability.hpp"
#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

constexpr int repetitions = 2000;

// Binomial(2000, 0.95) stays within 93 % and 97 % but for once in 25,000 cases.
void check_coverage(int covered) {
  CHECK(covered >= repetitions * 93 / 100);
  CHECK(covered <= repetitions * 97 / 100);
}

/// Four standard errors around the exact probability.
void check_frequency(int successes, double probability) {
  CHECK(std::abs(successes - repetitions * probability) <=
        4 * std::sqrt(repetitions * probability * (1 - probability)));
}

}  // namespace

TEST_CASE("sample: values by hand", "[statistics]") {
  Sample sample({9, 1, 4});
  sample.add(16ns);
  CHECK(sample.size() == 4);
  CHECK(sample.min() == 1);
  CHECK(sample.max() == 16);
  CHECK(sample.quantile(0.5) == 4);
  CHECK(sample.quantile(0.75) == 9);
  CHECK(sample.quantile(0.76) == 16);
  CHECK(sample.mean() == 7.5);
  CHECK(*sample.variance() == Approx((42.25 + 12.25 + 2.25 + 72.25) / 3));
  CHECK(sample.count_at_most(0) == 0);
  CHECK(sample.count_at_most(4) == 2);
  CHECK(sample.count_at_most(100) == 4);
}

TEST_CASE("sample: Student's interval by hand", "[statistics]") {
  // mean 3, standard error sqrt(2.5 / 5), t(0.975, 4) = 2.776445105 (any table).
  const auto estimate = Sample({1, 2, 3, 4, 5}).mean_estimate();
  REQUIRE(estimate);
  CHECK(estimate->value == 3);
  CHECK(estimate->interval.high - 3 == Approx(2.776445105 * std::sqrt(0.5)).epsilon(1e-9));
  CHECK(3 - estimate->interval.low == Approx(2.776445105 * std::sqrt(0.5)).epsilon(1e-9));
}

TEST_CASE("sample: no data, no answer", "[statistics]") {
  const Sample nothing;
  CHECK_FALSE(nothing.min());
  CHECK_FALSE(nothing.max());
  CHECK_FALSE(nothing.mean());
  CHECK_FALSE(nothing.quantile(0.5));
  CHECK_FALSE(nothing.mean_estimate());
  CHECK_FALSE(Sample({1}).variance());
  CHECK_FALSE(Sample({1, 2, 3, 4, 5}).quantile_interval(0.5));
}

TEST_CASE("sample: the largest integers do not overflow", "[statistics]") {
  constexpr auto never = std::numeric_limits<std::int64_t>::max();
  Sample sample({never, never, std::numeric_limits<std::int64_t>::min(), 7});
  CHECK(sample.quantile(0.5) == 7);
  CHECK(sample.max() == never);
  CHECK(*sample.mean() == Approx(std::ldexp(1.0, 61)));
  CHECK(*sample.variance() > 0);
}

TEST_CASE("sample: no loss of digits far away from zero", "[statistics]") {
  constexpr std::int64_t far = 4'000'000'000'000'000'000;
  const Sample sample({far + 1, far + 2, far + 3});
  CHECK(sample.variance() == 1.0);
}

TEST_CASE("sample: neither order nor grouping changes a bit", "[statistics]") {
  constexpr std::uint64_t seed = 11;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<std::int64_t> values(5000);
  for (auto& value : values) value = static_cast<std::int64_t>(random.exponential() * 1e9);
  const Sample whole(values);
  for (int round = 0; round < 5; ++round) {
    shuffle(values, random);
    std::vector<Sample> parts(7);
    for (const auto value : values) parts[random.below(parts.size())].add(value);
    shuffle(parts, random);
    Sample merged;
    for (const auto& part : parts) merged.merge(part);
    CHECK(merged == whole);
    CHECK(merged.sum() == whole.sum());
    CHECK(merged.mean_estimate() == whole.mean_estimate());
    CHECK(merged.quantile_interval(0.95) == whole.quantile_interval(0.95));
  }
}

TEST_CASE("sample: merging with itself doubles every value", "[statistics]") {
  Sample sample({3, 1});
  sample.merge(sample);
  CHECK(sample == Sample({1, 1, 3, 3}));
  CHECK(sample.sum() == 8);
}

TEST_CASE("sample: the interval of a mean covers as often as it claims", "[statistics][coverage]") {
  constexpr std::uint64_t seed = 12;
  INFO("seed " << seed);
  SplitMix random(seed);
  int covered = 0;
  for (int i = 0; i < repetitions; ++i) {
    Sample sample;
    for (int k = 0; k < 20; ++k) sample.add(std::llround(5e9 + 1e9 * random.normal()));
    covered += sample.mean_estimate()->interval.contains(5e9);
  }
  check_coverage(covered);
}

TEST_CASE("sample: intervals of quantiles cover as often as they claim", "[statistics][coverage]") {
  constexpr std::uint64_t seed = 13;
  INFO("seed " << seed);
  SplitMix random(seed);
  constexpr int n = 1000;
  for (const double p : {0.5, 0.95, 0.99}) {
    const auto truth = std::llround(-std::log1p(-p) * 1e9);
    const double exact = quantile_rank_interval(n, p, 0.95)->coverage;
    const double exact_bound = binomial_cdf(*quantile_upper_bound_rank(n, p, 0.95) - 1, n, p);
    int covered = 0;
    int above_bound = 0;
    for (int i = 0; i < repetitions; ++i) {
      Sample sample;
      for (int k = 0; k < n; ++k) sample.add(std::llround(random.exponential() * 1e9));
      covered += sample.quantile_interval(p)->contains(truth);
      above_bound += *sample.quantile_upper_bound(p) >= truth;
    }
    INFO("p = " << p);
    check_coverage(covered);
    check_frequency(covered, exact);
    check_frequency(above_bound, exact_bound);
  }
}
