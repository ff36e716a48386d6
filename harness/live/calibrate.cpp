#include "harness/live/calibrate.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "harness/report/number.hpp"
#include "sim/sample.hpp"

namespace predrill::harness::live {

using Json = nlohmann::ordered_json;
using sim::Sample;

namespace {

// Fewer say too little about a tail to be written down.
constexpr std::size_t enough = 8;

std::optional<std::int64_t> milestone(const DrillRecord& record, std::string_view name) {
  for (const NamedTime& one : record.measures.milestones) {
    if (one.name == name) return one.at.count();
  }
  return std::nullopt;
}

using Values = std::vector<std::int64_t>;

// Out of order: they belong to two different attempts.
void add_between(const DrillRecord& record, std::string_view from, std::string_view to,
                 Values& values) {
  const auto begin = milestone(record, from);
  const auto end = milestone(record, to);
  if (begin && end && *end >= *begin) values.push_back(*end - *begin);
}

Values from_logs(const std::vector<DrillRecord>& records, std::string_view name) {
  Values values;
  for (const DrillRecord& record : records) {
    if (!record.valid()) continue;
    if (const auto found = record.delays.find(std::string(name)); found != record.delays.end()) {
      for (const sim::Duration value : found->second) values.push_back(value.count());
    } else if (record.delays.empty() && name == "postgresql.promotion") {
      // An older record; its milestones tell this delay alone.
      add_between(record, "promotion_started", "promotion_finished", values);
    }
  }
  return values;
}

std::string milliseconds_text(std::int64_t nanoseconds) {
  return seconds_text(nanoseconds * 1000, 1) + "ms";
}

std::string as_duration(std::int64_t nanoseconds) {
  return std::to_string((nanoseconds + 500) / 1000) + "us";
}

// Quantiles as the loader reads them; the extremes are the smallest and the largest value. Those
// near them are left out where hardly two values lie beyond; without them a straight line to one
// extreme value would lengthen the tail.
Json distribution(const FittedDelay& delay) {
  const Sample sample(delay.values);
  const auto size = static_cast<double>(sample.size());
  Json json;
  for (const auto& [name, p] : {std::pair{"p0", 0.0},
                                {"p5", 0.05},
                                {"p25", 0.25},
                                {"p50", 0.5},
                                {"p75", 0.75},
                                {"p90", 0.9},
                                {"p95", 0.95},
                                {"p99", 0.99},
                                {"p100", 1.0}}) {
    const bool extreme = p == 0 || p == 1;
    if (extreme || size * std::min(p, 1 - p) >= 2) {
      json["quantiles"][name] = as_duration(*sample.quantile(p));
    }
  }
  json["source"] = "measured: " + delay.meaning + ", " + std::to_string(sample.size()) + " times";
  return json;
}

sim::Distribution fitted(const FittedDelay& delay) {
  std::vector<sim::Duration> values;
  for (const std::int64_t value : delay.values) values.emplace_back(value);
  return sim::Distribution::empirical(values).with_source("fitted to half of the drills");
}

void apply(const std::vector<FittedDelay>& delays, SystemSpec& system) {
  for (const FittedDelay& delay : delays) {
    timing_of(system, delay.name) = fitted(delay);
  }
}

std::vector<FittedDelay> fit(const std::vector<DrillRecord>& records,
                             std::vector<std::string>& too_few) {
  std::vector<FittedDelay> delays;
  const auto add = [&](std::string name, std::string_view meaning, Values values) {
    if (values.size() < enough) {
      too_few.push_back(name + ": " + std::to_string(values.size()) + " times");
    } else {
      delays.push_back({std::move(name), std::string(meaning), std::move(values)});
    }
  };
  for (const LineDelay& delay : line_delays()) {
    add(std::string(delay.name), delay.meaning, from_logs(records, delay.name));
  }
  return delays;
}

}  // namespace

Calibration calibrate(const std::vector<DrillRecord>& records, const CompareOptions& options) {
  std::map<std::pair<std::string, std::vector<std::string>>, std::size_t> count;
  std::vector<DrillRecord> first;
  std::vector<DrillRecord> second;
  for (const DrillRecord& record : records) {
    const std::size_t turn = count[{record.scenario, record.settings}]++;
    (turn % 2 == 0 ? first : second).push_back(record);
  }
  Calibration calibration;
  calibration.drills = records.size();
  calibration.delays = fit(records, calibration.too_few);
  calibration.before = compare(second, options);
  std::vector<std::string> too_few_in_half;
  const std::vector<FittedDelay> half = fit(first, too_few_in_half);
  CompareOptions with = options;
  with.adjust = [&half](SystemSpec& system) { apply(half, system); };
  calibration.after = compare(second, with);
  calibration.all = compare(records, with);
  return calibration;
}

std::string calibration_json(const Calibration& calibration,
                             const std::vector<DrillRecord>& records,
                             const std::vector<std::string>& files) {
  Json json;
  json["format"] = "predrill.calibration/1";
  Json& provenance = json["provenance"];
  provenance["drills"] = calibration.drills;
  provenance["files"] = files;
  if (!records.empty()) {
    provenance["from"] = records.front().started;
    provenance["until"] = records.back().started;
    provenance["software"] = records.front().software;
    provenance["machine"] = records.front().machine;
  }
  json["timings"] = Json::object();
  for (const FittedDelay& delay : calibration.delays) {
    const std::size_t dot = delay.name.find('.');
    json["timings"][delay.name.substr(0, dot)][delay.name.substr(dot + 1)] = distribution(delay);
  }
  return json.dump(2) + "\n";
}

std::string calibration_text(const Calibration& calibration, const TextStyle& style) {
  constexpr auto right = Table::Align::right;
  Table table({{"timing"},
               {"n", right},
               {"p50", right},
               {"95 % interval", right},
               {"min", right},
               {"p90", right},
               {"max", right},
               {"what it is", Table::Align::left, true}});
  for (const FittedDelay& delay : calibration.delays) {
    const Sample sample(delay.values);
    const auto interval = sample.quantile_interval(0.5);
    table.add({delay.name, std::to_string(sample.size()), milliseconds_text(*sample.quantile(0.5)),
               interval
                   ? milliseconds_text(interval->low) + " – " + milliseconds_text(interval->high)
                   : "",
               milliseconds_text(*sample.min()), milliseconds_text(*sample.quantile(0.9)),
               milliseconds_text(*sample.max()), delay.meaning});
  }
  std::string text =
      "Fitted to " + std::to_string(calibration.drills) + " drills\n" + table.text(style, 2);
  for (const std::string& one : calibration.too_few) text += "  not fitted: " + one + "\n";
  text += "\nWhat such a fit is worth: half of the drills, predicted without one\n" +
          compare_text(calibration.before, style, false) +
          "\nThe same half, with a fit to the other half\n" +
          compare_text(calibration.after, style, false) + "\nAll drills, with that fit to half\n" +
          compare_text(calibration.all, style, false);
  return text;
}

}  // namespace predrill::harness::live
