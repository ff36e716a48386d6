// An Aurora cluster as a system: every fault, what it costs by its own delays, what clients see.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/kinds/aurora_kind.hpp"
#include "harness/load/load.hpp"
#include "tests/harness/kinds/managed_systems.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::filesystem::path scenarios = PREDRILL_SOURCE_DIR "/scenarios";

SystemSpec load(const std::vector<std::string>& settings = {}) {
  return loaded_system(scenarios / "systems/orders-aurora", settings);
}

constexpr const char* alone = "aurora.instances=[{\"name\": \"a\", \"class\": \"db.r6g.large\"}]";

}  // namespace

TEST_CASE("aurora kind: a rehearsal covers every fault, and loses nothing", "[kinds][aurora]") {
  check_rehearsal(load(), 12);
}

TEST_CASE("aurora kind: a managed failover costs a client what its delays add up to",
          "[kinds][aurora]") {
  // The writer changes 14 to 25 s after the call, the endpoint up to 5 s later, a resolver keeps
  // the old record for up to 5 s more, and the prober, each 0.5 s with up to 2 s to connect, finds
  // it.
  const ScenarioSpec scenario = fault_on(load(), "failover");
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunOutcome one = run_once(scenario, {.seed = seed});
    CHECK(rto(one, "cluster endpoint") >= 14s);
    CHECK(rto(one, "cluster endpoint") <= 25s + 5s + 5s + 2500ms);
    // The proxy asks the control plane and no DNS.
    CHECK(rto(one, "rds proxy") <= rto(one, "cluster endpoint") + 1s);
    CHECK(one.measures.new_primary == "orders-2");
    sim::Duration stages_sum{};
    for (const sim::Duration stage : one.measures.stages_of_path) stages_sum += stage;
    CHECK(stages_sum == rto(one, "cluster endpoint"));
  }
}

TEST_CASE("aurora kind: a pool that takes any server stays on the demoted writer",
          "[kinds][aurora]") {
  const RunOutcome any = run_once(fault_on(load(), "failover"), {.seed = 1});
  CHECK(any.measures.find_path("hikari")->measures.censored);
  const SystemSpec asking = load({"clients.hikari.targetServerType=primary"});
  const RunOutcome primary = run_once(fault_on(asking, "failover"), {.seed = 1});
  CHECK_FALSE(primary.measures.find_path("hikari")->measures.censored);
  // JVM cache 30 s on top of what the endpoint needs, and the pool's own 5 s.
  CHECK(rto(primary, "hikari") <= 30s + 30s + 5s + 1s);
}

TEST_CASE("aurora kind: a crash restarts in place, the loss of a host promotes",
          "[kinds][aurora]") {
  const SystemSpec system = load();
  const RunOutcome crash = run_once(fault_on(system, "engine_crash"), {.seed = 5});
  CHECK(crash.measures.new_primary.empty());
  CHECK(rto(crash, "cluster endpoint") <= 15s + 1s);
  const RunOutcome loss = run_once(fault_on(system, "host_loss"), {.seed = 5});
  CHECK(loss.measures.new_primary == "orders-2");
  CHECK(rto(loss, "cluster endpoint") >= 13s);
  const RunOutcome reader = run_once(fault_on(system, "reader_loss", "orders-3"), {.seed = 5});
  CHECK(reader.measures.new_primary.empty());
  CHECK(rto(reader, "cluster endpoint") == 0s);
}

TEST_CASE("aurora kind: without a reader an instance is made anew, in a zone that is there",
          "[kinds][aurora]") {
  const SystemSpec system = load({alone});
  CHECK(rehearsal_scenarios(system, {"failover"}, {}).empty());
  const RunOutcome host = run_once(fault_on(system, "host_loss"), {.seed = 2});
  CHECK(rto(host, "cluster endpoint") >= 240s);
  CHECK(rto(host, "cluster endpoint") <= 600s + 15s + 3s);
  ScenarioSpec zone = fault_on(system, "az_loss");
  zone.faults[0].length = 20min;
  zone.run_for = 40min;
  CHECK(rto(run_once(zone, {.seed = 2}), "cluster endpoint") >= 20min + 240s);
}
