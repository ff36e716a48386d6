#include "sim/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace predrill::sim {

void assertion_failed(const char* expression, const char* file, int line, const char* message) {
  std::fprintf(stderr, "predrill: internal error at %s:%d: %s (%s)\n", file, line, message,
               expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace predrill::sim
