// A study as text: the table of all points, heat maps, elasticities.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/report/table.hpp"
#include "harness/what_if/study.hpp"

namespace predrill::harness {

/// A column of numbers beside the measures of the runs.
struct StudyColumn {
  std::string title;
  std::string current;              // of the current configuration
  std::vector<std::string> points;  // as in the plan
};

/// One row per point: what was varied, each measure with its interval, and the difference to the
/// current configuration with its paired interval.
std::string study_text(const StudyPlan& plan, const StudyResult& result,
                       const std::vector<StudyColumn>& more, const TextStyle& style);

/// A measure over the first two axes, one map for each combination of the others (at most six).
/// Empty unless two axes have at least two steps each.
std::string heat_map_text(const StudyPlan& plan, const StudyResult& result, std::size_t measure,
                          const TextStyle& style);

std::string elasticity_text(const std::vector<Elasticity>& all, const TextStyle& style);

/// Tells of the current configuration ("now"), then of each point under its point_text.
void for_each_configuration(
    const StudyPlan& plan,
    const std::function<void(const std::string& name, const ScenarioSpec& scenario)>& tell);

/// "ttl 20, loop_wait 5": the last word of each path and its value.
std::string point_text(const Assignments& values);

}  // namespace predrill::harness
