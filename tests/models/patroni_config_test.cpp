// What Patroni changes in its settings, and the decisions of a member that need no waiting.
#include <catch2/catch.hpp>

#include "models/patroni_config.hpp"
#include "models/patroni_race.hpp"

using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

struct Times {
  std::chrono::seconds ttl, loop_wait, retry_timeout;
};

PatroniConfig with(PatroniVersion version, Times times) {
  PatroniConfig config;
  config.version = version;
  config.ttl = times.ttl;
  config.loop_wait = times.loop_wait;
  config.retry_timeout = times.retry_timeout;
  return config;
}

void check_adjusted(PatroniVersion version, Times in, Times out) {
  PatroniConfig config = with(version, in);
  const auto said = adjust(config);
  CAPTURE(in.ttl.count(), in.loop_wait.count(), in.retry_timeout.count());
  CHECK(config.ttl == out.ttl);
  CHECK(config.loop_wait == out.loop_wait);
  CHECK(config.retry_timeout == out.retry_timeout);
  const bool same =
      in.ttl == out.ttl && in.loop_wait == out.loop_wait && in.retry_timeout == out.retry_timeout;
  CHECK(said.empty() == same);
}

/// Three members; 0 was the leader and is gone, its /status says 1000.
ClusterView leaderless() {
  ClusterView view;
  view.present = 0b110;
  view.status_lsn = {1000};
  for (MemberId id = 0; id < 3; ++id) view.members[id].role = MemberData::Role::replica;
  view.history_timeline = 3;
  return view;
}

RaceSelf replica(std::uint64_t position) {
  RaceSelf self;
  self.member = 1;
  self.timeline = 3;
  self.wal_position = {position};
  return self;
}

PeerStatus peer(MemberId member, std::uint64_t position) {
  PeerStatus status;
  status.member = member;
  status.reachable = true;
  status.timeline = 3;
  status.wal_position = {position};
  return status;
}

Obstacle own(const PatroniConfig& config, const RaceSelf& self, const ClusterView& view) {
  bool manual = false;
  const Obstacle obstacle = own_obstacle(config, self, view, &manual);
  CHECK_FALSE(manual);
  return obstacle;
}

Obstacle against(const PatroniConfig& config, const ClusterView& view, const RaceSelf& self,
                 const PeerStatus& status) {
  PeerStatuses peers;
  peers.add(status);
  MemberId who = nobody;
  const Obstacle obstacle = peer_obstacle(config, self, view, peers, &who);
  CHECK(who == (obstacle == Obstacle::none ? nobody : status.member));
  return obstacle;
}

}  // namespace

TEST_CASE("patroni config: the rule of time-outs is kept by lowering loop_wait first") {
  using enum PatroniVersion;
  check_adjusted(v3_3_2, {30s, 10s, 10s}, {30s, 10s, 10s});
  check_adjusted(v3_3_2, {20s, 10s, 10s}, {20s, 1s, 9s});  // (20 - 1) / 2 in whole seconds
  check_adjusted(v3_3_2, {30s, 20s, 10s}, {30s, 10s, 10s});
  check_adjusted(v3_3_2, {25s, 10s, 10s}, {25s, 5s, 10s});
  check_adjusted(v4_1, {5s, 1s, 1s}, {20s, 1s, 3s});  // minima
  check_adjusted(v3_2, {30s, 10s, 15s}, {30s, 1s, 14s});
  check_adjusted(v3_2, {60s, 10s, 10s}, {60s, 10s, 10s});
}

TEST_CASE("patroni config: before 3.2.0 any value is taken") {
  check_adjusted(PatroniVersion::v3_0_2, {5s, 1s, 1s}, {5s, 1s, 1s});
  check_adjusted(PatroniVersion::v3_1, {5s, 10s, 10s}, {5s, 10s, 10s});
}

TEST_CASE("patroni config: strict mode needs one standby, the stop time-out synchronous mode") {
  PatroniConfig config;
  config.synchronous_mode_strict = true;
  config.synchronous_node_count = 0;
  config.primary_stop_timeout = 5s;
  CHECK(adjust(config).size() == 2);
  CHECK(config.synchronous_node_count == 1);
  CHECK(config.primary_stop_timeout == 0s);
}

TEST_CASE("patroni config: the watchdog fires 5 s before the key can expire, or at half the ttl") {
  PatroniConfig config;
  CHECK(config.watchdog_timeout() == 25s);
  config.watchdog.safety_margin = -1s;
  CHECK(config.watchdog_timeout() == 15s);
}

TEST_CASE("patroni config: what the versions differ in") {
  using enum PatroniVersion;
  CHECK_FALSE(features(v3_0_2).alive_veto);
  CHECK(features(v3_1).alive_veto);
  CHECK(features(v3_3_2).sync_names_reset);
  CHECK_FALSE(features(v3_3_7).sync_names_reset);
  CHECK(features(v4_0).sync_names_reset);
  CHECK_FALSE(features(v4_1).sync_names_reset);
  CHECK_FALSE(features(v3_3_7).keeps_member_slots);
  CHECK(features(v4_0).keeps_member_slots);
}

TEST_CASE("patroni race: what keeps a member out before it asks anybody") {
  PatroniConfig config;
  config.member = 1;
  ClusterView view = leaderless();
  CHECK(own(config, replica(1000), view) == Obstacle::none);

  SECTION("a failed pre_promote script") {
    RaceSelf self = replica(1000);
    self.backoff = true;
    CHECK(own(config, self, view) == Obstacle::backoff);
  }
  SECTION("tags") {
    config.tags.failover_priority = 0;
    CHECK(own(config, replica(1000), view) == Obstacle::nofailover);
  }
  SECTION("the watchdog") {
    RaceSelf self = replica(1000);
    self.watchdog_usable = false;
    CHECK(own(config, self, view) == Obstacle::watchdog_unusable);
  }
  SECTION("pause, unless it runs as primary") {
    view.pause = true;
    CHECK(own(config, replica(1000), view) == Obstacle::paused);
    RaceSelf self = replica(1000);
    self.is_primary = true;
    CHECK(own(config, self, view) == Obstacle::none);
  }
  SECTION("a running primary on an old timeline, from 3.1.0 on") {
    RaceSelf self = replica(1000);
    self.is_primary = true;
    self.timeline = 2;
    CHECK(own(config, self, view) == Obstacle::timeline_behind);
    config.version = PatroniVersion::v3_0_2;
    CHECK(own(config, self, view) == Obstacle::none);
  }
  SECTION("failsafe mode: a member that /failsafe does not list") {
    config.failsafe_mode = true;
    view.failsafe = 0b101;
    CHECK(own(config, replica(1000), view) == Obstacle::not_in_failsafe);
    view.failsafe = 0b111;
    CHECK(own(config, replica(1000), view) == Obstacle::none);
  }
  SECTION("synchronous mode: a member that /sync does not list") {
    config.synchronous_mode = true;
    CHECK(own(config, replica(1000), view) == Obstacle::none);  // /sync is empty
    view.sync.leader = 0;
    view.sync.sync_standby = only(2);
    CHECK(own(config, replica(1000), view) == Obstacle::not_in_sync);
    view.sync.sync_standby = only(1);
    CHECK(own(config, replica(1000), view) == Obstacle::none);
  }
}

TEST_CASE("patroni race: lag counts against the last published position") {
  PatroniConfig config;
  ClusterView view = leaderless();
  view.status_lsn = {5000000};
  CHECK(replica_obstacle(config, replica(5000000 - 1048576), view, true) == Obstacle::none);
  CHECK(replica_obstacle(config, replica(5000000 - 1048577), view, true) == Obstacle::lagging);
  CHECK(replica_obstacle(config, replica(0), view, false) == Obstacle::none);
  RaceSelf old = replica(5000000);
  old.timeline = 2;
  CHECK(replica_obstacle(config, old, view, true) == Obstacle::none);
  config.check_timeline = true;
  CHECK(replica_obstacle(config, old, view, true) == Obstacle::timeline_behind);
}

TEST_CASE("patroni race: who is asked") {
  PatroniConfig config;
  const ClusterView view = leaderless();
  ClusterView healthy = view;
  healthy.present = 0b111;
  CHECK(race_peers(config, 1, view, healthy) == 0b101);  // the dead leader too
  CHECK(race_peers(config, 1, view, view) == 0b100);
  healthy.members[0].nofailover = true;
  CHECK(race_peers(config, 1, view, healthy) == 0b100);

  config.synchronous_mode = true;
  ClusterView synchronous = view;
  synchronous.sync.leader = 0;
  synchronous.sync.sync_standby = only(1);
  ClusterView before = synchronous;
  before.present = 0b111;
  CHECK(race_peers(config, 1, synchronous, before) == 0b001);  // the former leader alone
}

TEST_CASE("patroni race: what an answer of another member means") {
  PatroniConfig config;
  config.member = 1;
  ClusterView view = leaderless();
  CHECK(against(config, view, replica(1000), peer(2, 1000)) == Obstacle::none);
  CHECK(against(config, view, replica(1000), peer(2, 1001)) == Obstacle::behind_peer);

  PeerStatus alive = peer(0, 0);
  alive.in_recovery = false;
  CHECK(against(config, view, replica(1000), alive) == Obstacle::primary_alive);

  PeerStatus preferred = peer(2, 1000);
  preferred.failover_priority = 2;
  CHECK(against(config, view, replica(1000), preferred) == Obstacle::peer_priority);
  CHECK(against(config, view, replica(1001), preferred) == Obstacle::none);

  PeerStatus silent = peer(2, 2000);
  silent.reachable = false;
  CHECK(against(config, view, replica(1000), silent) == Obstacle::none);
  PeerStatus barred = peer(2, 2000);
  barred.nofailover = true;
  CHECK(against(config, view, replica(1000), barred) == Obstacle::none);

  SECTION("3.0.2 does not mind a primary that is still alive and knows no priorities") {
    config.version = PatroniVersion::v3_0_2;
    CHECK(against(config, view, replica(1000), alive) == Obstacle::none);
    CHECK(against(config, view, replica(1000), preferred) == Obstacle::none);
  }
  SECTION("in synchronous mode a former leader that is ahead does not count") {
    config.synchronous_mode = true;
    view.sync.leader = 0;
    view.sync.sync_standby = only(1) | only(2);
    CHECK(against(config, view, replica(1000), peer(0, 1001)) == Obstacle::none);
    CHECK(against(config, view, replica(1000), peer(2, 1001)) == Obstacle::behind_peer);
    PeerStatus former = peer(0, 1000);
    former.failover_priority = 2;
    CHECK(against(config, view, replica(1000), former) == Obstacle::peer_priority);
    config.version = PatroniVersion::v4_1;
    CHECK(against(config, view, replica(1000), former) == Obstacle::none);
  }
}

TEST_CASE("patroni: a key is released early only if somebody has the shutdown checkpoint") {
  PatroniConfig config;
  const ClusterView view = leaderless();
  PeerStatuses peers;
  peers.add(peer(2, 999));
  CHECK_FALSE(failover_possible(config, view, peers, {1000}));
  CHECK(failover_possible(config, view, peers, {}));  // by maximum_lag_on_failover
  peers.add(peer(1, 1000));
  CHECK(failover_possible(config, view, peers, {1000}));
}

TEST_CASE("patroni: whom a leader may hand over to") {
  PatroniConfig config;
  ClusterView view = leaderless();
  view.present = 0b111;
  CHECK(failover_candidates(config, 0, view, false) == 0b110);
  view.failover.present = true;
  view.failover.leader = 0;
  view.failover.candidate = 2;
  CHECK(failover_candidates(config, 0, view, false) == 0b100);
  CHECK(failover_candidates(config, 0, view, true) == 0b010);
  config.synchronous_mode = true;
  view.sync.leader = 0;
  view.sync.sync_standby = only(1);
  CHECK(failover_candidates(config, 0, view, false) == 0);  // a switchover stays inside /sync
  view.failover.leader = nobody;                            // a manual failover does not
  CHECK(failover_candidates(config, 0, view, false) == 0b100);
}

TEST_CASE("patroni sync: present synchronous standbys are kept, then the most advanced is chosen") {
  PatroniConfig config;
  const ClusterView view = leaderless();
  SyncCandidates eligible;
  CHECK(pick_sync(config, view, eligible, 0, {100}).picked == 0);
  eligible.add({1, false, {90}});
  eligible.add({2, false, {95}});
  CHECK(pick_sync(config, view, eligible, 0, {100}).picked == only(2));
  eligible.of[0].is_sync = true;
  CHECK(pick_sync(config, view, eligible, 0, {100}).picked == only(1));
  CHECK(pick_sync(config, view, eligible, 0, {100}).allow_promote == 0);  // not verified yet
  CHECK(pick_sync(config, view, eligible, only(1), {100}).allow_promote == only(1));

  SECTION("a synchronous standby that lags too far is replaced") {
    config.maximum_lag_on_syncnode = 4;
    CHECK(pick_sync(config, view, eligible, only(1), {100}).picked == only(2));
    config.maximum_lag_on_syncnode = 5;
    CHECK(pick_sync(config, view, eligible, only(1), {100}).picked == only(1));
  }
  SECTION("two of them") {
    config.synchronous_node_count = 2;
    const SyncChoice choice = pick_sync(config, view, eligible, only(1), {100});
    CHECK(choice.picked == (only(1) | only(2)));
    CHECK(choice.allow_promote == only(1));
  }
  SECTION("members that must not lead come last") {
    ClusterView barred = view;
    barred.members[1].nofailover = true;
    CHECK(pick_sync(config, barred, eligible, only(1), {100}).picked == only(2));
  }
}
