// Findings at files and lines as SARIF 2.1.0, which code hosts show beside a pull request.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace predrill::harness {

struct SarifRule {
  std::string id;  // "patroni/zero-margin"
  std::string title;
  std::string help;
};

struct SarifResult {
  enum class Level : std::uint8_t { note, warning, error };
  std::string rule;  // id of one of the rules
  Level level = Level::warning;
  std::string message;
  std::string file;
  int line = 0;  // 0: the file as a whole
};

/// One run of the tool with all of its rules, indented, ended by a line feed.
std::string sarif_text(const std::string& version, std::span<const SarifRule> rules,
                       std::span<const SarifResult> results);

}  // namespace predrill::harness
