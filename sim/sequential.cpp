#include "sim/sequential.hpp"

#include <cmath>

#include "sim/portable_math.hpp"
#include "sim/probability.hpp"

namespace predrill::sim {
namespace {

double rounded_log(double x) {
  return rounded_to_40_bits(portable::log(x));
}

// Boundaries are often small multiples of a step (p0 = 3/4, p1 = 1/4, alpha = beta = 1/10). There
// the rounding of logarithms must not decide.
constexpr double slack = 1e-9;

}  // namespace

std::optional<SequentialTest> SequentialTest::make(double p0, double p1, double alpha,
                                                   double beta) {
  const auto is_probability = [](double p) { return p >= 0 && p <= 1; };
  if (!is_probability(p0) || !is_probability(p1) || p0 == p1) return std::nullopt;
  if (!(alpha > 0 && beta > 0 && alpha + beta < 1)) return std::nullopt;
  SequentialTest test;
  test.success_step_ = rounded_log(p1 / p0);
  test.failure_step_ = rounded_log((1 - p1) / (1 - p0));
  test.accept_at_ = rounded_log(beta / (1 - alpha)) * (1 - slack);
  test.reject_at_ = rounded_log((1 - beta) / alpha) * (1 - slack);
  return test;
}

SequentialTest::Decision SequentialTest::add(bool success) {
  if (decision_ != Decision::go_on) return decision_;
  ++(success ? successes_ : failures_);
  const double ratio = log_likelihood_ratio();
  if (ratio <= accept_at_) decision_ = Decision::accept;
  if (ratio >= reject_at_) decision_ = Decision::reject;
  return decision_;
}

double SequentialTest::log_likelihood_ratio() const {
  // A step is infinite where a hypothesis rules an outcome out; it counts only if that happened.
  double ratio = 0;
  if (successes_ > 0) ratio += static_cast<double>(successes_) * success_step_;
  if (failures_ > 0) ratio += static_cast<double>(failures_) * failure_step_;
  return ratio;
}

std::optional<std::int64_t> SequentialTest::clean_runs_to_accept() const {
  if (success_step_ >= 0) return std::nullopt;
  if (std::isinf(success_step_)) return 1;
  return std::llround(std::ceil(accept_at_ / success_step_));
}

}  // namespace predrill::sim
