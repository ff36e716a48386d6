// What the standard output is: a terminal of some width, or a pipe.
#pragma once

#include <string>

#include "harness/input/diagnostics.hpp"
#include "harness/report/table.hpp"

namespace predrill::harness {

/// Width of the terminal (140 in a pipe), colour only on a terminal and without NO_COLOR.
TextStyle style_of_output();

/// Progress on standard error while it is a terminal; silent in a pipe. The line is erased when the
/// object dies.
class Progress {
 public:
  explicit Progress(std::string label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(std::size_t done, std::size_t all);

 private:
  std::string label_;
  bool terminal_;
  long started_ms_;
  long shown_ms_ = 0;
};

/// Prints what was found on standard error. True if the input can be used.
bool report(const Diagnostics& diagnostics);

}  // namespace predrill::harness
