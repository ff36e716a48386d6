#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/portable_math.hpp"
#include "sim/probability.hpp"
#include "sim/tests_of_fit.hpp"

namespace predrill::sim {
namespace {

/// Ascending; empty if a value is NaN.
std::vector<double> sorted_copy(std::span<const double> values) {
  if (std::ranges::any_of(values, [](double value) { return std::isnan(value); })) return {};
  std::vector<double> copy(values.begin(), values.end());
  std::ranges::sort(copy);
  return copy;
}

/// Kolmogorov's limit: P(sqrt(n) D >= x).
double kolmogorov_tail(double x) {
  if (x <= 0) return 1;
  double sum = 0;
  if (x < 1) {
    // The other series of the same function, which converges for small x.
    const double q = std::numbers::pi * std::numbers::pi / (8 * x * x);
    for (int k = 1; k <= 9; k += 2) sum += portable::exp(-k * k * q);
    return 1 - std::sqrt(2 * std::numbers::pi) / x * sum;
  }
  for (int k = 1; k <= 6; ++k) sum += (k % 2 == 1 ? 2 : -2) * portable::exp(-2.0 * k * k * x * x);
  return sum;
}

double report(double p) {
  return rounded_to_40_bits(std::clamp(p, 0.0, 1.0));
}

/// Two sorted samples as a path: each pooled value is a step to the right (from a) or up (from b).
struct Path {
  std::int64_t n = 0;
  std::int64_t m = 0;
  std::int64_t distance = 0;     ///< Largest |i m - j n| where the path may be looked at.
  std::vector<bool> is_visible;  ///< After i + j steps; false inside a group of ties.
};

Path path_of(const std::vector<double>& a, const std::vector<double>& b) {
  Path path{static_cast<std::int64_t>(a.size()), static_cast<std::int64_t>(b.size()), 0, {}};
  path.is_visible.assign(a.size() + b.size() + 1, false);
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    const double value = j == b.size() || (i < a.size() && a[i] < b[j]) ? a[i] : b[j];
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    path.is_visible[i + j] = true;
    const auto x = static_cast<std::int64_t>(i);
    const auto y = static_cast<std::int64_t>(j);
    path.distance = std::max(path.distance, std::abs(x * path.m - y * path.n));
  }
  return path;
}

/// P(a random path is somewhere at least that far from the diagonal). reached[j] is that chance for
/// the paths from the origin to (i, j); a path comes there from the left with chance i / (i + j).
/// Only positive terms are added, so that small chances keep their digits.
double exact_tail(const Path& path) {
  if (path.distance == 0) return 1;
  std::vector<double> reached(static_cast<std::size_t>(path.m) + 1, 0.0);
  for (std::int64_t i = 0; i <= path.n; ++i) {
    for (std::int64_t j = 0; j <= path.m; ++j) {
      const auto at = static_cast<std::size_t>(j);
      const std::int64_t steps = i + j;
      if (path.is_visible[static_cast<std::size_t>(steps)] &&
          std::abs(i * path.m - j * path.n) >= path.distance) {
        reached[at] = 1;
      } else if (steps == 0) {
        reached[at] = 0;
      } else {
        const double from_left = i == 0 ? 0 : reached[at] * static_cast<double>(i);
        const double from_below = j == 0 ? 0 : reached[at - 1] * static_cast<double>(j);
        reached[at] = (from_left + from_below) / static_cast<double>(steps);
      }
    }
  }
  return reached.back();
}

using Matrix = std::vector<double>;

Matrix product(const Matrix& a, const Matrix& b, std::size_t size) {
  Matrix c(size * size, 0.0);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t k = 0; k < size; ++k) {
      const double factor = a[i * size + k];
      if (factor == 0) continue;
      for (std::size_t j = 0; j < size; ++j) c[i * size + j] += factor * b[k * size + j];
    }
  }
  return c;
}

/// A matrix times 2^exponent: powers of it leave the range of doubles.
struct ScaledMatrix {
  Matrix cells;
  int exponent = 0;
};

ScaledMatrix product(const ScaledMatrix& a, const ScaledMatrix& b, std::size_t size) {
  ScaledMatrix c{product(a.cells, b.cells, size), a.exponent + b.exponent};
  if (c.cells[size / 2 * size + size / 2] > 0x1p400) {
    for (double& cell : c.cells) cell *= 0x1p-400;
    c.exponent += 400;
  }
  return c;
}

/// P(D < d) for n values: n!/n^n times the middle element of the n-th power of a matrix (Marsaglia,
/// Tsang & Wang, J. Stat. Soft. 8(18), 2003, section 2).
double exact_cdf(int n, double d) {
  const double reach = n * d;
  const int k = static_cast<int>(reach) + 1;
  const auto size = static_cast<std::size_t>(2 * k - 1);
  const double h = k - reach;
  Matrix cells(size * size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) cells[i * size + j] = i + 1 >= j ? 1 : 0;
  }
  double power = 1;
  for (std::size_t i = 0; i < size; ++i) {
    power *= h;
    cells[i * size] -= power;
    cells[(size - 1) * size + (size - 1 - i)] -= power;
  }
  if (2 * h > 1) cells[(size - 1) * size] += portable::pow(2 * h - 1, static_cast<double>(size));
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::size_t g = 2; g <= i - j + 1; ++g) cells[i * size + j] /= static_cast<double>(g);
    }
  }

  ScaledMatrix base{cells, 0};
  ScaledMatrix result{Matrix(size * size, 0.0), 0};
  for (std::size_t i = 0; i < size; ++i) result.cells[i * size + i] = 1;
  for (int left = n; left > 0; left /= 2) {
    if (left % 2 == 1) result = product(result, base, size);
    if (left > 1) base = product(base, base, size);
  }
  const auto middle = static_cast<std::size_t>(k - 1);
  double answer = result.cells[middle * size + middle];
  int exponent = result.exponent;
  for (int i = 1; i <= n; ++i) {
    answer = answer * i / n;
    if (answer < 0x1p-400) {
      answer *= 0x1p400;
      exponent -= 400;
    }
  }
  return std::ldexp(answer, exponent);
}

}  // namespace

std::optional<TestResult> kolmogorov_smirnov(std::span<const double> a, std::span<const double> b) {
  constexpr double most_pairs = 1e7;
  const auto x = sorted_copy(a);
  const auto y = sorted_copy(b);
  if (x.empty() || y.empty()) return std::nullopt;
  const Path path = path_of(x, y);
  const auto n = static_cast<double>(path.n);
  const auto m = static_cast<double>(path.m);
  const double statistic = static_cast<double>(path.distance) / (n * m);
  if (n * m <= most_pairs) return TestResult{statistic, report(exact_tail(path)), true};
  const double p = kolmogorov_tail(statistic * std::sqrt(n * m / (n + m)));
  return TestResult{statistic, report(p), false};
}

std::optional<TestResult> kolmogorov_smirnov(std::span<const double> sample,
                                             const std::function<double(double)>& cdf) {
  constexpr double most_values = 500;
  const auto values = sorted_copy(sample);
  if (values.empty()) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  double d = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double f = cdf(values[i]);
    if (std::isnan(f)) return std::nullopt;
    d = std::max({d, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  const double s = d * d * n;
  if (n > most_values) {
    const double root = std::sqrt(n);
    return TestResult{d, report(kolmogorov_tail(d * (root + 0.12 + 0.11 / root))), false};
  }
  // Far out, the same paper's closed form is good to seven digits and needs no cancellation.
  if (s > 7.24 || (s > 3.76 && n > 99)) {
    const double p = 2 * portable::exp(-(2.000071 + 0.331 / std::sqrt(n) + 1.409 / n) * s);
    return TestResult{d, report(p), true};
  }
  return TestResult{d, report(1 - exact_cdf(static_cast<int>(n), d)), true};
}

}  // namespace predrill::sim
