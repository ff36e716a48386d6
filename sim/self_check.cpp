#include "sim/self_check.hpp"

#include <algorithm>

#include "sim/trace_sinks.hpp"

namespace predrill::sim {

namespace {

struct Step {
  Time at;
  std::uint64_t fingerprint;
  friend bool operator==(const Step&, const Step&) = default;
};

// A run that remembers its fingerprint after every event.
class WatchedRun final : EventObserver {
 public:
  WatchedRun(const SimulationOptions& options, const Scenario& scenario) : simulation_(options) {
    simulation_.trace().attach(records_);
    simulation_.set_observer(this);
    scenario(simulation_);
    simulation_.set_observer(nullptr);
    simulation_.trace().detach(records_);
  }

  const std::vector<Step>& steps() const { return steps_; }
  std::uint64_t fingerprint() const { return simulation_.fingerprint(); }
  std::size_t records() const { return records_.records().size(); }
  std::string record(std::size_t i) const {
    if (i >= records()) return {};
    const Record& record = records_.records()[i];
    return simulation_.trace().line(record) + " [" + std::string(record.kind->name) +
           ", caused by " + std::to_string(record.cause) + "]";
  }

 private:
  void on_event() override { steps_.push_back({simulation_.now(), simulation_.fingerprint()}); }

  RecordCollector records_;
  std::vector<Step> steps_;
  Simulation simulation_;  // dies first
};

std::optional<Time> time_of(const std::vector<Step>& steps, std::size_t i) {
  return i < steps.size() ? std::optional(steps[i].at) : std::nullopt;
}

std::string moment(const std::optional<Time>& at) {
  return at ? "at " + to_exact_text(*at - Time{}) : std::string("after its end");
}

std::string quoted_record(const std::string& record) {
  return record.empty() ? "no further record" : "\"" + record + "\"";
}

}  // namespace

std::string Difference::describe() const {
  return "two runs with the same seed differ from event " + std::to_string(event) +
         " on: the first run is " + moment(first_at) + " with " + quoted_record(first_record) +
         ", the second is " + moment(second_at) + " with " + quoted_record(second_record);
}

std::optional<Difference> first_difference(const SimulationOptions& options,
                                           const Scenario& scenario) {
  const WatchedRun first(options, scenario);
  const WatchedRun second(options, scenario);
  if (first.fingerprint() == second.fingerprint() && first.steps() == second.steps()) {
    return std::nullopt;
  }
  const auto [a, b] = std::mismatch(first.steps().begin(), first.steps().end(),
                                    second.steps().begin(), second.steps().end());
  const auto step = static_cast<std::size_t>(a - first.steps().begin());
  Difference difference{.event = step + 1,
                        .first_at = time_of(first.steps(), step),
                        .second_at = time_of(second.steps(), step),
                        .first_record = {},
                        .second_record = {}};
  // Names, not numbers: an entity that one of the runs lacks must not make all records differ.
  for (std::size_t i = 0; i < std::max(first.records(), second.records()); ++i) {
    difference.first_record = first.record(i);
    difference.second_record = second.record(i);
    if (difference.first_record != difference.second_record) return difference;
  }
  difference.first_record.clear();
  difference.second_record.clear();
  return difference;
}

std::vector<std::optional<SeedOutcome>> run_seeds(const Seeds& seeds, SimulationOptions options,
                                                  const Scenario& scenario,
                                                  const ParallelOptions& parallel) {
  return parallel_results(
      seeds.count,
      [&](std::size_t i) {
        SimulationOptions own = options;
        own.seed = seeds.first + i;
        SeedOutcome outcome;
        outcome.seed = own.seed;
        if (seeds.check_every != 0 && i % seeds.check_every == 0) {
          outcome.difference = first_difference(own, scenario);
        }
        Simulation simulation(own);
        scenario(simulation);
        outcome.fingerprint = simulation.fingerprint();
        return outcome;
      },
      parallel);
}

}  // namespace predrill::sim
