#include "harness/what_if/sensitivity.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace predrill;
using namespace predrill::harness;

namespace {

constexpr double pi = 3.14159265358979323846;

Response pointwise(double (*f)(const std::vector<double>&)) {
  return [f](const std::vector<std::vector<double>>& points) {
    std::vector<double> values;
    for (const auto& point : points) values.push_back(f(point));
    return values;
  };
}

// Ishigami & Homma 1990, a = 7, b = 0.1, inputs uniform in [-pi, pi].
double ishigami(const std::vector<double>& u) {
  const double x = pi * (2 * u[0] - 1), y = pi * (2 * u[1] - 1), z = pi * (2 * u[2] - 1);
  return std::sin(x) + 7 * std::sin(y) * std::sin(y) + 0.1 * z * z * z * z * std::sin(x);
}

double linear(const std::vector<double>& u) {
  return 1 * u[0] + 2 * u[1] + 3 * u[2] + 0 * u[3];
}

}  // namespace

TEST_CASE("sobol: Ishigami's function", "[sensitivity]") {
  const auto found = sobol(3, 1024, 10, 1, pointwise(ishigami));
  const double a = 7, b = 0.1;
  const double v1 = 0.5 * std::pow(1 + b * std::pow(pi, 4) / 5, 2);
  const double v2 = a * a / 8;
  const double v13 = b * b * std::pow(pi, 8) * (1.0 / 18 - 1.0 / 50);
  const double v = v1 + v2 + v13;
  const double first[] = {v1 / v, v2 / v, 0};
  const double total[] = {(v1 + v13) / v, v2 / v, v13 / v};
  for (std::size_t k = 0; k < 3; ++k) {
    INFO("input " << k << ": S " << found[k].first.value << " of " << first[k] << ", ST "
                  << found[k].total.value << " of " << total[k]);
    CHECK(std::abs(found[k].first.value - first[k]) < 0.02);
    CHECK(std::abs(found[k].total.value - total[k]) < 0.02);
    CHECK(found[k].first.interval.high - found[k].first.interval.low < 0.04);
  }
}

TEST_CASE("sobol: a linear function has no interactions", "[sensitivity]") {
  const auto found = sobol(4, 256, 8, 2, pointwise(linear));
  for (std::size_t k = 0; k < 4; ++k) {
    const double share = (k == 3 ? 0.0 : static_cast<double>((k + 1) * (k + 1))) / 14;
    CHECK(std::abs(found[k].first.value - share) < 0.02);
    CHECK(std::abs(found[k].total.value - share) < 0.02);
  }
}

TEST_CASE("sobol: an output that does not vary", "[sensitivity]") {
  const auto found = sobol(2, 16, 2, 1, pointwise([](const std::vector<double>&) { return 5.0; }));
  CHECK(found[0].first.value == 0);
  CHECK(found[1].total.value == 0);
}

TEST_CASE("sobol: intervals cover", "[sensitivity]") {
  // The true index of the first input of the linear function, by 100 seeds.
  int covered = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto found = sobol(4, 32, 8, seed, pointwise(linear));
    covered += found[1].total.interval.contains(4.0 / 14) ? 1 : 0;
  }
  INFO("covered in " << covered << " of 100");
  CHECK(covered >= 88);
}

TEST_CASE("morris: the effects of a linear function are its slopes", "[sensitivity]") {
  const auto found = morris(4, 10, 1, pointwise(linear));
  for (std::size_t k = 0; k < 4; ++k) {
    const double slope = k == 3 ? 0 : static_cast<double>(k + 1);
    CHECK(found[k].mean.value == Approx(slope).margin(1e-12));
    CHECK(found[k].mean_abs.value == Approx(slope).margin(1e-12));
    CHECK(found[k].deviation == Approx(0).margin(1e-12));
  }
}

TEST_CASE("morris: what depends on others shows in the deviation", "[sensitivity]") {
  const auto found = morris(3, 40, 1, pointwise(ishigami));
  CHECK(found[2].mean_abs.value > 1);
  CHECK(found[2].deviation > found[2].mean_abs.value / 2);
  CHECK(std::abs(found[0].mean.value) <= found[0].mean_abs.value);
}
