// Downtime of a year: how often things fail, joined with the simulated outage of each failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/interval.hpp"
#include "sim/proportion.hpp"
#include "sim/sample.hpp"
#include "sim/time.hpp"

namespace predrill::harness::analytic {

/// How often a fault strikes the system as a whole.
struct FailureRate {
  std::string fault;  // of the catalogue
  double per_year = 0;
  std::string source;
};

/// Rates for planning where nobody stated any; every one an assumption that says so.
const std::vector<FailureRate>& usual_failure_rates();

/// A failure with the outages that a campaign found for it, in nanoseconds.
struct SimulatedFailure {
  FailureRate rate;
  sim::Sample outages;
  bool censored = false;  // some had not ended: means are lower bounds
  sim::Sample rows{};     // acknowledged ones that were lost
  /// The same outages by run, for comparisons of the same seeds; nullopt: a run without a result.
  std::vector<std::optional<sim::Duration>> by_run{};
};

/// Members that are lost one by one and come back after a repair.
struct Redundancy {
  std::size_t members = 1;
  double losses_per_year = 1;  // of one member
  sim::Duration repair = std::chrono::hours(4);
};

struct RedundancyAnswer {
  double all_lost = 0;       // share of time with no member left
  double enough = 1;         // share of time with at least two: a failover is possible
  double years_to_loss = 0;  // mean time until no member is left, from all of them
};
/// Continuous-time Markov chain over the number of members left; each is repaired by itself.
RedundancyAnswer solve(const Redundancy& redundancy);

struct YearlyDowntime {
  struct Part {
    std::string name;
    double per_year = 0;
    std::optional<sim::Estimate> outage;  // seconds; of one failure
    sim::Estimate seconds;                // a year
    std::optional<sim::Estimate> rows;    // acknowledged ones that are lost, a year
    bool censored = false;
  };
  std::vector<Part> parts;  // the last one of a system with members: no member left
  sim::Estimate seconds;    // a year; the intervals of the parts are independent
};
YearlyDowntime yearly_downtime(const std::vector<SimulatedFailure>& failures,
                               const RedundancyAnswer& redundancy);

/// Seconds a year that the first has more than the second, which failed under the same seeds:
/// paired run by run, so that what both have in common cancels. Failures that only one of them has
/// count in full.
sim::Estimate saved(const std::vector<SimulatedFailure>& now,
                    const std::vector<SimulatedFailure>& changed,
                    const RedundancyAnswer& redundancy);

/// An objective such as 99.9 % over 30 days.
struct ErrorBudget {
  double availability = 0.999;
  sim::Duration window = std::chrono::hours(720);
  double seconds() const { return (1 - availability) * sim::seconds(window); }
};
/// Expected share of the budget that is used.
double budget_use(const ErrorBudget& budget, const sim::Estimate& seconds_per_year);
/// How often a window uses more than the budget: failures come as independent Poisson processes,
/// each with one of its simulated outages. `windows` are drawn from `seed`.
sim::Proportion budget_exceeded(const ErrorBudget& budget,
                                const std::vector<SimulatedFailure>& failures, std::uint64_t seed,
                                std::size_t windows = 100'000);

}  // namespace predrill::harness::analytic
