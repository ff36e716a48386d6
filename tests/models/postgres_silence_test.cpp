// Streams whose path or peer is silent: what TCP sends again, who gives up, and when.
#include "tests/models/postgres_lab.hpp"

using namespace predrill::models;
using namespace predrill::models::testing;
namespace kinds = postgres_kinds;

namespace {

constexpr MemberSet names(MemberId a) {
  return only(a);
}

}  // namespace

TEST_CASE("replication: a silent standby is given up after wal_sender_timeout",
          "[postgres][replication]") {
  Lab lab;
  lab.start_cluster();
  lab.run(7s);
  const Time fault = lab.now();
  lab.host(1).crash();
  lab.run(2min);
  const Time ended = lab.log.last(kinds::walsender_timeout);
  // Its last status is up to wal_receiver_status_interval old: 50 to 60 s.
  CHECK(ended - fault > 50s);
  CHECK(ended - fault <= 60s);
  CHECK(lab.log.count(kinds::walsender_timeout) == 1);
  CHECK(lab.server(0).pg_stat_replication().count == 1);
}

TEST_CASE("replication: a short partition heals by TCP, a long one by reconnecting",
          "[postgres][replication]") {
  Lab lab;
  lab.start_cluster();
  lab.load(1000, 1000);
  lab.run(10s);
  const Time fault = lab.now();
  const auto cut = lab.sim.network().cut({&lab.host(0)}, {&lab.host(1)});
  SECTION("10 s: the keepalive is sent again after 0.2, 0.4, 0.8, … s") {
    lab.run(10s);
    const Lsn stood = lab.server(1).flushed();
    CHECK(lab.server(0).flushed() - stood >= 9'990'000);
    lab.sim.network().heal(cut);
    lab.run(20s);
    CHECK(lab.log.count(kinds::walsender_timeout) == 0);
    const Time resumed = lab.log.last(kinds::stream_resumed);
    // 204 ms * 2^6 after the cut, and what the ticks of the kernel add.
    CHECK(resumed - fault >= 13056ms);
    CHECK(resumed - fault <= 14s);
  }
  SECTION("2 min: both sides give up after 60 s, the standby connects again") {
    lab.run(2min);
    CHECK(lab.log.last(kinds::walsender_timeout) - fault == 60s);
    CHECK(lab.log.last(kinds::walreceiver_timeout) - fault == 60s);
    lab.sim.network().heal(cut);
    lab.run(70s);  // a SYN is under way: 64 s is the longest time between two
  }
  CHECK(lab.server(0).pg_stat_replication().count == 2);
  CHECK(lab.server(0).flushed() - lab.server(1).flushed() <= 10'000);
}

TEST_CASE("replication: a fast stop waits for a walsender whose standby is silent",
          "[postgres][replication]") {
  Lab lab;
  lab.start_cluster();
  lab.host(2).crash();
  const Time begin = lab.now();
  lab.server(0).stop(StopMode::fast);
  lab.run(2min);
  // "shut down" in pg_control long before the postmaster has gone.
  CHECK(lab.log.last(kinds::shutdown_checkpoint) - begin <= 250ms);
  CHECK(lab.log.last(kinds::shut_down) - begin > 50s);
  CHECK(lab.log.last(kinds::shut_down) - begin <= 60s);
}

TEST_CASE("replication: a stop waits for a standby that has all but cannot be heard",
          "[postgres][replication]") {
  Lab lab;
  lab.start_cluster();
  lab.run(5s);
  lab.sim.network().cut({&lab.host(0)}, {&lab.host(1), &lab.host(2)});
  lab.server(0).stop(StopMode::fast);
  lab.run(2min);  // wal_sender_timeout is one minute
  CHECK_FALSE(lab.server(0).is_running());
  CHECK(lab.server(0).controldata().clean());
}

// The lab: 13.3 s for the first, 60.0 s for the second, in all paths of synchronous commits.
TEST_CASE("replication: a reply waits behind a status that the path has swallowed",
          "[postgres][replication][sync]") {
  Lab lab;
  lab.start_cluster();
  lab.load(1000, 1000);
  lab.sync(0, names(1));
  lab.run(5s);
  const Time fault = lab.now();
  SECTION("cut off for 12 s: the status of the 10th second is sent again 3.3 s later") {
    const auto cut = lab.sim.network().cut({&lab.host(0)}, {&lab.host(1)});
    lab.run(12s);
    lab.sim.network().heal(cut);
    lab.run(10s);
    const Time resumed = lab.log.last(kinds::stream_resumed);
    // 10 s, wal_receiver_status_interval, and 204 ms * 2^4.
    CHECK(resumed - fault >= 13260ms);
    CHECK(resumed - fault <= 14s);
    CHECK(lab.log.count(kinds::walsender_timeout) == 0);
  }
  SECTION("cut off for 45 s: the walsender gives up before the status is there") {
    const auto cut = lab.sim.network().cut({&lab.host(0)}, {&lab.host(1)});
    lab.run(45s);
    lab.sim.network().heal(cut);
    lab.run(20s);
    CHECK(lab.log.last(kinds::walsender_timeout) - fault == 60s);
    const Time resumed = lab.log.last(kinds::stream_resumed);
    CHECK(resumed - fault >= 60s);
    CHECK(resumed - fault <= 61s);
  }
  CHECK(lab.server(0).pg_stat_replication().count == 2);
}
