#include "sim/tests_of_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/portable_math.hpp"
#include "sim/probability.hpp"

namespace predrill::sim {
namespace {

bool is_usable(std::span<const double> values) {
  return !values.empty() &&
         std::ranges::none_of(values, [](double value) { return std::isnan(value); });
}

double count(std::size_t n) {
  return static_cast<double>(n);
}

struct Tagged {
  double value = 0;
  std::size_t sample = 0;
};

std::vector<Tagged> pooled(std::span<const std::span<const double>> samples) {
  std::vector<Tagged> pool;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (const double value : samples[i]) pool.push_back({value, i});
  }
  std::ranges::stable_sort(pool, {}, &Tagged::value);
  return pool;
}

/// Variance of the Anderson-Darling statistic without ties (Scholz & Stephens 1987, equation 4).
double anderson_darling_variance(std::span<const std::span<const double>> samples, std::size_t n) {
  double sum_of_inverses = 0;
  for (const auto& sample : samples) sum_of_inverses += 1 / count(sample.size());
  double h = 0;
  double g = 0;
  for (std::size_t i = n - 1; i >= 1; --i) {
    // h holds the sum of 1/j for j > i.
    g += h / count(n - i);
    h += 1 / count(i);
  }
  const double k = count(samples.size());
  const double total = count(n);
  const double a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * sum_of_inverses;
  const double b =
      (2 * g - 4) * k * k + 8 * h * k + (2 * g - 14 * h - 4) * sum_of_inverses - 8 * h + 4 * g - 6;
  const double c =
      (6 * h + 2 * g - 2) * k * k + (4 * h - 4 * g + 6) * k + (2 * h - 6) * sum_of_inverses + 4 * h;
  const double d = (2 * h + 6) * k * k - 4 * h * k;
  return (((a * total + b) * total + c) * total + d) / ((total - 1) * (total - 2) * (total - 3));
}

/// Upper critical values of the standardised statistic: b0 + b1/sqrt(m) + b2/m with m = k - 1
/// (Scholz & Stephens 1987, table 2).
struct CriticalValue {
  double p, b0, b1, b2;
};
constexpr std::array<CriticalValue, 5> critical_values = {{{0.25, 0.675, -0.245, -0.105},
                                                           {0.10, 1.281, 0.250, -0.305},
                                                           {0.05, 1.645, 0.678, -0.362},
                                                           {0.025, 1.960, 1.149, -0.391},
                                                           {0.01, 2.326, 1.822, -0.396}}};

double anderson_darling_p(double statistic, double m) {
  const auto value_at = [m](const CriticalValue& row) {
    return row.b0 + row.b1 / std::sqrt(m) + row.b2 / m;
  };
  if (statistic <= value_at(critical_values.front())) return critical_values.front().p;
  for (std::size_t i = 1; i < critical_values.size(); ++i) {
    const double high = value_at(critical_values[i]);
    if (statistic > high) continue;
    // The tail falls about exponentially, so the logarithm is interpolated.
    const double low = value_at(critical_values[i - 1]);
    const double part = (statistic - low) / (high - low);
    return portable::exp(portable::log(critical_values[i - 1].p) * (1 - part) +
                         portable::log(critical_values[i].p) * part);
  }
  return critical_values.back().p;
}

/// P(U <= u) without ties. ways[n][u] counts the orders of n values of one sample and, so far, m of
/// the other in which U = u; the largest value belongs to one of the two. U of either sample has
/// the same distribution, so the smaller sample may give the rows.
double mann_whitney_cdf(std::size_t n_values, std::size_t m_values, std::size_t u) {
  std::vector<std::vector<double>> ways(n_values + 1, std::vector<double>(u + 1, 0.0));
  for (auto& row : ways) row[0] = 1;
  double total = 1;
  for (std::size_t m = 1; m <= m_values; ++m) {
    for (std::size_t n = 1; n <= n_values; ++n) {
      for (std::size_t v = m; v <= u; ++v) ways[n][v] += ways[n - 1][v - m];
    }
    total = total * count(n_values + m) / count(m);
  }
  double sum = 0;
  for (const double value : ways[n_values]) sum += value;
  return sum / total;
}

}  // namespace

std::optional<TestResult> anderson_darling(std::span<const std::span<const double>> samples) {
  if (samples.size() < 2 || !std::ranges::all_of(samples, is_usable)) return std::nullopt;
  const auto pool = pooled(samples);
  const std::size_t n = pool.size();
  if (n < 4 || pool.front().value == pool.back().value) return std::nullopt;

  const double total = count(n);
  std::vector<double> sums(samples.size(), 0.0);
  std::vector<double> below(samples.size(), 0.0);
  std::vector<double> tied(samples.size(), 0.0);
  for (std::size_t first = 0; first < n;) {
    std::ranges::fill(tied, 0.0);
    std::size_t last = first;
    while (last < n && pool[last].value == pool[first].value) ++tied[pool[last++].sample];
    const double multiplicity = count(last - first);
    const double midrank = count(first) + multiplicity / 2;
    const double weight = midrank * (total - midrank) - total * multiplicity / 4;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double distance = total * (below[i] + tied[i] / 2) - count(samples[i].size()) * midrank;
      sums[i] += multiplicity / total * distance * distance / weight;
      below[i] += tied[i];
    }
    first = last;
  }
  double statistic = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) statistic += sums[i] / count(samples[i].size());
  statistic *= (total - 1) / total;

  const double m = count(samples.size() - 1);
  const double standardised =
      rounded_to_40_bits((statistic - m) / std::sqrt(anderson_darling_variance(samples, n)));
  return TestResult{standardised, rounded_to_40_bits(anderson_darling_p(standardised, m)), false};
}

std::optional<RankTestResult> mann_whitney(std::span<const double> a, std::span<const double> b) {
  constexpr double most_pairs = 2500;
  if (!is_usable(a) || !is_usable(b)) return std::nullopt;
  const std::array samples = {a, b};
  const auto pool = pooled(samples);
  const double n = count(a.size());
  const double m = count(b.size());

  double u = 0;
  double ties = 0;  // sum of t^3 - t over groups of t equal values
  double a_below = 0;
  for (std::size_t first = 0; first < pool.size();) {
    std::size_t last = first;
    double of_a = 0;
    while (last < pool.size() && pool[last].value == pool[first].value) {
      of_a += pool[last++].sample == 0 ? 1 : 0;
    }
    const double t = count(last - first);
    u += (t - of_a) * (a_below + of_a / 2);
    ties += t * t * t - t;
    a_below += of_a;
    first = last;
  }

  RankTestResult result{u, u / (n * m), 1, false};
  const double smaller = std::min(u, n * m - u);
  if (ties == 0 && n * m <= most_pairs) {
    const double tail = mann_whitney_cdf(std::min(a.size(), b.size()), std::max(a.size(), b.size()),
                                         static_cast<std::size_t>(std::llround(smaller)));
    result.p_value = rounded_to_40_bits(std::min(1.0, 2 * tail));
    result.exact = true;
    return result;
  }
  const double total = n + m;
  const double variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)));
  const double distance = n * m / 2 - smaller - 0.5;
  if (variance > 0 && distance > 0) {
    result.p_value = std::min(1.0, 2 * normal_cdf(-distance / std::sqrt(variance)));
  }
  return result;
}

std::optional<PitHistogram> pit_histogram(std::span<const double> cdf_values, std::size_t bins) {
  if (bins < 2 || cdf_values.empty()) return std::nullopt;
  PitHistogram histogram{std::vector<std::int64_t>(bins, 0), 0, 0};
  for (const double value : cdf_values) {
    if (!(value >= 0 && value <= 1)) return std::nullopt;
    ++histogram.counts[std::min(static_cast<std::size_t>(value * count(bins)), bins - 1)];
  }
  const double expected = count(cdf_values.size()) / count(bins);
  for (const std::int64_t observed : histogram.counts) {
    const double distance = static_cast<double>(observed) - expected;
    histogram.chi_squared += distance * distance / expected;
  }
  histogram.p_value = chi_squared_upper_tail(histogram.chi_squared, count(bins - 1));
  return histogram;
}

}  // namespace predrill::sim
