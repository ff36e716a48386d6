#include "harness/measure/result_document.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/gate/gate.hpp"
#include "harness/gate/gate_text.hpp"

namespace predrill::harness {

using Json = nlohmann::ordered_json;
using sim::Duration;
using sim::Sample;

namespace {

enum class Unit { count, seconds, milliseconds, thousandths };

// Rounded to microseconds as an integer and divided once: IEEE 754 and the shortest text that reads
// back leave nothing to compiler or library.
Json number(std::int64_t value, Unit unit) {
  if (unit == Unit::count) return value;
  if (unit == Unit::thousandths) return static_cast<double>(value) / 1e3;
  const std::int64_t rest = value % 1000;
  const std::int64_t micros = value / 1000 + (rest >= 500 ? 1 : rest <= -500 ? -1 : 0);
  return static_cast<double>(micros) / (unit == Unit::seconds ? 1e6 : 1e3);
}

Json seconds(Duration d) {
  return number(d.count(), Unit::seconds);
}

// Four decimals.
Json share(double value) {
  return std::floor(value * 1e4 + 0.5) / 1e4;
}

// Six significant digits: what an estimate is good for, and the same text everywhere.
Json estimate(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return Json();
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", *value);
  return std::strtod(text.data(), nullptr);
}

Json estimate_interval(const std::optional<sim::Interval<double>>& interval) {
  if (!interval) return Json();
  return Json::array({estimate(interval->low), estimate(interval->high)});
}

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

Json distribution(const Sample& sample, Unit unit) {
  const Quantiles q = quantiles(sample);
  const auto value = [&](std::int64_t v) { return q.n == 0 ? Json() : number(v, unit); };
  const auto interval = [&](const std::optional<sim::Interval<std::int64_t>>& ci) {
    return ci ? Json::array({number(ci->low, unit), number(ci->high, unit)}) : Json();
  };
  Json json;
  json["n"] = q.n;
  json["min"] = value(q.min);
  json["p5"] = value(q.p5);
  json["p50"] = value(q.p50);
  json["p50_ci"] = interval(q.p50_ci);
  json["p95"] = value(q.p95);
  json["p95_ci"] = interval(q.p95_ci);
  json["p99"] = value(q.p99);
  json["p99_ci"] = interval(q.p99_ci);
  json["max"] = value(q.max);
  return json;
}

Json proportion(const sim::Proportion& p) {
  Json json;
  json["runs"] = p.successes();
  json["share"] = p.value() ? share(*p.value()) : Json();
  const auto ci = p.wilson();
  json["share_ci"] = ci ? Json::array({share(ci->low), share(ci->high)}) : Json();
  return json;
}

Json errors_of(const PathSummary& path) {
  Json json = Json::object();
  for (const auto& [text, counts] : path.errors) {
    json[text] = distribution(path.errors_per_run(text), Unit::count);
  }
  return json;
}

Json path_of(const PathSummary& path) {
  Json json;
  json["rto_s"] = distribution(path.rto, Unit::seconds);
  json["censored"] = path.censored.size();
  json["downtime_s"] = distribution(path.downtime, Unit::seconds);
  json["failures"] = distribution(path.failures, Unit::count);
  json["not_retried"] = distribution(path.given_up, Unit::count);
  json["unknown_fate"] = distribution(path.unknown, Unit::count);
  json["staleness_s"] = distribution(path.staleness, Unit::seconds);
  json["errors"] = errors_of(path);
  return json;
}

Json modes_of(const Summary& summary) {
  Json json = Json::array();
  for (const Mode& mode : summary.modes()) {
    Json entry;
    entry["min_s"] = number(mode.min, Unit::seconds);
    entry["median_s"] = number(mode.median, Unit::seconds);
    entry["max_s"] = number(mode.max, Unit::seconds);
    entry["runs"] = mode.runs;
    entry["share"] = share(mode.share);
    entry["share_ci"] = Json::array({share(mode.share_ci.low), share(mode.share_ci.high)});
    entry["seed"] = mode.seed;
    json.push_back(std::move(entry));
  }
  return json;
}

Json objectives_of(const ResultEntry& entry) {
  Json json = Json::array();
  for (const Judgement& judgement : entry.judgements) {
    Json one;
    one["measure"] = judgement.objective.measure;
    one["quantile"] = judgement.objective.quantile;
    one["bound"] = judgement.objective.bound;
    one["value"] = judgement.value;
    one["verdict"] = to_text(judgement.verdict);
    one["single_run"] = judgement.single_run;
    one["reason"] = judgement.reason;
    json.push_back(std::move(one));
  }
  return json;
}

Json observed_of(const ResultEntry& entry) {
  Json json = Json::array();
  for (const Observed& line : entry.observed) {
    Json one;
    one["at_s"] = line.at ? seconds(*line.at) : Json();
    one["event"] = line.event;
    one["matches"] = line.matches;
    const auto found = entry.summary->milestones().find(line.matches);
    one["simulated_s"] = found == entry.summary->milestones().end()
                             ? Json()
                             : distribution(found->second, Unit::seconds);
    if (!line.measure.empty()) {
      one["measure"] = line.measure;
      one["logged"] = line.logged ? Json(*line.logged) : Json();
    }
    one["remark"] = line.remark;
    json.push_back(std::move(one));
  }
  return json;
}

// At most so many values of a sample, at equal distances in rank, the smallest and the largest
// among them: enough to draw its distribution.
Json points_of(const Sample& sample) {
  constexpr std::size_t points_max = 201;
  const auto sorted = sample.sorted();
  Json json = Json::array();
  if (sorted.empty()) return json;
  const std::size_t points = std::min(points_max, sorted.size());
  for (std::size_t i = 0; i < points; ++i) {
    const std::size_t at = points == 1 ? 0 : i * (sorted.size() - 1) / (points - 1);
    json.push_back(number(sorted[at], Unit::seconds));
  }
  return json;
}

// Attempts by the second in which they ended, since the fault, for each path.
Json attempts_of(const models::Journal& journal, Duration fault) {
  constexpr std::int64_t step = 1'000'000'000;
  const auto second = [&](const models::Attempt& attempt) {
    const std::int64_t since = attempt.finished - fault.count();
    return since >= 0 ? since / step : -((-since + step - 1) / step);
  };
  Json json = Json::object();
  for (std::size_t path = 0; path < journal.paths.size(); ++path) {
    std::int64_t from = 0, to = -1;
    for (const models::Attempt& attempt : journal.attempts) {
      if (attempt.path != path) continue;
      if (to < from) from = to = second(attempt);
      from = std::min(from, second(attempt));
      to = std::max(to, second(attempt));
    }
    if (to < from) continue;
    std::vector<std::int64_t> ok(static_cast<std::size_t>(to - from + 1)), failed(ok);
    for (const models::Attempt& attempt : journal.attempts) {
      if (attempt.path != path) continue;
      auto& counts = attempt.outcome == models::Outcome::ok ? ok : failed;
      ++counts[static_cast<std::size_t>(second(attempt) - from)];
    }
    Json one;
    one["from_s"] = from;
    one["ok"] = ok;
    one["failed"] = failed;
    json[journal.paths[path]] = std::move(one);
  }
  return json;
}

void add_single_run(const RunMeasures& run, Json& json) {
  Json outages = Json::array();
  for (const PathRun& path : run.paths) {
    for (const Outage& outage : path.measures.outages) {
      Json one;
      one["path"] = path.name;
      one["from_s"] = seconds(outage.begin - run.fault);
      one["to_s"] = seconds(outage.end - run.fault);
      one["open"] = outage.open;
      outages.push_back(std::move(one));
    }
  }
  json["outages"] = std::move(outages);
  Json pool = Json::array();
  for (const PoolReading& reading : run.pool) {
    Json one;
    one["t_s"] = seconds(reading.at);
    one["cl_active"] = reading.cl_active;
    one["cl_waiting"] = reading.cl_waiting;
    one["sv_active"] = reading.sv_active;
    one["sv_idle"] = reading.sv_idle;
    pool.push_back(std::move(one));
  }
  json["pool"] = std::move(pool);
}

void add_paths_and_stages(const Summary& summary, Json& json) {
  const PathSummary& path = summary.objective_path();
  json["path"] = summary.path();
  json["rto_s"] = distribution(path.rto, Unit::seconds);
  json["rto_points_s"] = points_of(path.rto);
  json["censored"] = path.censored.size();
  const auto worst = summary.worst_seed();
  json["worst_seed"] = worst ? Json(*worst) : Json();
  json["modes"] = modes_of(summary);
  Json paths = Json::object();
  for (const auto& [name, one] : summary.paths()) paths[name] = path_of(one);
  json["paths"] = std::move(paths);
  Json by_stage, shares;
  const auto stage_shares = summary.stage_shares();
  for (std::size_t i = 0; i < stages; ++i) {
    const std::string name(stage_names[i]);
    by_stage[name] = distribution(summary.stage_samples()[i], Unit::seconds);
    shares[name] = share(stage_shares[i]);
  }
  json["stages_s"] = std::move(by_stage);
  json["stage_shares"] = std::move(shares);
  const auto dominating = summary.dominating_stage();
  json["dominating_stage"] =
      dominating ? Json(stage_names[static_cast<std::size_t>(*dominating)]) : Json();
}

Json values_of(const Summary& summary) {
  Json json = Json::object();
  for (const auto& [name, value] : summary.values()) {
    const Unit unit = value.unit == MeasureUnit::time         ? Unit::seconds
                      : value.unit == MeasureUnit::thousandth ? Unit::thousandths
                                                              : Unit::count;
    json[name] = distribution(value.sample, unit);
  }
  return json;
}

void add_losses(const Summary& summary, Json& json) {
  json["rpo"]["rows"] = distribution(summary.rpo_rows(), Unit::count);
  json["rpo"]["bytes"] = distribution(summary.rpo_bytes(), Unit::count);
  json["rpo"]["seconds"] = distribution(summary.rpo_age(), Unit::seconds);
  json["dual_writer_ms"] = distribution(summary.dual_writer_overlap(), Unit::milliseconds);
  json["dual_writer_writes"] = distribution(summary.dual_writer_writes(), Unit::count);
  json["failover"] = proportion(summary.failover());
  Json primaries = Json::object();
  for (const auto& [name, runs] : summary.new_primaries()) primaries[name] = runs;
  json["new_primaries"] = std::move(primaries);
  json["key_released"] = proportion(summary.key_released());
  Json milestones = Json::object();
  for (const auto& [name, times] : summary.milestones()) {
    milestones[name] = distribution(times, Unit::seconds);
  }
  json["milestones_s"] = std::move(milestones);
  if (!summary.values().empty()) json["values"] = values_of(summary);
  json["errors"] = errors_of(summary.objective_path());
  Json violations = Json::array();
  for (const auto& [text, violation] : summary.violations()) {
    Json one;
    one["text"] = text;
    one["explained"] = violation.explained;
    one["runs"] = violation.runs;
    one["seeds"] = violation.seeds;
    violations.push_back(std::move(one));
  }
  json["violations"] = std::move(violations);
}

Json measures_of(const ResultEntry& entry) {
  Json json = Json::object();
  for (const MeasureEntry& measure : entry.measures) {
    Json one;
    one["unit"] = measure.unit;
    one["value"] = estimate(measure.value);
    one["ci"] = estimate_interval(measure.interval);
    one["difference"] = estimate(measure.difference);
    one["difference_ci"] = estimate_interval(measure.difference_interval);
    json[measure.name] = std::move(one);
  }
  return json;
}

Json assignments_of(const std::vector<std::pair<std::string, std::string>>& values) {
  Json json = Json::object();
  for (const auto& [path, value] : values) json[path] = value;
  return json;
}

Json what_if_of(const WhatIfPart& part) {
  Json left_out = Json::array();
  for (const auto& values : part.left_out) left_out.push_back(assignments_of(values));
  const auto one = [](const sim::Estimate& e) {
    Json json;
    json["value"] = estimate(e.value);
    json["ci"] = estimate_interval(e.interval);
    return json;
  };
  Json all = Json::object();
  for (const ElasticityEntry& entry : part.elasticities) {
    Json json;
    json["rto"] = one(entry.whole);
    for (std::size_t s = 0; s < entry.by_stage.size(); ++s) {
      json[std::string(stage_names[s])] = one(entry.by_stage[s]);
    }
    all[entry.path] = std::move(json);
  }
  Json json;
  json["left_out"] = std::move(left_out);
  json["elasticities"] = std::move(all);
  json["disturbances"] = part.disturbances;
  if (!part.sensitivity.empty()) {
    Json settings = Json::object();
    for (const SensitivityEntry& entry : part.sensitivity) {
      for (const auto& [name, value] : entry.indices) settings[entry.path][name] = one(value);
    }
    json["sensitivity"]["of"] = part.sensitivity_of;
    json["sensitivity"]["settings"] = std::move(settings);
  }
  if (part.pareto) {
    json["pareto"] = *part.pareto;
    json["smallest_change"] = part.smallest_change ? Json(*part.smallest_change) : Json();
  }
  return json;
}

Json estimate_of(const sim::Estimate& e) {
  Json json;
  json["value"] = estimate(e.value);
  json["ci"] = estimate_interval(e.interval);
  return json;
}

Json loss_of(const RarePart& part, const LossPart& loss) {
  Json json;
  json["probability"] = estimate_of(part.probability);
  json["none_found"] = estimate(loss.none_found);
  json["runs"] = part.runs;
  json["events"] = loss.events;
  if (loss.events_of_counting > 0) json["events_of_counting"] = estimate(loss.events_of_counting);
  if (loss.faults_per_year > 0) {
    json["faults_per_year"] = estimate(loss.faults_per_year);
    json["per_year"] = estimate_of(loss.per_year);
  }
  Json cases = Json::array();
  for (const LossPart::Case& one : loss.cases) {
    cases.push_back({{"faults", one.faults},
                     {"weight", estimate(one.weight)},
                     {"probability", estimate_of(one.probability)},
                     {"passed", one.passed}});
  }
  json["cases"] = std::move(cases);
  return json;
}

Json rare_of(const RarePart& part) {
  if (part.loss) return {{"rows_lost", loss_of(part, *part.loss)}};
  Json json;
  json["path"] = part.path;
  json["length_s"] = seconds(part.length);
  json["probability"] = estimate_of(part.probability);
  json["passed"] = part.passed;
  json["runs"] = part.runs;
  return json;
}

Json availability_of(const AvailabilityPart& part) {
  const auto one = estimate_of;
  Json json;
  json["slo"] = part.slo;
  json["window_s"] = seconds(part.window);
  json["budget_s"] = estimate(part.budget);
  json["budget_exceeded_ci"] = estimate_interval(part.exceeded);
  json["verdict"] = part.met ? "met" : "missed";
  if (part.members > 0)
    json["members"] = {{"count", part.members},
                       {"lost_per_year", estimate(part.losses_per_year)},
                       {"repair_s", seconds(part.repair)},
                       {"years_until_all_are_lost", estimate(part.years_to_loss)}};
  Json years = Json::array();
  for (const YearEntry& entry : part.years) {
    Json year;
    year["change"] = entry.change;
    year["downtime_s"] = one(entry.seconds);
    year["budget_used"] = estimate(entry.budget_used);
    if (entry.saved) year["saved_s"] = one(*entry.saved);
    Json failures = Json::array();
    for (const YearlyFailure& failure : entry.failures) {
      Json row;
      row["fault"] = failure.fault;
      row["per_year"] = estimate(failure.per_year);
      row["source"] = failure.source;
      row["outage_s"] = failure.outage ? one(*failure.outage) : Json();
      row["downtime_s"] = one(failure.seconds);
      row["lost_rows"] = failure.rows ? one(*failure.rows) : Json();
      row["lower_bound"] = failure.lower_bound;
      failures.push_back(std::move(row));
    }
    year["failures"] = std::move(failures);
    years.push_back(std::move(year));
  }
  json["years"] = std::move(years);
  return json;
}

Json change_of(const InputChange& change) {
  Json json;
  json["file"] = change.file;
  json["line"] = change.line > 0 ? Json(change.line) : Json();
  json["key"] = change.key;
  json["before"] = change.before ? Json(*change.before) : Json();
  json["after"] = change.after ? Json(*change.after) : Json();
  return json;
}

Json gate_of(const GateFinding& finding) {
  const auto in_seconds = [](double ms) {
    return number(static_cast<std::int64_t>(ms * 1e6), Unit::seconds);
  };
  Json json;
  json["baseline"] = finding.file;
  json["verdict"] = to_text(finding.verdict);
  json["how"] = how_text(finding);
  json["reasons"] = finding.judgement.reasons;
  json["before_rto_s"] = {{"p50", in_seconds(static_cast<double>(finding.before.p50))},
                          {"p95", in_seconds(static_cast<double>(finding.before.p95))},
                          {"max", in_seconds(static_cast<double>(finding.before.max))}};
  const PairedChange& rto = finding.judgement.rto;
  json["mean_change_s"] = in_seconds(rto.mean);
  json["mean_change_s_ci"] =
      rto.mean_ci ? Json::array({in_seconds(rto.mean_ci->low), in_seconds(rto.mean_ci->high)})
                  : Json();
  json["stage"] = finding.judgement.stage ? Json(stage_text(finding)) : Json();
  json["key"] = finding.key ? change_of(*finding.key) : Json();
  json["changed"] = Json::array();
  for (const InputChange& change : finding.changed) json["changed"].push_back(change_of(change));
  return json;
}

Json entry_of(const ResultEntry& entry) {
  const Summary& summary = *entry.summary;
  Json json;
  json["scenario"] = entry.scenario;
  if (!entry.varied.empty()) {
    json["varied"] = assignments_of(entry.varied);
  }
  if (!entry.measures.empty()) json["measures"] = measures_of(entry);
  json["verdict"] = to_text(entry.verdict);
  json["runs"] = summary.runs();
  json["without_fault"] = summary.without_fault();
  json["fingerprint"] = hexadecimal(summary.fingerprint());
  json["objectives"] = objectives_of(entry);
  add_paths_and_stages(summary, json);
  if (!entry.setting.empty()) json["setting"] = entry.setting;
  add_losses(summary, json);
  if (!entry.observed.empty()) json["observed"] = observed_of(entry);
  if (entry.run != nullptr) add_single_run(*entry.run, json);
  if (entry.run != nullptr && entry.journal != nullptr) {
    json["attempts"] = attempts_of(*entry.journal, entry.run->fault);
  }
  if (entry.gate != nullptr) json["gate"] = gate_of(*entry.gate);
  return json;
}

// Of one entry its own, as of one run.
std::uint64_t fingerprint_of(const ResultDocument& document) {
  if (document.results.size() == 1) return document.results.front().summary->fingerprint();
  std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const ResultEntry& entry : document.results) {
    const std::uint64_t word = entry.summary->fingerprint();
    for (int shift = 0; shift < 64; shift += 8) {
      digest = (digest ^ ((word >> shift) & 0xffU)) * 0x100000001b3ULL;
    }
  }
  return digest;
}

}  // namespace

std::string to_json(const ResultDocument& document) {
  Json json;
  json["format"] = "predrill.result/1";
  json["command"] = document.command;
  json["version"] = document.version;
  json["system"] = document.system;
  json["seed"] = document.seed;
  if (!document.reproduce.empty()) json["reproduce"] = document.reproduce;
  std::int64_t runs = 0;
  for (const ResultEntry& entry : document.results) runs = std::max(runs, entry.summary->runs());
  json["runs"] = runs;
  json["fingerprint"] = hexadecimal(fingerprint_of(document));
  Json results = Json::array();
  for (const ResultEntry& entry : document.results) results.push_back(entry_of(entry));
  json["results"] = std::move(results);
  if (document.what_if) json["what_if"] = what_if_of(*document.what_if);
  if (document.rare) json["rare"] = rare_of(*document.rare);
  if (document.availability) json["availability"] = availability_of(*document.availability);
  if (!document.timeline.empty()) {
    Json timeline = Json::array();
    for (const TimelineEntry& entry : document.timeline) {
      Json one;
      one["t_s"] = seconds(entry.at);
      one["component"] = entry.component;
      one["event"] = entry.event;
      if (entry.id != 0) one["id"] = entry.id;
      if (entry.cause != 0) one["cause"] = entry.cause;
      timeline.push_back(std::move(one));
    }
    json["timeline"] = std::move(timeline);
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace predrill::harness
