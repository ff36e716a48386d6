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

TEST_CASE("watch: a dead Patroni brings two writers in asynchronous mode at most", "[engine]") {
  for (const bool synchronous : {false, true}) {
    const SystemSpec system = example_system(synchronous);
    ScenarioSpec scenario = scenario_of(system, "patroni_kill");
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const RunOutcome outcome = run_once(scenario, {.seed = seed});
      INFO("seed " << seed << ", synchronous " << synchronous << "\n" << text_of(outcome.broken));
      CHECK(unexplained(outcome) == 0);
      const bool dual = outcome.measures.dual_writers.overlap > 0ns;
      CHECK(dual == has(outcome, Invariant::one_writer, Mechanism::patroni_dead));
      if (synchronous) CHECK_FALSE(dual);
    }
  }
}

}  // namespace predrill::harness::fixture
