#include "sim/student.hpp"

#include <cmath>

#include "sim/probability.hpp"

namespace predrill::sim {

std::optional<Estimate> student_estimate(double mean, double variance, std::int64_t n,
                                         double confidence) {
  if (n < 2 || !(confidence > 0 && confidence < 1)) return std::nullopt;
  const auto count = static_cast<double>(n);
  const double half =
      student_quantile((1 + confidence) / 2, count - 1) * std::sqrt(variance / count);
  return Estimate{mean, {mean - half, mean + half}};
}

}  // namespace predrill::sim
