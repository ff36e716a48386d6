// Importers of the field's files, each with what the real program makes of them.
#include "tests/harness/load/load_test.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

std::string manifest(const std::string& spec) {
  return "apiVersion: acid.zalan.do/v1\nkind: postgresql\nmetadata:\n  name: db\n  namespace: "
         "prod\n"
         "spec:\n  volume:\n    size: 10Gi\n" +
         spec;
}

}  // namespace

TEST_CASE("zalando: members, service and DCS where system.json says nothing", "[load]") {
  Folder folder;
  folder.write("m.yaml", manifest("  numberOfInstances: 3\n"));
  folder.write("system.json",
               R"({"name": "x", "zones": ["z1", "z2"], "files": {"manifest": "m.yaml"}})");
  const auto system = folder.load();
  CHECK(folder.said.empty());
  REQUIRE(system.has_value());
  REQUIRE(system->members.size() == 3);
  CHECK(system->members[2].name == "db-2");
  CHECK(system->members[0].zone == "z1");
  CHECK(system->members[1].zone == "z2");
  CHECK(system->members[2].zone == "z1");
  CHECK(system->dcs.kind == DcsSpec::Kind::kubernetes);
  CHECK(system->service.kind == ServiceSpec::Kind::endpoints);
  CHECK(system->service.name == "db.prod.svc.cluster.local");
  CHECK(system->patroni.maximum_lag_on_failover == 33554432);
  CHECK_FALSE(system->patroni.synchronous_mode);
  CHECK_FALSE(system->pooler.has_value());
}

TEST_CASE("zalando: the operator's pooler", "[load]") {
  Folder folder;
  folder.write("system.json",
               R"({"name": "x", "zones": ["z1", "z2"], "files": {"manifest": "m.yaml"}})");
  folder.write("m.yaml", manifest("  numberOfInstances: 2\n  enableConnectionPooler: true\n"));
  auto system = folder.load();
  CHECK(folder.said.empty());
  REQUIRE(system.has_value());
  REQUIRE(system->pooler.has_value());
  CHECK(system->pooler->zones == std::vector<std::string>{"z1", "z2"});
  CHECK(system->pooler->config.max_db_connections == 30);
  CHECK(system->pooler->config.default_pool_size == 15);
  CHECK(system->pooler->config.min_pool_size == 7);
  CHECK(system->pooler->config.reserve_pool_size == 7);
  CHECK(system->pooler->config.pool_mode == models::PoolMode::transaction);
  CHECK(system->pooler->databases[0].target == PoolerDatabase::Target::service);

  // A section alone asks for it too; its own switch wins.
  const std::string section =
      "  connectionPooler:\n    numberOfInstances: 3\n    mode: session\n"
      "    maxDBConnections: 120\n";
  folder.write("m.yaml", manifest("  numberOfInstances: 2\n" + section));
  system = folder.load({"pgbouncer.server_login_retry=1"});
  REQUIRE(system.has_value());
  REQUIRE(system->pooler.has_value());
  CHECK(system->pooler->zones.size() == 3);
  CHECK(system->pooler->config.default_pool_size == 20);
  CHECK(system->pooler->config.server_login_retry == 1s);
  folder.write("m.yaml",
               manifest("  numberOfInstances: 2\n  enableConnectionPooler: false\n" + section));
  system = folder.load();
  REQUIRE(system.has_value());
  CHECK_FALSE(system->pooler.has_value());
}

TEST_CASE("zalando: spilo sizes PostgreSQL by the memory limit", "[load]") {
  Folder folder;
  folder.write("system.json", R"({"name": "x", "zones": ["z1"], "files": {"manifest": "m.yaml"}})");
  const std::string limits =
      "  numberOfInstances: 1\n  resources:\n    limits:\n      cpu: 1500m\n"
      "      memory: 15Gi\n";
  folder.write("m.yaml", manifest(limits));
  auto system = folder.load();
  REQUIRE(system.has_value());
  CHECK(system->postgres.max_connections == 512);  // 15360 MB / 30
  CHECK(system->postgres.shared_buffers == std::uint64_t{3072} << 20);
  CHECK(system->postgres.cores == 1);
  folder.write("m.yaml", manifest(limits + "  postgresql:\n    version: \"16\"\n    parameters:\n"
                                           "      MAX_CONNECTIONS: \"77\"\n"));
  system = folder.load();
  REQUIRE(system.has_value());
  CHECK(system->postgres.max_connections == 77);
}

TEST_CASE("patroni.yml: dynamic settings, local ones over them, what must not be local", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"patroni": "patroni.yml"})"));
  folder.write("patroni.yml",
               "scope: db\nname: a\netcd3:\n  hosts: 10.0.0.9:2379\nrestapi:\n  listen: :8008\n"
               "bootstrap:\n  dcs:\n    ttl: 40s\n    loop_wait: 5\n    retry_timeout: 10000ms\n"
               "    maximum_lag_on_failover: 1MB\n    synchronous_mode: on\n"
               "    master_start_timeout: 60\n    failsafe_mode: true\n"
               "    postgresql:\n      use_pg_rewind: true\n      parameters:\n"
               "        max_connections: 300\n        wal_sender_timeout: 5s\n"
               "postgresql:\n  data_dir: /data\n  parameters:\n    wal_sender_timeout: 7s\n"
               "    max_connections: 500\n    shared_buffers: 1024\n"
               "  recovery_conf:\n    restore_command: cp /a/%f %p\n"
               "watchdog:\n  mode: required\n  safety_margin: -1\n");
  const auto system = folder.load({"patroni.watchdog.mode=off"});
  CHECK(folder.said ==
        "patroni.yml:25:5: warning: postgresql.parameters.max_connections: Patroni ignores it in "
        "the local configuration; set it in the dynamic configuration (bootstrap.dcs, patronictl "
        "edit-config)\n");
  REQUIRE(system.has_value());
  CHECK(system->patroni.ttl == 40s);
  CHECK(system->patroni.loop_wait == 5s);
  CHECK(system->patroni.retry_timeout == 10s);
  CHECK(system->patroni.maximum_lag_on_failover == 1048576);
  CHECK(system->patroni.synchronous_mode);
  CHECK(system->patroni.primary_start_timeout == 60s);
  CHECK(system->origins.at("patroni.primary_start_timeout").line == 14);
  CHECK(system->patroni.failsafe_mode);
  CHECK(system->patroni.use_pg_rewind);
  CHECK(system->patroni.watchdog.mode == models::WatchdogConfig::Mode::off);
  CHECK(system->patroni.watchdog.safety_margin < 0s);
  CHECK(system->postgres.max_connections == 300);
  CHECK(system->postgres.wal_sender_timeout == 7s);
  CHECK(system->postgres.shared_buffers == 1024 * 8192);
  CHECK(system->postgres.restore_command);
  CHECK(system->dcs.kind == DcsSpec::Kind::etcd);
  CHECK(system->dcs.members.size() == 3);
  CHECK(system->service.kind == ServiceSpec::Kind::none);
}

TEST_CASE("patroni.yml: a dynamic configuration alone", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"patroni": "show-config.yaml"})"));
  folder.write("show-config.yaml",
               "ttl: 20\nloop_wait: 5\nretry_timeout: 5\npostgresql:\n  parameters:\n"
               "    max_connections: 123\n  use_slots: false\n");
  const auto system = folder.load();
  CHECK(folder.said.empty());
  REQUIRE(system.has_value());
  CHECK(system->patroni.ttl == 20s);
  CHECK_FALSE(system->patroni.use_slots);
  CHECK(system->postgres.max_connections == 123);
}

TEST_CASE("patroni: what it will change is told once and not done twice", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("patroni": {"ttl": 20, "retry_timeout": 8})"));
  auto system = folder.load();
  CHECK_THAT(folder.said, Catch::Contains("loop_wait adjusted from 10s to 4s"));
  REQUIRE(system.has_value());
  CHECK(system->patroni.loop_wait == 10s);  // the model adjusts
  models::PatroniConfig config = system->patroni;
  CHECK(adjust(config).size() == 1);
  CHECK(config.loop_wait == 4s);
  // 3.0 and 3.1 take any values.
  system = folder.load({"patroni.version=\"3.1\"", "patroni.ttl=5"});
  CHECK(folder.said.empty());
  REQUIRE(system.has_value());
  CHECK(system->patroni.version == models::PatroniVersion::v3_1);
}

TEST_CASE("patroni: versions", "[load]") {
  using models::PatroniVersion;
  Folder folder;
  folder.write("system.json", two_members(""));
  const auto version = [&](const std::string& text) {
    return folder.load({"patroni.version=" + text});
  };
  const auto is = [&](const std::string& text, PatroniVersion wanted) {
    const auto system = version(text);
    INFO(text << folder.said);
    REQUIRE(system.has_value());
    CHECK(system->patroni.version == wanted);
  };
  is("3.0.2", PatroniVersion::v3_0_2);
  is("3.1.2", PatroniVersion::v3_1);
  is("3.2.2", PatroniVersion::v3_2);
  is("3.3.0", PatroniVersion::v3_3_2);
  is("3.3.6", PatroniVersion::v3_3_2);
  is("3.3.7", PatroniVersion::v3_3_7);
  is("4.0.5", PatroniVersion::v4_0);
  is("4.0.6", PatroniVersion::v4_1);
  is("4.1", PatroniVersion::v4_1);
  CHECK_FALSE(version("2.1.0").has_value());
  CHECK_FALSE(version("4.2").has_value());
  CHECK_FALSE(version("3.").has_value());
  CHECK_FALSE(version("3.3.2.1").has_value());
}

TEST_CASE("pgbouncer.ini: settings, databases and whom they name", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"pgbouncer": "p.ini", "haproxy": "h.cfg"},
  "service": {"kind": "dns", "name": "db.prod.svc.cluster.local"},
  "pooler": {"zones": ["z1", "z2"], "version": "1.24.1"})"));
  folder.write("h.cfg",
               "defaults\n  option httpchk OPTIONS /primary\nlisten p\n"
               "  server a 10.0.0.1:5432 check\n");
  folder.write("p.ini",
               "[databases]\nmain = host=db.prod port=5432 pool_size=7 pool_mode=session\n"
               "both = host=10.0.0.2,a user=app load_balance_hosts=disable\n"
               "lb = host=127.0.0.1 port=5000\n"
               "[pgbouncer]\npool_mode = statement\nserver_login_retry = 0.5\n"
               "server_check_query =\ntcp_user_timeout = 1500\nserver_lifetime = 0\n"
               "auth_type = trust\nwork_mem = 1\n[users]\nx = pool_mode=session\n");
  const auto system = folder.load();
  CHECK(folder.said == "p.ini:12:1: warning: pgbouncer.work_mem: unknown to PgBouncer\n");
  REQUIRE(system.has_value());
  REQUIRE(system->pooler.has_value());
  const PoolerSpec& pooler = *system->pooler;
  CHECK(pooler.config.version_minor == 24);
  CHECK(pooler.config.pool_mode == models::PoolMode::statement);
  CHECK(pooler.config.server_login_retry == 500ms);
  CHECK_FALSE(pooler.config.server_check_query);
  CHECK(pooler.config.server_reset_query);
  CHECK(pooler.config.tcp_user_timeout == 1500ms);
  CHECK(pooler.config.server_lifetime == 0s);
  CHECK(pooler.config.auth_type == models::PgbouncerAuth::trust);
  REQUIRE(pooler.databases.size() == 3);
  REQUIRE(pooler.config.databases.size() == 3);
  CHECK(pooler.config.databases[0].pool_size == 7);
  CHECK(pooler.config.databases[0].pool_mode == 0);
  CHECK(pooler.databases[0].target == PoolerDatabase::Target::service);
  CHECK(pooler.config.databases[1].user == 0);
  CHECK_FALSE(pooler.config.databases[1].load_balance_hosts);
  CHECK(pooler.databases[1].target == PoolerDatabase::Target::members);
  CHECK(pooler.databases[1].members == std::vector<models::MemberId>{1, 0});
  CHECK(pooler.databases[2].target == PoolerDatabase::Target::haproxy);
  CHECK(pooler.zones.size() == 2);
}

TEST_CASE("haproxy.cfg: sections, checks and what defaults hand on", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"haproxy": "h.cfg"},
  "balancer": {"zones": ["z2", "z1"]})"));
  folder.write("h.cfg",
               "global\n  maxconn 100\n  log 127.0.0.1 local0\ndefaults\n  mode tcp\n  retries 2\n"
               "  timeout connect 4s\n  timeout check 5000\n  timeout client 30m\n"
               "  default-server inter 3s fall 4 rise 2\n"
               "listen stats\n  bind *:7000\n  stats enable\n"
               "listen postgres_write\n  bind *:5000\n  option httpchk OPTIONS /primary\n"
               "  http-check expect status 200\n"
               "  default-server on-marked-down shutdown-sessions fastinter 1s\n"
               "  server pg1 10.0.0.1:5432 maxconn 90 check port 8008\n"
               "  server b 10.9.9.9:5432 maxconn 90 check port 8008\n"
               "backend postgres_read\n  option httpchk\n"
               "  http-check send meth OPTIONS uri /replica?lag=1MB\n"
               "  server b b.example.org:5432 check inter 500\n");
  const auto system = folder.load({"haproxy.rise=5"});
  CHECK(folder.said.empty());
  REQUIRE(system.has_value());
  REQUIRE(system->haproxy.has_value());
  const models::HaproxyConfig& config = system->haproxy->config;
  CHECK(config.maxconn == 100);
  CHECK(config.retries == 2);
  CHECK(config.timeout_connect == 4s);
  CHECK(config.timeout_check == 5s);
  CHECK(config.timeout_client == 30min);
  REQUIRE(config.sections.size() == 2);
  const models::HaproxySection& write = config.sections[0];
  CHECK(write.name == "postgres_write");
  CHECK(write.check == models::RestPath::primary);
  CHECK(write.servers == std::vector<models::MemberId>{0, 1});
  CHECK(write.inter == 3s);
  CHECK(write.fastinter == 1s);
  CHECK(write.fall == 4);
  CHECK(write.rise == 5);
  CHECK(write.maxconn == 90);
  CHECK(write.on_marked_down_shutdown_sessions);
  const models::HaproxySection& read = config.sections[1];
  CHECK(read.check == models::RestPath::replica);
  CHECK(read.servers == std::vector<models::MemberId>{1});
  CHECK(read.inter == 500ms);
  CHECK_FALSE(read.on_marked_down_shutdown_sessions);
  CHECK(system->haproxy->zones == std::vector<std::string>{"z2", "z1"});
  CHECK(system->origins.at("haproxy.fall").line == 10);
  CHECK(system->origins.at("haproxy.rise").file == "--set haproxy.rise=5");
}

TEST_CASE("settings: unknown ones are listed, irrelevant ones are passed over", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"patroni": "c.yaml"})"));
  folder.write("c.yaml",
               "ttl: 30\nslots: {}\npostgresql:\n  parameters:\n    work_mem: 64MB\n"
               "    pg_stat_statements.max: 10\n    statement_timeout: 5s\n    wrok_mem: 1\n");
  auto system = folder.load();
  CHECK(system.has_value());
  CHECK(folder.said ==
        "c.yaml:2:1: warning: patroni.slots: not modelled; it has no effect on the run\n"
        "c.yaml:7:5: warning: postgresql.statement_timeout: not modelled; it has no effect on the "
        "run\n"
        "c.yaml:8:5: warning: postgresql.wrok_mem: unknown to PostgreSQL 12 to 17; did you mean "
        "\"work_mem\"?\n");
  // Whoever sets a value by hand wants to see its effect.
  system = folder.load({"postgresql.statement_timeout=1s"});
  CHECK_FALSE(system.has_value());
  CHECK_THAT(folder.said, Catch::Contains("error: postgresql.statement_timeout: not modelled"));
}

TEST_CASE("settings: --set finds the nearest right name", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(""));
  CHECK_FALSE(folder.load({"patroni.tll=20"}).has_value());
  CHECK_THAT(folder.said, Catch::Contains("did you mean \"ttl\"?"));
  CHECK_FALSE(folder.load({"patorni.ttl=20"}).has_value());
  CHECK_THAT(folder.said, Catch::Contains("did you mean \"patroni\"?"));
  CHECK_FALSE(folder.load({"workload.conections=20"}).has_value());
  CHECK_THAT(folder.said, Catch::Contains("did you mean \"connections\"?"));
  // Many new keys do not disturb each other.
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back("key" + std::to_string(i) + "=1");
  many.emplace_back("workload.connections=7");
  many.emplace_back("dcs.kind=kubernetes");
  CHECK_FALSE(folder.load(many).has_value());
  CHECK_THAT(folder.said, Catch::Contains("key189"));
}
