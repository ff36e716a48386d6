// Backups and restores: what the archive lacks, how long a restore takes, what a repack leaves.
#include "models/restore.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

#include "models/pg_repack.hpp"
#include "models/table_lock.hpp"
#include "models/wal_archive.hpp"
#include "sim/simulation.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

constexpr double busy = 1.8e9 / 3600;  // bytes of WAL a second
constexpr double quiet = 200;

std::vector<double> archive_losses(double rate, Duration timeout, std::size_t count) {
  std::vector<double> ages;
  for (std::size_t i = 0; i < count; ++i) {
    Simulation sim({.seed = i + 1});
    Host host(sim, "primary");
    WalArchiver archiver(host, {.wal_bytes_per_second = rate, .archive_timeout = timeout});
    archiver.start();
    Stream when = sim.stream("test", "kill");
    sim.run_for(4h + when.uniform(0s, 2h));
    ages.push_back(seconds(archiver.exposure().age));
  }
  std::ranges::sort(ages);
  return ages;
}

RepackConfig small_repack() {
  RepackConfig config;
  config.rows = 1e6;
  config.heap_bytes = 800e6;
  config.index_bytes = 600e6;
  config.copy_rows_per_second = 1e5;     // 10 s
  config.index_bytes_per_second = 30e6;  // 20 s
  config.swap = Distribution::constant(Duration(71ms));
  return config;
}

struct Repack {
  Simulation sim;
  Host host{sim, "primary"};
  TableLock table;
  PgRepack repack;
  explicit Repack(RepackConfig config = small_repack()) : repack(host, table, std::move(config)) {}
};

Task<> hold(TableLock& table, Duration length) {
  const TableLock::Held held = co_await table.acquire(false);
  co_await sleep_for(length);
}

Task<> statement(TableLock& table, Time* got) {
  Group& group = co_await this_group();
  const TableLock::Held held = co_await table.acquire(false);
  *got = group.now();
}

}  // namespace

TEST_CASE("archive: continuous archiving is no RPO of zero", "[backup]") {
  // 16 MiB at 1.8 GB/h fill in 33.6 s: the loss is spread over it, plus the upload.
  const auto ages = archive_losses(busy, 30min, 400);
  CHECK(ages.front() > 0);
  CHECK(ages[200] > 12);
  CHECK(ages[200] < 24);
  CHECK(ages.back() > 30);
  CHECK(ages.back() <= 33.6 + 1.1);
}

TEST_CASE("archive: a quiet primary loses up to archive_timeout, or everything", "[backup]") {
  const auto spilo = archive_losses(quiet, 30min, 200);
  CHECK(spilo.back() > 1500);
  CHECK(spilo.back() <= 1801);
  const auto off = archive_losses(quiet, 0s, 20);
  CHECK(off.front() >= 4 * 3600);  // no segment was ever complete
}

TEST_CASE("archive: a failing archive_command blocks nothing and piles up", "[backup]") {
  Simulation sim;
  Host host(sim, "primary");
  WalArchiver archiver(host, {.wal_bytes_per_second = busy, .failure_probability = 1});
  archiver.start();
  sim.run_for(10min);
  CHECK(archiver.archived() == 0);
  CHECK(archiver.exposure().segments == 17);  // 600 s / 33.6 s
  CHECK(archiver.exposure().age == 10min);
}

TEST_CASE("restore: WAL-G of 112 GB is borderline within 10 minutes", "[backup]") {
  Simulation sim;
  Stream stream = sim.stream("test", "restore");
  const WalgRestoreConfig config = WalgRestoreConfig::defaults();
  std::vector<double> totals;
  for (int i = 0; i < 1000; ++i) totals.push_back(seconds(sample_restore(config, stream).total()));
  std::ranges::sort(totals);
  CHECK(totals.front() >= 480);  // the reference's 490 to 680 s
  CHECK(totals.back() <= 690);
  CHECK(totals.front() < 600);
  CHECK(totals.back() > 600);
}

TEST_CASE("restore: without a delta, or after a repack, replay decides", "[backup]") {
  Simulation sim;
  Stream stream = sim.stream("test", "restore");
  WalgRestoreConfig full = WalgRestoreConfig::defaults();
  full.has_delta = false;
  full.since_backup = Distribution::constant(Duration(98h));
  const double replay = seconds(sample_restore(full, stream).wal);
  CHECK(replay >= 1764);
  CHECK(replay < 1800);
  WalgRestoreConfig after = WalgRestoreConfig::defaults();
  after.since_backup = Distribution::constant(Duration(0s));
  after.extra_wal_bytes = PgRepack::wal_of(RepackConfig{});
  CHECK(after.extra_wal_bytes > 165e9);
  CHECK(after.extra_wal_bytes < 170e9);
  CHECK(seconds(sample_restore(after, stream).wal) > 1650);
}

TEST_CASE("restore: RDS Multi-AZ takes 60 to 120 s, longer only by redo", "[backup]") {
  Simulation sim;
  Stream stream = sim.stream("test", "failover");
  const RdsFailoverConfig config = RdsFailoverConfig::defaults();
  for (int i = 0; i < 1000; ++i) {
    const RdsFailover f = sample_rds_failover(config, stream);
    CHECK(f.total() >= 60s);
    CHECK(f.total() - f.redo <= 120s);
    CHECK(f.redo <= 4s);
  }
}

TEST_CASE("restore: PITR of RDS in minutes, the snapshot alone loses up to a day", "[backup]") {
  Simulation sim;
  Stream stream = sim.stream("test", "pitr");
  RdsRestoreConfig config = RdsRestoreConfig::defaults();
  for (int i = 0; i < 1000; ++i) {
    const RdsRestore pitr = sample_pitr(config, stream);
    CHECK(pitr.lost <= 300s);
    CHECK(pitr.replay <= 577s);
    CHECK(pitr.total() - pitr.decide >= 11min);
    CHECK(pitr.total() - pitr.decide <= 30min);
    const RdsRestore snapshot = sample_snapshot_restore(config, stream);
    CHECK(snapshot.lost <= 24h);
    CHECK(snapshot.replay == 0s);
  }
}

TEST_CASE("table lock: who comes after a waiting ACCESS EXCLUSIVE waits behind it", "[backup]") {
  Repack world;
  Group clients(world.host, "clients");
  clients.spawn(hold(world.table, 30s));
  world.sim.run_for(1s);
  world.repack.start();  // waits for the long transaction
  world.sim.run_for(1s);
  Time got{};
  clients.spawn(statement(world.table, &got));
  world.sim.run_for(1s);
  CHECK(got == Time{});
  CHECK(world.table.waiting() == 2);
  world.sim.run_for(60s);
  CHECK(got == Time{} + 30s);
}

TEST_CASE("pg_repack: comes to its end, writes 1.11 times the table, swaps at once", "[backup]") {
  Repack world;
  world.repack.start();
  world.sim.run_for(35s);
  CHECK(world.repack.phase() == RepackPhase::done);
  CHECK(world.repack.wal_bytes() == Approx(1.11 * 1400e6));
  CHECK(world.table.holders() == 0);
}

TEST_CASE("pg_repack: an old transaction delays the swap without limit", "[backup]") {
  Repack world;
  world.repack.set_old_transactions(1);
  world.repack.start();
  world.sim.run_for(10min);
  CHECK(world.repack.phase() == RepackPhase::wait_for_swap);
  world.repack.set_old_transactions(0);
  world.sim.run_for(10s);
  CHECK(world.repack.phase() == RepackPhase::done);
}

TEST_CASE("pg_repack: the swap waits in the lock queue, clients behind it, until the time-out",
          "[backup]") {
  RepackConfig config = small_repack();
  Repack world(config);
  Group blocker(world.host, "blocker");
  Group clients(world.host, "clients");
  world.repack.on_cancel([&] {
    blocker.kill();
    return std::size_t{1};
  });
  world.repack.start();
  world.sim.run_for(25s);
  blocker.spawn(hold(world.table, 1h));
  world.sim.run_for(10s);
  CHECK(world.repack.phase() == RepackPhase::wait_for_swap);
  Time got{};
  const Time asked = world.sim.now();
  clients.spawn(statement(world.table, &got));
  world.sim.run_for(2min);
  CHECK(world.repack.phase() == RepackPhase::done);
  CHECK(got - asked > 50s);  // a client saw the queue
  CHECK(got - asked < 61s);
}

TEST_CASE("pg_repack: what a killed primary leaves to its successor", "[backup]") {
  const auto killed_at = [](Duration at) {
    Repack world;
    world.repack.start();
    world.sim.run_for(at);
    return world.repack.kill();
  };
  const RepackLeftovers copying = killed_at(5s);
  CHECK(copying.trigger);
  CHECK(copying.log_table);
  CHECK_FALSE(copying.copy_table);  // rolled back
  CHECK_FALSE(copying.swapped);
  CHECK(copying.log_rows == Approx(250));
  const RepackLeftovers indexing = killed_at(21s);
  CHECK(indexing.trigger);
  CHECK(indexing.copy_table);
  CHECK(indexing.finished_indexes == 2);  // half of four
  CHECK(indexing.copy_bytes == Approx(800e6));
  CHECK_FALSE(indexing.clean_up().empty());
  const RepackLeftovers finished = killed_at(35s);
  CHECK(finished.swapped);
  CHECK(finished.clean_up().empty());
}

TEST_CASE("pg_repack: killed in the middle it adds its WAL to a restore", "[backup]") {
  Repack world{RepackConfig{}};
  world.repack.start();
  world.sim.run_for(2805s + 494s);  // half of the index builds
  const double wal = world.repack.wal_bytes();
  CHECK(wal > 140e9);
  CHECK(wal < 145e9);
  CHECK(world.repack.wal_rate() > 100 * busy);
}
