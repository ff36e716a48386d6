#include <nlohmann/json.hpp>

#include "harness/audit/audit.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Estimate& estimate) {
  return {{"value", estimate.value}, {"ci", {estimate.low, estimate.high}}};
}

Json json_of(const MechanismResult& row) {
  return {{"mechanism", info(row.mechanism).name},
          {"runs", row.runs},
          {"posterior", json_of(row.posterior)},
          {"best_over_this", json_of(row.best_over_this)},
          {"compatible", row.possible}};
}

Json json_of(const FaultResult& row) {
  return {{"fault", row.name},
          {"of_the_scenario", row.own},
          {"runs", row.runs},
          {"key_released", row.released},
          {"best_over_this", json_of(row.best_over_this)}};
}

Json json_of(const LineResult& line, const ScenarioSpec& scenario) {
  const Observed& observed = scenario.observed[line.reading.line];
  Json agreeing = Json::object();
  for (std::size_t m = 0; m < line.agreeing.size(); ++m) {
    if (line.agreeing[m].trials() == 0) continue;
    agreeing[std::string(info(static_cast<Mechanism>(m)).name)] = {
        {"runs", line.agreeing[m].trials()}, {"agreeing", line.agreeing[m].successes()}};
  }
  Json json = {{"event", observed.event},
               {"matches", observed.matches},
               {"precision_s", sim::seconds(observed.precision)},
               {"impossible", line.impossible()},
               {"mechanisms", std::move(agreeing)}};
  if (line.reading.at) json["at_s"] = sim::seconds(*line.reading.at);
  return json;
}

Json json_of(const KeyCount& key) {
  Json json = {{"crashes", key.before_threshold.trials()},
               {"bound_s", sim::seconds(key.bound)},
               {"threshold_s", sim::seconds(key.threshold)},
               {"before_threshold", key.before_threshold.successes()},
               {"as_early_as_claimed", key.by_claim.successes()},
               {"probability_below", key.by_claim.upper_bound().value_or(1)}};
  if (key.earliest != sim::forever) json["earliest_s"] = sim::seconds(key.earliest);
  return json;
}

std::string_view name_of(AuditVerdict verdict) {
  switch (verdict) {
    case AuditVerdict::compatible:
      return "compatible";
    case AuditVerdict::incompatible:
      return "incompatible";
    case AuditVerdict::undecided:
      return "undecided";
  }
  return "undecided";
}

}  // namespace

std::string audit_json(const ScenarioSpec& scenario, const AuditReport& report,
                       const AuditOptions& options) {
  Json json = {{"format", "predrill.audit/1"},
               {"command", "audit"},
               {"version", PREDRILL_VERSION},
               {"scenario", scenario.file},
               {"system", scenario.system.name},
               {"seed", options.seed},
               {"runs", options.runs},
               {"claim", report.claim},
               {"claimed_by", report.claimed_by},
               {"verdict", name_of(report.verdict)},
               {"reason", report.reason},
               {"best_over_claim", json_of(report.best_over_claim)},
               {"mechanisms", Json::array()},
               {"faults", Json::array()},
               {"lines", Json::array()}};
  for (const MechanismResult& row : report.mechanisms) json["mechanisms"].push_back(json_of(row));
  for (const FaultResult& row : report.faults) json["faults"].push_back(json_of(row));
  for (const LineResult& line : report.readings) {
    json["lines"].push_back(json_of(line, scenario));
  }
  if (report.key) json["key_loss"] = json_of(*report.key);
  constexpr auto replace = Json::error_handler_t::replace;
  return json.dump(2, ' ', false, replace) + "\n";
}

}  // namespace predrill::harness
