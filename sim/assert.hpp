// Programmer errors end the program at once, in every build type, with the virtual time and what
// was expected. Expected failures of the simulated world are values, never assertions.
#pragma once

namespace predrill::sim {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line,
                                   const char* message);

}  // namespace predrill::sim

#define SIM_ASSERT(condition, message)                                            \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::predrill::sim::assertion_failed(#condition, __FILE__, __LINE__, message); \
  } while (false)
