// `predrill validate`: reads files of any kind and says what is wrong with them.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

/// Reads a system (a folder, or a file that looks like system.json), a scenario, a Zalando
/// manifest, a patroni.yml, a pgbouncer.ini, a haproxy.cfg or what `aws elbv2` prints of target
/// groups.
void validate_file(const std::filesystem::path& path, Diagnostics&);

struct Validation {
  std::string text;     // every problem of every file, and a line for each file
  int exit_status = 0;  // 2 if there was an error
};
Validation validate_files(std::span<const std::filesystem::path> paths);

}  // namespace predrill::harness
