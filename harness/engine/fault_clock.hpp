// When the faults of a scenario strike: at a time of their own, after an event, or at a rate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "harness/load/fault_forms.hpp"
#include "harness/scenario.hpp"
#include "sim/random.hpp"
#include "sim/simulation.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

/// Faults at a rate are one Poisson process, from the first fault on. If no fault of the scenario
/// has a time of its own, one of them is the first, in proportion to their rates.
class FaultClock final : public sim::TraceSink {
 public:
  /// Injects one fault at the present instant; it spawns what takes longer.
  using Strike = std::function<void(const FaultSpec&)>;
  FaultClock(sim::Simulation& sim, const std::vector<FaultSpec>& faults,
             std::span<const Milestone> milestones, Strike strike);
  ~FaultClock() override;
  FaultClock(const FaultClock&) = delete;
  FaultClock& operator=(const FaultClock&) = delete;

  /// So many faults at a rate strike within `length` of the first fault, and none later: their
  /// number is given instead of drawn. Before start().
  void condition(std::uint64_t count, sim::Duration length);
  /// Draws the times; those that wait for an event start with it.
  void start();
  /// When the first fault struck; time_max if none has yet.
  sim::Time first() const { return first_; }
  /// When the first fault will strike that waits for no event; time_max if there is none.
  sim::Time earliest() const { return earliest_; }
  void on_record(const sim::Trace& trace, const sim::Record& record) override;

 private:
  struct Given {
    std::uint64_t count = 0;
    sim::Duration length{};
  };
  sim::Task<> strike_after(const std::size_t index, const sim::Duration delay);
  sim::Task<> strike_at_rates();
  void strike(std::size_t index);
  sim::Duration delay_of(std::size_t index) const;
  sim::Duration next_gap();
  std::size_t choose();

  sim::Simulation& sim_;
  const std::vector<FaultSpec>& faults_;
  std::span<const Milestone> milestones_;
  Strike strike_;
  std::vector<bool> waiting_;  // for an event
  double per_year_ = 0;        // of all faults at a rate
  std::optional<Given> given_;
  sim::Stream times_;
  sim::Stream gaps_;
  sim::Time first_ = sim::time_max;
  sim::Time earliest_ = sim::time_max;
};

/// Of all faults at a rate together.
double faults_per_year(const std::vector<FaultSpec>& faults);

namespace fault_kinds {
inline constexpr sim::Kind injected{"fault.injected", "FAULT {0:n} on {1:n}"};
inline constexpr sim::Kind undone{"fault.undone", "fault {0:n} ends"};
}  // namespace fault_kinds

}  // namespace predrill::harness
