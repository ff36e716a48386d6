// Threads of one Patroni process that wait for each other: the HA loop, the asynchronous action,
// the watch of the DCS and the REST server. Who comes first decides seconds.
#include "tests/models/cluster.hpp"

namespace predrill::models::fixture {
namespace {

namespace kinds = patroni_kinds;

// A cluster whose waiting threads always take this long to wake up.
ClusterOptions woken_after(Duration wake) {
  ClusterOptions options;
  options.patroni_timings.thread_wake = sim::Distribution::constant(wake);
  return options;
}

}  // namespace

// SIGTERM: RestApiServer.shutdown() first waits for serve_forever, which looks up every 0.5 s.
TEST_CASE("patroni: SIGTERM stops PostgreSQL once the REST server has noticed", "[patroni]") {
  for (const Duration noticed : {Duration(0ms), Duration(400ms)}) {
    ClusterOptions options;
    options.patroni_timings.rest_shutdown = sim::Distribution::constant(noticed);
    Cluster c(options);
    const Time fault = c.now();
    c.patroni(0).sigterm();
    c.run(20s);
    INFO(c.text);
    const Duration stop = c.first(postgres_kinds::fast_stop, fault) - fault;
    CHECK(stop >= noticed);
    CHECK(stop <= noticed + 50ms);
  }
}

// While a host stands still its key expires and the watch piles up. When it goes on, the HA loop
// and the thread of the watch wake up together: if the loop is first it renews a key that it no
// longer has. 3.0.2 then puts the key whoever holds it.
TEST_CASE("patroni 3.0.2: a thawed primary takes its key back or not, by chance", "[patroni]") {
  int stolen = 0;
  int lost = 0;
  constexpr int runs = 16;
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    ClusterOptions options;
    options.seed = seed;
    options.patroni.version = PatroniVersion::v3_0_2;
    options.patroni.use_pg_rewind = true;
    Cluster c(options);
    c.run_to_phase();
    c.node(0).host.freeze();
    c.run(45s);
    const MemberId between = c.leader();
    REQUIRE(between != 0);
    c.node(0).host.thaw();
    c.run(60s);
    INFO("seed " << seed << "\n" << c.text);
    if (c.leader() == 0) {
      ++stolen;
      lost += c.lost().rows > 0 ? 1 : 0;
    } else {
      CHECK(c.leader() == between);
    }
  }
  // Fair chances: 16 runs leave 2 to 14 with probability 0.9995.
  CHECK(stolen >= 2);
  CHECK(stolen <= 14);
  CHECK(lost == stolen);
}

// The new primary has written itself into /sync, and no standby yet, when the old one takes its key
// back. 3.0.2 adds nobody to another leader's /sync: a lab was without a synchronous standby until
// it ended, three minutes later.
TEST_CASE("patroni 3.0.2: a key taken back early leaves /sync to the other one", "[patroni]") {
  int stolen = 0;
  constexpr int runs = 16;
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    ClusterOptions options = seeded(seed, true);
    options.patroni.version = PatroniVersion::v3_0_2;
    Cluster c(options);
    c.run_to_phase();
    c.node(0).host.freeze();
    while (c.leader() == 0 || c.leader() == nobody) c.run(1s);
    const MemberId between = c.leader();
    c.run(5s);
    REQUIRE(c.sync_standbys() == 0);
    c.node(0).host.thaw();
    c.run(2min);
    INFO("seed " << seed << "\n" << c.text);
    const bool back = c.leader() == 0;
    stolen += back ? 1 : 0;
    CHECK((c.sync_standbys() == 0) == back);
    CHECK(c.sync_leader() == between);
  }
  CHECK(stolen >= 2);
  CHECK(stolen <= 14);
}

// SIGSTOP to the server's processes alone. The loop asks them before it renews its key, and they
// answer when they go on; the REST server asks them, too. The lab, 3.0.2: the key expires, another
// member leads 2.1 s later, and when the loop goes on it puts the key whoever holds it.
TEST_CASE("patroni: a server that stands still costs its Patroni the key", "[patroni]") {
  const auto version = GENERATE(PatroniVersion::v3_0_2, PatroniVersion::v3_3_2);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    ClusterOptions options;
    options.seed = seed;
    options.patroni.version = version;
    options.patroni.use_pg_rewind = true;
    Cluster c(options);
    c.run_to_phase();
    const Duration left = 30s - c.age();
    const Time fault = c.now();
    c.postgres(0).group().freeze();
    c.run(45s);
    INFO("seed " << seed << "\n" << c.text);
    const MemberId between = c.leader();
    CHECK(between != 0);
    const Time acquired = c.first(kinds::promoting, fault);
    CHECK(acquired - fault >= left + 2s);
    CHECK(acquired - fault <= left + 3s);
    c.postgres(0).group().thaw();
    c.run(60s);
    const bool puts_back = version == PatroniVersion::v3_0_2;
    CHECK(c.leader() == (puts_back ? 0 : between));
    // 50 rows a second: of some 18 s, or of the moment before the old server is stopped.
    CHECK((c.lost().rows > 300) == puts_back);
    CHECK(c.unexplained() == "");
  }
}

// The demotion of a leader that cannot reach the DCS is an asynchronous action. Its thread needs
// the lock of the HA loop, which after a cycle that came late is free for 1 ms. If it wakes up
// later the next cycle goes first, waits for the DCS as long, and then demotes from the main
// thread.
TEST_CASE("patroni: a demotion that misses the lock of the HA loop comes a cycle later",
          "[patroni]") {
  for (const Duration wake : {Duration(100us), Duration(20ms)}) {
    int missed = 0;
    int in_time = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      ClusterOptions options = woken_after(wake);
      options.seed = seed;
      options.patroni.version = PatroniVersion::v3_0_2;
      Cluster c(options);
      c.run_to_phase();
      const Time fault = c.now();
      c.etcd->kill_member(0);
      c.etcd->kill_member(1);
      c.run(45s);
      INFO("seed " << seed << "\n" << c.text);
      const Time error = c.first(kinds::demoting_dcs, fault, "db-0");
      const Time stop = c.first(postgres_kinds::fast_stop, fault, "postgres/db-0");
      REQUIRE(error != sim::time_max);
      REQUIRE(stop != sim::time_max);
      const bool late = c.first(kinds::late, error, "db-0") - error < 1s;
      if (!late || wake < 1ms) {
        CHECK(stop - error < 200ms);
        ++in_time;
      } else {
        CHECK(stop - error > 8s);
        CHECK(stop - error < 13s);
        ++missed;
      }
    }
    CHECK((missed > 0) == (wake > 1ms));
    CHECK(missed + in_time == 12);
  }
}

// Lab, 506 promotions: the request comes 2 to 15 ms after the cycle that decided has written to
// etcd that the leader has not run a checkpoint yet; in 41 of 413 a cycle later.
TEST_CASE("patroni: a promotion waits for the end of the cycle that decides it", "[patroni]") {
  ClusterOptions options = woken_after(100us);
  options.patroni_timings.promote_command = sim::Distribution::constant(6ms);
  Cluster c(options);
  c.run_to_phase();
  const Time fault = c.now();
  c.node(0).host.crash();
  c.run(45s);
  INFO(c.text);
  const Time key = c.first(key_created, fault);
  const Time decided = c.first(kinds::promoting, fault);
  const Time started = c.first(postgres_kinds::promotion_started, fault);
  REQUIRE(started != sim::time_max);
  // One write to etcd, which waits for a delayed ACK.
  CHECK(decided - key > 40ms);
  CHECK(decided - key < 60ms);
  CHECK(started - decided > 6ms);
  CHECK(started - decided < 7ms);
}

// Member.data["checkpoint_after_promote"]: whoever has to rewind waits for it.
TEST_CASE("patroni: a leader publishes that its checkpoint is still to come", "[patroni]") {
  Cluster c;
  const auto awaits = [&c](MemberId id) {
    return c.etcd->store().get(c.scope, {EtcdKey::member, id}).value.data.awaits_checkpoint;
  };
  CHECK_FALSE(awaits(0));
  c.run_to_phase();
  c.node(0).host.crash();
  while (c.leader() == 0 || c.leader() == nobody) c.run(10ms);
  const MemberId next = c.leader();
  c.run(200ms);
  CHECK(awaits(next));
  c.run(25s);
  CHECK_FALSE(awaits(next));
}

// What a member has written is in its cache when the answer is there (call_rpc): a switchover that
// it was asked for begins with the cycle that the request wakes, not loop_wait later.
TEST_CASE("patroni: a switchover request is seen by the cycle that it wakes", "[patroni]") {
  Cluster c(woken_after(20ms));  // slower than everything else
  const Time fault = c.now();
  const int status = switch_over(c, 1);
  INFO(c.text);
  CHECK(status == 200);
  CHECK(c.first(kinds::demoting_switchover, fault) - fault < 1s);
  CHECK(c.leader() == 1);
}

}  // namespace predrill::models::fixture
