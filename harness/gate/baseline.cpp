#include "harness/gate/baseline.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "harness/gate/judge.hpp"

namespace predrill::harness {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

std::uint64_t from_hexadecimal(const Json& text) {
  return std::stoull(text.get<std::string>(), nullptr, 16);
}

// What a reviewer reads; the program reads the samples.
Json summary_of(const std::vector<SeedMeasure>& runs) {
  sim::Sample rto;
  std::array<std::int64_t, stages> sums{};
  std::int64_t without = 0, open = 0, losses = 0;
  for (const SeedMeasure& run : runs) {
    if (!run.has_result) {
      ++without;
      continue;
    }
    rto.add(run.rto_ms);
    open += run.recovered ? 0 : 1;
    losses += run.lost_rows > 0 ? 1 : 0;
    for (std::size_t i = 0; i < stages; ++i) sums[i] += run.stages_ms[i];
  }
  Json json;
  json["without_result"] = without;
  json["not_recovered"] = open;
  json["with_lost_rows"] = losses;
  const Quantiles q = quantiles(rto);
  json["rto_ms"] = {{"min", q.min}, {"p50", q.p50}, {"p95", q.p95}, {"p99", q.p99}, {"max", q.max}};
  Json means;
  const std::int64_t n = std::max<std::int64_t>(1, rto.size());
  for (std::size_t i = 0; i < stages; ++i) {
    means[std::string(stage_names[i])] = (sums[i] + n / 2) / n;
  }
  json["stage_means_ms"] = std::move(means);
  return json;
}

Json samples_of(const std::vector<SeedMeasure>& runs) {
  Json json;
  std::vector<std::int64_t> rto, lost;
  std::array<std::vector<std::int64_t>, stages> by_stage;
  std::vector<std::uint64_t> without, open;
  for (const SeedMeasure& run : runs) {
    rto.push_back(run.rto_ms);
    lost.push_back(run.lost_rows);
    for (std::size_t i = 0; i < stages; ++i) by_stage[i].push_back(run.stages_ms[i]);
    if (!run.has_result) without.push_back(run.seed);
    if (run.has_result && !run.recovered) open.push_back(run.seed);
  }
  json["rto"] = rto;
  for (std::size_t i = 0; i < stages; ++i) json[std::string(stage_names[i])] = by_stage[i];
  json["lost_rows"] = lost;
  // Most measures of most scenarios are zero throughout.
  for (auto it = json.begin(); it != json.end();) {
    const bool zero =
        std::all_of(it->begin(), it->end(), [](const Json& value) { return value == 0; });
    it = zero ? json.erase(it) : std::next(it);
  }
  json["seeds_without_result"] = without;
  json["seeds_not_recovered"] = open;
  return json;
}

// Two levels of indentation, what lies deeper on the line of its key: a value per line in reviews.
void write_section(std::string& text, const Json& section, const std::string& indent) {
  text += "{";
  bool first = true;
  for (const auto& [key, value] : section.items()) {
    text += (first ? "\n" : ",\n") + indent + Json(key).dump() + ": ";
    text += value.dump(-1, ' ', false, Json::error_handler_t::replace);
    first = false;
  }
  text += "\n" + indent.substr(2) + "}";
}

std::string written(const Json& json) {
  std::string text = "{";
  bool first = true;
  for (const auto& [key, value] : json.items()) {
    text += (first ? "\n  " : ",\n  ") + Json(key).dump() + ": ";
    first = false;
    if (key == "configuration") {
      text += "{";
      bool first_file = true;
      for (const auto& [file, values] : value.items()) {
        text += (first_file ? "\n    " : ",\n    ") + Json(file).dump() + ": ";
        write_section(text, values, "      ");
        first_file = false;
      }
      text += "\n  }";
    } else if (value.is_object()) {
      write_section(text, value, "    ");
    } else {
      text += value.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
  }
  return text + "\n}\n";
}

Json configuration_of(const std::vector<InputValue>& values) {
  Json json = Json::object();
  for (const InputValue& value : values) json[value.file][value.key] = {value.value, value.line};
  return json;
}

template <class T, class Put>
void read_sample(const Json& samples, std::string_view key, std::vector<SeedMeasure>& runs,
                 Put put) {
  const auto found = samples.find(std::string(key));
  if (found == samples.end()) return;
  const auto values = found->get<std::vector<T>>();
  for (std::size_t i = 0; i < std::min(values.size(), runs.size()); ++i) put(runs[i], values[i]);
}

void read_runs(const Json& json, std::vector<SeedMeasure>& runs) {
  const auto first = json.at("first_seed").get<std::uint64_t>();
  constexpr std::size_t most = 1'000'000;
  const auto count = json.at("runs").get<std::size_t>();
  runs.resize(std::min(count, most));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].seed = first + i;
    runs[i].has_result = true;
  }
  const Json& samples = json.at("samples_ms");
  using Count = std::int64_t;
  read_sample<Count>(samples, "rto", runs, [](SeedMeasure& run, Count v) { run.rto_ms = v; });
  read_sample<Count>(samples, "lost_rows", runs,
                     [](SeedMeasure& run, Count v) { run.lost_rows = v; });
  for (std::size_t s = 0; s < stages; ++s) {
    read_sample<Count>(samples, stage_names[s], runs,
                       [s](SeedMeasure& run, Count v) { run.stages_ms[s] = v; });
  }
  const auto of_seeds = [&](const char* key, auto change) {
    for (const auto seed : samples.at(key).get<std::vector<std::uint64_t>>()) {
      if (seed >= first && seed - first < runs.size()) change(runs[seed - first]);
    }
  };
  of_seeds("seeds_without_result", [](SeedMeasure& run) { run.has_result = false; });
  of_seeds("seeds_not_recovered", [](SeedMeasure& run) { run.recovered = false; });
}

Baseline read(const Json& json) {
  Baseline baseline;
  baseline.scenario = json.at("scenario").get<std::string>();
  baseline.title = json.at("title").get<std::string>();
  baseline.system = json.at("system").get<std::string>();
  baseline.path = json.at("path").get<std::string>();
  baseline.version = json.at("version").get<std::string>();
  baseline.inputs = from_hexadecimal(json.at("inputs"));
  baseline.fingerprint = from_hexadecimal(json.at("fingerprint"));
  baseline.quick_runs = json.at("quick_runs").get<std::size_t>();
  baseline.quick_fingerprint = from_hexadecimal(json.at("quick_fingerprint"));
  for (const Json& one : json.at("bounds")) {
    GateBound bound;
    bound.quantile = one.at("quantile").get<double>();
    bound.objective_ms = one.at("objective_ms").get<std::int64_t>();
    const Json& limit = one.at("bound_ms");
    if (!limit.is_null()) bound.bound_ms = limit.get<std::int64_t>();
    bound.met = one.at("met").get<bool>();
    baseline.bounds.push_back(bound);
  }
  baseline.violations = json.at("violations").get<std::set<std::string>>();
  read_runs(json, baseline.runs);
  for (const auto& [file, values] : json.at("configuration").items()) {
    for (const auto& [key, value] : values.items()) {
      baseline.values.push_back(
          {file, key, value.at(0).get<std::string>(), value.at(1).get<int>()});
    }
  }
  return baseline;
}

}  // namespace

GateBound bound_of(double quantile, std::int64_t objective_ms,
                   const std::vector<SeedMeasure>& runs) {
  GateBound bound{quantile, objective_ms, std::nullopt, false};
  auto test = sequential_test_of(quantile);
  if (!test) return bound;
  std::int64_t slowest = objective_ms, n = 0, open = 0;
  for (const SeedMeasure& run : runs) {
    if (!run.has_result) continue;
    ++n;
    open += run.recovered ? 0 : 1;
    if (run.recovered) slowest = std::max(slowest, run.rto_ms);
    test->add(run.recovered && run.rto_ms <= objective_ms);
  }
  bound.met = test->decision() == sim::SequentialTest::Decision::accept;
  if (bound.met) {
    bound.bound_ms = objective_ms;
  } else if (static_cast<double>(open) <= (1 - quantile) * static_cast<double>(n) / 2) {
    bound.bound_ms = slowest;
  }
  return bound;
}

Baseline baseline_of(const std::string& file, const ScenarioSpec& scenario, const Arm& arm,
                     const std::vector<InputValue>& values, const std::string& version) {
  const fs::path folder = fs::path(file).lexically_normal().parent_path();
  Baseline baseline;
  baseline.file = file;
  baseline.scenario =
      fs::path(scenario.file).lexically_normal().lexically_relative(folder).generic_string();
  baseline.title = scenario.title.empty() ? scenario.name : scenario.title;
  baseline.system = scenario.system.name;
  baseline.path = scenario.path;
  baseline.version = version;
  baseline.inputs = digest_of(values, folder);
  baseline.fingerprint = fingerprint_of(arm.runs);
  baseline.quick_runs = std::min(baseline_quick_runs, arm.runs.size());
  baseline.quick_fingerprint = fingerprint_of(std::span(arm.runs).first(baseline.quick_runs));
  for (const Objective& objective : scenario.objectives) {
    if (objective.measure != "rto") continue;
    const auto bound =
        milliseconds(sim::Duration(static_cast<std::int64_t>(objective.bound * 1e9)));
    baseline.bounds.push_back(bound_of(objective.quantile, bound, arm.runs));
  }
  baseline.runs = arm.runs;
  for (SeedMeasure& run : baseline.runs) run.fingerprint = 0;
  baseline.violations = arm.violations;
  baseline.values = relative_to(values, folder);
  return baseline;
}

std::string to_json(const Baseline& baseline) {
  Json json;
  json["format"] = "predrill.baseline/1";
  json["scenario"] = baseline.scenario;
  json["title"] = baseline.title;
  json["system"] = baseline.system;
  json["path"] = baseline.path;
  json["version"] = baseline.version;
  json["first_seed"] = baseline.runs.empty() ? 0 : baseline.runs.front().seed;
  json["runs"] = baseline.runs.size();
  json["inputs"] = hexadecimal(baseline.inputs);
  json["fingerprint"] = hexadecimal(baseline.fingerprint);
  json["quick_runs"] = baseline.quick_runs;
  json["quick_fingerprint"] = hexadecimal(baseline.quick_fingerprint);
  json["bounds"] = Json::array();
  for (const GateBound& bound : baseline.bounds) {
    json["bounds"].push_back({{"quantile", bound.quantile},
                              {"objective_ms", bound.objective_ms},
                              {"bound_ms", bound.bound_ms ? Json(*bound.bound_ms) : Json()},
                              {"met", bound.met}});
  }
  json["violations"] = baseline.violations;
  json["summary"] = summary_of(baseline.runs);
  json["configuration"] = configuration_of(baseline.values);
  json["samples_ms"] = samples_of(baseline.runs);
  return written(json);
}

std::optional<Baseline> load_baseline(const fs::path& path, Diagnostics& diagnostics) {
  const Place place{std::make_shared<const std::string>(path.string()), 0, 0};
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) {
    diagnostics.error(place, "", "cannot be read");
    return std::nullopt;
  }
  try {
    const Json json = Json::parse(text);
    if (!json.is_object() || json.value("format", "") != "predrill.baseline/1") {
      diagnostics.error(place, "", "is not a baseline",
                        "predrill gate DIR --update --add SCENARIO writes one");
      return std::nullopt;
    }
    Baseline baseline = read(json);
    baseline.file = path.string();
    return baseline;
  } catch (const std::exception& error) {
    diagnostics.error(place, "", "is not a baseline: " + printable(error.what(), 200),
                      "predrill gate DIR --update writes it anew");
    return std::nullopt;
  }
}

std::vector<InputValue> relative_to(std::vector<InputValue> values, const fs::path& folder) {
  for (InputValue& value : values) {
    value.file = fs::path(value.file).lexically_relative(folder).generic_string();
  }
  return values;
}

std::vector<InputValue> below(std::vector<InputValue> values, const fs::path& folder) {
  for (InputValue& value : values) {
    value.file = (folder / value.file).lexically_normal().string();
  }
  return values;
}

}  // namespace predrill::harness
