#include "sim/exact_sum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace predrill::sim {
namespace {

constexpr std::uint64_t digit_mask = 0xffff'ffff;

/// A finite double as mantissa * 2^exponent.
struct Parts {
  std::uint64_t mantissa = 0;
  int exponent = 0;
  bool negative = false;
};

Parts parts_of(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  const int biased = static_cast<int>((bits >> 52) & 0x7ff);
  const bool negative = (bits >> 63) != 0;
  if (biased == 0) return {fraction, -1074, negative};
  return {fraction | (std::uint64_t{1} << 52), biased - 1075, negative};
}

}  // namespace

void ExactSum::add(double value) {
  if (!std::isfinite(value)) {
    add_special(value);
    return;
  }
  const Parts parts = parts_of(value);
  add_scaled(parts.mantissa, parts.exponent, parts.negative);
}

void ExactSum::add_product(double a, double b) {
  if (!std::isfinite(a) || !std::isfinite(b)) {
    add_special(a * b);
    return;
  }
  const Parts x = parts_of(a);
  const Parts y = parts_of(b);
  add_scaled(Uint128{x.mantissa} * y.mantissa, x.exponent + y.exponent, x.negative != y.negative);
}

void ExactSum::add_product(double a, std::int64_t b) {
  if (!std::isfinite(a)) {
    add_special(a * static_cast<double>(b));
    return;
  }
  const Parts x = parts_of(a);
  const auto bits = static_cast<std::uint64_t>(b);
  const std::uint64_t magnitude = b < 0 ? 0 - bits : bits;
  add_scaled(Uint128{x.mantissa} * magnitude, x.exponent, x.negative != (b < 0));
}

void ExactSum::add_special(double value) {
  if (std::isnan(value)) {
    has_nan_ = true;
  } else {
    (value > 0 ? has_plus_infinity_ : has_minus_infinity_) = true;
  }
}

void ExactSum::add_scaled(Uint128 mantissa, int exponent, bool negative) {
  int shift = exponent - lowest_exponent;
  if (shift < 0) {
    mantissa = shift <= -128 ? 0 : mantissa >> -shift;
    shift = 0;
  }
  if (mantissa == 0) return;
  const auto high = static_cast<std::uint64_t>(mantissa >> 64);
  const int width = high != 0
                        ? 64 + static_cast<int>(std::bit_width(high))
                        : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(mantissa)));
  if (shift + width > 1024 - lowest_exponent) {
    add_special(negative ? -std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::infinity());
    return;
  }
  auto at = static_cast<std::size_t>(shift / digit_bits);
  const int offset = shift % digit_bits;
  for (; mantissa != 0; mantissa >>= digit_bits, ++at) {
    const std::uint64_t piece = (static_cast<std::uint64_t>(mantissa) & digit_mask) << offset;
    const auto low = static_cast<std::int64_t>(piece & digit_mask);
    const auto carry = static_cast<std::int64_t>(piece >> digit_bits);
    digits_[at] += negative ? -low : low;
    digits_[at + 1] += negative ? -carry : carry;
  }
  // Every addition moves a digit by less than 2^33, so 2^28 of them stay far from the end of 64
  // bits.
  if (++since_normalised_ >= (std::uint32_t{1} << 28)) normalise();
}

void ExactSum::normalise() {
  std::int64_t carry = 0;
  for (std::size_t i = 0; i + 1 < digits; ++i) {
    const std::int64_t digit = digits_[i] + carry;
    carry = digit >> digit_bits;
    digits_[i] = digit & static_cast<std::int64_t>(digit_mask);
  }
  digits_[digits - 1] += carry;
  since_normalised_ = 0;
}

void ExactSum::merge(const ExactSum& other) {
  ExactSum part = other;
  part.normalise();
  normalise();
  for (std::size_t i = 0; i < digits; ++i) digits_[i] += part.digits_[i];
  since_normalised_ = 1;
  has_nan_ = has_nan_ || part.has_nan_;
  has_plus_infinity_ = has_plus_infinity_ || part.has_plus_infinity_;
  has_minus_infinity_ = has_minus_infinity_ || part.has_minus_infinity_;
}

double ExactSum::value() const {
  if (has_nan_ || (has_plus_infinity_ && has_minus_infinity_)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (has_plus_infinity_) return std::numeric_limits<double>::infinity();
  if (has_minus_infinity_) return -std::numeric_limits<double>::infinity();

  ExactSum sum = *this;
  sum.normalise();
  const bool negative = sum.digits_[digits - 1] < 0;
  if (negative) {
    for (auto& digit : sum.digits_) digit = -digit;
    sum.normalise();
  }
  std::size_t top = digits;
  while (top > 0 && sum.digits_[top - 1] == 0) --top;
  if (top == 0) return 0;
  --top;

  // Three digits hold more than the 53 bits of a double; whatever lies below only breaks ties.
  Uint128 leading = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    leading = leading << digit_bits |
              (i <= top ? static_cast<std::uint64_t>(sum.digits_[top - i]) : std::uint64_t{0});
  }
  bool rest = false;
  for (std::size_t i = 0; i + 2 < top; ++i) rest = rest || sum.digits_[i] != 0;
  int exponent = lowest_exponent + (static_cast<int>(top) - 2) * digit_bits;

  const int width =
      64 + static_cast<int>(std::bit_width(static_cast<std::uint64_t>(leading >> 64)));
  const int dropped = std::max(width - 53, -1074 - exponent);
  const Uint128 half = Uint128{1} << (dropped - 1);
  const Uint128 tail = leading & (2 * half - 1);
  auto mantissa = static_cast<std::uint64_t>(leading >> dropped);
  if (tail > half || (tail == half && (rest || (mantissa & 1) != 0))) ++mantissa;
  const double magnitude = std::ldexp(static_cast<double>(mantissa), exponent + dropped);
  return negative ? -magnitude : magnitude;
}

std::vector<double> ExactSum::expansion() const {
  std::vector<double> terms;
  ExactSum rest = *this;
  for (double term = rest.value(); term != 0 && std::isfinite(term); term = rest.value()) {
    terms.push_back(term);
    rest.add(-term);
  }
  return terms;
}

bool operator==(const ExactSum& a, const ExactSum& b) {
  ExactSum x = a;
  ExactSum y = b;
  x.normalise();
  y.normalise();
  return x.digits_ == y.digits_ && x.has_nan_ == y.has_nan_ &&
         x.has_plus_infinity_ == y.has_plus_infinity_ &&
         x.has_minus_infinity_ == y.has_minus_infinity_;
}

}  // namespace predrill::sim
