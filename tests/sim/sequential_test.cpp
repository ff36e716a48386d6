#include "sim/sequential.hpp"

#include <catch2/catch.hpp>

#include "tests/sim/splitmix.hpp"

using namespace predrill::sim;
using Decision = SequentialTest::Decision;

namespace {

SequentialTest gate() {
  return *SequentialTest::make(0.99, 0.95, 0.01, 0.01);
}

/// Runs until a decision.
SequentialTest decided(double p, SplitMix& random) {
  auto test = gate();
  while (test.decision() == Decision::go_on) test.add(random.uniform() < p);
  return test;
}

}  // namespace

TEST_CASE("sequential test: 112 clean runs accept", "[statistics]") {
  // ln(0.01 / 0.99) / ln(0.95 / 0.99) = 111.4
  auto test = gate();
  for (int i = 0; i < 111; ++i) REQUIRE(test.add(true) == Decision::go_on);
  CHECK(test.add(true) == Decision::accept);
  CHECK(test.runs() == 112);
  CHECK(gate().clean_runs_to_accept() == 112);
  // The decision stands.
  for (int i = 0; i < 10; ++i) CHECK(test.add(false) == Decision::accept);
  CHECK(test.runs() == 112);
}

TEST_CASE("sequential test: three failures at once reject", "[statistics]") {
  // 2 ln 5 = 3.2 < ln 99 = 4.6 < 3 ln 5 = 4.8
  auto test = gate();
  CHECK(test.add(false) == Decision::go_on);
  CHECK(test.add(false) == Decision::go_on);
  CHECK(test.add(false) == Decision::reject);
}

TEST_CASE("sequential test: a boundary hit exactly is reached", "[statistics]") {
  // Steps of ln 3, boundaries at 2 ln 3.
  auto test = *SequentialTest::make(0.75, 0.25, 0.1, 0.1);
  CHECK(test.add(true) == Decision::go_on);
  CHECK(test.add(false) == Decision::go_on);
  CHECK(test.add(true) == Decision::go_on);
  CHECK(test.add(true) == Decision::accept);
}

TEST_CASE("sequential test: a hypothesis that rules failures out", "[statistics]") {
  auto test = *SequentialTest::make(1.0, 0.5, 0.01, 0.01);
  CHECK(test.add(true) == Decision::go_on);
  CHECK(test.add(false) == Decision::reject);
  CHECK(SequentialTest::make(1.0, 0.5, 0.01, 0.01)->clean_runs_to_accept() == 7);
}

TEST_CASE("sequential test: errors as promised, in few runs", "[statistics][coverage]") {
  constexpr std::uint64_t seed = 61;
  INFO("seed " << seed);
  SplitMix random(seed);
  constexpr int repetitions = 2000;
  int wrong_if_good = 0;
  int wrong_if_bad = 0;
  std::int64_t runs = 0;
  for (int i = 0; i < repetitions; ++i) {
    const auto good = decided(0.99, random);
    const auto bad = decided(0.95, random);
    wrong_if_good += good.decision() == Decision::reject;
    wrong_if_bad += bad.decision() == Decision::accept;
    runs += good.runs();
  }
  // 1 % of 2000 plus four standard errors.
  CHECK(wrong_if_good <= 20 + 18);
  CHECK(wrong_if_bad <= 20 + 18);
  // Neither may it be idle: it does err now and then.
  CHECK(wrong_if_good + wrong_if_bad > 0);
  // A fixed test of the same errors needs n with z sqrt(.0099)/sqrt(n) + z sqrt(.0475)/sqrt(n) =
  // 0.04, z = 2.326: 341 runs.
  CHECK(runs / repetitions < 240);
}

TEST_CASE("sequential test: impossible parameters", "[statistics]") {
  CHECK_FALSE(SequentialTest::make(0.9, 0.9, 0.01, 0.01));
  CHECK_FALSE(SequentialTest::make(1.1, 0.9, 0.01, 0.01));
  CHECK_FALSE(SequentialTest::make(0.9, 0.8, 0.0, 0.01));
  CHECK_FALSE(SequentialTest::make(0.9, 0.8, 0.6, 0.6));
}
