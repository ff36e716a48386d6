// One run of a runbook against the simulated cluster: what each step took, what failed, which wait
// succeeded before what it waited for had happened, and what clients saw meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/runbook/runbook.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

/// A wait that returned success while an accepted operation was not finished.
struct WaitRace {
  std::string step;
  std::string command;
  sim::Duration called{};                  // since the start of the run: the operation was accepted
  sim::Duration returned{};                // the wait said success
  sim::Duration flipped = sim::forever;    // the writer changed, if it did later
  sim::Duration completed = sim::forever;  // Status was available again afterwards
};

/// The writer was moved or restarted: how long it took, by observer.
struct Interruption {
  std::string what;        // "failover", "writer reboot"
  sim::Duration at{};      // the accepted call
  sim::Duration api{};     // until Status (of the cluster, of the instance) is available again
  sim::Duration flip{};    // until IsClusterWriter changed; zero: it did not
  sim::Duration direct{};  // longest stretch without a committed write, new connections
  sim::Duration first_commit{};  // from the call to the end of that stretch
  sim::Duration hikari_wait{};   // longest wait of a request through the pool
  std::uint64_t hikari_failed = 0;
  sim::Duration proxy_wait{};  // longest wait of a statement through RDS Proxy; zero: there is none
  std::uint64_t proxy_failed = 0;
  std::uint64_t read_only = 0;         // 25006 on any path
  std::uint64_t hikari_read_only = 0;  // through the pool: a connection to the demoted writer
};

struct RunbookOutcome {
  std::uint64_t seed = 0;
  std::uint64_t fingerprint = 0;
  std::uint64_t events = 0;
  bool completed = false;
  std::string stopped_at;                                    // step; empty if completed
  std::vector<std::string> failed_steps;                     // also those after which it went on
  std::vector<std::pair<std::string, sim::Duration>> marks;  // since the start
  std::vector<WaitRace> races;
  std::vector<Interruption> disturbances;
  std::uint64_t lost = 0;  // acknowledged writes that the volume lacks
  sim::Duration length{};
  std::vector<TimelineEntry> timeline;

  /// When a mark was set first; nullptr if it was not.
  const sim::Duration* find_mark(std::string_view name) const;
};

struct RunbookRunOptions {
  std::uint64_t seed = 1;
  bool timeline = false;
  bool shuffle_ties = false;
  sim::TraceSink* sink = nullptr;  // gets every record
};

RunbookOutcome run_runbook(const RunbookSpec& spec, const RunbookRunOptions& options);

}  // namespace predrill::harness
