#include "sim/tests_of_fit.hpp"

#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "sim/proportion.hpp"
#include "sim/tally.hpp"
#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;

namespace {

using Values = std::vector<double>;

Values uniforms(std::size_t n, SplitMix& random) {
  Values values(n);
  for (double& value : values) value = random.uniform();
  return values;
}

Values exponentials(std::size_t n, SplitMix& random) {
  Values values(n);
  for (double& value : values) value = random.exponential();
  return values;
}

/// Few distinct values: ties everywhere.
Values dice(std::size_t n, SplitMix& random) {
  Values values(n);
  for (double& value : values) value = static_cast<double>(random.below(4));
  return values;
}

double uniform_cdf(double x) {
  return x;
}

std::optional<TestResult> anderson_darling_of(const std::vector<Values>& samples) {
  std::vector<std::span<const double>> spans(samples.begin(), samples.end());
  return anderson_darling(spans);
}

/// Largest distance between the empirical distribution functions, straight from the definition.
double distance_of(const Values& a, const Values& b) {
  const auto cdf = [](const Values& values, double x) {
    double below = 0;
    for (const double value : values) below += value <= x;
    return below / static_cast<double>(values.size());
  };
  double distance = 0;
  for (const Values& values : {a, b}) {
    for (const double x : values) distance = std::max(distance, std::abs(cdf(a, x) - cdf(b, x)));
  }
  return distance;
}

double u_of(const Values& a, const Values& b) {
  double u = 0;
  for (const double x : a) {
    for (const double y : b) u += y > x ? 1 : y == x ? 0.5 : 0;
  }
  return u;
}

/// Share of all ways to deal the pooled values to the two samples that satisfy `is_extreme`.
template <class IsExtreme>
double share_of_deals(const Values& a, const Values& b, IsExtreme is_extreme) {
  Values pool = a;
  pool.insert(pool.end(), b.begin(), b.end());
  int extreme = 0;
  int all = 0;
  for (std::uint32_t mask = 0; mask < std::uint32_t{1} << pool.size(); ++mask) {
    if (static_cast<std::size_t>(std::popcount(mask)) != a.size()) continue;
    Values x;
    Values y;
    for (std::size_t i = 0; i < pool.size(); ++i) (mask >> i & 1 ? x : y).push_back(pool[i]);
    ++all;
    extreme += is_extreme(x, y);
  }
  return static_cast<double>(extreme) / all;
}

/// Two one-sided tests: the share of p-values up to `level` is shown to be within `margin` of it.
void check_level(const std::vector<double>& p_values, double level, double margin) {
  Proportion share;
  for (const double p : p_values) share.add(p <= level);
  INFO("level " << level << ": " << share.successes() << " of " << share.trials());
  CHECK(*share.lower_bound() > level - margin);
  CHECK(*share.upper_bound() < level + margin);
}

void check_uniform(const std::vector<double>& p_values) {
  check_level(p_values, 0.01, 0.01);
  check_level(p_values, 0.05, 0.02);
  check_level(p_values, 0.1, 0.03);
  check_level(p_values, 0.5, 0.05);
  check_level(p_values, 0.9, 0.03);
}

}  // namespace

TEST_CASE("Kolmogorov-Smirnov: samples that do not overlap", "[statistics]") {
  // Two of the C(10, 5) orders are as extreme.
  const auto five = kolmogorov_smirnov(Values{1, 2, 3, 4, 5}, Values{9, 8, 7, 6, 10});
  REQUIRE(five);
  CHECK(five->statistic == 1);
  CHECK(five->exact);
  CHECK(five->p_value == Approx(2.0 / 252).epsilon(1e-11));
  CHECK(kolmogorov_smirnov(Values{1, 2, 3}, Values{4, 5, 6, 7})->p_value ==
        Approx(2.0 / 35).epsilon(1e-11));
  // A chance of 2 / C(200, 100) keeps its digits.
  Values low(100);
  Values high(100);
  for (std::size_t i = 0; i < 100; ++i) {
    low[i] = static_cast<double>(i);
    high[i] = low[i] + 1000;
  }
  const double chance = std::log(2) + 2 * std::lgamma(101) - std::lgamma(201);
  CHECK(std::log(kolmogorov_smirnov(low, high)->p_value) == Approx(chance).epsilon(1e-10));
}

TEST_CASE("Kolmogorov-Smirnov: ties by hand", "[statistics]") {
  // Whoever has the 2, the functions differ by a half at 1.
  const auto tied = kolmogorov_smirnov(Values{1, 1}, Values{1, 2});
  REQUIRE(tied);
  CHECK(tied->statistic == 0.5);
  CHECK(tied->p_value == 1);
  CHECK(kolmogorov_smirnov(Values{3, 3}, Values{3})->p_value == 1);
}

TEST_CASE("two-sample tests: exact against all deals", "[statistics][property]") {
  constexpr std::uint64_t seed = 91;
  SplitMix random(seed);
  for (int round = 0; round < 24; ++round) {
    const bool with_ties = round % 2 == 0;
    const std::size_t n = 2 + random.below(4);
    const std::size_t m = 2 + random.below(5);
    const Values a = with_ties ? dice(n, random) : uniforms(n, random);
    const Values b = with_ties ? dice(m, random) : uniforms(m, random);
    INFO("seed " << seed << " round " << round << " n " << n << " m " << m);
    const auto ks = kolmogorov_smirnov(a, b);
    const double distance = distance_of(a, b);
    CHECK(ks->statistic == Approx(distance).margin(1e-12));
    CHECK(ks->p_value == Approx(share_of_deals(a, b, [&](const Values& x, const Values& y) {
            return distance_of(x, y) >= distance - 1e-12;
          })));

    const auto mw = mann_whitney(a, b);
    const double u = u_of(a, b);
    CHECK(mw->u == u);
    CHECK(mw->superiority == Approx(u / static_cast<double>(n * m)));
    if (!mw->exact) continue;
    const double centre = static_cast<double>(n * m) / 2;
    CHECK(mw->p_value == Approx(share_of_deals(a, b, [&](const Values& x, const Values& y) {
            return std::abs(u_of(x, y) - centre) >= std::abs(u - centre);
          })));
  }
}

TEST_CASE("Kolmogorov-Smirnov: one sample, closed forms", "[statistics]") {
  const auto p_of = [](Values values) { return kolmogorov_smirnov(values, uniform_cdf)->p_value; };
  // n = 1: D = max(u, 1 - u).
  CHECK(p_of({0.7}) == Approx(0.6).epsilon(1e-11));
  CHECK(p_of({0.5}) == Approx(1).epsilon(1e-11));
  // n = 2: P(D < d) = 2 (2d - 1/2)^2 up to d = 1/2, then 1 - 2 (1 - d)^2.
  CHECK(p_of({0.3, 0.6}) == Approx(1 - 2 * 0.3 * 0.3).epsilon(1e-11));
  CHECK(p_of({0.1, 0.3}) == Approx(2 * 0.3 * 0.3).epsilon(1e-11));
  // n = 5, d = 0.15: P(D < d) = 5! (2d - 1/5)^5.
  const Values nearly_even = {0.15, 0.3, 0.5, 0.7, 0.9};
  CHECK(p_of(nearly_even) == Approx(1 - 120 * std::pow(0.1, 5)).epsilon(1e-11));
  // Marsaglia, Tsang & Wang 2003: K(10, 0.274) = 0.6284796154565...
  Values ten(10);
  for (std::size_t i = 0; i < 10; ++i) ten[i] = 0.274 + 0.07 * static_cast<double>(i);
  CHECK(kolmogorov_smirnov(ten, uniform_cdf)->statistic == Approx(0.274).epsilon(1e-12));
  CHECK(p_of(ten) == Approx(1 - 0.6284796154565).epsilon(1e-11));
}

TEST_CASE("Kolmogorov-Smirnov: exact and limit meet", "[statistics]") {
  // All of them shifted by the critical distance of the limit, 1.3581 / sqrt(n): p is about 5 %.
  for (const std::size_t n : {std::size_t{500}, std::size_t{501}}) {
    const auto size = static_cast<double>(n);
    Values values(n);
    for (std::size_t i = 0; i < n; ++i) {
      values[i] = std::max(0.0, (static_cast<double>(i) + 1) / size - 1.3581 / std::sqrt(size));
    }
    const auto result = kolmogorov_smirnov(values, uniform_cdf);
    CHECK(result->exact == (n == 500));
    CHECK(result->p_value == Approx(0.0475).margin(0.001));
  }
  constexpr std::uint64_t seed = 92;
  INFO("seed " << seed);
  SplitMix random(seed);
  // 3,200 x 3,200 is beyond what is counted exactly, 3,100 x 3,100 is not.
  const auto a = uniforms(3200, random);
  const auto b = uniforms(3200, random);
  const auto limit = kolmogorov_smirnov(a, b);
  CHECK_FALSE(limit->exact);
  const auto exact = kolmogorov_smirnov(std::span(a).first(3100), std::span(b).first(3100));
  CHECK(exact->exact);
  const double x = exact->statistic * std::sqrt(1550);
  double tail = 0;
  for (int k = 1; k < 20; ++k) tail += (k % 2 == 1 ? 2 : -2) * std::exp(-2 * k * k * x * x);
  CHECK(exact->p_value == Approx(tail).margin(0.01));
}

TEST_CASE("Kolmogorov-Smirnov: p-values are uniform if nothing differs", "[statistics][coverage]") {
  constexpr std::uint64_t seed = 93;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<double> one_sample;
  std::vector<double> two_samples;
  for (int i = 0; i < 2000; ++i) {
    one_sample.push_back(kolmogorov_smirnov(uniforms(30, random), uniform_cdf)->p_value);
    // Sizes without a common divisor, so that the statistic takes many values.
    two_samples.push_back(
        kolmogorov_smirnov(exponentials(53, random), exponentials(47, random))->p_value);
  }
  check_uniform(one_sample);
  check_uniform(two_samples);
  CHECK(kolmogorov_smirnov(one_sample, uniform_cdf)->p_value > 0.001);
}

TEST_CASE("Anderson-Darling: mean, variance and level as published", "[statistics][coverage]") {
  constexpr std::uint64_t seed = 94;
  INFO("seed " << seed);
  SplitMix random(seed);
  constexpr int repetitions = 2000;
  for (const std::size_t k : {std::size_t{2}, std::size_t{4}}) {
    Tally statistics;
    std::vector<double> p_values;
    for (int i = 0; i < repetitions; ++i) {
      std::vector<Values> samples;
      for (std::size_t s = 0; s < k; ++s) samples.push_back(uniforms(15 + 5 * s, random));
      const auto result = anderson_darling_of(samples);
      statistics.add(result->statistic);
      p_values.push_back(result->p_value);
    }
    INFO("k = " << k);
    // Without ties the standardised statistic has mean 0 and variance 1 exactly.
    CHECK(*statistics.mean() == Approx(0).margin(4 / std::sqrt(repetitions)));
    CHECK(*statistics.variance() == Approx(1).margin(0.25));
    check_level(p_values, 0.1, 0.03);
    check_level(p_values, 0.05, 0.02);
    for (const double p : p_values) REQUIRE((p >= 0.01 && p <= 0.25));
  }
}

TEST_CASE("Anderson-Darling: sees what differs, with ties and in any order", "[statistics]") {
  constexpr std::uint64_t seed = 95;
  INFO("seed " << seed);
  SplitMix random(seed);
  auto a = dice(60, random);
  auto b = dice(80, random);
  const auto same = anderson_darling_of({a, b});
  CHECK(same->p_value > 0.01);
  shuffle(a, random);
  shuffle(b, random);
  CHECK(anderson_darling_of({a, b})->statistic == same->statistic);
  for (double& value : b) value += 1;
  CHECK(anderson_darling_of({a, b})->p_value == Approx(0.01));
  CHECK_FALSE(anderson_darling_of({a}));
  CHECK_FALSE(anderson_darling_of({{1, 1}, {1, 1}}));
  CHECK_FALSE(anderson_darling_of({{1, 2, 3, 4}, {}}));
}

TEST_CASE("Mann-Whitney: by hand", "[statistics]") {
  const auto apart = mann_whitney(Values{1, 2, 3}, Values{4, 5, 6});
  REQUIRE(apart);
  CHECK(apart->u == 9);
  CHECK(apart->superiority == 1);
  CHECK(apart->exact);
  CHECK(apart->p_value == Approx(0.1).epsilon(1e-11));
  CHECK(mann_whitney(Values{4, 5, 6}, Values{1, 2, 3})->p_value == Approx(0.1).epsilon(1e-11));
  const auto tied = mann_whitney(Values{7, 7}, Values{7, 7, 7});
  CHECK(tied->superiority == 0.5);
  CHECK(tied->p_value == 1);
}

TEST_CASE("Mann-Whitney: the normal limit keeps its level, with and without ties",
          "[statistics][coverage]") {
  constexpr std::uint64_t seed = 96;
  INFO("seed " << seed);
  SplitMix random(seed);
  std::vector<double> smooth;
  std::vector<double> tied;
  for (int i = 0; i < 2000; ++i) {
    const auto result = mann_whitney(exponentials(60, random), exponentials(50, random));
    REQUIRE_FALSE(result->exact);
    smooth.push_back(result->p_value);
    tied.push_back(mann_whitney(dice(60, random), dice(50, random))->p_value);
  }
  check_uniform(smooth);
  check_level(tied, 0.05, 0.02);
  check_level(tied, 0.5, 0.05);
}

TEST_CASE("tests of fit: nothing to say about nothing or NaN", "[statistics]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(kolmogorov_smirnov(Values{}, Values{1}));
  CHECK_FALSE(kolmogorov_smirnov(Values{1}, Values{nan}));
  CHECK_FALSE(kolmogorov_smirnov(Values{}, uniform_cdf));
  CHECK_FALSE(kolmogorov_smirnov(Values{0.5}, [nan](double) { return nan; }));
  CHECK_FALSE(mann_whitney(Values{1}, Values{}));
  CHECK_FALSE(anderson_darling_of({{1, 2, nan}, {1, 2}}));
}

TEST_CASE("PIT histogram: by hand", "[statistics]") {
  const auto pit = pit_histogram(Values{0.0, 0.1, 0.3, 1.0}, 2);
  REQUIRE(pit);
  CHECK(pit->counts == std::vector<std::int64_t>{3, 1});
  CHECK(pit->chi_squared == 1);
  // One degree of freedom: P(|Z| >= 1).
  CHECK(pit->p_value == Approx(std::erfc(std::sqrt(0.5))).epsilon(1e-11));
  CHECK_FALSE(pit_histogram(Values{1.5}, 2));
  CHECK_FALSE(pit_histogram(Values{0.5}, 1));
  CHECK_FALSE(pit_histogram(Values{}, 10));
}

TEST_CASE("PIT histogram: predictions that are too sure show in the outer bins", "[statistics]") {
  constexpr std::uint64_t seed = 97;
  INFO("seed " << seed);
  SplitMix random(seed);
  Values calibrated;
  Values too_sure;
  for (int i = 0; i < 2000; ++i) {
    const double x = random.normal();
    calibrated.push_back(0.5 * std::erfc(-x / std::sqrt(2)));
    too_sure.push_back(0.5 * std::erfc(-2 * x / std::sqrt(2)));
  }
  CHECK(pit_histogram(calibrated, 10)->p_value > 0.001);
  const auto sure = pit_histogram(too_sure, 10);
  CHECK(sure->p_value < 1e-9);
  CHECK(sure->counts.front() > 2 * sure->counts[4]);
  CHECK(sure->counts.back() > 2 * sure->counts[5]);
}
