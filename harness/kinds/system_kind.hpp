// Kinds of systems that are no Patroni cluster. A kind knows its sections of system.json, the
// faults that strike such a system, the milestones that its runs have, and how to simulate one;
// everything else (scenarios, campaigns, verdicts, reports) works through this interface. See
// harness/README.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/run.hpp"
#include "harness/input/reader.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/load/load_context.hpp"
#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"
#include "harness/system.hpp"

namespace predrill::harness {

/// How a key of a fault is written, and by which type of FaultArgument it arrives.
enum class ArgumentType : std::uint8_t {
  flag,          // bool
  count,         // std::int64_t, not negative
  number,        // double, not negative
  share,         // double from "3%", "3/100" or 0.03
  duration,      // sim::Duration
  distribution,  // sim::Distribution of durations
  word           // std::string, one of `words`
};

struct ArgumentForm {
  std::string_view key;
  ArgumentType type = ArgumentType::flag;
  std::string_view does;
  bool required = false;
  std::span<const std::string_view> words{};
};

/// A fault as the kind offers it. Besides its arguments every fault takes at, after, on and for.
struct FaultType {
  std::string_view name;
  std::string_view title;  // one line for a table
  std::string_view does;   // what happens, a sentence
  std::span<const ArgumentForm> arguments{};
};

/// What a kind says of itself whatever the system; lives as long as the kind.
struct KindTable {
  std::string_view name;
  std::string_view section;  // of system.json, tells this kind from the others
  std::span<const FaultType> faults;
  std::span<const Milestone> milestones;
  /// What clients see: names of RunMeasures::paths; the first is judged unless told otherwise.
  std::span<const std::string_view> paths;
};

class SystemKind {
 public:
  explicit SystemKind(const KindTable& table) : table_(table) {}
  virtual ~SystemKind() = default;
  SystemKind(const SystemKind&) = delete;
  SystemKind& operator=(const SystemKind&) = delete;
  std::string_view name() const { return table_.name; }
  std::string_view section() const { return table_.section; }
  std::span<const FaultType> faults() const { return table_.faults; }
  std::span<const Milestone> milestones() const { return table_.milestones; }
  std::span<const std::string_view> paths() const { return table_.paths; }
  /// Reads the sections of a system.json besides name, description and objectives.
  virtual std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const = 0;
  /// Whom a fault may name in "on"; the first is struck where "on" is left out.
  virtual std::vector<std::string> targets(const SystemSpec& system,
                                           const FaultType& fault) const = 0;
  virtual RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const = 0;
  /// Every fault that the system can suffer, with its usual arguments.
  virtual std::vector<FaultSpec> usual_faults(const SystemSpec& system) const = 0;
  /// How long a rehearsal watches after the fault.
  virtual sim::Duration observation() const { return std::chrono::minutes(15); }
  /// The columns of a study that names none, as of --measure.
  virtual std::vector<std::string> usual_measures() const { return {"rto.p50", "rto.p99"}; }
  /// Of a RunMeasures::values; nullopt for a name that no run has.
  virtual std::optional<MeasureUnit> unit_of(std::string_view /*value*/) const {
    return std::nullopt;
  }
  /// The setting that decides the longest stage: "unhealthy_threshold 2 (system.json:31)"; may be
  /// empty.
  virtual std::string setting_behind(const ScenarioSpec& scenario, const Summary& summary) const;

  const FaultType* find_fault(std::string_view fault) const;

 private:
  KindTable table_;
};

/// Every kind, in the order of the list of faults.
std::span<const SystemKind* const> system_kinds();
/// The kind whose section stands in a system.json; null for a Patroni cluster.
const SystemKind* kind_of(const Node& root);

}  // namespace predrill::harness
