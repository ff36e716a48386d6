// Other programs, run with a time limit: ip, tc, initdb, kubectl.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace predrill::harness::live {

/// What went wrong, as a sentence; nullopt: nothing did.
using Problem = std::optional<std::string>;

struct CommandResult {
  int status = -1;     // exit status; 128 + n: ended by signal n; -1: could not be started
  std::string output;  // standard output and standard error
  bool timed_out = false;
  bool ok() const { return status == 0 && !timed_out; }
};

/// Runs argv[0] from PATH, gives it `input`, and waits at most `limit`; then it is killed.
CommandResult run_command(const std::vector<std::string>& argv, const std::string& input = "",
                          std::chrono::milliseconds limit = std::chrono::seconds(20));

/// The same, as a problem that names the command and what it said.
Problem must_run(const std::vector<std::string>& argv, const std::string& input = "",
                 std::chrono::milliseconds limit = std::chrono::seconds(20));

/// The command as a person would type it.
std::string shell_text(const std::vector<std::string>& argv);

}  // namespace predrill::harness::live
