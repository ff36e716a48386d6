#include <cstdio>
#include <string>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/lint/lint.hpp"
#include "harness/lint/lint_text.hpp"
#include "harness/load/load.hpp"
#include "harness/report/progress.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

int command_lint(const LintCommand& command) {
  Diagnostics diagnostics;
  const auto system = load_system(command.system, diagnostics, command.common.settings);
  if (!report(diagnostics) || !system) return exit_usage;
  if (lint_rules_for(*system).empty()) {
    std::fprintf(stderr, "predrill: %s: the rules are about Patroni clusters, Aurora and RDS\n",
                 system->file.c_str());
    return exit_usage;
  }
  if (!can_simulate(*system)) return exit_usage;
  std::vector<LintFinding> findings = find_lint(*system);
  LintOptions options;
  options.first_seed = command.common.seed;
  if (command.common.runs > 0) options.runs = command.common.runs;
  options.jobs = command.common.jobs;
  options.stop = &interrupted();
  {
    Progress progress("simulating what it costs",
                      static_cast<std::int64_t>(lint_runs(findings, options)));
    options.on_run = [&progress] { progress.add(); };
    add_costs(findings, *system, options);
  }
  if (!command.sarif.empty() && !interrupted()) {
    OutputFiles files;
    files.add(command.sarif, lint_sarif(findings, PREDRILL_VERSION));
    if (const auto problem = files.write()) {
      std::fprintf(stderr, "predrill: %s\n", problem->c_str());
      return exit_internal;
    }
  }
  const std::string text = command.common.json()
                               ? lint_json(findings, *system, options, PREDRILL_VERSION)
                               : lint_text(findings, *system, style_of_output());
  std::fputs(text.c_str(), stdout);
  if (interrupted()) {
    std::fputs("predrill: interrupted; not every cost was simulated\n", stderr);
    return exit_interrupted;
  }
  for (const LintFinding& finding : findings) {
    if (finding.rule->severity == LintSeverity::error) return exit_missed;
  }
  return exit_met;
}

}  // namespace predrill::harness
