#include "harness/analytic/availability.hpp"

#include <algorithm>
#include <cmath>

#include "harness/analytic/markov.hpp"
#include "sim/paired_sample.hpp"
#include "sim/random.hpp"

namespace predrill::harness::analytic {

namespace {

constexpr double seconds_of_a_year = 365.25 * 86400;

}  // namespace

const std::vector<FailureRate>& usual_failure_rates() {
  static const std::vector<FailureRate> rates = {
      {"node_loss", 0.5, "assumption: the primary's machine dies once in two years"},
      {"standby_loss", 0.5, "assumption: as the primary's"},
      {"az_loss", 0.05, "assumption: a zone fails once in twenty years"},
      {"pod_delete", 6, "assumption: evictions and upgrades of nodes"},
      {"switchover", 4, "assumption: maintenance once a quarter"},
      {"postmaster_kill", 0.5, "assumption: out of memory"},
      {"backend_crash", 1, "assumption: a crash of one server process a year"},
      {"freeze", 0.2, "assumption: a machine that hangs for good"},
      {"partition", 0.5, "assumption: a network split that lasts"},
      {"dcs_quorum_loss", 0.2, "assumption: two of three etcd members at once"},
      {"disk_full", 0.5, "assumption: WAL that nobody fetches"},
      {"pgbouncer_kill", 2, "assumption: restarts of the pooler's pod"},
  };
  return rates;
}

RedundancyAnswer solve(const Redundancy& redundancy) {
  const double repairs_per_year = seconds_of_a_year / sim::seconds(redundancy.repair);
  MarkovChain chain(redundancy.members + 1);  // state: members left
  for (std::size_t left = 0; left <= redundancy.members; ++left) {
    if (left > 0) {
      chain.add_rate(left, left - 1, static_cast<double>(left) * redundancy.losses_per_year);
    }
    if (left < redundancy.members) {
      chain.add_rate(left, left + 1,
                     static_cast<double>(redundancy.members - left) * repairs_per_year);
    }
  }
  const std::vector<double> p = chain.steady_state();
  RedundancyAnswer answer;
  answer.all_lost = p[0];
  answer.enough = 0;
  for (std::size_t left = 2; left <= redundancy.members; ++left) answer.enough += p[left];
  std::vector<bool> lost(redundancy.members + 1, false);
  lost[0] = true;
  answer.years_to_loss = chain.mean_time_to(lost)[redundancy.members];
  return answer;
}

namespace {

// Only a system with a second member fails over; without one the outage is the repair, which
// the part "no member left" counts.
double effective_rate(const SimulatedFailure& failure, const RedundancyAnswer& redundancy) {
  return failure.rate.per_year * (failure.rate.fault == "node_loss" ? redundancy.enough : 1.0);
}

}  // namespace

YearlyDowntime yearly_downtime(const std::vector<SimulatedFailure>& failures,
                               const RedundancyAnswer& redundancy) {
  YearlyDowntime year;
  double variance = 0;
  for (const SimulatedFailure& failure : failures) {
    YearlyDowntime::Part part;
    part.name = failure.rate.fault;
    part.per_year = failure.rate.per_year;
    part.censored = failure.censored;
    if (const auto mean = failure.outages.mean_estimate()) {
      part.outage = sim::Estimate{
          mean->value / 1e9, {std::max(0.0, mean->interval.low / 1e9), mean->interval.high / 1e9}};
      const double rate = effective_rate(failure, redundancy);
      part.seconds = {rate * part.outage->value,
                      {rate * part.outage->interval.low, rate * part.outage->interval.high}};
      const double half = (part.seconds.interval.high - part.seconds.interval.low) / 2;
      variance += half * half;
      if (const auto rows = failure.rows.mean_estimate()) {
        part.rows =
            sim::Estimate{rate * rows->value,
                          {std::max(0.0, rate * rows->interval.low), rate * rows->interval.high}};
      }
    }
    year.seconds.value += part.seconds.value;
    year.parts.push_back(std::move(part));
  }
  if (redundancy.years_to_loss > 0) {
    const double lost = redundancy.all_lost * seconds_of_a_year;
    year.parts.push_back({"no member left", 1 / redundancy.years_to_loss, std::nullopt,
                          sim::Estimate{lost, {lost, lost}}, std::nullopt, false});
    year.seconds.value += lost;
  }
  const double half = std::sqrt(variance);
  year.seconds.interval = {std::max(0.0, year.seconds.value - half), year.seconds.value + half};
  return year;
}

sim::Estimate saved(const std::vector<SimulatedFailure>& now,
                    const std::vector<SimulatedFailure>& changed,
                    const RedundancyAnswer& redundancy) {
  sim::Estimate sum;
  double variance = 0;
  const auto add = [&](const SimulatedFailure& failure, const sim::Sample& seconds, double sign) {
    const auto mean = seconds.mean_estimate();
    if (!mean) return;
    const double rate = effective_rate(failure, redundancy) / 1e9;
    const double half = rate * (mean->interval.high - mean->interval.low) / 2;
    sum.value += sign * rate * mean->value;
    variance += half * half;
  };
  const auto of = [](const std::vector<SimulatedFailure>& all, const std::string& fault) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const SimulatedFailure& one) {
      return one.rate.fault == fault;
    });
    return found == all.end() ? nullptr : &*found;
  };
  for (const SimulatedFailure& failure : now) {
    const SimulatedFailure* other = of(changed, failure.rate.fault);
    if (other == nullptr) {
      add(failure, failure.outages, 1);
      continue;
    }
    sim::PairedSample pairs;
    for (std::size_t i = 0; i < std::min(failure.by_run.size(), other->by_run.size()); ++i) {
      if (failure.by_run[i] && other->by_run[i]) pairs.add(*other->by_run[i], *failure.by_run[i]);
    }
    add(failure, pairs.differences(), 1);
  }
  for (const SimulatedFailure& failure : changed) {
    if (of(now, failure.rate.fault) == nullptr) add(failure, failure.outages, -1);
  }
  const double half = std::sqrt(variance);
  sum.interval = {sum.value - half, sum.value + half};
  return sum;
}

double budget_use(const ErrorBudget& budget, const sim::Estimate& seconds_per_year) {
  return seconds_per_year.value * sim::seconds(budget.window) / seconds_of_a_year /
         budget.seconds();
}

sim::Proportion budget_exceeded(const ErrorBudget& budget,
                                const std::vector<SimulatedFailure>& failures, std::uint64_t seed,
                                std::size_t windows) {
  const double share_of_year = sim::seconds(budget.window) / seconds_of_a_year;
  const double limit = budget.seconds() * 1e9;
  std::vector<double> none;  // probability of no such failure in a window
  for (const SimulatedFailure& failure : failures) {
    none.push_back(std::exp(-failure.rate.per_year * share_of_year));
  }
  sim::Stream draws(seed, "availability", "windows");
  sim::Proportion exceeded;
  for (std::size_t w = 0; w < windows; ++w) {
    double used = 0;
    for (std::size_t f = 0; f < failures.size(); ++f) {
      const auto outages = failures[f].outages.sorted();
      if (outages.empty()) continue;
      // Knuth's product of uniforms: the rates are small.
      for (double product = draws.unit(); product > none[f]; product *= draws.unit()) {
        used += static_cast<double>(outages[draws.below(outages.size())]);
      }
    }
    exceeded.add(used > limit);
  }
  return exceeded;
}

}  // namespace predrill::harness::analytic
