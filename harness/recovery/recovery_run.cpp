#include <algorithm>
#include <array>
#include <map>

#include "harness/recovery/recovery.hpp"
#include "harness/report/number.hpp"
#include "harness/report/table.hpp"
#include "harness/report/text_parts.hpp"
#include "models/table_lock.hpp"
#include "models/wal_archive.hpp"
#include "sim/simulation.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration settle = 4h;  // of an archive before the disaster
constexpr sim::Duration disaster_window = 2h;

models::WalArchiveConfig archive_of(const RecoveryCase& one) {
  models::WalArchiveConfig config;
  config.wal_bytes_per_second = one.walg.wal_bytes_per_second;
  config.archive_timeout = one.archive_timeout;
  config.archive_command = one.archive_command;
  return config;
}

void read_exposure(const models::WalArchiver& archiver, RecoveryOutcome& outcome) {
  const models::WalExposure exposure = archiver.exposure();
  outcome.rpo = exposure.age;
  outcome.lost_bytes = static_cast<double>(exposure.bytes);
}

RecoveryOutcome restore_from_wal_g(const RecoveryCase& one, std::uint64_t seed) {
  RecoveryOutcome outcome;
  sim::Simulation sim({.seed = seed});
  sim::Host host(sim, "primary");
  models::WalArchiver archiver(host, archive_of(one));
  archiver.start();
  sim::Stream stream = sim.stream("recovery", "delays");
  sim.run_for(settle + stream.uniform(0s, disaster_window));
  read_exposure(archiver, outcome);
  outcome.rto = models::sample_restore(one.walg, stream).total();
  return outcome;
}

// Statements on the table, and one that runs for long when the swap comes.
struct TableClients {
  TableClients(sim::Host& host, models::TableLock& table_ref)
      : statements(host, "statements"), blocker(host, "blocker"), table(table_ref) {}
  sim::Task<> arrivals() {
    for (;;) {
      statements.spawn(statement());
      co_await sim::sleep_for(100ms);
    }
  }
  sim::Task<> statement() {
    const sim::Time begin = statements.now();
    const models::TableLock::Held held = co_await table.acquire(false);
    stall = std::max<sim::Duration>(stall, statements.now() - begin);
    co_await sim::sleep_for(5ms);
  }
  sim::Task<> hold(sim::Duration length) {
    const models::TableLock::Held held = co_await table.acquire(false);
    co_await sim::sleep_for(length);
  }
  sim::Group statements;
  sim::Group blocker;
  models::TableLock& table;
  sim::Duration stall{};
};

// The primary dies at a random instant of the repack; its WAL is in no backup and its archiver, one
// process, is behind.
RecoveryOutcome kill_repack(const RecoveryCase& one, std::uint64_t seed) {
  RecoveryOutcome outcome;
  sim::Simulation sim({.seed = seed});
  sim::Host host(sim, "primary");
  models::WalArchiver archiver(host, archive_of(one));
  models::TableLock table;
  models::PgRepack repack(host, table, one.repack);
  TableClients clients(host, table);
  repack.on_cancel([&] {
    const std::size_t ended = clients.blocker.processes();
    clients.blocker.kill();
    return ended;
  });
  archiver.start();
  sim.run_for(10min);
  sim::Stream stream = sim.stream("recovery", "delays");
  const sim::Duration length(static_cast<std::int64_t>(
      1e9 * (one.repack.rows / one.repack.copy_rows_per_second +
             one.repack.index_bytes / one.repack.index_bytes_per_second)));
  const sim::Time kill_at = sim.now() + stream.uniform(0s, length + length / 20);
  const sim::Duration blocker = one.long_transaction.sample_duration(stream);
  repack.start();
  bool blocked = false;
  const sim::Duration step = 5s;
  while (sim.now() < kill_at && repack.phase() != models::RepackPhase::done) {
    archiver.set_rate(one.walg.wal_bytes_per_second + repack.wal_rate());
    const bool near_swap = sim.now() + 30s > sim::Time{} + 10min + length;
    if (near_swap && !blocked) {
      blocked = true;
      clients.statements.spawn(clients.arrivals());
      if (blocker > 0s) clients.blocker.spawn(clients.hold(blocker));
    }
    sim.run_for(std::min(step, kill_at - sim.now()));
  }
  outcome.extra_wal = repack.wal_bytes();
  read_exposure(archiver, outcome);
  const std::string phase(models::to_text(repack.phase()));
  const models::RepackLeftovers left = repack.kill();
  if (left.trigger) outcome.left += "repack_trigger, ";
  if (left.log_table) outcome.left += "log table, ";
  if (left.copy_table) outcome.left += "copy of the table, ";
  if (!outcome.left.empty()) {
    outcome.left = phase + ": " + outcome.left.substr(0, outcome.left.size() - 2);
  }
  outcome.stall = clients.stall;
  models::WalgRestoreConfig restore = one.walg;
  restore.extra_wal_bytes += outcome.extra_wal;
  outcome.rto = models::sample_restore(restore, stream).total();
  return outcome;
}

RecoveryOutcome switch_over(const RecoveryCase& one, std::uint64_t seed) {
  RecoveryOutcome outcome;
  sim::Simulation sim({.seed = seed});
  sim::Host host(sim, "production");
  models::BlueGreen deployment(host, one.blue_green);
  deployment.switch_over();
  const sim::Time latest = sim.now() + one.blue_green.switchover_timeout + 2h;
  const auto under_way = [&] {
    const models::BlueGreenStatus status = deployment.status();
    const bool ended = status == models::BlueGreenStatus::switchover_completed ||
                       status == models::BlueGreenStatus::switchover_failed;
    return !ended && deployment.refusal().empty();
  };
  while (sim.now() < latest && under_way()) sim.run_for(1s);
  outcome.refused = deployment.refusal();
  outcome.read_only = deployment.read_only();
  outcome.rto = deployment.outage();
  outcome.recovered = deployment.clients_can_write();
  if (one.way == RecoveryWay::switchover) return outcome;
  sim::Stream stream = sim.stream("recovery", "delays");
  const sim::Duration after = one.after.sample_duration(stream);
  const sim::Duration decide = one.rds.decide.sample_duration(stream);
  const sim::Time green_open = sim.now();
  sim.run_until(green_open + after + decide);
  deployment.roll_back(one.cut_over);
  sim.run_for(1h);
  outcome.rto = decide + deployment.outage();
  outcome.rpo = deployment.lost_age();
  outcome.lost_rows = deployment.lost_rows();
  outcome.recovered = deployment.status() == models::BlueGreenStatus::rolled_back;
  return outcome;
}

RecoveryOutcome restore_rds(const RecoveryCase& one, std::uint64_t seed) {
  RecoveryOutcome outcome;
  sim::Stream stream(seed, "recovery", one.name);
  const sim::Duration deploy = one.deploy.sample_duration(stream);
  switch (one.way) {
    case RecoveryWay::multi_az_failover:
      outcome.rto = models::sample_rds_failover(one.failover, stream).total();
      break;
    case RecoveryWay::multi_az_cluster:
      outcome.rto = models::sample_rds_cluster_failover(0, stream);
      break;
    case RecoveryWay::pitr:
    case RecoveryWay::snapshot: {
      const bool pitr = one.way == RecoveryWay::pitr;
      const models::RdsRestore restored = pitr ? models::sample_pitr(one.rds, stream)
                                               : models::sample_snapshot_restore(one.rds, stream);
      outcome.rto = deploy + restored.total();
      outcome.rpo = restored.lost;
      break;
    }
    case RecoveryWay::abandon:
      outcome.rto = one.cut_over.sample_duration(stream);
      outcome.rto += one.rds.decide.sample_duration(stream);
      outcome.rto += one.after.sample_duration(stream);
      break;
    case RecoveryWay::none:
      outcome.recovered = false;
      outcome.rto = outcome.rpo = sim::forever;
      break;
    default:
      break;
  }
  return outcome;
}

std::string share_text(std::size_t part, std::size_t all) {
  return all == 0 ? "-" : percent_text(static_cast<double>(part) / static_cast<double>(all), 1);
}

std::string duration_text(std::vector<sim::Duration> values, std::size_t percent) {
  if (values.empty()) return "-";
  std::ranges::sort(values);
  const sim::Duration value = values[(values.size() - 1) * percent / 100];
  return value == sim::forever ? "never" : time_text(value);
}

template <class Member>
std::vector<sim::Duration> all_of(const RecoveryCaseResult& result, Member member) {
  std::vector<sim::Duration> values;
  for (const RecoveryOutcome& run : result.runs) values.push_back(run.*member);
  return values;
}

// What is special to a repack or to a switchover.
std::string details_of(const RecoveryCaseResult& result) {
  std::map<std::string, std::size_t> left;
  std::map<std::string, std::size_t> refused;
  double wal = 0;
  double rows = 0;
  for (const RecoveryOutcome& run : result.runs) {
    if (!run.left.empty()) ++left[run.left];
    if (!run.refused.empty()) ++refused[run.refused];
    wal = std::max(wal, run.extra_wal);
    rows = std::max(rows, run.lost_rows);
  }
  std::string text;
  if (result.of->way == RecoveryWay::repack_kill) {
    for (const auto& [what, count] : left) {
      text += "; killed in " + what + " stay in " + share_text(count, result.runs.size());
    }
    text += "; up to " + bytes_text(static_cast<std::int64_t>(wal)) +
            " of WAL more for a restore; longest wait of a statement at the swap " +
            duration_text(all_of(result, &RecoveryOutcome::stall), 100);
  }
  if (result.of->way == RecoveryWay::switchover) {
    text += "; read-only for " + duration_text(all_of(result, &RecoveryOutcome::read_only), 50) +
            " (half of the runs), at most " +
            duration_text(all_of(result, &RecoveryOutcome::read_only), 100);
  }
  if (rows > 0) text += "; up to " + grouped(static_cast<std::int64_t>(rows)) + " rows lost";
  for (const auto& [what, count] : refused) {
    text += "; refused in " + share_text(count, result.runs.size()) + ": " + what;
  }
  return text.empty() ? text : text.substr(2);
}

}  // namespace

RecoveryOutcome run_recovery(const RecoveryCase& one, std::uint64_t seed) {
  switch (one.way) {
    case RecoveryWay::wal_g:
      return restore_from_wal_g(one, seed);
    case RecoveryWay::repack_kill:
      return kill_repack(one, seed);
    case RecoveryWay::switchover:
    case RecoveryWay::roll_back:
      return switch_over(one, seed);
    default:
      return restore_rds(one, seed);
  }
}

std::size_t RecoveryCaseResult::within_rto(sim::Duration bound) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      runs, [&](const RecoveryOutcome& run) { return run.recovered && run.rto <= bound; }));
}

std::size_t RecoveryCaseResult::within_rpo(sim::Duration bound) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      runs, [&](const RecoveryOutcome& run) { return run.recovered && run.rpo <= bound; }));
}

bool holds(const RecoverySpec& spec, const RecoveryCaseResult& result) {
  const double needed = holds_from * static_cast<double>(result.runs.size());
  return static_cast<double>(result.within_rto(spec.rto)) >= needed &&
         static_cast<double>(result.within_rpo(spec.rpo)) >= needed;
}

std::string recovery_text(const RecoverySpec& spec, std::span<const RecoveryCaseResult> results,
                          const TextStyle& style) {
  Table table({{"case", Table::Align::left, true},
               {"RTO p50", Table::Align::right},
               {"p95", Table::Align::right},
               {"within", Table::Align::right},
               {"RPO p50", Table::Align::right},
               {"p95", Table::Align::right},
               {"within", Table::Align::right},
               {"holds", Table::Align::left}});
  std::string notes;
  for (const RecoveryCaseResult& one : results) {
    const auto rto = all_of(one, &RecoveryOutcome::rto);
    const auto rpo = all_of(one, &RecoveryOutcome::rpo);
    const bool good = holds(spec, one);
    table.add({one.of->name,
               duration_text(rto, 50),
               duration_text(rto, 95),
               share_text(one.within_rto(spec.rto), one.runs.size()),
               duration_text(rpo, 50),
               duration_text(rpo, 95),
               share_text(one.within_rpo(spec.rpo), one.runs.size()),
               {good ? "yes" : "no", good ? Colour::green : Colour::red}});
    std::string note = one.of->why;
    const std::string details = details_of(one);
    if (!note.empty() && !details.empty()) note += "; ";
    note += details;
    if (!note.empty()) notes += paragraph("- " + one.of->name + ": " + note, style);
  }
  return table.text(style, 2) + notes;
}

}  // namespace predrill::harness
