// Rules about Aurora clusters and their Java clients. Facts: Amazon Aurora User Guide
// (Concepts.AuroraHighAvailability, AuroraPostgreSQL.BestPractices.FastFailover); HikariCP 6.0;
// pgjdbc 42.7.
#include <algorithm>
#include <array>
#include <memory>

#include "harness/aurora/aurora_world.hpp"
#include "harness/kinds/aurora_kind.hpp"
#include "harness/lint/lint.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using Hit = std::optional<LintHit>;

namespace {

template <class Change>
void change(SystemSpec& system, Change how) {
  auto copy = std::make_shared<AuroraSystem>(static_cast<const AuroraSystem&>(*system.of_kind));
  how(copy->aurora);
  system.of_kind = std::move(copy);
}

// The path that shows it; everything else as in a rehearsal.
void judge_hikari(ScenarioSpec& scenario) {
  scenario.path = AuroraWorld::hikari_path;
}
void judge_reads(ScenarioSpec& scenario) {
  scenario.path = AuroraWorld::reader_path;
}

Hit no_reader(const SystemSpec& system) {
  if (aurora_of(system).config.instances.size() > 1) return std::nullopt;
  return LintHit{"aurora.instances",
                 "one instance: nobody can be promoted, a new instance has to be made",
                 "a reader in another zone"};
}
void add_reader(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) {
    models::AuroraInstanceConfig reader = spec.config.instances.front();
    reader.name += "-reader";
    reader.zone = (reader.zone + 1) % models::AuroraStorage::zones;
    spec.config.instances.push_back(std::move(reader));
  });
}

Hit one_zone(const SystemSpec& system) {
  const auto& instances = aurora_of(system).config.instances;
  const bool spread = std::ranges::any_of(
      instances, [&](const auto& one) { return one.zone != instances.front().zone; });
  if (spread || instances.size() < 2) return std::nullopt;
  return LintHit{"aurora.instances",
                 "every instance is in one Availability Zone: with it the whole cluster is down, "
                 "though its volume lives on in the two others",
                 "instances in other zones"};
}
void spread_zones(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) {
    std::size_t zone = spec.config.instances.front().zone;
    for (auto& one : spec.config.instances) one.zone = zone++ % models::AuroraStorage::zones;
  });
}

Hit readers_restart(const SystemSpec& system) {
  const models::AuroraConfig& config = aurora_of(system).config;
  if (config.instances.size() < 2) return std::nullopt;
  if (models::readers_survive_writer_restart(config.engine_version)) return std::nullopt;
  return LintHit{"aurora.engine_version",
                 "engine_version " + config.engine_version +
                     ": when the writer restarts every reader restarts too",
                 "engine_version 14.7, 15.2 or later"};
}
void keep_readers(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) { spec.config.engine_version = "16.4"; });
}

const models::HikariConfig* pool_of(const SystemSpec& system) {
  const AuroraClients& clients = aurora_of(system).clients;
  return clients.hikari ? &clients.pool : nullptr;
}

Hit long_jvm_cache(const SystemSpec& system) {
  const sim::Duration ttl = aurora_of(system).clients.jvm_dns_ttl;
  if (pool_of(system) == nullptr || ttl <= 5s) return std::nullopt;
  return LintHit{"clients.networkaddress.cache.ttl",
                 "networkaddress.cache.ttl " + sim::to_text(ttl) +
                     ": the JVM goes on to the old writer's address that long",
                 "networkaddress.cache.ttl = 1 (java.security)"};
}
void short_jvm_cache(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) { spec.clients.jvm_dns_ttl = 1s; });
}

Hit any_server(const SystemSpec& system) {
  const models::HikariConfig* pool = pool_of(system);
  if (pool == nullptr || pool->driver.target_server_type != models::TargetServerType::any) {
    return std::nullopt;
  }
  return LintHit{"clients.hikari.targetServerType",
                 "targetServerType any: a connection to the demoted writer is kept, since 25006 "
                 "evicts none from the pool, and fails every write until maxLifetime",
                 "targetServerType: primary"};
}
void primary_alone(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) {
    spec.clients.pool.driver.target_server_type = models::TargetServerType::primary;
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
  change(system, [](AuroraSpec& spec) { spec.clients.pool.driver.socket_timeout = 10s; });
}

constexpr auto note = LintSeverity::note;
constexpr auto warning = LintSeverity::warning;

constexpr std::array<LintRule, 6> rules = {{
    {"aurora/no-reader", warning, "No reader to promote",
     "Without a replica the instance is made anew, typically in less than 10 minutes (user guide).",
     "host_loss", &cost_rto, no_reader, add_reader},
    {"aurora/one-zone", warning, "Every instance in one Availability Zone",
     "After an AZ outage an operator has to make an instance elsewhere (user guide).", "az_loss",
     &cost_rto, one_zone, spread_zones},
    {"aurora/readers-restart", note, "Readers restart with the writer",
     "Before 12.14, 13.10, 14.7, 15.2 a reboot of the writer reboots every reader (user guide).",
     "reboot", &cost_rto, readers_restart, keep_readers, judge_reads},
    {"jvm/dns-cached-beyond-failover", warning, "The JVM caches DNS longer than the zone says",
     "The endpoint's TTL is 5 s; the user guide wants networkaddress.cache.ttl 1.", "failover",
     &cost_rto, long_jvm_cache, short_jvm_cache, judge_hikari},
    {"pgjdbc/any-server", warning, "Connections to the demoted writer are kept",
     "25006 is none of the SQLSTATEs that evict a connection (HikariCP, ProxyConnection).",
     "failover", &cost_rto, any_server, primary_alone, judge_hikari},
    {"pgjdbc/no-socket-timeout", warning, "No limit for an answer",
     "socketTimeout is 0 unless set (pgjdbc); the kernel gives up after minutes or hours.",
     "host_loss", &cost_rto, endless_reads, ended_reads, judge_hikari},
}};

}  // namespace

std::span<const LintRule> aurora_rules() {
  return rules;
}

}  // namespace predrill::harness
