// Reports of many runs.
#include <algorithm>
#include <array>

#include "harness/report/number.hpp"
#include "harness/report/text.hpp"
#include "harness/report/text_parts.hpp"

namespace predrill::harness {

using sim::Duration;
using Align = Table::Align;
using Interval = std::optional<sim::Interval<std::int64_t>>;

namespace {

std::string interval_text(const Interval& interval, int decimals) {
  if (!interval) return "";
  return " [" + seconds_text(interval->low, decimals) + ", " +
         seconds_text(interval->high, decimals) + "]";
}

// A quantile of an RTO: "≥" where the path had not come back when the run ended.
std::string bounded(const PathSummary& path, std::int64_t value, int decimals) {
  return (path.is_lower_bound(value) ? "≥ " : "") + seconds_text(value, decimals);
}

// The objective's path first, then by name.
std::vector<std::string> path_names(const Summary& summary) {
  std::vector<std::string> names;
  if (summary.paths().contains(summary.path())) names.push_back(summary.path());
  for (const auto& [name, path] : summary.paths()) {
    if (name != summary.path()) names.push_back(name);
  }
  return names;
}

std::string path_table(const Summary& summary, const TextStyle& style) {
  Table table({{"path"},
               {"RTO p50", Align::right},
               {"p95", Align::right},
               {"p99", Align::right},
               {"max", Align::right},
               {"downtime p50", Align::right}});
  for (const std::string& name : path_names(summary)) {
    const PathSummary& path = summary.paths().at(name);
    const Quantiles rto = quantiles(path.rto);
    const Quantiles downtime = quantiles(path.downtime);
    const int d = decimals_for(rto.max);
    table.add({name, bounded(path, rto.p50, d) + interval_text(rto.p50_ci, d),
               bounded(path, rto.p95, d) + interval_text(rto.p95_ci, d),
               bounded(path, rto.p99, d) + interval_text(rto.p99_ci, d), bounded(path, rto.max, d),
               seconds_text(downtime.p50, d)});
  }
  return table.text(style);
}

std::string mean_stages(const Summary& summary, const TextStyle& style) {
  if (!summary.dominating_stage()) return "";
  std::array<std::string, stages> times;
  const std::int64_t runs = summary.stage_samples()[0].size();
  std::int64_t longest = 0;
  std::array<std::int64_t, stages> mean{};
  for (std::size_t i = 0; i < stages; ++i) {
    mean[i] = static_cast<std::int64_t>(summary.stage_samples()[i].sum() / runs);
    longest = std::max(longest, mean[i]);
  }
  for (std::size_t i = 0; i < stages; ++i) times[i] = seconds_text(mean[i], decimals_for(longest));
  return "\nstages of " + summary.path() + ", means in seconds\n" +
         stage_table(summary.stage_shares(), times, "mean", style);
}

std::string errors_table(const Summary& summary, const TextStyle& style) {
  Table table({{"path"}, {"error"}, {"per run p50", Align::right}, {"max", Align::right}});
  for (const std::string& name : path_names(summary)) {
    const PathSummary& path = summary.paths().at(name);
    bool first = true;
    for (const auto& [text, counts] : path.errors) {
      const Quantiles q = quantiles(path.errors_per_run(text));
      table.add({first ? name : "", text, grouped(q.p50), grouped(q.max)});
      first = false;
    }
  }
  return table.empty() ? "" : "\n" + table.text(style);
}

std::string values_table(const Summary& summary, const TextStyle& style) {
  if (summary.values().empty()) return "";
  Table table({{"measure"},
               {"min", Align::right},
               {"p50", Align::right},
               {"p95", Align::right},
               {"max", Align::right}});
  for (const auto& [name, value] : summary.values()) {
    const Quantiles q = quantiles(value.sample);
    table.add({name, measure_text(value.unit, q.min), measure_text(value.unit, q.p50),
               measure_text(value.unit, q.p95), measure_text(value.unit, q.max)});
  }
  return table.text(style);
}

std::string range_text(std::int64_t low, std::int64_t high, int decimals) {
  const std::string from = seconds_text(low, decimals);
  const std::string to = seconds_text(high, decimals);
  return (from == to ? from : from + "–" + to) + " s";
}

std::string bare_percent(double share) {
  std::string text = percent_text(share, share > 0 && share < 0.1 ? 1 : 0);
  text.resize(text.size() - 2);
  return text;
}

std::string rpo_line(const Summary& summary) {
  const Quantiles rows = quantiles(summary.rpo_rows());
  if (rows.n == 0) return "";
  if (rows.max == 0) return "RPO: no acknowledged write lost in any run\n";
  const Quantiles age = quantiles(summary.rpo_age());
  return "RPO: rows p50 " + grouped(rows.p50) + ", p99 " + grouped(rows.p99) + ", max " +
         grouped(rows.max) + "; age of the oldest p50 " + time_text(Duration(age.p50)) + ", max " +
         time_text(Duration(age.max)) + "\n";
}

std::string share_line(const std::string& what, const sim::Proportion& proportion) {
  const auto share = proportion.value();
  const auto interval = proportion.wilson();
  if (!share || !interval) return "";
  return what + " in " + bare_percent(*share) + " % [" + bare_percent(interval->low) + ", " +
         bare_percent(interval->high) + "] of the runs\n";
}

std::string seeds_text(const std::vector<std::uint64_t>& seeds) {
  std::string text;
  for (const std::uint64_t seed : seeds) {
    text += (text.empty() ? "--seed " : ", ") + std::to_string(seed);
  }
  return text;
}

std::string violations_of(const Summary& summary, const TextStyle& style) {
  std::string out;
  for (const auto& [text, violation] : summary.violations()) {
    out += coloured(violation.explained ? "explained: " : "VIOLATED: ",
                    violation.explained ? Colour::dim : Colour::red, style) +
           text + " (" + grouped(violation.runs) + " of " + grouped(summary.runs()) + " runs, " +
           seeds_text(violation.seeds) + ")\n";
  }
  return out;
}

}  // namespace

std::string distribution_text(const Summary& summary, const TextStyle& style) {
  std::string out = grouped(summary.runs()) + (summary.runs() == 1 ? " run" : " runs") +
                    "; times in seconds, 95 % intervals in brackets\n";
  if (summary.without_fault() > 0) {
    out += "no fault struck in " + grouped(summary.without_fault()) +
           " of them: left out of what follows\n";
  }
  if (!summary.paths().empty()) out += path_table(summary, style);
  if (summary.censored() > 0) {
    out += summary.path() + " had not recovered when " + grouped(summary.censored()) + " of " +
           grouped(summary.runs()) + " runs ended: their times are at least that long\n";
  }
  out += modes_text(summary, style);
  if (const auto seed = summary.worst_seed()) {
    out += "the longest: --seed " + std::to_string(*seed) + "\n";
  }
  out += mean_stages(summary, style);
  out += "\n" + rpo_line(summary);
  out += values_table(summary, style);
  const Quantiles overlap = quantiles(summary.dual_writer_overlap());
  if (overlap.max > 0) {
    out += "two members acknowledged writes at one time for up to " +
           time_text(Duration(overlap.max)) + "\n";
  }
  out += share_line("failover", summary.failover());
  out += errors_table(summary, style);
  return out + violations_of(summary, style);
}

std::string modes_text(const Summary& summary, const TextStyle& style) {
  std::vector<Mode> modes = summary.modes();
  if (modes.size() < 2) return "";
  constexpr std::array<const char*, 5> numbers = {"", "one mode", "two modes", "three modes",
                                                  "four modes"};
  std::stable_sort(modes.begin(), modes.end(),
                   [](const Mode& a, const Mode& b) { return a.runs > b.runs; });
  std::string text = std::string(numbers[std::min<std::size_t>(modes.size(), 4)]) + ": ";
  for (const Mode& mode : modes) {
    if (&mode != &modes.front()) text += ", ";
    text += bare_percent(mode.share) + " % [" + bare_percent(mode.share_ci.low) + ", " +
            bare_percent(mode.share_ci.high) + "] at " + range_text(mode.min, mode.max, 1) +
            " (--seed " + std::to_string(mode.seed) + ")";
  }
  return paragraph(text, style);
}

namespace {

// Of a system without a database: the outage of every path, one after the other.
std::string rehearsal_of_kind(std::span<const RehearsalRow> rows, const TextStyle& style) {
  std::vector<Table::Column> columns = {{"fault"}};
  const std::vector<std::string> names = path_names(*rows.front().summary);
  std::int64_t longest = 0;
  for (const std::string& name : names) {
    columns.push_back({name + " p50", Align::right});
    columns.push_back({"p95", Align::right});
    columns.push_back({"max", Align::right});
    columns.push_back({"down p50", Align::right});
  }
  columns.push_back({"failed requests p50", Align::right});
  columns.push_back({"broken rules", Align::right});
  columns.push_back({"verdict"});
  for (const RehearsalRow& row : rows) {
    for (const auto& [name, path] : row.summary->paths()) {
      longest = std::max(longest, quantiles(path.rto).max);
    }
  }
  const int d = decimals_for(longest);
  Table table(std::move(columns));
  for (const RehearsalRow& row : rows) {
    std::vector<Table::Cell> cells = {row.fault};
    for (const std::string& name : names) {
      const auto found = row.summary->paths().find(name);
      if (found == row.summary->paths().end()) {
        cells.insert(cells.end(), 4, "");
        continue;
      }
      const PathSummary& path = found->second;
      const Quantiles rto = quantiles(path.rto);
      for (const std::int64_t value : {rto.p50, rto.p95, rto.max}) {
        cells.emplace_back(bounded(path, value, d));
      }
      cells.emplace_back(seconds_text(quantiles(path.downtime).p50, d));
    }
    cells.emplace_back(grouped(quantiles(row.summary->objective_path().failures).p50));
    const auto broken = row.summary->violations().size();
    cells.emplace_back(grouped(static_cast<std::int64_t>(broken)),
                       broken > 0 ? Colour::red : Colour::plain);
    cells.push_back(verdict_cell(row.verdict));
    table.add(std::move(cells));
  }
  return table.text(style) +
         paragraph(
             "Seconds from the fault to the end of the last outage of each path, and the sum "
             "of its outages (down); ≥: it lasted when the run ended.",
             style);
}

}  // namespace

std::string rehearsal_text(std::span<const RehearsalRow> rows, const TextStyle& style) {
  if (rows.empty()) return "";
  if (!rows.front().summary->of_database()) return rehearsal_of_kind(rows, style);
  Table table({{"fault"},
               {"RTO p50", Align::right},
               {"p95", Align::right},
               {"p99", Align::right},
               {"max", Align::right},
               {"down p50", Align::right},
               {"lost p50", Align::right},
               {"max", Align::right},
               {"errors", Align::right},
               {"dominated by", Align::left, true},
               {"verdict"}});
  std::int64_t longest = 0;
  for (const RehearsalRow& row : rows) {
    longest = std::max(longest, quantiles(row.summary->rto()).max);
  }
  const int d = decimals_for(longest);
  for (const RehearsalRow& row : rows) {
    const PathSummary& path = row.summary->objective_path();
    const Quantiles rto = quantiles(path.rto);
    const Quantiles rows_lost = quantiles(row.summary->rpo_rows());
    const bool counts_rows = row.summary->of_database();
    std::string by;
    if (const auto stage = row.summary->dominating_stage()) {
      const auto index = static_cast<std::size_t>(*stage);
      by = std::string(stage_names[index]) + " " + percent_text(row.summary->stage_shares()[index]);
      if (!row.setting.empty()) by += ": " + row.setting;
    }
    if (rto.n == 0) {
      table.add({row.fault, "", "", "", "", "", "", "", "", "no run", verdict_cell(row.verdict)});
      continue;
    }
    table.add({row.fault,
               bounded(path, rto.p50, d),
               bounded(path, rto.p95, d),
               bounded(path, rto.p99, d),
               bounded(path, rto.max, d),
               seconds_text(quantiles(path.downtime).p50, d),
               counts_rows ? grouped(rows_lost.p50) : "",
               {counts_rows ? grouped(rows_lost.max) : "",
                rows_lost.max > 0 ? Colour::yellow : Colour::plain},
               grouped(quantiles(path.given_up).p50),
               by,
               verdict_cell(row.verdict)});
  }
  return table.text(style) +
         paragraph(
             "RTO and downtime in seconds; lost: acknowledged rows; errors: median per run "
             "that the client did not retry.",
             style);
}

std::string undecided_text(std::span<const RehearsalRow> rows, const TextStyle& style) {
  std::vector<std::pair<std::string, std::string>> reasons;  // and whom they concern
  for (const RehearsalRow& row : rows) {
    for (const Judgement& judgement : row.judgements) {
      if (judgement.verdict != Verdict::undecided) continue;
      const std::string reason = judgement.objective.measure + " " + judgement.reason;
      const auto known = std::find_if(reasons.begin(), reasons.end(),
                                      [&](const auto& each) { return each.first == reason; });
      if (known == reasons.end()) {
        reasons.emplace_back(reason, row.fault);
      } else {
        known->second += ", " + row.fault;
      }
    }
  }
  std::string out;
  for (const auto& [reason, faults] : reasons) out += paragraph(faults + ": " + reason, style);
  return out;
}

std::string observed_text(std::span<const Observed> observed, const Summary& summary,
                          const TextStyle& style) {
  if (observed.empty()) return "";
  Table table({{"logged [s]", Align::right},
               {"event", Align::left, true},
               {"simulated [s]", Align::right},
               {"difference", Align::right},
               {"remark", Align::left, true}});
  const std::int64_t runs = summary.runs() - summary.without_fault();
  for (const Observed& line : observed) {
    if (!line.measure.empty()) continue;
    const int d = line.precision >= std::chrono::seconds(1) ? 1 : 3;
    std::string simulated = line.matches.empty() ? "" : "never";
    Table::Cell difference;
    std::string remark = line.remark;
    const auto found = summary.milestones().find(line.matches);
    if (!line.matches.empty() && found != summary.milestones().end()) {
      const Quantiles q = quantiles(found->second);
      simulated = seconds_text(q.p50, d);
      if (q.n > 1) {
        simulated += " [" + seconds_text(q.p5, d) + "–" + seconds_text(q.p95, d) + "]";
      }
      if (line.at) {
        const Duration precision = line.precision;
        const bool inside =
            *line.at >= Duration(q.p5) - precision && *line.at <= Duration(q.p95) + precision;
        difference = {signed_seconds(*line.at - Duration(q.p50), d),
                      inside ? Colour::green : Colour::yellow};
      }
      if (q.n < runs) {
        remark += (remark.empty() ? "" : "; ") + std::string("simulated in ") + grouped(q.n) +
                  " of " + grouped(runs) + " runs";
      }
    }
    table.add(
        {line.at ? signed_seconds(*line.at, d) : "", line.event, simulated, difference, remark});
  }
  return table.text(style) +
         paragraph("Simulated: median [p5–p95]; difference: logged minus simulated.", style);
}

std::string figures_text(std::span<const Observed> observed, const Summary& summary,
                         const TextStyle& style) {
  Table table({{"figure", Align::left, true},
               {"logged", Align::right},
               {"simulated", Align::right},
               {"remark", Align::left, true}});
  for (const Observed& line : observed) {
    if (line.measure.empty()) continue;
    std::string logged;
    std::string simulated = "never";
    const auto found = summary.values().find(line.measure);
    const MeasureUnit unit =
        found == summary.values().end() ? MeasureUnit::thousandth : found->second.unit;
    constexpr std::array<double, 3> scale = {1, 1e9, 1000};  // of a count, a time, a fixed point
    if (line.logged) {
      logged = measure_text(unit, static_cast<std::int64_t>(
                                      *line.logged * scale[static_cast<std::size_t>(unit)] + 0.5));
    }
    if (found != summary.values().end()) {
      const Quantiles q = quantiles(found->second.sample);
      simulated = measure_text(unit, q.p50);
      if (q.p5 != q.p95) {
        simulated += " [" + measure_text(unit, q.p5) + "–" + measure_text(unit, q.p95) + "]";
      }
    }
    table.add({line.event, logged, simulated, line.remark});
  }
  return table.empty() ? "" : table.text(style);
}

}  // namespace predrill::harness
