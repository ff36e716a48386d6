// Findings across the files of a system: settings that are legal each by itself and cost time, data
// or a second primary together. What a finding costs is simulated, with and without its fix, under
// the same seeds.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/scenario.hpp"
#include "harness/system.hpp"

namespace predrill::harness {

enum class LintSeverity : std::uint8_t { note, warning, error };
std::string_view to_text(LintSeverity severity);

/// What a rule found in a system.
struct LintHit {
  std::string key;      // path of the setting, "patroni.ttl": where the finding stands
  std::string message;  // with the numbers, without a full stop
  std::string fix;      // "retry_timeout: 5", without a full stop
};

/// What a finding costs, in seconds of one run. nullopt: the run has no such time.
struct LintCost {
  std::string_view name;  // "RTO", "two primaries"
  std::optional<double> (*seconds)(const RunMeasures& run, const ScenarioSpec& scenario);
};
extern const LintCost cost_rto;            // of the scenario's path
extern const LintCost cost_downtime;       // of that path: outages alone, not what led to them
extern const LintCost cost_two_primaries;  // both acknowledged writes
extern const LintCost cost_lost_writes;    // age of the oldest acknowledged write that is lost
extern const LintCost cost_rejoin;         // until the former primary streams again

struct LintRule {
  std::string_view id;  // "patroni/zero-margin"
  LintSeverity severity = LintSeverity::warning;
  std::string_view title;
  std::string_view why;    // with its source
  std::string_view fault;  // of the catalogue: the one in which it shows
  const LintCost* cost = &cost_rto;
  /// Looks at the system alone.
  std::optional<LintHit> (*find)(const SystemSpec& system) = nullptr;
  /// Changes the system as the hit's `fix` says.
  void (*fix)(SystemSpec& system) = nullptr;
  /// What differs from the fault's usual parameters; null: nothing.
  void (*adapt)(ScenarioSpec& scenario) = nullptr;
};

/// Every rule, by the program that it is about.
std::span<const LintRule> lint_rules();
/// Those about such a system; none for a kind that has no rules.
std::span<const LintRule> lint_rules_for(const SystemSpec& system);
// Its parts.
std::span<const LintRule> patroni_rules();
std::span<const LintRule> server_rules();  // etcd, members, PostgreSQL, Kubernetes
std::span<const LintRule> pooler_rules();  // PgBouncer and HAProxy
std::span<const LintRule> aurora_rules();  // Aurora clusters
std::span<const LintRule> client_rules();  // clients of Aurora and RDS
std::span<const LintRule> rds_rules();     // RDS for PostgreSQL

struct LintFinding {
  const LintRule* rule = nullptr;
  LintHit hit;
  Origin place;         // file and line of the key, or of the place where it belongs
  bool is_set = false;  // the key stands there; else it has its default
  /// Means over the seeds, in seconds; nullopt: no run has such a time.
  std::optional<double> before, after;
  /// after - before, 95 %; nullopt: too few runs.
  std::optional<std::pair<double, double>> difference;
  std::string path;  // whose RTO it is
  std::int64_t runs = 0;
};

struct LintOptions {
  std::uint64_t first_seed = 1;
  std::size_t runs = 200;
  std::size_t jobs = 0;
  const std::atomic<bool>* stop = nullptr;
  std::function<void()> on_run{};
};

/// The findings without their costs, in the order of the rules.
std::vector<LintFinding> find_lint(const SystemSpec& system);
/// Simulates what each finding costs; those that were not reached before a stop keep no cost.
void add_costs(std::vector<LintFinding>& findings, const SystemSpec& system,
               const LintOptions& options);
/// How many runs that takes.
std::size_t lint_runs(std::span<const LintFinding> findings, const LintOptions& options);

}  // namespace predrill::harness
