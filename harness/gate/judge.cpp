#include "harness/gate/judge.hpp"

#include <algorithm>

#include "harness/report/number.hpp"
#include "sim/paired_sample.hpp"
#include "sim/proportion.hpp"

namespace predrill::harness {

using sim::SequentialTest;

namespace {

constexpr double confidence = 0.99;
constexpr double error = 0.01;  // of each kind

std::string seconds(double ms) {
  return seconds_text(static_cast<std::int64_t>(ms * 1e6), 2) + " s";
}

// The baseline's runs and these, by seed; those of one side alone are left out.
template <class F>
void for_each_pair(const std::vector<SeedMeasure>& before, const std::vector<SeedMeasure>& now,
                   F f) {
  std::size_t i = 0;
  for (const SeedMeasure& run : now) {
    while (i < before.size() && before[i].seed < run.seed) ++i;
    if (i == before.size()) return;
    if (before[i].seed == run.seed && before[i].has_result && run.has_result) f(before[i], run);
  }
}

PairedChange change_of(const sim::PairedSample& pairs) {
  PairedChange change;
  change.pairs = pairs.size();
  if (change.pairs == 0) return change;
  change.mean = pairs.differences().mean().value_or(0);
  if (pairs.differences().min() == pairs.differences().max()) {
    const std::int64_t by = *pairs.differences().min();
    change.p50 = change.p95 = by;
    change.mean_ci = {change.mean, change.mean};
    change.p50_ci = change.p95_ci = {by, by};
    return change;
  }
  if (const auto estimate = pairs.differences().mean_estimate(confidence)) {
    change.mean_ci = {estimate->interval.low, estimate->interval.high};
  }
  change.p50 = pairs.quantile_difference(0.50).value_or(0);
  change.p95 = pairs.quantile_difference(0.95).value_or(0);
  change.p50_ci = pairs.quantile_difference_interval(0.50, confidence);
  change.p95_ci = pairs.quantile_difference_interval(0.95, confidence);
  return change;
}

void compare_times(const Baseline& baseline, const std::vector<SeedMeasure>& now,
                   const GateOptions& options, GateJudgement& judgement) {
  sim::PairedSample pairs;
  for_each_pair(baseline.runs, now, [&](const SeedMeasure& before, const SeedMeasure& after) {
    pairs.add(before.rto_ms, after.rto_ms);
    for (std::size_t i = 0; i < stages; ++i) {
      judgement.stage_changes[i].before_ms += static_cast<double>(before.stages_ms[i]);
      judgement.stage_changes[i].after_ms += static_cast<double>(after.stages_ms[i]);
    }
  });
  judgement.rto = change_of(pairs);
  const PairedChange& rto = judgement.rto;
  for (StageChange& change : judgement.stage_changes) {
    change.before_ms /= static_cast<double>(std::max<std::int64_t>(1, rto.pairs));
    change.after_ms /= static_cast<double>(std::max<std::int64_t>(1, rto.pairs));
  }
  const auto grew = [&](const char* what, double by, const auto& ci) {
    if (!ci || static_cast<double>(ci->low) <= options.tolerance_ms) return;
    judgement.slower = true;
    judgement.reasons.push_back(std::string(what) + " of the RTO grew by " + seconds(by) + " [" +
                                seconds(static_cast<double>(ci->low)) + ", " +
                                seconds(static_cast<double>(ci->high)) + "] over " +
                                grouped(rto.pairs) + " runs with the same seeds");
  };
  grew("the mean", rto.mean, rto.mean_ci);
  grew("the median", static_cast<double>(rto.p50), rto.p50_ci);
  grew("the 95 % quantile", static_cast<double>(rto.p95), rto.p95_ci);
  judgement.faster = !judgement.slower && rto.mean_ci && rto.mean_ci->high < -options.tolerance_ms;
}

void blame_stage(GateJudgement& judgement) {
  const auto growth = [](const StageChange& change) { return change.after_ms - change.before_ms; };
  const auto most = std::max_element(
      judgement.stage_changes.begin(), judgement.stage_changes.end(),
      [&](const StageChange& a, const StageChange& b) { return growth(a) < growth(b); });
  if (growth(*most) > 0) {
    judgement.stage = static_cast<Stage>(most - judgement.stage_changes.begin());
  }
}

BoundTest test_bound(const GateBound& bound, const std::vector<SeedMeasure>& now) {
  BoundTest result;
  result.bound = bound;
  auto test = sequential_test_of(bound.quantile);
  if (!test || !bound.bound_ms) {
    result.decision = SequentialTest::Decision::accept;  // nothing to hold
    return result;
  }
  for (const SeedMeasure& run : now) {
    if (run.has_result) test->add(run.recovered && run.rto_ms <= *bound.bound_ms);
  }
  result.decision = test->decision();
  result.runs = test->runs();
  result.failures = test->failures();
  return result;
}

void compare_losses(const Baseline& baseline, const std::vector<SeedMeasure>& now,
                    const std::set<std::string>& violations, GateJudgement& judgement) {
  std::int64_t pairs = 0, only_before = 0, only_now = 0;
  for_each_pair(baseline.runs, now, [&](const SeedMeasure& before, const SeedMeasure& after) {
    ++pairs;
    judgement.lost_before += before.lost_rows > 0 ? 1 : 0;
    judgement.lost_now += after.lost_rows > 0 ? 1 : 0;
    only_before += before.lost_rows > 0 && after.lost_rows == 0 ? 1 : 0;
    only_now += after.lost_rows > 0 && before.lost_rows == 0 ? 1 : 0;
  });
  const std::string counts = "in " + grouped(judgement.lost_now) + " of " + grouped(pairs) +
                             " runs, before in " + grouped(judgement.lost_before);
  // Of the seeds that differ as many should have become better as worse (sign test); where nothing
  // was ever lost, one loss is news.
  const sim::Proportion worse(only_now, only_now + only_before);
  const bool more = worse.lower_bound(confidence).value_or(0) > 0.5;
  if (only_now > 0 && (judgement.lost_before == 0 || more)) {
    judgement.reasons.push_back("acknowledged rows are lost " + counts);
  }
  for (const std::string& violation : violations) {
    if (!baseline.violations.contains(violation)) {
      judgement.reasons.push_back("an invariant broke that held: " + violation);
    }
  }
}

}  // namespace

std::string_view to_text(GateVerdict verdict) {
  switch (verdict) {
    case GateVerdict::pass:
      return "pass";
    case GateVerdict::fail:
      return "fail";
    case GateVerdict::undecided:
      return "undecided";
  }
  return "";
}

std::optional<SequentialTest> sequential_test_of(double quantile) {
  const double apart = std::min(4 * (1 - quantile), quantile / 5);
  // "Always" is held against 95 %: the most that 90 clean runs can show.
  const double p1 = quantile >= 1 ? 0.95 : quantile - apart;
  return SequentialTest::make(quantile, p1, error, error);
}

GateJudgement judge_against(const Baseline& baseline, const std::vector<SeedMeasure>& now,
                            const std::set<std::string>& violations, const GateOptions& options) {
  GateJudgement judgement;
  compare_times(baseline, now, options, judgement);
  bool undecided = false;
  for (const GateBound& bound : baseline.bounds) {
    BoundTest test = test_bound(bound, now);
    if (test.decision == SequentialTest::Decision::reject) {
      judgement.slower = true;
      judgement.reasons.push_back(
          grouped(test.failures) + " of " + grouped(test.runs) + " runs take longer than " +
          seconds(static_cast<double>(*bound.bound_ms)) + ", which " +
          percent_text(bound.quantile, bound.quantile < 0.995 ? 0 : 1) + " have to keep to");
    }
    undecided |= test.decision == SequentialTest::Decision::go_on;
    judgement.bounds.push_back(std::move(test));
  }
  compare_losses(baseline, now, violations, judgement);
  if (judgement.slower) blame_stage(judgement);
  if (!judgement.reasons.empty()) {
    judgement.verdict = GateVerdict::fail;
    return judgement;
  }
  double before = 0;
  for (const StageChange& change : judgement.stage_changes) before += change.before_ms;
  const double negligible = std::max(options.negligible_ms, options.negligible_share * before);
  const auto& ci = judgement.rto.mean_ci;
  if (judgement.rto.pairs == 0) {
    judgement.reasons.emplace_back("no run has a result on both sides");
  } else if (undecided) {
    judgement.reasons.emplace_back("the runs do not decide whether the bound is kept to");
  } else if (!ci || ci->high > negligible) {
    judgement.reasons.push_back("the mean of the RTO may have grown by up to " +
                                (ci ? seconds(ci->high) : std::string("any time")) +
                                ", more than the negligible " + seconds(negligible));
  }
  if (judgement.reasons.empty()) judgement.verdict = GateVerdict::pass;
  return judgement;
}

}  // namespace predrill::harness
