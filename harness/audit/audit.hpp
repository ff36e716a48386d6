// Did an observed drill test what it claims? Simulates every fault that could have caused the
// record and says which mechanisms can have produced it, which of its claims none of them can, and
// what it left untested.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/audit/features.hpp"
#include "harness/audit/likelihood.hpp"
#include "harness/report/table.hpp"
#include "harness/scenario.hpp"
#include "sim/proportion.hpp"

namespace predrill::harness {

/// What becomes of the leader key and of the old primary. A failover drill tests one of these.
enum class Mechanism : std::uint8_t {
  graceful_release,
  crash_expiry,
  restart_in_place,
  zombie,
  isolation,
  dcs_failure,
  storage,
};
constexpr std::size_t mechanisms = 7;

struct MechanismInfo {
  Mechanism mechanism;
  std::string_view name;      // "graceful_release", for --claim
  std::string_view title;     // "graceful release"
  std::string_view brief;     // one word for a column: "release"
  std::string_view happens;   // one sentence
  std::string_view untested;  // what a drill of another mechanism leaves untested
  std::string_view fault;     // of the catalogue: the plainest one that tests it
  std::string_view drill;     // file beside the audited scenario that does
  std::string_view real;      // how to do it to a real cluster
};
const MechanismInfo& info(Mechanism mechanism);

/// The mechanism of a fault, where one run of it (pod_delete) is enough to know.
std::optional<Mechanism> mechanism_of(FaultKind kind, const RunFeatures& run);
/// The faults that an audit considers for a system, each with its usual parameters.
std::vector<ScenarioSpec> audit_faults(const SystemSpec& system);

struct AuditOptions {
  std::uint64_t seed = 1;
  std::size_t runs = 1000;          // of each fault
  std::size_t crash_runs = 100000;  // of the count of key losses; 0 = none
  std::size_t jobs = 0;
  std::string claim;  // a mechanism or a fault; empty: from the record's own words, or its fault
  const std::atomic<bool>* stop = nullptr;
  std::function<void(std::size_t done, std::size_t all)> progress;
};

struct MechanismResult {
  Mechanism mechanism{};
  std::size_t runs = 0;
  Likelihood likelihood;
  Estimate posterior;
  Estimate best_over_this;  // how many times as probable the record is under the best mechanism
  bool possible = false;    // not ruled out: the decisive ratio is not reached with certainty
};

struct FaultResult {
  std::string name;
  bool own = false;  // as the scenario has it
  std::size_t runs = 0;
  std::size_t released = 0;  // runs in which the old primary released the key
  Likelihood likelihood;
  Estimate best_over_this;
};

struct LineResult {
  Reading reading;
  std::vector<sim::Proportion> agreeing;  // by mechanism: runs that have the event then
  bool impossible() const;                // in no run of any mechanism
};

/// How early a crash can lose the leader key.
struct KeyCount {
  sim::Duration bound{};      // ttl - loop_wait
  sim::Duration threshold{};  // less the longest overrun of a cycle
  sim::Proportion before_threshold;
  sim::Proportion by_claim;  // lost by the time that the record claims
  sim::Duration earliest = sim::forever;
};

enum class AuditVerdict : std::uint8_t { compatible, incompatible, undecided };

struct AuditReport {
  std::string claim;                        // "the leader key expired: a crash of the primary"
  std::string claimed_by;                   // the words that say so; empty: the scenario's fault
  std::optional<Mechanism> claimed;         // nullopt: the scenario's own fault, however it goes
  std::size_t lines = 0;                    // observed
  std::vector<MechanismResult> mechanisms;  // the most probable first
  std::vector<FaultResult> faults;          // likewise
  std::vector<LineResult> readings;
  std::optional<std::size_t> expiry_line;  // the reading that claims an expired key
  std::optional<KeyCount> key;
  Estimate best_over_claim;
  AuditVerdict verdict = AuditVerdict::undecided;
  std::string reason;
  std::vector<std::string> problems;
  bool stopped = false;
};

/// `problem` of an unknown claim is in AuditReport::problems, and nothing is simulated then.
AuditReport run_audit(const ScenarioSpec& scenario, const AuditOptions& options);

/// Counts when simulated crashes (node_loss at a random phase of the loop) lose the leader key.
/// `claimed`: the latest time that the record allows.
KeyCount count_key_losses(const SystemSpec& system, sim::Duration claimed,
                          const AuditOptions& options);

std::string audit_text(const ScenarioSpec& scenario, const AuditReport& report,
                       const AuditOptions& options, const TextStyle& style);
/// The same as one JSON document ("predrill.audit/1"); times in seconds, intervals of 95 %.
std::string audit_json(const ScenarioSpec& scenario, const AuditReport& report,
                       const AuditOptions& options);

}  // namespace predrill::harness
