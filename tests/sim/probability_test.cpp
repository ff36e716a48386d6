#include "sim/probability.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace predrill::sim;

TEST_CASE("probability: closed forms and tables", "[statistics]") {
  CHECK(normal_quantile(0.975) == Approx(1.959963984540).epsilon(1e-11));
  CHECK(normal_cdf(1.959963984540) == Approx(0.975).epsilon(1e-11));
  // One degree of freedom is the Cauchy distribution: tan(pi (p - 1/2)).
  CHECK(student_quantile(0.975, 1) == Approx(std::tan(0.475 * M_PI)).epsilon(1e-11));
  // Two degrees: (2p - 1) sqrt(2 / (4 p (1 - p))).
  CHECK(student_quantile(0.975, 2) ==
        Approx(0.95 * std::sqrt(2 / (4 * 0.975 * 0.025))).epsilon(1e-11));
  CHECK(student_two_sided_p(student_quantile(0.975, 7), 7) == Approx(0.05).epsilon(1e-10));
  // Two degrees of freedom: exponential with mean 2.
  CHECK(chi_squared_quantile(0.95, 2) == Approx(-2 * std::log(0.05)).epsilon(1e-11));
  CHECK(chi_squared_upper_tail(3, 2) == Approx(std::exp(-1.5)).epsilon(1e-11));
  CHECK(chi_squared_upper_tail(-1, 2) == 1);
  // F(1, n) is the square of Student's t(n).
  CHECK(f_quantile(0.95, 1, 9) == Approx(std::pow(student_quantile(0.975, 9), 2)).epsilon(1e-10));
  CHECK(beta_quantile(0.3, 1, 5) == Approx(1 - std::pow(0.7, 0.2)).epsilon(1e-11));
  CHECK(binomial_cdf(2, 4, 0.5) == Approx(11.0 / 16).epsilon(1e-11));
  CHECK(binomial_cdf(-1, 4, 0.5) == 0);
  CHECK(binomial_cdf(4, 4, 0.5) == 1);
}

TEST_CASE("probability: a wrong argument gives NaN, no exception", "[statistics]") {
  CHECK(std::isnan(normal_quantile(1.5)));
  CHECK(std::isnan(student_quantile(0.5, -1)));
  CHECK(std::isnan(beta_quantile(0.5, 0, 1)));
}

TEST_CASE("probability: rounding to 40 bits", "[statistics]") {
  CHECK(rounded_to_40_bits(1 + 0x1p-39) == 1 + 0x1p-39);
  CHECK(rounded_to_40_bits(1 + 0x1p-41) == 1);
  CHECK(rounded_to_40_bits(-1 - 0x1p-41) == -1);
  CHECK(rounded_to_40_bits(2 - 0x1p-52) == 2);
  CHECK(rounded_to_40_bits(0.0) == 0);
  CHECK(std::isinf(rounded_to_40_bits(std::numeric_limits<double>::infinity())));
  // Neighbours of a critical value, as two C libraries might give them, become one.
  const double z = 1.959963984540054;
  CHECK(rounded_to_40_bits(std::nextafter(z, 2)) == rounded_to_40_bits(std::nextafter(z, 1)));
}
