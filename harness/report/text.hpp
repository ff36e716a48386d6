// What a run or many runs came to, as text for a terminal. Every function returns whole lines; an
// empty text where there is nothing to say.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/measure/summary.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/table.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

// One run.

/// Time since the fault, component, event. Consecutive entries that say the same are one row with
/// their number and the time of the last.
std::string timeline_text(std::span<const TimelineEntry> timeline, const TextStyle& style);
/// One row per outage, and one for each path without any.
std::string outages_text(const RunMeasures& run, const TextStyle& style);
/// The RTO of the path cut into stages: seconds, share, bar. Shares and bars add up.
std::string stages_text(const RunMeasures& run, const std::string& path, const TextStyle& style);
/// The measures of the system's kind.
std::string values_text(const RunMeasures& run, const TextStyle& style);
/// Lost writes, and the time in which two members acknowledged writes.
std::string rpo_text(const RunMeasures& run, const TextStyle& style);
/// By path and SQLSTATE, before and after the client's retries.
std::string errors_text(const RunMeasures& run, const TextStyle& style);
/// SHOW POOLS around the fault: at most `rows_max` readings between `before` the fault and `after`
/// it, those where something changed first.
std::string pool_text(const RunMeasures& run, const TextStyle& style, std::size_t rows_max = 20,
                      sim::Duration before = std::chrono::seconds(10),
                      sim::Duration after = std::chrono::seconds(60));
std::string violations_text(const RunMeasures& run, const TextStyle& style);

// Many runs.

/// RTO and downtime per path with intervals, stages, modes, RPO, errors, violations.
std::string distribution_text(const Summary& summary, const TextStyle& style);
/// "two modes: 81 % [78, 84] at 26.1–33.0 s (--seed 3), 19 % [16, 22] at 3.9–4.6 s (--seed 17)";
/// empty for a single mode.
std::string modes_text(const Summary& summary, const TextStyle& style);

/// One line per objective with its reason, then what follows from all of them.
std::string verdict_text(std::span<const Judgement> judgements, Verdict verdict,
                         const TextStyle& style);
/// "MET" in green, "MISSED" in red, "UNDECIDED" in yellow.
Table::Cell verdict_cell(Verdict verdict);

/// One fault of a rehearsal. The summary outlives the row.
struct RehearsalRow {
  std::string fault;
  const Summary* summary = nullptr;
  std::string setting;  // behind the dominating stage: "ttl 30s"; may be empty
  Verdict verdict = Verdict::undecided;
  std::vector<Judgement> judgements{};  // what the verdict is made of
};
std::string rehearsal_text(std::span<const RehearsalRow> rows, const TextStyle& style);
/// Why objectives are undecided, one line for all faults that share the reason; empty if none is.
std::string undecided_text(std::span<const RehearsalRow> rows, const TextStyle& style);

/// An incident's log beside the milestones of the simulated runs. Without such a milestone the row
/// says so.
std::string observed_text(std::span<const Observed> observed, const Summary& summary,
                          const TextStyle& style);
/// Its figures beside the measures of the runs; empty if it has none.
std::string figures_text(std::span<const Observed> observed, const Summary& summary,
                         const TextStyle& style);

}  // namespace predrill::harness
