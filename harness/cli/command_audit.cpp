#include <cstdio>
#include <optional>
#include <string>

#include "harness/audit/audit.hpp"
#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/load/load.hpp"
#include "harness/report/progress.hpp"

namespace predrill::harness {

int command_audit(const AuditCommand& command) {
  Diagnostics diagnostics;
  const auto scenario = load_scenario(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !scenario) return exit_usage;
  if (scenario->system.kind != nullptr) {
    std::fprintf(stderr,
                 "predrill: audit asks what became of a leader key; %s has none. Use predrill run, "
                 "which lays the record beside the simulation\n",
                 scenario->system.name.c_str());
    return exit_usage;
  }
  if (!can_simulate(scenario->system)) return exit_usage;
  if (scenario->observed.empty()) {
    std::fprintf(stderr, "predrill: %s has no \"observed\" lines: there is no record to audit\n",
                 command.scenario.c_str());
    return exit_usage;
  }
  AuditOptions options;
  options.seed = command.common.seed;
  if (command.common.runs > 0) options.runs = command.common.runs;
  options.crash_runs = command.crashes;
  options.jobs = command.common.jobs;
  options.claim = command.claim;
  options.stop = &interrupted();
  AuditReport audit;
  {
    std::optional<Progress> progress;  // the audit knows how much there is to do
    options.progress = [&](std::size_t, std::size_t all) {
      if (!progress) {
        progress.emplace("auditing " + scenario->name, static_cast<std::int64_t>(all));
      }
      progress->add();
    };
    audit = run_audit(*scenario, options);
  }
  for (const std::string& problem : audit.problems) {
    std::fprintf(stderr, "predrill: %s\n", problem.c_str());
  }
  if (audit.mechanisms.empty() && !audit.stopped) return exit_usage;
  const std::string text = command.common.json()
                               ? audit_json(*scenario, audit, options)
                               : audit_text(*scenario, audit, options, style_of_output());
  std::fputs(text.c_str(), stdout);
  if (audit.stopped) {
    std::fprintf(stderr, "predrill: interrupted; the report rests on what was finished\n");
    return exit_interrupted;
  }
  switch (audit.verdict) {
    case AuditVerdict::compatible:
      return exit_met;
    case AuditVerdict::incompatible:
      return exit_missed;
    case AuditVerdict::undecided:
      return exit_undecided;
  }
  return exit_internal;
}

}  // namespace predrill::harness
