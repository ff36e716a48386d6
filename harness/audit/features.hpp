// What somebody who watches a failover can know of it, as times since the fault: the same features
// of a record and of a simulated run, so that one can be held against the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

/// Index into feature_names().
using FeatureId = std::size_t;

/// The milestones that scenarios may name, in their order, and what the ledger adds to them:
/// "writes_stopped" and "writes_resumed" (begin of the first and end of the last stretch of 100 ms
/// without an acknowledged write, in the database's own view) and "failover" (another member leads
/// at the end; its time is 0).
const std::vector<std::string_view>& feature_names();
std::optional<FeatureId> find_feature(std::string_view name);

/// One line of a record that can be held against a run.
struct Reading {
  FeatureId feature = 0;
  std::optional<sim::Duration> at;  // nullopt: it is known not to have happened
  sim::Duration precision = std::chrono::seconds(1);
  std::size_t line = 0;  // index into ScenarioSpec::observed
};

/// What is known of one drill.
struct DrillRecord {
  std::vector<Reading> readings;
  sim::Duration window{};  // how long was watched, since the fault
};

/// The lines of a scenario that name a milestone and a time. The fault itself is the origin and no
/// reading.
DrillRecord record_of(const ScenarioSpec& scenario);

/// The features of one simulated run.
struct RunFeatures {
  std::vector<sim::Duration> at;  // by FeatureId; forever: not within the window
  bool key_released = false;      // deleted by its holder instead of running out
  bool has(FeatureId feature) const { return at[feature] != sim::forever; }
};

/// Runs the scenario's first fault for `window` without any client. nullopt if no fault strikes.
/// Several faults strike as the scenario says; the features count from the first.
std::optional<RunFeatures> observe_run(const ScenarioSpec& scenario, std::uint64_t seed,
                                       sim::Duration window);

/// Only when the leader key is lost, at the least possible cost: the run ends there. forever if it
/// is not lost within the window, nullopt if no fault strikes.
std::optional<sim::Duration> observe_key_loss(const ScenarioSpec& scenario, std::uint64_t seed,
                                              sim::Duration window);

}  // namespace predrill::harness
