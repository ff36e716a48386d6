// Elementary functions with the same bits on every conforming compiler, optimisation level and
// processor. The C library's versions are not: glibc chooses code with or without fused
// multiply-add at load time, and log, exp and pow then differ in the last bit for some arguments.
// Here there are only IEEE 754 + - * / on doubles and integer operations, and -ffp-contract=off
// keeps the compiler from fusing them. (std::sqrt is exactly rounded by the standard: use it.)
#pragma once

namespace predrill::sim::portable {

/// Natural logarithm, within 1 ulp. log(0) is -infinity, of a negative number NaN.
double log(double x);

/// e to the x, within 1 ulp (of the smallest subnormal below 2^-1022).
double exp(double x);

/// log(1 + x) and exp(x) - 1, within 2 ulp also for small x.
double log1p(double x);
double expm1(double x);

/// x to the y for x >= 0, within 1 ulp; NaN for a negative x.
double pow(double x, double y);

/// log(Gamma(x)) for x > 0, to about 1e-15 of the larger of 1 and its value; NaN otherwise.
double log_gamma(double x);

/// The standard normal value z with Phi(z) = p for p in (0, 1), within 6 ulp; infinite at 0 and 1,
/// NaN outside. Upper tails: normal_quantile(1 - q) loses digits for small q, -normal_quantile(q)
/// none.
double normal_quantile(double p);

}  // namespace predrill::sim::portable
