// Distribution functions and critical values for estimators and reports. They go through the C
// library's exp and log, whose last bits differ between CPUs; every result is therefore rounded to
// 40 significant bits (relative error 5e-13), so that a report has the same bytes everywhere.
// Never draw random variates from these: nothing here may influence a run.
//
// Probabilities outside of (0, 1) and non-positive parameters give NaN, except where the limit is
// finite and stated.
#pragma once

#include <cstdint>

namespace predrill::sim {

/// `value` rounded to 40 significant bits. NaN, infinities and zeros pass unchanged.
double rounded_to_40_bits(double value);

double normal_cdf(double z);
double normal_quantile(double p);

double student_quantile(double p, double degrees_of_freedom);
/// P(|T| >= |t|).
double student_two_sided_p(double t, double degrees_of_freedom);

double chi_squared_quantile(double p, double degrees_of_freedom);
/// P(X >= x); 1 for x <= 0.
double chi_squared_upper_tail(double x, double degrees_of_freedom);

double f_quantile(double p, double numerator_df, double denominator_df);

double beta_quantile(double p, double a, double b);

/// P(X <= k) for X ~ Binomial(n, p) with 0 <= p <= 1; 0 for k < 0 and 1 for k >= n.
double binomial_cdf(std::int64_t k, std::int64_t n, double p);

}  // namespace predrill::sim
