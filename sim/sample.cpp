#include "sim/sample.hpp"

#include <algorithm>
#include <utility>

#include "sim/order_statistics.hpp"
#include "sim/student.hpp"

namespace predrill::sim {

Sample::Sample(std::vector<std::int64_t> values)
    : values_(std::move(values)), is_sorted_(std::ranges::is_sorted(values_)) {
  for (const std::int64_t value : values_) sum_ += value;
}

void Sample::add(std::int64_t value) {
  is_sorted_ = is_sorted_ && (values_.empty() || values_.back() <= value);
  values_.push_back(value);
  sum_ += value;
}

void Sample::merge(const Sample& other) {
  if (this == &other) {
    merge(Sample(other));
    return;
  }
  is_sorted_ = is_sorted_ && other.is_sorted_ &&
               (values_.empty() || other.empty() || values_.back() <= other.values_.front());
  values_.insert(values_.end(), other.values_.begin(), other.values_.end());
  sum_ += other.sum_;
}

std::span<const std::int64_t> Sample::sorted() const {
  if (!is_sorted_) {
    std::ranges::sort(values_);
    is_sorted_ = true;
  }
  return values_;
}

std::vector<double> Sample::sorted_as_doubles() const {
  const auto values = sorted();
  std::vector<double> doubles;
  doubles.reserve(values.size());
  for (const std::int64_t value : values) doubles.push_back(static_cast<double>(value));
  return doubles;
}

std::int64_t Sample::at_rank(std::int64_t rank) const {
  return sorted()[static_cast<std::size_t>(rank - 1)];
}

std::optional<std::int64_t> Sample::min() const {
  if (empty()) return std::nullopt;
  return at_rank(1);
}

std::optional<std::int64_t> Sample::max() const {
  if (empty()) return std::nullopt;
  return at_rank(size());
}

std::optional<std::int64_t> Sample::quantile(double p) const {
  if (empty()) return std::nullopt;
  return at_rank(quantile_rank(size(), p));
}

std::optional<double> Sample::mean() const {
  if (empty()) return std::nullopt;
  return static_cast<double>(sum_) / static_cast<double>(size());
}

std::optional<Interval<std::int64_t>> Sample::quantile_interval(double p, double confidence) const {
  const auto ranks = quantile_rank_interval(size(), p, confidence);
  if (!ranks) return std::nullopt;
  return Interval<std::int64_t>{at_rank(ranks->low), at_rank(ranks->high)};
}

std::optional<std::int64_t> Sample::quantile_upper_bound(double p, double confidence) const {
  const auto rank = quantile_upper_bound_rank(size(), p, confidence);
  if (!rank) return std::nullopt;
  return at_rank(*rank);
}

std::optional<std::int64_t> Sample::quantile_lower_bound(double p, double confidence) const {
  const auto rank = quantile_lower_bound_rank(size(), p, confidence);
  if (!rank) return std::nullopt;
  return at_rank(*rank);
}

std::optional<double> Sample::variance() const {
  if (size() < 2) return std::nullopt;
  // Deviations from the integer next to the mean are small and exact; summed in sorted order, they
  // give the same bits however the sample came about.
  const auto n = static_cast<double>(size());
  const Int128 centre = sum_ / size();
  double squares = 0;
  for (const std::int64_t value : sorted()) {
    const auto deviation = static_cast<double>(Int128{value} - centre);
    squares += deviation * deviation;
  }
  const auto shift = static_cast<double>(sum_ - centre * size());
  return std::max(0.0, (squares - shift * shift / n) / (n - 1));
}

std::optional<Estimate> Sample::mean_estimate(double confidence) const {
  const auto spread = variance();
  if (!spread) return std::nullopt;
  return student_estimate(*mean(), *spread, size(), confidence);
}

std::int64_t Sample::count_at_most(std::int64_t limit) const {
  const auto values = sorted();
  return std::ranges::upper_bound(values, limit) - values.begin();
}

bool operator==(const Sample& a, const Sample& b) {
  return std::ranges::equal(a.sorted(), b.sorted());
}

}  // namespace predrill::sim
