// A sample of which every value is kept: exact quantiles and intervals that assume no distribution.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/int128.hpp"
#include "sim/interval.hpp"
#include "sim/time.hpp"

namespace predrill::sim {

/// Values in one unit, usually nanoseconds. Every answer depends on the values alone: not on the
/// order in which they were added, nor on how partial samples were merged. A value that stands for
/// "never" may be the largest integer: quantiles remain right, a mean then says nothing.
///
/// Sorting happens at the first question after an addition, so two threads must not share a sample
/// even for reading.
class Sample {
 public:
  Sample() = default;
  explicit Sample(std::vector<std::int64_t> values);

  void add(std::int64_t value);
  void add(Duration value) { add(value.count()); }
  void merge(const Sample& other);

  std::int64_t size() const { return static_cast<std::int64_t>(values_.size()); }
  bool empty() const { return values_.empty(); }
  Int128 sum() const { return sum_; }

  /// Ascending.
  std::span<const std::int64_t> sorted() const;
  /// Ascending; exact below 2^53 (104 days in nanoseconds), rounded to nearest above.
  std::vector<double> sorted_as_doubles() const;

  // nullopt: the sample is empty.
  std::optional<std::int64_t> min() const;
  std::optional<std::int64_t> max() const;
  /// An observed value: see quantile_rank.
  std::optional<std::int64_t> quantile(double p) const;
  std::optional<double> mean() const;

  /// Between observed values; distribution-free: see quantile_rank_interval. nullopt: not
  /// attainable with so few values.
  std::optional<Interval<std::int64_t>> quantile_interval(
      double p, double confidence = usual_confidence) const;
  /// One-sided: the true quantile is not above this value. nullopt: not attainable.
  std::optional<std::int64_t> quantile_upper_bound(double p,
                                                   double confidence = usual_confidence) const;
  std::optional<std::int64_t> quantile_lower_bound(double p,
                                                   double confidence = usual_confidence) const;

  /// With n - 1 in the denominator. nullopt: fewer than two values.
  std::optional<double> variance() const;
  /// The mean with Student's t interval: exact for normal data, good for large samples of others.
  /// nullopt: fewer than two values.
  std::optional<Estimate> mean_estimate(double confidence = usual_confidence) const;

  /// How many values are <= limit.
  std::int64_t count_at_most(std::int64_t limit) const;

  /// The same values, in whatever order they came.
  friend bool operator==(const Sample& a, const Sample& b);

 private:
  std::int64_t at_rank(std::int64_t rank) const;

  mutable std::vector<std::int64_t> values_;
  mutable bool is_sorted_ = true;
  Int128 sum_ = 0;
};

}  // namespace predrill::sim
