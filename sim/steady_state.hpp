// Means and quantiles of one long run whose successive observations depend on each other: cut off
// the warm-up, then let long batches stand in for independent runs.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "sim/interval.hpp"

namespace predrill::sim {

/// How many observations at the start belong to the warm-up: MSER-5 (White, Cobb & Spratt 2000),
/// the cut after which the mean of what is left has the smallest standard error. nullopt: fewer
/// than 50 observations, or no such cut in the first half: the run is too short to tell.
std::optional<std::size_t> warm_up_length(std::span<const double> observations);

struct BatchEstimate {
  Estimate estimate;
  std::size_t batches = 0;
  std::size_t batch_size = 0;
  /// Estimated correlation of neighbouring batches (von Neumann 1941).
  double lag1 = 0;
  /// False: even the longest batches depend on each other (positive lag1, significant at 10 %), so
  /// the interval is too narrow and the run too short.
  bool independent = false;
};

/// Mean of observations without a warm-up, with Student's t interval over the means of 32, 16 or 8
/// equal batches: the largest number that looks independent. If they do not divide evenly, the
/// first few observations are left out. nullopt: fewer than 64 observations.
std::optional<BatchEstimate> batch_mean(std::span<const double> observations,
                                        double confidence = usual_confidence);

/// p-quantile of the same (see quantile_rank), with an interval from the spread of the batches'
/// quantiles around it (sectioning: Asmussen & Glynn 2007, III.5). Every batch must hold at least
/// ten observations on either side of the quantile. nullopt: too few for eight such batches.
std::optional<BatchEstimate> batch_quantile(std::span<const double> observations, double p,
                                            double confidence = usual_confidence);

struct SteadyState {
  std::size_t warm_up = 0;  ///< Observations cut off.
  BatchEstimate mean;
};

/// warm_up_length, then batch_mean of the rest.
std::optional<SteadyState> steady_state_mean(std::span<const double> observations,
                                             double confidence = usual_confidence);

}  // namespace predrill::sim
