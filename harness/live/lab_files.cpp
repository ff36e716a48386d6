#include "harness/live/lab_files.hpp"

#include <nlohmann/json.hpp>

namespace predrill::harness::live {

using Json = nlohmann::ordered_json;
using std::chrono::duration_cast;

namespace {

constexpr const char* network = "10.78.0.0/24";
constexpr const char* postgres_programs = "/usr/lib/postgresql/15/bin";

std::int64_t seconds(sim::Duration d) {
  return duration_cast<std::chrono::seconds>(d).count();
}

std::int64_t milliseconds(sim::Duration d) {
  return duration_cast<std::chrono::milliseconds>(d).count();
}

std::string on(const LabHost& host, int port) {
  return host.address + ":" + std::to_string(port);
}

std::string kilobytes(std::uint64_t bytes) {
  constexpr std::uint64_t kilobyte = 1024;
  return std::to_string(bytes / kilobyte) + "kB";
}

Json postgres_parameters(const models::PostgresConfig& p) {
  Json json;
  json["max_connections"] = p.max_connections;
  json["shared_buffers"] = kilobytes(p.shared_buffers);
  json["wal_sender_timeout"] = std::to_string(milliseconds(p.wal_sender_timeout)) + "ms";
  json["wal_receiver_timeout"] = std::to_string(milliseconds(p.wal_receiver_timeout)) + "ms";
  json["wal_receiver_status_interval"] =
      std::to_string(seconds(p.wal_receiver_status_interval)) + "s";
  json["wal_retrieve_retry_interval"] =
      std::to_string(milliseconds(p.wal_retrieve_retry_interval)) + "ms";
  json["wal_writer_delay"] = std::to_string(milliseconds(p.wal_writer_delay)) + "ms";
  json["checkpoint_timeout"] = std::to_string(seconds(p.checkpoint_timeout)) + "s";
  json["max_wal_size"] = kilobytes(p.max_wal_size);
  json["wal_keep_size"] = kilobytes(p.wal_keep_size);
  json["restart_after_crash"] = p.restart_after_crash ? "on" : "off";
  json["wal_log_hints"] = "on";
  json["logging_collector"] = "off";
  json["log_line_prefix"] = "%m [%p] ";
  json["log_timezone"] = "UTC";
  return json;
}

Json dynamic_configuration(const SystemSpec& system) {
  const models::PatroniConfig& p = system.patroni;
  Json json;
  json["ttl"] = seconds(p.ttl);
  json["loop_wait"] = seconds(p.loop_wait);
  json["retry_timeout"] = seconds(p.retry_timeout);
  json["maximum_lag_on_failover"] = p.maximum_lag_on_failover;
  json["synchronous_mode"] = p.synchronous_mode;
  json["synchronous_mode_strict"] = p.synchronous_mode_strict;
  json["synchronous_node_count"] = p.synchronous_node_count;
  json["primary_start_timeout"] = seconds(p.primary_start_timeout);
  json["primary_stop_timeout"] = seconds(p.primary_stop_timeout);
  json["failsafe_mode"] = p.failsafe_mode;
  json["check_timeline"] = p.check_timeline;
  json["postgresql"]["use_pg_rewind"] = p.use_pg_rewind;
  json["postgresql"]["use_slots"] = p.use_slots;
  json["postgresql"]["parameters"] = postgres_parameters(system.postgres);
  return json;
}

Json patroni_file(const SystemSpec& system, const LabPlan& plan, std::size_t index) {
  const LabHost& host = plan.hosts[index];
  const MemberSpec& member = system.members[index];
  const std::string home = (plan.folder / host.name).string();
  Json json;
  json["scope"] = plan.scope;
  json["name"] = host.name;
  json["restapi"] = {{"listen", on(host, rest_port)}, {"connect_address", on(host, rest_port)}};
  json["etcd3"]["hosts"] = Json::array();
  for (const LabHost* etcd : plan.of(HostKind::etcd)) {
    json["etcd3"]["hosts"].push_back(on(*etcd, etcd_port));
  }
  json["bootstrap"]["dcs"] = dynamic_configuration(system);
  json["bootstrap"]["initdb"] = Json::array({{{"encoding", "UTF8"}}, "data-checksums"});
  Json& postgres = json["postgresql"];
  postgres["listen"] = host.address + ",127.0.0.1:" + std::to_string(postgres_port);
  postgres["connect_address"] = on(host, postgres_port);
  postgres["data_dir"] = home + "/data";
  postgres["bin_dir"] = postgres_programs;
  postgres["pgpass"] = home + "/pgpass";
  postgres["use_unix_socket"] = true;
  postgres["parameters"]["unix_socket_directories"] = home;
  postgres["authentication"]["superuser"] = {{"username", "postgres"}, {"password", "lab"}};
  postgres["authentication"]["replication"] = {{"username", "replicator"}, {"password", "lab"}};
  // Trust: nothing outside the lab's own namespaces can reach it.
  postgres["pg_hba"] = Json::array(
      {"local all all trust", "local replication all trust", "host all all 127.0.0.1/32 trust",
       "host replication all 127.0.0.1/32 trust", std::string("host all all ") + network + " trust",
       std::string("host replication all ") + network + " trust"});
  json["watchdog"]["mode"] = "off";
  json["tags"] = {{"nofailover", member.tags.nofailover},
                  {"noloadbalance", member.tags.noloadbalance},
                  {"clonefrom", member.tags.clonefrom},
                  {"nosync", member.tags.nosync}};
  return json;
}

std::string check_uri(models::RestPath path) {
  switch (path) {
    case models::RestPath::replica:
      return "/replica";
    case models::RestPath::patroni:
      return "/patroni";
    default:
      return "/primary";
  }
}

std::string time_line(const char* name, sim::Duration d) {
  if (d == sim::Duration{}) return "";
  return std::string("    timeout ") + name + " " + std::to_string(milliseconds(d)) + "ms\n";
}

std::string haproxy_file(const SystemSpec& system, const LabPlan& plan) {
  // For a service that HAProxy stands in for: the quickest usual checks.
  models::HaproxyConfig config;
  config.sections.emplace_back();
  config.sections[0].inter = std::chrono::seconds(1);
  if (system.haproxy) config = system.haproxy->config;
  std::string text =
      "global\n    maxconn " + std::to_string(config.maxconn) +
      "\n    log stderr format iso local0\n    stats socket " +
      (plan.folder / "haproxy.sock").string() +
      " mode 600 level admin\n\ndefaults\n    mode tcp\n    log global\n    retries " +
      std::to_string(config.retries) + "\n";
  if (config.redispatch) text += "    option redispatch\n";
  text += time_line("connect", config.timeout_connect) + time_line("check", config.timeout_check) +
          time_line("client", config.timeout_client) + time_line("server", config.timeout_server) +
          time_line("queue", config.timeout_queue);
  int port = haproxy_port;
  for (const models::HaproxySection& section : config.sections) {
    text += "\nlisten " + section.name + "\n    bind *:" + std::to_string(port++) +
            "\n    option httpchk OPTIONS " + check_uri(section.check) +
            "\n    http-check expect status 200\n    default-server inter " +
            std::to_string(milliseconds(section.inter)) + "ms fall " +
            std::to_string(section.fall) + " rise " + std::to_string(section.rise);
    if (section.fastinter != sim::Duration{}) {
      text += " fastinter " + std::to_string(milliseconds(section.fastinter)) + "ms";
    }
    if (section.downinter != sim::Duration{}) {
      text += " downinter " + std::to_string(milliseconds(section.downinter)) + "ms";
    }
    if (section.on_marked_down_shutdown_sessions) text += " on-marked-down shutdown-sessions";
    text += "\n";
    for (const LabHost* member : plan.of(HostKind::member)) {
      text += "    server " + member->name + " " + on(*member, postgres_port);
      if (section.maxconn > 0) text += " maxconn " + std::to_string(section.maxconn);
      text += " check port " + std::to_string(rest_port) + "\n";
    }
  }
  return text;
}

std::string setting(const char* name, std::int64_t value) {
  return std::string(name) + " = " + std::to_string(value) + "\n";
}

std::string pgbouncer_file(const SystemSpec& system, LabPlan& plan) {
  const models::PgbouncerConfig& c = system.pooler->config;
  plan.database = c.databases.empty() ? "lab" : c.databases.front().name;
  if (plan.database == "*") plan.database = "lab";
  std::string hosts = plan.find("haproxy")->address;
  std::string port = std::to_string(haproxy_port);
  const bool members = !system.pooler->databases.empty() &&
                       system.pooler->databases.front().target == PoolerDatabase::Target::members;
  if (members) {
    hosts.clear();
    port = std::to_string(postgres_port);
    for (const models::MemberId id : system.pooler->databases.front().members) {
      hosts += (hosts.empty() ? "" : ",") + plan.hosts[id].address;
    }
  }
  constexpr std::array<const char*, 3> modes = {"session", "transaction", "statement"};
  std::string text =
      "[databases]\n" + plan.database + " = host=" + hosts + " port=" + port +
      " dbname=postgres user=postgres\n\n[pgbouncer]\nlisten_addr = " +
      plan.find("pgbouncer")->address + "\nauth_type = any\n" +
      "admin_users = postgres\npool_mode = " + modes[static_cast<std::size_t>(c.pool_mode)] +
      "\nunix_socket_dir =\n";
  text += setting("listen_port", pgbouncer_port);
  text += setting("max_client_conn", c.max_client_conn);
  text += setting("default_pool_size", c.default_pool_size);
  text += setting("min_pool_size", c.min_pool_size);
  text += setting("reserve_pool_size", c.reserve_pool_size);
  text += setting("reserve_pool_timeout", seconds(c.reserve_pool_timeout));
  text += setting("query_wait_timeout", seconds(c.query_wait_timeout));
  text += setting("query_timeout", seconds(c.query_timeout));
  text += setting("client_login_timeout", seconds(c.client_login_timeout));
  text += setting("server_connect_timeout", seconds(c.server_connect_timeout));
  text += setting("server_login_retry", seconds(c.server_login_retry));
  text += setting("server_idle_timeout", seconds(c.server_idle_timeout));
  text += setting("server_lifetime", seconds(c.server_lifetime));
  text += setting("server_check_delay", seconds(c.server_check_delay));
  text += setting("server_fast_close", c.server_fast_close ? 1 : 0);
  text += setting("dns_max_ttl", seconds(c.dns_max_ttl));
  text += setting("tcp_keepalive", c.tcp_keepalive ? 1 : 0);
  text += setting("tcp_user_timeout", milliseconds(c.tcp_user_timeout));
  return text;
}

std::vector<std::string> etcd_command(const LabPlan& plan, const LabHost& host) {
  std::string cluster;
  for (const LabHost* etcd : plan.of(HostKind::etcd)) {
    cluster += (cluster.empty() ? "" : ",") + etcd->name + "=http://" + on(*etcd, etcd_peer_port);
  }
  const std::string client = "http://" + on(host, etcd_port);
  const std::string peer = "http://" + on(host, etcd_peer_port);
  return {"/usr/bin/etcd",
          "--name",
          host.name,
          "--data-dir",
          (plan.folder / host.name).string(),
          "--listen-client-urls",
          client,
          "--advertise-client-urls",
          client,
          "--listen-peer-urls",
          peer,
          "--initial-advertise-peer-urls",
          peer,
          "--initial-cluster",
          cluster,
          "--initial-cluster-token",
          plan.name,
          "--logger",
          "zap",
          "--log-level",
          "info"};
}

}  // namespace

void render_files(const SystemSpec& system, LabPlan& plan) {
  for (std::size_t i = 0; i < system.members.size(); ++i) {
    plan.files[plan.hosts[i].name + ".yml"] = patroni_file(system, plan, i).dump(1) + "\n";
  }
  plan.database = "postgres";
  if (plan.find("haproxy") != nullptr) plan.files["haproxy.cfg"] = haproxy_file(system, plan);
  if (plan.find("pgbouncer") != nullptr) plan.files["pgbouncer.ini"] = pgbouncer_file(system, plan);
  // Settings of etcd are flags; they are part of what must be equal.
  const models::EtcdConfig& etcd = system.dcs.etcd;
  plan.files["etcd.flags"] =
      "--heartbeat-interval\n" + std::to_string(milliseconds(etcd.heartbeat_interval)) +
      "\n--election-timeout\n" + std::to_string(milliseconds(etcd.election_timeout)) + "\n";
}

Daemon daemon_of(const LabPlan& plan, const LabHost& host) {
  Daemon daemon;
  daemon.environment = {"PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC",
                        "LANG=C.UTF-8", "HOME=" + plan.folder.string(), "PYTHONUNBUFFERED=1"};
  daemon.network = host.network;
  daemon.user = plan.user;
  daemon.folder = plan.folder.string();
  daemon.log = plan.log(host).string();
  // Other work on the machine must not stretch what is measured.
  daemon.nice = -5;
  switch (host.kind) {
    case HostKind::member:
      daemon.argv = {plan.patroni, (plan.folder / (host.name + ".yml")).string()};
      break;
    case HostKind::etcd: {
      daemon.argv = etcd_command(plan, host);
      std::string flag;
      for (const char c : plan.files.at("etcd.flags")) {
        if (c != '\n') {
          flag += c;
        } else {
          daemon.argv.push_back(std::move(flag));
          flag.clear();
        }
      }
      break;
    }
    case HostKind::haproxy:
      daemon.argv = {"/usr/sbin/haproxy", "-db", "-f", (plan.folder / "haproxy.cfg").string()};
      break;
    case HostKind::pgbouncer:
      daemon.argv = {"/usr/sbin/pgbouncer", (plan.folder / "pgbouncer.ini").string()};
      break;
    case HostKind::client:
      break;
  }
  return daemon;
}

}  // namespace predrill::harness::live
