#include "models/slowness.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "sim/simulation.hpp"
#include "sim/tests_of_fit.hpp"

namespace predrill::models {
namespace {

using namespace std::chrono_literals;
using sim::Distribution;

constexpr std::uint64_t runs = 4000;

// Two delays, each uniform over a second, of two members in each of many runs. In seconds.
struct Pairs {
  std::vector<double> first, second;

  Pairs(const std::string& machine, const std::string& other) {
    const Distribution delay = Distribution::uniform(0s, 1s);
    for (std::uint64_t seed = 1; seed <= runs; ++seed) {
      sim::Simulation simulation({.seed = seed});
      sim::Stream stop = simulation.stream("a", "stop");
      sim::Stream promotion = simulation.stream("b", "promotion");
      const auto stopping = Slowness(simulation, machine).sample(delay, stop);
      const auto promoting = Slowness(simulation, other).sample(delay, promotion);
      first.push_back(std::chrono::duration<double>(stopping).count());
      second.push_back(std::chrono::duration<double>(promoting).count());
    }
  }

  // Of uniform values the correlation is the rank correlation.
  double correlation() const {
    double sum = 0;
    for (std::size_t i = 0; i < runs; ++i) sum += (first[i] - 0.5) * (second[i] - 0.5);
    return sum / runs * 12;
  }
};

TEST_CASE("slowness: delays of one machine come together and keep their distribution",
          "[slowness]") {
  const Pairs shared("lab", "lab");
  CHECK(shared.correlation() == Approx(0.5625).margin(0.06));  // four standard errors
  const auto uniform = [](double x) { return x; };
  CHECK(sim::kolmogorov_smirnov(shared.first, uniform)->p_value > 0.001);
  CHECK(sim::kolmogorov_smirnov(shared.second, uniform)->p_value > 0.001);
}

TEST_CASE("slowness: machines are slow each by itself", "[slowness]") {
  CHECK(Pairs("a", "b").correlation() == Approx(0).margin(0.06));
}

}  // namespace
}  // namespace predrill::models
