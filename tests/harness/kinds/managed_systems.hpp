// Systems of managed databases that ship, their faults one by one, and what every kind of them
// owes.
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/load.hpp"

namespace predrill::harness {

inline SystemSpec loaded_system(const std::filesystem::path& folder,
                                const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto system = load_system(folder, diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system.has_value());
  return *system;
}

inline ScenarioSpec fault_on(const SystemSpec& system, const std::string& fault,
                             const std::string& target = "") {
  auto all = rehearsal_scenarios(system, {fault}, {});
  REQUIRE(all.size() == 1);
  if (!target.empty()) all[0].faults[0].targets = {target};
  return all[0];
}

inline sim::Duration rto(const RunOutcome& outcome, std::string_view path) {
  const PathRun* found = outcome.measures.find_path(path);
  REQUIRE(found != nullptr);
  return found->measures.rto;
}

/// Every fault is rehearsed, runs repeat, four paths are seen, and no acknowledged row is lost.
inline void check_rehearsal(const SystemSpec& system, std::int64_t runs) {
  const auto all = rehearsal_scenarios(system, {}, {});
  CHECK(all.size() == system.kind->faults().size());
  for (const ScenarioSpec& scenario : all) {
    INFO(scenario.name);
    const Summary summary =
        run_campaign(scenario, {.runs = static_cast<std::size_t>(runs), .jobs = 1}).all;
    CHECK(summary.runs() == runs);
    CHECK(*summary.rpo_rows().max() == 0);
    const RunOutcome one = run_once(scenario, {.seed = 3});
    CHECK(one.problem.empty());
    CHECK(one.measures.violations.empty());
    CHECK(one.measures.paths.size() == 4);
    CHECK(run_once(scenario, {.seed = 3}).measures.fingerprint == one.measures.fingerprint);
  }
}

}  // namespace predrill::harness
