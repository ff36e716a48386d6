#include "sim/distribution.hpp"

#include <algorithm>
#include <bit>
#include <boost/math/special_functions/gamma.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "sim/portable_math.hpp"

namespace {

using namespace predrill::sim;
using namespace std::chrono_literals;
using D = Distribution;

constexpr double infinity = std::numeric_limits<double>::infinity();

double phi(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}
double exponential_cdf(double x, double mean) {
  return x <= 0 ? 0 : -std::expm1(-x / mean);
}

struct Sample {
  std::string name;
  D distribution;
  std::function<double(double)> cdf;  // from its definition; empty where it has jumps
  std::uint64_t digest;               // of 10,000 samples, seed 21
};

std::vector<Sample> samples() {
  const double sigma = std::log(80.0 / 12.0) / 2.3263478740408408;
  const D mixed = D::mixture({{9, D::exponential(1.0)}, {1, D::exponential(100.0)}});
  const auto mixed_cdf = [](double x) {
    return 0.9 * exponential_cdf(x, 1) + 0.1 * exponential_cdf(x, 100);
  };
  return {
      {"constant", D::constant(3.5), {}, 0x6ac9371682acd1c7},
      {"uniform", D::uniform(2.0, 5.0), [](double x) { return (x - 2) / 3; }, 0x93589d68c154cb83},
      {"exponential", D::exponential(10.0), [](double x) { return exponential_cdf(x, 10); },
       0x48ca2e8a652164ae},
      {"normal", D::normal(10.0, 2.0), [](double x) { return phi((x - 10) / 2); },
       0x984e5ed5fdf42414},
      {"lognormal", D::lognormal(0.5, 1.5), [](double x) { return phi((std::log(x) - 0.5) / 1.5); },
       0xf541d4e97bf9af45},
      {"lognormal by percentiles", D::lognormal_percentiles(0.5, 12.0, 0.99, 80.0),
       [=](double x) { return phi(std::log(x / 12) / sigma); }, 0xfe3d7ed75aadd93f},
      {"Weibull 0.5", D::weibull(0.5, 3.0), [](double x) { return -std::expm1(-std::sqrt(x / 3)); },
       0xab27de80c138d2cf},
      {"Weibull 2.2", D::weibull(2.2, 3.0),
       [](double x) { return -std::expm1(-std::pow(x / 3, 2.2)); }, 0x3e84eeb94dde15cb},
      {"gamma 0.3", D::gamma(0.3, 2.0), [](double x) { return boost::math::gamma_p(0.3, x / 2); },
       0xdc836b81603b324a},
      {"gamma 7", D::gamma(7.0, 2.0), [](double x) { return boost::math::gamma_p(7.0, x / 2); },
       0x7e579c0f8edc6d94},
      {"Pareto", D::pareto(2.5, 4.0), [](double x) { return 1 - std::pow(4 / x, 2.5); },
       0xe208cb4c93b9eefd},
      {"triangular", D::triangular(1.0, 2.0, 9.0),
       [](double x) { return x < 2 ? (x - 1) * (x - 1) / 8 : 1 - (9 - x) * (9 - x) / 56; },
       0x677143ce3f434e3c},
      {"empirical", D::empirical(std::vector<double>{9, 1, 5, 2}),
       [](double x) {
         return (x < 2 ? x - 1 : x < 5 ? 1 + (x - 2) / 3 : 2 + (x - 5) / 4) / 3;
       },
       0x6c2f933d3256e76a},
      {"empirical, steps",
       D::empirical(std::vector<double>{9, 1, 5, 2}, D::Between::step),
       {},
       0x21e00abcfd7824a2},
      {"quantiles", D::quantiles({{0, 1.0}, {0.5, 10.0}, {0.99, 80.0}, {1, 100.0}}),
       [](double x) {
         return x < 10   ? (x - 1) / 18
                : x < 80 ? 0.5 + 0.49 * (x - 10) / 70
                         : 0.99 + 0.01 * (x - 80) / 20;
       },
       0x1d688cd972b98c56},
      {"mixture", mixed, mixed_cdf, 0xf9419994c6deb838},
      {"shifted and scaled", D::exponential(10.0).scaled(2).shifted(5.0),
       [](double x) { return exponential_cdf(x - 5, 20); }, 0x784ccef023068366},
      {"truncated exponential", D::exponential(10.0).truncated(5.0, 20.0),
       [](double x) {
         const double low = exponential_cdf(5, 10);
         return (exponential_cdf(x, 10) - low) / (exponential_cdf(20, 10) - low);
       },
       0xd6015b204afc0174},
      {"far tail of the normal", D::normal(0.0, 1.0).truncated(9.0, infinity),
       [](double x) { return 1 - std::erfc(x / std::sqrt(2.0)) / std::erfc(9 / std::sqrt(2.0)); },
       0xb72fba9134747b3f},
      {"truncated mixture", mixed.truncated(2.0, 50.0),
       [=](double x) { return (mixed_cdf(x) - mixed_cdf(2)) / (mixed_cdf(50) - mixed_cdf(2)); },
       0x5b88333f29e0092d},
      {"truncated gamma", D::gamma(2.0, 3.0).truncated(1.0, 10.0),
       [](double x) {
         const auto p = [](double y) { return boost::math::gamma_p(2.0, y / 3); };
         return (p(x) - p(1)) / (p(10) - p(1));
       },
       0xe7a4f6a99605b1d7},
  };
}

TEST_CASE("samples of every distribution never change", "[distribution][golden]") {
  for (const Sample& s : samples()) {
    INFO(s.name);
    Stream stream(21, "distribution_test", "golden");
    std::uint64_t digest = 0;
    for (int i = 0; i < 10'000; ++i)
      digest = mix(digest, std::bit_cast<std::uint64_t>(s.distribution.sample(stream)));
    CHECK(digest == s.digest);
  }
}

TEST_CASE("single samples never change", "[distribution][golden]") {
  const auto sample = [](const D& d) {
    return d.duration_from_draw(Stream(21, "pg-0", "x").at(2));
  };
  CHECK(sample(D::constant(3s)) == 3000000000ns);
  CHECK(sample(D::uniform(1s, 2s)) == 1744380928ns);
  CHECK(sample(D::exponential(10ms)) == 13640669ns);
  CHECK(sample(D::normal(10ms, 2ms)) == 11313822ns);
  CHECK(sample(D::lognormal_duration(16, 1)) == 17139752ns);
  CHECK(sample(D::lognormal_percentiles(0.5, 12ms, 0.99, 80ms)) == 20503854ns);
  CHECK(sample(D::weibull(1.7, 10ms)) == 12003699ns);
  CHECK(sample(D::gamma(2.5, 10ms)) == 32791307ns);
  CHECK(sample(D::pareto(2.5, 10ms)) == 17256897ns);
  CHECK(sample(D::triangular(1ms, 2ms, 9ms)) == 5216527ns);
  CHECK(sample(D::empirical({1ms, 2ms, 5ms, 9ms})) == 5932571ns);
  CHECK(sample(D::quantiles({{0.5, 10ms}, {0.99, 80ms}})) == 44911561ns);
  CHECK(sample(D::mixture({{1, D::constant(1ms)}, {1, D::exponential(10ms)}})) == 60090ns);
}

TEST_CASE("every sample takes exactly one draw", "[distribution]") {
  for (const Sample& s : samples()) {
    INFO(s.name);
    Stream stream(22, "distribution_test", "draws");
    for (std::uint64_t i = 0; i < 1000; ++i) {
      const std::uint64_t draw = stream.at(i);
      const bool as_duration = i % 2 == 1;
      if (as_duration)
        CHECK(s.distribution.sample_duration(stream) == s.distribution.duration_from_draw(draw));
      else
        CHECK(s.distribution.sample(stream) == s.distribution.from_draw(draw));
      REQUIRE(stream.drawn() == i + 1);
    }
  }
}

TEST_CASE("samples follow the distribution", "[distribution][statistics]") {
  constexpr std::uint64_t seed = 23;
  constexpr int n = 50'000;
  for (const Sample& s : samples()) {
    if (!s.cdf) continue;
    INFO(s.name << ", seed " << seed << ", Kolmogorov-Smirnov at significance 1e-6");
    Stream stream(seed, "distribution_test", s.name);
    std::vector<double> values;
    for (int i = 0; i < n; ++i) values.push_back(s.distribution.sample(stream));
    std::sort(values.begin(), values.end());
    double distance = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double want = s.cdf(values[i]);
      distance = std::max(
          {distance, want - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - want});
    }
    // P(sqrt(n) D > d) is close to 2 exp(-2 d^2), which is 1e-6 at d = 2.693.
    CHECK(distance * std::sqrt(double{n}) < 2.693);
    // and not suspiciously good: below 0.32 lies less than 1e-4.
    CHECK(distance * std::sqrt(double{n}) > 0.3);
  }
}

TEST_CASE("quantile, cdf, mean, min and max agree with the definition", "[distribution]") {
  for (const Sample& s : samples()) {
    if (!s.cdf) continue;
    INFO(s.name);
    for (const double p : {1e-6, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999}) {
      const double x = s.distribution.quantile(p);
      INFO("p " << p << " value " << x);
      CHECK(s.cdf(x) == Approx(p).epsilon(1e-5));
      CHECK(s.distribution.cdf(x) == Approx(p).epsilon(1e-6));
      CHECK((s.distribution.min() <= x && x <= s.distribution.max()));
    }
    // The midpoint rule: low by a little, where the tail is heavy.
    double sum = 0;
    constexpr int levels = 20'000;
    for (int i = 0; i < levels; ++i) sum += s.distribution.quantile((i + 0.5) / levels);
    CHECK(s.distribution.mean() == Approx(sum / levels).epsilon(0.01));
  }
}

TEST_CASE("exact means and extremes", "[distribution]") {
  CHECK(D::weibull(1.0, 10.0).mean() == Approx(10));
  CHECK(D::weibull(0.5, 10.0).mean() == Approx(20));
  CHECK(D::gamma(2.5, 10.0).mean() == 25);
  CHECK(D::gamma(2.5, 10.0).min() == 0);
  CHECK(D::gamma(2.5, 10.0).max() == infinity);
  CHECK(D::pareto(1.0, 10.0).mean() == infinity);
  CHECK(D::lognormal(1.0, 2.0).mean() == Approx(std::exp(3)));
  CHECK(D::empirical(std::vector<double>{9, 1, 5, 2}, D::Between::step).mean() == 4.25);
  CHECK(D::exponential(10.0).truncated(5.0, 20.0).mean() ==
        Approx(5 + 10 - 15 * std::exp(-1.5) / (1 - std::exp(-1.5))).epsilon(1e-6));
  CHECK(D::uniform(1s, 3s).mean() == 2e9);
  CHECK(D::exponential(1s).scaled(0).shifted(2s).mean() == 2e9);
}

TEST_CASE("a larger draw never gives a smaller sample", "[distribution]") {
  for (const Sample& s : samples()) {
    if (s.name.find("mixture") != std::string::npos) continue;
    INFO(s.name << ", seed 24");
    Stream stream(24, "distribution_test", "monotone");
    std::vector<std::uint64_t> draws{0, UINT64_MAX};
    for (int i = 0; i < 5000; ++i) draws.push_back(stream.next());
    std::sort(draws.begin(), draws.end());
    for (std::size_t i = 1; i < draws.size(); ++i)
      CHECK(s.distribution.from_draw(draws[i - 1]) <= s.distribution.from_draw(draws[i]));
  }
}

TEST_CASE("lognormal_percentiles meets its percentiles", "[distribution]") {
  const D d = D::lognormal_percentiles(0.5, 12ms, 0.99, 80ms);
  CHECK(d.quantile(0.5) == Approx(12e6));
  CHECK(d.quantile(0.99) == Approx(80e6));
  CHECK(D::lognormal_percentiles(0.5, 12ms, 0.99, 12ms).quantile(0.7) == Approx(12e6));
}

TEST_CASE("durations are rounded, never negative and never overflow", "[distribution]") {
  Stream stream(25, "distribution_test", "durations");
  CHECK(D().sample_duration(stream) == 0ns);
  CHECK(D::constant(27'400'000'001ns).sample_duration(stream) == 27'400'000'001ns);
  CHECK(D::constant(forever).sample_duration(stream) == forever);
  CHECK(D::constant(1.5).sample_duration(stream) == 2ns);
  CHECK(D::constant(1.49).sample_duration(stream) == 1ns);
  CHECK(D::constant(-5s).sample_duration(stream) == 0ns);
  for (int i = 0; i < 1000; ++i) CHECK(D::normal(0ns, 1s).sample_duration(stream) >= 0ns);
  const D cut = D::normal(0ns, 1s).truncated(0ns, 2s);
  for (int i = 0; i < 1000; ++i) {
    const Duration d = cut.sample_duration(stream);
    CHECK((d > 0ns && d <= 2s));
  }
}

TEST_CASE("truncation keeps atoms at the bounds", "[distribution]") {
  const D steps =
      D::empirical(std::vector<double>{1, 2, 5, 9}, D::Between::step).truncated(2.0, 5.0);
  Stream stream(26, "distribution_test", "atoms");
  int twos = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double x = steps.sample(stream);
    CHECK((x == 2 || x == 5));
    twos += x == 2 ? 1 : 0;
  }
  CHECK(std::abs(twos - 5000) < 250);
  CHECK(D::constant(3s).truncated(1s, 5s).sample_duration(stream) == 3s);
}

TEST_CASE("what makes no sense is named, not sampled", "[distribution]") {
  const auto problem = [](const D& d) { return d.problem(); };
  CHECK(problem(D::exponential(1s)).empty());
  CHECK_FALSE(problem(D::uniform(2s, 1s)).empty());
  CHECK_FALSE(problem(D::exponential(-1s)).empty());
  CHECK_FALSE(problem(D::exponential(infinity)).empty());
  CHECK_FALSE(problem(D::normal(0.0, -1.0)).empty());
  CHECK_FALSE(problem(D::lognormal(std::nan(""), 1)).empty());
  CHECK_FALSE(problem(D::lognormal_percentiles(0.99, 12ms, 0.5, 80ms)).empty());
  CHECK_FALSE(problem(D::lognormal_percentiles(0.5, 80ms, 0.99, 12ms)).empty());
  CHECK_FALSE(problem(D::lognormal_percentiles(0.5, 0ms, 0.99, 12ms)).empty());
  CHECK_FALSE(problem(D::weibull(0, 1s)).empty());
  CHECK_FALSE(problem(D::gamma(1e7, 1s)).empty());
  CHECK_FALSE(problem(D::pareto(1, 0s)).empty());
  CHECK_FALSE(problem(D::triangular(2s, 1s, 3s)).empty());
  CHECK_FALSE(problem(D::empirical(std::vector<Duration>{})).empty());
  CHECK_FALSE(problem(D::quantiles(std::vector<std::pair<double, double>>{})).empty());
  CHECK_FALSE(problem(D::quantiles({{0.5, 2s}, {0.9, 1s}})).empty());
  CHECK_FALSE(problem(D::quantiles({{0.9, 1s}, {0.5, 2s}})).empty());
  CHECK_FALSE(problem(D::mixture({})).empty());
  CHECK_FALSE(problem(D::mixture({{1, D::uniform(2s, 1s)}})).empty());
  CHECK_FALSE(problem(D::exponential(1s).truncated(2s, 1s)).empty());
  CHECK_FALSE(problem(D::uniform(1s, 2s).truncated(3s, 4s)).empty());
  CHECK_FALSE(problem(D::exponential(1s).scaled(-1)).empty());
  CHECK(problem(D::uniform(1s, 2s).truncated(3s, 4s)) ==
        "truncated: values between 3 s and 4 s have probability 0");
}

TEST_CASE("a distribution describes itself and names its source", "[distribution]") {
  CHECK(D::constant(3s).describe() == "constant 3 s");
  CHECK(D::lognormal_percentiles(0.5, 12ms, 0.99, 80ms).describe() ==
        "lognormal, p50 12 ms, p99 80 ms");
  CHECK(D::exponential(2.5).scaled(2).shifted(1.0).describe() ==
        "exponential, mean 2.5, times 2, plus 1");
  const D d = D::uniform(1s, 2s).with_source("measured 2025-10-09");
  CHECK(d.source() == "measured 2025-10-09");
  CHECK(d.truncated(1s, 1500ms).scaled(2).source() == "measured 2025-10-09");
  CHECK(D::uniform(1s, 2s).source().empty());
}

}  // namespace
