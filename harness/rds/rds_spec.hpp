// An RDS for PostgreSQL system as plain data: the database, its clients, and how its section is
// read.
#pragma once

#include <string>
#include <vector>

#include "harness/input/reader.hpp"
#include "harness/managed/database_clients.hpp"
#include "models/rds_config.hpp"

namespace predrill::harness {

struct RdsSpec {
  models::RdsConfig config;
  models::RdsTimings timings = models::RdsTimings::defaults();
  DatabaseClients clients;
  std::vector<std::string> zones;  // names of Availability Zones, by their number in the models
};

/// The section "rds". Leaves what is missing at its default.
void read_rds(const Value& section, RdsSpec& spec);

}  // namespace predrill::harness
