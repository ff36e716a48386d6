// An Aurora system as plain data: the cluster, its clients, and how its section is read.
#pragma once

#include <optional>
#include <string>

#include "harness/input/reader.hpp"
#include "models/aurora_config.hpp"
#include "models/hikari.hpp"
#include "models/rds_proxy.hpp"

namespace predrill::harness {

/// Clients that run beside the probers.
struct AuroraClients {
  sim::Duration probe_interval = std::chrono::seconds(1);
  sim::Duration probe_timeout = std::chrono::seconds(3);
  bool reads = false;  // a prober reads through the reader endpoint
  bool hikari = true;
  models::HikariConfig pool;  // `driver.hosts` is left to the world
  sim::Duration request_interval = std::chrono::seconds(1);
  sim::Duration jvm_dns_ttl = std::chrono::seconds(30);
  std::optional<models::RdsProxyConfig> proxy;  // a prober writes through it as well
};

struct AuroraSpec {
  models::AuroraConfig config;
  models::AuroraTimings timings = models::AuroraTimings::defaults();
  AuroraClients clients;
  bool insights_advanced = false;
};

/// The section "aurora". Leaves what is missing at its default.
void read_aurora(const Value& section, AuroraSpec& spec);
/// The section "clients" of such a system.
void read_aurora_clients(const Value& section, AuroraClients& clients);
/// Delays by name ("failover_state", "snapshot"): see models::AuroraTimings.
void read_aurora_timings(const Value& section, models::AuroraTimings& timings);

}  // namespace predrill::harness
