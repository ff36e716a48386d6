// The best points of a study: those that no other one beats in everything, and the smallest change
// that meets the objectives.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/report/table.hpp"
#include "harness/what_if/study.hpp"

namespace predrill::harness {

/// The name of the one measure that no single run has.
inline constexpr std::string_view false_failovers_per_year = "false_failovers.per_year";

/// "min rto.p99", "max ...", or "rto.p99 <= 30s".
struct Goal {
  enum class Kind : std::uint8_t { minimise, maximise, at_most } kind = Kind::minimise;
  std::string measure;
  double bound = 0;  // of at_most: nanoseconds or counts, as the measure
};

/// "min rto.p99, min false_failovers.per_year, rpo.rows.max <= 0". On a mistake nullopt and, in
/// `problem`, a sentence.
std::optional<std::vector<Goal>> parse_goals(std::string_view text, std::string& problem);

/// Adds the measures of the goals that are not there yet.
void add_measures_of(const std::vector<Goal>& goals, std::vector<StudyMeasure>& measures);

/// What a goal is about at a point; nullopt if no run has it.
std::optional<double> goal_value(const Goal& goal, const StudyResult& result,
                                 const PointResult& point);

struct Optimum {
  std::vector<std::size_t> pareto;  // points that no other one beats, by the first goal
  /// Points that meet every "at most"; without one in the goals, the objectives of the scenario.
  std::vector<std::size_t> meeting;
  /// Of those the one with the fewest changed settings, then the smallest sum of |ln(new / old)|.
  std::optional<std::size_t> smallest_change;
};

Optimum optimise(const StudyPlan& plan, const StudyResult& result, const std::vector<Goal>& goals);

/// a beats b: nowhere worse and somewhere better, by the goals that minimise or maximise.
bool beats(const std::vector<double>& a, const std::vector<double>& b);

std::string optimum_text(const StudyPlan& plan, const StudyResult& result,
                         const std::vector<Goal>& goals, const Optimum& optimum,
                         const TextStyle& style);

/// A setting as the system has it now, as a number; nullopt where it is none of the common ones.
std::optional<double> current_value(const SystemSpec& system, std::string_view path);

}  // namespace predrill::harness
