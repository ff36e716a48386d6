#include "sim/tally.hpp"

#include <algorithm>
#include <cmath>

#include "sim/student.hpp"

namespace predrill::sim {

void Tally::add(double value) {
  sum_.add(value);
  squares_.add_product(value, value);
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  ++count_;
}

void Tally::merge(const Tally& other) {
  if (other.count_ == 0) return;
  sum_.merge(other.sum_);
  squares_.merge(other.squares_);
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
}

std::optional<double> Tally::min() const {
  if (count_ == 0) return std::nullopt;
  return min_;
}

std::optional<double> Tally::max() const {
  if (count_ == 0) return std::nullopt;
  return max_;
}

std::optional<double> Tally::mean() const {
  if (count_ == 0) return std::nullopt;
  return sum_.value() / static_cast<double>(count_);
}

std::optional<double> Tally::variance() const {
  if (count_ < 2) return std::nullopt;
  const auto n = static_cast<double>(count_);
  const double centre = *mean();
  // Sum of (x - c)^2 = sum of x^2 - 2 c sum of x + n c^2, without rounding until the end.
  ExactSum squares = squares_;
  for (const double term : sum_.expansion()) {
    squares.add_product(-centre, term);
    squares.add_product(-centre, term);
  }
  ExactSum total_centre;
  total_centre.add_product(centre, count_);
  ExactSum shift = sum_;
  for (const double term : total_centre.expansion()) {
    squares.add_product(centre, term);
    shift.add(-term);
  }
  const double rest = shift.value();
  return std::max(0.0, (squares.value() - rest * rest / n) / (n - 1));
}

std::optional<Estimate> Tally::mean_estimate(double confidence) const {
  const auto spread = variance();
  if (!spread) return std::nullopt;
  return student_estimate(*mean(), *spread, count_, confidence);
}

}  // namespace predrill::sim
