// The interval that every mean of independent values gets.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/interval.hpp"

namespace predrill::sim {

/// A mean of n independent values of the given variance, with Student's t interval. nullopt: n < 2
/// or a confidence outside of (0, 1).
std::optional<Estimate> student_estimate(double mean, double variance, std::int64_t n,
                                         double confidence);

}  // namespace predrill::sim
