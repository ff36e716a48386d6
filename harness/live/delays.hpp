// Delays that no configuration fixes, as two lines of a member's log show them.
#pragma once

#include <array>
#include <istream>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/system.hpp"

namespace predrill::harness::live {

/// A timing of the models and the lines between which it passes.
struct LineDelay {
  std::string_view name;                 // "patroni.start_command": timings.patroni.start_command
  std::array<std::string_view, 2> from;  // text of the first line, one of them
  std::string_view to;                   // of the second
  sim::Duration longest;                 // more: something else came between
  std::string_view meaning;
};
/// Lines of PostgreSQL 15 and Patroni 3.0 to 3.3.
std::span<const LineDelay> line_delays();

/// What one member's log holds of them, by name.
using Delays = std::map<std::string, std::vector<sim::Duration>>;
void add_delays(std::istream& log, Delays& to);

/// The timing of that name.
sim::Distribution& timing_of(SystemSpec& system, std::string_view name);

}  // namespace predrill::harness::live
