// Is a scenario slower than its baseline? From the runs alone: which seeds were run by whom does
// not matter here.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/gate/baseline.hpp"
#include "sim/interval.hpp"
#include "sim/sequential.hpp"

namespace predrill::harness {

enum class GateVerdict : std::uint8_t { pass, fail, undecided };
std::string_view to_text(GateVerdict verdict);

/// How the test of one bound came out.
struct BoundTest {
  GateBound bound;
  sim::SequentialTest::Decision decision = sim::SequentialTest::Decision::go_on;
  std::int64_t runs = 0;
  std::int64_t failures = 0;
};
/// Wald's test of "a run keeps to the bound with probability p0" against p1: p0 is the objective's
/// quantile, p1 lies four times the share beyond it below (0.99: 0.95), at most a fifth of it.
/// Errors of both kinds: 1 %.
std::optional<sim::SequentialTest> sequential_test_of(double quantile);

/// Now minus before over the seeds that both sides have, in milliseconds.
struct PairedChange {
  std::int64_t pairs = 0;
  double mean = 0;
  std::optional<sim::Interval<double>> mean_ci;  // 99 %
  std::int64_t p50 = 0, p95 = 0;
  std::optional<sim::Interval<std::int64_t>> p50_ci, p95_ci;  // 99 %
};

struct StageChange {
  double before_ms = 0, after_ms = 0;  // means over the paired seeds
};

struct GateOptions {
  double tolerance_ms = 100;       // what nobody minds
  double negligible_ms = 1000;     // a pass needs proof that it is not slower than this, or than
  double negligible_share = 0.05;  // this part of the baseline's mean
};

struct GateJudgement {
  GateVerdict verdict = GateVerdict::undecided;
  std::vector<std::string> reasons;  // of a failure, or why nothing can be said; whole sentences
  bool slower = false;               // the times, whatever else failed
  bool faster = false;
  PairedChange rto;
  std::vector<BoundTest> bounds;
  std::array<StageChange, stages> stage_changes{};
  /// The stage that grew most, where runs became slower.
  std::optional<Stage> stage;
  std::int64_t lost_before = 0, lost_now = 0;  // runs with lost rows
};

/// Fails if the mean, the median or the 95 % quantile of the RTO grew by more than the tolerance
/// for sure (99 % intervals of the paired runs), if a bound is rejected, if rows are lost more
/// often, or if an invariant broke that held. Passes if every bound is accepted and growth beyond
/// what is negligible is excluded.
GateJudgement judge_against(const Baseline& baseline, const std::vector<SeedMeasure>& now,
                            const std::set<std::string>& violations,
                            const GateOptions& options = {});

}  // namespace predrill::harness
