// Rules about PgBouncer and HAProxy. Facts: PgBouncer 1.22 src/janitor.c, dnslookup.c,
// doc/config.md; HAProxy 2.6 configuration manual.
#include <algorithm>
#include <array>

#include "harness/lint/lint.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;
using sim::to_text;
using Hit = std::optional<LintHit>;

namespace {

const models::PgbouncerConfig* pgbouncer(const SystemSpec& system) {
  return system.pooler ? &system.pooler->config : nullptr;
}

Hit slow_connect(const SystemSpec& system) {
  const auto* config = pgbouncer(system);
  if (config == nullptr || config->server_connect_timeout <= 5s) return std::nullopt;
  return LintHit{"pgbouncer.server_connect_timeout",
                 "server_connect_timeout " + to_text(config->server_connect_timeout) +
                     ": an attempt to reach the dead primary's address blocks the pool that long",
                 "server_connect_timeout = 3"};
}
void fast_connect(SystemSpec& system) {
  system.pooler->config.server_connect_timeout = 3s;
}

Hit slow_login_retry(const SystemSpec& system) {
  const auto* config = pgbouncer(system);
  if (config == nullptr || config->server_login_retry <= 2s) return std::nullopt;
  return LintHit{"pgbouncer.server_login_retry",
                 "server_login_retry " + to_text(config->server_login_retry) +
                     ": after each failed login nobody tries again that long",
                 "server_login_retry = 1"};
}
void fast_login_retry(SystemSpec& system) {
  system.pooler->config.server_login_retry = 1s;
}

bool asks_dns(const SystemSpec& system) {
  return system.pooler && system.service.kind == ServiceSpec::Kind::dns &&
         !system.pooler->databases.empty() &&
         system.pooler->databases.front().target == PoolerDatabase::Target::service;
}

Hit long_dns_ttl(const SystemSpec& system) {
  if (!asks_dns(system) || system.pooler->config.dns_max_ttl <= 5s) return std::nullopt;
  return LintHit{"pgbouncer.dns_max_ttl",
                 "dns_max_ttl " + to_text(system.pooler->config.dns_max_ttl) +
                     ": PgBouncer keeps the old primary's address that long after the record has "
                     "changed (the lease lasts " +
                     to_text(system.patroni.ttl) + ")",
                 "dns_max_ttl = 2"};
}
void short_dns_ttl(SystemSpec& system) {
  system.pooler->config.dns_max_ttl = 2s;
}

Hit long_nxdomain(const SystemSpec& system) {
  if (!asks_dns(system) || system.pooler->config.dns_nxdomain_ttl <= 5s) return std::nullopt;
  return LintHit{"pgbouncer.dns_nxdomain_ttl",
                 "dns_nxdomain_ttl " + to_text(system.pooler->config.dns_nxdomain_ttl) +
                     ": one lookup while no primary has the name costs that long",
                 "dns_nxdomain_ttl = 2"};
}
void short_nxdomain(SystemSpec& system) {
  system.pooler->config.dns_nxdomain_ttl = 2s;
}

Hit silent_servers(const SystemSpec& system) {
  const auto* config = pgbouncer(system);
  if (config == nullptr || config->tcp_user_timeout > 0s || config->query_timeout > 0s) {
    return std::nullopt;
  }
  const bool keepalive =
      config->tcp_keepalive && config->tcp_keepidle > 0s && config->tcp_keepidle <= 30s;
  if (keepalive) return std::nullopt;
  return LintHit{
      "pgbouncer.tcp_user_timeout",
      "neither tcp_user_timeout nor short keepalives nor query_timeout: a connection to a "
      "node that died in silence hangs until the kernel gives up, after minutes",
      "tcp_user_timeout = 5000, tcp_keepidle = 5, tcp_keepintvl = 2, tcp_keepcnt = 3"};
}
void dead_peers_seen(SystemSpec& system) {
  models::PgbouncerConfig& config = system.pooler->config;
  config.tcp_keepalive = true;
  config.tcp_user_timeout = 5s;
  config.tcp_keepidle = 5s;
  config.tcp_keepintvl = 2s;
  config.tcp_keepcnt = 3;
}

Hit one_pgbouncer(const SystemSpec& system) {
  if (!system.pooler || system.pooler->zones.size() != 1) return std::nullopt;
  return LintHit{
      "pgbouncer.listen_port",
      "a single PgBouncer: everybody waits while it is restarted, and loses the database "
      "with the zone " +
          system.pooler->zones.front(),
      "two PgBouncers in two zones behind one address"};
}
void two_pgbouncers(SystemSpec& system) {
  std::string other = system.pooler->zones.front();
  for (const ZoneLatency& pair : system.latencies) {
    if (pair.b != system.pooler->zones.front()) other = pair.b;
  }
  system.pooler->zones.push_back(other);
}

Hit short_query_wait(const SystemSpec& system) {
  const auto* config = pgbouncer(system);
  if (config == nullptr || config->query_wait_timeout == 0s ||
      config->query_wait_timeout >= system.patroni.ttl + 5s) {
    return std::nullopt;
  }
  return LintHit{"pgbouncer.query_wait_timeout",
                 "query_wait_timeout " + to_text(config->query_wait_timeout) +
                     " is shorter than the failover of a dead node (ttl " +
                     to_text(system.patroni.ttl) +
                     "): every waiting client is disconnected and has to log in again",
                 "query_wait_timeout = " + std::to_string((system.patroni.ttl + 30s) / 1s)};
}
void long_query_wait(SystemSpec& system) {
  system.pooler->config.query_wait_timeout = system.patroni.ttl + 30s;
}

Hit few_clients(const SystemSpec& system) {
  const auto* config = pgbouncer(system);
  if (config == nullptr || system.workload.connections == 0) return std::nullopt;
  // One PgBouncer is gone, where there are several.
  const auto left =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(system.pooler->zones.size()) - 1);
  const std::int64_t most = left * config->max_client_conn;
  if (static_cast<std::int64_t>(system.workload.connections) <= most) return std::nullopt;
  return LintHit{
      "pgbouncer.max_client_conn",
      std::to_string(system.workload.connections) + " client connections, and " +
          (system.pooler->zones.size() > 1 ? "after the loss of one PgBouncer the others "
                                           : "the PgBouncer ") +
          std::string("may take ") + std::to_string(most),
      "max_client_conn = " + std::to_string(2 * system.workload.connections)};
}
void more_clients(SystemSpec& system) {
  system.pooler->config.max_client_conn =
      static_cast<std::int32_t>(2 * system.workload.connections);
}

// The section that follows the primary.
const models::HaproxySection* primary_section(const SystemSpec& system) {
  if (!system.haproxy || system.haproxy->config.sections.empty()) return nullptr;
  return &system.haproxy->config.sections.front();
}
void judge_haproxy(ScenarioSpec& scenario) {
  scenario.path = "haproxy";
}

Hit slow_check(const SystemSpec& system) {
  const auto* section = primary_section(system);
  if (section == nullptr) return std::nullopt;
  const Duration up =
      section->rise * (section->downinter > 0s ? section->downinter : section->inter);
  if (up <= 5s) return std::nullopt;
  return LintHit{"haproxy.inter",
                 "HAProxy uses a new primary only after " + to_text(up) + " of good checks (rise " +
                     std::to_string(section->rise) + ")",
                 "inter 1s downinter 1s rise 2"};
}
void fast_check(SystemSpec& system) {
  for (models::HaproxySection& section : system.haproxy->config.sections) {
    section.inter = 1s;
    section.downinter = 1s;
    section.rise = std::min(section.rise, 2);
  }
}

Hit keeps_sessions(const SystemSpec& system) {
  const auto* section = primary_section(system);
  if (section == nullptr || section->on_marked_down_shutdown_sessions) return std::nullopt;
  return LintHit{"haproxy.on-marked-down",
                 "sessions stay on a server that is marked down: clients wait on the old primary "
                 "until their own time-outs",
                 "on-marked-down shutdown-sessions"};
}
void ends_sessions(SystemSpec& system) {
  for (models::HaproxySection& section : system.haproxy->config.sections) {
    section.on_marked_down_shutdown_sessions = true;
  }
}

Hit wrong_check(const SystemSpec& system) {
  const auto* section = primary_section(system);
  if (section == nullptr) return std::nullopt;
  if (section->check == models::RestPath::primary || section->check == models::RestPath::leader) {
    return std::nullopt;
  }
  return LintHit{
      "haproxy.check",
      "the first section checks a path that standbys answer with 200 too: writes are sent "
      "to standbys",
      "option httpchk OPTIONS /primary"};
}
void right_check(SystemSpec& system) {
  system.haproxy->config.sections.front().check = models::RestPath::primary;
}

constexpr LintSeverity note = LintSeverity::note, warning = LintSeverity::warning,
                       severe = LintSeverity::error;

constexpr std::array<LintRule, 11> rules = {{
    {"pgbouncer/slow-connect-timeout", warning, "A long server_connect_timeout",
     "One connection attempt at a time per pool; an address without a host is silent "
     "(objects.c launch_new_connection).",
     "node_loss", &cost_rto, slow_connect, fast_connect},
    {"pgbouncer/slow-login-retry", warning, "A long server_login_retry",
     "After a failed login the next attempt waits (janitor.c).", "node_loss", &cost_rto,
     slow_login_retry, fast_login_retry},
    {"pgbouncer/dns-cached-beyond-failover", warning, "DNS answers are cached longer than needed",
     "dns_max_ttl bounds the cache whatever the record's ttl says (doc/config.md).", "patroni_stop",
     &cost_rto, long_dns_ttl, short_dns_ttl},
    {"pgbouncer/missing-name-cached", note, "Missing names are cached for long",
     "dns_nxdomain_ttl (doc/config.md).", "patroni_stop", &cost_rto, long_nxdomain, short_nxdomain},
    {"pgbouncer/silent-servers", warning, "Servers that died in silence are not noticed",
     "The kernel's keepalive begins after 7200 s; unacknowledged data gives up after tcp_retries2 "
     "(tcp(7)).",
     "node_loss", &cost_rto, silent_servers, dead_peers_seen},
    {"pgbouncer/single", note, "A single PgBouncer", "It is a single point of failure.",
     "pgbouncer_kill", &cost_rto, one_pgbouncer, two_pgbouncers},
    {"pgbouncer/short-query-wait", note, "Waiting clients are disconnected during a failover",
     "query_wait_timeout closes the connections that wait (janitor.c).", "node_loss", &cost_rto,
     short_query_wait, long_query_wait},
    {"pgbouncer/too-few-clients", severe, "max_client_conn is below the number of clients",
     "Further clients are refused with 08P01 (doc/config.md).", "pgbouncer_kill", &cost_rto,
     few_clients, more_clients},
    {"haproxy/slow-check", warning, "Slow health checks",
     "rise x downinter of good checks before a server is used.", "node_loss", &cost_rto, slow_check,
     fast_check, judge_haproxy},
    {"haproxy/keeps-sessions", warning, "Sessions stay on a server that is down",
     "on-marked-down shutdown-sessions (manual, 5.2).", "partition", &cost_rto, keeps_sessions,
     ends_sessions, judge_haproxy},
    {"haproxy/wrong-check", severe, "A health check that standbys pass",
     "Patroni answers /primary with 200 on the leader alone (docs, REST API).", "node_loss",
     &cost_rto, wrong_check, right_check, judge_haproxy},
}};

}  // namespace

std::span<const LintRule> pooler_rules() {
  return rules;
}

}  // namespace predrill::harness
