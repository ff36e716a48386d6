// The rules are checked in every run of the engine: what happens by itself breaks none without a
// known reason, and what a test breaks on purpose is found.
#include "harness/engine/invariant_watch.hpp"
#include "harness/measure/summary.hpp"
#include "harness/measure/verdict.hpp"
#include "models/patroni.hpp"
#include "models/prober.hpp"
#include "tests/harness/engine/example.hpp"

namespace predrill::harness::fixture {

using models::Invariant;
using models::Mechanism;
using models::MemberId;
using namespace std::chrono_literals;
using sim::Duration;

namespace {

// A run in which a fault strikes that leaves the database alone, and `meddle` before it.
RunOutcome meddled(std::function<void(World&)> meddle, const std::string& fault = "pgbouncer_kill",
                   const SystemSpec& system = example_system()) {
  ScenarioSpec scenario = scenario_of(system, fault);
  scenario.run_for = 60s;
  RunOutcome outcome = run_once(scenario, {.seed = 7, .meddle = std::move(meddle)});
  INFO(outcome.problem);
  CHECK(outcome.problem.empty());
  return outcome;
}

void say(World& world, const std::string& entity, const sim::Kind& kind, std::int64_t a = 0,
         std::int64_t b = 0) {
  sim::Trace& trace = world.sim().trace();
  trace.emit(world.sim().now(), trace.entity(entity), kind, a, b);
}

std::int64_t name_of(World& world, MemberId id) {
  return world.sim().trace().name(world.member(id).host.name());
}

}  // namespace

TEST_CASE("watch: the faults of a rehearsal break no rule without a known reason", "[engine]") {
  for (const bool synchronous : {true, false}) {
    const SystemSpec system = example_system(synchronous);
    for (const ScenarioSpec& scenario : rehearsal_scenarios(system, {}, {})) {
      for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        const RunOutcome outcome = run_once(scenario, {.seed = seed});
        INFO(scenario.name << ", seed " << seed << ", synchronous " << synchronous << "\n"
                           << text_of(outcome.broken));
        CHECK(outcome.problem.empty());
        CHECK(unexplained(outcome) == 0);
        CHECK(outcome.measures.violations.empty() == outcome.broken.empty());
      }
    }
  }
}

TEST_CASE("watch: a quiet run breaks nothing", "[engine]") {
  const RunOutcome outcome = meddled({});
  INFO(text_of(outcome.broken));
  CHECK(outcome.broken.empty());
}

TEST_CASE("watch: a promotion by hand is a second writer without the key", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) { world.member(2).postgres.promote(); });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::promotes_with_key));
  CHECK(has(outcome, Invariant::one_writer));
  CHECK(has(outcome, Invariant::sync_member_promotes));
  CHECK(outcome.measures.dual_writers.overlap > 100ms);

  Summary summary("pgbouncer");
  summary.add(outcome.measures);
  CHECK(summary.has_unexplained_violation());
  CHECK(overall({}, summary) == Verdict::missed);
}

TEST_CASE("watch: a second holder of the leader key", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) {
    say(world, "dcs/user-profile-db", models::key_created, name_of(world, 1));
  });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::one_key_holder));
}

TEST_CASE("watch: a key that expires under a writer", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) {
    say(world, "dcs/user-profile-db", models::key_expired, name_of(world, 0));
  });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::stops_before_expiry));
}

TEST_CASE("watch: names taken back by hand while /sync lists a member", "[engine]") {
  const RunOutcome outcome =
      meddled([](World& world) { world.member(0).postgres.set_synchronous_standby_names({}); });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::sync_key_is_true));
}

TEST_CASE("watch: acknowledged rows that nobody has", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) {
    models::AcknowledgedWrite write;
    write.at = world.sim().now();
    write.branch = 999;
    write.lsn = {1};
    write.rows = 5;
    world.ledger().acknowledge(write);
  });
  INFO(text_of(outcome.broken));
  CHECK(outcome.measures.loss.rows == 5);
  CHECK(has(outcome, Invariant::synchronous_survives));
}

TEST_CASE("watch: a write that is acknowledged twice", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) {
    models::AcknowledgedWrite write;
    write.at = world.sim().now();
    write.lsn = {1};
    write.branch = world.member(0).postgres.history().branch();
    write.tag = models::write_tag(0, 200);
    world.ledger().acknowledge(write);
  });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::atomic));
}

TEST_CASE("watch: a rewind that discards too much", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) {
    say(world, "postgres/user-profile-db-1", models::postgres_kinds::rewound, 0, 4096);
  });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::rejoin_exact));
}

TEST_CASE("watch: reads that go back", "[engine]") {
  const RunOutcome outcome = meddled([](World& world) {
    models::Attempt read;
    read.write = false;
    read.server = 2;
    read.position = {UINT64_MAX};  // from the future
    world.journal().attempts.push_back(read);
  });
  INFO(text_of(outcome.broken));
  CHECK(has(outcome, Invariant::reads_go_forward));
}

namespace {

Duration milestone(const RunOutcome& outcome, std::string_view name) {
  for (const NamedTime& time : outcome.measures.milestones) {
    if (time.name == name) return time.at;
  }
  return sim::forever;
}

}  // namespace

// Reference 4.5 and 7, as in the lab: one bridge, one writer with pauses of 20 ms. The key expires
// at ttl - a + U(0, 0.5 s), the dead REST API refuses at once; while the old primary streams,
// candidates may veto each other for whole rounds (lab: 24.6 s without, 38.8 s with one such
// round). Then both write until Patroni is back and has started, which takes 0.2 to 1.5 s.
TEST_CASE("patroni_dead: two writers in asynchronous mode, as measured", "[engine]") {
  SystemSpec system = example_system(false);
  system.workload.transactions_per_second = 40;
  system.workload.read_share = 0;
  system.workload.wal_bytes_per_second = 20000;
  for (ZoneLatency& pair : system.latencies) {
    pair.one_way = sim::Distribution::constant(Duration(100us));
  }
  ScenarioSpec scenario = scenario_of(system, "patroni_dead");
  scenario.faults.front().length = 90s;
  int promotions = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    const Duration gone = milestone(outcome, "leader_gone");
    const Duration promoted = milestone(outcome, "promotion_finished");
    const Duration overlap = outcome.measures.dual_writers.overlap;
    INFO("seed " << seed << ", leader gone " << sim::to_text(gone) << ", promoted "
                 << sim::to_text(promoted) << ", overlap " << sim::to_text(overlap) << "\n"
                 << text_of(outcome.broken));
    CHECK(unexplained(outcome) == 0);
    CHECK(gone >= 20s);
    CHECK(gone <= 30600ms);
    if (promoted == sim::forever) continue;  // vetoed to the end
    ++promotions;
    CHECK(has(outcome, Invariant::one_writer, Mechanism::patroni_dead));
    CHECK(overlap >= 90s - promoted + 100ms);
    CHECK(overlap <= 90s - promoted + 2s);
    CHECK(outcome.measures.dual_writers.writes > 0);
    CHECK(outcome.measures.loss.rows > 0);
  }
  CHECK(promotions >= 15);
}

// At 630 writes a second every candidate finds the others ahead, whose positions it reads some
// milliseconds after its own: as long as the old primary streams nobody can win (reference 1.6).
TEST_CASE("patroni_dead: a busy primary that streams on lets nobody win the race", "[engine]") {
  const ScenarioSpec scenario = scenario_of(example_system(false), "patroni_dead");
  REQUIRE(scenario.faults.front().length == 60s);
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    INFO("seed " << seed << "\n" << text_of(outcome.broken));
    CHECK(unexplained(outcome) == 0);
    CHECK(milestone(outcome, "leader_gone") <= 30600ms);
    CHECK(outcome.measures.new_primary.empty());
    CHECK(outcome.measures.dual_writers.overlap == 0ns);
    CHECK(outcome.measures.find_path("database")->measures.rto == 0ns);
  }
}

// The chosen standby leaves the old primary when it is promoted; commits there hang from then on.
// Patroni 3.3.0 to 3.3.6 let them go when they start again (reference 1.15: 51 commits in 1.39 s).
TEST_CASE("patroni_dead: no second writer in synchronous mode but by the defect", "[engine]") {
  for (const bool comes_back : {false, true}) {
    for (const models::PatroniVersion version :
         {models::PatroniVersion::v3_3_2, models::PatroniVersion::v3_3_7}) {
      SystemSpec system = example_system(true);
      system.patroni.version = version;
      ScenarioSpec scenario = scenario_of(system, "patroni_dead");
      if (!comes_back) scenario.faults.front().length.reset();
      const bool defect = comes_back && version == models::PatroniVersion::v3_3_2;
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const RunOutcome outcome = run_once(scenario, {.seed = seed});
        INFO("seed " << seed << ", Patroni " << to_text(version) << ", back " << comes_back << "\n"
                     << text_of(outcome.broken));
        CHECK(unexplained(outcome) == 0);
        CHECK(milestone(outcome, "promotion_finished") <= 55s);
        const Duration overlap = outcome.measures.dual_writers.overlap;
        CHECK((overlap > 0ns) == defect);
        CHECK(overlap < 2s);
        CHECK((outcome.measures.loss.rows > 0) == defect);
      }
    }
  }
}

TEST_CASE("patroni_kill: a supervisor that is in time lets nothing happen", "[engine]") {
  for (const bool synchronous : {false, true}) {
    SystemSpec system = example_system(synchronous);
    system.patroni.version = models::PatroniVersion::v3_3_7;
    ScenarioSpec scenario = scenario_of(system, "patroni_kill");
    for (const bool at_once : {true, false}) {
      if (!at_once) scenario.faults.front().restart = sim::Distribution::uniform(1s, 15s);
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const RunOutcome outcome = run_once(scenario, {.seed = seed});
        INFO("seed " << seed << ", synchronous " << synchronous << "\n" << text_of(outcome.broken));
        CHECK(outcome.broken.empty());
        CHECK(outcome.measures.find_path("database")->measures.rto == 0ns);
        CHECK(outcome.measures.new_primary.empty());
        const Duration back = milestone(outcome, "patroni_started");
        CHECK(back >= (at_once ? 0s : 1s));
        CHECK(back <= (at_once ? 1s : 15s));
      }
    }
  }
}

TEST_CASE("invariants: a simulated load is not taken for a prober's writes", "[engine]") {
  const SystemSpec system = example_system(std::vector<std::string>{
      "workload.single_transactions=true", "workload.transactions_per_second=50"});
  ScenarioSpec scenario = scenario_of(system, "patroni_stop");
  scenario.run_for = std::chrono::seconds(30);
  const RunOutcome outcome = run_once(scenario, {.seed = 1});
  INFO(text_of(outcome.broken));
  CHECK(unexplained(outcome) == 0);
}

}  // namespace predrill::harness::fixture
