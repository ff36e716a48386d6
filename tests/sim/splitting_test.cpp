// Splitting on a walk that can be solved: from 1 up with probability 1/3, down with 2/3; it reaches
// b before 0 with probability 1 / (2^b - 1).
#include "sim/splitting.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace predrill::sim;

namespace {

constexpr int top = 20;  // 1 / (2^20 - 1) = 9.5e-7

struct Counted {
  SplittingResult result;
  std::uint64_t steps = 0;
};

Counted walk(const SplittingOptions& options, std::uint64_t seed) {
  Counted counted;
  const auto start = [](Stream&) { return 1; };
  const auto pass = [&](int at, std::size_t level, Stream& stream) -> std::optional<int> {
    const int goal = static_cast<int>(level) + 2;
    while (at > 0 && at < goal) {
      at += stream.chance(1.0 / 3) ? 1 : -1;
      ++counted.steps;
    }
    return at == goal ? std::optional(at) : std::nullopt;
  };
  counted.result = split(options, seed, start, pass);
  return counted;
}

}  // namespace

TEST_CASE("splitting: one in a million within a fifth, with a hundredth of the work",
          "[splitting]") {
  const double truth = 1 / (std::pow(2, top) - 1);
  const SplittingOptions options{.levels = top - 1, .effort = 500, .replicates = 20};
  const Counted found = walk(options, 1);
  INFO("seed 1: " << found.result.probability.value << " [" << found.result.probability.interval.low
                  << ", " << found.result.probability.interval.high << "], truth " << truth << ", "
                  << found.steps << " steps");
  CHECK(std::abs(found.result.probability.value - truth) < 0.2 * truth);
  // Counting needs (1 - p) / (p e^2) walks for the relative standard error e, of (1 + ...) steps: a
  // walk from 1 lasts 3 steps on average (drift -1/3).
  const double width =
      (found.result.probability.interval.high - found.result.probability.interval.low) / 2;
  const double relative_error = width / 2.09 / truth;  // Student's t, 19 degrees of freedom
  const double crude = 3 / (truth * relative_error * relative_error);
  INFO("counting with the same error takes " << crude << " steps");
  CHECK(static_cast<double>(found.steps) <= 0.01 * crude);
  CHECK(found.result.passed.size() == top - 1);
  CHECK(found.result.trajectories == 19U * 500U * 20U);
}

TEST_CASE("splitting: intervals cover as often as they claim", "[splitting]") {
  const double truth = 1 / (std::pow(2, top) - 1);
  const SplittingOptions options{.levels = top - 1, .effort = 200, .replicates = 20};
  int covered = 0;
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Counted found = walk(options, seed);
    covered += found.result.probability.interval.contains(truth) ? 1 : 0;
    sum += found.result.probability.value;
  }
  INFO("seeds 1 to 200: covered " << covered / 2.0 << " %, mean " << sum / 200 / truth
                                  << " of the truth");
  CHECK(covered >= 180);
  CHECK(covered <= 196);
  CHECK(sum / 200 == Approx(truth).epsilon(0.05));
}

TEST_CASE("splitting: the same seed gives the same bits, another one others", "[splitting]") {
  const SplittingOptions options{.levels = 5, .effort = 50, .replicates = 3};
  CHECK(walk(options, 7).result.probability == walk(options, 7).result.probability);
  CHECK_FALSE(walk(options, 7).result.probability == walk(options, 8).result.probability);
}

TEST_CASE("splitting: an event that no trajectory reaches has the probability zero",
          "[splitting]") {
  const auto start = [](Stream&) { return 0; };
  const auto pass = [](int, std::size_t, Stream&) -> std::optional<int> { return std::nullopt; };
  const SplittingResult none = split({.levels = 3, .effort = 10, .replicates = 2}, 1, start, pass);
  CHECK(none.probability.value == 0);
  // None of 20: it may be a seventh (Clopper-Pearson, one-sided: 1 - 0.05^(1/20)).
  CHECK(none.probability.interval.low == 0);
  CHECK(none.probability.interval.high == Approx(0.1391).epsilon(1e-3));
  CHECK(none.passed[1] == 0);
}
