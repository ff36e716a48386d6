// The bodies of portable_math.hpp's functions, for the few callers that need them inlined. Include
// portable_math.hpp everywhere else.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "sim/int128.hpp"

namespace predrill::sim::portable::inlined {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// ---- Tables, computed by the compiler in integers: fixed point with 100 fractional bits ----

using Fixed = Uint128;
inline constexpr int fixed_bits = 100;
inline constexpr Fixed fixed_one = Fixed{1} << fixed_bits;

/// a * b for values below 2; the error is a few units of 2^-100.
constexpr Fixed multiply(Fixed a, Fixed b) {
  const Fixed a1 = a >> 50, a0 = a & ((Fixed{1} << 50) - 1);
  const Fixed b1 = b >> 50, b0 = b & ((Fixed{1} << 50) - 1);
  return a1 * b1 + ((a1 * b0 + a0 * b1 + ((a0 * b0) >> 50)) >> 50);
}

/// log(a / b) for a >= b: 2 atanh((a - b) / (a + b)).
constexpr Fixed log_ratio(unsigned a, unsigned b) {
  const unsigned above = a - b, below = a + b;
  Fixed term = fixed_one * 2 * above / below, sum = 0;
  for (unsigned n = 1; term != 0; n += 2) {
    sum += term / n;
    term = term * (above * above) / (below * below);
  }
  return sum;
}

constexpr Fixed exp_fixed(Fixed x) {
  Fixed term = fixed_one, sum = fixed_one;
  for (unsigned n = 1; term != 0; ++n) {
    term = multiply(term, x) / n;
    sum += term;
  }
  return sum;
}

/// A number as the sum of two doubles; `high` has at most the given number of fractional bits.
struct Pair {
  double high, low;
};
constexpr double scaled_down(std::int64_t value, int bits) {
  double result = static_cast<double>(value);
  for (int i = 0; i < bits; ++i) result /= 2;
  return result;
}
constexpr Pair split(Fixed value, int bits) {
  const int cut = fixed_bits - bits;  // at most 58: the rest fits 64 bits
  const Fixed high = (value + (Fixed{1} << (cut - 1))) >> cut;
  const auto rest = static_cast<std::int64_t>(static_cast<std::uint64_t>(value - (high << cut)));
  return {scaled_down(static_cast<std::int64_t>(high), bits), scaled_down(rest, fixed_bits)};
}
constexpr Pair negative(Pair p) {
  return {-p.high, -p.low};
}

inline constexpr Fixed log_2_fixed = log_ratio(2, 1);
inline constexpr Pair log_2 = split(log_2_fixed, 42);  // times an exponent (11 bits) it is exact
inline constexpr Pair exp_step = split(log_2_fixed / 128, 42);  // log(2) / 128, 35 significant bits
inline constexpr double exp_steps_per_one = 0x1.71547652b82fep+7;  // 128 / log(2)

// Row i belongs to an interval around c: `inverse` is 1/c to 10 bits, so that products with 26-bit
// and 27-bit halves are exact, and log(1/inverse) is known to 100 bits. The two intervals that meet
// at 1 have inverse = 1, which keeps log accurate near its zero.
struct LogRow {
  double inverse;
  Pair log;
};
inline constexpr std::uint64_t log_start = 0x3fe6000000000000;  // the rows cover [0.6875, 1.375)
constexpr std::array<LogRow, 128> make_log_table() {
  std::array<LogRow, 128> table{};
  for (unsigned i = 0; i < 128; ++i) {
    // The middle of the interval in units of 1/512, and 512 / c, rounded.
    const unsigned middle = i < 80 ? 2 * (176 + i) + 1 : 2 * (2 * (48 + i) + 1);
    const unsigned m = i == 79 || i == 80 ? 512 : (512 * 512 + middle / 2) / middle;
    const Pair log =
        m < 512 ? split(log_ratio(512, m), 42) : negative(split(log_ratio(m, 512), 42));
    table[i] = {m / 512.0, log};
  }
  return table;
}
inline constexpr std::array<LogRow, 128> log_table = make_log_table();

// 2^(i/128) as a double and the relative rest.
constexpr std::array<Pair, 128> make_exp_table() {
  std::array<Pair, 128> table{};
  for (unsigned i = 0; i < 128; ++i) {
    const Pair power = split(exp_fixed(log_2_fixed * i / 128), 52);
    table[i] = {power.high, power.low / power.high};
  }
  return table;
}
inline constexpr std::array<Pair, 128> exp_table = make_exp_table();

// ---- Error-free steps ----

/// a + b as the rounded sum and its error.
inline Pair exact_sum(double a, double b) {
  const double sum = a + b, part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}
/// The same where |a| >= |b| or a is 0.
inline Pair exact_ordered_sum(double a, double b) {
  const double sum = a + b;
  return {sum, (a - sum) + b};
}
/// a * b as the rounded product and its error (Dekker, 1971); |a| and |b| below 2^900.
inline Pair exact_product(double a, double b) {
  constexpr double splitter = 0x1p27 + 1;
  const double ta = a * splitter, a1 = ta - (ta - a), a0 = a - a1;
  const double tb = b * splitter, b1 = tb - (tb - b), b0 = b - b1;
  const double product = a * b;
  return {product, ((a1 * b1 - product) + a1 * b0 + a0 * b1) + a0 * b0};
}

// ---- log ----

/// x = 2^exponent * z with z in the table's range; z * inverse = 1 + r with r = high + low.
struct Reduced {
  double exponent;
  const LogRow* row;
  double high, low;  // two exact numbers; their sum is r, below 2^-7
};
/// For a positive normal x; `shift` is added to the exponent.
inline Reduced reduce(double x, int shift) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t above = bits - log_start;
  const auto exponent = static_cast<std::int32_t>(static_cast<std::int64_t>(above) >> 52);
  const std::uint64_t z_bits = bits - (above & 0xfff0000000000000u);
  const LogRow& row = log_table[above >> 45 & 127];
  const double z = std::bit_cast<double>(z_bits);
  const double z_high = std::bit_cast<double>(z_bits & ~std::uint64_t{0x7ffffff});
  return {static_cast<double>(exponent + shift), &row, z_high * row.inverse - 1,
          (z - z_high) * row.inverse};
}
constexpr bool is_positive_normal(double x) {
  return x >= std::numeric_limits<double>::min() && x < infinity;
}
constexpr double log_outside(double x) {  // where there is nothing to compute
  return x == 0 ? -infinity : x > 0 ? x : not_a_number;
}

inline double log_of(const Reduced& x) {
  const double r = x.high + x.low;
  const double w = x.exponent * log_2.high + x.row->log.high;  // exact: a multiple of 2^-42
  const Pair sum = exact_ordered_sum(w, r);
  const double low = sum.low + (x.exponent * log_2.low + x.row->log.low);
  // log(1 + r) - r: Taylor, the next term is below 2^-59 of the result.
  const double r2 = r * r;
  const double tail = (-1.0 / 6 + r * (1.0 / 7)) + r2 * (-1.0 / 8);
  const double series = (-1.0 / 2 + r * (1.0 / 3)) + r2 * ((-1.0 / 4 + r * (1.0 / 5)) + r2 * tail);
  return sum.high + (low + r2 * series);
}

/// log to about 2^-66 of its value, for pow.
inline Pair log_pair(const Reduced& x) {
  const Pair r = exact_sum(x.high, x.low);
  const double w = x.exponent * log_2.high + x.row->log.high;
  const Pair first = exact_ordered_sum(w, r.high);
  const Pair square = exact_product(r.high, r.high);
  const Pair second = exact_ordered_sum(first.high, -0.5 * square.high);
  const double h = r.high;
  double series = 1.0 / 9;
  for (const double c : {-1.0 / 8, 1.0 / 7, -1.0 / 6, 1.0 / 5, -1.0 / 4, 1.0 / 3})
    series = c + h * series;
  double low = x.exponent * log_2.low + x.row->log.low;
  low += first.low + second.low + (r.low - 0.5 * square.low - h * r.low);
  low += square.high * h * series;
  return exact_ordered_sum(second.high, low);
}

// ---- exp ----

/// exp(x + rest) for a tiny rest.
inline double exp_of(double x, double rest) {
  constexpr double to_integer = 0x1.8p52;  // adding it rounds to an integer
  if (!(x > -746 && x < 710)) return x >= 710 ? infinity : x <= -746 ? 0 : not_a_number;
  const double steps = (x * exp_steps_per_one + to_integer) - to_integer;
  const double r = ((x - steps * exp_step.high) - steps * exp_step.low) + rest;
  const auto whole = static_cast<std::int32_t>(steps);
  const Pair& power = exp_table[static_cast<unsigned>(whole) & 127];
  const double r2 = r * r;
  // exp(r) - 1 for |r| < 0.0028: the next term is below 2^-60.
  const double series =
      power.low + (r + r2 * ((1.0 / 2 + r * (1.0 / 6)) + r2 * (1.0 / 24 + r * (1.0 / 120))));
  const auto scale = [](int exponent) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  };
  const int exponent = whole >> 7;
  if (exponent > 1000) return (power.high + power.high * series) * scale(exponent - 100) * 0x1p100;
  if (exponent < -1000)
    return (power.high + power.high * series) * scale(exponent + 100) * 0x1p-100;
  const double scaled = power.high * scale(exponent);
  return scaled + scaled * series;
}

// ---- normal quantile ----

/// c[0] + c[1] x + ... + c[7] x^7.
inline double polynomial(const std::array<double, 8>& c, double x) {
  const double x2 = x * x, x4 = x2 * x2;
  return ((c[0] + c[1] * x) + (c[2] + c[3] * x) * x2) +
         ((c[4] + c[5] * x) + (c[6] + c[7] * x) * x2) * x4;
}

// Coefficients of Wichura's rational approximations: "Algorithm AS 241: the percentage points of
// the normal distribution", Applied Statistics 37 (1988), PPND16.
struct Rational {
  std::array<double, 8> top, bottom;
  double at(double x) const { return polynomial(top, x) / polynomial(bottom, x); }
};
inline constexpr Rational normal_middle = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3}};
inline constexpr Rational normal_tail = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9}};
inline constexpr Rational normal_far_tail = {
    {6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
     2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7},
    {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15}};

// ---- The functions ----

inline double log(double x) {
  if (is_positive_normal(x)) [[likely]]
    return log_of(reduce(x, 0));
  if (x > 0 && x < infinity) return log_of(reduce(x * 0x1p54, -54));
  return log_outside(x);
}

inline double exp(double x) {
  return exp_of(x, 0);
}

inline double normal_quantile(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -infinity : p == 1 ? infinity : not_a_number;
  const double centred = p - 0.5;
  if (centred >= -0.425 && centred <= 0.425) [[likely]]
    return centred * normal_middle.at(0.180625 - centred * centred);
  const double r = std::sqrt(-log(centred < 0 ? p : 1 - p));
  const double z = r <= 5 ? normal_tail.at(r - 1.6) : normal_far_tail.at(r - 5);
  return centred < 0 ? -z : z;
}

}  // namespace predrill::sim::portable::inlined
