// What the sources of Distribution share; nobody else includes it.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/distribution_gamma.hpp"
#include "sim/portable_math_inline.hpp"

namespace predrill::sim {
namespace distribution_detail {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline double nanoseconds(Duration d) {
  return static_cast<double>(d.count());
}

inline bool is_finite(double x) {
  return x > -infinity && x < infinity;
}

inline std::string number(double value) {
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return std::string(digits.data(), end);
}

/// The standard normal value at a level; each tail from its own side.
[[gnu::always_inline]] inline double normal_at(double p, double q) {
  return std::copysign(portable::inlined::normal_quantile(p < q ? p : q), p - q);
}

inline Duration to_duration(double value) {
  if (!(value > 0)) return Duration{0};
  if (value >= 0x1p63) return Duration::max();
  const auto whole = static_cast<std::int64_t>(value);
  const bool up = value - static_cast<double>(whole) >= 0.5;  // no branch: it would be a coin toss
  return Duration{whole + std::int64_t{up}};
}

}  // namespace distribution_detail

struct Distribution::Detail {
  std::string problem;
  std::vector<double> p, value, slope;  // table: ascending; slope up to the next point
  std::vector<std::uint32_t> guide;     // table: where the points of each 1/256 of p begin
  std::vector<distribution_detail::GammaKnot> knots;  // gamma
  std::vector<Distribution> parts;                    // mixture; truncated: the one that is cut
  std::vector<double> weight, up_to;   // mixture: the weights, normalised, and their sums
  Level from{0, 1}, to{1, 0};          // truncated: the levels of the bounds
  double mass = 1, low = 0, high = 0;  // truncated: the probability between, the bounds
};

[[gnu::always_inline]] inline double Distribution::base(Level level) const {
  const auto [p, q] = level;
  switch (kind_) {  // the ones that are drawn most; the others are kept out of line
    case Kind::constant:
      return a_;
    case Kind::uniform:
      return a_ + b_ * p;
    case Kind::exponential:
      return -a_ * portable::inlined::log(q);
    case Kind::normal:
      return b_ == 0 ? a_ : a_ + b_ * distribution_detail::normal_at(p, q);
    case Kind::lognormal:
      return portable::inlined::exp(b_ == 0 ? a_ : a_ + b_ * distribution_detail::normal_at(p, q));
    default:
      return other_base(level);
  }
}

inline double Distribution::inverse(Level level) const {
  return offset_ + factor_ * base(level);
}

}  // namespace predrill::sim
