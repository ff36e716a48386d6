// The objectives of a scenario or of a system: {"rto": {"p99": "10s"}, "rpo": {"rows": 0}}.
#pragma once

#include <vector>

#include "harness/input/reader.hpp"
#include "harness/system.hpp"

namespace predrill::harness {

/// Adds what the value asks for; nothing where it is missing.
void read_objectives(const Value& value, std::vector<Objective>& objectives);

}  // namespace predrill::harness
