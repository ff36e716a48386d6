// Numbers as people read them, from integers alone: the same text on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/measure/measures.hpp"

namespace predrill::harness {

/// Nanoseconds as seconds, rounded half away from zero: (27412345678, 1) = "27.4". Zero is "0".
/// At most nine decimals.
std::string seconds_text(std::int64_t nanoseconds, int decimals);

/// Decimals that suit a column of seconds with this largest value: 3 below 1 s, 2 below 10 s, 1
/// below 1000 s, 0 above.
int decimals_for(std::int64_t nanoseconds);

/// "12", "1234", "12,345": thousands are divided from five digits on.
std::string grouped(std::int64_t value);

/// A measure in its unit: "1,240", "27.4 s", "206.7".
std::string measure_text(MeasureUnit unit, std::int64_t value);

/// "512 B", "16.0 MiB"
std::string bytes_text(std::int64_t bytes);

/// A share as "81 %", or with decimals "0.3 %".
std::string percent_text(double share, int decimals = 0);

/// 0.99 is "p99", 0.999 "p99.9", 1 "max".
std::string quantile_name(double p);

/// Whole parts of `total` in proportion to the values (not negative) that add up to it exactly;
/// what rounding leaves over goes to the largest remainders, the earlier of equals first. All zero
/// if the values are.
std::vector<int> apportion(std::span<const double> values, int total);

}  // namespace predrill::harness
