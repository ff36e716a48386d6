// An RDS database as a system: what is read, every fault, what it costs, what clients see.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/kinds/rds_kind.hpp"
#include "harness/lint/lint.hpp"
#include "harness/load/load.hpp"
#include "tests/harness/kinds/managed_systems.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path scenarios = PREDRILL_SOURCE_DIR "/scenarios";

SystemSpec load(const std::vector<std::string>& settings = {}) {
  return loaded_system(scenarios / "systems/sde-rds", settings);
}

std::string problems_of(const std::vector<std::string>& settings) {
  Diagnostics diagnostics;
  load_system(scenarios / "systems/sde-rds", diagnostics, settings);
  return diagnostics.text();
}

std::int64_t value(const RunOutcome& outcome, const std::string& name) {
  for (const NamedValue& one : outcome.measures.values) {
    if (one.name == name) return one.value;
  }
  FAIL(name);
  return 0;
}

const std::vector<std::string> single_az = {"rds.MultiAZ=false"};

}  // namespace

TEST_CASE("rds kind: a rehearsal covers every fault, and loses nothing", "[kinds][rds]") {
  check_rehearsal(load(), 6);
}

TEST_CASE("rds kind: a failover costs 60 to 120 s, redo, the record and the client's caches",
          "[kinds][rds]") {
  const ScenarioSpec scenario = fault_on(load(), "host_loss");
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunOutcome one = run_once(scenario, {.seed = seed});
    CHECK(rto(one, "endpoint") >= 55s);
    CHECK(rto(one, "endpoint") <= 120s + 4s + 5s + 3s);
    CHECK(one.measures.new_primary == "sde-prod-standby");
    // The replica shows old data until it has found the new side.
    CHECK(value(one, "reads.stalest") >= sim::Duration(55s).count());
    sim::Duration sum{};
    for (const sim::Duration stage : one.measures.stages_of_path) sum += stage;
    CHECK(sum == rto(one, "endpoint"));
  }
}

TEST_CASE("rds kind: a resolver that keeps names longer than their TTL adds its time",
          "[kinds][rds]") {
  sim::Duration by_ttl{};
  sim::Duration by_cache{};
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    by_ttl += rto(run_once(fault_on(load(), "failover"), {.seed = seed}), "endpoint");
    const SystemSpec cached = load({"clients.dns_cache=2m"});
    by_cache += rto(run_once(fault_on(cached, "failover"), {.seed = seed}), "endpoint");
  }
  CHECK(by_cache / 10 >= by_ttl / 10 + 20s);
  CHECK(by_cache / 10 <= by_ttl / 10 + 120s);
}

TEST_CASE("rds kind: a cluster is faster than a Multi-AZ instance, Single-AZ slower",
          "[kinds][rds]") {
  const RunOutcome instance = run_once(fault_on(load(), "host_loss"), {.seed = 4});
  const SystemSpec three = loaded_system(scenarios / "systems/sde-rds-cluster");
  const RunOutcome of_cluster = run_once(fault_on(three, "host_loss"), {.seed = 4});
  const RunOutcome alone = run_once(fault_on(load(single_az), "host_loss"), {.seed = 4});
  CHECK(rto(of_cluster, "endpoint") < rto(instance, "endpoint"));
  CHECK(rto(instance, "endpoint") < rto(alone, "endpoint"));
  CHECK(rehearsal_scenarios(load(single_az), {"failover"}, {}).empty());
  CHECK(rehearsal_scenarios(three, {"standby_loss"}, {}).empty());
}

TEST_CASE("rds kind: autoscaling helps against what fills slowly, not against a rush",
          "[kinds][rds]") {
  ScenarioSpec rush = fault_on(load(), "storage_fill");
  CHECK(value(run_once(rush, {.seed = 1}), "storage.full") == 1);
  ScenarioSpec slow = fault_on(load(), "storage_fill");
  slow.faults[0].arguments["within"] = sim::Duration(4h);
  slow.run_for = 5h;
  const RunOutcome scaled = run_once(slow, {.seed = 1});
  CHECK(value(scaled, "storage.full") == 0);
  CHECK(value(scaled, "storage.allocated_gib") > 100);
  CHECK(rto(scaled, "endpoint") == 0s);
}

TEST_CASE("rds kind: what is written wrongly is said with its key", "[kinds][rds]") {
  CHECK_THAT(problems_of({"rds.MaxAllocatedStorage=105"}),
             Catch::Contains("at least 10 % more than AllocatedStorage"));
  CHECK_THAT(problems_of({"rds.SecondaryAvailabilityZone=us-east-1a"}),
             Catch::Contains("another Availability Zone"));
  CHECK_THAT(problems_of({"rds.MultiAZ=false"}), Catch::Contains("has no standby"));
  CHECK_THAT(problems_of({"rds.DBInstanceClas=db.r6g.large"}), Catch::Contains("DBInstanceClass"));
  CHECK_THAT(problems_of({"rds.DBInstanceClass=db.r6g.larg"}), Catch::Contains("db.r6g.large"));
  CHECK_THAT(problems_of({"clients.dns_cache=tll"}), Catch::Contains("ttl"));
  CHECK_THAT(problems_of({"rds.timings.atach=5s"}), Catch::Contains("attach"));
}

TEST_CASE("rds kind: lint names the missing standby and the storage that cannot grow",
          "[kinds][rds]") {
  std::vector<std::string> settings = single_az;
  settings.emplace_back("rds.MaxAllocatedStorage=100");
  settings.emplace_back("clients.dns_cache=1m");
  std::vector<std::string> found;
  for (const LintFinding& finding : find_lint(load(settings))) found.emplace_back(finding.rule->id);
  CHECK(found == std::vector<std::string>{"rds/single-az", "rds/no-storage-autoscaling"});
  const SystemSpec system = load({"clients.dns_cache=1m"});
  auto findings = find_lint(system);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].rule->id == "jvm/dns-cached-beyond-failover");
  CHECK(findings[1].rule->id == "dns/cached-beyond-ttl");
  add_costs(findings, system, {.runs = 6, .jobs = 1});
  REQUIRE(findings[1].before.has_value());
  CHECK(*findings[1].before > *findings[1].after);
}
