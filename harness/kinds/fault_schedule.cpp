#include "harness/kinds/fault_schedule.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "harness/engine/faults.hpp"

namespace predrill::harness {

using sim::Duration;

FaultSchedule::FaultSchedule(sim::Simulation& sim, const std::vector<FaultSpec>& faults,
                             std::span<const Milestone> milestones, Strike strike)
    : sim_(sim),
      faults_(faults),
      milestones_(milestones),
      strike_(std::move(strike)),
      waiting_(faults.size()),
      times_(sim.stream("faults", "time")) {
  sim_.trace().attach(*this);
}

FaultSchedule::~FaultSchedule() {
  sim_.trace().detach(*this);
}

Duration FaultSchedule::delay_of(std::size_t index) const {
  return faults_[index].at.delay.duration_from_draw(times_.at(index));
}

void FaultSchedule::start() {
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    if (!faults_[i].at.after.empty()) {
      waiting_[i] = true;
      continue;
    }
    const Duration delay = delay_of(i);
    earliest_ = std::min(earliest_, sim_.now() + delay);
    sim_.world().spawn(strike_after(i, delay));
  }
}

bool FaultSchedule::observe(const ScenarioSpec& scenario, RunOutcome& outcome) {
  constexpr Duration patience = std::chrono::hours(24);  // where each fault waits for an event
  start();
  sim_.run_until(std::min(earliest_, sim_.now() + patience));
  if (first_ == sim::time_max) {
    outcome.problem = "no fault was injected";
    return false;
  }
  outcome.measures.fault = first_ - sim::Time{};
  sim_.run_until(first_ + scenario.run_for);
  return true;
}

void FaultSchedule::tell(RunOutcome& outcome, const RunOptions& options) const {
  outcome.measures.milestones = named_times();
  if (options.timeline) outcome.timeline = timeline();
  outcome.measures.fingerprint = sim_.fingerprint();
  outcome.events = sim_.events_executed();
}

sim::Task<> FaultSchedule::strike_after(const std::size_t index, const Duration delay) {
  co_await sim::sleep_for(delay);
  first_ = std::min(first_, sim_.now());
  const FaultSpec& fault = faults_[index];
  sim::Trace& trace = sim_.trace();
  trace.emit(sim_.now(), trace.entity("fault"), fault_kinds::injected, trace.name(fault.name),
             trace.name(fault.targets.empty() ? "the system" : fault.targets.front()));
  strike_(fault);
}

void FaultSchedule::on_record(const sim::Trace&, const sim::Record& record) {
  if (first_ != sim::time_max) records_.push_back(record);
  for (std::size_t i = 0; i < faults_.size(); ++i) {
    if (!waiting_[i]) continue;
    for (const Milestone& milestone : milestones_) {
      if (milestone.name != faults_[i].at.after || record.kind->name != milestone.kind) continue;
      waiting_[i] = false;
      sim_.world().spawn(strike_after(i, delay_of(i)));
      break;
    }
  }
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
      found.push_back({std::move(name), record.at - first_});
    }
  }
  return found;
}

std::vector<TimelineEntry> FaultSchedule::timeline() const {
  std::vector<TimelineEntry> lines;
  const sim::Trace& trace = sim_.trace();
  for (const sim::Record& record : records_) {
    lines.push_back({record.at - first_, trace.entity_name(record.entity), trace.describe(record),
                     record.id, record.cause});
  }
  return lines;
}

}  // namespace predrill::harness
