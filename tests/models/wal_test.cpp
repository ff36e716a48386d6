// Positions over time, histories, and how far a standby has come.
#include <catch2/catch.hpp>

#include "models/replication.hpp"
#include "models/wal.hpp"

using namespace predrill::models;
using namespace std::chrono_literals;
using predrill::sim::Time;

namespace {
constexpr Time start{};
}

TEST_CASE("wal: a curve grows by its rate and by jumps", "[wal]") {
  WalCurve curve;
  curve.reset(start, Lsn{1000});
  curve.set_rate(start + 1s, 100);
  curve.jump(start + 2s, 50);
  curve.set_rate(start + 3s, 0);
  CHECK(curve.at(start) == Lsn{1000});
  CHECK(curve.at(start + 1500ms) == Lsn{1050});
  CHECK(curve.at(start + 2s) == Lsn{1150});
  CHECK(curve.at(start + 10s) == Lsn{1250});
  CHECK(curve.until(Lsn{1049}) == start + 1500ms);
  CHECK(curve.until(Lsn{1120}) == start + 2s);
  CHECK(curve.until(Lsn{1250}) == predrill::sim::time_max);
  CHECK(curve.last_moved(start + 10s) == start + 3s);
}

TEST_CASE("wal: records end where they began plus their length", "[wal]") {
  WalCurve curve;
  curve.reset(start, Lsn{1000});
  CHECK(curve.record_end(Lsn{1000}) == Lsn{1000});
  curve.set_rate(start + 1s, 100, 30);  // records end at 1030, 1060, 1090 …
  CHECK(curve.record_end(Lsn{1029}) == Lsn{1000});
  CHECK(curve.record_end(Lsn{1030}) == Lsn{1030});
  CHECK(curve.record_end(Lsn{1089}) == Lsn{1060});
  curve.jump(start + 2s, 7);  // at 1100: between 1090 and 1120, which now ends at 1127
  CHECK(curve.record_end(Lsn{1107}) == Lsn{1107});
  CHECK(curve.record_end(Lsn{1126}) == Lsn{1107});
  CHECK(curve.record_end(Lsn{1127}) == Lsn{1127});
  CHECK(curve.record_end(Lsn{1156}) == Lsn{1127});
  CHECK(curve.record_end(Lsn{1157}) == Lsn{1157});
}

TEST_CASE("wal: a curve forgets the distant past but never runs backwards", "[wal]") {
  WalCurve curve;
  curve.reset(start, Lsn{0});
  for (int i = 1; i <= 20000; ++i) curve.jump(start + i * 1ms, 10);
  CHECK(curve.at(start + 20s) == Lsn{200000});
  Lsn before{0};
  for (int i = 0; i <= 2000; ++i) {
    const Lsn here = curve.at(start + i * 10ms);
    REQUIRE(here >= before);
    before = here;
  }
  CHECK(curve.at(start + 19900ms) == Lsn{199000});
}

TEST_CASE("wal: bytes and times are exact", "[wal]") {
  CHECK(bytes_in(100'000'000, 10ms) == 1'000'000);
  CHECK(bytes_in(UINT64_MAX, 1s) == UINT64_MAX);
  CHECK(time_for(1, 3) == 333333334ns);
  CHECK(time_for(5, 0) == predrill::sim::forever);
  CHECK(time_for(0, 0) == 0s);
}

TEST_CASE("wal: who can follow whom", "[wal]") {
  WalHistory one;
  WalHistory two = one;
  two.fork({2, 7, Lsn{1000}});
  WalHistory other = one;
  other.fork({2, 8, Lsn{900}});  // an isolated promotion that chose the same number
  CHECK(can_follow(one, Lsn{500}, one, Lsn{800}) == Follow::yes);
  CHECK(can_follow(one, Lsn{900}, one, Lsn{800}) == Follow::ahead);
  CHECK(can_follow(one, Lsn{1000}, two, Lsn{1200}) == Follow::yes);  // a clean switchover
  CHECK(can_follow(one, Lsn{1001}, two, Lsn{1200}) == Follow::diverged);
  CHECK(can_follow(two, Lsn{1100}, one, Lsn{1500}) == Follow::behind);
  CHECK(can_follow(two, Lsn{1100}, other, Lsn{1200}) == Follow::diverged);
  CHECK(WalHistory::common_end(two, Lsn{1100}, other, Lsn{1200}) == Lsn{900});
  CHECK(two.end_of(0, Lsn{1100}) == Lsn{1000});
  CHECK(two.end_of(7, Lsn{1100}) == Lsn{1100});
  CHECK_FALSE(two.end_of(8, Lsn{1100}));
  two.trim(Lsn{950});
  CHECK(two.timeline() == 1);
}

TEST_CASE("wal: a stream that begins again writes half a record anew", "[wal]") {
  WalCurve primary;
  primary.reset(start, Lsn{0});
  primary.set_rate(start, 1000, 300);
  WalCurve promoted;
  promoted.reset(start + 1s, Lsn{600});
  StandbyFlow flow;
  flow.reset(start, Lsn{0}, Lsn{0}, 10'000'000);
  flow.connect(start, primary, {});
  flow.disconnect(start + 800ms);
  CHECK(flow.received(start + 1s) == Lsn{800});
  CHECK(flow.whole_records(start + 1s) == Lsn{600});
  flow.connect(start + 1s, promoted, {});
  CHECK(flow.received(start + 1s) == Lsn{600});
  CHECK(flow.flushed(start + 1s) == Lsn{600});
  CHECK(flow.replayed(start + 1s) == Lsn{600});
}

TEST_CASE("wal: a standby follows at its delays and below its rates", "[wal]") {
  WalCurve primary;
  primary.reset(start, Lsn{0});
  primary.set_rate(start, 1'000'000);
  StandbyFlow flow;
  flow.reset(start, Lsn{0}, Lsn{0}, 10'000'000);
  StandbyFlow::Path path;
  path.send = 1ms;
  path.travel = 4ms;
  path.flush = 5ms;
  SECTION("unlimited: 5 ms behind received, 10 ms flushed and replayed") {
    flow.connect(start, primary, path);
    CHECK(flow.received(start + 1s) == Lsn{995'000});
    CHECK(flow.flushed(start + 1s) == Lsn{990'000});
    CHECK(flow.replayed(start + 1s) == Lsn{990'000});
    CHECK(flow.caught_up(start + 1s));
    CHECK(flow.data_as_of(start + 1s) == start + 990ms);
    flow.disconnect(start + 1s);  // what is on the wire arrives
    CHECK(flow.received(start + 2s) == Lsn{999'000});
    CHECK(flow.data_as_of(start + 2s) == start + 999ms);
  }
  SECTION("a receiver that dies keeps what it has flushed") {
    flow.connect(start, primary, path);
    flow.disconnect(start + 1s, false);
    CHECK(flow.flushed(start + 2s) == Lsn{990'000});
  }
  SECTION("half the bandwidth: the lag grows by half the rate") {
    path.bytes_per_second = 500'000;
    flow.connect(start, primary, path);
    CHECK(flow.received(start + 10s) == Lsn{5'000'000});
    CHECK_FALSE(flow.caught_up(start + 10s));
    CHECK(flow.data_as_of(start + 10s) - start >= 4990ms);
    CHECK(flow.data_as_of(start + 10s) - start <= 5001ms);
    flow.set_bandwidth(start + 10s, 2'000'000);  // drains 5 MB at 1 MB/s net: 5 s
    CHECK(flow.received(start + 14s) == Lsn{13'000'000});
    CHECK(flow.received(start + 16s) == Lsn{15'995'000});
  }
  SECTION("paused replay goes on where it stood, also after the primary's death") {
    flow.connect(start, primary, path);
    flow.set_replay_paused(start + 1s, true);
    CHECK(flow.replayed(start + 11s) == Lsn{990'000});
    CHECK(flow.data_as_of(start + 11s) == start + 990ms + 1us);
    flow.disconnect(start + 11s);
    CHECK(flow.replay_backlog(start + 11s) == 1000900us);  // 10,999,000 - 990,000 at 10 MB/s
    flow.set_replay_paused(start + 11s, false);
    CHECK(flow.replayed(start + 11500ms) == Lsn{5'990'000});
    CHECK(flow.replayed(start + 13s) == Lsn{10'999'000});
    CHECK(flow.data_as_of(start + 13s) == start + 10999ms);
  }
}
