// The shape of an answer that knows how uncertain it is.
#pragma once

namespace predrill::sim {

constexpr double usual_confidence = 0.95;

/// A closed range. What it promises (confidence of a mean, of a quantile, a bound of error) is said
/// by the function that returns it.
template <class T>
struct Interval {
  T low{};
  T high{};

  constexpr bool contains(const T& value) const { return low <= value && value <= high; }
  friend constexpr bool operator==(const Interval&, const Interval&) = default;
};

/// A number with its confidence interval, both in the unit of the data.
struct Estimate {
  double value = 0;
  Interval<double> interval;

  friend constexpr bool operator==(const Estimate&, const Estimate&) = default;
};

}  // namespace predrill::sim
