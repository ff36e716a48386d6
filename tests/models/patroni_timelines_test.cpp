// Fault timelines that need more than one cause or a half-open network, each with its formula from
// the settings (ttl 30 s, loop_wait 10 s, retry_timeout 10 s, three etcd members). `a` is the age
// of the last renewal of the leader key when the fault hits.
#include "tests/models/cluster.hpp"

namespace predrill::models::fixture {
namespace {

namespace kinds = patroni_kinds;

// What a demotion after a cut takes from the next cycle on: one request on an open connection that
// reads in vain, two connects, and the list from three members anew.
constexpr Duration dcs_cut = 11667ms;

bool streams(Cluster& c, MemberId from, MemberId member) {
  const ReplicationView view = c.postgres(from).pg_stat_replication();
  const ReplicationRow* row = view.find(member);
  return row != nullptr && row->streaming;
}

}  // namespace

// The first request after the cut arrives and renews the lease, though its answer is lost; later
// ones need a handshake. So the key outlives the demotion: it expires ttl after the next cycle's
// start, and the poll of the old primary, which is down by then, costs nothing. Lab: demotion
// after 18.5 and 21.7 s, new acknowledgement after 38.6 and 42.5 s.
TEST_CASE("patroni: lost replies of the DCS lengthen the outage up to a whole ttl", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    ClusterOptions options = seeded(seed);
    // In time for the lock of the HA loop; one that comes late demotes a cycle later.
    options.patroni_timings.thread_wake = sim::Distribution::constant(100us);
    Cluster c(options);
    c.run_to_phase();
    const Duration until_cycle = c.patroni(0).next_run() - c.now();
    const Time fault = c.now();
    c.sim.network().cut(c.all_etcd(), c.hosts_of({0}), sim::Direction::forward);
    c.run(60s);
    INFO("seed " << seed << ", next cycle in " << s(until_cycle) << "\n" << c.text);
    const auto gap = c.gap(fault);
    CHECK(gap.from - fault >= until_cycle + dcs_cut);
    CHECK(gap.from - fault <= until_cycle + dcs_cut + 1200ms);
    CHECK(gap.to - fault >= until_cycle + 30s);
    CHECK(gap.to - fault <= until_cycle + 30s + 700ms + race_and_promotion_max);
    CHECK(c.leader() != 0);
    CHECK(c.lost().rows == 0);
    CHECK(c.dual() == 0s);
    CHECK(c.unexplained() == "");
  }
}

// Below retry_timeout / 3 per request a cycle gets longer and nothing else; above it every try
// times out and the primary demotes itself as after a cut, unless failsafe_mode is on.
TEST_CASE("patroni: a slow DCS is borne up to retry_timeout over its members", "[patroni]") {
  struct Case {
    Duration extra;
    bool failsafe;
    bool demotes;
  };
  const Case which = GENERATE(Case{1s, false, false}, Case{2500ms, false, false},
                              Case{5s, false, true}, Case{5s, true, false});
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    ClusterOptions options = seeded(seed);
    options.patroni.failsafe_mode = which.failsafe;
    Cluster c(options);
    c.run_to_phase();
    const Time fault = c.now();
    for (std::size_t i = 0; i < 3; ++i) {
      c.etcd->slow_requests(i, sim::Distribution::constant(which.extra));
    }
    c.run(60s);
    for (std::size_t i = 0; i < 3; ++i) c.etcd->slow_requests(i, {});
    c.run(60s);
    INFO("seed " << seed << ", " << s(which.extra) << " s more\n" << c.text);
    const Time demoting = c.first(kinds::demoting_dcs, fault, "db-0");
    CHECK((demoting < sim::time_max) == which.demotes);
    CHECK(c.gaps(fault).empty() == !which.demotes);
    if (which.demotes) {
      CHECK(demoting - fault >= 10s);
      CHECK(demoting - fault <= 10s + 20s + 2s);
    }
    CHECK(c.dual() == 0s);
    CHECK(c.lost().rows == 0);
    CHECK(c.unexplained() == "");
  }
}

// A new etcd leader gives every lease its election time-out and a full ttl from its election on:
// 1.0 to 2.1 s after the old one's death. Then scan, poll, promotion. Lab: 34.98 s.
TEST_CASE("patroni: node and etcd leader together cost election + 1 s + ttl", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Cluster c(seeded(seed));
    c.run_to_phase();
    const Time fault = c.now();
    const std::size_t leader = c.etcd->leader();
    REQUIRE(leader != Etcd::none);
    c.node(0).host.crash();
    c.etcd_hosts[leader]->crash();
    c.run(70s);
    INFO("seed " << seed << "\n" << c.text);
    const Time elected = c.first(etcd_leader_elected, fault);
    CHECK(elected - fault >= 900ms);
    CHECK(elected - fault <= 2200ms);
    const Time expired = c.first(key_expired, fault);
    CHECK(expired - elected >= 31s);
    CHECK(expired - elected <= 31s + 700ms);
    const auto gap = c.gap(fault);
    CHECK(gap.to - expired >= 2s);
    CHECK(gap.to - expired <= 2s + 500ms + race_and_promotion_max);
    CHECK(c.dual() == 0s);
    CHECK(c.unexplained() == "");
  }
}

// Standbys one by one, then one switchover, then the old primary as a standby: writes stop for the
// switchover alone. The synchronous standby hands over before it stops.
TEST_CASE("patroni: a rolling restart costs one switchover", "[patroni]") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Cluster c(seeded(seed, true));
    c.run_to_phase();
    const Time begin = c.now();
    const auto restart = [&c](MemberId member) {
      c.patroni(member).sigterm();
      c.run(60s);
      CHECK_FALSE(c.patroni(member).is_running());
      CHECK_FALSE(c.postgres(member).is_running());
      c.patroni(member).start();
      c.run(60s);
    };
    restart(1);
    restart(2);
    INFO("seed " << seed << "\n" << c.text);
    CHECK(c.gaps(begin).empty());
    CHECK(streams(c, 0, 1));
    CHECK(streams(c, 0, 2));
    const MemberId target = c.sync_standbys() == only(1) ? MemberId{1} : MemberId{2};
    CHECK(switch_over(c, target) == 200);
    restart(0);
    CHECK(c.leader() == target);
    CHECK(streams(c, target, 0));
    const auto gap = c.gap(begin);
    CHECK(gap.length() >= 2s);
    CHECK(gap.length() <= 5s);
    CHECK(c.lost().rows == 0);
    CHECK(c.count(kinds::rewinding) == 0);
    CHECK(c.unexplained() == "");
  }
}

// An isolated asynchronous primary writes on for 11.7 s and more, so its history forks off. It
// comes back with pg_rewind, or as a new copy, or not at all.
TEST_CASE("patroni: a diverged member comes back by rewind, by copy or not at all", "[patroni]") {
  struct Case {
    bool rewind;
    bool copy;
  };
  const Case which = GENERATE(Case{true, false}, Case{false, true}, Case{false, false});
  ClusterOptions options = seeded(2);
  options.patroni.use_pg_rewind = which.rewind;
  options.patroni.remove_data_directory_on_diverged_timelines = which.copy;
  options.postgres.data_bytes = std::uint64_t{1} << 30;
  Cluster c(options);
  c.run_to_phase();
  const Time fault = c.now();
  const auto cut = c.sim.network().cut(c.hosts_of({0}), c.all_but(0));
  c.run(60s);
  c.sim.network().heal(cut);
  c.run(240s);
  INFO("use_pg_rewind " << which.rewind << ", copy " << which.copy << "\n" << c.text);
  const MemberId primary = c.leader();
  REQUIRE(primary != 0);
  CHECK(c.lost().rows > 0);
  CHECK(streams(c, primary, 0) == (which.rewind || which.copy));
  CHECK((c.count(kinds::rewound, fault) > 0) == which.rewind);
  CHECK((c.count(kinds::reinitializing, fault) > 0) == which.copy);
  CHECK(c.unexplained() == "");
}

}  // namespace predrill::models::fixture
