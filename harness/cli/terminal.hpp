// What the standard output is: a terminal of some width, or a pipe.
#pragma once

#include <string>

#include "harness/input/diagnostics.hpp"
#include "harness/report/table.hpp"
#include "harness/system.hpp"

namespace predrill::harness {

/// Width of the terminal (140 in a pipe), colour only on a terminal and without NO_COLOR.
TextStyle style_of_output();

/// A part of a report on standard output, with its title; nothing if the part is empty.
void print_section(const std::string& title, const std::string& body, const TextStyle& style);

/// Prints what was found on standard error. True if the input can be used.
bool report(const Diagnostics& diagnostics);

/// The folder of scenarios: here, or in the tree or installation that the program belongs to; empty
/// if there is none.
std::string find_scenario_folder();

/// False, with a sentence on standard error, for a system that can be read but not yet simulated.
bool can_simulate(const SystemSpec& system);

}  // namespace predrill::harness
