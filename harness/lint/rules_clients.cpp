// Rules about the clients of managed databases, in Java above all. Facts: Amazon Aurora User Guide
// (AuroraPostgreSQL.BestPractices.FastFailover); HikariCP 6.0; pgjdbc 42.7.
#include <array>
#include <memory>

#include "harness/kinds/aurora_kind.hpp"
#include "harness/kinds/rds_kind.hpp"
#include "harness/lint/lint.hpp"
#include "harness/managed/client_world.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using Hit = std::optional<LintHit>;

namespace {

const DatabaseClients& clients_of(const SystemSpec& system) {
  return system.kind == &aurora_kind() ? aurora_of(system).clients : rds_of(system).clients;
}

template <class Change>
void change_clients(SystemSpec& system, Change how) {
  if (system.kind == &aurora_kind()) {
    auto copy = std::make_shared<AuroraSystem>(static_cast<const AuroraSystem&>(*system.of_kind));
    how(copy->aurora.clients);
    system.of_kind = std::move(copy);
  } else {
    auto copy = std::make_shared<RdsSystem>(static_cast<const RdsSystem&>(*system.of_kind));
    how(copy->rds.clients);
    system.of_kind = std::move(copy);
  }
}

// A failover can move the endpoint to another address.
bool moves(const SystemSpec& system) {
  return system.kind == &aurora_kind() ||
         rds_of(system).config.deployment != models::RdsDeployment::single_az;
}

void judge_hikari(ScenarioSpec& scenario) {
  scenario.path = ClientPaths::hikari;
}

const models::HikariConfig* pool_of(const SystemSpec& system) {
  const DatabaseClients& clients = clients_of(system);
  return clients.hikari ? &clients.pool : nullptr;
}

Hit long_jvm_cache(const SystemSpec& system) {
  const sim::Duration ttl = clients_of(system).jvm_dns_ttl;
  if (pool_of(system) == nullptr || ttl <= 5s || !moves(system)) return std::nullopt;
  return LintHit{"clients.networkaddress.cache.ttl",
                 "networkaddress.cache.ttl " + sim::to_text(ttl) +
                     ": the JVM goes on to the old writer's address that long",
                 "networkaddress.cache.ttl = 1 (java.security)"};
}
void short_jvm_cache(SystemSpec& system) {
  change_clients(system, [](DatabaseClients& clients) { clients.jvm_dns_ttl = 1s; });
}

Hit any_server(const SystemSpec& system) {
  const models::HikariConfig* pool = pool_of(system);
  if (pool == nullptr || pool->driver.target_server_type != models::TargetServerType::any ||
      system.kind != &aurora_kind()) {  // the old side of RDS takes no connections
    return std::nullopt;
  }
  return LintHit{"clients.hikari.targetServerType",
                 "targetServerType any: a connection to the demoted writer is kept, since 25006 "
                 "evicts none from the pool, and fails every write until maxLifetime",
                 "targetServerType: primary"};
}
void primary_alone(SystemSpec& system) {
  change_clients(system, [](DatabaseClients& clients) {
    clients.pool.driver.target_server_type = models::TargetServerType::primary;
  });
}

Hit endless_reads(const SystemSpec& system) {
  const models::HikariConfig* pool = pool_of(system);
  if (pool == nullptr || pool->driver.socket_timeout > sim::Duration{}) return std::nullopt;
  return LintHit{"clients.hikari.socketTimeout",
                 "socketTimeout 0: a request whose server has gone silent waits for ever and "
                 "keeps its connection",
                 "socketTimeout: 10 s, more than the longest statement"};
}
void ended_reads(SystemSpec& system) {
  change_clients(system,
                 [](DatabaseClients& clients) { clients.pool.driver.socket_timeout = 10s; });
}

Hit long_name_cache(const SystemSpec& system) {
  const sim::Duration kept = clients_of(system).dns_cache.fixed;
  if (kept <= 5s || !moves(system)) return std::nullopt;
  return LintHit{"clients.dns_cache",
                 "dns_cache " + sim::to_text(kept) +
                     ": every client behind it goes on to the old address that long",
                 "dns_cache: ttl"};
}
void short_name_cache(SystemSpec& system) {
  change_clients(system, [](DatabaseClients& clients) { clients.dns_cache.fixed = {}; });
}

constexpr auto client_warning = LintSeverity::warning;

constexpr std::array<LintRule, 4> rules_of_clients = {{
    {"jvm/dns-cached-beyond-failover", client_warning,
     "The JVM caches DNS longer than the zone says",
     "The endpoint's TTL is 5 s; the user guide wants networkaddress.cache.ttl 1.", "failover",
     &cost_rto, long_jvm_cache, short_jvm_cache, judge_hikari},
    {"pgjdbc/any-server", client_warning, "Connections to the demoted writer are kept",
     "25006 is none of the SQLSTATEs that evict a connection (HikariCP, ProxyConnection).",
     "failover", &cost_rto, any_server, primary_alone, judge_hikari},
    {"pgjdbc/no-socket-timeout", client_warning, "No limit for an answer",
     "socketTimeout is 0 unless set (pgjdbc); the kernel gives up after minutes or hours.",
     "host_loss", &cost_rto, endless_reads, ended_reads, judge_hikari},
    {"dns/cached-beyond-ttl", client_warning, "A resolver keeps names longer than the zone says",
     "The records of RDS have a TTL of 5 s; a cache that ignores it adds its own time to a "
     "failover.",
     "failover", &cost_rto, long_name_cache, short_name_cache},
}};

}  // namespace

std::span<const LintRule> client_rules() {
  return rules_of_clients;
}

}  // namespace predrill::harness
