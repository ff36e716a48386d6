// The ledger against cases computed by hand.
#include <catch2/catch.hpp>

#include "models/ledger.hpp"

using namespace predrill::models;
using namespace std::chrono_literals;
using predrill::sim::Time;

namespace {

AcknowledgedWrite write(Time at, std::uint64_t lsn, Branch branch, MemberId member,
                        std::uint64_t tag = 0) {
  AcknowledgedWrite w;
  w.at = at;
  w.lsn = Lsn{lsn};
  w.branch = branch;
  w.member = member;
  w.tag = tag;
  return w;
}

AcknowledgedFlow flow(Time from, Time to, std::uint64_t from_lsn, std::uint64_t to_lsn,
                      std::uint64_t rows_per_second, Branch branch, MemberId member) {
  AcknowledgedFlow f;
  f.from = from;
  f.to = to;
  f.from_lsn = Lsn{from_lsn};
  f.to_lsn = Lsn{to_lsn};
  f.rows_per_kilosecond = rows_per_second * 1000;
  f.branch = branch;
  f.member = member;
  return f;
}

constexpr Time start{};

// Timeline 1 up to 1000, then timeline 2 (branch 7).
WalHistory promoted() {
  WalHistory h;
  h.fork({2, 7, Lsn{1000}});
  return h;
}

}  // namespace

TEST_CASE("ledger: a write behind the fork is lost, before it and after it not", "[ledger]") {
  Ledger ledger;
  ledger.acknowledge(write(start + 1s, 1000, 0, 0, 11));  // ends exactly at the fork
  ledger.acknowledge(write(start + 2s, 1100, 0, 0, 12));
  ledger.acknowledge(write(start + 3s, 1250, 0, 0, 13));
  ledger.acknowledge(write(start + 4s, 1200, 7, 1, 14));
  const Loss loss = ledger.lost(promoted(), Lsn{1300});
  CHECK(ledger.acknowledged() == 4);
  CHECK(loss.rows == 2);
  CHECK(loss.bytes == 250);
  CHECK(loss.oldest == start + 2s);
  CHECK(loss.newest == start + 3s);
  CHECK(loss.age_at(start + 5s) == 3s);
  CHECK(loss.age_at(start + 1s) == 0s);
  CHECK(ledger.lost_tags(promoted(), Lsn{1300}) == std::vector<std::uint64_t>{12, 13});
  CHECK(ledger.lost(promoted(), Lsn{1300}, start, start + 2s).rows == 1);
  CHECK(ledger.lost(WalHistory{}, Lsn{1250}).rows == 1);  // had the old primary survived: tag 14
}

TEST_CASE("ledger: of a steady flow, the part behind the fork is lost", "[ledger]") {
  Ledger ledger;
  // 100 rows and 150 bytes a second for 10 s from 0: position 1000 is passed after 6 2/3 s, with
  // row 666 at 999; row 667 ends at 1000.5 and is the first that is lost.
  ledger.acknowledge(flow(start, start + 10s, 0, 1500, 100, 0, 0));
  const Loss loss = ledger.lost(promoted(), Lsn{2000});
  CHECK(ledger.acknowledged() == 1000);
  CHECK(loss.rows == 334);
  CHECK(loss.bytes == 500);
  CHECK(loss.oldest == start + 6670ms);
  CHECK(ledger.lost(WalHistory{}, Lsn{1500}).rows == 0);
}

TEST_CASE("ledger: a row that ends exactly at the fork survives", "[ledger]") {
  Ledger ledger;
  // 3 rows of 10 bytes a second; the third part of a second is no whole number of nanoseconds.
  ledger.acknowledge(flow(start, start + 10s, 900, 1200, 3, 0, 0));
  CHECK(ledger.acknowledged() == 30);
  CHECK(ledger.lost(promoted(), Lsn{2000}).rows == 20);
  CHECK(ledger.lost(promoted(), Lsn{2000}).oldest - start == 3666666667ns);
}

// A part shorter than a row's interval holds a row or none; which, depends on where it lies. Over
// all places it holds its share.
TEST_CASE("ledger: short parts of a flow lose their share of rows on average", "[ledger]") {
  Ledger ledger;
  ledger.acknowledge(flow(start, start + 10s, 0, 1000000, 100, 0, 0));  // 10 ms each, 1000 bytes
  std::uint64_t lost = 0;
  for (std::uint64_t kept = 0; kept < 300000; kept += 100) {
    WalHistory survivor;
    survivor.fork({2, 7, Lsn{kept}});
    // Until 3 ms later: 300 bytes.
    lost += ledger.lost(survivor, Lsn{kept}, start, start + 10us * (kept + 300)).rows;
  }
  CHECK(lost == 3000 * 3 / 10);
}

TEST_CASE("ledger: a branch that the survivor lacks is lost whole", "[ledger]") {
  Ledger ledger;
  ledger.acknowledge(write(start + 1s, 1100, 9, 2));
  ledger.acknowledge(write(start + 2s, 1400, 9, 2));
  const Loss loss = ledger.lost(promoted(), Lsn{5000});
  CHECK(loss.rows == 2);
  CHECK(loss.bytes == 300);
}

TEST_CASE("ledger: two members that acknowledge at one time are found", "[ledger]") {
  Ledger ledger;
  SECTION("flows that overlap for two seconds") {
    ledger.acknowledge(flow(start, start + 10s, 0, 1000, 100, 0, 0));
    ledger.acknowledge(flow(start + 8s, start + 12s, 900, 1300, 50, 7, 1));
    const DualWriters dual = ledger.dual_writers();
    CHECK(dual.overlap == 2s);
    CHECK(dual.writes == 2 * 100 + 2 * 50);
    CHECK(dual.first == start + 8s);
  }
  SECTION("single writes; a pause longer than the gap ends a stretch") {
    for (int i = 0; i < 5; ++i) ledger.acknowledge(write(start + i * 500ms, 10, 0, 0));  // 0..2 s
    ledger.acknowledge(write(start + 10s, 20, 0, 0));
    ledger.acknowledge(write(start + 1500ms, 30, 7, 1));
    ledger.acknowledge(write(start + 2500ms, 40, 7, 1));
    const DualWriters dual = ledger.dual_writers();
    CHECK(dual.overlap == 500ms);  // 1.5 s to 2 s
    CHECK(dual.writes == 3);       // at 1.5 s twice, at 2 s
  }
  SECTION("one after the other") {
    ledger.acknowledge(flow(start, start + 10s, 0, 1000, 100, 0, 0));
    ledger.acknowledge(flow(start + 11s, start + 12s, 1000, 1300, 50, 7, 1));
    CHECK(ledger.dual_writers().overlap == 0s);
    CHECK(ledger.dual_writers().writes == 0);
  }
}
