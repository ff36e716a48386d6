#include "sim/portable_math.hpp"

#include <bit>
#include <boost/math/special_functions/erf.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

#include "sim/random.hpp"

namespace {

using namespace predrill::sim;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// The distance in units of the last place of the true value.
double ulps(double got, long double want) {
  const double near = std::abs(static_cast<double>(want));
  const auto unit = static_cast<long double>(std::nextafter(near, infinity) - near);
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / unit);
}

/// The largest error over many arguments; the reference has 64 bits of precision.
template <class Function, class Reference, class Argument>
double worst_error(Function function, Reference reference, Argument argument,
                   std::uint64_t count = 200'000) {
  constexpr std::uint64_t seed = 11;
  Stream stream(seed, "portable_math_test", "arguments");
  double worst = 0, worst_at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double x = argument(stream.unit());
    const double error = ulps(function(x), reference(static_cast<long double>(x)));
    if (error <= worst) continue;
    worst = error;
    worst_at = x;
  }
  INFO("seed " << seed);
  UNSCOPED_INFO("largest error " << worst << " ulp at " << worst_at);
  return worst;
}

TEST_CASE("portable log stays within one unit in the last place", "[portable_math]") {
  const auto reference = [](long double x) { return std::log(x); };
  CHECK(worst_error(portable::log, reference, [](double u) { return u; }) < 0.8);
  CHECK(worst_error(portable::log, reference, [](double u) { return 0.97 + 0.06 * u; }) < 0.8);
  CHECK(worst_error(portable::log, reference, [](double u) { return 1 + (u - 0.5) * 1e-9; }) < 0.8);
  CHECK(worst_error(portable::log, reference,
                    [](double u) { return std::exp2(2040 * (u - 0.5)); }) < 0.8);
  CHECK(worst_error(portable::log, reference, [](double u) { return u * 2e-308; }) < 0.8);
}

TEST_CASE("portable exp stays within one unit in the last place", "[portable_math]") {
  const auto reference = [](long double x) { return std::exp(x); };
  CHECK(worst_error(portable::exp, reference, [](double u) { return 2 * u - 1; }) < 0.6);
  CHECK(worst_error(portable::exp, reference, [](double u) { return 1416 * (u - 0.5); }) < 0.6);
  CHECK(worst_error(portable::exp, reference, [](double u) { return 1e-7 * (u - 0.5); }) < 0.6);
  CHECK(worst_error(portable::exp, reference, [](double u) { return -708 - 37 * u; }) < 1.0);
}

TEST_CASE("portable pow stays within one unit in the last place", "[portable_math]") {
  for (const double y : {0.5, 1.0 / 3, 2.0, -1.7, 10.0, 100.3, -300.0}) {
    INFO("power " << y);
    CHECK(worst_error([y](double x) { return portable::pow(x, y); },
                      [y](long double x) { return std::pow(x, static_cast<long double>(y)); },
                      [](double u) { return 0.3 + 2.5 * u; }, 50'000) < 0.6);
  }
  CHECK(worst_error([](double x) { return portable::pow(x, 1e6); },
                    [](long double x) { return std::pow(x, 1e6L); },
                    [](double u) { return 1 + 1e-3 * (u - 0.5); }) < 0.6);
}

TEST_CASE("portable log1p and expm1 keep their digits near zero", "[portable_math]") {
  const auto log1p = [](long double x) { return std::log1p(x); };
  const auto expm1 = [](long double x) { return std::expm1(x); };
  CHECK(worst_error(portable::log1p, log1p, [](double u) { return 1.98 * (u - 0.5); }) < 2);
  CHECK(worst_error(portable::log1p, log1p, [](double u) { return std::exp2(-60 * u); }) < 2);
  CHECK(worst_error(portable::expm1, expm1, [](double u) { return 6 * (u - 0.5); }) < 2.5);
  CHECK(worst_error(portable::expm1, expm1, [](double u) { return -std::exp2(-60 * u); }) < 2.5);
}

TEST_CASE("portable normal_quantile is good to 6 units in the last place", "[portable_math]") {
  const auto reference = [](long double p) {
    return -std::sqrt(2.0L) * boost::math::erfc_inv(2 * p);
  };
  CHECK(worst_error(
            portable::normal_quantile, reference, [](double u) { return u; }, 50'000) < 6);
  CHECK(worst_error(
            portable::normal_quantile, reference, [](double u) { return 0.08 * u; }, 50'000) < 6);
  CHECK(worst_error(
            portable::normal_quantile, reference, [](double u) { return std::exp2(-1000 * u - 1); },
            50'000) < 6);
}

TEST_CASE("portable log_gamma agrees with the C library", "[portable_math]") {
  for (double x = 0.001; x < 1e7; x *= 1.07) {
    const double want = std::lgamma(x);
    CHECK(std::abs(portable::log_gamma(x) - want) < 4e-15 * std::max(1.0, std::abs(want)) * 4);
  }
}

TEST_CASE("portable functions at the edges of their domains", "[portable_math]") {
  using portable::exp, portable::expm1, portable::log, portable::log1p, portable::pow;
  CHECK(log(1) == 0);
  CHECK(log(0) == -infinity);
  CHECK(log(infinity) == infinity);
  CHECK(std::isnan(log(-1)));
  CHECK(std::isnan(log(not_a_number)));
  CHECK(exp(0) == 1);
  CHECK(exp(-infinity) == 0);
  CHECK(exp(-750) == 0);
  CHECK(exp(infinity) == infinity);
  CHECK(exp(709.79) == infinity);
  CHECK(exp(709.78) < infinity);
  CHECK(exp(-745) == std::numeric_limits<double>::denorm_min());
  CHECK(std::isnan(exp(not_a_number)));
  CHECK(log1p(0) == 0);
  CHECK(log1p(-1) == -infinity);
  CHECK(std::isnan(log1p(-2)));
  CHECK(log1p(1e-300) == 1e-300);
  CHECK(expm1(0) == 0);
  CHECK(expm1(-infinity) == -1);
  CHECK(pow(0, 2) == 0);
  CHECK(pow(0, -2) == infinity);
  CHECK(pow(0, 0) == 1);
  CHECK(pow(infinity, -1) == 0);
  CHECK(pow(2, infinity) == infinity);
  CHECK(pow(0.5, infinity) == 0);
  CHECK(pow(1, not_a_number) == 1);
  CHECK(pow(2, 10) == 1024);
  CHECK(pow(2, -1074) == std::numeric_limits<double>::denorm_min());
  CHECK(pow(std::nextafter(1, 2), 1e300) == infinity);
  CHECK(std::isnan(pow(-2, 2)));
  CHECK(portable::normal_quantile(0.5) == 0);
  CHECK(portable::normal_quantile(0) == -infinity);
  CHECK(portable::normal_quantile(1) == infinity);
  CHECK(std::isnan(portable::normal_quantile(-0.1)));
}

TEST_CASE("portable functions have the same bits as ever", "[portable_math][golden]") {
  std::uint64_t logs = 0, exps = 0, pows = 0, normals = 0;
  Stream stream(12, "portable_math_test", "golden");
  for (int i = 0; i < 100'000; ++i) {
    const double u = stream.unit();
    logs = mix(logs, std::bit_cast<std::uint64_t>(portable::log(u)));
    exps = mix(exps, std::bit_cast<std::uint64_t>(portable::exp(100 * (u - 0.5))));
    pows = mix(pows, std::bit_cast<std::uint64_t>(portable::pow(3 * u, 7.3)));
    normals = mix(normals, std::bit_cast<std::uint64_t>(portable::normal_quantile(u)));
  }
  CHECK(logs == 0xb73fe0f5e5caad52);
  CHECK(exps == 0x40327aa7975ea411);
  CHECK(pows == 0x36ce09d61f006b16);
  CHECK(normals == 0x64aaacd107eba324);
}

}  // namespace
