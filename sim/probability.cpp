#include "sim/probability.hpp"

#include <bit>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace predrill::sim {
namespace {

namespace math = boost::math;
namespace policies = boost::math::policies;

// No exceptions (a wrong argument yields NaN), and no x87 long double inside: it would tie the
// result to one kind of CPU.
using Policy = policies::policy<policies::domain_error<policies::ignore_error>,
                                policies::pole_error<policies::ignore_error>,
                                policies::overflow_error<policies::ignore_error>,
                                policies::underflow_error<policies::ignore_error>,
                                policies::evaluation_error<policies::ignore_error>,
                                policies::promote_double<false>, policies::promote_float<false>>;

}  // namespace

double rounded_to_40_bits(double value) {
  constexpr int dropped = 53 - 40;
  if (!std::isfinite(value)) return value;
  const std::uint64_t half = std::uint64_t{1} << (dropped - 1);
  const std::uint64_t mask = (std::uint64_t{1} << dropped) - 1;
  // Adding half a step to the bits of a double rounds its magnitude; a carry moves on into the
  // exponent, which is what rounding up to the next power of two means.
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(value) + half) & ~mask);
}

double normal_cdf(double z) {
  return rounded_to_40_bits(math::cdf(math::normal_distribution<double, Policy>(), z));
}

double normal_quantile(double p) {
  return rounded_to_40_bits(math::quantile(math::normal_distribution<double, Policy>(), p));
}

double student_quantile(double p, double degrees_of_freedom) {
  return rounded_to_40_bits(
      math::quantile(math::students_t_distribution<double, Policy>(degrees_of_freedom), p));
}

double student_two_sided_p(double t, double degrees_of_freedom) {
  const math::students_t_distribution<double, Policy> student(degrees_of_freedom);
  return rounded_to_40_bits(2 * math::cdf(math::complement(student, std::fabs(t))));
}

double chi_squared_quantile(double p, double degrees_of_freedom) {
  return rounded_to_40_bits(
      math::quantile(math::chi_squared_distribution<double, Policy>(degrees_of_freedom), p));
}

double chi_squared_upper_tail(double x, double degrees_of_freedom) {
  if (x <= 0) return 1;
  const math::chi_squared_distribution<double, Policy> chi_squared(degrees_of_freedom);
  return rounded_to_40_bits(math::cdf(math::complement(chi_squared, x)));
}

double f_quantile(double p, double numerator_df, double denominator_df) {
  return rounded_to_40_bits(
      math::quantile(math::fisher_f_distribution<double, Policy>(numerator_df, denominator_df), p));
}

double beta_quantile(double p, double a, double b) {
  return rounded_to_40_bits(math::quantile(math::beta_distribution<double, Policy>(a, b), p));
}

double binomial_cdf(std::int64_t k, std::int64_t n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  const math::binomial_distribution<double, Policy> binomial(static_cast<double>(n), p);
  return rounded_to_40_bits(math::cdf(binomial, static_cast<double>(k)));
}

}  // namespace predrill::sim
