// Deciding about a probability with as few runs as possible.
#pragma once

#include <cstdint>
#include <optional>

namespace predrill::sim {

/// Wald's sequential probability ratio test (Sequential Analysis, 1947, 3.1 and 5.2) of "a run
/// succeeds with probability p0" against "... with p1". Results must be given in an order that does
/// not depend on them: by run index, not by who finished first.
class SequentialTest {
 public:
  enum class Decision {
    go_on,   ///< Not enough evidence yet.
    accept,  ///< p0 it is; wrong in at most about `beta` of the cases where p1 is true.
    reject,  ///< p1 it is; wrong in at most about `alpha` of the cases where p0 is true.
  };

  /// nullopt unless 0 <= p1 < p0 <= 1 or 0 <= p0 < p1 <= 1, and alpha, beta > 0, alpha + beta < 1.
  static std::optional<SequentialTest> make(double p0, double p1, double alpha, double beta);

  /// Once a decision has fallen, further results change nothing.
  Decision add(bool success);
  Decision decision() const { return decision_; }
  std::int64_t runs() const { return successes_ + failures_; }
  std::int64_t successes() const { return successes_; }
  std::int64_t failures() const { return failures_; }

  /// Logarithm of the likelihood under p1 over that under p0.
  double log_likelihood_ratio() const;
  /// Runs without any failure after which a fresh test accepts; nullopt if they never suffice.
  std::optional<std::int64_t> clean_runs_to_accept() const;

 private:
  SequentialTest() = default;

  double success_step_ = 0;
  double failure_step_ = 0;
  double accept_at_ = 0;
  double reject_at_ = 0;
  std::int64_t successes_ = 0;
  std::int64_t failures_ = 0;
  Decision decision_ = Decision::go_on;
};

}  // namespace predrill::sim
