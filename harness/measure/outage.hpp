// Outages, downtime and RTO from a journal: one definition for simulated and real drills.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/journal.hpp"
#include "models/ledger.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

/// A stretch of one path without a successful answer: from the last success before it to the first
/// success after it. A success counts at the instant it was answered.
struct Outage {
  sim::Duration begin{};
  sim::Duration end{};
  bool open = false;  // still going on at the end of the observation: `end` is a lower bound
  sim::Duration length() const { return end - begin; }
};

struct PathMeasures {
  std::vector<Outage> outages;  // that end after the fault
  sim::Duration downtime{};     // within [fault, end of observation]
  /// End of the last outage that began before recovery, minus the fault; zero if there was none.
  sim::Duration rto{};
  bool censored = false;  // the last outage was still open: RTO and downtime are lower bounds
  std::uint64_t attempts = 0;
  std::uint64_t failures = 0;
  std::uint64_t unknown = 0;      // writes sent whose fate the client does not know
  sim::Duration staleness_max{};  // reads: greatest age of the data returned
};

/// The threshold below which a gap between successes is no outage: three probe intervals, and at
/// least one second.
constexpr sim::Duration outage_threshold(sim::Duration probe_interval) {
  const sim::Duration three = 3 * probe_interval;
  const sim::Duration second = std::chrono::seconds(1);
  return three > second ? three : second;
}

/// `fault`: when it struck. `recovery_gap`: two outages this close belong to one incident; an
/// outage that begins later than that after the path had recovered is a new incident and not part
/// of the RTO (it is part of the downtime).
PathMeasures measure_path(const models::Journal& journal, std::uint16_t path, sim::Duration fault,
                          sim::Duration threshold,
                          sim::Duration recovery_gap = std::chrono::seconds(30));

/// Outages of the background load, whatever its clients would see: times of at least 100 ms without
/// an acknowledged row of any member. Nothing if there is no such load: single transactions and
/// probes leave no flow that could be interrupted.
std::optional<PathMeasures> measure_flows(std::vector<models::AcknowledgedFlow> flows,
                                          sim::Time fault, sim::Time until);

}  // namespace predrill::harness
