// Findings as text, Markdown and SARIF.
#pragma once

#include <span>
#include <string>

#include "harness/lint/lint.hpp"
#include "harness/report/table.hpp"

namespace predrill::harness {

/// "postgresql.yaml:93", with the folder as on the command line.
std::string place_text(const LintFinding& finding);
/// "RTO after dcs_quorum_loss 58.4 s, fixed 0 s"; a sentence of why there is no number.
std::string cost_text(const LintFinding& finding);

/// One paragraph for each finding, the worst severity first.
std::string lint_text(std::span<const LintFinding> findings, const SystemSpec& system,
                      const TextStyle& style);
std::string lint_sarif(std::span<const LintFinding> findings, const std::string& version);
/// The document of `predrill lint --format json`: predrill.lint/1.
std::string lint_json(std::span<const LintFinding> findings, const SystemSpec& system,
                      const LintOptions& options, const std::string& version);

}  // namespace predrill::harness
