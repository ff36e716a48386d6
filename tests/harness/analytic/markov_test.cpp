#include "harness/analytic/markov.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace predrill::harness::analytic;

namespace {

// A machine that fails at rate f and is repaired at rate r: state 0 up, state 1 down.
MarkovChain machine(double f, double r) {
  MarkovChain chain(2);
  chain.add_rate(0, 1, f);
  chain.add_rate(1, 0, r);
  return chain;
}

// Two machines, one repairman: states by how many are down.
MarkovChain pair_of(double f, double r) {
  MarkovChain chain(3);
  chain.add_rate(0, 1, 2 * f);
  chain.add_rate(1, 2, f);
  chain.add_rate(1, 0, r);
  chain.add_rate(2, 1, r);
  return chain;
}

}  // namespace

TEST_CASE("markov: steady states of chains solved by hand", "[analytic]") {
  const double f = 1.0 / 8760, r = 0.25;
  const auto p = machine(f, r).steady_state();
  CHECK(std::abs(p[0] - r / (f + r)) < 1e-10);
  CHECK(std::abs(p[1] - f / (f + r)) < 1e-10);
  const auto q = pair_of(f, r).steady_state();
  const double norm = r * r + 2 * f * r + 2 * f * f;
  CHECK(std::abs(q[0] - r * r / norm) < 1e-10);
  CHECK(std::abs(q[1] - 2 * f * r / norm) < 1e-10);
  CHECK(std::abs(q[2] - 2 * f * f / norm) < 1e-10);
}

TEST_CASE("markov: the way there", "[analytic]") {
  const double f = 0.3, r = 0.7;
  for (const double t : {0.0, 0.1, 1.0, 5.0, 100.0}) {
    const auto p = machine(f, r).at(t, {1, 0});
    const double up = r / (f + r) + f / (f + r) * std::exp(-(f + r) * t);
    INFO("t " << t);
    CHECK(std::abs(p[0] - up) < 1e-10);
    CHECK(std::abs(p[0] + p[1] - 1) < 1e-10);
  }
}

TEST_CASE("markov: mean time until all is lost", "[analytic]") {
  const double f = 0.001, r = 0.5;
  const auto t = pair_of(f, r).mean_time_to({false, false, true});
  // From two up: (3 f + r) / (2 f^2); from one up 1/(2f) less.
  CHECK(std::abs(t[0] / ((3 * f + r) / (2 * f * f)) - 1) < 1e-10);
  CHECK(std::abs(t[1] - (t[0] - 1 / (2 * f))) < 1e-5);
  CHECK(t[2] == 0);
}

TEST_CASE("markov: what cannot be reached takes for ever", "[analytic]") {
  MarkovChain chain(3);
  chain.add_rate(0, 1, 1);  // 1 is a trap
  chain.add_rate(0, 2, 1);
  const auto t = chain.mean_time_to({false, false, true});
  CHECK(t[0] == std::numeric_limits<double>::infinity());
  CHECK(t[1] == std::numeric_limits<double>::infinity());
}
