// Recoveries held against an objective: what happens, which way leads back, how long it takes and
// what is then missing. Restores, a repack that is interrupted, blue/green switchovers and the way
// back from each of their steps.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/load/load.hpp"
#include "models/blue_green.hpp"
#include "models/pg_repack.hpp"
#include "models/restore.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

enum class RecoveryWay : std::uint8_t {
  multi_az_failover,  // RDS Multi-AZ instance
  multi_az_cluster,   // RDS Multi-AZ DB cluster
  pitr,               // point in time, RDS
  snapshot,           // the last snapshot, RDS
  protected_,         // deletion protection: nothing happens
  none,               // nothing to restore from
  wal_g,              // WAL-G, and what the archive lacks
  repack_kill,        // the primary dies in the middle of pg_repack; WAL-G restore and archive
  switchover,         // blue/green
  abandon,            // blue/green, given up `after` writes stopped, before green takes any
  roll_back,          // blue/green, back again `after` green took writes
};

struct RecoveryCase {
  std::string name;
  RecoveryWay way = RecoveryWay::none;
  models::RdsRestoreConfig rds = models::RdsRestoreConfig::defaults();
  models::RdsFailoverConfig failover = models::RdsFailoverConfig::defaults();
  models::WalgRestoreConfig walg = models::WalgRestoreConfig::defaults();
  models::BlueGreenConfig blue_green = models::BlueGreenConfig::defaults();
  models::RepackConfig repack;
  sim::Distribution deploy;  // infrastructure that has to exist before a restore
  sim::Duration archive_timeout{};
  sim::Distribution archive_command =
      sim::Distribution::uniform(std::chrono::milliseconds(200), std::chrono::milliseconds(400))
          .with_source("model: 16 MiB at 40 to 80 MB/s, one process");
  sim::Distribution after;             // abandon, roll_back
  sim::Distribution cut_over;          // roll_back: name, caches, reconnects
  sim::Distribution long_transaction;  // repack: a statement that runs when the swap comes
  std::string why;                     // for people
};

struct RecoverySpec {
  std::string name;
  std::string title;
  std::string file;
  sim::Duration rto = sim::forever;
  sim::Duration rpo = sim::forever;
  std::vector<RecoveryCase> cases;
  std::vector<std::string> remarks;
};

/// What one recovery came to.
struct RecoveryOutcome {
  bool recovered = true;
  sim::Duration rto{};
  sim::Duration rpo{};    // age of the oldest acknowledged write that is gone
  double lost_bytes = 0;  // WAL, where it is known
  double lost_rows = 0;
  sim::Duration read_only{};  // switchover
  sim::Duration stall{};      // longest wait of a statement in the lock queue of the swap
  double extra_wal = 0;       // that a restore has to replay on top
  std::string left;           // "copy: trigger, log table"; empty = nothing
  std::string refused;        // switchover: the guardrail
};

bool is_recovery_file(const std::filesystem::path& path);
Loaded<RecoverySpec> load_recovery(const std::filesystem::path& path,
                                   std::span<const std::string> settings, Diagnostics&);

RecoveryOutcome run_recovery(const RecoveryCase& one, std::uint64_t seed);

/// Many runs of one case.
struct RecoveryCaseResult {
  const RecoveryCase* of = nullptr;
  std::vector<RecoveryOutcome> runs;
  std::size_t within_rto(sim::Duration bound) const;
  std::size_t within_rpo(sim::Duration bound) const;
};

/// The share of runs within a bound from which on an objective is said to hold.
constexpr double holds_from = 0.99;
bool holds(const RecoverySpec& spec, const RecoveryCaseResult& result);

struct TextStyle;
/// Case, RTO and RPO quantiles, shares within the objectives, whether they hold; then the reasons.
std::string recovery_text(const RecoverySpec& spec, std::span<const RecoveryCaseResult> results,
                          const TextStyle& style);

}  // namespace predrill::harness
