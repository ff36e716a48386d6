// Turns the files of a system and of a scenario into plain data, with every default filled in.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "harness/input/diagnostics.hpp"
#include "harness/scenario.hpp"
#include "harness/system.hpp"

namespace predrill::harness {

/// Empty if there were errors; they are in the diagnostics.
template <class T>
using Loaded = std::optional<T>;

/// Reads a system.json, or the one in a folder, and the configuration files that it names.
/// `settings` are those of --set: "patroni.ttl=20", "workload.connections=80".
Loaded<SystemSpec> load_system(const std::filesystem::path& path, Diagnostics&,
                               std::span<const std::string> settings = {});

/// Reads a scenario and its system. Settings may name values of either: "faults[0].at=65s",
/// "run_for=2m", "patroni.ttl=20", "system.patroni.ttl=20".
Loaded<ScenarioSpec> load_scenario(const std::filesystem::path& path,
                                   std::span<const std::string> settings, Diagnostics&);

}  // namespace predrill::harness
