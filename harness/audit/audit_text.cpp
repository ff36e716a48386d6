#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "harness/audit/audit.hpp"
#include "harness/report/number.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

std::string title(const std::string& text, const TextStyle& style) {
  return "\n" + coloured(text, Colour::bold, style) + "\n";
}

std::string paragraph(const std::string& text, const TextStyle& style, std::size_t indent = 2) {
  std::string out;
  for (const std::string& line : wrap(text, style.width - indent)) {
    out += std::string(indent, ' ') + line + "\n";
  }
  return out;
}

std::string item(const std::string& text, const TextStyle& style) {
  std::string out;
  bool first = true;
  for (const std::string& line : wrap(text, style.width - 4)) {
    out += (first ? "  - " : "    ") + line + "\n";
    first = false;
  }
  return out;
}

std::string count(std::size_t n) {
  return grouped(static_cast<std::int64_t>(n));
}

// No share of simulated runs makes a certainty.
std::string share_text(double share) {
  return share > 0.999 ? "> 99.9 %" : share < 0.001 ? "< 0.1 %" : percent_text(share, 1);
}

std::string posterior_text(const Estimate& estimate) {
  if (estimate.low > 0.999 || estimate.high < 0.001) return share_text(estimate.value);
  return share_text(estimate.value) + " [" + share_text(estimate.low) + ", " +
         share_text(estimate.high) + "]";
}

std::string times_text(const Estimate& estimate) {
  if (estimate.value <= 1) return "1";
  if (estimate.value >= 1e6) return "more than a million";
  char text[96];
  std::snprintf(text, sizeof text, "%.3g [%.3g, %.3g]", estimate.value, estimate.low,
                estimate.high);
  return text;
}

std::string mechanism_table(const AuditReport& report, const TextStyle& style) {
  Table table({{"mechanism"},
               {"runs", Table::Align::right},
               {"posterior [95 %]", Table::Align::right},
               {"best : this [95 %]", Table::Align::right},
               {"the record is"}});
  std::size_t possible = 0;
  for (const MechanismResult& row : report.mechanisms) possible += row.possible ? 1 : 0;
  for (const MechanismResult& row : report.mechanisms) {
    const Table::Cell verdict = !row.possible ? Table::Cell("incompatible", Colour::red)
                                : possible > 1
                                    ? Table::Cell("compatible, cannot distinguish", Colour::yellow)
                                    : Table::Cell("compatible", Colour::green);
    table.add({std::string(info(row.mechanism).title), count(row.runs),
               posterior_text(row.posterior), times_text(row.best_over_this), verdict});
  }
  return table.text(style, 2) +
         paragraph(
             "Equal priors. Two mechanisms are told apart when one makes the record at least "
             "20 times as probable as the other, lower end of the interval. One line in a "
             "hundred is taken to be wrong.",
             style);
}

std::string fault_table(const AuditReport& report, const TextStyle& style) {
  Table table({{"fault"},
               {"key released", Table::Align::right},
               {"best : this [95 %]", Table::Align::right}});
  for (const FaultResult& row : report.faults) {
    const double share = static_cast<double>(row.released) / static_cast<double>(row.runs);
    table.add({row.name + (row.own ? " (as the scenario has it)" : ""), percent_text(share, 1),
               times_text(row.best_over_this)});
  }
  return table.text(style, 2);
}

std::string lines_table(const ScenarioSpec& scenario, const AuditReport& report,
                        const TextStyle& style) {
  std::vector<Table::Column> columns = {{"logged", Table::Align::right}, {"read as"}};
  std::vector<std::size_t> shown;
  for (const MechanismResult& row : report.mechanisms) {
    shown.push_back(static_cast<std::size_t>(row.mechanism));
    columns.push_back({std::string(info(row.mechanism).brief), Table::Align::right});
  }
  columns.push_back({"", Table::Align::left});
  Table table(columns);
  for (const LineResult& line : report.readings) {
    const Observed& observed = scenario.observed[line.reading.line];
    std::vector<Table::Cell> row = {
        line.reading.at
            ? Table::Cell(sim::to_text(*line.reading.at) + " ± " + sim::to_text(observed.precision))
            : Table::Cell("never"),
        observed.matches};
    for (const std::size_t m : shown) {
      const sim::Proportion& agreeing = line.agreeing[m];
      row.push_back(agreeing.successes() == 0
                        ? Table::Cell("0", Colour::red)
                        : Table::Cell(share_text(agreeing.value().value_or(0))));
    }
    row.push_back(line.impossible() ? Table::Cell("IMPOSSIBLE", Colour::red) : Table::Cell());
    table.add(std::move(row));
  }
  return table.text(style, 2) +
         paragraph(
             "Share of the simulated runs that have the event at that time, within the "
             "precision of the record and what the models may be wrong by (half of it, and at "
             "least 0.5 s).",
             style);
}

std::string impossible_text(const ScenarioSpec& scenario, const AuditReport& report,
                            const TextStyle& style) {
  std::string out;
  if (report.key && report.expiry_line) {
    const LineResult& line = report.readings[*report.expiry_line];
    const KeyCount& key = *report.key;
    const auto runs = key.before_threshold.trials();
    const std::string of_runs = " of " + grouped(runs) + " simulated crashes lose the key ";
    out += item(
        sim::to_text(*line.reading.at) + " \"" + scenario.observed[line.reading.line].event +
            "\": " + grouped(key.before_threshold.successes()) + of_runs + "before " +
            sim::to_text(key.threshold) + ", " + grouped(key.by_claim.successes()) +
            " as early as the record has it; the earliest one after " + sim::to_text(key.earliest) +
            ". The bound: the key outlives its holder by ttl - age, "
            "and its age is at most loop_wait in a quiet cluster: ttl - age ≥ " +
            sim::to_text(scenario.system.patroni.ttl) + " - " +
            sim::to_text(scenario.system.patroni.loop_wait) + " = " + sim::to_text(key.bound) +
            " (" + sim::to_text(key.threshold) + " allows for a cycle that takes 2 s longer). " +
            "With 95 % confidence such a crash has a probability below " +
            percent_text(key.by_claim.upper_bound().value_or(1), 4) + ".",
        style);
  }
  for (const LineResult& line : report.readings) {
    if (!line.impossible()) continue;
    std::int64_t runs = 0;
    for (const sim::Proportion& p : line.agreeing) runs += p.trials();
    const Observed& observed = scenario.observed[line.reading.line];
    out +=
        item(sim::to_text(*line.reading.at) + " \"" + observed.event + "\" (" + observed.matches +
                 "): in 0 of " + grouped(runs) + " simulated runs of all mechanisms together." +
                 (observed.remark.empty() ? "" : " Remark of the record, " + observed.remark + "."),
             style);
  }
  return out;
}

// What the scenario's own command does, where it is not what people take it for.
std::string own_fault_text(const ScenarioSpec& scenario, const AuditReport& report) {
  if (scenario.faults.empty()) return "";
  const FaultSpec& fault = scenario.faults.front();
  const KubernetesSpec& kubernetes = scenario.system.kubernetes;
  const bool short_grace =
      fault.grace_period >= Duration{} && fault.grace_period <= kubernetes.grace_floor;
  if (fault.kind != FaultKind::pod_delete || !short_grace) return "";
  std::string text = fault.force ? "kubectl delete pod --force removes the API object at once, but "
                                   "on the node nothing changes: "
                                 : "kubectl sends --grace-period=0 without --force as 1 s; ";
  text +=
      "the kubelet waits at least " + sim::to_text(kubernetes.grace_floor) +
      " between SIGTERM and SIGKILL whatever it was told. So Patroni gets SIGTERM, stops "
      "PostgreSQL in good order and deletes the leader key, which takes 2.05 s at least (1 s "
      "until it sees the stop, 1 s of waiting, a poll of the standbys), against SIGKILL after " +
      sim::to_text(kubernetes.grace_floor) + " and a little: a race.";
  for (const FaultResult& row : report.faults) {
    if (!row.own) continue;
    const sim::Proportion released(static_cast<std::int64_t>(row.released),
                                   static_cast<std::int64_t>(row.runs));
    const auto interval = released.wilson();
    text +=
        " In the simulation the release wins in " + percent_text(released.value().value_or(0), 1);
    if (interval) {
      text += " [" + percent_text(interval->low, 1) + ", " + percent_text(interval->high, 1) + "]";
    }
    text += " of " + count(row.runs) + " runs; when it loses, the key has to expire.";
  }
  return text;
}

std::string command_for(const ScenarioSpec& scenario, const MechanismInfo& mechanism) {
  const auto beside =
      std::filesystem::path(scenario.file).parent_path() / std::string(mechanism.drill);
  std::error_code ignored;
  if (std::filesystem::exists(beside, ignored)) {
    return "predrill run " + beside.lexically_normal().string() + " --runs 1000";
  }
  return "predrill rehearse " + scenario.system.file + " --faults " + std::string(mechanism.fault) +
         " --runs 1000";
}

// The mechanism that the drill was meant to test: the claimed one, or the loss of the primary.
Mechanism intended(const AuditReport& report) {
  return report.claimed.value_or(Mechanism::crash_expiry);
}

std::string verdict_line(const AuditReport& report, const TextStyle& style) {
  std::string text;
  Colour colour = Colour::yellow;
  switch (report.verdict) {
    case AuditVerdict::compatible:
      text = "COMPATIBLE with ";
      colour = Colour::green;
      break;
    case AuditVerdict::incompatible:
      text = "INCOMPATIBLE with ";
      colour = Colour::red;
      break;
    case AuditVerdict::undecided:
      text = "UNDECIDED about ";
      break;
  }
  return "  " + coloured(text, colour, style) + report.claim + ": " + report.reason + ".\n";
}

}  // namespace

std::string audit_text(const ScenarioSpec& scenario, const AuditReport& report,
                       const AuditOptions& options, const TextStyle& style) {
  std::string out = (scenario.title.empty() ? scenario.name : scenario.title) + "\n" +
                    scenario.file + ": " + count(report.readings.size()) + " of " +
                    count(report.lines) + " observed lines name a milestone and a time; " +
                    count(report.faults.size()) + " faults, " + count(options.runs) +
                    " runs each, seeds from " + std::to_string(options.seed) + "\n";
  out += title("Claim", style);
  out += paragraph(report.claim + (report.claimed_by.empty() ? "" : " (" + report.claimed_by + ")"),
                   style);
  out += title("Verdict", style) + verdict_line(report, style);
  if (report.mechanisms.empty()) return out;
  const MechanismResult& best = report.mechanisms.front();
  const bool decided = std::count_if(report.mechanisms.begin(), report.mechanisms.end(),
                                     [](const auto& m) { return m.possible; }) == 1;
  if (decided) {
    out += paragraph("The record is compatible with " + std::string(info(best.mechanism).title) +
                         " alone: " + std::string(info(best.mechanism).happens) + ".",
                     style);
  }
  out += title("Which mechanism can have produced this record", style) +
         mechanism_table(report, style);
  out += title("Which fault", style) + fault_table(report, style);
  out += title("Line by line", style) + lines_table(scenario, report, style);
  const std::string impossible = impossible_text(scenario, report, style);
  if (!impossible.empty()) out += title("Impossible claims", style) + impossible;
  const std::string own = own_fault_text(scenario, report);
  if (!own.empty()) out += title("What the command really does", style) + paragraph(own, style);
  const Mechanism wanted = intended(report);
  const bool tested = decided && best.mechanism == wanted;
  if (!tested) {
    const MechanismInfo& mechanism = info(wanted);
    out += title(decided ? "What this drill did not test" : "What this drill may not have tested",
                 style) +
           item(std::string(mechanism.title) + ": " + std::string(mechanism.untested), style);
    out += title("What would test it", style);
    out += "  simulated:  " + command_for(scenario, mechanism) + "\n";
    out += item("on the real cluster: " + std::string(mechanism.real), style);
  }
  return out;
}

}  // namespace predrill::harness
