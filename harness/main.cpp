// The program.
#include "harness/cli/cli.hpp"

#ifdef __GLIBC__
#include <malloc.h>
#endif

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // Each run builds a world and takes it down again: keep its memory for the next one instead of
  // handing it back to the system, which costs page faults and makes threads wait for each other.
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
#endif
  return predrill::harness::run_command_line(argc, argv);
}
