// What is kept of a drill: a line of JSON with everything that was measured and predicted, so small
// that hundreds of drills can lie beside the scenarios.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/live/delays.hpp"
#include "harness/measure/measures.hpp"

namespace predrill::harness::live {

/// Quantiles that were predicted before the fault.
struct PredictedRange {
  std::int64_t p5 = 0, p25 = 0, p50 = 0, p75 = 0, p95 = 0;
};

struct DrillRecord {
  std::string scenario;                         // file
  std::vector<std::string> settings;            // --set
  std::string fault;                            // "node_loss"
  std::string started;                          // "2025-11-21T02:03:04Z"
  std::map<std::string, std::string> machine;   // kernel, processors, load average at the fault
  std::map<std::string, std::string> software;  // versions
  std::string primary;                          // before the fault
  std::string sync;                             // likewise; empty: none
  std::string path;                             // of the objective
  /// Known before the fault: how long ago the primary's Patroni had ended a cycle.
  std::optional<sim::Duration> phase;
  RunMeasures measures;
  Delays delays;                      // of all members, in the drill; older records have none
  std::string proof;                  // empty: nothing shows that the fault happened
  std::string problem;                // why the drill says nothing; empty: it does
  std::uint64_t acknowledged = 0;     // writes, in the whole drill
  std::uint64_t unknown_present = 0;  // writes of unknown fate that are there
  std::uint64_t predicted_runs = 0;
  std::map<std::string, PredictedRange> predicted;  // "rto:pgbouncer", "stage:detection": ns
  std::optional<PredictedRange> predicted_lost;     // rows

  bool valid() const { return problem.empty() && !proof.empty(); }
};

/// One line, ended by a line feed.
std::string to_line(const DrillRecord& record);
/// Records of files, one a line; lines that are none go to `problems`.
std::vector<DrillRecord> read_records(const std::vector<std::string>& files,
                                      std::vector<std::string>& problems);

}  // namespace predrill::harness::live
