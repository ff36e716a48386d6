// What a gate came to, for people and for the tools that read a pull request.
#pragma once

#include <span>
#include <string>

#include "harness/gate/gate.hpp"
#include "harness/report/junit.hpp"
#include "harness/report/sarif.hpp"
#include "harness/report/table.hpp"

namespace predrill::harness {

using GateFindings = std::span<const std::unique_ptr<GateFinding>>;

/// "detection", or "" where no stage is to blame.
std::string stage_text(const GateFinding& finding);
/// "scenarios/systems/x/postgresql.yaml:93"; the file alone without a line.
std::string place_text(const InputChange& change);
/// "spec.patroni.ttl: 30 -> 40"
std::string change_text(const InputChange& change);

/// A table of all, then what is to be said about those that did not simply pass.
std::string gate_text(GateFindings findings, const TextStyle& style);
/// The same as Markdown for the summary of a pull request.
std::string gate_markdown(GateFindings findings);
/// Undecided is skipped, with its reason.
std::string gate_junit(GateFindings findings, const std::string& name);
/// A result for each failure, at the line of the key to blame, else at the scenario.
std::string gate_sarif(GateFindings findings, const std::string& version);

/// Before and after an update, as Markdown, for a commit message. `before`: the baselines of the
/// same files as they were; null for a new one.
struct BaselineUpdate {
  const Baseline* before = nullptr;
  const Baseline* after = nullptr;
};
std::string update_text(std::span<const BaselineUpdate> updates);

}  // namespace predrill::harness
