// An Aurora system as plain data: the cluster, its clients, and how its section is read.
#pragma once

#include "harness/input/reader.hpp"
#include "harness/managed/database_clients.hpp"
#include "models/aurora_config.hpp"

namespace predrill::harness {

struct AuroraSpec {
  models::AuroraConfig config;
  models::AuroraTimings timings = models::AuroraTimings::defaults();
  DatabaseClients clients;
  bool insights_advanced = false;
};

/// The section "aurora". Leaves what is missing at its default.
void read_aurora(const Value& section, AuroraSpec& spec);
/// Delays by name ("failover_state", "snapshot"): see models::AuroraTimings.
void read_aurora_timings(const Value& section, models::AuroraTimings& timings);

}  // namespace predrill::harness
