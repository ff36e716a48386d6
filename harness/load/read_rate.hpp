// Amounts per time as files write them: "512kB/s", "30MB/min", "1.8GB/h".
#pragma once

#include <optional>

#include "harness/input/reader.hpp"

namespace predrill::harness {

/// Bytes per second. nullopt where it is missing or wrong, which is reported.
std::optional<double> read_rate(const Value&);

}  // namespace predrill::harness
