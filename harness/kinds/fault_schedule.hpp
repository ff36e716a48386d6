// What every kind of system needs in a run: faults that strike at their time or after an event, and
// what happened from the first of them on, as records, milestones and timeline.
#pragma once

#include <span>
#include <vector>

#include "harness/engine/fault_clock.hpp"
#include "harness/engine/run.hpp"
#include "harness/measure/measures.hpp"
#include "harness/scenario.hpp"
#include "sim/simulation.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

class FaultSchedule final : public sim::TraceSink {
 public:
  FaultSchedule(sim::Simulation& sim, const std::vector<FaultSpec>& faults,
                std::span<const Milestone> milestones, FaultClock::Strike strike);
  ~FaultSchedule() override;
  FaultSchedule(const FaultSchedule&) = delete;
  FaultSchedule& operator=(const FaultSchedule&) = delete;

  void start() { clock_.start(); }
  /// Starts, waits for the first fault, at most a day, and goes on for the scenario's run_for.
  /// False: no fault struck, and the outcome says so.
  bool observe(const ScenarioSpec& scenario, RunOutcome& outcome);
  /// What a run says beside its measures: milestones, timeline, fingerprint, events.
  void tell(RunOutcome& outcome, const RunOptions& options) const;
  /// When the first fault struck; time_max if none has yet.
  sim::Time first_fault() const { return clock_.first(); }
  /// When the first fault will strike that waits for no other event; time_max if there is none.
  sim::Time earliest() const { return clock_.earliest(); }

  /// The n-th occurrence of each milestone since the first fault, n < 10: "target_unhealthy" for
  /// the first, "target_unhealthy#2" for the second.
  std::vector<NamedTime> named_times() const;
  std::vector<TimelineEntry> timeline() const;
  const std::vector<sim::Record>& records() const { return records_; }

  void on_record(const sim::Trace& trace, const sim::Record& record) override;

 private:
  void strike(const FaultSpec& fault);

  sim::Simulation& sim_;
  std::span<const Milestone> milestones_;
  FaultClock::Strike strike_;
  std::vector<sim::Record> records_;
  FaultClock clock_;
};

}  // namespace predrill::harness
