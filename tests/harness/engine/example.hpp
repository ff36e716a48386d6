// The example system and its faults, for tests of whole runs.
#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/scenario.hpp"
#include "models/invariants.hpp"
#include "sim/time.hpp"

namespace predrill::harness::fixture {

/// `settings` as of --set.
SystemSpec example_system(const std::vector<std::string>& settings = {});
/// With synchronous_mode on, as it is, or off.
inline SystemSpec example_system(bool synchronous) {
  SystemSpec system = example_system();
  system.patroni.synchronous_mode = synchronous;
  if (!synchronous) system.sync.reset();
  return system;
}

inline ScenarioSpec scenario_of(const SystemSpec& system, const std::string& fault) {
  std::vector<ScenarioSpec> found = rehearsal_scenarios(system, {fault}, {});
  REQUIRE(found.size() == 1);
  return found.front();
}

/// Every violation of a run, a line each, for messages.
inline std::string text_of(const std::vector<models::Violation>& broken) {
  std::string text;
  for (const models::Violation& v : broken) {
    text += std::to_string(sim::seconds(v.at - sim::Time{})) + " s, member " +
            std::to_string(v.member) + ": " + std::string(to_text(v.invariant)) + " (" +
            std::string(to_text(v.mechanism)) + ")\n";
  }
  return text;
}

inline bool has(const RunOutcome& outcome, models::Invariant invariant,
                models::Mechanism mechanism = models::Mechanism::none) {
  for (const models::Violation& v : outcome.broken) {
    if (v.invariant == invariant && v.mechanism == mechanism) return true;
  }
  return false;
}

inline std::size_t unexplained(const RunOutcome& outcome) {
  std::size_t n = 0;
  for (const models::Violation& v : outcome.broken) {
    n += v.mechanism == models::Mechanism::none ? 1U : 0U;
  }
  return n;
}

}  // namespace predrill::harness::fixture
