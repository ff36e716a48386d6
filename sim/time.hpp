// Virtual time: integer nanoseconds since the start of the run. Never floating point, never a wall
// clock; a Time and a Duration cannot be mixed up.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace predrill::sim {

using Duration = std::chrono::nanoseconds;

struct VirtualClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<VirtualClock>;
  static constexpr bool is_steady = true;
};

/// An instant of a run. Time{} is the start.
using Time = VirtualClock::time_point;

constexpr Time time_max = Time::max();
constexpr Duration forever = Duration::max();

/// a + b, or time_max where that is later than time can tell: "forever from now".
constexpr Time later(Time a, Duration b) {
  return b > time_max - a ? time_max : a + b;
}

/// Seconds as a number, for reports only: never feed it back into a run.
constexpr double seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e9;
}

/// "27.4 s", "350 ms", "12 µs": three significant digits, the unit a person would choose; from two
/// minutes on in two units ("2 min 23 s", "1 h 5 min"). The largest Duration is "forever".
std::string to_text(Duration);

/// "10s", "1m30s", "250ms", "0.3ms", "1h", "-5s". Units d, h, m (or min), s, ms, us (or µs), ns,
/// from the largest to the smallest. Exact: a value finer than 1 ns, a missing unit, an overflow or
/// anything else gives nullopt and, where wanted, a sentence that says what is wrong.
std::optional<Duration> parse_duration(std::string_view text, std::string* problem = nullptr);

/// The one text of this value that parse_duration reads back exactly: "1m30s", "250ms", "1d2h".
std::string to_exact_text(Duration);

}  // namespace predrill::sim
