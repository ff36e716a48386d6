// Failovers of a cluster of three: how long writes stop and why. Each bound follows from the
// settings (ttl 30 s, loop_wait 10 s, retry_timeout 10 s unless named) by the formula in the
// comment; `a` is the age of the last renewal of the leader key when the fault hits.
#include "tests/models/cluster.hpp"

namespace predrill::models::fixture {
namespace {

namespace kinds = patroni_kinds;

}  // namespace

TEST_CASE("patroni: a quiet cluster stays quiet", "[patroni]") {
  Cluster c(seeded(1));
  const Time from = c.now();
  const std::uint64_t events = c.sim.events_executed();
  const std::size_t records = c.records.size();
  c.run(3min);
  CHECK(c.leader() == 0);
  CHECK(c.gaps(from).empty());
  CHECK(c.lost().rows == 0);
  INFO(c.text);
  CHECK(c.records.size() == records);  // nothing for a timeline
  CHECK(c.sim.events_executed() - events < 15000);
}

// RTO = ttl - a + U(0, 0.5) + 2.0 (poll of the dead member) + lock + promotion.
TEST_CASE("patroni: a dead node costs what is left of the ttl and 2 s more", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const bool synchronous = seed % 2 == 0;
    Cluster c(seeded(seed, synchronous));
    c.run_to_phase();
    const Duration a = c.age();
    const Time fault = c.now();
    c.node(0).host.crash();
    c.run(60s);
    const auto gap = c.gap(fault);
    INFO("seed " << seed << ", a = " << s(a) << " s\n" << c.text);
    const Duration rto = gap.to - fault;
    CHECK(rto >= 30s - a + 2s + race_and_promotion_min);
    CHECK(rto <= 30s - a + 500ms + 2s + race_and_promotion_max);
    CHECK(gap.after == c.leader());
    CHECK(c.leader() != 0);
    CHECK(c.dual() == 0s);
    // Asynchronous: what was acknowledged within the lag of the stream, milliseconds of 50 rows/s.
    CHECK(c.lost().rows <= (synchronous ? 0U : 2U));
    CHECK(c.unexplained() == "");
  }
}

TEST_CASE("patroni: an old primary comes back as a standby, rewound if it must be", "[patroni]") {
  Cluster c(seeded(3));
  c.run_to_phase();
  c.node(0).host.crash();
  c.run(60s);
  const MemberId primary = c.leader();
  REQUIRE(primary != 0);
  const Time back = c.now();
  c.node(0).host.restart();
  c.run(90s);
  INFO(c.text);
  CHECK(c.leader() == primary);
  const ReplicationView view = c.postgres(primary).pg_stat_replication();
  REQUIRE(view.find(0) != nullptr);
  CHECK(view.find(0)->streaming);
  CHECK(c.postgres(0).timeline() == c.postgres(primary).timeline());
  CHECK(c.first(kinds::crash_recovery, back, "db-0") < sim::time_max);
}

// The REST server's poll of 0 to 0.5 s; release at about 2 s after the stop (poll each second, a
// second for the replicas), race, promotion.
TEST_CASE("patroni: SIGTERM releases the key; a failover in a few seconds", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Cluster c(seeded(seed, seed % 2 == 0));
    c.run_to_phase();
    const Time fault = c.now();
    c.patroni(0).sigterm();
    c.run(40s);
    INFO("seed " << seed << "\n" << c.text);
    const Time released = c.first(kinds::key_released, fault, "db-0");
    CHECK(released - fault >= 2s);
    CHECK(released - fault <= 3500ms);
    const auto gap = c.gap(fault);
    CHECK(gap.from - fault <= 1s);
    CHECK(gap.to - fault >= 2100ms);
    CHECK(gap.to - fault <= 5s);
    CHECK(c.lost().rows == 0);
    CHECK_FALSE(c.patroni(0).is_running());
    CHECK(c.unexplained() == "");
  }
}

// A key that is not released has to expire: ttl - a + U(0, 0.5) + poll + promotion.
TEST_CASE("patroni: SIGKILL soon after SIGTERM leaves the key to expire", "[patroni]") {
  Cluster c(seeded(5));
  c.run_to_phase();
  const Duration a = c.age();
  const Time fault = c.now();
  c.patroni(0).sigterm();
  c.run(1900ms);
  c.node(0).group.kill();
  c.postgres(0).kill_postmaster();
  c.run(60s);
  INFO(c.text);
  const auto gap = c.gap(fault);
  CHECK(gap.to - fault >= 30s - a);
  CHECK(gap.to - fault <= 30s - a + 500ms + race_and_promotion_max);  // refused: no 2 s
  CHECK(c.lost().rows == 0);  // PostgreSQL had stopped cleanly
}

// U(0, loop_wait) until the next cycle, start of the postmaster, crash recovery.
TEST_CASE("patroni: a dead postmaster is started again where it was", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Cluster c(seeded(seed));
    c.run_to_phase();
    const Timeline timeline = c.postgres(0).timeline();
    const Duration until_cycle = c.patroni(0).next_run() - c.now();
    const Time fault = c.now();
    c.postgres(0).kill_postmaster();
    c.run(60s);
    INFO("seed " << seed << "\n" << c.text);
    const auto gap = c.gap(fault);
    CHECK(gap.to - fault >= until_cycle);
    CHECK(gap.to - fault <= until_cycle + 6s);
    CHECK(c.leader() == 0);
    CHECK(c.postgres(0).timeline() == timeline);
    CHECK(c.lost().rows == 0);
  }
}

TEST_CASE("patroni: with primary_start_timeout 0 a dead postmaster means failover", "[patroni]") {
  ClusterOptions options = seeded(2);
  options.patroni.primary_start_timeout = 0s;
  Cluster c(options);
  c.run_to_phase();
  const Duration until_cycle = c.patroni(0).next_run() - c.now();
  const Time fault = c.now();
  c.postgres(0).kill_postmaster();
  c.run(60s);
  INFO(c.text);
  const auto gap = c.gap(fault);
  CHECK(c.leader() != 0);
  CHECK(gap.to - fault >= until_cycle);
  CHECK(gap.to - fault <= until_cycle + 500ms + race_and_promotion_max);
}

TEST_CASE("patroni: a backend crash causes no failover", "[patroni]") {
  Cluster c(seeded(2));
  c.run_to_phase();
  const Time fault = c.now();
  c.postgres(0).crash_backend();
  c.run(60s);
  INFO(c.text);
  CHECK(c.leader() == 0);
  CHECK(c.gap(fault, 5ms).length() < 10s);
  CHECK(c.count(kinds::crashed, fault) == 0);
}

// Demotion starts at the next cycle + D_dcs, D_dcs = 3.33 + 1.67 + 1.67 + 3 * 1.67 = 11.7 s for
// three endpoints and retry_timeout 10 s; the majority promotes when the key has expired.
TEST_CASE("patroni: an isolated primary demotes before its key can expire", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Cluster c(seeded(seed));
    c.run_to_phase();
    const Duration a = c.age();
    const Duration until_cycle = c.patroni(0).next_run() - c.now();
    const Time fault = c.now();
    c.sim.network().cut(c.hosts_of({0}), c.all_but(0));
    c.run(60s);
    INFO("seed " << seed << ", a = " << s(a) << ", next cycle in " << s(until_cycle) << "\n"
                 << c.text);
    const Time demoting = c.first(kinds::demoting_dcs, fault, "db-0");
    CHECK(demoting - fault >= until_cycle + 11s);
    CHECK(demoting - fault <= until_cycle + 12500ms);
    const auto gap = c.gap(fault);
    CHECK(gap.before == 0);  // it went on acknowledging until then
    CHECK(gap.to - fault >= 30s - a + 2s);
    CHECK(gap.to - fault <= 30s - a + 2500ms + race_and_promotion_max);
    CHECK(c.dual() == 0s);
    CHECK(c.lost().rows > 50 * 10);  // at least ten seconds of 50 rows/s
    CHECK(c.unexplained() == "");
  }
}

TEST_CASE("patroni: an isolated synchronous primary acknowledges nothing that is lost",
          "[patroni]") {
  Cluster c(seeded(2, true));
  c.run_to_phase();
  const Time fault = c.now();
  c.sim.network().cut(c.hosts_of({0}), c.all_but(0));
  c.run(60s);
  INFO(c.text);
  const auto gap = c.gap(fault);
  CHECK(gap.from - fault < 100ms);
  CHECK(c.lost().rows == 0);
  CHECK(c.dual() == 0s);
}

// The outage begins with the demotion and ends when the key has expired, without the 2 s.
TEST_CASE("patroni: losing the DCS alone demotes, unless failsafe_mode is on", "[patroni]") {
  ClusterOptions options = seeded(3);
  SECTION("without failsafe_mode") {
    Cluster c(options);
    c.run_to_phase();
    const Duration a = c.age();
    const Time fault = c.now();
    c.sim.network().cut(c.hosts_of({0}), c.all_etcd());
    c.run(60s);
    INFO(c.text);
    const auto gap = c.gap(fault);
    CHECK(gap.from >= c.first(kinds::demoting_dcs, fault));
    CHECK(gap.to - fault >= 30s - a);
    CHECK(gap.to - fault <= 30s - a + 500ms + race_and_promotion_max);
    CHECK(c.lost().rows == 0);
    CHECK(c.leader() != 0);
  }
  SECTION("with failsafe_mode nothing happens for 90 s") {
    options.patroni.failsafe_mode = true;
    Cluster c(options);
    c.run_to_phase();
    const Time fault = c.now();
    const auto cut = c.sim.network().cut(c.hosts_of({0}), c.all_etcd());
    c.run(93s);
    c.sim.network().heal(cut);
    c.run(60s);
    INFO(c.text);
    CHECK(c.first(kinds::failsafe, fault) < sim::time_max);
    CHECK(c.gaps(fault).empty());
    CHECK(c.leader() == 0);
  }
}

// Lab, Patroni 3.0.2: three primaries that had been standbys in failsafe mode demoted themselves
// 0.2 to 0.7 s after a cut from etcd had ended, and nobody led until ttl after their last call.
TEST_CASE("patroni: before 3.1.1 the second use of failsafe_mode by another primary is an outage",
          "[patroni]") {
  const bool mended = GENERATE(false, true);
  ClusterOptions options = seeded(3);
  options.patroni.failsafe_mode = true;
  options.patroni.version = mended ? PatroniVersion::v3_1 : PatroniVersion::v3_0_2;
  Cluster c(options);
  const auto cut_off = [&c](MemberId member) {
    const Time cut_at = c.now();
    const auto cut = c.sim.network().cut(c.hosts_of({member}), c.all_etcd());
    c.run(60s);
    CHECK(c.first(kinds::failsafe, cut_at) < sim::time_max);
    CHECK(c.gaps(cut_at).empty());
    c.sim.network().heal(cut);
    c.run(100s);
    return cut_at;
  };
  c.run_to_phase();
  CHECK(c.gaps(cut_off(0)).empty());
  REQUIRE(switch_over(c, 1) == 200);
  const MemberId second = c.leader();
  REQUIRE(second != 0);
  const Time again = cut_off(second);
  INFO(c.text);
  if (mended) {
    CHECK(c.gaps(again).empty());
    CHECK(c.leader() == second);
  } else {
    const auto gap = c.gap(again);
    CHECK(gap.from - again >= 60s);
    CHECK(gap.from - again <= 60s + 10s);
    CHECK(gap.to - gap.from >= 30s - 10s - 2s);  // its last call: a cycle and a request ago
    CHECK(gap.to - gap.from <= 30s + 10s + race_and_promotion_max);
  }
}

// Demotion 7 to 12 s after the next cycle (a cycle later in 8 of 116 drills of the lab, where its
// thread woke up too late); afterwards the same node resumes, on a new timeline.
TEST_CASE("patroni: after a loss of the DCS quorum the same node goes on", "[patroni]") {
  Cluster c(seeded(5));
  c.run_to_phase();
  const Timeline timeline = c.postgres(0).timeline();
  const Time fault = c.now();
  c.etcd_hosts[1]->crash();
  c.etcd_hosts[2]->crash();
  c.run(55s);
  const Time repaired = c.now();
  CHECK(c.primaries() == 0);
  c.etcd_hosts[1]->restart();
  c.etcd_hosts[2]->restart();
  c.run(60s);
  INFO(c.text);
  const auto gap = c.gap(fault);
  CHECK(c.leader() == 0);
  CHECK(gap.after == 0);
  CHECK(gap.from - fault >= 7s);
  CHECK(gap.from - fault <= 10s + 13s);
  CHECK(gap.to - repaired <= 10s + 8s);
  CHECK(c.postgres(0).timeline() == timeline + 1);
  CHECK(c.lost().rows == 0);
}

TEST_CASE("patroni: a frozen host is replaced and gives up when it wakes", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Cluster c(seeded(seed));
    c.run_to_phase();
    const Duration a = c.age();
    const Time fault = c.now();
    c.node(0).host.freeze();
    c.run(45s);
    const MemberId primary = c.leader();
    c.node(0).host.thaw();
    const Time thawed = c.now();
    c.run(60s);
    INFO("seed " << seed << "\n" << c.text);
    CHECK(primary != 0);
    CHECK(c.leader() == primary);
    const auto gaps = c.gaps(fault);
    REQUIRE_FALSE(gaps.empty());
    CHECK(gaps.front().to - fault >= 30s - a + 2s);
    CHECK(gaps.front().to - fault <= 30s - a + 2500ms + race_and_promotion_max);
    CHECK(c.primaries() == only(primary));
    // The old backends go on until the first cycle has looked: a window below one second.
    CHECK(c.dual() < 1s);
    // It reads the new leader in its cache, or fails to renew the key that it takes for its own.
    const Time demoted = std::min(c.first(kinds::demoting_not_leader, thawed, "db-0"),
                                  c.first(kinds::lock_lost, thawed, "db-0"));
    CHECK(demoted - thawed < 3s);
    CHECK(c.unexplained() == "");
  }
}

TEST_CASE("patroni: a freeze shorter than what is left of the ttl changes nothing", "[patroni]") {
  Cluster c(seeded(1));
  const Time fault = c.now();
  c.node(0).host.freeze();
  c.run(15s);
  c.node(0).host.thaw();
  c.run(60s);
  CHECK(c.leader() == 0);
  CHECK(c.gap(fault).length() < 16s);
}

// Nobody renews the key, PostgreSQL goes on: two primaries until Patroni comes back.
TEST_CASE("patroni: Patroni dies, PostgreSQL lives", "[patroni]") {
  SECTION("asynchronous: two primaries acknowledge") {
    ClusterOptions options = seeded(2);
    options.rows_per_second = 10;  // more of them, and the candidates veto each other for ever
    Cluster c(options);
    c.run_to_phase();
    const Duration a = c.age();
    const Time fault = c.now();
    c.node(0).group.kill();
    c.run(70s);
    INFO(c.text);
    CHECK(c.leader() != 0);
    const Time promoted = c.first(kinds::promoted, fault);
    CHECK(promoted - fault >= 30s - a);
    CHECK(promoted - fault <= 30s - a + 500ms + 3 * 10s + 4s);  // rounds may be vetoed
    CHECK(c.dual() > 5s);
    const Time back = c.now();
    c.patroni(0).start();
    c.run(30s);
    CHECK(c.first(kinds::demoting_not_leader, back, "db-0") - back < 6s);
    CHECK(c.lost().rows > 0);
    CHECK(c.primaries() == only(c.leader()));
    CHECK(c.unexplained() == "");
    CHECK_FALSE(c.checker.violations().empty());  // two writers, because Patroni was dead
  }
  SECTION("synchronous: the old one hangs") {
    Cluster c(seeded(2, true));
    c.run_to_phase();
    c.node(0).group.kill();
    c.run(60s);
    INFO(c.text);
    CHECK(c.leader() != 0);
    CHECK(c.dual() == 0s);
    CHECK(c.lost().rows == 0);
  }
  SECTION("restarted at once by a supervisor: no effect") {
    ClusterOptions options = seeded(2);
    options.patroni.supervisor.restarts = true;
    Cluster c(options);
    c.run_to_phase();
    const Time fault = c.now();
    c.node(0).group.kill();
    c.run(60s);
    INFO(c.text);
    CHECK(c.leader() == 0);
    CHECK(c.gaps(fault).empty());
  }
  SECTION("with a watchdog the host is reset 25 s after the last renewal") {
    ClusterOptions options = seeded(2);
    options.patroni.watchdog.device = true;
    Cluster c(options);
    c.run_to_phase();
    const Duration a = c.age();
    const Time fault = c.now();
    c.node(0).group.kill();
    c.run(60s);
    INFO(c.text);
    const Time reset = c.first(kinds::watchdog, fault);
    CHECK(reset - fault >= 25s - a - 100ms);
    CHECK(reset - fault <= 25s - a + 100ms);
    CHECK(c.leader() != 0);
    CHECK(c.dual() == 0s);
  }
}

// Until 3.3.6 the start of Patroni over a running primary empties synchronous_standby_names.
TEST_CASE("patroni: the start of some versions ends synchronous replication", "[patroni]") {
  for (const auto version : {PatroniVersion::v3_3_2, PatroniVersion::v3_3_7}) {
    ClusterOptions options = seeded(2, true);
    options.patroni.version = version;
    Cluster c(options);
    c.run_to_phase();
    c.node(0).group.kill();
    c.run(60s);
    REQUIRE(c.leader() != 0);
    c.patroni(0).start();
    c.run(30s);
    INFO(to_text(version) << "\n" << c.text);
    CHECK((c.lost().rows > 0) == features(version).sync_names_reset);
    CHECK(c.unexplained() == "");
  }
}

// U(0, loop_wait) until the next cycle takes another.
TEST_CASE("patroni: commits hang while a dead synchronous standby is still named", "[patroni]") {
  SECTION("its process dies") {
    Cluster c(seeded(4, true));
    const MemberSet before = c.sync_standbys();
    REQUIRE((before == only(1) || before == only(2)));
    const MemberId standby = before == only(1) ? 1 : 2;
    c.run_to_phase();
    const Duration until_cycle = c.patroni(0).next_run() - c.now();
    const Time fault = c.now();
    c.node(standby).group.kill();
    c.postgres(standby).kill_postmaster();
    c.run(60s);
    INFO(c.text);
    const auto gap = c.gap(fault);
    CHECK(gap.length() <= until_cycle + 1s);
    CHECK(gap.length() >= until_cycle - 500ms);
    CHECK(c.leader() == 0);
    CHECK(c.sync_standbys() == only(static_cast<MemberId>(3 - standby)));
  }
  SECTION("its host dies: until its member key expires or the walsender times out") {
    Cluster c(seeded(4, true));
    const MemberId standby = c.sync_standbys() == only(1) ? 1 : 2;
    c.run_to_phase();
    const Time fault = c.now();
    c.node(standby).host.crash();
    c.run(100s);
    INFO(c.text);
    const auto gap = c.gap(fault);
    CHECK(gap.length() >= 18s);
    CHECK(gap.length() <= 42s);
  }
  SECTION("it is stopped gracefully: no hang") {
    Cluster c(seeded(4, true));
    const MemberId standby = c.sync_standbys() == only(1) ? 1 : 2;
    c.run_to_phase();
    const Time fault = c.now();
    c.patroni(standby).sigterm();
    c.run(60s);
    INFO(c.text);
    CHECK(c.gaps(fault, 500ms).empty());
    CHECK(c.first(kinds::waiting_nosync, fault) < sim::time_max);
  }
}

// The standbys find the new primary's slots only after wal_retrieve_retry_interval, so its second
// cycle assigns one (lab: 11.6 to 12.0 s after the lock), and 2 s later it may be promoted
// (lab: 13.8 to 14.3 s). A death of the new primary in between leaves no legal candidate. With a
// seed in which the other standby is not ahead of it: one that has to be rewound comes a cycle
// later.
TEST_CASE("patroni: a new primary has no synchronous standby for a while", "[patroni]") {
  Cluster c(seeded(13, true));
  c.run_to_phase();
  const Time fault = c.now();
  c.node(0).host.crash();
  c.run(70s);
  INFO(c.text);
  const Time lock = c.first(key_created, fault);
  const Time names = c.first(kinds::sync_names, lock);
  const Time privilege = c.first(kinds::sync_assigned, lock);
  CHECK(names - lock >= 10s);
  CHECK(names - lock <= 12500ms);
  CHECK(privilege - names >= 2100ms);
  CHECK(privilege - names <= 2300ms);
}

TEST_CASE("patroni: a death within the gap between names and /sync leaves no candidate",
          "[patroni]") {
  Cluster c(seeded(8, true));
  c.node(0).host.crash();
  c.run(70s);
  // Its synchronous standby dies, the primary names the returning member and dies before /sync
  // does.
  const MemberId primary = c.leader();
  REQUIRE(primary != nobody);
  const auto standby = static_cast<MemberId>(3 - primary);
  REQUIRE(c.sync_standbys() == only(standby));
  c.node(standby).host.crash();
  c.node(0).host.restart();
  const Time from = c.now();
  while (c.first(kinds::sync_names, from, c.node(primary).host.name()) == sim::time_max &&
         c.now() < from + 3min) {
    c.run(100ms);
  }
  c.run(1s);
  REQUIRE(c.sync_standbys() == 0);
  c.node(primary).host.crash();
  c.run(2min);
  INFO(c.text);
  CHECK(c.leader() == nobody);
}

TEST_CASE("patroni: nobody is promoted if the primary and the synchronous standby die",
          "[patroni]") {
  Cluster c(seeded(6, true));
  const MemberId standby = c.sync_standbys() == only(1) ? 1 : 2;
  c.run_to_phase();
  const Time fault = c.now();
  c.node(0).host.crash();
  c.node(standby).host.crash();
  c.run(3min);
  CHECK(c.leader() == nobody);
  CHECK(c.primaries() == 0);
  c.node(standby).host.restart();
  c.run(60s);
  INFO(c.text);
  CHECK(c.leader() == standby);
  CHECK(c.gap(fault).length() > 3min);
  CHECK(c.lost().rows == 0);
}

TEST_CASE("patroni: replicas that lag too far refuse", "[patroni]") {
  ClusterOptions options = seeded(7);
  options.rows_per_second = 500;
  options.wal_bytes_per_row = 2000;  // 1 MB/s
  Cluster c(options);
  c.postgres(0).set_replication_bandwidth(100000);
  c.run(30s);
  c.node(0).host.crash();
  c.run(2min);
  INFO(c.text);
  CHECK(c.leader() == nobody);
  CHECK(c.count(kinds::race_refused) > 0);
  c.node(0).host.restart();
  c.run(60s);
  CHECK(c.leader() == 0);
  CHECK(c.lost().rows == 0);
}

// Shutdown checkpoint, 1 s poll, 1 s sleep, REST poll, race, promotion.
TEST_CASE("patroni: a switchover takes 2 to 5 s and needs no rewind", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const bool synchronous = seed % 2 == 0;
    Cluster c(seeded(seed, synchronous));
    c.run_to_phase();
    const MemberId target =
        synchronous ? (c.sync_standbys() == only(1) ? MemberId{1} : MemberId{2}) : MemberId{2};
    const Timeline timeline = c.postgres(0).timeline();
    const Time fault = c.now();
    const int status = switch_over(c, target);
    INFO("seed " << seed << "\n" << c.text);
    CHECK(status == 200);
    CHECK(c.leader() == target);
    const auto gap = c.gap(fault);
    CHECK(gap.length() >= 2s);
    CHECK(gap.length() <= 5s);
    CHECK(c.postgres(target).timeline() == timeline + 1);
    CHECK(c.lost().rows == 0);
    CHECK(c.count(kinds::rewinding, fault) == 0);
    const ReplicationView streams = c.postgres(target).pg_stat_replication();
    const ReplicationRow* old = streams.find(0);
    REQUIRE(old != nullptr);
    CHECK(old->streaming);
    CHECK(c.unexplained() == "");
  }
}

TEST_CASE("patroni: wall-clock jumps do not split the cluster", "[patroni]") {
  SECTION("forward: /primary is false until the next renewal, nothing else") {
    Cluster c(seeded(1));
    const Time fault = c.now();
    c.node(0).host.clock().jump(40s);
    CHECK_FALSE(c.patroni(0).is_leader());
    c.run(30s);
    CHECK(c.patroni(0).is_leader());
    CHECK(c.leader() == 0);
    CHECK(c.gaps(fault).empty());
  }
  SECTION("backward: the key expires and the same primary takes it again") {
    Cluster c(seeded(1));
    const Time fault = c.now();
    c.node(0).host.clock().jump(-60s);
    c.run(2min);
    INFO(c.text);
    CHECK(c.leader() == 0);
    CHECK(c.gaps(fault).empty());
    CHECK(c.dual() == 0s);
  }
}

// Short ttl: ttl 20, loop_wait 5, retry_timeout 5, three endpoints: D_dcs = 1.67 + 5 * 1 = 6.7 s.
TEST_CASE("patroni: other settings, other times by the same formulas", "[patroni]") {
  ClusterOptions options = seeded(3);
  options.patroni.ttl = 20s;
  options.patroni.loop_wait = 5s;
  options.patroni.retry_timeout = 5s;
  SECTION("a dead node") {
    Cluster c(options);
    c.run_to_phase();
    const Duration a = c.age();
    const Time fault = c.now();
    c.node(0).host.crash();
    c.run(60s);
    const Duration rto = c.gap(fault).to - fault;
    CHECK(rto >= 20s - a + 2s);
    CHECK(rto <= 20s - a + 2500ms + race_and_promotion_max);
  }
  SECTION("an isolated primary") {
    Cluster c(options);
    c.run_to_phase();
    const Duration until_cycle = c.patroni(0).next_run() - c.now();
    const Time fault = c.now();
    c.sim.network().cut(c.hosts_of({0}), c.all_but(0));
    c.run(60s);
    const Time demoting = c.first(kinds::demoting_dcs, fault, "db-0");
    CHECK(demoting - fault >= until_cycle + 6s);
    CHECK(demoting - fault <= until_cycle + 7500ms);
    CHECK(c.dual() == 0s);
  }
}

TEST_CASE("patroni: the same seed gives the same run", "[patroni]") {
  const auto once = [](std::uint64_t seed) {
    Cluster c(seeded(seed));
    c.run_to_phase();
    c.node(0).host.crash();
    c.run(60s);
    return c.sim.fingerprint();
  };
  CHECK(once(1) == once(1));
  CHECK(once(1) != once(2));
}

}  // namespace predrill::models::fixture
