// Do two samples come from one distribution, does a sample come from a given one? For validating
// models against measurements. Offline only: nothing here may influence a run.
//
// No function depends on the order of the values within a sample. All return nullopt if a sample is
// empty or contains NaN.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace predrill::sim {

struct TestResult {
  double statistic = 0;
  /// Chance of a statistic at least this extreme if the hypothesis of equality holds.
  double p_value = 0;
  bool exact = false;  ///< False: p_value is an asymptotic approximation.
};

/// Kolmogorov-Smirnov: the largest distance between two empirical distribution functions. Exact,
/// also with ties (given which values are tied; Hodges 1957, Schroeer & Trenkler 1995), up to 10^7
/// pairs of one value from each sample; beyond that Kolmogorov's limit.
std::optional<TestResult> kolmogorov_smirnov(std::span<const double> a, std::span<const double> b);

/// The same against a continuous distribution function. Exact up to 500 values (Marsaglia, Tsang &
/// Wang 2003); beyond that the limit with Stephens' correction (1970).
std::optional<TestResult> kolmogorov_smirnov(std::span<const double> sample,
                                             const std::function<double(double)>& cdf);

/// Anderson-Darling for k >= 2 samples (Scholz & Stephens 1987, midranks for ties); more sensitive
/// in the tails. The statistic is standardised. Its p-value is interpolated between the published
/// critical values, so it lies within [0.01, 0.25] and those ends mean "at most" and "at least".
/// nullopt as well with fewer than four values in all, or all values equal.
std::optional<TestResult> anderson_darling(std::span<const std::span<const double>> samples);

struct RankTestResult {
  /// Mann and Whitney's U of b: how many pairs have b > a, ties counting one half.
  double u = 0;
  /// Chance that a value of b exceeds one of a, ties counting one half: 0.5 if neither is larger.
  double superiority = 0;
  double p_value = 0;  ///< Two-sided.
  bool exact = false;
};

/// Mann-Whitney: does one sample tend to larger values? Exact up to 2,500 pairs without ties;
/// beyond that the normal limit with corrections for ties and continuity.
std::optional<RankTestResult> mann_whitney(std::span<const double> a, std::span<const double> b);

/// How measured values fall into the distributions that were predicted for them.
struct PitHistogram {
  std::vector<std::int64_t> counts;
  double chi_squared = 0;  ///< Against equal counts; bins - 1 degrees of freedom.
  double p_value = 0;      ///< Small: the predictions are not calibrated. Wants >= 5 per bin.
};

/// Probability integral transform: `cdf_values` are F_i(x_i), each prediction's distribution
/// function at what came true; calibrated predictions make them uniform. Two full outer bins mean
/// predictions that are too sure, a full middle too cautious ones, a slope a bias. nullopt as well
/// for values outside of [0, 1] or fewer than two bins.
std::optional<PitHistogram> pit_histogram(std::span<const double> cdf_values, std::size_t bins);

}  // namespace predrill::sim
