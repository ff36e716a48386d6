// False failovers: how often a disturbance that would have ended by itself takes the role from a
// healthy primary. A low ttl buys a short RTO with them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/scenario.hpp"
#include "sim/interval.hpp"

namespace predrill::harness {

/// The shortest length at which this disturbance costs the primary its role, in the run of one
/// seed: its leader key expires, or Patroni demotes it. To `resolution` from above; forever if none
/// up to a time at which every lease and every retry has ended does.
sim::Duration failover_threshold(const ScenarioSpec& scenario, const Disturbance& disturbance,
                                 std::uint64_t seed,
                                 sim::Duration resolution = std::chrono::milliseconds(250));

struct FalseFailovers {
  sim::Estimate per_year;                // of all disturbances; 95 %, their rates taken as given
  std::vector<sim::Estimate> per_event;  // of each: the probability of a failover
  std::vector<double> by_seed;           // a year, given the phases of one seed
};

/// Given the thresholds T of some seeds, a disturbance of random length L costs a failover with
/// probability E[1 - F(T)]: conditional Monte Carlo (Asmussen & Glynn 2007, V.4). The rare length
/// is integrated exactly and only the phase of the HA loop is simulated, so a rate of once in a
/// thousand years needs no more runs than one of once a day.
FalseFailovers false_failovers(const std::vector<Disturbance>& disturbances,
                               const std::vector<std::vector<sim::Duration>>& thresholds);

/// What is assumed where a scenario states no disturbances; each with its source.
std::vector<Disturbance> usual_disturbances();

/// "freeze of the primary, 12 a year, lognormal, p50 1 s, p99 15 s (assumption: ...)"
std::string describe(const Disturbance& disturbance);

}  // namespace predrill::harness
