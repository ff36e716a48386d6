// Rules about etcd, where members run, PostgreSQL and Kubernetes.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "harness/lint/lint.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;
using sim::to_text;
using Hit = std::optional<LintHit>;

namespace {

std::vector<std::string> zones_of(const SystemSpec& system) {
  std::vector<std::string> zones;
  for (const ZoneLatency& pair : system.latencies) {
    for (const std::string& zone : {pair.a, pair.b}) {
      if (std::find(zones.begin(), zones.end(), zone) == zones.end()) zones.push_back(zone);
    }
  }
  return zones;
}

bool has_etcd(const SystemSpec& system) {
  return system.dcs.kind == DcsSpec::Kind::etcd && !system.dcs.members.empty();
}

Hit few_etcd(const SystemSpec& system) {
  if (!has_etcd(system) || system.dcs.members.size() >= 3) return std::nullopt;
  return LintHit{"dcs.kind",
                 std::to_string(system.dcs.members.size()) +
                     (system.dcs.members.size() == 1 ? " member of etcd: the loss of it"
                                                     : " members of etcd: the loss of either") +
                     " is the loss of the quorum, and every primary demotes",
                 "three members of etcd in three zones"};
}
void three_etcd(SystemSpec& system) {
  const auto zones = zones_of(system);
  while (system.dcs.members.size() < 3) {
    const std::size_t i = system.dcs.members.size();
    system.dcs.members.emplace_back("etcd-more-" + std::to_string(i), zones[i % zones.size()]);
  }
}

Hit even_etcd(const SystemSpec& system) {
  const std::size_t n = system.dcs.members.size();
  if (!has_etcd(system) || n < 4 || n % 2 != 0) return std::nullopt;
  return LintHit{"dcs.kind",
                 std::to_string(n) + " members of etcd survive the loss of no more than " +
                     std::to_string(n - 1) + " would, and every write waits for one more",
                 std::to_string(n - 1) + " members of etcd"};
}
void odd_etcd(SystemSpec& system) {
  system.dcs.members.pop_back();
  system.dcs.leader = std::min(system.dcs.leader, system.dcs.members.size() - 1);
}

// A zone with so many members of etcd that the others have no quorum.
std::string quorum_zone(const SystemSpec& system) {
  std::map<std::string, std::size_t> count;
  for (const auto& [name, zone] : system.dcs.members) ++count[zone];
  const std::size_t n = system.dcs.members.size();
  for (const auto& [zone, members] : count) {
    if (n - members < n / 2 + 1) return zone;
  }
  return "";
}
Hit etcd_in_one_zone(const SystemSpec& system) {
  if (!has_etcd(system) || system.dcs.members.size() < 3) return std::nullopt;
  const std::string zone = quorum_zone(system);
  if (zone.empty() || zones_of(system).size() < 3) return std::nullopt;
  return LintHit{"dcs.kind", "the quorum of etcd is in the zone " + zone + ": it is lost with it",
                 "one member of etcd in each of three zones"};
}
void spread_etcd(SystemSpec& system) {
  const auto zones = zones_of(system);
  for (std::size_t i = 0; i < system.dcs.members.size(); ++i) {
    system.dcs.members[i].second = zones[i % zones.size()];
  }
}
void lose_quorum_zone(ScenarioSpec& scenario) {
  FaultSpec& fault = scenario.faults.front();
  const std::string zone = quorum_zone(scenario.system);
  fault.on.role = Target::Role::zone;
  // Once it is repaired: the zone of the first member of etcd.
  fault.on.name = zone.empty() ? scenario.system.dcs.members.front().second : zone;
}

Hit slow_election(const SystemSpec& system) {
  if (!has_etcd(system) || system.dcs.etcd.election_timeout <= 2s) return std::nullopt;
  return LintHit{"dcs.election_timeout",
                 "etcd elects a new leader only after " +
                     to_text(system.dcs.etcd.election_timeout) +
                     " to twice that; Patroni gives up after retry_timeout " +
                     to_text(system.patroni.retry_timeout),
                 "election_timeout 1 s"};
}
void usual_election(SystemSpec& system) {
  system.dcs.etcd.election_timeout = 1s;
}

Hit one_zone(const SystemSpec& system) {
  std::set<std::string> zones;
  for (const MemberSpec& member : system.members) zones.insert(member.zone);
  if (system.members.size() < 2 || zones.size() > 1 || zones_of(system).size() < 2) {
    return std::nullopt;
  }
  return LintHit{"cluster.members",
                 "every member is in the zone " + *zones.begin() + ": nobody is left when it fails",
                 "members in different zones"};
}
void spread_members(SystemSpec& system) {
  const auto zones = zones_of(system);
  for (std::size_t i = 0; i < system.members.size(); ++i) {
    system.members[i].zone = zones[i % zones.size()];
  }
}

Hit sync_beside_primary(const SystemSpec& system) {
  if (!system.patroni.synchronous_mode || !system.sync || system.members.size() < 3) {
    return std::nullopt;
  }
  const MemberSpec& sync = system.members[*system.sync];
  const MemberSpec& primary = system.members[system.primary];
  const bool other = std::any_of(system.members.begin(), system.members.end(),
                                 [&](const MemberSpec& m) { return m.zone != primary.zone; });
  if (sync.zone != primary.zone || !other) return std::nullopt;
  return LintHit{
      "cluster.sync_standby",
      sync.name + " is synchronous in the zone of the primary, " + primary.zone +
          ": when that zone fails nobody may be promoted",
      "a member of another zone as synchronous standby (tag nosync on " + sync.name + ")"};
}
void sync_elsewhere(SystemSpec& system) {
  const std::string zone = system.members[system.primary].zone;
  for (std::size_t i = 0; i < system.members.size(); ++i) {
    if (i == system.primary) continue;
    system.members[i].tags.nosync = system.members[i].zone == zone;
    if (system.members[i].zone != zone) system.sync = i;
  }
}

Hit late_wal_sender(const SystemSpec& system) {
  if (!system.patroni.synchronous_mode || system.members.size() < 2) return std::nullopt;
  const Duration timeout = system.postgres.wal_sender_timeout;
  if (timeout != 0s && timeout <= 30s) return std::nullopt;
  return LintHit{
      "postgresql.wal_sender_timeout",
      "wal_sender_timeout " + (timeout == 0s ? "is off" : to_text(timeout)) +
          ": commits wait for a dead synchronous standby until Patroni removes it, after "
          "its member key has expired (ttl)",
      "wal_sender_timeout: 5s"};
}
void early_wal_sender(SystemSpec& system) {
  system.postgres.wal_sender_timeout = 5s;
}

Hit no_restart_after_crash(const SystemSpec& system) {
  if (system.postgres.restart_after_crash) return std::nullopt;
  return LintHit{"postgresql.restart_after_crash",
                 "restart_after_crash is off: after the crash of one backend PostgreSQL stays down "
                 "until Patroni's next cycle",
                 "restart_after_crash: on"};
}
void restart_after_crash(SystemSpec& system) {
  system.postgres.restart_after_crash = true;
}

Hit few_connections(const SystemSpec& system) {
  if (!system.pooler) return std::nullopt;
  std::int64_t wanted = 0;
  const models::PgbouncerConfig& config = system.pooler->config;
  for (const models::PgbouncerDatabase& database : config.databases) {
    std::int64_t pool =
        database.pool_size != models::unset ? database.pool_size : config.default_pool_size;
    pool +=
        database.reserve_pool != models::unset ? database.reserve_pool : config.reserve_pool_size;
    const std::int64_t most = database.max_db_connections != models::unset
                                  ? database.max_db_connections
                                  : config.max_db_connections;
    wanted += most > 0 ? std::min(most, pool) : pool;
  }
  wanted *= static_cast<std::int64_t>(system.pooler->zones.size());
  const std::int64_t most =
      system.postgres.max_connections - system.postgres.superuser_reserved_connections;
  if (wanted <= most) return std::nullopt;
  return LintHit{"postgresql.max_connections",
                 "the pools of all PgBouncers may open " + std::to_string(wanted) +
                     " connections to one primary, which takes " + std::to_string(most) +
                     ": after a failover the rest is refused with 53300",
                 "max_connections: " +
                     std::to_string(wanted + system.postgres.superuser_reserved_connections + 10)};
}
void more_connections(SystemSpec& system) {
  system.postgres.max_connections = 2000;
}

Hit short_grace(const SystemSpec& system) {
  const KubernetesSpec& k = system.kubernetes;
  // Patroni polls its stop every second and shuts down cleanly only after a checkpoint.
  const Duration stop = Duration(static_cast<std::int64_t>(
                            system.postgres_timings.shutdown_checkpoint.quantile(0.99))) +
                        3s;
  if (!k.present || k.termination_grace_period >= stop) return std::nullopt;
  return LintHit{"kubernetes.termination_grace_period",
                 "the grace period of " + to_text(k.termination_grace_period) +
                     " is shorter than a shutdown with its checkpoint (" + to_text(stop) +
                     " in 99 of 100): SIGKILL comes before the leader key is released, which then "
                     "has to expire",
                 "terminationGracePeriodSeconds: 300"};
}
void long_grace(SystemSpec& system) {
  system.kubernetes.termination_grace_period = 300s;
}

constexpr LintSeverity note = LintSeverity::note, warning = LintSeverity::warning,
                       severe = LintSeverity::error;

constexpr std::array<LintRule, 10> rules = {{
    {"etcd/no-spare", severe, "etcd does not survive the loss of a member",
     "A quorum is more than half of the members (etcd FAQ).", "dcs_leader_kill", &cost_rto,
     few_etcd, three_etcd},
    {"etcd/even", note, "An even number of etcd members",
     "An even member adds no tolerance (etcd FAQ).", "dcs_leader_kill", &cost_rto, even_etcd,
     odd_etcd},
    {"etcd/one-zone", warning, "The quorum of etcd is in one zone",
     "A quorum is more than half of the members (etcd FAQ).", "az_loss", &cost_rto,
     etcd_in_one_zone, spread_etcd, lose_quorum_zone},
    {"etcd/slow-election", warning, "A long election timeout of etcd",
     "Followers wait one to two election timeouts (raft thesis, 3.4; etcd tuning guide).",
     "dcs_leader_kill", &cost_rto, slow_election, usual_election},
    {"cluster/one-zone", warning, "All members in one zone",
     "A failover needs a member that is left.", "az_loss", &cost_rto, one_zone, spread_members},
    {"cluster/sync-beside-primary", warning,
     "The synchronous standby is in the zone of the primary",
     "Only a synchronous standby may be promoted (ha.py is_failover_possible).", "az_loss",
     &cost_rto, sync_beside_primary, sync_elsewhere},
    {"postgresql/late-wal-sender-timeout", note, "Commits wait long for a dead standby",
     "A synchronous commit waits while the walsender of the standby lives (walsender.c).",
     "standby_loss", &cost_rto, late_wal_sender, early_wal_sender},
    {"postgresql/no-restart-after-crash", warning, "PostgreSQL does not restart after a crash",
     "restart_after_crash off leaves the restart to somebody else (postmaster.c).", "backend_crash",
     &cost_rto, no_restart_after_crash, restart_after_crash},
    {"postgresql/pools-above-max-connections", severe, "Pools larger than max_connections",
     "After a failover every PgBouncer connects to the same new primary.", "pod_delete", &cost_rto,
     few_connections, more_connections},
    {"kubernetes/short-grace-period", severe, "Grace period shorter than the shutdown checkpoint",
     "The kubelet sends SIGKILL at the end of terminationGracePeriodSeconds; Patroni releases the "
     "key once PostgreSQL has shut down (postgresql/__init__.py stop).",
     "pod_delete", &cost_rto, short_grace, long_grace},
}};

}  // namespace

std::span<const LintRule> server_rules() {
  return rules;
}

}  // namespace predrill::harness
