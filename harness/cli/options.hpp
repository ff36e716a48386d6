// What the subcommands are asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/report/open_metrics.hpp"

namespace predrill::harness {

struct ScenarioSpec;

struct CommonOptions {
  std::uint64_t seed = 1;
  std::size_t runs = 0;               // 0 = the command's own number
  std::size_t jobs = 0;               // 0 = one per processor
  std::vector<std::string> settings;  // --set path=value
  std::string format = "text";        // or json
  bool json() const { return format == "json"; }
};

/// The word, in quotation marks if a shell would not take it as it is.
std::string shell_word(const std::string& word);
/// "predrill run FILE --seed 1 --runs 20 --set patroni.ttl=20": what decides the result, as a shell
/// takes it.
std::string reproduction(const std::string& command, const std::string& what,
                         const CommonOptions& options, std::size_t runs);

struct RunCommand {
  CommonOptions common;
  std::string scenario;
  std::string trace;    // file for a Perfetto trace
  std::string out;      // folder for the result, the journal and the event log
  bool resume = false;  // go on with the runs that an interrupted attempt left in `out`
  std::string until;    // a stop rule
  std::string rare;     // how likely? A length of outage, or "lost"
  std::string metrics;  // file for OpenMetrics text
  std::int64_t metrics_start = metrics_epoch;  // Unix time of the simulated time 0
  std::string chaos_journal;                   // file for a journal of Chaos Toolkit
};

struct RehearseCommand {
  CommonOptions common;
  std::string system;
  std::vector<std::string> faults;
  std::string out;      // folder for the result
  bool resume = false;  // as of RunCommand
};

struct WhatIfCommand {
  CommonOptions common;
  std::string scenario;
  std::vector<std::string> vary;      // path=a,b,c; path=20..60:10; a/b=1/2,3/4
  std::vector<std::string> measures;  // empty: those of the system's kind
  std::string sensitivity;            // "morris" or "sobol", over ranges
  std::string optimise;               // "min rto.p99, min false_failovers.per_year"
  std::string out;                    // folder for the result
  bool resume = false;                // as of RunCommand
};

struct AvailabilityCommand {
  CommonOptions common;
  std::string system;
  std::vector<std::string> rates;  // FAULT=times a year
  std::vector<std::string> with;   // path=value: a change whose worth is asked
  std::string slo = "99.9%";
  std::string window = "30d";
  std::string repair = "4h";
};

struct TopologyCommand {
  std::string system;
  std::string dot;  // file for the graph
  std::vector<std::string> settings;
  std::string format = "text";
};

struct AuditCommand {
  CommonOptions common;
  std::string scenario;
  std::string claim;             // a fault or a mechanism; empty: what the record says
  std::size_t crashes = 100000;  // simulated to count how early a leader key is lost
};

struct GateCommand {
  CommonOptions common;
  std::string folder;            // of baselines, or one file
  bool update = false;           // write the baselines anew
  std::vector<std::string> add;  // scenarios that get a baseline, with update
  bool all_seeds = false;
  std::string markdown, junit, sarif;  // files; empty: not wanted
};

struct LintCommand {
  CommonOptions common;
  std::string system;
  std::string sarif;  // file; empty: not wanted
};

struct ReportCommand {
  std::vector<std::string> results;  // and journals
  std::string out = "report.html";
  std::string charts;  // file of Apache ECharts, if not the built-in one
};

struct LabCommand {
  std::string action;  // up, status, down
  std::string name = "lab";
  std::string config;   // system file; empty: scenarios/lab/system.json
  std::string patroni;  // program; empty: /usr/bin/patroni
  std::vector<std::string> settings;
};

struct DrillCommand {
  CommonOptions common;
  std::string scenario;
  std::string target = "lab";  // --on
  std::string name = "lab";
  std::size_t repeat = 1;
  bool execute = false;  // targets other than a lab: do it
  bool dry_run = false;  // a lab: do not
  bool recover = false;
  std::string confirm;
  std::string out;  // folder for journals and records
};

struct CompareCommand {
  CommonOptions common;
  std::vector<std::string> files;  // records of drills
  bool stages = false;
  std::string out;  // calibrate: the file to write
};

int command_calibrate(const CompareCommand& command);
int command_compare(const CompareCommand& command);
int command_lab(const LabCommand& command);
int command_drill(const DrillCommand& command);
int command_run(const RunCommand& command);
/// The part of it that --rare asks for.
int command_rare(const RunCommand& command, const ScenarioSpec& scenario);
/// `run` for a scenario that is a runbook.
int command_runbook(const RunCommand& command);
/// `run` for a scenario of recoveries.
int command_recovery(const RunCommand& command);
int command_rehearse(const RehearseCommand& command);
int command_what_if(const WhatIfCommand& command);
/// The part of what-if that --sensitivity asks for.
int command_sensitivity(const WhatIfCommand& command);
int command_availability(const AvailabilityCommand& command);
int command_topology(const TopologyCommand& command);
int command_audit(const AuditCommand& command);
int command_gate(const GateCommand& command);
int command_lint(const LintCommand& command);
/// Files of `aws rds describe-…`, or a runbook in Markdown.
int command_import(const std::vector<std::string>& files);
int command_report(const ReportCommand& command);
int command_validate(const std::vector<std::string>& files);
int command_list(const std::string& what);
int command_explain(const std::string& name);

}  // namespace predrill::harness
