#include <cstdio>
#include <filesystem>
#include <string>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/input/document.hpp"
#include "harness/load/load.hpp"

namespace predrill::harness {

namespace {

// A scenario names its system; a system lists its members.
bool is_scenario(const std::filesystem::path& path, Diagnostics& diagnostics) {
  if (std::filesystem::is_directory(path)) return false;
  const auto document = load_document(path, diagnostics);
  return document && document->root().find("system") != nullptr;
}

}  // namespace

int command_validate(const std::vector<std::string>& files) {
  bool good = true;
  for (const std::string& file : files) {
    Diagnostics kind;
    Diagnostics diagnostics;
    const bool loaded = is_scenario(file, kind) ? load_scenario(file, {}, diagnostics).has_value()
                                                : load_system(file, diagnostics).has_value();
    const bool usable = report(diagnostics) && loaded;
    if (usable) std::printf("%s: ok\n", file.c_str());
    good &= usable;
  }
  return good ? exit_met : exit_usage;
}

}  // namespace predrill::harness
