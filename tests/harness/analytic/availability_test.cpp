#include "harness/analytic/availability.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace predrill;
using namespace predrill::harness::analytic;
using namespace std::chrono_literals;

namespace {

SimulatedFailure failure(const std::string& fault, double per_year,
                         const std::vector<std::int64_t>& seconds) {
  SimulatedFailure one;
  one.rate = {fault, per_year, "test"};
  for (const std::int64_t s : seconds) one.outages.add(std::chrono::seconds(s));
  return one;
}

}  // namespace

TEST_CASE("availability: members that are lost and repaired", "[analytic]") {
  // Two members, each lost once a year and repaired within a tenth of a year: binomial.
  const Redundancy two{2, 1, std::chrono::hours(876) + 36min};  // 0.1 of 365.25 days
  const RedundancyAnswer answer = solve(two);
  const double down = 0.1 / 1.1;  // of one
  CHECK(answer.all_lost == Approx(down * down).epsilon(1e-9));
  CHECK(answer.enough == Approx((1 - down) * (1 - down)).epsilon(1e-9));
  // (3 f + r) / (2 f^2) with f = 1, r = 10.
  CHECK(answer.years_to_loss == Approx(6.5).epsilon(1e-9));
}

TEST_CASE("availability: downtime is rate times outage, with its interval", "[analytic]") {
  const auto failures = {failure("freeze", 2, {10, 20, 30}), failure("node_loss", 1, {60, 60})};
  RedundancyAnswer redundancy;
  redundancy.enough = 0.5;
  redundancy.years_to_loss = 100;
  const YearlyDowntime year = yearly_downtime(failures, redundancy);
  REQUIRE(year.parts.size() == 3);
  CHECK(year.parts[0].seconds.value == Approx(40));
  CHECK(year.parts[1].seconds.value ==
        Approx(30));  // half of the time there is nobody to fail over to
  CHECK(year.seconds.value == Approx(70));
  CHECK(year.seconds.interval.high - year.seconds.value ==
        Approx((year.parts[0].seconds.interval.high - year.parts[0].seconds.interval.low) / 2));
}

TEST_CASE("availability: how often a window uses more than its budget", "[analytic]") {
  // A failure of 50 min blows a budget of 43.2 min: 1 - e^(-rate * window).
  const ErrorBudget budget{0.999, std::chrono::hours(720)};
  CHECK(budget.seconds() == Approx(43.2 * 60));
  const std::vector<SimulatedFailure> failures = {failure("freeze", 2, {3000})};
  const double expected = 1 - std::exp(-2 * 720.0 / 8766);
  const auto found = budget_exceeded(budget, failures, 1).clopper_pearson(0.99);
  CHECK(found->contains(expected));
  const sim::Estimate year{8766.0 / 720 * 1296, {0, 0}};
  CHECK(budget_use(budget, year) == Approx(0.5));
}

TEST_CASE("availability: what a change saves is paired run by run", "[analytic]") {
  SimulatedFailure now = failure("freeze", 2, {30, 10, 50});
  SimulatedFailure changed = failure("freeze", 2, {25, 5, 45});
  now.by_run = {30s, 10s, std::nullopt, 50s};
  changed.by_run = {25s, 5s, 7s, 45s};
  RedundancyAnswer redundancy;
  redundancy.years_to_loss = 100;
  // 5 s less in every run: without any doubt, although the outages themselves vary.
  const sim::Estimate sure = saved({now}, {changed}, redundancy);
  CHECK(sure.value == Approx(10));
  CHECK(sure.interval.low == Approx(10));
  CHECK(sure.interval.high == Approx(10));
  // A failure that the change does away with counts in full.
  const sim::Estimate all = saved({now}, {}, redundancy);
  CHECK(all.value == Approx(60));
  CHECK(all.interval.low < 60);
}
