// Counts in buckets whose width grows with the value: any number of values in little memory, and
// quantiles whose relative error is bounded beforehand.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/int128.hpp"
#include "sim/interval.hpp"
#include "sim/time.hpp"

namespace predrill::sim {

/// Values >= 0 in one unit, usually nanoseconds, in the log-linear layout of HdrHistogram: values
/// below 256 have a bucket each; above, every power of two is cut into 128 equal buckets. Integer
/// arithmetic decides the bucket, and counts and sum are integers, so merging partial histograms in
/// any order gives the same bits.
class Histogram {
 public:
  static constexpr int precision_bits = 8;
  /// A reported quantile differs from the exact one by at most this fraction of the exact one.
  static constexpr double relative_error = 1.0 / (1 << precision_bits);

  struct Bucket {
    std::int64_t low = 0;   ///< Smallest value that belongs here.
    std::int64_t high = 0;  ///< Largest value that belongs here.
    std::uint64_t count = 0;
  };

  /// A negative value counts as 0 and shows in clamped().
  void add(std::int64_t value, std::uint64_t times = 1);
  void add(Duration value) { add(value.count()); }
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  /// How many negative values were taken for 0.
  std::uint64_t clamped() const { return clamped_; }

  // Exact. nullopt: empty.
  std::optional<std::int64_t> min() const;
  std::optional<std::int64_t> max() const;
  std::optional<double> mean() const;
  Uint128 sum() const { return sum_; }

  /// Within relative_error of Sample::quantile over the same values, and between min and max.
  /// nullopt: empty.
  std::optional<std::int64_t> quantile(double p) const;
  /// Contains the interval that Sample::quantile_interval would give for the same values, hence
  /// covers at least as often. nullopt: not attainable with so few values.
  std::optional<Interval<std::int64_t>> quantile_interval(
      double p, double confidence = usual_confidence) const;
  /// How many values lie in the buckets up to and including that of `limit`: exact if limit is the
  /// last value of its bucket, otherwise too large by at most that bucket's count.
  std::uint64_t count_at_most(std::int64_t limit) const;

  /// The buckets that hold something, ascending.
  std::vector<Bucket> buckets() const;
  /// The bucket of a value >= 0, with its count.
  Bucket bucket_of(std::int64_t value) const;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  Bucket bucket_at(std::size_t index) const;
  Bucket bucket_with_rank(std::int64_t rank) const;

  std::vector<std::uint64_t> counts_;  ///< Up to the bucket of the largest value, never beyond.
  std::uint64_t count_ = 0;
  std::uint64_t clamped_ = 0;
  Uint128 sum_ = 0;
  std::int64_t min_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace predrill::sim
