#include "sim/distribution_gamma.hpp"

#include <cmath>
#include <cstddef>

#include "sim/portable_math.hpp"

namespace predrill::sim::distribution_detail {
namespace {

// That function is smooth and nearly straight, so cubic interpolation between knots 1/16 apart is
// good to about 1e-6, and a sample costs one normal quantile and one exp.

constexpr double gamma_z_max = 8.5;  // beyond the smallest level of a draw, 2^-53
constexpr int gamma_steps_per_one = 16;
constexpr int gamma_knots = 2 * 136 + 1;  // 136 = 8.5 * 16

/// The unit gamma distribution at x = exp(t).
struct GammaTail {
  double log_density;   // of t
  double lower, upper;  // probabilities below and above, divided by the density of t
};
GammaTail gamma_tail(double shape, double log_gamma_shape, double t) {
  const double x = portable::exp(t);
  GammaTail tail{shape * t - x - log_gamma_shape, 0, 0};
  const auto other = [&](double side) { return portable::exp(-tail.log_density) - side; };
  if (x < shape + 1) {  // series, Abramowitz and Stegun 6.5.29
    double term = 1 / shape;
    for (double n = shape + 1; term > tail.lower * 1e-17; n += 1) {
      tail.lower += term;
      term *= x / n;
    }
    tail.upper = other(tail.lower);
  } else {  // continued fraction, Abramowitz and Stegun 6.5.31, by Lentz's method
    double b = x + 1 - shape, c = 1e300, d = 1 / b, h = d, change = 0;
    for (double n = 1; !(change > 1 - 1e-16 && change < 1 + 4e-16) && n < 1e6; n += 1) {
      const double a = n * (shape - n);
      b += 2;
      d = 1 / (a * d + b);
      c = b + a / c;
      change = c * d;
      h *= change;
    }
    tail.upper = h;
    tail.lower = other(tail.upper);
  }
  return tail;
}

}  // namespace

// Walks from knot to knot, each time solving log P(t) = log Phi(z) by Newton's method. Both tails
/// of the logarithm of a gamma value are log-concave, so the iteration converges from anywhere.
std::vector<GammaKnot> make_gamma_knots(double shape) {
  const double log_gamma_shape = portable::log_gamma(shape);
  const double log_gamma_half = 0.57236494292470008707;  // log(Gamma(1/2)) = log(pi) / 2
  const double log_root_two_pi = 0.91893853320467274178;
  std::vector<GammaKnot> knots(gamma_knots);
  const double start = shape >= 1 ? portable::log(shape)
                                  : (portable::log(0.5) + portable::log_gamma(shape + 1)) / shape;
  const auto solve = [&](int knot, double t) {
    const double z = static_cast<double>(knot) / gamma_steps_per_one - gamma_z_max;
    double log_tail = portable::log(0.5);  // of Phi(-|z|) = Q(1/2, z^2 / 2) / 2
    if (z != 0) {
      const GammaTail half = gamma_tail(0.5, log_gamma_half, portable::log(z * z / 2));
      log_tail += half.log_density + portable::log(half.upper);
    }
    GammaTail tail{};
    for (int i = 0; i < 200; ++i) {
      tail = gamma_tail(shape, log_gamma_shape, t);
      const double ratio = z <= 0 ? tail.lower : tail.upper;
      const double step = (tail.log_density + portable::log(ratio) - log_tail) * ratio;
      t += z <= 0 ? -step : step;
      if (std::abs(step) < 1e-13) break;
    }
    const double slope = portable::exp(-z * z / 2 - log_root_two_pi - tail.log_density);
    knots[static_cast<std::size_t>(knot)] = {t, slope / gamma_steps_per_one};
    return t;
  };
  const int middle = gamma_knots / 2;
  double t = solve(middle, start);
  for (int knot = middle - 1; knot >= 0; --knot) t = solve(knot, t);
  t = knots[static_cast<std::size_t>(middle)].log_value;
  for (int knot = middle + 1; knot < gamma_knots; ++knot) t = solve(knot, t);
  return knots;
}

double gamma_at(const std::vector<GammaKnot>& knots, double z) {
  const double at = (z + gamma_z_max) * gamma_steps_per_one;
  if (at < 0) return portable::exp(knots.front().log_value + at * knots.front().slope);
  const double beyond = at - (gamma_knots - 1);
  if (beyond >= 0) return portable::exp(knots.back().log_value + beyond * knots.back().slope);
  const auto cell = static_cast<std::size_t>(at);
  const GammaKnot& from = knots[cell];
  const GammaKnot& to = knots[cell + 1];
  const double x = at - static_cast<double>(cell);
  const double rise = to.log_value - from.log_value;
  const double c2 = 3 * rise - 2 * from.slope - to.slope;
  const double c3 = from.slope + to.slope - 2 * rise;
  return portable::exp(from.log_value + x * (from.slope + x * (c2 + x * c3)));
}

}  // namespace predrill::sim::distribution_detail
