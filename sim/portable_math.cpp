#include "sim/portable_math.hpp"

#include "sim/portable_math_inline.hpp"

namespace predrill::sim::portable {

using inlined::exact_product, inlined::exact_sum, inlined::exp_of, inlined::infinity;
using inlined::is_positive_normal, inlined::log_outside, inlined::log_pair, inlined::not_a_number;
using inlined::Pair, inlined::reduce;

double log(double x) {
  return inlined::log(x);
}

double exp(double x) {
  return inlined::exp(x);
}

double normal_quantile(double p) {
  return inlined::normal_quantile(p);
}

double pow(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (x < 0 || x != x || y != y) return not_a_number;
  if (x == 0) return y > 0 ? 0 : infinity;
  if (x == infinity) return y > 0 ? infinity : 0;
  // Beyond 2^65 every power of a number other than 1 has overflowed or vanished.
  y = y > 0x1p65 ? 0x1p65 : y < -0x1p65 ? -0x1p65 : y;
  const Pair log = log_pair(is_positive_normal(x) ? reduce(x, 0) : reduce(x * 0x1p54, -54));
  const Pair product = exact_product(log.high, y);
  return exp_of(product.high, product.low + log.low * y);
}

double log1p(double x) {
  const double y = 1 + x;
  if (!(y > 0 && y < infinity)) return log_outside(y);
  if (y == 1) return x;
  // What rounding took from 1 + x, relative to it, is added to the logarithm.
  const Pair sum = exact_sum(1, x);
  return log(y) + sum.low / y;
}

double expm1(double x) {
  if (x > -0.3 && x < 0.3) {
    // Taylor, from the smallest term; the first one left out is below 2^-58 of the result.
    double series = 0;
    for (int n = 15; n >= 2; --n) series = (series + 1) * (x / n);
    return x + x * series;
  }
  return exp(x) - 1;
}

double log_gamma(double x) {
  if (!(x > 0)) return not_a_number;
  // Gamma(x) = Gamma(x + n) / (x (x + 1) ... (x + n - 1)), then Stirling's series (Abramowitz and
  // Stegun 6.1.41); above 15 the first term left out is below 1e-17.
  double product = 1;
  for (; x < 15; x += 1) product *= x;
  const double y = 1 / x, y2 = y * y;
  double series = 1.0 / 156;
  for (const double c :
       {-691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12})
    series = c + y2 * series;
  const double log_root_two_pi = 0.91893853320467274178;
  return (x - 0.5) * log(x) - x + log_root_two_pi + y * series - log(product);
}

}  // namespace predrill::sim::portable
