// Decimal numbers as people write them, kept exact until they meet their unit.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace predrill::harness {

/// (-1)^negative * digits * 10^exponent
struct Decimal {
  bool negative = false;
  std::uint64_t digits = 0;
  int exponent = 0;
};

/// "42", "-0.3", "1.5e3": at most 19 digits that count. Anything else gives nullopt.
std::optional<Decimal> parse_decimal(std::string_view text);

struct Scaled {
  std::int64_t value = 0;
  bool exact = true;  // false: rounded, half to even
  bool away = false;  // rounded away from zero
};

/// The number times `unit`; nullopt if it does not fit.
std::optional<Scaled> scaled(const Decimal&, std::uint64_t unit);

}  // namespace predrill::harness
