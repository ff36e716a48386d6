// Runs on several threads: the outcome must not show how many there were.
#include "sim/parallel.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/self_check.hpp"
#include "tests/determinism/every_feature.hpp"

using namespace predrill::sim;

TEST_CASE("results stand in the order of their indices", "[parallel][threads]") {
  for (const std::size_t jobs : {1U, 2U, 5U, 0U}) {
    const auto results =
        parallel_results(100, [](std::size_t i) { return std::to_string(i * i); }, {.jobs = jobs});
    REQUIRE(results.size() == 100);
    for (std::size_t i = 0; i < 100; ++i) CHECK(results[i] == std::to_string(i * i));
  }
  CHECK(parallel_results(0, [](std::size_t i) { return i; }).empty());
}

TEST_CASE("fingerprints do not depend on the number of threads", "[parallel][threads]") {
  const Scenario scenario = [](Simulation& sim) {
    predrill::every_feature::World world(sim);
    sim.run_until(Time{} + std::chrono::seconds(3));
  };
  const Seeds seeds{.first = 10, .count = 6, .check_every = 3};
  const auto alone = run_seeds(seeds, {}, scenario, {.jobs = 1});
  const auto together = run_seeds(seeds, {}, scenario, {.jobs = 3});
  REQUIRE(alone.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(alone[i]);
    REQUIRE(together[i]);
    CHECK(alone[i]->seed == 10 + i);
    CHECK(alone[i]->fingerprint == together[i]->fingerprint);
    CHECK_FALSE(together[i]->difference);
    if (i > 0) CHECK(alone[i]->fingerprint != alone[0]->fingerprint);
  }
}

TEST_CASE("a stop ends what has not begun, and what is done is kept", "[parallel][threads]") {
  std::atomic<bool> stop = false;
  std::vector<std::size_t> progress;
  const ParallelOptions options{
      .jobs = 2, .stop = &stop, .progress = [&](std::size_t done, std::size_t all) {
        CHECK(all == 1000);
        progress.push_back(done);
      }};
  const auto results = parallel_results(
      1000,
      [&stop](std::size_t i) {
        if (i == 20) stop = true;
        return i;
      },
      options);
  CHECK(results[0] == std::size_t{0});
  CHECK(results[20] == std::size_t{20});
  CHECK_FALSE(results[999]);
  REQUIRE(progress.size() >= 21);
  REQUIRE(progress.size() < 1000);
  for (std::size_t i = 0; i < progress.size(); ++i) CHECK(progress[i] == i + 1);
}

TEST_CASE("the exception of the smallest index comes back", "[parallel][threads]") {
  for (int round = 0; round < 50; ++round) {
    const auto f = [](std::size_t i) {
      if (i >= 7) throw std::runtime_error("index " + std::to_string(i));
    };
    CHECK_THROWS_WITH(for_each_index(100, f, {.jobs = 4}), "index 7");
  }
  CHECK(for_each_index(3, [](std::size_t) {}));
}
