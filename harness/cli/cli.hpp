// The command line: subcommands, their options, and the exit status of each outcome.
#pragma once

#include <atomic>

namespace predrill::harness {

/// design: 0 objectives met; 1 missed; 2 bad input; 3 undecided; 4 a live target refused; 70 ours.
enum ExitStatus : int {
  exit_met = 0,
  exit_missed = 1,
  exit_usage = 2,
  exit_undecided = 3,
  exit_refused = 4,
  exit_internal = 70,
  exit_interrupted = 130,  // Ctrl-C: what was finished has been printed
};

/// Runs the program; never throws.
int run_command_line(int argc, const char* const* argv);

/// Set by Ctrl-C: long work ends with what was finished so far.
const std::atomic<bool>& interrupted();

}  // namespace predrill::harness
