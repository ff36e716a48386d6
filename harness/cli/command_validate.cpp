#include <cstdio>
#include <string>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/load/validate.hpp"

namespace predrill::harness {

int command_validate(const std::vector<std::string>& files) {
  bool good = true;
  for (const std::string& file : files) {
    Diagnostics diagnostics;
    validate_file(file, diagnostics);
    const bool usable = report(diagnostics);
    if (usable) std::printf("%s: ok\n", file.c_str());
    good &= usable;
  }
  return good ? exit_met : exit_usage;
}

}  // namespace predrill::harness
