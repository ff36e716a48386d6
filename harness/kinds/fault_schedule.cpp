#include "harness/kinds/fault_schedule.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace predrill::harness {

using sim::Duration;

FaultSchedule::FaultSchedule(sim::Simulation& sim, const std::vector<FaultSpec>& faults,
                             std::span<const Milestone> milestones, FaultClock::Strike strike)
    : sim_(sim),
      milestones_(milestones),
      strike_(std::move(strike)),
      clock_(sim, faults, milestones, [this](const FaultSpec& fault) { this->strike(fault); }) {
  sim_.trace().attach(*this);
}

FaultSchedule::~FaultSchedule() {
  sim_.trace().detach(*this);
}

bool FaultSchedule::observe(const ScenarioSpec& scenario, RunOutcome& outcome) {
  constexpr Duration patience = std::chrono::hours(24);  // where each fault waits for an event
  start();
  sim_.run_until(std::min(earliest(), sim_.now() + patience));
  if (first_fault() == sim::time_max) {
    outcome.problem = "no fault was injected";
    return false;
  }
  outcome.measures.fault = first_fault() - sim::Time{};
  sim_.run_until(first_fault() + scenario.run_for);
  return true;
}

void FaultSchedule::tell(RunOutcome& outcome, const RunOptions& options) const {
  outcome.measures.milestones = named_times();
  if (options.timeline) outcome.timeline = timeline();
  outcome.measures.fingerprint = sim_.fingerprint();
  outcome.events = sim_.events_executed();
}

void FaultSchedule::strike(const FaultSpec& fault) {
  sim::Trace& trace = sim_.trace();
  trace.emit(sim_.now(), trace.entity("fault"), fault_kinds::injected, trace.name(fault.name),
             trace.name(fault.targets.empty() ? "the system" : fault.targets.front()));
  strike_(fault);
}

void FaultSchedule::on_record(const sim::Trace&, const sim::Record& record) {
  if (first_fault() != sim::time_max) records_.push_back(record);
}

std::vector<NamedTime> FaultSchedule::named_times() const {
  std::vector<NamedTime> found;
  std::map<std::string_view, int> times;
  for (const sim::Record& record : records_) {
    for (const Milestone& milestone : milestones_) {
      if (record.kind->name != milestone.kind) continue;
      const int n = ++times[milestone.name];
      if (n >= 10) continue;
      std::string name(milestone.name);
      if (n > 1) name += "#" + std::to_string(n);
      found.push_back({std::move(name), record.at - first_fault()});
    }
  }
  return found;
}

std::vector<TimelineEntry> FaultSchedule::timeline() const {
  std::vector<TimelineEntry> lines;
  const sim::Trace& trace = sim_.trace();
  for (const sim::Record& record : records_) {
    lines.push_back({record.at - first_fault(), trace.entity_name(record.entity),
                     trace.describe(record), record.id, record.cause});
  }
  return lines;
}

}  // namespace predrill::harness
