// The example system and every scenario that ships with the program.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/load/load.hpp"
#include "harness/recovery/recovery.hpp"
#include "harness/runbook/runbook.hpp"

using namespace predrill::harness;
using namespace predrill;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path scenarios = std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios";

Loaded<SystemSpec> example(const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto system = load_system(scenarios / "systems/user-profile-db", diagnostics, settings);
  INFO(diagnostics.text());
  CHECK(diagnostics.empty());
  REQUIRE(system.has_value());
  return system;
}

std::string file_name(const Origin& origin) {
  return std::filesystem::path(origin.file).filename().string();
}

}  // namespace

TEST_CASE("example: settings come from the files that the field uses", "[load]") {
  const SystemSpec system = *example();
  CHECK(system.name == "user-profile-db");
  CHECK(system.patroni.version == models::PatroniVersion::v3_3_2);
  CHECK(system.patroni.ttl == 30s);
  CHECK(system.patroni.loop_wait == 10s);
  CHECK(system.patroni.retry_timeout == 10s);
  CHECK(system.patroni.maximum_lag_on_failover == 1048576);
  CHECK(system.patroni.synchronous_mode);
  CHECK_FALSE(system.patroni.synchronous_mode_strict);
  CHECK(system.postgres.max_connections == 400);
  CHECK(system.postgres.shared_buffers == std::uint64_t{16} << 30);
  CHECK(system.postgres.max_wal_size == std::uint64_t{8} << 30);
  CHECK(system.postgres.checkpoint_completion_target_percent == 90);
  CHECK(system.postgres.restore_command);
  CHECK(system.postgres.cores == 8);
  REQUIRE(system.members.size() == 3);
  CHECK(system.members[0].zone == "us-east-1b");
  CHECK(system.members[1].zone == "us-east-1a");
  CHECK(system.primary == 0);
  CHECK(system.sync == std::optional<std::size_t>(1));
  CHECK(system.disk.write_bytes_per_second.mean() == 250.0 * 1048576);
}

TEST_CASE("example: what operator and spilo add", "[load]") {
  const SystemSpec system = *example();
  CHECK(system.patroni.use_pg_rewind);
  CHECK(system.patroni.supervisor.restarts);
  CHECK(system.kubernetes.present);
  CHECK(system.kubernetes.termination_grace_period == 5min);
  CHECK(system.origins.at("patroni.use_pg_rewind").line == 0);
  CHECK(system.origins.at("patroni.use_pg_rewind").file.starts_with("spilo"));
}

TEST_CASE("example: DCS, service, pooler, load", "[load]") {
  const SystemSpec system = *example();
  CHECK(system.dcs.kind == DcsSpec::Kind::etcd);
  REQUIRE(system.dcs.members.size() == 3);
  CHECK(system.dcs.members[system.dcs.leader].first == "etcd-prod-0");
  CHECK(system.dcs.members[system.dcs.leader].second == "us-east-1a");
  CHECK(system.service.kind == ServiceSpec::Kind::endpoints);
  REQUIRE(system.pooler.has_value());
  const models::PgbouncerConfig& pooler = system.pooler->config;
  CHECK(pooler.pool_mode == models::PoolMode::transaction);
  CHECK(pooler.default_pool_size == 40);
  CHECK(pooler.reserve_pool_size == 10);
  CHECK(pooler.server_login_retry == 1s);
  CHECK(pooler.dns_max_ttl == 15s);
  REQUIRE(pooler.databases.size() == 1);
  CHECK(system.pooler->databases[0].target == PoolerDatabase::Target::service);
  CHECK(system.pooler->databases.front().target == PoolerDatabase::Target::service);
  CHECK(system.workload.transactions_per_second == 4200);
  CHECK(system.workload.read_share == 0.85);
  CHECK(system.workload.wal_bytes_per_second == Approx(536870.9).margin(0.1));
  CHECK(system.latencies.size() == 6);
  for (const ZoneLatency& latency : system.latencies) CHECK_FALSE(latency.one_way.source().empty());
}

TEST_CASE("example: each value knows where it was written", "[load]") {
  const SystemSpec system = *example();
  const Origin& ttl = system.origins.at("patroni.ttl");
  CHECK(file_name(ttl) == "postgresql.yaml");
  CHECK(ttl.line == 93);
  CHECK(ttl.key == "ttl");
  const Origin& retry = system.origins.at("pgbouncer.server_login_retry");
  CHECK(file_name(retry) == "pgbouncer.ini");
  CHECK(retry.line == 26);
  CHECK(file_name(system.origins.at("postgresql.max_connections")) == "postgresql.yaml");
  CHECK(file_name(system.origins.at("patroni.version")) == "system.json");
}

TEST_CASE("example: --set reaches values of every file", "[load]") {
  const SystemSpec system =
      *example({"patroni.ttl=25", "system.patroni.loop_wait=5", "patroni.version=3.0.2",
                "pgbouncer.server_login_retry=15", "postgresql.max_connections=200",
                "workload.connections=80", "manifest.volume.throughput=500",
                "cluster.members[2].tags={\"nosync\": true}", "probe.interval=1s",
                "kubernetes.pod_recreation={\"constant\": \"5s\"}"});
  CHECK(system.patroni.ttl == 25s);
  CHECK(system.patroni.loop_wait == 5s);
  CHECK(system.patroni.version == models::PatroniVersion::v3_0_2);
  CHECK(system.pooler->config.server_login_retry == 15s);
  CHECK(system.postgres.max_connections == 200);
  CHECK(system.workload.connections == 80);
  CHECK(system.disk.write_bytes_per_second.mean() == 500.0 * 1048576);
  CHECK(system.members[2].tags.nosync);
  CHECK(system.probe.interval == 1s);
  CHECK(system.kubernetes.pod_recreation.mean() == 5e9);
  CHECK(system.origins.at("patroni.ttl").file == "--set patroni.ttl=25");
  CHECK(system.origins.at("patroni.ttl").line == 0);
}

TEST_CASE("example: without synchronous_mode the named standby counts for nothing", "[load]") {
  Diagnostics diagnostics;
  const std::vector<std::string> off = {"patroni.synchronous_mode=false"};
  const auto system = load_system(scenarios / "systems/user-profile-db", diagnostics, off);
  INFO(diagnostics.text());
  REQUIRE(system);
  CHECK_FALSE(system->sync);
  CHECK_THAT(diagnostics.text(), Catch::Contains("warning: cluster.sync_standby: without effect"));
}

TEST_CASE("example: every scenario that ships loads without a word", "[load]") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scenarios)) {
    const auto folder = entry.path().parent_path().filename();
    if (entry.path().extension() != ".json" || (folder != "drills" && folder != "incidents")) {
      continue;
    }
    if (is_runbook_file(entry.path()) || is_recovery_file(entry.path())) continue;
    Diagnostics diagnostics;
    const auto scenario = load_scenario(entry.path(), {}, diagnostics);
    INFO(diagnostics.text());
    CHECK(diagnostics.empty());
    REQUIRE(scenario.has_value());
    CHECK_FALSE(scenario->faults.empty());
    CHECK_FALSE(scenario->title.empty());
    ++count;
  }
  CHECK(count >= 11);
}
