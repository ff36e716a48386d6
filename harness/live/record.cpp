#include "harness/live/record.hpp"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace predrill::harness::live {

using Json = nlohmann::ordered_json;
using sim::Duration;

namespace {

// Microseconds are more than a live measurement knows.
Json seconds(std::int64_t nanoseconds) {
  return static_cast<double>((nanoseconds + (nanoseconds < 0 ? -500 : 500)) / 1000) / 1e6;
}
Json seconds(Duration d) {
  return seconds(d.count());
}

Duration duration(const Json& json) {
  return Duration(std::llround(json.get<double>() * 1e6) * 1000);
}

Json path_json(const PathRun& path) {
  Json json;
  json["rto_s"] = seconds(path.measures.rto);
  json["downtime_s"] = seconds(path.measures.downtime);
  if (path.measures.censored) json["censored"] = true;
  json["outages_s"] = Json::array();
  for (const Outage& outage : path.measures.outages) {
    Json edges = {seconds(outage.begin), seconds(outage.end)};
    if (outage.open) edges.push_back("open");
    json["outages_s"].push_back(std::move(edges));
  }
  json["attempts"] = path.measures.attempts;
  json["failures"] = path.measures.failures;
  json["unknown"] = path.measures.unknown;
  for (const ErrorCount& error : path.errors) json["errors"][error.text] = error.attempts;
  return json;
}

PathRun read_path(const std::string& name, const Json& json) {
  PathRun path;
  path.name = name;
  path.measures.rto = duration(json.at("rto_s"));
  path.measures.downtime = duration(json.at("downtime_s"));
  path.measures.censored = json.value("censored", false);
  for (const Json& edges : json.at("outages_s")) {
    path.measures.outages.push_back(
        {duration(edges.at(0)), duration(edges.at(1)), edges.size() > 2});
  }
  path.measures.attempts = json.at("attempts");
  path.measures.failures = json.at("failures");
  path.measures.unknown = json.at("unknown");
  if (!json.contains("errors")) return path;
  for (const auto& [text, count] : json["errors"].items()) {
    path.errors.push_back({text, count.get<std::uint64_t>(), count.get<std::uint64_t>()});
  }
  return path;
}

Json measures_json(const RunMeasures& run) {
  Json json;
  json["fault_s"] = seconds(run.fault);
  for (const PathRun& path : run.paths) json["paths"][path.name] = path_json(path);
  for (std::size_t i = 0; i < stages; ++i) {
    json["stages_s"][std::string(stage_names[i])] = seconds(run.stages_of_path[i]);
  }
  json["milestones_s"] = Json::object();
  for (const NamedTime& one : run.milestones) json["milestones_s"][one.name] = seconds(one.at);
  json["new_primary"] = run.new_primary;
  json["key_released"] = run.key_released;
  json["lost_rows"] = run.loss.rows;
  json["lost_age_s"] = seconds(run.loss.age);
  return json;
}

RunMeasures read_measures(const Json& json) {
  RunMeasures run;
  run.fault = duration(json.at("fault_s"));
  for (const auto& [name, path] : json.at("paths").items()) {
    run.paths.push_back(read_path(name, path));
  }
  for (std::size_t i = 0; i < stages; ++i) {
    run.stages_of_path[i] = duration(json.at("stages_s").at(std::string(stage_names[i])));
  }
  for (const auto& [name, at] : json.at("milestones_s").items()) {
    run.milestones.push_back({name, duration(at)});
  }
  run.new_primary = json.at("new_primary");
  run.key_released = json.at("key_released");
  run.loss.rows = json.at("lost_rows");
  run.loss.age = duration(json.at("lost_age_s"));
  return run;
}

PredictedRange read_range(const Json& range, auto as) {
  return {as(range.at("p5")), as(range.at("p25")), as(range.at("p50")), as(range.at("p75")),
          as(range.at("p95"))};
}

DrillRecord read_record(const Json& json) {
  DrillRecord record;
  record.scenario = json.at("scenario");
  record.settings = json.at("settings").get<std::vector<std::string>>();
  record.fault = json.at("fault");
  record.started = json.at("started");
  record.machine = json.at("machine").get<std::map<std::string, std::string>>();
  record.software = json.at("software").get<std::map<std::string, std::string>>();
  record.primary = json.at("primary");
  record.sync = json.at("sync");
  record.path = json.at("path");
  record.measures = read_measures(json.at("measured"));
  if (json.contains("phase_s")) record.phase = duration(json.at("phase_s"));
  if (json.contains("delays_s")) {
    for (const auto& [name, values] : json.at("delays_s").items()) {
      for (const Json& value : values) record.delays[name].push_back(duration(value));
    }
  }
  record.proof = json.at("proof");
  record.problem = json.at("problem");
  record.acknowledged = json.at("acknowledged");
  record.unknown_present = json.at("unknown_present");
  record.predicted_runs = json.at("predicted_runs");
  const auto nanoseconds = [](const Json& value) { return duration(value).count(); };
  for (const auto& [name, range] : json.at("predicted").items()) {
    record.predicted[name] = read_range(range, nanoseconds);
  }
  if (json.contains("predicted_lost_rows")) {
    const auto rows = [](const Json& value) { return value.get<std::int64_t>(); };
    record.predicted_lost = read_range(json.at("predicted_lost_rows"), rows);
  }
  return record;
}

Json range_json(const PredictedRange& range, auto as) {
  return {{"p5", as(range.p5)},
          {"p25", as(range.p25)},
          {"p50", as(range.p50)},
          {"p75", as(range.p75)},
          {"p95", as(range.p95)}};
}

}  // namespace

std::string to_line(const DrillRecord& record) {
  Json json;
  json["format"] = "predrill.drill/1";
  json["scenario"] = record.scenario;
  json["settings"] = record.settings;
  json["fault"] = record.fault;
  json["started"] = record.started;
  json["machine"] = record.machine;
  json["software"] = record.software;
  json["primary"] = record.primary;
  json["sync"] = record.sync;
  json["path"] = record.path;
  if (record.phase) json["phase_s"] = seconds(*record.phase);
  json["proof"] = record.proof;
  json["problem"] = record.problem;
  json["measured"] = measures_json(record.measures);
  for (const auto& [name, values] : record.delays) {
    for (const Duration value : values) json["delays_s"][name].push_back(seconds(value));
  }
  json["acknowledged"] = record.acknowledged;
  json["unknown_present"] = record.unknown_present;
  json["predicted_runs"] = record.predicted_runs;
  json["predicted"] = Json::object();
  for (const auto& [name, range] : record.predicted) {
    json["predicted"][name] = range_json(range, [](std::int64_t ns) { return seconds(ns); });
  }
  if (record.predicted_lost) {
    json["predicted_lost_rows"] =
        range_json(*record.predicted_lost, [](std::int64_t rows) { return rows; });
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::vector<DrillRecord> read_records(const std::vector<std::string>& files,
                                      std::vector<std::string>& problems) {
  std::vector<DrillRecord> records;
  for (const std::string& file : files) {
    std::ifstream stream(file);
    if (!stream) problems.push_back(file + ": cannot be read");
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) {
      if (line.empty()) continue;
      const std::string place = file + ":" + std::to_string(number) + ": ";
      const Json json = Json::parse(line, nullptr, false);
      if (!json.is_object() || json.value("format", "") != "predrill.drill/1") {
        problems.push_back(place + "no record of a drill (\"format\": \"predrill.drill/1\")");
        continue;
      }
      try {
        records.push_back(read_record(json));
      } catch (const Json::exception& error) {
        problems.push_back(place + error.what());
      }
    }
  }
  return records;
}

}  // namespace predrill::harness::live
