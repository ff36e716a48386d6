// The clients of a managed database as plain data, and how their section is read.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/input/reader.hpp"
#include "models/hikari.hpp"
#include "models/rds_proxy.hpp"

namespace predrill::harness {

/// What stands between a client and the zone of the endpoints.
struct DnsCache {
  bool on = false;        // off: every lookup asks the zone itself
  sim::Duration fixed{};  // > 0: an address is kept that long, whatever the record's TTL
};

/// Clients that run beside the probers.
struct DatabaseClients {
  sim::Duration probe_interval = std::chrono::seconds(1);
  sim::Duration probe_timeout = std::chrono::seconds(3);
  bool reads = false;  // a prober reads through the reader endpoint
  DnsCache dns_cache;
  bool hikari = true;
  models::HikariConfig pool;  // `driver.hosts` is left to the world
  sim::Duration request_interval = std::chrono::seconds(1);
  // A request writes one row. Both are assumptions; an outage of seconds does not depend on them.
  std::uint32_t request_wal_bytes = 200;
  sim::Duration request_work = std::chrono::milliseconds(2);
  sim::Duration jvm_dns_ttl = std::chrono::seconds(30);
  std::optional<models::RdsProxyConfig> proxy;  // a prober writes through it as well
};

/// The section "clients". Leaves what is missing at its default.
void read_database_clients(const Value& section, DatabaseClients& clients);

}  // namespace predrill::harness
