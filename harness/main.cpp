// The program.
#include "harness/cli/cli.hpp"

int main(int argc, char** argv) {
  return predrill::harness::run_command_line(argc, argv);
}
