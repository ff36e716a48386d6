#include "harness/report/chaos_toolkit.hpp"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "harness/load/chaos_experiment.hpp"
#include "harness/load/fault_forms.hpp"

namespace predrill::harness {

using Json = nlohmann::ordered_json;

namespace {

std::string name_of(const FaultSpec& fault) {
  if (!fault.name.empty()) return fault.name;
  for (const FaultForm& form : fault_forms()) {
    if (form.kind == fault.kind) return std::string(form.name);
  }
  return "fault";
}

Json provider_of(const std::string& arguments) {
  return {{"type", "process"}, {"path", "predrill"}, {"arguments", arguments}};
}

Json probe_of(const Judgement& judgement) {
  Json probe;
  probe["type"] = "probe";
  probe["name"] = judgement.objective.measure;
  probe["tolerance"] = {{"type", "range"}, {"range", {0, judgement.objective.bound}}};
  probe["provider"] = provider_of("run");
  return probe;
}

// The experiment that was read, or one that says what the scenario says.
Json experiment_of(const ScenarioSpec& scenario, std::span<const Judgement> judgements) {
  Diagnostics ignored;  // the scenario has been read from it
  const auto source = load_document(scenario.file, ignored);
  if (source && is_chaos_experiment(*source)) return Json::parse(json_of(source->root()));
  Json experiment;
  experiment["version"] = "1.0.0";
  experiment["title"] = scenario.title.empty() ? scenario.name : scenario.title;
  experiment["description"] = "Simulated by predrill from " + scenario.file;
  experiment["tags"] = {"simulated", scenario.system.name};
  Json probes = Json::array();
  for (const Judgement& judgement : judgements) probes.push_back(probe_of(judgement));
  experiment["steady-state-hypothesis"] = {{"title", "The objectives are met"}, {"probes", probes}};
  experiment["method"] = Json::array();
  for (const FaultSpec& fault : scenario.faults) {
    Json action;
    action["type"] = "action";
    action["name"] = name_of(fault);
    action["provider"] = provider_of("run " + scenario.file);
    experiment["method"].push_back(std::move(action));
  }
  experiment["rollbacks"] = Json::array();
  return experiment;
}

// Seconds of a pause before or after an activity.
double pause_of(const Json& activity, const char* when) {
  const Json pauses = activity.value("pauses", Json::object());
  const auto found = pauses.find(when);
  return found != pauses.end() && found->is_number() ? found->get<double>() : 0;
}

}  // namespace

std::string utc_text(std::int64_t microseconds) {
  constexpr std::int64_t million = 1'000'000, day = 86'400;
  const std::int64_t seconds = microseconds / million;
  // Days since 1970 to a date: Howard Hinnant, "chrono-compatible low-level date algorithms".
  const std::int64_t z = seconds / day + 719468;
  const std::int64_t era = z / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t month = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const std::int64_t rest = seconds % day;
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%06lld",
                static_cast<long long>(year), static_cast<long long>(month),
                static_cast<long long>(doy - (153 * mp + 2) / 5 + 1),
                static_cast<long long>(rest / 3600), static_cast<long long>(rest / 60 % 60),
                static_cast<long long>(rest % 60), static_cast<long long>(microseconds % million));
  return text.data();
}

std::string chaos_journal(const ScenarioSpec& scenario, const RunOutcome& outcome,
                          std::span<const Judgement> judgements, Verdict verdict,
                          std::int64_t epoch, const std::string& version) {
  const auto at = [epoch](sim::Duration time) {
    return utc_text(epoch * 1'000'000 + time / std::chrono::microseconds(1));
  };
  const RunMeasures& run = outcome.measures;
  const bool ran = outcome.problem.empty() && run.struck();
  const sim::Duration fault = ran ? run.fault : sim::Duration{};
  const sim::Duration end = fault + scenario.run_for;
  const Json experiment = experiment_of(scenario, judgements);
  Json after = {{"steady_state_met", verdict == Verdict::met}, {"probes", Json::array()}};
  for (const Judgement& judgement : judgements) {
    Json probe;
    probe["activity"] = probe_of(judgement);
    probe["output"] = judgement.value;
    probe["status"] = "succeeded";
    probe["start"] = probe["end"] = at(end);
    probe["duration"] = 0.0;
    probe["tolerance_met"] = judgement.verdict == Verdict::met;
    after["probes"].push_back(std::move(probe));
  }
  Json activities = Json::array();  // of the simulated actions: its probes are predrill's own
  sim::Duration when = fault;
  for (const Json& action : experiment.at("method")) {
    const auto pause = [&](const char* key) {
      return sim::Duration(static_cast<std::int64_t>(pause_of(action, key) * 1e9));
    };
    if (!activities.empty()) when += pause("before");
    if (action.value("type", "") == "action") {
      Json one;
      one["activity"] = action;
      one["output"] = ran ? Json(run.new_primary) : Json();
      one["status"] = ran ? "succeeded" : "failed";
      one["start"] = one["end"] = at(when);
      one["duration"] = 0.0;
      if (!ran) one["exception"] = {outcome.problem};
      activities.push_back(std::move(one));
    }
    if (!activities.empty()) when += pause("after");
  }
  Json journal;
  journal["chaoslib-version"] = "1.0.0";
  journal["platform"] = "predrill " + version + " (simulated)";
  journal["node"] = scenario.system.name;
  journal["experiment"] = experiment;
  journal["start"] = at(sim::Duration{});
  journal["status"] = ran ? "completed" : "failed";
  journal["deviated"] = verdict == Verdict::missed;
  journal["steady_states"] = {{"before", {{"steady_state_met", true}, {"probes", Json::array()}}},
                              {"after", std::move(after)},
                              {"during", Json::array()}};
  journal["run"] = std::move(activities);
  journal["rollbacks"] = Json::array();
  journal["end"] = at(end);
  journal["duration"] = static_cast<double>(end / std::chrono::microseconds(1)) / 1e6;
  return journal.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace predrill::harness
