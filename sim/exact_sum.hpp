// A sum of doubles without rounding, so that the order of additions cannot show in the result.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/int128.hpp"

namespace predrill::sim {

/// A fixed-point number wide enough for every double and every sum of them (Kulisch's long
/// accumulator). Only value() rounds, once, to nearest even. Infinities and NaN behave as in a sum
/// of doubles.
class ExactSum {
 public:
  void add(double value);
  /// Adds the exact product. Bits of one product below 2^-1088 are cut off; a product beyond the
  /// range of doubles counts as infinite.
  void add_product(double a, double b);
  void add_product(double a, std::int64_t b);
  void merge(const ExactSum& other);

  double value() const;
  /// Doubles, largest first, whose exact sum is this sum. Empty if the sum is zero or not finite.
  std::vector<double> expansion() const;

  /// Equal numbers, however they were reached.
  friend bool operator==(const ExactSum& a, const ExactSum& b);

 private:
  static constexpr int lowest_exponent = -1088;
  static constexpr int digit_bits = 32;
  /// Up to 2^1024, and 96 bits more for sums whose parts cancel.
  static constexpr std::size_t digits = (1088 + 1024 + 96) / digit_bits;

  void add_scaled(Uint128 mantissa, int exponent, bool negative);
  void add_special(double value);
  void normalise();

  std::array<std::int64_t, digits>
      digits_{};  ///< Lowest first; between normalisations, with slack.
  std::uint32_t since_normalised_ = 0;
  bool has_nan_ = false;
  bool has_plus_infinity_ = false;
  bool has_minus_infinity_ = false;
};

}  // namespace predrill::sim
