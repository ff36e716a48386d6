// What `predrill list` shows: faults with their keys, and the scenarios of a folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/load/fault_forms.hpp"

namespace predrill::harness {

/// Keys that a fault takes beside at, after, inject and on: "for", "grace_period", ...
std::vector<std::string_view> keys_of(const FaultForm&);

struct ListedScenario {
  std::filesystem::path path;
  std::string name;    // of the file, without its ending
  std::string title;   // its key "name"
  std::string system;  // as written
};

/// Scenarios below a folder, sorted by path. Files that are no scenarios are passed over.
std::vector<ListedScenario> list_scenarios(const std::filesystem::path& folder);

}  // namespace predrill::harness
