// The knee of a capacity curve: from which load on the next bit costs far more than the last one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/report/table.hpp"
#include "harness/what_if/study.hpp"

namespace predrill::harness {

/// Index of the point of a rising curve that lies farthest below the straight line between its
/// ends, both axes scaled to them (Satopaa et al. 2011, "Finding a Kneedle in a Haystack", for
/// convex curves). `x` ascends. nullopt: fewer than four points, a curve that does not rise, or one
/// so nearly straight that no point lies a tenth below the line.
std::optional<std::size_t> knee_of(std::span<const double> x, std::span<const double> y);

struct Knee {
  std::string setting;  // path
  std::string measure;
  double at = 0;             // value of the setting
  double low = 0, high = 0;  // where it lies with each tenth of the seeds left out in turn
  std::size_t found = 0;     // in how many of these ten there is one
};

/// Of the study's first measure along a single numeric axis; nullopt for other studies and for
/// curves without a knee.
std::optional<Knee> knee_of(const StudyPlan& plan, const StudyResult& result);

std::string knee_text(const StudyPlan& plan, const StudyResult& result, const TextStyle& style);

}  // namespace predrill::harness
