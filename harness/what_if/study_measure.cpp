#include "harness/what_if/study_measure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "harness/input/decimal.hpp"
#include "harness/input/diagnostics.hpp"
#include "harness/input/nearest.hpp"
#include "harness/report/number.hpp"

namespace predrill::harness {

namespace {

using What = StudyMeasure::What;

constexpr std::array<std::pair<std::string_view, What>, 9> names = {{
    {"rto", What::rto},
    {"downtime", What::downtime},
    {"rpo.rows", What::rpo_rows},
    {"rpo.bytes", What::rpo_bytes},
    {"rpo.seconds", What::rpo_seconds},
    {"errors", What::errors},
    {"failures", What::failures},
    {"waiting", What::waiting},
    {"failover", What::failover},
}};

// "mean", "max", "min", "p99", "p99.9".
bool read_statistic(std::string_view text, StudyMeasure& measure) {
  measure.statistic = StudyMeasure::Statistic::quantile;
  if (text == "mean") {
    measure.statistic = StudyMeasure::Statistic::mean;
  } else if (text == "max" || text == "min") {
    measure.p = text == "max" ? 1 : 0;
  } else {
    if (!text.starts_with('p')) return false;
    const auto decimal = parse_decimal(text.substr(1));
    const auto value = decimal ? scaled(*decimal, 1'000'000) : std::nullopt;
    if (!value || decimal->negative || value->value > 100'000'000) return false;
    measure.p = static_cast<double>(value->value) / 1e8;
  }
  return true;
}

bool read_what(std::string_view text, StudyMeasure& measure) {
  if (text.starts_with("own.") && text.size() > 4) {
    measure.what = What::own;
    measure.own = std::string(text.substr(4));
    return true;
  }
  for (const auto& [name, what] : names) {
    if (name != text) continue;
    measure.what = what;
    return true;
  }
  for (std::size_t i = 0; i < stages; ++i) {
    if (stage_names[i] != text) continue;
    measure.what = What::stage;
    measure.stage = static_cast<Stage>(i);
    return true;
  }
  return false;
}

std::string unknown(std::string_view text) {
  std::vector<std::string> known;
  for (const auto& [name, what] : names) known.emplace_back(name);
  for (const std::string_view name : stage_names) known.emplace_back(name);
  std::string list;
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  return in_quotes(text) + " is not a measure; write one of " + list +
         " and a statistic: rto.p99, haproxy.downtime.mean";
}

}  // namespace

std::optional<StudyMeasure> parse_measure(std::string_view text, std::string& problem) {
  StudyMeasure measure;
  measure.name = std::string(text);
  constexpr std::array<std::string_view, 5> paths = {"pgbouncer", "haproxy", "direct", "read",
                                                     "database"};
  std::string_view rest = text;
  const std::size_t first = rest.find('.');
  if (std::find(paths.begin(), paths.end(), rest.substr(0, first)) != paths.end() &&
      first != std::string_view::npos) {
    measure.path = std::string(rest.substr(0, first));
    rest.remove_prefix(first + 1);
  }
  if (rest.starts_with("own.")) {
    // Its name holds dots of its own: the statistic is what follows the last one, if it is one.
    const std::size_t dot = rest.rfind('.');
    read_what(dot > 3 && read_statistic(rest.substr(dot + 1), measure) ? rest.substr(0, dot) : rest,
              measure);
    if (measure.own.empty()) {
      problem = unknown(text);
      return std::nullopt;
    }
  } else if (!read_what(rest, measure)) {
    // The statistic is what follows the name; it may hold a dot itself ("p99.9").
    bool found = false;
    for (std::size_t dot = rest.find('.'); dot != std::string_view::npos && !found;
         dot = rest.find('.', dot + 1)) {
      found =
          read_what(rest.substr(0, dot), measure) && read_statistic(rest.substr(dot + 1), measure);
    }
    if (!found) {
      problem = unknown(text);
      return std::nullopt;
    }
  }
  const bool of_a_path = measure.what == What::rto || measure.what == What::downtime ||
                         measure.what == What::errors || measure.what == What::failures;
  if (!measure.path.empty() && !of_a_path) {
    problem = in_quotes(text) + ": " + std::string(rest) + " belongs to no path";
    return std::nullopt;
  }
  return measure;
}

std::int64_t value_of(const StudyMeasure& measure, const RunMeasures& run,
                      const std::string& judged_path) {
  const PathRun* path = run.find_path(measure.path.empty() ? judged_path : measure.path);
  switch (measure.what) {
    case What::rto:
      return path == nullptr ? no_value : path->measures.rto.count();
    case What::downtime:
      return path == nullptr ? no_value : path->measures.downtime.count();
    case What::stage:
      return run.stages_of_path[static_cast<std::size_t>(measure.stage)].count();
    case What::rpo_rows:
      return static_cast<std::int64_t>(run.loss.rows);
    case What::rpo_bytes:
      return static_cast<std::int64_t>(run.loss.bytes);
    case What::rpo_seconds:
      return run.loss.age.count();
    case What::errors: {
      if (path == nullptr) return no_value;
      std::uint64_t sum = 0;
      for (const ErrorCount& error : path->errors) sum += error.given_up;
      return static_cast<std::int64_t>(sum);
    }
    case What::failures:
      return path == nullptr ? no_value : static_cast<std::int64_t>(path->measures.failures);
    case What::waiting: {
      if (run.pool.empty()) return no_value;
      std::uint32_t most = 0;
      for (const PoolReading& reading : run.pool) most = std::max(most, reading.cl_waiting);
      return most;
    }
    case What::failover:
      return run.new_primary.empty() ? 0 : 1;
    case What::own:
      for (const NamedValue& value : run.values) {
        if (value.name != measure.own) continue;
        if (value.unit == MeasureUnit::count || measure.own_unit == value.unit) return value.value;
        // Whole units, and of times whole milliseconds.
        return value.value / (value.unit == MeasureUnit::time ? 1'000'000 : 1000);
      }
      return no_value;
  }
  return no_value;
}

StudyValue statistic_of(const StudyMeasure& measure, const sim::Sample& sample) {
  StudyValue result;
  if (sample.empty()) return result;
  if (measure.statistic == StudyMeasure::Statistic::mean) {
    result.value = sample.mean();
    if (const auto estimate = sample.mean_estimate()) result.interval = estimate->interval;
    return result;
  }
  result.value = static_cast<double>(*sample.quantile(measure.p));
  if (const auto interval = sample.quantile_interval(measure.p)) {
    result.interval = {static_cast<double>(interval->low), static_cast<double>(interval->high)};
  }
  return result;
}

StudyValue difference_of(const StudyMeasure& measure, const sim::PairedSample& pairs) {
  StudyValue result;
  if (pairs.size() == 0) return result;
  if (measure.statistic == StudyMeasure::Statistic::mean) {
    result.value = pairs.differences().mean();
    if (const auto estimate = pairs.differences().mean_estimate()) {
      result.interval = estimate->interval;
    }
    return result;
  }
  result.value = static_cast<double>(*pairs.quantile_difference(measure.p));
  if (const auto interval = pairs.quantile_difference_interval(measure.p)) {
    result.interval = {static_cast<double>(interval->low), static_cast<double>(interval->high)};
  }
  return result;
}

std::string value_text(const StudyMeasure& measure, double value) {
  const auto whole = static_cast<std::int64_t>(std::llround(value));
  if (measure.is_time()) return seconds_text(whole, decimals_for(std::abs(whole)));
  if (measure.is_fixed_point()) return measure_text(MeasureUnit::thousandth, whole);
  if (measure.statistic != StudyMeasure::Statistic::mean) return grouped(whole);
  char text[40];
  std::snprintf(text, sizeof text, "%.3g", value);
  return std::abs(value) >= 1000 ? grouped(whole) : std::string(text);
}

}  // namespace predrill::harness
