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

TEST_CASE("postgres: forks are serial, flushes are shared", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  std::vector<Lab::Answers> answers(20);
  const Time begin = lab.now();
  SqlRequest write = Lab::write();
  for (auto& a : answers) lab.spawn_client(0, {write, write}, a);
  lab.run(1s);
  // The last of 20 forks ends at 1 (SYN) + 20 ms; then 2 ms authentication, 1 ms back.
  CHECK(answers.back()[0].at - begin == 24ms);
  for (const auto& a : answers) {
    REQUIRE(a.size() == 3);
    // At most: wait for the flush under way, then one's own: 1 + 2 + 2 + 1 ms.
    CHECK(a[2].at - a[1].at <= 6ms);
  }
  CHECK(lab.server(0).flushed() == origin + 40 * 1000);
}

TEST_CASE("postgres: max_connections and the superusers' reserve", "[postgres]") {
  PostgresConfig config;
  config.max_connections = 5;
  config.superuser_reserved_connections = 3;
  Lab lab(config);
  lab.start_cluster();
  std::vector<Lab::Answers> answers(4);
  for (int i = 0; i < 3; ++i) lab.spawn_client(0, {}, answers[static_cast<std::size_t>(i)]);
  lab.run(1s);
  CHECK(lab.server(0).connections() == 2);
  int refused = 0;
  for (int i = 0; i < 3; ++i) {
    const auto& a = answers[static_cast<std::size_t>(i)];
    if (a[0].answer.state == SqlState::too_many_connections) ++refused;
  }
  CHECK(refused == 1);
  lab.spawn_client(0, {}, answers[3], superuser);
  lab.run(1s);
  CHECK(answers[3][0].answer.state == SqlState::ok);
  lab.clients.kill();  // closed by the clients: free again
  lab.run(1s);
  CHECK(lab.server(0).connections() == 0);
}

TEST_CASE("postgres: a standby refuses writes and reads with its own view", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers on_primary;
  lab.spawn_client(0, {Lab::write()}, on_primary);
  lab.run(1s);
  lab.server(1).set_replay_paused(true);
  const Time paused = lab.now();
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write()}, on_primary);
  lab.run(5s);
  lab.spawn_client(1, {Lab::write(), Lab::read()}, answers);
  lab.run(1s);
  REQUIRE(answers.size() == 3);
  CHECK(answers[1].answer.state == SqlState::read_only);
  CHECK(answers[2].answer.state == SqlState::ok);
  CHECK(answers[2].answer.in_recovery);
  CHECK(answers[2].answer.lsn == origin + 1000);  // lacks the second write
  CHECK(answers[2].answer.data_as_of >= paused - 5ms);
  CHECK(answers[2].answer.data_as_of <= paused + 100ms);
}

TEST_CASE("postgres: a commit is acknowledged to nobody when its client has gone", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  SqlRequest slow = Lab::write();
  slow.work = 100ms;
  Lab::Answers answers;
  lab.spawn_client(0, {slow}, answers);
  lab.run(50ms);
  const bool leaves = GENERATE(true, false);
  if (leaves) lab.clients.kill();
  lab.run(1s);
  CHECK(lab.server(0).flushed() > origin);
  CHECK(lab.ledger.acknowledged() == (leaves ? 0U : 1U));
}

TEST_CASE("postgres: a transaction block commits as a whole", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  SqlRequest begin, statement, commit, rollback;
  begin.op = SqlOp::begin;
  statement.op = SqlOp::statement;
  statement.wal_bytes = 300;
  statement.work = 10ms;
  commit.op = SqlOp::commit;
  commit.tag = 5;
  rollback.op = SqlOp::rollback;
  Lab::Answers answers;
  lab.spawn_client(0, {begin, statement, statement, commit, begin, statement, rollback}, answers);
  lab.run(1s);
  REQUIRE(answers.size() == 8);
  CHECK(lab.server(0).flushed() == origin + 600);
  CHECK(lab.ledger.acknowledged() == 1);
  CHECK(lab.ledger.writes()[0].tag == 5);
  Lab::Answers standby;
  lab.spawn_client(1, {begin, statement, commit, Lab::read()}, standby);
  lab.run(1s);
  REQUIRE(standby.size() == 5);
  CHECK(standby[2].answer.state == SqlState::read_only);
  CHECK(standby[3].answer.state == SqlState::read_only);  // the block had failed
  CHECK(standby[4].answer.state == SqlState::ok);
}

TEST_CASE("postgres: a fast stop says 57P01, checkpoints and waits for the standbys",
          "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers idle, busy, late;
  SqlRequest slow = Lab::read();
  slow.work = 1min;
  lab.spawn_client(0, {Lab::write()}, idle);
  lab.spawn_client(0, {slow}, busy);
  lab.run(1s);
  const Time begin = lab.now();
  lab.server(0).stop(StopMode::fast);
  lab.run(50ms);
  lab.spawn_client(0, {}, late);
  lab.run(10s);
  // Two fifths of stop_sessions, 100 ms, and the way back.
  REQUIRE(idle.size() == 4);
  CHECK(idle[2].at - begin == 41ms);
  CHECK(idle[2].answer.state == SqlState::admin_shutdown);
  CHECK(idle[3].error == NetError::closed);
  REQUIRE(busy.size() == 3);
  CHECK(busy[1].answer.state == SqlState::admin_shutdown);
  REQUIRE(late.size() == 1);
  CHECK(late[0].answer.state == SqlState::cannot_connect_now);
  // + checkpoint 100 ms + 1000 bytes at 100 MB/s (10 us) + fsync 2 ms.
  CHECK(lab.log.last(kinds::shutdown_checkpoint) - begin == 202010us);
  // + to both standbys and back: 1 + 1 + fsync 2 + 1 ms each.
  const auto stopped = lab.log.last(kinds::shut_down);
  CHECK(stopped - begin >= 207ms);
  CHECK(stopped - begin <= 213ms);
  CHECK(lab.server(0).controldata().state == ControlState::shut_down);
  CHECK_FALSE(lab.server(0).is_running());
  CHECK(lab.server(1).flushed() == lab.server(0).flushed());
  CHECK(lab.server(0).can_follow(lab.server(1)) == Follow::yes);
}

TEST_CASE("postgres: a smart stop lets sessions finish", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  SqlRequest slow = Lab::write();
  slow.work = 10s;
  lab.spawn_client(0, {slow}, answers);
  lab.run(1s);
  lab.server(0).stop(StopMode::smart);
  lab.run(20s);
  CHECK(lab.server(0).is_running());  // the client stays connected
  REQUIRE(answers.size() == 2);
  CHECK(answers[1].answer.state == SqlState::ok);
  lab.clients.kill();
  lab.run(1s);
  CHECK(lab.server(0).controldata().state == ControlState::shut_down);
}

TEST_CASE("postgres: an immediate stop leaves crash recovery to the next start", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write()}, answers);
  lab.run(1s);
  lab.server(0).stop(StopMode::immediate);
  lab.run(1s);
  REQUIRE(answers.size() == 4);
  CHECK(answers[2].answer.state == SqlState::admin_shutdown);
  CHECK(lab.server(0).controldata().state == ControlState::in_production);
  CHECK(lab.server(0).start(StartAs::primary));
  lab.run(1s);
  CHECK(lab.log.count(kinds::crash_recovery_started) == 1);
  CHECK(lab.server(0).accepts_writes());
  CHECK(lab.lost(0).rows == 0);
}

TEST_CASE("postgres: crash recovery takes start + WAL/rate + dirty/bandwidth", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  lab.load(1000, 10'000);  // 10 MB/s
  lab.run(10s);
  lab.server(0).kill_postmaster();
  const std::uint64_t bytes = lab.server(0).wal_since_redo();
  CHECK(bytes == 100'000'000);  // no checkpoint since the start
  const Time begin = lab.now();
  CHECK(lab.server(0).start(StartAs::primary));
  Lab::Answers early, during;
  lab.spawn_client(0, {}, early);
  lab.run(600ms);
  CHECK(lab.server(0).pg_isready() == Readiness::rejecting);
  CHECK(lab.server(0).controldata().state == ControlState::in_crash_recovery);
  lab.spawn_client(0, {}, during);
  lab.run(9s);
  CHECK(early[0].error == NetError::refused);
  CHECK(during[0].answer.state == SqlState::cannot_connect_now);
  // 0.5 s + 100 MB at 100 MB/s + 100 MB at 100 MB/s + fsync 2 ms.
  CHECK(lab.log.last(kinds::ready, "postgres/db-0") - begin == 2502ms);
  CHECK(lab.server(0).timeline() == 1);
  CHECK(lab.lost(0).rows == 0);
}

TEST_CASE("postgres: what a crash has to replay lies between two checkpoints", "[postgres]") {
  // Age of the last completed checkpoint's REDO point: between 0.9 T and 1.9 T, T = 5 min.
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Lab lab({}, quick(), seed);
    lab.start_cluster();
    lab.load(100, 10'000);  // 1 MB/s: max_wal_size / 1.9 takes 565 s, so time rules
    lab.server(0).assume_steady_state();
    lab.run(seed * 37s);
    const std::uint64_t bytes = lab.server(0).wal_since_redo();
    INFO("seed " << seed);
    CHECK(bytes >= 269'000'000);
    CHECK(bytes <= 571'000'000);
  }
  // WAL-driven: spacing max_wal_size / 1.9, so at most 1.9 times that lies behind the REDO point.
  Lab lab;
  lab.start_cluster();
  lab.load(1000, 50'000);  // 50 MB/s
  lab.run(100s);
  CHECK(lab.server(0).wal_since_redo() <= (std::uint64_t{1} << 30) + 1'000'000);
  CHECK(lab.server(0).wal_since_redo() >= (std::uint64_t{1} << 30) * 47 / 100);
}

TEST_CASE("postgres: the crash of one backend ends all sessions with 57P02", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write()}, answers);
  lab.run(1s);
  const Time begin = lab.now();
  lab.server(0).crash_backend();
  CHECK(lab.server(0).is_running());
  lab.run(8s);
  REQUIRE(answers.size() == 4);
  CHECK(answers[2].answer.state == SqlState::crash_shutdown);
  CHECK(answers[2].at - begin == 1ms);
  CHECK(answers[3].error == NetError::closed);
  // notice 5 ms + 1000 bytes replayed and written (10 us each) + fsync 2 ms; no postmaster start.
  CHECK(lab.log.last(kinds::ready, "postgres/db-0") - begin == 7020us);
  CHECK(lab.server(0).timeline() == 1);
  CHECK(lab.server(0).pg_stat_replication().count == 2);  // the standbys came back
}

TEST_CASE("postgres: restart_after_crash off ends the postmaster", "[postgres]") {
  PostgresConfig config;
  config.restart_after_crash = false;
  Lab lab(config);
  lab.start_cluster();
  lab.server(0).crash_backend();
  lab.run(1s);
  CHECK_FALSE(lab.server(0).is_running());
}

TEST_CASE("postgres: SIGKILL of the postmaster closes connections without a word", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write()}, answers);
  lab.run(1s);
  lab.server(0).kill_postmaster(true);
  CHECK(lab.server(0).is_running());  // a zombie
  CHECK(lab.server(0).pg_isready() == Readiness::no_response);
  lab.server(0).reap();
  CHECK_FALSE(lab.server(0).is_running());
  lab.run(1s);
  REQUIRE(answers.size() == 3);
  CHECK(answers[2].error == NetError::closed);
}

TEST_CASE("postgres: the crash of the host is silent, and what was flushed survives",
          "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write(1), Lab::write(2)}, answers);
  lab.run(1s);
  lab.host(0).crash();
  lab.run(10s);
  CHECK(answers.size() == 3);
  lab.host(0).restart();
  CHECK(lab.server(0).start(StartAs::primary));
  lab.run(1s);
  CHECK(lab.server(0).accepts_writes());
  CHECK(lab.server(0).flushed() == origin + 2000);
  CHECK(lab.lost(0).rows == 0);
}

TEST_CASE("postgres: synchronous_commit off loses what was not yet flushed", "[postgres]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write(1, SynchronousCommit::off)}, answers);
  lab.run(1s);  // wal_writer_delay has passed: safe
  CHECK(answers[1].at - answers[0].at == 2ms);
  CHECK(lab.server(0).flushed() == origin + 1000);
  lab.spawn_client(0, {Lab::write(2, SynchronousCommit::off)}, answers);
  lab.run(50ms);
  lab.server(0).kill_postmaster();
  lab.server(0).start(StartAs::primary);
  lab.run(1s);
  lab.spawn_client(0, {Lab::write(3)}, answers);  // writes the same positions anew
  lab.run(1s);
  CHECK(lab.server(0).timeline() == 1);
  CHECK(lab.lost(0).rows == 1);
  CHECK(lab.ledger.lost_tags(lab.server(0).history(), lab.server(0).flushed()) ==
        std::vector<std::uint64_t>{2});
}

TEST_CASE("postgres: a stalled disk hangs commits, and nothing else", "[postgres][disk]") {
  Lab lab;
  lab.start_cluster();
  lab.load(100, 1000);
  lab.run(10s);
  lab.disk(0).stall();
  Lab::Answers answers, reader;
  lab.spawn_client(0, {Lab::write()}, answers);
  lab.spawn_client(0, {Lab::read()}, reader);
  const Lsn before = lab.server(0).flushed();
  lab.run(30s);
  CHECK(answers.size() == 1);
  CHECK(reader.size() == 2);
  CHECK(lab.server(0).flushed() == before);
  CHECK(lab.server(0).pg_isready() == Readiness::accepting);
  lab.disk(0).resume();
  lab.run(10ms);
  CHECK(answers.size() == 2);
  CHECK(answers[1].answer.state == SqlState::ok);
  lab.server(0).settle_ledger();
  CHECK(lab.ledger.acknowledged() == 1 + 1000 + 1);  // the write, 10 s and 10 ms of load
}

TEST_CASE("postgres: a full WAL volume is a PANIC, then recovery fails too", "[postgres][disk]") {
  Lab lab;
  lab.start_cluster();
  Lab::Answers answers;
  lab.disk(0).set_full(true);
  lab.spawn_client(0, {Lab::read(), Lab::write()}, answers);
  lab.run(1s);
  REQUIRE(answers.size() == 4);
  CHECK(answers[2].answer.state == SqlState::crash_shutdown);
  CHECK(lab.log.count(kinds::panic) == 1);
  CHECK(lab.log.count(kinds::start_failed) == 1);
  CHECK_FALSE(lab.server(0).is_running());
  CHECK(lab.server(0).start(StartAs::primary));
  lab.run(1s);
  CHECK_FALSE(lab.server(0).is_running());
  lab.disk(0).set_full(false);
  lab.server(0).start(StartAs::primary);
  lab.run(1s);
  CHECK(lab.server(0).accepts_writes());
}

TEST_CASE("postgres: a full data volume answers 53100 and the server lives", "[postgres][disk]") {
  Lab lab;
  Disk data(lab.host(0), "db-0/data");
  lab.server(0).set_data_disk(data);
  lab.start_cluster();
  data.set_full(true);
  Lab::Answers answers;
  lab.spawn_client(0, {Lab::write(), Lab::read()}, answers);
  lab.run(1s);
  REQUIRE(answers.size() == 3);
  CHECK(answers[1].answer.state == SqlState::disk_full);
  CHECK(answers[2].answer.state == SqlState::ok);
}

namespace {
Task<> ask(PostgresServer& server, QueryResult* result, ServerStatus* status) {
  *result = QueryResult::too_many;
  *result = co_await server.query_status(*status);
}
}  // namespace

TEST_CASE("postgres: the cluster manager's query sees what it would see", "[postgres]") {
  Lab lab;
  QueryResult result{};
  ServerStatus status;
  lab.clients.spawn(ask(lab.server(0), &result, &status));
  lab.run(1s);
  CHECK(result == QueryResult::no_connection);
  lab.start_cluster();
  lab.clients.spawn(ask(lab.server(1), &result, &status));
  lab.run(1s);
  CHECK(result == QueryResult::ok);
  CHECK(status.in_recovery);
  CHECK(status.streaming);
  CHECK(status.received == origin);
  lab.server(0).group().freeze();
  lab.clients.spawn(ask(lab.server(0), &result, &status));
  lab.run(1h);
  CHECK(result == QueryResult::too_many);  // no answer yet, however long it takes
  lab.server(0).group().thaw();
  lab.run(1s);
  CHECK(result == QueryResult::ok);
}

TEST_CASE("postgres: validate names what PostgreSQL would reject", "[postgres]") {
  PostgresConfig good;
  CHECK(validate(good).empty());
  PostgresConfig bad;
  bad.superuser_reserved_connections = 100;
  bad.checkpoint_timeout = 1s;
  bad.wal_sender_timeout = -1s;
  CHECK(validate(bad).size() == 3);
}
