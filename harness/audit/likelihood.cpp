#include "harness/audit/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "sim/random.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;

// libm serves the report alone here: no run depends on it.

namespace {

constexpr double usual_deviations = 1.96;  // 95 % of a normal distribution
constexpr double tiny = 1e-300;

// Error of a function of block-wise estimates (jackknife over blocks).
double jackknife_error(std::span<const double> without_block) {
  const auto n = static_cast<double>(without_block.size());
  double mean = 0;
  for (const double value : without_block) mean += value / n;
  double squares = 0;
  for (const double value : without_block) squares += (value - mean) * (value - mean);
  return std::sqrt(squares * (n - 1) / n);
}

}  // namespace

Duration slack(Duration precision) {
  return std::max<Duration>(precision / 2, 500ms);
}

bool agrees(const Reading& reading, const RunFeatures& run) {
  const Duration at = run.at[reading.feature];
  if (!reading.at) return at == sim::forever;
  if (at == sim::forever) return false;
  return std::chrono::abs(*reading.at - at) <= reading.precision + slack(reading.precision);
}

double density(const Reading& reading, const RunFeatures& run, Duration window) {
  const Duration at = run.at[reading.feature];
  if (!reading.at) return at == sim::forever ? 1 - wrong_line : wrong_line;
  const double background = wrong_line / sim::seconds(window);
  if (at == sim::forever) return background;
  const double precision = sim::seconds(reading.precision);
  const double edge = sim::seconds(slack(reading.precision));
  const double distance = std::abs(sim::seconds(*reading.at - at));
  const double height = 1 / (2 * precision + edge);
  const double fall = std::clamp((precision + edge - distance) / edge, 0.0, 1.0);
  return (1 - wrong_line) * height * fall + background;
}

double density(const DrillRecord& record, const RunFeatures& run) {
  double product = 1;
  for (const Reading& reading : record.readings) product *= density(reading, run, record.window);
  return product;
}

Likelihood likelihood(const DrillRecord& record, std::span<const RunFeatures* const> runs) {
  Likelihood result;
  result.runs = runs.size();
  result.without_block.assign(Likelihood::blocks, 0);
  if (runs.empty()) return result;
  std::vector<double> sums(Likelihood::blocks, 0);
  std::vector<double> counts(Likelihood::blocks, 0);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    sums[i % Likelihood::blocks] += density(record, *runs[i]);
    counts[i % Likelihood::blocks] += 1;
  }
  // Sums of what is left, not differences: one run may outweigh all others by many digits.
  const auto average_without = [&](std::size_t left_out) {
    double sum = 0;
    double count = 0;
    for (std::size_t b = 0; b < Likelihood::blocks; ++b) {
      if (b == left_out) continue;
      sum += sums[b];
      count += counts[b];
    }
    return count > 0 ? sum / count : 0;
  };
  result.value = average_without(Likelihood::blocks);
  for (std::size_t b = 0; b < Likelihood::blocks; ++b) {
    result.without_block[b] = average_without(b);
  }
  return result;
}

std::vector<Estimate> posteriors(std::span<const Likelihood> hypotheses) {
  const auto of = [&](std::size_t i, const auto& value) {
    double sum = 0;
    for (const Likelihood& hypothesis : hypotheses) sum += value(hypothesis);
    return sum > 0 ? value(hypotheses[i]) / sum : 0;
  };
  std::vector<Estimate> result;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    Estimate estimate;
    estimate.value = of(i, [](const Likelihood& l) { return l.value; });
    std::vector<double> without;
    for (std::size_t b = 0; b < Likelihood::blocks; ++b) {
      without.push_back(of(i, [b](const Likelihood& l) { return l.without_block[b]; }));
    }
    const double error = usual_deviations * jackknife_error(without);
    estimate.low = std::max(0.0, estimate.value - error);
    estimate.high = std::min(1.0, estimate.value + error);
    result.push_back(estimate);
  }
  return result;
}

Estimate ratio(const Likelihood& a, const Likelihood& b) {
  const auto log_ratio = [](double x, double y) {
    return std::log(std::max(x, tiny)) - std::log(std::max(y, tiny));
  };
  const double value = log_ratio(a.value, b.value);
  std::vector<double> without;
  for (std::size_t i = 0; i < Likelihood::blocks; ++i) {
    without.push_back(log_ratio(a.without_block[i], b.without_block[i]));
  }
  const double error = usual_deviations * jackknife_error(without);
  return {std::exp(value), std::exp(value - error), std::exp(value + error)};
}

DrillRecord read_with_errors(const RunFeatures& run, std::span<const FeatureId> features,
                             Duration precision, Duration window, std::uint64_t seed) {
  sim::Stream errors(seed, "audit", "clock");
  DrillRecord record;
  record.window = window;
  for (const FeatureId feature : features) {
    const Duration error = errors.uniform(-precision, precision);
    Reading reading{feature, std::nullopt, precision, record.readings.size()};
    if (run.has(feature)) reading.at = run.at[feature] + error;
    record.readings.push_back(reading);
  }
  return record;
}

double share_told_apart(std::span<const RunFeatures> a, std::span<const RunFeatures> b,
                        std::span<const FeatureId> features, Duration precision, Duration window,
                        std::uint64_t seed) {
  if (a.size() < 2 || b.empty()) return 0;
  std::size_t told = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const DrillRecord record =
        read_with_errors(a[i], features, precision, window, sim::mix(seed, i));
    double own = 0;
    for (std::size_t k = 0; k < a.size(); ++k) own += k == i ? 0 : density(record, a[k]);
    double other = 0;
    for (const RunFeatures& run : b) other += density(record, run);
    own /= static_cast<double>(a.size() - 1);
    other /= static_cast<double>(b.size());
    told += own >= decisive_ratio * other ? 1 : 0;
  }
  return static_cast<double>(told) / static_cast<double>(a.size());
}

}  // namespace predrill::harness
