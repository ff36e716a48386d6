#include "sim/proportion.hpp"

#include <algorithm>
#include <cmath>

#include "sim/probability.hpp"

namespace predrill::sim {
namespace {

bool is_usable(const Proportion& proportion, double confidence) {
  return proportion.trials() > 0 && confidence > 0 && confidence < 1;
}

}  // namespace

Proportion::Proportion(std::int64_t successes, std::int64_t trials)
    : trials_(std::max(trials, std::int64_t{0})) {
  successes_ = std::clamp(successes, std::int64_t{0}, trials_);
}

void Proportion::add(bool success) {
  successes_ += success ? 1 : 0;
  ++trials_;
}

void Proportion::merge(const Proportion& other) {
  successes_ += other.successes_;
  trials_ += other.trials_;
}

std::optional<double> Proportion::value() const {
  if (trials_ == 0) return std::nullopt;
  return static_cast<double>(successes_) / static_cast<double>(trials_);
}

std::optional<Interval<double>> Proportion::wilson(double confidence) const {
  if (!is_usable(*this, confidence)) return std::nullopt;
  const auto n = static_cast<double>(trials_);
  const double p = *value();
  const double z = normal_quantile((1 + confidence) / 2);
  const double centre = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  // At the ends the formula gives 0 and 1 up to rounding.
  return Interval<double>{successes_ == 0 ? 0 : (centre - half) / scale,
                          successes_ == trials_ ? 1 : (centre + half) / scale};
}

std::optional<Interval<double>> Proportion::clopper_pearson(double confidence) const {
  if (!is_usable(*this, confidence)) return std::nullopt;
  const double one_sided = (1 + confidence) / 2;
  return Interval<double>{*lower_bound(one_sided), *upper_bound(one_sided)};
}

std::optional<double> Proportion::upper_bound(double confidence) const {
  if (!is_usable(*this, confidence)) return std::nullopt;
  if (successes_ == trials_) return 1;
  return beta_quantile(confidence, static_cast<double>(successes_ + 1),
                       static_cast<double>(trials_ - successes_));
}

std::optional<double> Proportion::lower_bound(double confidence) const {
  if (!is_usable(*this, confidence)) return std::nullopt;
  if (successes_ == 0) return 0;
  return beta_quantile(rounded_to_40_bits(1 - confidence), static_cast<double>(successes_),
                       static_cast<double>(trials_ - successes_ + 1));
}

}  // namespace predrill::sim
