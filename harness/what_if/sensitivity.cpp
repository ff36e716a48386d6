#include "harness/what_if/sensitivity.hpp"

#include <boost/random/sobol.hpp>
#include <cmath>
#include <string>

#include "sim/random.hpp"
#include "sim/tally.hpp"

namespace predrill::harness {

namespace {

sim::Estimate estimate_of(const sim::Tally& tally) {
  const double mean = tally.mean().value_or(0);
  return tally.mean_estimate().value_or(sim::Estimate{mean, {mean, mean}});
}

using Points = std::vector<std::vector<double>>;

// Sobol points shifted modulo 1 (Cranley & Patterson 1976): unbiased for every shift.
Points shifted_sequence(std::size_t dimensions, std::size_t n, sim::Stream& shifts) {
  std::vector<double> shift(dimensions);
  for (double& s : shift) s = shifts.unit();
  boost::random::sobol generator(dimensions);
  const double scale = std::ldexp(1.0, -64);
  Points points(n, std::vector<double>(dimensions));
  for (auto& point : points) {
    for (std::size_t d = 0; d < dimensions; ++d) {
      const double raw = static_cast<double>(generator()) * scale + shift[d];
      point[d] = raw - std::floor(raw);
    }
  }
  return points;
}

struct Shares {
  std::vector<double> first, total;
};

Shares one_replicate(std::size_t inputs, const Points& sequence, const Response& response) {
  const std::size_t n = sequence.size();
  Points batch;
  batch.reserve(n * (inputs + 2));
  const auto half = [&](std::size_t i, std::size_t from) {
    const auto begin = sequence[i].begin() + static_cast<std::ptrdiff_t>(from);
    return std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(inputs));
  };
  for (std::size_t i = 0; i < n; ++i) batch.push_back(half(i, 0));       // A
  for (std::size_t i = 0; i < n; ++i) batch.push_back(half(i, inputs));  // B
  for (std::size_t k = 0; k < inputs; ++k) {                             // A with B's input k
    for (std::size_t i = 0; i < n; ++i) {
      batch.push_back(half(i, 0));
      batch.back()[k] = sequence[i][inputs + k];
    }
  }
  const std::vector<double> f = response(batch);
  sim::Tally both;
  for (std::size_t i = 0; i < 2 * n; ++i) both.add(f[i]);
  const double mean = *both.mean();
  const double variance = both.variance().value_or(0);
  Shares shares{std::vector<double>(inputs), std::vector<double>(inputs)};
  if (variance <= 0) return shares;
  for (std::size_t k = 0; k < inputs; ++k) {
    sim::Tally first, total;
    for (std::size_t i = 0; i < n; ++i) {
      const double a = f[i] - mean;
      const double b = f[n + i] - mean;
      const double mixed = f[(2 + k) * n + i] - mean;
      first.add(b * (mixed - a));
      total.add((a - mixed) * (a - mixed) / 2);
    }
    shares.first[k] = *first.mean() / variance;
    shares.total[k] = *total.mean() / variance;
  }
  return shares;
}

}  // namespace

std::vector<ElementaryEffects> morris(std::size_t inputs, std::size_t trajectories,
                                      std::uint64_t seed, const Response& response) {
  constexpr double step = 2.0 / 3;  // p / (2 (p - 1)) with p = 4 levels
  sim::Stream draws(seed, "morris", "trajectories");
  Points points;
  std::vector<std::vector<std::size_t>> orders;
  std::vector<std::vector<double>> signs;
  for (std::size_t t = 0; t < trajectories; ++t) {
    std::vector<double> at(inputs);
    std::vector<double> sign(inputs);
    for (std::size_t k = 0; k < inputs; ++k) {
      const bool up = draws.chance(0.5);
      sign[k] = up ? 1 : -1;
      const double low = static_cast<double>(draws.below(2)) / 3;  // 0 or 1/3
      at[k] = up ? low : low + step;
    }
    std::vector<std::size_t> order(inputs);
    for (std::size_t k = 0; k < inputs; ++k) order[k] = k;
    for (std::size_t k = inputs; k > 1; --k) std::swap(order[k - 1], order[draws.below(k)]);
    points.push_back(at);
    for (const std::size_t k : order) {
      at[k] += sign[k] * step;
      points.push_back(at);
    }
    orders.push_back(std::move(order));
    signs.push_back(std::move(sign));
  }
  const std::vector<double> f = response(points);
  std::vector<sim::Tally> effects(inputs), sizes(inputs);
  for (std::size_t t = 0; t < trajectories; ++t) {
    for (std::size_t j = 0; j < inputs; ++j) {
      const std::size_t k = orders[t][j];
      const std::size_t before = t * (inputs + 1) + j;
      const double effect = (f[before + 1] - f[before]) / (signs[t][k] * step);
      effects[k].add(effect);
      sizes[k].add(std::abs(effect));
    }
  }
  std::vector<ElementaryEffects> result;
  for (std::size_t k = 0; k < inputs; ++k) {
    result.push_back({estimate_of(effects[k]), estimate_of(sizes[k]),
                      std::sqrt(effects[k].variance().value_or(0))});
  }
  return result;
}

std::vector<SobolIndices> sobol(std::size_t inputs, std::size_t points, std::size_t replicates,
                                std::uint64_t seed, const Response& response) {
  sim::Stream shifts(seed, "sobol", "shifts");
  std::vector<sim::Tally> first(inputs), total(inputs);
  for (std::size_t r = 0; r < replicates; ++r) {
    const Shares shares =
        one_replicate(inputs, shifted_sequence(2 * inputs, points, shifts), response);
    for (std::size_t k = 0; k < inputs; ++k) {
      first[k].add(shares.first[k]);
      total[k].add(shares.total[k]);
    }
  }
  std::vector<SobolIndices> result;
  for (std::size_t k = 0; k < inputs; ++k) {
    result.push_back({estimate_of(first[k]), estimate_of(total[k])});
  }
  return result;
}

}  // namespace predrill::harness
