// What the files behind a scenario say, value by value with file and line, whoever reads it: the
// gate compares it with what they said before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/input/diagnostics.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

/// A scalar of a file, or a list of scalars as one value, its words divided by spaces.
struct InputValue {
  std::string file;
  std::string key;  // "spec.patroni.ttl"; in a file of several parts its kind leads
  std::string value;
  int line = 0;
  friend bool operator==(const InputValue&, const InputValue&) = default;
};

/// The values of the scenario file, of its system.json and of the files named there (or of a
/// system.json and its files), in the order
/// of the files. Comments, spaces and descriptions are no part of it. What cannot be read is in the
/// diagnostics.
std::vector<InputValue> input_values(const std::filesystem::path& scenario, Diagnostics&);

/// Digest of files, keys and values, not of lines. Files count by their names relative to `folder`.
std::uint64_t digest_of(const std::vector<InputValue>& values, const std::filesystem::path& folder);

/// One value that differs. nullopt: it is not there.
struct InputChange {
  std::string file;
  std::string key;
  int line = 0;  // where it stands now, or stood
  std::optional<std::string> before;
  std::optional<std::string> after;
};

/// In the order of the files as they are now; what was removed comes last.
std::vector<InputChange> changes(const std::vector<InputValue>& before,
                                 const std::vector<InputValue>& after);

/// The setting ("patroni.ttl") that takes this change back with load_scenario, and its old value as
/// "path=value"; nullopt where that cannot be said.
std::optional<std::string> taken_back(const InputChange& change, const ScenarioSpec& scenario);

}  // namespace predrill::harness
