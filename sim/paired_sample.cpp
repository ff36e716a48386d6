#include "sim/paired_sample.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sim/int128.hpp"
#include "sim/order_statistics.hpp"
#include "sim/probability.hpp"

namespace predrill::sim {
namespace {

std::int64_t difference_of(std::int64_t variant, std::int64_t baseline) {
  constexpr Int128 least = std::numeric_limits<std::int64_t>::min();
  constexpr Int128 greatest = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(Int128{variant} - baseline, least, greatest));
}

/// The draw with this number: a counter run through the output function of SplitMix64 (Steele, Lea
/// & Flood 2014) and scaled to 0 .. bound - 1.
std::size_t draw(std::uint64_t number, std::uint64_t bound) {
  std::uint64_t z = (number + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<std::size_t>((Uint128{z} * bound) >> 64);
}

/// Position in `order` at which the counts, added up in that order, reach the rank.
std::size_t reach(const std::vector<std::size_t>& order, const std::vector<std::int64_t>& counts,
                  std::int64_t rank) {
  std::int64_t seen = 0;
  for (const std::size_t index : order) {
    seen += counts[index];
    if (seen >= rank) return index;
  }
  return order.back();
}

}  // namespace

void PairedSample::add(std::int64_t baseline, std::int64_t variant) {
  pairs_.push_back({baseline, variant});
  baseline_.add(baseline);
  variant_.add(variant);
  differences_.add(difference_of(variant, baseline));
}

void PairedSample::merge(const PairedSample& other) {
  if (this == &other) {
    merge(PairedSample(other));
    return;
  }
  pairs_.insert(pairs_.end(), other.pairs_.begin(), other.pairs_.end());
  baseline_.merge(other.baseline_);
  variant_.merge(other.variant_);
  differences_.merge(other.differences_);
}

std::vector<PairedSample::Pair> PairedSample::sorted_pairs() const {
  auto pairs = pairs_;
  std::ranges::sort(pairs);
  return pairs;
}

std::optional<std::int64_t> PairedSample::quantile_difference(double p) const {
  if (pairs_.empty()) return std::nullopt;
  return difference_of(*variant_.quantile(p), *baseline_.quantile(p));
}

std::optional<Interval<std::int64_t>> PairedSample::quantile_difference_interval(
    double p, double confidence, int resamples) const {
  if (!quantile_rank_interval(size(), p, confidence)) return std::nullopt;
  const double tail = rounded_to_40_bits(1 - confidence) / 2;
  const auto beyond = static_cast<std::int64_t>(std::floor((resamples + 1) * tail));
  if (beyond < 1) return std::nullopt;

  // Sorted, so that draw k means the same pair whatever the order of additions.
  const auto pairs = sorted_pairs();
  const std::size_t n = pairs.size();
  std::vector<std::size_t> by_baseline(n);
  std::iota(by_baseline.begin(), by_baseline.end(), std::size_t{0});
  auto by_variant = by_baseline;
  std::ranges::stable_sort(by_variant, {}, [&](std::size_t i) { return pairs[i].variant; });

  const std::int64_t rank = quantile_rank(size(), p);
  std::vector<std::int64_t> counts(n);
  std::vector<std::int64_t> results(static_cast<std::size_t>(resamples));
  std::uint64_t number = 0;
  for (auto& result : results) {
    std::ranges::fill(counts, 0);
    for (std::size_t i = 0; i < n; ++i) ++counts[draw(number++, n)];
    result = difference_of(pairs[reach(by_variant, counts, rank)].variant,
                           pairs[reach(by_baseline, counts, rank)].baseline);
  }
  std::ranges::sort(results);
  return Interval<std::int64_t>{results[static_cast<std::size_t>(beyond - 1)],
                                results[static_cast<std::size_t>(resamples - beyond)]};
}

std::optional<double> PairedSample::variance_reduction() const {
  const auto together = differences_.variance();
  if (!together || *together == 0) return std::nullopt;
  return (*baseline_.variance() + *variant_.variance()) / *together;
}

bool operator==(const PairedSample& a, const PairedSample& b) {
  return a.sorted_pairs() == b.sorted_pairs();
}

}  // namespace predrill::sim
