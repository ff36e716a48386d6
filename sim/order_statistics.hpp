// Which of n sorted values answers a question about a quantile. Ranks count from 1, as in the
// literature: rank 1 is the smallest value, rank n the largest.
#pragma once

#include <cstdint>
#include <optional>

namespace predrill::sim {

/// Rank of the p-quantile: the smallest k with k/n >= p, at least 1 (Hyndman & Fan 1996, type 1,
/// the inverse of the empirical distribution). A quantile is therefore always a value that was
/// observed. p is taken to nine decimals, so that 0.07 of 100 values is exactly rank 7.
/// Needs n >= 1 and 0 <= p <= 1; p outside is taken as the nearer end.
std::int64_t quantile_rank(std::int64_t n, double p);

struct RankInterval {
  std::int64_t low = 0;
  std::int64_t high = 0;
  double coverage = 0;  ///< Exact for a continuous distribution, a lower bound for any other.

  friend constexpr bool operator==(const RankInterval&, const RankInterval&) = default;
};

/// Ranks between which the true p-quantile lies with at least the given confidence, whatever the
/// distribution (David & Nagaraja, Order Statistics, 3rd ed., 7.1: the number of values below the
/// quantile is binomial). Starts from the interval whose sides err with at most half of the allowed
/// probability each (a side that cannot, for want of values beyond the quantile, becomes the
/// extreme value and the other side keeps what is left), then drops ranks for as long as the
/// confidence holds. nullopt: not attainable with n values, not even from the minimum to the
/// maximum.
std::optional<RankInterval> quantile_rank_interval(std::int64_t n, double p, double confidence);

/// Rank of a value that is not below the p-quantile with at least the given confidence. nullopt:
/// not attainable; for p = 0.99 and 95 % it takes 299 values.
std::optional<std::int64_t> quantile_upper_bound_rank(std::int64_t n, double p, double confidence);

/// Rank of a value that is not above the p-quantile with at least the given confidence.
std::optional<std::int64_t> quantile_lower_bound_rank(std::int64_t n, double p, double confidence);

}  // namespace predrill::sim
