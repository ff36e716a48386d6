// Patroni over etcd: the life of the leader key, and how long a client takes to give up.
#include <catch2/catch.hpp>

#include "tests/models/etcd_world.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace predrill::models::test;

namespace {

// Node 0 takes the key; the world stands one second later.
void give_key_to_first(EtcdWorld& w) {
  Noted got;
  w.db[0]->patroni.spawn(acquire(w.db[0]->dcs, w.db[0]->patroni, got));
  w.sim.run_for(1s);
  REQUIRE(got.answer == DcsAnswer::yes);
  REQUIRE(w.etcd->holder(w.scope) == 0);
}

}  // namespace

TEST_CASE("etcd dcs: one creates the key, the other one learns it", "[etcd]") {
  EtcdWorld w;
  w.run_until(1s);
  Noted first, second;
  w.db[0]->patroni.spawn(acquire(w.db[0]->dcs, w.db[0]->patroni, first));
  w.db[1]->patroni.spawn(acquire(w.db[1]->dcs, w.db[1]->patroni, second));
  w.run_until(2s);
  CHECK((first.answer == DcsAnswer::yes) != (second.answer == DcsAnswer::yes));
  CHECK((first.answer == DcsAnswer::no) != (second.answer == DcsAnswer::no));
  const MemberId winner = first.answer == DcsAnswer::yes ? 0 : 1;
  CHECK(w.etcd->holder(w.scope) == winner);
  for (auto& node : w.db) CHECK(node->dcs.cache().leader == winner);
  CHECK(first.took() < 100ms);
}

TEST_CASE("etcd dcs: the key expires ttl + U(0, 0.5 s) + commit after the last renewal", "[etcd]") {
  Duration least = 1h, most = 0s;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    EtcdWorld w(seed);
    w.run_until(1s);
    give_key_to_first(w);
    w.run_until(5s);
    Noted renewed;
    w.db[0]->patroni.spawn(update(w.db[0]->dcs, w.db[0]->patroni, {100}, renewed));
    w.run_until(6s);
    REQUIRE(renewed.answer == DcsAnswer::yes);
    std::vector<Time> wakes;
    w.db[1]->patroni.spawn(wait_for_wake(w.db[1]->dcs, w.db[1]->patroni, false, 1h, wakes));
    w.run_until(8s);
    wakes.clear();
    w.db[0]->host.crash();
    w.run_until(60s);
    const Time expired = w.story.first(key_expired);
    REQUIRE(expired != sim::time_max);
    const Duration after = expired - renewed.began;
    CHECK(after >= 30s);
    CHECK(after <= 30s + 500ms + 100ms);
    least = std::min(least, after);
    most = std::max(most, after);
    REQUIRE(wakes.size() == 1);
    CHECK(wakes[0] - expired < 10ms);
    CHECK(w.db[1]->dcs.cache().leader == nobody);
    CHECK(w.etcd->holder(w.scope) == nobody);
  }
  CHECK(least < 30s + 60ms);  // the scan's phase is uniform
  CHECK(most > 30s + 440ms);
}

TEST_CASE("etcd dcs: a released key wakes the replicas within a round trip", "[etcd]") {
  EtcdWorld w;
  w.run_until(1s);
  give_key_to_first(w);
  std::vector<Time> wakes;
  w.db[1]->patroni.spawn(wait_for_wake(w.db[1]->dcs, w.db[1]->patroni, false, 1h, wakes));
  w.sim.run_for(1s);
  wakes.clear();
  Noted released;
  w.db[0]->patroni.spawn(remove(w.db[0]->dcs, w.db[0]->patroni, released));
  w.sim.run_for(1s);
  CHECK(released.answer == DcsAnswer::yes);
  REQUIRE(wakes.size() == 1);
  CHECK(wakes[0] - w.story.first(key_deleted) <= 2 * 250us);
  CHECK(w.etcd->holder(w.scope) == nobody);
  Noted again;
  w.db[0]->patroni.spawn(remove(w.db[0]->dcs, w.db[0]->patroni, again));
  w.sim.run_for(1s);
  CHECK(again.answer == DcsAnswer::no);
}

TEST_CASE("etcd dcs: a DCS cut ends in an error after D_dcs", "[etcd]") {
  struct Case {
    std::size_t members;
    Duration ttl, loop, retry, expected;
  };
  // max(1, RETRY/N) + (2N-1) * max(1, RETRY/2N): patroni-etcd-postgres.md 1.5 and 4.17.
  const Case c = GENERATE(Case{3, 30s, 10s, 10s, 11666666666ns}, Case{5, 30s, 10s, 10s, 11s},
                          Case{3, 20s, 10s, 5s, 6666666666ns}, Case{5, 20s, 14s, 3s, 10s});
  CAPTURE(c.members, sim::to_text(c.retry));
  EtcdWorld w(7, c.members, {.ttl = c.ttl, .loop_wait = c.loop, .retry_timeout = c.retry});
  w.run_until(1s);
  give_key_to_first(w);
  std::vector<const sim::Host*> all;
  for (auto& host : w.etcd_hosts) all.push_back(host.get());
  w.sim.network().cut({&w.db[0]->host}, all);
  Noted failed;
  w.db[0]->patroni.spawn(update(w.db[0]->dcs, w.db[0]->patroni, {1}, failed));
  w.sim.run_for(60s);
  CHECK(failed.answer == DcsAnswer::error);
  CHECK(failed.took() >= c.expected - 1us);
  CHECK(failed.took() <= c.expected + 1us);
}
