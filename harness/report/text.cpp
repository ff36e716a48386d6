#include "harness/report/text.hpp"

#include <algorithm>
#include <array>

#include "harness/report/number.hpp"
#include "harness/report/text_parts.hpp"

namespace predrill::harness {

using sim::Duration;
using Align = Table::Align;

std::string timeline_text(std::span<const TimelineEntry> timeline, const TextStyle& style) {
  if (timeline.empty()) return "";
  Table table({{"since fault [s]", Align::right}, {"component"}, {"event", Align::left, true}});
  for (std::size_t i = 0; i < timeline.size();) {
    const TimelineEntry& first = timeline[i];
    std::size_t end = i + 1;
    while (end < timeline.size() && timeline[end].component == first.component &&
           timeline[end].event == first.event) {
      ++end;
    }
    std::string event = first.event;
    if (end - i > 1) {
      event += " (" + std::to_string(end - i) + " times, the last at " +
               signed_seconds(timeline[end - 1].at, 3) + ")";
    }
    table.add({signed_seconds(first.at, 3), first.component, event});
    i = end;
  }
  return table.text(style);
}

std::string outages_text(const RunMeasures& run, const TextStyle& style) {
  if (run.paths.empty()) return "";
  Table table({{"path"},
               {"from [s]", Align::right},
               {"to [s]", Align::right},
               {"outage", Align::right},
               {"downtime", Align::right},
               {"RTO", Align::right}});
  for (const PathRun& path : run.paths) {
    const PathMeasures& m = path.measures;
    const std::string open = m.censored ? "≥ " : "";
    const std::string downtime = open + time_text(m.downtime);
    const std::string rto = open + time_text(m.rto);
    if (m.outages.empty()) table.add({path.name, "", "", "none", downtime, rto});
    for (const Outage& outage : m.outages) {
      const bool first = &outage == &m.outages.front();
      table.add({first ? path.name : "", signed_seconds(outage.begin - run.fault, 3),
                 outage.open ? "open" : signed_seconds(outage.end - run.fault, 3),
                 (outage.open ? "≥ " : "") + time_text(outage.length()), first ? downtime : "",
                 first ? rto : ""});
    }
  }
  return table.text(style);
}

std::string stages_text(const RunMeasures& run, const std::string& path, const TextStyle& style) {
  const PathRun* found = run.find_path(path);
  if (found == nullptr) return "";
  const PathMeasures& m = found->measures;
  const std::string rto = (m.censored ? "at least " : "") + time_text(m.rto);
  std::string out = paragraph("RTO of " + path + ": " + rto, style);
  if (m.rto <= Duration{}) return out;
  std::array<double, stages> lengths{};
  std::array<std::string, stages> times;
  for (std::size_t i = 0; i < stages; ++i) {
    lengths[i] = sim::seconds(run.stages_of_path[i]);
    times[i] = seconds_text(run.stages_of_path[i].count(), 3);
  }
  return out + stage_table(lengths, times, "seconds", style);
}

std::string values_text(const RunMeasures& run, const TextStyle& style) {
  Table table({{"measure"}, {"value", Align::right}});
  for (const NamedValue& value : run.values) {
    table.add({value.name, measure_text(value.unit, value.value)});
  }
  return table.empty() ? "" : table.text(style);
}

std::string rpo_text(const RunMeasures& run, const TextStyle& style) {
  if (!run.of_database) return "";
  std::string out = "RPO: ";
  if (run.loss.rows == 0 && run.loss.bytes == 0) {
    out += "no acknowledged write lost";
  } else {
    out += count_text(run.loss.rows) + (run.loss.rows == 1 ? " row" : " rows") + ", " +
           bytes_text(static_cast<std::int64_t>(run.loss.bytes)) +
           " of WAL, the oldest acknowledged " + time_text(run.loss.age) + " before the fault";
  }
  if (run.dual_writers.overlap > Duration{}) {
    out += "; two members acknowledged writes for " + time_text(run.dual_writers.overlap) + " (" +
           count_text(run.dual_writers.writes) + " writes)";
  }
  return paragraph(out, style);
}

std::string errors_text(const RunMeasures& run, const TextStyle& style) {
  Table table({{"path"}, {"error"}, {"attempts", Align::right}, {"not retried", Align::right}});
  for (const PathRun& path : run.paths) {
    for (const ErrorCount& error : path.errors) {
      const bool first = &error == &path.errors.front();
      table.add({first ? path.name : "", error.text, count_text(error.attempts),
                 count_text(error.given_up)});
    }
  }
  return table.empty() ? "" : table.text(style);
}

std::string pool_text(const RunMeasures& run, const TextStyle& style, std::size_t rows_max,
                      Duration before, Duration after) {
  std::vector<const PoolReading*> shown;
  for (const PoolReading& reading : run.pool) {
    if (reading.at < -before || reading.at > after) continue;
    const bool same = !shown.empty() && shown.back()->cl_active == reading.cl_active &&
                      shown.back()->cl_waiting == reading.cl_waiting &&
                      shown.back()->sv_active == reading.sv_active &&
                      shown.back()->sv_idle == reading.sv_idle;
    if (!same) shown.push_back(&reading);
  }
  if (shown.empty()) return "";
  Table table({{"since fault [s]", Align::right},
               {"cl_active", Align::right},
               {"cl_waiting", Align::right},
               {"sv_active", Align::right},
               {"sv_idle", Align::right}});
  // Evenly over what changed, with the first and the last.
  const std::size_t rows = std::min(shown.size(), std::max<std::size_t>(2, rows_max));
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t at = rows < 2 ? 0 : i * (shown.size() - 1) / (rows - 1);
    const PoolReading& reading = *shown[at];
    table.add({signed_seconds(reading.at, 1),
               std::to_string(reading.cl_active),
               {std::to_string(reading.cl_waiting),
                reading.cl_waiting > 0 ? Colour::yellow : Colour::plain},
               std::to_string(reading.sv_active),
               std::to_string(reading.sv_idle)});
  }
  return table.text(style);
}

std::string violations_text(const RunMeasures& run, const TextStyle& style) {
  std::string out;
  for (const Violation& violation : run.violations) {
    out += coloured(violation.explained ? "explained: " : "VIOLATED: ",
                    violation.explained ? Colour::dim : Colour::red, style) +
           violation.text + "\n";
  }
  return out;
}

std::string verdict_text(std::span<const Judgement> judgements, Verdict verdict,
                         const TextStyle& style) {
  Table table({{""}, {""}, {"", Align::left, true}});
  for (const Judgement& judgement : judgements) {
    table.add({verdict_cell(judgement.verdict), judgement.objective.measure, judgement.reason});
  }
  const Table::Cell cell = verdict_cell(verdict);
  return table.text(style) + "verdict: " + coloured(cell.text, cell.colour, style) + "\n";
}

Table::Cell verdict_cell(Verdict verdict) {
  switch (verdict) {
    case Verdict::met:
      return {"MET", Colour::green};
    case Verdict::missed:
      return {"MISSED", Colour::red};
    case Verdict::undecided:
      break;
  }
  return {"UNDECIDED", Colour::yellow};
}

}  // namespace predrill::harness
