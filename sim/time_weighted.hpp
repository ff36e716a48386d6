// Averages over virtual time of a signal that keeps its value between changes: queue lengths, busy
// servers, connections.
#pragma once

#include <optional>

#include "sim/exact_sum.hpp"
#include "sim/time.hpp"

namespace predrill::sim {

/// What a signal did over the stretches of time given to it, each with one value. The integral is
/// exact: order of stretches and merges does not change a bit.
class TimeWeighted {
 public:
  /// Without a threshold, time_above() is zero.
  explicit TimeWeighted(std::optional<double> threshold = std::nullopt) : threshold_(threshold) {}
  std::optional<double> threshold() const { return threshold_; }

  /// The signal had `value` for that long. A stretch that is not positive counts for nothing, so a
  /// value that was replaced within the same instant is not seen.
  void hold(double value, Duration for_time);
  /// Both must have the same threshold; false, and nothing merged, if they have not.
  bool merge(const TimeWeighted& other);

  Duration observed() const { return observed_; }
  /// Strictly above the threshold.
  Duration time_above() const { return above_; }

  // nullopt: no time was observed.
  std::optional<double> mean() const;
  std::optional<double> min() const;
  std::optional<double> max() const;

  friend bool operator==(const TimeWeighted&, const TimeWeighted&) = default;

 private:
  std::optional<double> threshold_;
  Duration observed_{};
  Duration above_{};
  ExactSum integral_;
  double min_ = 0;
  double max_ = 0;
};

/// Follows one signal through one run.
class SignalMeter {
 public:
  SignalMeter(Time start, double value, std::optional<double> threshold = std::nullopt)
      : totals_(threshold), since_(start), value_(value) {}

  /// From `at` on, the signal has this value. A time before the last change is taken as that
  /// change.
  void set(Time at, double value);
  void change_by(Time at, double difference) { set(at, value_ + difference); }
  double value() const { return value_; }

  /// Forgets what was observed before `at` (the end of the warm-up); the value stays.
  void restart(Time at);

  /// Everything up to `until`.
  TimeWeighted totals(Time until) const;

 private:
  TimeWeighted totals_;
  Time since_;
  double value_;
};

}  // namespace predrill::sim
