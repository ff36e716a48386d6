// Programmer errors end the program at once, in every build type, with the virtual time, the seed
// and what happened last. Expected failures of the simulated world are values, never assertions.
#pragma once

namespace predrill::sim {

class Simulation;

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line,
                                   const char* message);

/// While it lives, a failed assertion of this thread is reported as one of this run.
class AssertionScope {
 public:
  explicit AssertionScope(const Simulation& simulation);
  ~AssertionScope();
  AssertionScope(const AssertionScope&) = delete;
  AssertionScope& operator=(const AssertionScope&) = delete;

 private:
  const Simulation* outer_;
};

}  // namespace predrill::sim

#define SIM_ASSERT(condition, message)                                            \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::predrill::sim::assertion_failed(#condition, __FILE__, __LINE__, message); \
  } while (false)
