// What one run, simulated or live, amounts to: plain data, cheap to hand from thread to thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/measure/errors.hpp"
#include "harness/measure/outage.hpp"
#include "harness/measure/stages.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

struct PathRun {
  std::string name;  // as in the journal; "database" is the ledger's view, without any path
  PathMeasures measures;
  std::vector<ErrorCount> errors;  // by text, ascending
};

/// Acknowledged writes that the surviving timeline lacks (models::Loss at the fault).
struct RunLoss {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  sim::Duration age{};  // of the oldest lost write at the fault
};

struct RunDualWriters {
  sim::Duration overlap{};  // in which at least two members acknowledged writes
  std::uint64_t writes = 0;
};

/// A safety invariant that did not hold. Explained: the configuration or the fault makes it
/// expected (asynchronous replication loses what was not shipped), so it fails no run.
struct Violation {
  std::string text;
  bool explained = false;
};

/// A milestone that an observed log may be laid beside: "key_released", "promotion_finished".
struct NamedTime {
  std::string name;
  sim::Duration at{};  // since the fault
};

/// SHOW POOLS at an instant.
struct PoolReading {
  sim::Duration at{};  // since the fault
  std::uint32_t cl_active = 0;
  std::uint32_t cl_waiting = 0;
  std::uint32_t sv_active = 0;
  std::uint32_t sv_idle = 0;
};

/// What the number of a measure is.
enum class MeasureUnit : std::uint8_t {
  count,
  time,       // nanoseconds
  thousandth  // fixed point with three decimals: 206.667 TPS, 49.2 %
};

/// A measure that only one kind of system has: "capacity.min", "tps_per_target.max".
struct NamedValue {
  std::string name;
  MeasureUnit unit = MeasureUnit::count;
  std::int64_t value = 0;
};

struct RunMeasures {
  std::uint64_t seed = 0;
  std::uint64_t fingerprint = 0;
  /// When the first fault struck, since the start of the run; forever: none did, and nothing below
  /// says anything. A scenario without faults counts from the start of its observation.
  sim::Duration fault = sim::forever;
  bool of_database = true;  // loss, dual_writers, new_primary and key_released mean something
  std::vector<PathRun> paths;
  Stages stages_of_path{};  // of the RTO of the objective's path
  RunLoss loss;
  RunDualWriters dual_writers;
  std::vector<Violation> violations;
  std::string new_primary;    // empty: no failover
  bool key_released = false;  // the old primary gave the leader key up instead of losing its lease
  std::vector<NamedTime> milestones;
  std::vector<PoolReading> pool;  // may be empty
  std::vector<NamedValue> values;

  bool struck() const { return fault != sim::forever; }
  const PathRun* find_path(std::string_view name) const {
    for (const PathRun& path : paths) {
      if (path.name == name) return &path;
    }
    return nullptr;
  }
};

/// A line of a timeline.
struct TimelineEntry {
  sim::Duration at{};  // since the fault
  std::string component;
  std::string event;
  std::uint32_t id = 0;     // of the record; 0 = not from a trace
  std::uint32_t cause = 0;  // id of the record that led to it, 0 if none
};

}  // namespace predrill::harness
