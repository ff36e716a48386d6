#include "harness/engine/fault_clock.hpp"

#include <catch2/catch.hpp>

#include "sim/tally.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

constexpr double seconds_of_a_year = 365.25 * 86400;

struct Struck {
  std::vector<double> after;  // the first fault, seconds
  std::vector<const FaultSpec*> which;
};

struct Bench {
  explicit Bench(std::uint64_t seed, const std::vector<FaultSpec>& faults)
      : sim({.seed = seed}), clock(sim, faults, milestones(), [this](const FaultSpec& fault) {
          struck.which.push_back(&fault);
          struck.after.push_back(sim::seconds(sim.now() - clock.first()));
        }) {}
  sim::Simulation sim;
  Struck struck;
  FaultClock clock;
};

FaultSpec at_rate(double per_second) {
  FaultSpec fault;
  fault.at.per_year = per_second * seconds_of_a_year;
  return fault;
}

}  // namespace

TEST_CASE("fault clock: faults at a rate come as often as it says, by their shares", "[engine]") {
  const std::vector<FaultSpec> faults = {at_rate(0.03), at_rate(0.01)};
  sim::Tally number;
  double first_kind = 0, all = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Bench bench(seed, faults);
    bench.clock.start();
    CHECK(bench.clock.earliest() >= sim::Time{} + 60s);
    CHECK(bench.clock.earliest() <= sim::Time{} + 70s);
    bench.sim.run_until(bench.clock.earliest() + 1000s);
    CHECK(bench.struck.after.front() == 0);
    number.add(static_cast<double>(bench.struck.after.size()) - 1);
    for (const FaultSpec* one : bench.struck.which) {
      first_kind += one == &faults[0] ? 1 : 0;
      ++all;
    }
  }
  INFO("seeds 1 to 400: mean " << *number.mean() << ", variance " << *number.variance());
  CHECK(*number.mean() == Approx(40).margin(1.3));  // 4 deviations of the mean
  CHECK(*number.variance() == Approx(40).epsilon(0.3));
  CHECK(first_kind / all == Approx(0.75).margin(0.015));
}

TEST_CASE("fault clock: a given number of faults lies anywhere in the length", "[engine]") {
  const std::vector<FaultSpec> faults = {at_rate(1e-6)};
  sim::Tally earliest, latest;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Bench bench(seed, faults);
    bench.clock.condition(3, 1000s);
    bench.clock.start();
    bench.sim.run_until(bench.clock.earliest() + 5000s);
    REQUIRE(bench.struck.after.size() == 4);
    earliest.add(bench.struck.after[1]);
    latest.add(bench.struck.after[3]);
    CHECK(bench.struck.after[3] <= 1000);
  }
  // Order statistics of three uniform ones: 1/4 and 3/4, standard deviation 0.194.
  CHECK(*earliest.mean() == Approx(250).margin(35));
  CHECK(*latest.mean() == Approx(750).margin(35));
}

TEST_CASE("fault clock: another future has other faults, the same past the same", "[engine]") {
  const std::vector<FaultSpec> faults = {at_rate(0.02)};
  const auto times = [&](std::uint64_t salt) {
    Bench bench(7, faults);
    bench.clock.start();
    bench.sim.run_until(bench.clock.earliest() + 500s);
    if (salt != 0) bench.sim.fork(salt);
    bench.sim.run_until(bench.clock.earliest() + 1000s);
    return bench.struck.after;
  };
  const std::vector<double> one = times(0), other = times(5);
  CHECK(one == times(0));
  CHECK_FALSE(one == other);
  for (std::size_t i = 0; i < one.size() && one[i] <= 500; ++i) CHECK(one[i] == other.at(i));
}
