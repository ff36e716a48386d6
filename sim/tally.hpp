// Count, mean and spread of numbers that are not kept.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/exact_sum.hpp"
#include "sim/interval.hpp"

namespace predrill::sim {

/// For measures that are not integers (utilisations, ratios, means of runs). Sums are exact, so the
/// order of additions and merges does not change a bit, and the variance of values far from zero
/// loses no digits. About 1 KiB each; use Sample where quantiles are wanted.
class Tally {
 public:
  void add(double value);
  void merge(const Tally& other);

  std::int64_t count() const { return count_; }
  // nullopt: nothing was added.
  std::optional<double> min() const;
  std::optional<double> max() const;
  std::optional<double> mean() const;
  /// With n - 1 in the denominator. nullopt: fewer than two values.
  std::optional<double> variance() const;
  /// The mean with Student's t interval. nullopt: fewer than two values.
  std::optional<Estimate> mean_estimate(double confidence = usual_confidence) const;

  friend bool operator==(const Tally&, const Tally&) = default;

 private:
  std::int64_t count_ = 0;
  ExactSum sum_;
  ExactSum squares_;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace predrill::sim
