// What the commands about measured drills have in common.
#pragma once

#include <optional>
#include <vector>

#include "harness/cli/options.hpp"
#include "harness/live/compare.hpp"
#include "harness/live/record.hpp"

namespace predrill::harness {

/// The drills of the files; nullopt if one cannot be read, which has been said.
std::optional<std::vector<live::DrillRecord>> read_drills(const CompareCommand& command);

live::CompareOptions compare_options(const CompareCommand& command);

}  // namespace predrill::harness
