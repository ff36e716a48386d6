// Raft and leases of the etcd model against the timing facts of etcd 3.5.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>

#include "tests/models/etcd_world.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace predrill::models::test;

namespace {

void hold_key(EtcdWorld& w) {
  Noted got;
  w.db[0]->patroni.spawn(acquire(w.db[0]->dcs, w.db[0]->patroni, got));
  w.sim.run_for(1s);
  REQUIRE(got.answer == DcsAnswer::yes);
}

struct RawAnswer {
  bool replied = false;
  EtcdError error = EtcdError::none;
  Duration took{};
};
sim::Task<> ask(EtcdWorld& w, std::size_t member, EtcdRequest request, RawAnswer& out) {
  const Time began = w.sim.now();
  const auto reply =
      co_await sim::call(w.db[0]->patroni, w.etcd->port(member), request, Duration(60s));
  out.took = w.sim.now() - began;
  out.replied = static_cast<bool>(reply);
  if (reply) out.error = reply->error;
}

}  // namespace

TEST_CASE("etcd: a new leader comes 0.8 to 2 s after the death of the old one", "[etcd]") {
  Duration least = 1h, most = 0s;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    EtcdWorld w(seed, 3, {}, {}, 1);
    w.run_until(5s + seed * 7ms);
    const Time death = w.sim.now();
    if (seed % 2 == 0) {
      w.etcd->kill_member(0);
    } else {
      w.etcd_hosts[0]->crash();
    }
    w.sim.run_for(10s);
    const Time elected = w.story.first(etcd_leader_elected, death);
    REQUIRE(elected != sim::time_max);
    // 10 to 19 ticks after a heartbeat up to one tick old, the first tick at any phase; a split or
    // a refused pre-vote costs another round.
    CHECK(elected - death >= 790ms);
    CHECK(elected - death <= 4s);
    least = std::min(least, elected - death);
    most = std::max(most, elected - death);
    CHECK(w.etcd->leader() != 0);
    CHECK(w.etcd->has_quorum());
  }
  CHECK(least < 1100ms);
  CHECK(most > 1600ms);
}

TEST_CASE("etcd: a leader change gives every lease election timeout + ttl", "[etcd]") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    EtcdWorld w(seed);
    w.run_until(1s);
    hold_key(w);
    w.run_until(10s);
    w.db[0]->host.crash();
    w.etcd_hosts[0]->crash();
    w.run_until(80s);
    const Time elected = w.story.first(etcd_leader_elected, w.at(10s));
    const Time expired = w.story.first(key_expired);
    REQUIRE(elected != sim::time_max);
    REQUIRE(expired != sim::time_max);
    CHECK(expired - elected >= 31s);
    CHECK(expired - elected <= 31s + 500ms + 100ms);
  }
}

TEST_CASE("etcd: without quorum nothing expires and answers take 7 s", "[etcd]") {
  EtcdWorld w(11);
  w.run_until(1s);
  hold_key(w);
  w.etcd->kill_member(0);
  w.etcd->kill_member(1);
  w.run_until(10s);
  CHECK_FALSE(w.etcd->has_quorum());
  CHECK(w.etcd->leader() == Etcd::none);
  RawAnswer put, keepalive, range, list;
  EtcdRequest request;
  request.op = EtcdOp::put;
  request.name.key = EtcdKey::status;
  w.db[0]->patroni.spawn(ask(w, 2, request, put));
  request.op = EtcdOp::lease_keepalive;
  w.db[0]->patroni.spawn(ask(w, 2, request, keepalive));
  request.op = EtcdOp::range;
  w.db[0]->patroni.spawn(ask(w, 2, request, range));
  request.op = EtcdOp::member_list;
  w.db[0]->patroni.spawn(ask(w, 2, request, list));
  w.run_until(60s);
  CHECK(range.error == EtcdError::none);  // serializable: from what this member has applied
  CHECK(range.took < 100ms);
  for (const RawAnswer& answer : {put, keepalive}) {
    CHECK(answer.replied);
    CHECK(answer.error == EtcdError::timed_out);
    CHECK(answer.took >= 7s);
    CHECK(answer.took < 7100ms);
  }
  CHECK(list.replied);
  CHECK(list.took < 100ms);
  w.run_until(300s);
  CHECK(w.etcd->holder(w.scope) == 0);  // ten times its ttl later
  w.etcd->start_member(0);
  w.run_until(310s);
  CHECK(w.etcd->has_quorum());
  CHECK(w.etcd->holder(w.scope) == 0);
  const Time elected = w.story.first(etcd_leader_elected, w.at(300s));
  w.run_until(400s);
  const Duration after = w.story.first(key_expired) - elected;
  CHECK(after >= 31s);
  CHECK(after <= 31600ms);
}

TEST_CASE("etcd: a disk stall of the leader beyond the election timeout costs it the lead",
          "[etcd]") {
  const Duration stall = GENERATE(Duration(500ms), Duration(4s));
  EtcdWorld w(2);
  w.run_until(2s);
  w.etcd->stall_disk(0, stall);
  EtcdRequest put;
  put.op = EtcdOp::put;
  put.name.key = EtcdKey::status;
  w.etcd->write(put);
  w.run_until(20s);
  const bool changed = w.story.first(etcd_leader_elected, w.at(2s)) != sim::time_max;
  CHECK(changed == (stall > 2s));
  CHECK(w.etcd->leader() != Etcd::none);
  CHECK((w.etcd->leader() == 0) == !changed);
}

TEST_CASE("etcd: a stalled follower disturbs nobody", "[etcd]") {
  EtcdWorld w(2);
  w.run_until(2s);
  w.etcd->stall_disk(1, 10s);
  hold_key(w);
  w.run_until(20s);
  CHECK(w.story.count(etcd_leader_elected, w.at(1s)) == 0);
}

TEST_CASE("etcd: an isolated leader steps down after 1 to 2 s, a frozen one when it wakes",
          "[etcd]") {
  EtcdWorld w(4);
  w.run_until(2s);
  SECTION("isolated") {
    w.sim.network().cut({w.etcd_hosts[0].get()}, {w.etcd_hosts[1].get(), w.etcd_hosts[2].get()});
    w.run_until(10s);
    const Duration lost = w.story.first(etcd_leader_lost) - w.at(2s);
    CHECK(lost >= 900ms);
    CHECK(lost <= 2100ms);
  }
  SECTION("frozen") {
    w.etcd->group(0).freeze();
    w.run_until(10s);
    CHECK(w.story.count(etcd_leader_lost) == 0);
    w.etcd->group(0).thaw();
    w.run_until(11s);
    CHECK(w.story.count(etcd_leader_lost) == 1);
  }
  CHECK(w.etcd->leader() != 0);
  CHECK(w.etcd->term() > 1);
}

TEST_CASE("etcd: without pre-vote a returning member deposes the leader", "[etcd]") {
  const EtcdVersion version = GENERATE(EtcdVersion::v3_4, EtcdVersion::v3_5);
  EtcdWorld w(6, 3, {}, EtcdConfig::of(version));
  w.run_until(2s);
  const auto cut =
      w.sim.network().cut({w.etcd_hosts[2].get()}, {w.etcd_hosts[0].get(), w.etcd_hosts[1].get()});
  w.run_until(12s);
  CHECK(w.etcd->leader() == 0);
  w.sim.network().heal(cut);
  w.run_until(20s);
  CHECK(w.etcd->has_quorum());
  CHECK((w.story.count(etcd_leader_lost) == 1) == (version == EtcdVersion::v3_4));
}

// Two of three members die and start again after 30 s, of which the one that stayed has campaigned
// alone. In 3.4 its term is then far ahead. If one of the two is elected first, at a low term, its
// first message deposes it, but its first entry lies in both logs: the third member can win no
// more, and each of its campaigns starts the others' time-outs anew. Real ones of 3.4.23 took 0.3,
// 0.3, 1.7, 2.0, 2.2, 2.5, 2.9, 3.1, 3.2, 3.4, 4.7 and 5.1 s.
TEST_CASE("etcd: without pre-vote a quorum that comes back may quarrel for seconds", "[etcd]") {
  std::vector<Duration> took;
  Duration most_with_pre_vote{};
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    for (const EtcdVersion version : {EtcdVersion::v3_4, EtcdVersion::v3_5}) {
      CAPTURE(seed);
      EtcdWorld w(seed, 3, {}, EtcdConfig::of(version), 1);
      w.run_until(2s);
      for (const std::size_t member : {0U, 1U}) w.etcd->kill_member(member);
      w.run_until(32s);
      for (const std::size_t member : {0U, 1U}) w.etcd->start_member(member);
      w.run_until(92s);
      REQUIRE(w.etcd->leader() != Etcd::none);
      Time elected{};
      for (const sim::Record& r : w.story.records) {
        if (r.kind == &etcd_leader_elected) elected = std::max(elected, r.at);
      }
      const Duration length = elected - w.at(32s);
      if (version == EtcdVersion::v3_4) {
        took.push_back(length);
      } else {
        most_with_pre_vote = std::max(most_with_pre_vote, length);
      }
    }
  }
  std::sort(took.begin(), took.end());
  CHECK(took[150] > 1500ms);  // measured: 2.7 s, 90 % interval of the median 1.7 to 3.2 s
  CHECK(took[150] < 3200ms);
  CHECK(took[15] < 700ms);
  CHECK(took[270] > 3200ms);
  CHECK(took[270] < 8s);
  CHECK(most_with_pre_vote < 3s);
}

// EtcdServer.waitLeader: who has found no leader looks again after an election time-out.
TEST_CASE("etcd: a keepalive that waits for a leader looks for one each second", "[etcd]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    EtcdWorld w(seed);
    w.run_until(1s);
    hold_key(w);
    for (const std::size_t member : {0U, 1U}) w.etcd->kill_member(member);
    w.run_until(9900ms);
    EtcdRequest request;
    request.op = EtcdOp::lease_keepalive;
    RawAnswer keepalive;
    const Time asked = w.sim.now();
    w.db[0]->patroni.spawn(ask(w, 2, request, keepalive));
    for (const std::size_t member : {0U, 1U}) w.etcd->start_member(member);
    w.run_until(20s);
    REQUIRE(w.story.count(etcd_leader_elected, asked) == 1);
    const Duration elected = w.story.first(etcd_leader_elected, asked) - asked;
    const Duration looked = (elected / 1s + 1) * 1s;
    REQUIRE(keepalive.replied);
    CHECK(keepalive.took >= looked);
    CHECK(keepalive.took < looked + 50ms);
  }
}

// A proposal waits where there is no leader, also with one that was deposed while it was on its
// way.
TEST_CASE("etcd: members that come back serve as soon as their quarrel is over", "[etcd]") {
  int quarrels = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    EtcdWorld w(seed, 3, {}, EtcdConfig::of(EtcdVersion::v3_4), 1);
    w.run_until(2s);
    for (const std::size_t member : {0U, 1U}) w.etcd->kill_member(member);
    w.run_until(32s);
    for (const std::size_t member : {0U, 1U}) w.etcd->start_member(member);
    while (!w.etcd->port(0).is_open() || !w.etcd->port(1).is_open()) w.sim.run_for(10ms);
    const Time asked = w.sim.now();
    EtcdRequest put;
    put.op = EtcdOp::put;
    put.name.key = EtcdKey::status;
    std::array<RawAnswer, 2> answers;
    for (const std::size_t member : {0U, 1U}) {
      w.db[0]->patroni.spawn(ask(w, member, put, answers[member]));
    }
    w.run_until(92s);
    Time elected{};
    int elections = 0;
    for (const sim::Record& r : w.story.records) {
      if (r.kind != &etcd_leader_elected || r.at < w.at(32s)) continue;
      elected = r.at;
      ++elections;
    }
    quarrels += elections > 1 ? 1 : 0;
    for (const RawAnswer& answer : answers) {
      REQUIRE(answer.replied);
      CHECK(answer.error == EtcdError::none);
      CHECK(asked + answer.took < std::max(elected, asked) + 200ms);
    }
  }
  CHECK(quarrels > 20);
}

TEST_CASE("etcd: options are checked", "[etcd]") {
  EtcdConfig config;
  CHECK(validate(config).empty());
  CHECK(config.request_timeout() == 7s);
  config.election_timeout = 400ms;
  CHECK(validate(config).size() == 1);
  config.election_timeout = 51s;
  CHECK(validate(config).size() == 1);
}
