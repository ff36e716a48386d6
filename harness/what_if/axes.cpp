#include "harness/what_if/axes.hpp"

#include <cmath>
#include <cstdint>

#include "harness/input/decimal.hpp"
#include "harness/input/diagnostics.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

namespace {

constexpr std::size_t steps_max = 10'000;

// Divides at the separator, not within brackets or quotation marks.
std::vector<std::string> divided(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
    if (!quoted && (c == '[' || c == '{')) ++depth;
    if (!quoted && (c == ']' || c == '}')) --depth;
    if (c == separator && depth == 0 && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// "2.5s" as an integer number of millionths and its unit.
struct Measured {
  std::int64_t millionths = 0;
  std::string unit;
};

std::optional<Measured> measured(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789.+-");
  const auto decimal = parse_decimal(text.substr(0, end));
  if (!decimal) return std::nullopt;
  const auto value = scaled(*decimal, 1'000'000);
  if (!value || !value->exact) return std::nullopt;
  const std::string unit(end == std::string_view::npos ? "" : text.substr(end));
  return Measured{decimal->negative && value->value > 0 ? -value->value : value->value, unit};
}

std::string text_of(std::int64_t millionths, const std::string& unit) {
  std::string text = millionths < 0 ? "-" : "";
  const std::int64_t size = std::abs(millionths);
  text += std::to_string(size / 1'000'000);
  std::string rest = std::to_string(size % 1'000'000);
  rest = std::string(6 - rest.size(), '0') + rest;
  while (!rest.empty() && rest.back() == '0') rest.pop_back();
  return text + (rest.empty() ? "" : "." + rest) + unit;
}

// from..to or from..to:step; false if it is one of them and wrong.
bool parse_range(std::string_view text, VaryAxis& axis, std::string& problem) {
  const std::size_t dots = text.find("..");
  const std::size_t colon = text.find(':', dots);
  const auto from = measured(text.substr(0, dots));
  auto to = measured(text.substr(
      dots + 2, colon == std::string_view::npos ? std::string_view::npos : colon - dots - 2));
  if (!from || !to || from->unit != to->unit) {
    problem = in_quotes(text) + " is not a range; write 20..60:10 or 200ms..800ms:100ms";
    return false;
  }
  if (from->millionths >= to->millionths) {
    problem = "the range " + in_quotes(text) + " ends where it begins, or before";
    return false;
  }
  if (colon == std::string_view::npos) {
    axis.low = static_cast<double>(from->millionths) / 1e6;
    axis.high = static_cast<double>(to->millionths) / 1e6;
    axis.unit = from->unit;
    return true;
  }
  const auto step = measured(text.substr(colon + 1));
  if (!step || step->millionths <= 0 || (step->unit != from->unit && !step->unit.empty())) {
    problem = "the step of " + in_quotes(text) + " must be above zero, in the unit of the range";
    return false;
  }
  if ((to->millionths - from->millionths) / step->millionths >=
      static_cast<std::int64_t>(steps_max)) {
    problem = "the range " + in_quotes(text) + " has more than 10000 steps";
    return false;
  }
  for (std::int64_t at = from->millionths; at <= to->millionths; at += step->millionths) {
    axis.steps.push_back({text_of(at, from->unit)});
  }
  return true;
}

}  // namespace

std::optional<VaryAxis> parse_axis(std::string_view text, std::string& problem) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size()) {
    problem = in_quotes(text) + " is not path=a,b,c";
    return std::nullopt;
  }
  VaryAxis axis;
  axis.paths = divided(text.substr(0, equals), '/');
  for (const std::string& path : axis.paths) {
    if (!path.empty()) continue;
    problem = in_quotes(text) + " has an empty path";
    return std::nullopt;
  }
  const std::string_view values = text.substr(equals + 1);
  if (axis.paths.size() == 1 && values.find("..") != std::string_view::npos &&
      values.find(',') == std::string_view::npos) {
    if (!parse_range(values, axis, problem)) return std::nullopt;
    return axis;
  }
  for (const std::string& step : divided(values, ',')) {
    std::vector<std::string> of_paths =
        axis.paths.size() == 1 ? std::vector<std::string>{step} : divided(step, '/');
    if (of_paths.size() != axis.paths.size()) {
      problem = in_quotes(step) + " has " + std::to_string(of_paths.size()) + " values for " +
                std::to_string(axis.paths.size()) + " settings";
      return std::nullopt;
    }
    for (const std::string& value : of_paths) {
      if (!value.empty()) continue;
      problem = in_quotes(text) + " has an empty value";
      return std::nullopt;
    }
    axis.steps.push_back(std::move(of_paths));
  }
  return axis;
}

std::vector<GridPoint> grid_of(const std::vector<VaryAxis>& axes) {
  std::vector<GridPoint> points(1);
  for (const VaryAxis& axis : axes) {
    if (axis.is_range()) continue;
    std::vector<GridPoint> next;
    for (const GridPoint& point : points) {
      for (std::size_t i = 0; i < axis.steps.size(); ++i) {
        GridPoint longer = point;
        for (std::size_t p = 0; p < axis.paths.size(); ++p) {
          longer.values.emplace_back(axis.paths[p], axis.steps[i][p]);
        }
        longer.at.push_back(i);
        next.push_back(std::move(longer));
      }
    }
    points = std::move(next);
  }
  return points;
}

std::vector<std::string> settings_of(const Assignments& values) {
  std::vector<std::string> settings;
  for (const auto& [path, value] : values) settings.push_back(path + "=" + value);
  return settings;
}

std::optional<double> numeric(std::string_view value) {
  const bool percent = value.ends_with('%');
  if (percent) value.remove_suffix(1);
  if (const auto plain = measured(value); plain && plain->unit.empty()) {
    return static_cast<double>(plain->millionths) / (percent ? 1e8 : 1e6);
  }
  if (percent) return std::nullopt;
  if (const auto time = sim::parse_duration(value)) return sim::seconds(*time);
  return std::nullopt;
}

}  // namespace predrill::harness
