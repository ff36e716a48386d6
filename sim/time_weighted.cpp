#include "sim/time_weighted.hpp"

#include <algorithm>

namespace predrill::sim {

void TimeWeighted::hold(double value, Duration for_time) {
  if (for_time <= Duration::zero()) return;
  const bool first = observed_ == Duration::zero();
  min_ = first ? value : std::min(min_, value);
  max_ = first ? value : std::max(max_, value);
  integral_.add_product(value, for_time.count());
  observed_ += for_time;
  if (threshold_ && value > *threshold_) above_ += for_time;
}

bool TimeWeighted::merge(const TimeWeighted& other) {
  if (threshold_ != other.threshold_) return false;
  if (other.observed_ == Duration::zero()) return true;
  const bool first = observed_ == Duration::zero();
  min_ = first ? other.min_ : std::min(min_, other.min_);
  max_ = first ? other.max_ : std::max(max_, other.max_);
  integral_.merge(other.integral_);
  observed_ += other.observed_;
  above_ += other.above_;
  return true;
}

std::optional<double> TimeWeighted::mean() const {
  if (observed_ == Duration::zero()) return std::nullopt;
  return integral_.value() / static_cast<double>(observed_.count());
}

std::optional<double> TimeWeighted::min() const {
  if (observed_ == Duration::zero()) return std::nullopt;
  return min_;
}

std::optional<double> TimeWeighted::max() const {
  if (observed_ == Duration::zero()) return std::nullopt;
  return max_;
}

void SignalMeter::set(Time at, double value) {
  totals_.hold(value_, at - since_);
  since_ = std::max(since_, at);
  value_ = value;
}

void SignalMeter::restart(Time at) {
  totals_ = TimeWeighted(totals_.threshold());
  since_ = std::max(since_, at);
}

TimeWeighted SignalMeter::totals(Time until) const {
  TimeWeighted totals = totals_;
  totals.hold(value_, until - since_);
  return totals;
}

}  // namespace predrill::sim
