// Worlds beside the example's own: another DCS, another service, faults that follow events.
#include <algorithm>

#include "harness/engine/world.hpp"
#include "tests/harness/engine/example.hpp"

namespace predrill::harness::fixture {

using namespace std::chrono_literals;
using sim::Duration;
using Settings = std::vector<std::string>;

namespace {

Duration milestone(const RunOutcome& outcome, std::string_view name) {
  for (const NamedTime& time : outcome.measures.milestones) {
    if (time.name == name) return time.at;
  }
  return sim::forever;
}

// The operator's own default: Patroni's records in Endpoints.
SystemSpec on_kubernetes() {
  return example_system({"dcs.kind=kubernetes", "service.kind=endpoints"});
}

bool says(const RunOutcome& outcome, std::string_view text) {
  return std::any_of(
      outcome.timeline.begin(), outcome.timeline.end(),
      [text](const TimelineEntry& e) { return e.event.find(text) != std::string::npos; });
}

const PathMeasures& path(const RunOutcome& outcome, std::string_view name) {
  return outcome.measures.find_path(name)->measures;
}

}  // namespace

// Reference 2.4: every replica counts ttl from the moment at which it saw the last renewal, and
// looks again after each loop_wait and half a second: ttl - a + 0.5 s, then the poll of 2 s.
TEST_CASE("kubernetes dcs: node_loss costs the rest of the ttl and half a second", "[engine]") {
  const ScenarioSpec scenario = scenario_of(on_kubernetes(), "node_loss");
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    INFO("seed " << seed << "\n" << text_of(outcome.broken));
    REQUIRE(outcome.problem.empty());
    CHECK(unexplained(outcome) == 0);
    const Duration gone = milestone(outcome, "leader_gone");
    CHECK(gone >= 20400ms);
    CHECK(gone <= 30800ms);
    CHECK(milestone(outcome, "key_acquired") - gone >= 2s);
    CHECK(milestone(outcome, "key_acquired") - gone <= 2500ms);
    CHECK(outcome.measures.loss.rows == 0);
  }
}

// Reference 2.3: the release empties the endpoints, so new connections are refused during the
// race; the new leader writes its address with the key, before it accepts writes (1.7).
TEST_CASE("kubernetes dcs: a release leaves the service without endpoints", "[engine]") {
  const ScenarioSpec scenario = scenario_of(on_kubernetes(), "patroni_stop");
  int emptied = 0;  // else the next leader was there before the controller had looked
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed, .timeline = true});
    INFO("seed " << seed << "\n" << text_of(outcome.broken));
    REQUIRE(outcome.problem.empty());
    CHECK(unexplained(outcome) == 0);
    CHECK(milestone(outcome, "key_released") <= 5s);
    emptied += says(outcome, "endpoints of user-profile-db: 0 ready") ? 1 : 0;
    CHECK(says(outcome, "endpoints of user-profile-db: 1 ready"));
    CHECK(path(outcome, "database").rto <= 10s);
  }
  CHECK(emptied >= 2);
}

// Reference 4.12 and 2.3: the API server away demotes the primary like a cut from etcd.
TEST_CASE("kubernetes dcs: without API servers the primary demotes itself", "[engine]") {
  ScenarioSpec scenario = scenario_of(on_kubernetes(), "dcs_quorum_loss");
  REQUIRE(scenario.faults.front().length == 60s);
  int late = 0;  // by a cycle: the demotion's thread missed the lock of the HA loop
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    INFO("seed " << seed << "\n" << text_of(outcome.broken));
    REQUIRE(outcome.problem.empty());
    CHECK(unexplained(outcome) == 0);
    CHECK(milestone(outcome, "demoted") <= 36s);
    late += milestone(outcome, "demoted") > 25s ? 1 : 0;
    CHECK(path(outcome, "database").rto >= 60s);
    CHECK(path(outcome, "database").rto <= 80s);
    CHECK(outcome.measures.loss.rows == 0);
  }
  CHECK(late <= 4);  // one in nine
}

// Reference 4.13: the record of a member never expires, so the hang lasts until the walsender
// gives the standby up after 60 s, and a cycle more.
TEST_CASE("kubernetes dcs: a dead synchronous standby holds commits for 60 s and more",
          "[engine]") {
  const ScenarioSpec scenario = scenario_of(on_kubernetes(), "standby_loss");
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    INFO("seed " << seed << "\n" << text_of(outcome.broken));
    REQUIRE(outcome.problem.empty());
    CHECK(unexplained(outcome) == 0);
    CHECK(path(outcome, "database").rto >= 60s);
    CHECK(path(outcome, "database").rto <= 71s);
  }
}

TEST_CASE("kubernetes dcs: wal_sender_timeout is blamed for a dead synchronous standby",
          "[engine]") {
  const ScenarioSpec scenario = scenario_of(on_kubernetes(), "standby_loss");
  Summary summary(scenario.path);
  summary.add(run_once(scenario, {.seed = 1}).measures);
  CHECK(setting_behind(scenario, summary) == "wal_sender_timeout 60 s");
  ScenarioSpec of_etcd = scenario;  // of the same measures: a lease of 30 s would end before
  of_etcd.system.dcs.kind = DcsSpec::Kind::etcd;
  CHECK(setting_behind(of_etcd, summary).starts_with("ttl 30 s"));
  of_etcd.system.postgres.wal_sender_timeout = 5s;
  CHECK(setting_behind(of_etcd, summary) == "wal_sender_timeout 5 s");
}

TEST_CASE("kubernetes dcs: every fault that applies runs", "[engine]") {
  const SystemSpec system = on_kubernetes();
  const auto scenarios = rehearsal_scenarios(system, {}, {});
  CHECK(scenarios.size() >= 20);
  for (const ScenarioSpec& scenario : scenarios) {
    CHECK(scenario.name != "dcs_leader_kill");
    CHECK(scenario.name != "dcs_no_space");
    const RunOutcome outcome = run_once(scenario, {.seed = 3});
    INFO(scenario.name << "\n" << text_of(outcome.broken));
    CHECK(outcome.problem.empty());
    CHECK(unexplained(outcome) == 0);
  }
}

// PgBouncer looks the name up again after dns_max_ttl, so its recovery follows the promotion by
// up to that, the record's own ttl does not count (pgbouncer 1.22, dnslookup.c).
TEST_CASE("service: as a name it costs PgBouncer's dns_max_ttl at most", "[engine]") {
  const SystemSpec system = example_system(Settings{"service.kind=dns"});
  const ScenarioSpec scenario = scenario_of(system, "node_loss");
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    INFO("seed " << seed);
    REQUIRE(outcome.problem.empty());
    const Duration database = path(outcome, "database").rto;
    const Duration pooled = path(outcome, "pgbouncer").rto;
    CHECK_FALSE(path(outcome, "pgbouncer").censored);
    CHECK(pooled >= database);
    CHECK(pooled <= database + system.pooler->config.dns_max_ttl +
                        system.pooler->config.server_connect_timeout + 10s);
  }
}

TEST_CASE("pooler: a database that names a member stays with it", "[engine]") {
  const ScenarioSpec by_service = scenario_of(example_system(), "node_loss");
  const ScenarioSpec by_member = scenario_of(
      example_system(Settings{"pgbouncer.databases.userprofiles=host=10.42.6.201 port=5432"}),
      "node_loss");
  const RunOutcome followed = run_once(by_service, {.seed = 1});
  const RunOutcome stuck = run_once(by_member, {.seed = 1});
  CHECK_FALSE(path(followed, "pgbouncer").censored);
  CHECK(path(stuck, "pgbouncer").censored);
  CHECK(path(stuck, "database").rto < 40s);
}

TEST_CASE("faults: one that is tied to an event strikes its delay after it", "[engine]") {
  ScenarioSpec scenario = scenario_of(example_system(), "patroni_stop");
  FaultSpec second = scenario_of(scenario.system, "pgbouncer_kill").faults.front();
  second.at.after = "promotion_started";
  second.at.delay = sim::Distribution::constant(Duration(1500ms));
  scenario.faults.push_back(second);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed, .timeline = true});
    INFO("seed " << seed);
    REQUIRE(outcome.problem.empty());
    const auto struck =
        std::find_if(outcome.timeline.begin(), outcome.timeline.end(), [](const TimelineEntry& e) {
          return e.event.find("FAULT pgbouncer_kill") != std::string::npos;
        });
    REQUIRE(struck != outcome.timeline.end());
    CHECK(struck->at == milestone(outcome, "promotion_started") + 1500ms);
  }
}

TEST_CASE("faults: the end of one with an end is said, and may bring the next", "[engine]") {
  const std::string first = GENERATE("freeze", "partition", "dcs_slow", "disk_stall", "lag",
                                     "node_reboot", "pgbouncer_kill", "dcs_quorum_loss");
  ScenarioSpec scenario = scenario_of(example_system(), first);
  scenario.faults.front().length = 3s;
  FaultSpec second = scenario_of(scenario.system, "dcs_leader_kill").faults.front();
  second.at.after = "undone";
  second.at.delay = sim::Distribution::constant(Duration(1500ms));
  scenario.faults.push_back(second);
  const RunOutcome outcome = run_once(scenario, {.seed = 1, .timeline = true});
  INFO(first);
  REQUIRE(outcome.problem.empty());
  const auto when = [&](const std::string& event) {
    for (const TimelineEntry& e : outcome.timeline) {
      if (e.event.find(event) != std::string::npos) return e.at;
    }
    return sim::forever;
  };
  CHECK(when("fault " + first + " ends") == 3s);
  CHECK(when("FAULT dcs_leader_kill") == 4500ms);
}

}  // namespace predrill::harness::fixture
