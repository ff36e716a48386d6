// A run that cannot be repeated is found out, and so is a model that depends on the order of what
// happens at one instant.
#include "sim/self_check.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>

#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "tests/determinism/every_feature.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

constexpr Kind tick{"test.tick", "tick {0}"};

Task<> ticker(Simulation& sim, int odd_tick) {
  const EntityId clock = sim.trace().entity("clock");
  for (int i = 1; i <= 10; ++i) {
    co_await sleep_for(1s);
    sim.trace().emit(sim.now(), clock, tick, i == odd_tick ? -1 : i);
  }
}
Task<> sleeper(Duration length) {
  co_await sleep_for(length);
}

}  // namespace

TEST_CASE("a scenario that repeats itself passes the check", "[self_check]") {
  CHECK_FALSE(first_difference({.seed = 3}, [](Simulation& sim) {
    predrill::every_feature::World world(sim);
    world.run();
  }));
}

TEST_CASE("the first record that differs is named with its time", "[self_check]") {
  int run = 0;  // what a run must not depend on
  const auto difference = first_difference({}, [&run](Simulation& sim) {
    ++run;
    sim.world().spawn(ticker(sim, run == 2 ? 4 : 0));
    sim.run_for(1min);
    sim.shut_down();
  });
  REQUIRE(difference);
  CHECK(difference->event == 5);  // the start, then four ticks
  CHECK(difference->first_at == Time{} + 4s);
  CHECK(difference->second_at == Time{} + 4s);
  CHECK_THAT(difference->first_record, Catch::Contains("+00:00:04.000000000 clock tick 4"));
  CHECK_THAT(difference->second_record, Catch::Contains("clock tick -1"));
  CHECK_THAT(difference->describe(), Catch::Contains("from event 5 on"));
  CHECK_THAT(difference->describe(), Catch::Contains("at 4s"));
}

TEST_CASE("runs that differ in silent events are told apart too", "[self_check]") {
  int run = 0;
  SECTION("at another time") {
    const auto difference = first_difference({}, [&run](Simulation& sim) {
      sim.world().spawn(sleeper(1s + Duration(run++)));
      sim.run_for(1min);
    });
    REQUIRE(difference);
    CHECK(difference->event == 2);
    CHECK(*difference->second_at - *difference->first_at == 1ns);
    CHECK(difference->first_record.empty());
  }
  SECTION("one more") {
    const auto difference = first_difference({}, [&run](Simulation& sim) {
      sim.world().spawn(sleeper(1s));
      if (run++ == 1) sim.world().spawn(sleeper(2s));
      sim.run_for(1min);
    });
    REQUIRE(difference);
    CHECK(difference->event == 2);  // the start of the second process
  }
  SECTION("one less at the end") {
    const auto difference = first_difference({}, [&run](Simulation& sim) {
      sim.world().spawn(sleeper(1s));
      sim.run_for(run++ == 1 ? 500ms : 2s);
    });
    REQUIRE(difference);
    CHECK(difference->event == 2);
    CHECK_FALSE(difference->second_at);
    CHECK_THAT(difference->describe(), Catch::Contains("the second is after its end"));
  }
}

namespace {

// Two processes that add to a list at the same instant: who comes first is nobody's business.
struct Race {
  std::string order;
  Task<> runner(char name) {
    co_await sleep_for(1s);
    order += name;
  }
};

std::string order_of(const SimulationOptions& options) {
  Simulation sim(options);
  Race race;
  for (const char name : {'a', 'b', 'c'}) sim.world().spawn(race.runner(name));
  sim.run_for(2s);
  return race.order;
}

}  // namespace

TEST_CASE("shuffled ties expose a model that depends on the order of equal times", "[self_check]") {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CHECK(order_of({.seed = seed}) == "abc");
    const std::string order = order_of({.seed = seed, .shuffle_ties = true});
    CHECK(order == order_of({.seed = seed, .shuffle_ties = true}));
    orders.insert(order);
  }
  CHECK(orders.size() == 6);  // all permutations; one of them is missing with 6 * (5/6)^60 = 1e-4
}

TEST_CASE("shuffled ties keep the order of different times", "[self_check]") {
  CHECK_FALSE(first_difference({.seed = 5, .shuffle_ties = true}, [](Simulation& sim) {
    predrill::every_feature::World world(sim);
    sim.run_until(Time{} + 5s);
  }));
}

TEST_CASE("a fork keeps the past and changes the future", "[self_check]") {
  struct Forked {
    std::uint64_t past = 0;
    std::uint64_t future = 0;
    explicit Forked(std::uint64_t salt) {
      Simulation sim({.seed = 8});
      predrill::every_feature::World world(sim);
      sim.run_until(Time{} + 3s);
      past = sim.fingerprint();
      sim.fork(salt);
      sim.run_until(Time{} + 6s);
      future = sim.fingerprint();
    }
  };
  const Forked plain(0);
  const Forked other(1);
  const Forked again(1);
  const Forked third(2);
  CHECK(plain.past == other.past);
  CHECK(plain.past == third.past);
  CHECK(plain.future != other.future);
  CHECK(other.future == again.future);
  CHECK(other.future != third.future);
}

TEST_CASE("what old memory holds does not matter", "[self_check]") {
  const auto run = [] { return predrill::every_feature::fingerprint({.seed = 2}); };
  FramePool::set_fill(0x00);
  const std::uint64_t zeros = run();
  FramePool::set_fill(0xA5);
  const std::uint64_t pattern = run();
  CHECK(zeros == pattern);
  // A thread of its own begins with what others have left.
  std::uint64_t elsewhere = 0;
  std::thread([&] { elsewhere = run(); }).join();
  CHECK(zeros == elsewhere);
  FramePool::set_fill(0x00);
}

TEST_CASE("the scenario of every feature does what its name says", "[self_check]") {
  // If this changes without intent, the fingerprints below compare less than they claim.
  Simulation sim({.seed = 1});
  predrill::every_feature::World world(sim);
  world.run();
  CHECK(sim.events_executed() > 15'000);
  CHECK(sim.trace().records() > 2'000);
}
