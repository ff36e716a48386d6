#include "sim/order_statistics.hpp"

#include <algorithm>
#include <cmath>

#include "sim/int128.hpp"
#include "sim/probability.hpp"

namespace predrill::sim {
namespace {

bool is_probability(double p) {
  return p > 0 && p < 1;
}

// 1 - confidence is 0.050000000000000044 for 0.95: the error that a caller meant has few digits.
double allowed_error(double confidence) {
  return rounded_to_40_bits(1 - confidence);
}

/// The largest rank l with P(X(l) > quantile) = P(B <= l - 1) <= error; 0 if there is none.
std::int64_t highest_lower_rank(std::int64_t n, double p, double error) {
  std::int64_t good = 0;
  std::int64_t bad = n + 1;
  while (bad - good > 1) {
    const std::int64_t middle = good + (bad - good) / 2;
    (binomial_cdf(middle - 1, n, p) <= error ? good : bad) = middle;
  }
  return good;
}

/// The smallest rank u with P(X(u) < quantile) = P(B >= u) <= error; n + 1 if there is none.
std::int64_t lowest_upper_rank(std::int64_t n, double p, double error) {
  // P(B >= u) is the chance of at most n - u failures: the tail without cancellation.
  return n + 1 - highest_lower_rank(n, rounded_to_40_bits(1 - p), error);
}

double coverage_of(std::int64_t low, std::int64_t high, std::int64_t n, double p) {
  const double below = binomial_cdf(low - 1, n, p);
  const double above = binomial_cdf(n - high, n, rounded_to_40_bits(1 - p));
  return rounded_to_40_bits(1 - below - above);
}

/// Drops ranks from the end that contributes less, as long as the coverage allows it.
std::optional<RankInterval> shortened(RankInterval ranks, std::int64_t n, double p,
                                      double confidence) {
  if (ranks.coverage < confidence) return std::nullopt;
  while (ranks.low < ranks.high) {
    const double without_low = coverage_of(ranks.low + 1, ranks.high, n, p);
    const double without_high = coverage_of(ranks.low, ranks.high - 1, n, p);
    if (std::max(without_low, without_high) < confidence) break;
    if (without_low > without_high) {
      ranks = {ranks.low + 1, ranks.high, without_low};
    } else {
      ranks = {ranks.low, ranks.high - 1, without_high};
    }
  }
  return ranks;
}

}  // namespace

std::int64_t quantile_rank(std::int64_t n, double p) {
  constexpr std::int64_t billion = 1'000'000'000;
  const std::int64_t parts = std::llround(std::clamp(p, 0.0, 1.0) * 1e9);
  const Int128 rank = (Int128{n} * parts + (billion - 1)) / billion;
  return std::max(std::int64_t{1}, static_cast<std::int64_t>(rank));
}

std::optional<RankInterval> quantile_rank_interval(std::int64_t n, double p, double confidence) {
  if (n < 1 || !is_probability(p) || !is_probability(confidence)) return std::nullopt;
  const double error = allowed_error(confidence);
  const double complement = rounded_to_40_bits(1 - p);
  std::int64_t low = highest_lower_rank(n, p, error / 2);
  std::int64_t high = lowest_upper_rank(n, p, error / 2);
  if (low < 1 && high > n) {
    low = 1;
    high = n;
  } else if (high > n) {
    high = n;
    low = highest_lower_rank(n, p, error - binomial_cdf(0, n, complement));
  } else if (low < 1) {
    low = 1;
    high = lowest_upper_rank(n, p, error - binomial_cdf(0, n, p));
  }
  if (low < 1 || high > n || low > high) return std::nullopt;
  return shortened({low, high, coverage_of(low, high, n, p)}, n, p, rounded_to_40_bits(1 - error));
}

std::optional<std::int64_t> quantile_upper_bound_rank(std::int64_t n, double p, double confidence) {
  if (n < 1 || !is_probability(p) || !is_probability(confidence)) return std::nullopt;
  const std::int64_t rank = lowest_upper_rank(n, p, allowed_error(confidence));
  if (rank > n) return std::nullopt;
  return std::max(rank, std::int64_t{1});
}

std::optional<std::int64_t> quantile_lower_bound_rank(std::int64_t n, double p, double confidence) {
  if (n < 1 || !is_probability(p) || !is_probability(confidence)) return std::nullopt;
  const std::int64_t rank = highest_lower_rank(n, p, allowed_error(confidence));
  if (rank < 1) return std::nullopt;
  return std::min(rank, n);
}

}  // namespace predrill::sim
