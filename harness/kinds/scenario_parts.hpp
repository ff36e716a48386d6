// Reads the parts of a scenario that depend on the kind of its system.
#pragma once

#include "harness/input/reader.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// `complete`: the system had no errors, so a name that it lacks is a mistake of the scenario.
void read_kind_fault(const Value& value, const SystemKind& kind, ScenarioSpec& spec, bool complete);
void read_kind_path(const Value& value, const SystemKind& kind, ScenarioSpec& spec);
/// A milestone of the kind, which may be the n-th: "target_unhealthy#2".
std::optional<std::string> read_milestone(const Value& value, std::span<const Milestone> known);

}  // namespace predrill::harness
