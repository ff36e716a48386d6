#include "sim/histogram.hpp"

#include <algorithm>
#include <bit>

#include "sim/order_statistics.hpp"

namespace predrill::sim {
namespace {

constexpr int bits = Histogram::precision_bits;
constexpr std::size_t per_octave = std::size_t{1} << (bits - 1);

/// How far a value is shifted right until `bits` bits remain.
int shift_of(std::uint64_t value) {
  return std::max(0, static_cast<int>(std::bit_width(value)) - bits);
}

std::size_t index_of(std::int64_t value) {
  const auto magnitude = static_cast<std::uint64_t>(value);
  const int shift = shift_of(magnitude);
  return static_cast<std::size_t>(shift) * per_octave +
         static_cast<std::size_t>(magnitude >> shift);
}

}  // namespace

void Histogram::add(std::int64_t value, std::uint64_t times) {
  if (times == 0) return;
  if (value < 0) {
    clamped_ += times;
    value = 0;
  }
  const std::size_t index = index_of(value);
  if (index >= counts_.size()) counts_.resize(index + 1);
  counts_[index] += times;
  min_ = empty() ? value : std::min(min_, value);
  max_ = empty() ? value : std::max(max_, value);
  count_ += times;
  sum_ += Uint128{static_cast<std::uint64_t>(value)} * times;
}

void Histogram::merge(const Histogram& other) {
  if (other.empty()) return;
  if (counts_.size() < other.counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  min_ = empty() ? other.min_ : std::min(min_, other.min_);
  max_ = empty() ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  clamped_ += other.clamped_;
  sum_ += other.sum_;
}

std::optional<std::int64_t> Histogram::min() const {
  if (empty()) return std::nullopt;
  return min_;
}

std::optional<std::int64_t> Histogram::max() const {
  if (empty()) return std::nullopt;
  return max_;
}

std::optional<double> Histogram::mean() const {
  if (empty()) return std::nullopt;
  return static_cast<double>(sum_) / static_cast<double>(count_);
}

std::optional<std::int64_t> Histogram::quantile(double p) const {
  if (empty()) return std::nullopt;
  const Bucket bucket = bucket_with_rank(quantile_rank(static_cast<std::int64_t>(count_), p));
  return std::clamp(bucket.low + (bucket.high - bucket.low) / 2, min_, max_);
}

std::optional<Interval<std::int64_t>> Histogram::quantile_interval(double p,
                                                                   double confidence) const {
  const auto ranks = quantile_rank_interval(static_cast<std::int64_t>(count_), p, confidence);
  if (!ranks) return std::nullopt;
  return Interval<std::int64_t>{std::max(min_, bucket_with_rank(ranks->low).low),
                                std::min(max_, bucket_with_rank(ranks->high).high)};
}

std::uint64_t Histogram::count_at_most(std::int64_t limit) const {
  if (limit < 0) return 0;
  const std::size_t end = std::min(counts_.size(), index_of(limit) + 1);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < end; ++i) below += counts_[i];
  return below;
}

std::vector<Histogram::Bucket> Histogram::buckets() const {
  std::vector<Bucket> filled;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] != 0) filled.push_back(bucket_at(i));
  }
  return filled;
}

Histogram::Bucket Histogram::bucket_of(std::int64_t value) const {
  return bucket_at(index_of(std::max(value, std::int64_t{0})));
}

Histogram::Bucket Histogram::bucket_at(std::size_t index) const {
  const std::size_t shift = index < 2 * per_octave ? 0 : index / per_octave - 1;
  const std::uint64_t low = std::uint64_t{index - shift * per_octave} << shift;
  const std::uint64_t high = low + ((std::uint64_t{1} << shift) - 1);
  return {static_cast<std::int64_t>(low), static_cast<std::int64_t>(high),
          index < counts_.size() ? counts_[index] : 0};
}

Histogram::Bucket Histogram::bucket_with_rank(std::int64_t rank) const {
  const auto wanted = static_cast<std::uint64_t>(rank);
  std::uint64_t seen = 0;
  std::size_t index = 0;
  while (index + 1 < counts_.size() && seen + counts_[index] < wanted) seen += counts_[index++];
  return bucket_at(index);
}

}  // namespace predrill::sim
