#include "harness/report/number.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace predrill::harness {
namespace {

std::uint64_t magnitude(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? ~bits + 1 : bits;
}

// value / 10^places, rounded half up, with `decimals` of them; decimals <= places.
std::string fixed(std::uint64_t value, int places, int decimals) {
  std::uint64_t unit = 1;
  for (int i = decimals; i < places; ++i) unit *= 10;
  const std::uint64_t rounded = value / unit + (value % unit >= unit - value % unit ? 1 : 0);
  std::string text = std::to_string(rounded);
  if (decimals == 0) return text;
  const auto fraction = static_cast<std::size_t>(decimals);
  if (text.size() <= fraction) text.insert(0, fraction + 1 - text.size(), '0');
  text.insert(text.size() - fraction, 1, '.');
  return text;
}

std::string group(std::string digits) {
  if (digits.size() < 5) return digits;
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

}  // namespace

std::string seconds_text(std::int64_t nanoseconds, int decimals) {
  if (nanoseconds == 0) return "0";
  const std::string text = fixed(magnitude(nanoseconds), 9, std::clamp(decimals, 0, 9));
  const bool shows_zero = text.find_first_of("123456789") == std::string::npos;
  return (nanoseconds < 0 && !shows_zero ? "-" : "") + text;
}

int decimals_for(std::int64_t nanoseconds) {
  const std::uint64_t value = magnitude(nanoseconds);
  if (value < 1'000'000'000) return 3;
  if (value < 10'000'000'000) return 2;
  return value < 1'000'000'000'000 ? 1 : 0;
}

std::string grouped(std::int64_t value) {
  return (value < 0 ? "-" : "") + group(std::to_string(magnitude(value)));
}

std::string measure_text(MeasureUnit unit, std::int64_t value) {
  switch (unit) {
    case MeasureUnit::time:
      return seconds_text(value, decimals_for(value)) + " s";
    case MeasureUnit::thousandth:
      return seconds_text(value * 1'000'000, value % 1000 == 0 ? 0 : 1);
    case MeasureUnit::count:
      break;
  }
  return grouped(value);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array<const char*, 5> units = {" B", " KiB", " MiB", " GiB", " TiB"};
  std::uint64_t unit = 1;
  std::size_t index = 0;
  const std::uint64_t value = magnitude(bytes);
  while (index + 1 < units.size() && value >= unit * 1024) {
    unit *= 1024;
    ++index;
  }
  const std::string sign = bytes < 0 ? "-" : "";
  if (index == 0) return sign + std::to_string(value) + units[0];
  const std::uint64_t tenths = value / unit * 10 + (value % unit * 10 + unit / 2) / unit;
  return sign + fixed(tenths, 1, 1) + units[index];
}

std::string percent_text(double share, int decimals) {
  std::uint64_t scale = 100;
  for (int i = 0; i < decimals; ++i) scale *= 10;
  const double scaled = std::max(share, 0.0) * static_cast<double>(scale);
  return fixed(static_cast<std::uint64_t>(std::floor(scaled + 0.5)), decimals, decimals) + " %";
}

std::string quantile_name(double p) {
  if (p >= 1) return "max";
  const auto millis = static_cast<std::uint64_t>(std::floor(p * 100'000 + 0.5));
  std::string text = fixed(millis, 3, 3);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return "p" + text;
}

std::vector<int> apportion(std::span<const double> values, int total) {
  std::vector<int> parts(values.size(), 0);
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  if (!(sum > 0)) return parts;
  std::vector<double> rests(values.size());
  int left = total;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double exact = values[i] / sum * total;
    parts[i] = static_cast<int>(std::floor(exact));
    rests[i] = exact - parts[i];
    left -= parts[i];
  }
  for (; left > 0; --left) {
    const auto largest = std::max_element(rests.begin(), rests.end()) - rests.begin();
    ++parts[static_cast<std::size_t>(largest)];
    rests[static_cast<std::size_t>(largest)] = -1;
  }
  return parts;
}

}  // namespace predrill::harness
