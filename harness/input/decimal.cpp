#include "harness/input/decimal.hpp"

#include <algorithm>

#include "sim/int128.hpp"

namespace predrill::harness {
namespace {

using Wide = sim::Uint128;  // 64 bits of digits times 64 bits of unit

constexpr int exponent_max = 10'000;  // beyond it a number is too large or zero in any unit

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Digits, counted into the number until 19 are reached; zeros at the front do not count.
class DigitReader {
 public:
  explicit DigitReader(Decimal& number) : number_(number) {}

  // False if there are too many digits.
  bool add(char c, bool in_fraction) {
    seen_ = true;
    if (c == '0') {
      ++zeros_;
    } else {
      for (; zeros_ > 0; --zeros_) {
        if (!push(0)) return false;
      }
      if (!push(static_cast<unsigned>(c - '0'))) return false;
    }
    if (in_fraction) --number_.exponent;
    return true;
  }

  // Zeros at the end stay out of the digits: 1.500 is 15e-1.
  void finish() {
    if (number_.digits != 0) number_.exponent += zeros_;
    if (number_.digits == 0) number_.exponent = 0;
  }

  bool seen() const { return seen_; }

 private:
  bool push(unsigned digit) {
    if (number_.digits == 0 && digit == 0) return true;
    if (++count_ > 19) return false;
    number_.digits = number_.digits * 10 + digit;
    return true;
  }

  Decimal& number_;
  int zeros_ = 0, count_ = 0;
  bool seen_ = false;
};

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text) {
  if (text.size() > 1'000) return std::nullopt;
  Decimal number;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) number.negative = text[at++] == '-';
  DigitReader digits(number);
  bool in_fraction = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !in_fraction) {
      in_fraction = true;
    } else if (!is_digit(text[at])) {
      break;
    } else if (!digits.add(text[at], in_fraction)) {
      return std::nullopt;
    }
  }
  if (!digits.seen() || text[at - 1] == '.') return std::nullopt;
  int exponent = 0;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    bool negative = false;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) negative = text[at++] == '-';
    if (at == text.size()) return std::nullopt;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      exponent = std::min(exponent * 10 + (text[at] - '0'), exponent_max);
    }
    if (negative) exponent = -exponent;
  }
  if (at != text.size()) return std::nullopt;
  digits.finish();
  if (number.digits != 0) number.exponent += exponent;
  return number;
}

std::optional<Scaled> scaled(const Decimal& number, std::uint64_t unit) {
  const Wide limit = number.negative ? Wide{1} << 63 : (Wide{1} << 63) - 1;
  Wide value = Wide{number.digits} * unit;
  Scaled out;
  for (int i = 0; i < number.exponent && value != 0; ++i) {
    if (value > limit) return std::nullopt;
    value *= 10;
  }
  if (number.exponent < -38) {  // below half a unit for any product of 128 bits
    out.exact = value == 0;
    return out;
  }
  Wide divisor = 1;
  for (int i = number.exponent; i < 0; ++i) divisor *= 10;
  const Wide rest = value % divisor;
  value /= divisor;
  if (rest != 0) {
    out.exact = false;
    const Wide other = divisor - rest;
    out.away = rest > other || (rest == other && value % 2 == 1);
    if (out.away) ++value;
  }
  if (value > limit) return std::nullopt;
  const auto magnitude = static_cast<std::uint64_t>(value);
  out.value = static_cast<std::int64_t>(number.negative ? 0 - magnitude : magnitude);
  return out;
}

}  // namespace predrill::harness
