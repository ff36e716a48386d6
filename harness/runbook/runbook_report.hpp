// Many runs of a runbook as text and as samples: rows of a log beside the simulation, steps, what
// each observer calls the outage, races.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/measure/summary.hpp"
#include "harness/report/table.hpp"
#include "harness/runbook/runbook.hpp"
#include "harness/runbook/runbook_run.hpp"

namespace predrill::harness {

/// A row of the log against the runs that have both of its marks.
struct RowComparison {
  const ObservedDuration* row = nullptr;
  std::size_t n = 0;
  sim::Duration p5{};
  sim::Duration p50{};
  sim::Duration p95{};
  /// The measured value, read off two stamps of 1 s each, lies within [p5, p95]; a bound overlaps
  /// the interval.
  bool inside = false;
};

std::vector<RowComparison> compare_rows(const RunbookSpec& spec,
                                        std::span<const RunbookOutcome> runs);
std::size_t rows_inside(std::span<const RowComparison> rows);

/// Row, measured, simulated 5 %, 50 %, 95 %, inside or not; then how many are.
std::string rows_text(const RunbookSpec& spec, std::span<const RowComparison> rows,
                      const TextStyle& style);
/// How long each step took, and how often it failed.
std::string steps_text(const RunbookSpec& spec, std::span<const RunbookOutcome> runs,
                       const TextStyle& style);
/// RTO by observer: API status, writer flip, first commit, the application's pool.
std::string observers_text(const RunbookSpec& spec, std::span<const RunbookOutcome> runs,
                           const TextStyle& style);
/// How often a wait succeeded too early, the first seed, and what happened there.
std::string races_text(std::span<const RunbookOutcome> runs, const TextStyle& style);

/// A run as the measures that every other part of the harness reads: durations of steps and
/// observers as values, marks as milestones.
RunMeasures to_measures(const RunbookOutcome& outcome);

}  // namespace predrill::harness
