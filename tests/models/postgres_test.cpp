// One server: starting, sessions, commits, stopping, crashing. Times follow from the constants of
// postgres_lab.hpp.
#include "tests/models/postgres_lab.hpp"

using namespace predrill::models;
using namespace predrill::models::testing;
using predrill::sim::NetError;
namespace kinds = postgres_kinds;

TEST_CASE("postgres: a primary and two standbys start and stream", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  CHECK(lab.server(0).pg_isready() == Readiness::accepting);
  CHECK(lab.server(0).controldata().state == ControlState::in_production);
  CHECK(lab.server(1).controldata().state == ControlState::in_archive_recovery);
  CHECK(lab.server(1).in_recovery());
  const ReplicationView view = lab.server(0).pg_stat_replication();
  REQUIRE(view.find(1) != nullptr);
  CHECK(view.find(1)->streaming);
  CHECK(view.find(2)->sync_state == ReplicationRow::SyncState::async);
  const auto before = lab.sim.events_executed();
  lab.run(100s);
  CHECK(lab.sim.events_executed() == before);  // an idle stream costs nothing
}

TEST_CASE("postgres: a session connects, writes and reads", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  const Time begin = lab.now();
  lab.spawn_client(0, {Lab::write(7), Lab::read()}, answers);
  lab.run(1s);
  REQUIRE(answers.size() == 3);
  // Connect 2 ms; the startup packet comes 1 ms later, while the fork (1 ms) has just ended;
  // authentication 2 ms; 1 ms back. Then 1 + fsync 2 + 1.
  CHECK(answers[0].at - begin == 6ms);
  CHECK(answers[1].at - answers[0].at == 4ms);
  CHECK(answers[2].at - answers[1].at == 2ms);
  CHECK(answers[1].answer.state == SqlState::ok);
  CHECK(answers[1].answer.tag == 7);
  CHECK(answers[1].answer.lsn == origin + 1000);
  CHECK_FALSE(answers[2].answer.in_recovery);
  CHECK(lab.ledger.acknowledged() == 1);
  CHECK(lab.server(1).replayed() == origin + 1000);
}
