// How often something happened, and how sure that is.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/interval.hpp"

namespace predrill::sim {

/// Successes among independent trials. All answers are nullopt without a trial, and for a
/// confidence outside of (0, 1).
class Proportion {
 public:
  Proportion() = default;
  /// 0 <= successes <= trials; anything else is brought into that range.
  Proportion(std::int64_t successes, std::int64_t trials);

  void add(bool success);
  void merge(const Proportion& other);

  std::int64_t successes() const { return successes_; }
  std::int64_t trials() const { return trials_; }
  std::optional<double> value() const;

  /// Wilson 1927: covers about as often as it claims, on average over proportions. For display.
  std::optional<Interval<double>> wilson(double confidence = usual_confidence) const;
  /// Clopper & Pearson 1934: covers at least as often as it claims, always. For verdicts.
  std::optional<Interval<double>> clopper_pearson(double confidence = usual_confidence) const;

  /// One-sided Clopper-Pearson bounds: after n trials without a success, upper_bound() is about
  /// 3/n.
  std::optional<double> upper_bound(double confidence = usual_confidence) const;
  std::optional<double> lower_bound(double confidence = usual_confidence) const;

  friend bool operator==(const Proportion&, const Proportion&) = default;

 private:
  std::int64_t successes_ = 0;
  std::int64_t trials_ = 0;
};

}  // namespace predrill::sim
