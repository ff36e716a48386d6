#include "sim/splitting.hpp"

#include <algorithm>

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

}  // namespace predrill::sim
