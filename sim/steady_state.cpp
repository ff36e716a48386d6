#include "sim/steady_state.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "sim/order_statistics.hpp"
#include "sim/probability.hpp"
#include "sim/student.hpp"

namespace predrill::sim {
namespace {

using Observations = std::span<const double>;

constexpr std::size_t batch_counts[] = {32, 16, 8};

double mean_of(Observations values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantile_of(Observations values, double p) {
  std::vector<double> copy(values.begin(), values.end());
  const auto rank = quantile_rank(static_cast<std::int64_t>(copy.size()), p);
  const auto place = copy.begin() + (rank - 1);
  std::ranges::nth_element(copy, place);
  return *place;
}

double squares_around(Observations values, double centre) {
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return sum;
}

double lag1_of(Observations values) {
  const double spread = squares_around(values, mean_of(values));
  if (spread == 0) return 0;
  double steps = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    steps += (values[i] - values[i - 1]) * (values[i] - values[i - 1]);
  }
  return 1 - steps / (2 * spread);
}

/// Under independence, lag1_of is close to normal with this variance.
bool looks_independent(double lag1, std::size_t batches) {
  const auto b = static_cast<double>(batches);
  return lag1 <= normal_quantile(0.9) * std::sqrt((b - 2) / (b * b - 1));
}

template <class Statistic>
std::vector<double> per_batch(Observations values, std::size_t batches, Statistic statistic) {
  const std::size_t size = values.size() / batches;
  const Observations kept = values.last(size * batches);
  std::vector<double> results;
  results.reserve(batches);
  for (std::size_t i = 0; i < batches; ++i) {
    results.push_back(statistic(kept.subspan(i * size, size)));
  }
  return results;
}

/// Tries fewer and fewer batches of at least `least` observations until they look independent.
/// `centre` of the batches' values is what the interval is put around.
template <class Statistic, class Centre>
std::optional<BatchEstimate> estimate_by_batches(Observations values, std::size_t least,
                                                 double confidence, Statistic statistic,
                                                 Centre centre) {
  std::optional<BatchEstimate> answer;
  for (const std::size_t batches : batch_counts) {
    const std::size_t size = values.size() / batches;
    if (size < least) continue;
    const auto results = per_batch(values, batches, statistic);
    const double middle = centre(values.last(size * batches), results);
    const double variance = squares_around(results, middle) / static_cast<double>(batches - 1);
    const auto estimate =
        student_estimate(middle, variance, static_cast<std::int64_t>(batches), confidence);
    if (!estimate) return std::nullopt;
    const double lag1 = lag1_of(results);
    answer = BatchEstimate{*estimate, batches, size, lag1, looks_independent(lag1, batches)};
    if (answer->independent) break;
  }
  return answer;
}

}  // namespace

std::optional<std::size_t> warm_up_length(Observations observations) {
  constexpr std::size_t group = 5;
  constexpr std::size_t fewest_groups = 10;
  const std::size_t groups = observations.size() / group;
  if (groups < fewest_groups) return std::nullopt;
  std::vector<double> means;
  means.reserve(groups);
  for (std::size_t i = 0; i < groups; ++i) {
    means.push_back(mean_of(observations.subspan(i * group, group)));
  }
  // From the end: mean and sum of squared deviations of what a cut before `cut` leaves (Welford).
  double mean = 0;
  double squares = 0;
  double best = 0;
  std::size_t best_cut = groups;
  for (std::size_t left = 1; left <= groups; ++left) {
    const std::size_t cut = groups - left;
    const auto n = static_cast<double>(left);
    const double step = means[cut] - mean;
    mean += step / n;
    squares += step * (means[cut] - mean);
    if (cut > groups / 2) continue;
    const double error = squares / (n * n);
    if (best_cut == groups || error <= best) {
      best = error;
      best_cut = cut;
    }
  }
  if (best_cut == groups / 2) return std::nullopt;
  return best_cut * group;
}

std::optional<BatchEstimate> batch_mean(Observations observations, double confidence) {
  return estimate_by_batches(observations, 8, confidence, mean_of,
                             [](Observations, Observations means) { return mean_of(means); });
}

std::optional<BatchEstimate> batch_quantile(Observations observations, double p,
                                            double confidence) {
  if (!(p > 0 && p < 1)) return std::nullopt;
  const double wanted = std::ceil(rounded_to_40_bits(10 / std::min(p, 1 - p)));
  if (wanted > static_cast<double>(observations.size())) return std::nullopt;
  const auto quantile = [p](Observations values) { return quantile_of(values, p); };
  return estimate_by_batches(observations, static_cast<std::size_t>(wanted), confidence, quantile,
                             [&](Observations kept, Observations) { return quantile(kept); });
}

std::optional<SteadyState> steady_state_mean(Observations observations, double confidence) {
  const auto warm_up = warm_up_length(observations);
  if (!warm_up) return std::nullopt;
  const auto mean = batch_mean(observations.subspan(*warm_up), confidence);
  if (!mean) return std::nullopt;
  return SteadyState{*warm_up, *mean};
}

}  // namespace predrill::sim
