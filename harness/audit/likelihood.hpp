// How probable a record is under each mechanism, and which mechanisms it cannot tell apart.
//
// Each line of a record is the simulated time plus the error of reading it, so given one run the
// lines are independent, and the likelihood of a record under a fault is the average over that
// fault's runs of the product of the lines' densities. That treats the features jointly, because
// what they share (the age of the key, the phase of the loop) is in the run. It is approximate
// Bayesian computation with the observation's own error as its kernel, which is exact for that
// error (Wilkinson 2013, "Approximate Bayesian computation gives exact results under the assumption
// of model error").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/audit/features.hpp"

namespace predrill::harness {

/// A line is about something else with this probability: logs are written by people. Without it,
/// one wrong line would rule out everything.
constexpr double wrong_line = 0.01;
/// Two mechanisms are told apart if one makes the record this many times as probable.
constexpr double decisive_ratio = 20;

/// What a simulated time may differ by beyond the precision of a reading: half of it again, and at
/// least 500 ms, since the models claim no more for a failover's milestones.
sim::Duration slack(sim::Duration precision);
/// Does the run have the line's event within precision and slack?
bool agrees(const Reading& reading, const RunFeatures& run);
/// Probability density (per second; a probability where `at` is nullopt) of a line given a run:
/// flat within the precision, linear to zero over the slack; `wrong_line` of it is spread over the
/// window.
double density(const Reading& reading, const RunFeatures& run, sim::Duration window);
double density(const DrillRecord& record, const RunFeatures& run);

/// An average over runs with the 20 averages that leave out one block of runs each.
struct Likelihood {
  static constexpr std::size_t blocks = 20;
  double value = 0;
  std::vector<double> without_block;  // `blocks` values
  std::size_t runs = 0;
};
Likelihood likelihood(const DrillRecord& record, std::span<const RunFeatures* const> runs);

struct Estimate {
  double value = 0;
  double low = 0;  // 95 %, from the jackknife over blocks of runs
  double high = 0;
};
/// Posterior of each with equal priors.
std::vector<Estimate> posteriors(std::span<const Likelihood> hypotheses);
/// How many times as probable the record is under `a` as under `b`; the interval is on the
/// logarithm.
Estimate ratio(const Likelihood& a, const Likelihood& b);

/// The share of `a`'s runs that, read with errors, would be told from `b` by the decisive ratio.
/// Each run is held against the other runs of `a`. Readings are taken from `features` with this
/// precision and the errors are uniform within it, drawn from the seed.
double share_told_apart(std::span<const RunFeatures> a, std::span<const RunFeatures> b,
                        std::span<const FeatureId> features, sim::Duration precision,
                        sim::Duration window, std::uint64_t seed);

/// A record as somebody with such clocks would write it of this run.
DrillRecord read_with_errors(const RunFeatures& run, std::span<const FeatureId> features,
                             sim::Duration precision, sim::Duration window, std::uint64_t seed);

}  // namespace predrill::harness
