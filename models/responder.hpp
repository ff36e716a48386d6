// The people who are paged: acknowledgement with escalation, then a runbook whose steps take time,
// look at the system, branch on what they see, and send commands that take effect later.
//
// Real thing and version: an on-call rotation with an escalation policy as in PagerDuty (levels
// with
//   escalation_delay_in_minutes); a runbook.
// Modelled: TTA = page + min over levels k of (k * escalation delay + that person's time); steps in
//   order; a step that looks for a condition and goes on elsewhere if it does not hold; a step that
//   waits, looking again from time to time; the delay from sending a command to its execution.
// Simplified (diverges from the real thing): one person works; who acknowledges does not change how
//   fast they work; a second page during the work changes nothing.
// Ignored: hand-over, meetings, mistakes other than by the runbook itself.
// Calibrated from: the log of 2025-09-14 (49 s to acknowledge); else assumptions, see
// responder.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

struct RunbookStep {
  std::string name;
  sim::Distribution takes;  // of the person
  std::string when;         // condition; where it does not hold the step is left out
  std::string wait_for;     // condition; looks again every `look_again`
  sim::Duration look_again = std::chrono::seconds(15);
  std::string command;          // sent at its end
  sim::Distribution execution;  // from sending until it takes effect
};

struct OnCallLevel {
  std::string who;
  sim::Distribution acknowledge;  // from their page on
};

struct ResponderConfig {
  std::vector<OnCallLevel> levels;
  sim::Duration escalation_delay = std::chrono::minutes(15);
  std::vector<RunbookStep> runbook;

  /// Lognormal, median 90 s, p95 600 s: an assumption.
  static sim::Distribution usual_acknowledgement();
  /// Lognormal, median 60 s: an assumption.
  static sim::Distribution usual_step();
};

namespace responder_kinds {
inline constexpr sim::Kind acknowledged{"responder.acknowledged", "{0:n} acknowledges"};
inline constexpr sim::Kind step_done{"responder.step_done", "{0:n}"};
inline constexpr sim::Kind step_skipped{"responder.step_skipped", "{0:n}: not needed"};
inline constexpr sim::Kind command_sent{"responder.command_sent", "sends: {0:n}"};
inline constexpr sim::Kind command_executed{"responder.command_executed", "takes effect: {0:n}"};
inline constexpr sim::Kind finished{"responder.finished", "the runbook is done"};
}  // namespace responder_kinds

/// Told at the instant of each step, for checks.
class ResponderObserver {
 public:
  virtual void on_acknowledged(sim::Time /*paged*/) {}
  virtual void on_step(std::size_t /*step*/, sim::Time /*began*/) {}

 protected:
  ~ResponderObserver() = default;
};

class Responder {
 public:
  /// What a person finds when looking: conditions by name.
  using Sees = std::function<bool(std::string_view)>;
  /// What a command does to the system.
  using Act = std::function<void(std::string_view)>;
  Responder(sim::Host& host, ResponderConfig config, Sees sees, Act act);
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  /// The first one starts the work.
  void page();
  bool paged() const { return paged_.has_value(); }
  std::optional<sim::Time> acknowledged() const { return acknowledged_; }
  bool finished() const { return finished_; }
  void observe(ResponderObserver& observer) { observer_ = &observer; }

 private:
  sim::Task<> respond();
  sim::Task<> follow(const std::size_t step);
  sim::Task<> execute(const std::size_t step);
  void emit(const sim::Kind& kind, std::string_view text);

  sim::Host& host_;
  ResponderConfig config_;
  Sees sees_;
  Act act_;
  ResponderObserver* observer_ = nullptr;
  std::optional<sim::Time> paged_, acknowledged_;
  bool finished_ = false;
  std::size_t under_way_ = 0;  // commands
  sim::Stream acknowledgements_, steps_, executions_;
  sim::Signal executed_;
  sim::Group group_;
};

}  // namespace predrill::models
