// Every applicable fault against one system, each as a scenario of its own.
#pragma once

#include <string>
#include <vector>

#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// The scenarios of a rehearsal: each fault of the catalogue that the system can suffer, with its
/// usual parameters, at a random phase of the HA loop. `only`: names of faults; empty = all.
std::vector<ScenarioSpec> rehearsal_scenarios(const SystemSpec& system,
                                              const std::vector<std::string>& only,
                                              const std::vector<Objective>& objectives);

/// The setting that decides the longest stage, with its value and where it was written:
/// "ttl 30 s (postgresql.yaml:93)".
std::string setting_behind(const ScenarioSpec& scenario, const Summary& summary);

/// What the settings allow at best when the leader key has to expire, held against an objective on
/// the RTO: sentences, empty where no such objective is missed by it.
std::string expiry_limits(const SystemSpec& system, const std::vector<Objective>& objectives);

}  // namespace predrill::harness
