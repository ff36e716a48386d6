#include "sim/splitting.hpp"

#include <algorithm>

#include "sim/proportion.hpp"
#include "sim/tally.hpp"

namespace predrill::sim {

Estimate splitting_estimate(const std::vector<double>& replicates, double confidence) {
  Tally tally;
  for (const double estimate : replicates) tally.add(estimate);
  const double mean = tally.mean().value_or(0);
  Estimate estimate = tally.mean_estimate(confidence).value_or(Estimate{mean, {0, 1}});
  estimate.interval.low = std::max(0.0, estimate.interval.low);
  return estimate;
}

SplittingResult gather(const SplittingOptions& options,
                       const std::vector<SplittingReplicate>& replicates) {
  SplittingResult result;
  double may_have = 1;  // of the probability, if it is 0
  std::vector<double> estimates;
  for (const SplittingReplicate& one : replicates) estimates.push_back(one.probability);
  for (std::size_t level = 0; level < options.levels; ++level) {
    std::uint64_t begun = 0, passed = 0;
    for (const SplittingReplicate& one : replicates) {
      begun += one.begun[level];
      passed += one.passed[level];
    }
    result.trajectories += begun;
    if (begun > 0) {
      const Proportion share(static_cast<std::int64_t>(passed), static_cast<std::int64_t>(begun));
      may_have *= passed > 0 ? *share.value() : *share.upper_bound(options.confidence);
    }
    result.passed.push_back(begun == 0 ? 0.0
                                       : static_cast<double>(passed) / static_cast<double>(begun));
  }
  result.probability = splitting_estimate(estimates, options.confidence);
  if (result.probability.value == 0) result.probability.interval = {0, may_have};
  return result;
}

}  // namespace predrill::sim
