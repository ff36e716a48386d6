// What decides whether a target is healthy: counters of consecutive results, one per checker, and
// the quorum of their verdicts. No clock, no network: target_group.hpp feeds it.
#pragma once

#include <cstdint>
#include <string_view>

namespace predrill::models {

/// TargetHealth.State of describe-target-health.
enum class TargetState : std::uint8_t {
  unused,
  initial,
  healthy,
  unhealthy,
  unhealthy_draining,
  draining
};
std::string_view to_text(TargetState state);

/// TargetHealth.Reason.
enum class TargetReason : std::uint8_t {
  none,
  registration_in_progress,
  initial_health_checking,
  failed_health_checks,    // refused, reset
  timeout,                 // no answer in HealthCheckTimeoutSeconds
  response_code_mismatch,  // HTTP: not in Matcher
  passive_detection,       // real connections failed
  deregistration_in_progress,
  not_registered
};
std::string_view to_text(TargetReason reason);

struct HealthThresholds {
  std::int32_t healthy = 5;
  std::int32_t unhealthy = 2;
  std::int32_t initial = 1;
};

/// One checker's opinion of one target.
struct CheckerOpinion {
  enum class Verdict : std::uint8_t { unknown, healthy, unhealthy };
  Verdict verdict = Verdict::unknown;
  std::int32_t successes = 0;  // in a row, up to the threshold that they have reached
  std::int32_t failures = 0;

  void note(bool passed, const HealthThresholds& thresholds) {
    successes = passed ? successes + 1 : 0;
    failures = passed ? 0 : failures + 1;
    const std::int32_t enough =
        verdict == Verdict::unknown ? thresholds.initial : thresholds.healthy;
    if (verdict != Verdict::healthy && successes >= enough) verdict = Verdict::healthy;
    if (verdict != Verdict::unhealthy && failures >= thresholds.unhealthy) {
      verdict = Verdict::unhealthy;
    }
  }
};

/// The state that follows from `healthy` and `unhealthy` verdicts of `checkers`.
constexpr TargetState judged(TargetState state, std::int32_t healthy, std::int32_t unhealthy,
                             std::int32_t checkers, std::int32_t quorum) {
  switch (state) {
    case TargetState::initial:
      if (unhealthy >= quorum) return TargetState::unhealthy;
      return healthy > checkers - quorum ? TargetState::healthy : state;
    case TargetState::healthy:
      return unhealthy >= quorum ? TargetState::unhealthy : state;
    case TargetState::unhealthy:
    case TargetState::unhealthy_draining:
      return unhealthy < quorum ? TargetState::healthy : state;
    case TargetState::unused:
    case TargetState::draining:
      return state;
  }
  return state;
}

}  // namespace predrill::models
