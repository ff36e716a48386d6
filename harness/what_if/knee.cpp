#include "harness/what_if/knee.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "harness/report/text.hpp"

namespace predrill::harness {

namespace {

constexpr double least_sag = 0.1;  // of the height of the curve
constexpr std::size_t folds = 10;

struct Curve {
  std::vector<double> x;
  std::vector<std::size_t> point;  // of the plan, in the order of x
};

std::optional<Curve> curve_of(const StudyPlan& plan) {
  const bool simple = plan.axes.size() == 1 && plan.axes.front().paths.size() == 1;
  if (!simple) return std::nullopt;
  std::vector<std::pair<double, std::size_t>> points;
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const auto value = numeric(plan.points[i].grid.values.front().second);
    if (!value) return std::nullopt;
    points.emplace_back(*value, i);
  }
  std::sort(points.begin(), points.end());
  Curve curve;
  for (const auto& [x, i] : points) {
    curve.x.push_back(x);
    curve.point.push_back(i);
  }
  return curve;
}

// The measure along the curve from the seeds whose number leaves another remainder than `left_out`.
std::optional<std::size_t> knee_without(const Curve& curve, const StudyResult& result,
                                        std::size_t left_out) {
  std::vector<double> y;
  for (const std::size_t point : curve.point) {
    const std::vector<std::int64_t>& values = result.points[point].values.front();
    sim::Sample sample;
    for (std::size_t run = 0; run < values.size(); ++run) {
      if (run % folds != left_out && values[run] != no_value) sample.add(values[run]);
    }
    const StudyValue value = statistic_of(result.measures.front(), sample);
    if (!value.value) return std::nullopt;
    y.push_back(*value.value);
  }
  return knee_of(curve.x, y);
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

}  // namespace

std::optional<std::size_t> knee_of(std::span<const double> x, std::span<const double> y) {
  if (x.size() < 4 || y.size() != x.size()) return std::nullopt;
  const double width = x.back() - x.front();
  const double height = y.back() - y.front();
  if (width <= 0 || height <= 0) return std::nullopt;
  std::size_t best = 0;
  double deepest = least_sag;
  for (std::size_t i = 1; i + 1 < x.size(); ++i) {
    const double sag = (x[i] - x.front()) / width - (y[i] - y.front()) / height;
    if (sag <= deepest) continue;
    deepest = sag;
    best = i;
  }
  return best == 0 ? std::nullopt : std::optional(best);
}

std::optional<Knee> knee_of(const StudyPlan& plan, const StudyResult& result) {
  const auto curve = curve_of(plan);
  if (!curve || result.measures.empty()) return std::nullopt;
  const auto found = knee_without(*curve, result, folds);
  if (!found) return std::nullopt;
  Knee knee;
  knee.setting = plan.axes.front().paths.front();
  knee.measure = result.measures.front().name;
  knee.at = knee.low = knee.high = curve->x[*found];
  for (std::size_t fold = 0; fold < folds; ++fold) {
    const auto one = knee_without(*curve, result, fold);
    if (!one) continue;
    ++knee.found;
    knee.low = std::min(knee.low, curve->x[*one]);
    knee.high = std::max(knee.high, curve->x[*one]);
  }
  return knee;
}

std::string knee_text(const StudyPlan& plan, const StudyResult& result, const TextStyle& style) {
  const auto knee = knee_of(plan, result);
  if (!knee) return "";
  std::string where = knee->low == knee->high
                          ? "there"
                          : "between " + number(knee->low) + " and " + number(knee->high);
  std::string out;
  for (const std::string& line :
       wrap(knee->measure + " bends at " + knee->setting + " = " + number(knee->at) +
                ": the point of the grid farthest below the line between the ends of the curve; " +
                "with each tenth of the seeds left out in turn it lies " + where + " in " +
                std::to_string(knee->found) + " of 10 cases.",
            style.width - 2)) {
    out += "  " + line + "\n";
  }
  return out;
}

}  // namespace predrill::harness
