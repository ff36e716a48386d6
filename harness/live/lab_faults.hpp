// Faults in a lab: real processes are killed, stopped, cut off. Each has a proof, looked up after
// it was injected, and an undoing that does not need to know how far it had come.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/live/lab.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness::live {

/// Why a lab on this machine cannot suffer a fault; nullopt: it can.
Problem cannot_inject(const FaultSpec& fault, const Lab& lab);

/// What would be done, one command or step a line, for the dry run.
std::vector<std::string> steps_of(const FaultSpec& fault, const Lab& lab, const LabState& state);

class LabFault {
 public:
  LabFault(Lab& lab, const FaultSpec& fault, const LabState& before);
  /// Returns when it has struck; what takes its course (a grace period) goes on by step().
  Problem inject();
  /// What is due by now; call often.
  Problem step();
  /// What shows that it happened; nullopt: nothing does.
  std::optional<std::string> proof() const;
  /// Brings the system back to what a scenario's `for` ends with; heal() does all the rest.
  Problem undo();

 private:
  using Clock = std::chrono::steady_clock;
  struct Victim {
    const LabHost* host;
    ProcessId process = 0;
    unsigned long long ticks = 0;
  };
  std::vector<const LabHost*> hosts_of(const Target& target) const;
  void remember(const LabHost& host, ProcessId process);
  Problem lose(const LabHost& host);
  Problem kill_one(const LabHost& host, ProcessId process, int signal);
  Problem freeze(const LabHost& host, bool stop);
  Problem cut_off(bool off);
  Problem shape(bool on);
  Problem kill_etcd();
  Problem switchover();

  Lab& lab_;
  const FaultSpec& fault_;
  LabState before_;
  std::vector<const LabHost*> on_;
  std::vector<Victim> victims_;
  Clock::time_point kill_at_ = Clock::time_point::max();
  Clock::time_point unplug_at_ = Clock::time_point::max();
  std::optional<std::string> proof_;
};

}  // namespace predrill::harness::live
