#include "sim/time.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "sim/int128.hpp"

namespace predrill::sim {
namespace {

// Products of a fraction of a day and its nanoseconds need more than 64 bits.
using Wide = Uint128;

struct Unit {
  std::string_view name;
  std::uint64_t nanoseconds;
};

constexpr std::uint64_t per_us = 1'000, per_ms = 1'000'000, per_s = 1'000'000'000;
constexpr std::uint64_t per_minute = 60 * per_s, per_hour = 60 * per_minute,
                        per_day = 24 * per_hour;

// Both letters that look like the Greek mu are in use: MICRO SIGN and GREEK SMALL LETTER MU.
constexpr std::array units = {
    Unit{"d", per_day},      Unit{"h", per_hour}, Unit{"min", per_minute}, Unit{"m", per_minute},
    Unit{"s", per_s},        Unit{"ms", per_ms},  Unit{"us", per_us},      Unit{"\u00b5s", per_us},
    Unit{"\u03bcs", per_us}, Unit{"ns", 1},
};

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::uint64_t magnitude(Duration d) {
  const auto count = static_cast<std::uint64_t>(d.count());
  return d.count() < 0 ? 0 - count : count;
}

// What was found, shortened so that a file of junk does not become a message of junk.
std::string quoted(std::string_view text) {
  constexpr std::size_t longest = 40;
  std::size_t end = std::min(text.size(), longest);
  // A character of UTF-8 is not cut in two: its later bytes begin with the bits 10.
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
    --end;
  }
  std::string out = "\"";
  for (const char c : text.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return out + (text.size() > end ? "...\"" : "\"");
}

// Reads "1m30s" from left to right; the position only moves forward, so it always ends.
class DurationParser {
 public:
  explicit DurationParser(std::string_view text) : text_(text) {}

  std::optional<Duration> parse(std::string* problem) {
    if (!read()) {
      if (problem != nullptr) *problem = problem_;
      return std::nullopt;
    }
    const std::uint64_t count = negative_ ? 0 - total_ : total_;
    return Duration{static_cast<Duration::rep>(count)};
  }

 private:
  bool read() {
    if (text_.empty())
      return fail("a duration is missing; write a number and a unit, as in \"10s\"");
    negative_ = text_[0] == '-';
    at_ = negative_ ? 1 : 0;
    if (at_ == text_.size()) return fail(quoted(text_) + " has no number");
    std::uint64_t previous = std::numeric_limits<std::uint64_t>::max();
    while (at_ < text_.size()) {
      if (!read_part(previous)) return false;
    }
    return true;
  }

  // One number with its unit, smaller than the unit before it.
  bool read_part(std::uint64_t& previous) {
    const std::size_t start = at_;
    const std::string_view whole = digits();
    std::string_view fraction;
    bool has_point = false;
    if (at_ < text_.size() && text_[at_] == '.') {
      has_point = true;
      ++at_;
      fraction = digits();
    }
    if (whole.empty() || (has_point && fraction.empty())) {
      return fail(quoted(text_) + " is not a duration; write a number and a unit, as in \"10s\"");
    }
    const std::size_t unit_start = at_;
    while (at_ < text_.size() && !is_digit(text_[at_]) && text_[at_] != '.') ++at_;
    const std::string_view name = text_.substr(unit_start, at_ - unit_start);
    if (name.empty()) return fail_without_unit(start);
    const Unit* unit = find_unit(name);
    if (unit == nullptr) return fail_unit(name);
    if (unit->nanoseconds >= previous) {
      return fail(quoted(text_) +
                  " must name its units from the largest to the smallest, each once");
    }
    previous = unit->nanoseconds;
    if (has_point && at_ < text_.size()) {
      return fail(quoted(text_) + " has a fraction before its last unit");
    }
    return add(whole, fraction, unit->nanoseconds);
  }

  bool add(std::string_view whole, std::string_view fraction, std::uint64_t unit) {
    const std::uint64_t limit = magnitude(negative_ ? Duration::min() : Duration::max());
    Wide sum = 0;
    for (const char c : whole) {
      sum = sum * 10 + static_cast<unsigned>(c - '0');
      if (sum > limit) return fail_overflow();
    }
    sum *= unit;
    while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
    // A day is 2^16 * 3^3 * 5^11 ns: no exact fraction of any unit has more than 16 digits.
    if (fraction.size() > 16) return fail_too_fine();
    Wide numerator = 0;
    Wide denominator = 1;
    for (const char c : fraction) {
      numerator = numerator * 10 + static_cast<unsigned>(c - '0');
      denominator *= 10;
    }
    if (numerator * unit % denominator != 0) return fail_too_fine();
    sum += numerator * unit / denominator + total_;
    if (sum > limit) return fail_overflow();
    total_ = static_cast<std::uint64_t>(sum);
    return true;
  }

  std::string_view digits() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool fail_without_unit(std::size_t start) {
    const std::string number(text_.substr(0, at_));
    if (start > 1 || number.size() > 20)
      return fail(quoted(text_) + " ends with a number without a unit");
    return fail(quoted(text_) + " has no unit; write \"" + number + "s\" for seconds or \"" +
                number + "ms\" for milliseconds");
  }

  bool fail_unit(std::string_view name) {
    if (name.find_first_of(" \t") != std::string_view::npos) {
      return fail(quoted(text_) + " has a space inside; write it without, as in \"1m30s\"");
    }
    return fail(quoted(text_) + " has the unknown unit " + quoted(name) +
                "; known are d, h, m, s, ms, us, ns");
  }

  bool fail_overflow() { return fail(quoted(text_) + " is longer than 292 years"); }
  bool fail_too_fine() { return fail(quoted(text_) + " is not a whole number of nanoseconds"); }

  std::string_view text_;
  std::size_t at_ = 0;
  bool negative_ = false;
  std::uint64_t total_ = 0;  // nanoseconds without the sign
  std::string problem_;
};

// value / unit as a decimal number without trailing zeros; digits is log10(unit).
std::string decimal(std::uint64_t value, std::uint64_t unit, int digits) {
  std::string out = std::to_string(value / unit);
  std::uint64_t rest = value % unit;
  if (rest == 0) return out;
  std::string fraction(static_cast<std::size_t>(digits), '0');
  for (std::size_t i = fraction.size(); i-- > 0; rest /= 10) {
    fraction[i] = static_cast<char>('0' + rest % 10);
  }
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return out + "." + fraction;
}

// Half up, to a multiple of step.
std::uint64_t rounded(std::uint64_t value, std::uint64_t step) {
  return (value / step + (value % step >= step - step / 2 ? 1 : 0)) * step;
}

// "2 min 23 s": the rest is rounded to the smaller unit and left out when it is zero.
std::string two_units(std::uint64_t value, const Unit& large, const Unit& small) {
  value = rounded(value, small.nanoseconds);
  std::string out = std::to_string(value / large.nanoseconds) + " " + std::string(large.name);
  const std::uint64_t rest = value % large.nanoseconds / small.nanoseconds;
  if (rest != 0) out += " " + std::to_string(rest) + " " + std::string(small.name);
  return out;
}

std::string magnitude_text(std::uint64_t ns) {
  std::uint64_t step = 1;
  while (ns / step >= 1'000) step *= 10;
  const std::uint64_t value = rounded(ns, step);  // three significant digits
  if (value < per_us) return std::to_string(value) + " ns";
  if (value < per_ms) return decimal(value, per_us, 3) + " \u00b5s";
  if (value < per_s) return decimal(value, per_ms, 6) + " ms";
  if (value < 2 * per_minute) return decimal(value, per_s, 9) + " s";
  if (rounded(ns, per_s) < per_hour) return two_units(ns, {"min", per_minute}, {"s", per_s});
  if (rounded(ns, per_minute) < 2 * per_day)
    return two_units(ns, {"h", per_hour}, {"min", per_minute});
  return two_units(ns, {"d", per_day}, {"h", per_hour});
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text, std::string* problem) {
  return DurationParser(text).parse(problem);
}

std::string to_text(Duration d) {
  if (d == forever) return "forever";
  return (d.count() < 0 ? "-" : "") + magnitude_text(magnitude(d));
}

std::string to_exact_text(Duration d) {
  std::string out = d.count() < 0 ? "-" : "";
  std::uint64_t rest = magnitude(d);
  if (rest == 0) return "0s";
  if (rest < per_us) return out + std::to_string(rest) + "ns";
  if (rest < per_ms) return out + decimal(rest, per_us, 3) + "us";
  if (rest < per_s) return out + decimal(rest, per_ms, 6) + "ms";
  for (const auto& [name, size] :
       {Unit{"d", per_day}, Unit{"h", per_hour}, Unit{"m", per_minute}}) {
    if (rest >= size) out += std::to_string(rest / size) + std::string(name);
    rest %= size;
  }
  return rest == 0 ? out : out + decimal(rest, per_s, 9) + "s";
}

}  // namespace predrill::sim
