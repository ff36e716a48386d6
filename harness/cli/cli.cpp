#include "harness/cli/cli.hpp"

#include <csignal>
#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "harness/cli/options.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

namespace {

// A signal handler can reach nothing else. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
std::atomic<bool> stop_requested{false};

// The first Ctrl-C asks, the second one insists.
void on_interrupt(int) {
  if (stop_requested.exchange(true)) std::_Exit(exit_interrupted);
}

constexpr const char* description =
    "predrill rehearses PostgreSQL failovers before anyone runs them: it simulates your cluster "
    "from its own configuration files and says how long an outage will be, why, and what is lost.";

constexpr const char* examples =
    "Examples:\n"
    "  predrill rehearse scenarios/systems/user-profile-db\n"
    "      what every fault will do to this system, in one table\n"
    "  predrill run scenarios/drills/node-loss.json\n"
    "      one failover as a timeline; add --runs 1000 for the distribution\n"
    "  predrill run scenarios/drills/node-loss.json --set patroni.ttl=20 --runs 1000\n"
    "      the same with another setting, without touching a file\n"
    "  predrill what-if scenarios/drills/node-loss.json --vary patroni.ttl=20,30,60\n"
    "      which setting buys what: every run with the same seeds, differences with intervals\n"
    "  predrill explain ttl\n"
    "      what a setting, a fault or a stage does here, and how that is known\n"
    "  predrill gate scenarios/baselines\n"
    "      did a change of the files make a failover slower?\n"
    "\n"
    "Exit status: 0 objectives met; 1 an objective or a safety rule missed; 2 bad input or usage;\n"
    "3 undecided, too little evidence; 4 refused by a live drill; 70 internal error;\n"
    "130 interrupted by Ctrl-C.\n";

void add_common(CLI::App& command, CommonOptions& options) {
  command.add_option("--seed", options.seed, "seed of the first run; run i uses seed + i")
      ->capture_default_str();
  command.add_option("--runs", options.runs, "number of runs")->check(CLI::Range(1, 100'000'000));
  command.add_option("--jobs", options.jobs,
                     "threads; the result does not depend on it (default: one per processor)");
  command
      .add_option("--set", options.settings,
                  "path=value: change a setting for this run, e.g. patroni.ttl=20")
      ->allow_extra_args(false);
  command.add_option("--format", options.format, "text, or json: one document on standard output")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void add_folder(CLI::App& command, std::string& out, bool& resume) {
  command.add_option("--out", out, "folder for result.json");
  command.add_flag("--resume", resume,
                   "go on with the runs that an interrupted or killed attempt left in --out");
}

void add_what_if(CLI::App& app, WhatIfCommand& what_if, int& status) {
  CLI::App* command =
      app.add_subcommand("what-if", "one scenario under many configurations, run by run");
  command->add_option("SCENARIO", what_if.scenario, "a scenario file")->required();
  command
      ->add_option("--vary", what_if.vary,
                   "a setting and its values: path=a,b,c, a range path=20..60:10, or settings that "
                   "change together a/b=20/5,30/10; several span a grid (default: what the "
                   "scenario's \"what_if\" says, as for --measure, --optimise and --runs)")
      ->allow_extra_args(false);
  command
      ->add_option("--measure", what_if.measures,
                   "columns of the table: rto.p99, haproxy.downtime.mean, detection.p50, "
                   "errors.p95, waiting.max, rpo.rows.max; own.NAME.p95: a measure that only such "
                   "systems have (default: rto.p50,rto.p99,rpo.rows.max; of a service behind a "
                   "load balancer its own)")
      ->delimiter(',');
  command->add_option("--optimise", what_if.optimise,
                      "goals, e.g. \"min rto.p99, min false_failovers.per_year\" or \"rto.p99 <= "
                      "30s\": the points that none beats, and the smallest change");
  command
      ->add_option("--sensitivity", what_if.sensitivity,
                   "morris or sobol: which setting moves the first measure, over ranges without "
                   "steps such as patroni.ttl=20..60")
      ->check(CLI::IsMember({"morris", "sobol"}));
  add_folder(*command, what_if.out, what_if.resume);
  add_common(*command, what_if.common);
  command->footer(
      "Examples:\n"
      "  predrill what-if scenarios/what-if/payment-gateway-plat-4903.json\n"
      "  predrill what-if scenarios/drills/node-loss.json --vary patroni.ttl=20,30,60\n"
      "  predrill what-if scenarios/drills/node-loss.json --vary patroni.ttl=20..60:10 \\\n"
      "      --vary patroni.loop_wait=5,10 --measure rto.p99,errors.p50\n"
      "  predrill what-if scenarios/drills/node-loss.json \\\n"
      "      --vary patroni.ttl/patroni.loop_wait/patroni.retry_timeout=20/5/5,30/5/10,60/10/20\n");
  command->callback([&] {
    status = what_if.sensitivity.empty() ? command_what_if(what_if) : command_sensitivity(what_if);
  });
}

void add_gate(CLI::App& app, GateCommand& gate, int& status) {
  CLI::App* command = app.add_subcommand(
      "gate", "did a change make failover slower? compare with a folder of baselines");
  command->add_option("DIR", gate.folder, "folder of baselines, or one of them")->required();
  command->add_flag("--update", gate.update,
                    "accept what is: write the baselines anew, print before and after");
  command->add_option("--add", gate.add, "with --update: scenarios that get a baseline");
  command->add_flag("--all-seeds", gate.all_seeds, "re-run every seed even if no file has changed");
  command->add_option("--markdown", gate.markdown, "write a summary for a pull request");
  command->add_option("--junit", gate.junit, "write JUnit XML");
  command->add_option("--sarif", gate.sarif, "write SARIF 2.1.0: the key to blame, at its line");
  add_common(*command, gate.common);
  command->footer(
      "Examples:\n"
      "  predrill gate scenarios/baselines --update --add scenarios/drills/node-loss.json\n"
      "  predrill gate scenarios/baselines --markdown gate.md --sarif gate.sarif\n"
      "Exit status: 0 no slower; 1 slower, or a safety rule broke; 3 undecided.\n");
  command->callback([&gate, &status] { status = command_gate(gate); });
}

void add_lint(CLI::App& app, LintCommand& lint, int& status) {
  CLI::App* command = app.add_subcommand(
      "lint", "settings that are legal each by itself and cost time or data together");
  command->add_option("SYSTEM", lint.system, "a system.json, or the folder with it")->required();
  command->add_option("--sarif", lint.sarif, "write SARIF 2.1.0");
  add_common(*command, lint.common);
  command->footer(
      "Each finding says what it costs with and without its fix, simulated under the same seeds.\n"
      "Examples:\n"
      "  predrill lint scenarios/systems/user-profile-db\n"
      "  predrill lint scenarios/systems/user-profile-db --sarif lint.sarif\n"
      "Exit status: 0 no error among the findings; 1 there is one.\n");
  command->callback([&lint, &status] { status = command_lint(lint); });
}

void add_availability(CLI::App& app, AvailabilityCommand& availability, int& status) {
  CLI::App* command = app.add_subcommand(
      "availability", "downtime of a year: failure rates joined with simulated outages");
  command->add_option("SYSTEM", availability.system, "a system.json, or the folder with it")
      ->required();
  command->add_option("--rate", availability.rates, "FAULT=times a year, e.g. node_loss=2")
      ->allow_extra_args(false);
  command
      ->add_option("--with", availability.with,
                   "path=value: a change, to see what it is worth, e.g. patroni.ttl=20")
      ->allow_extra_args(false);
  command->add_option("--slo", availability.slo, "availability that is promised")
      ->capture_default_str();
  command->add_option("--window", availability.window, "over which it is promised")
      ->capture_default_str();
  command->add_option("--repair", availability.repair, "time until a lost member is replaced")
      ->capture_default_str();
  add_common(*command, availability.common);
  command->footer(
      "Examples:\n"
      "  predrill availability scenarios/systems/user-profile-db\n"
      "  predrill availability scenarios/systems/user-profile-db --slo 99.95% --window 28d \\\n"
      "      --rate node_loss=2 --rate pgbouncer_kill=12\n"
      "  predrill availability scenarios/systems/user-profile-db \\\n"
      "      --with patroni.ttl=20 --with pgbouncer.server_connect_timeout=3\n"
      "Exit status: 0 the mean downtime fits into the budget; 1 it does not.\n");
  command->callback([&] { status = command_availability(availability); });
}

void add_topology(CLI::App& app, TopologyCommand& topology, int& status) {
  CLI::App* command = app.add_subcommand(
      "topology", "what needs what: blast radius, single points of failure, minimum cuts");
  command->add_option("SYSTEM", topology.system, "a system.json, or the folder with it")
      ->required();
  command->add_option("--dot", topology.dot, "write the graph for Graphviz");
  command->add_option("--set", topology.settings, "path=value: change a setting")
      ->allow_extra_args(false);
  command->add_option("--format", topology.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  predrill topology scenarios/systems/user-profile-db\n"
      "  predrill topology scenarios/systems/payment-gateway --set workloads[0].replicas=4\n"
      "  predrill topology scenarios/systems/user-profile-db --dot db.dot && dot -Tsvg db.dot\n");
  command->callback([&] { status = command_topology(topology); });
}

void add_report(CLI::App& app, ReportCommand& report, int& status) {
  CLI::App* command = app.add_subcommand(
      "report", "results as one HTML file that works offline: charts, timeline, tables");
  command
      ->add_option("RESULT", report.results,
                   "result documents (--format json, run --out) and journals (.jsonl)")
      ->required();
  command->add_option("-o,--out", report.out, "the file to write")->capture_default_str();
  command->add_option("--charts", report.charts, "a copy of echarts.min.js to inline");
  command->footer(
      "Examples:\n"
      "  predrill run scenarios/drills/node-loss.json --out once\n"
      "  predrill run scenarios/drills/node-loss.json --runs 1000 --format json > many.json\n"
      "  predrill report many.json once/result.json -o node-loss.html\n");
  command->callback([&report, &status] { status = command_report(report); });
}

void add_lab(CLI::App& app, LabCommand& lab, int& status) {
  CLI::App* lab_app = app.add_subcommand(
      "lab",
      "a real cluster on this machine: Patroni, etcd, HAProxy, PgBouncer, each in a network "
      "namespace");
  lab_app->add_option("ACTION", lab.action, "up, status or down")
      ->required()
      ->check(CLI::IsMember({"up", "status", "down"}));
  lab_app->add_option("--name", lab.name, "of the lab; several can run side by side")
      ->capture_default_str();
  lab_app->add_option("--config", lab.config,
                      "the system file, as for the simulator (default: scenarios/lab)");
  lab_app->add_option("--set", lab.settings, "path=value: change a setting, e.g. patroni.ttl=20")
      ->allow_extra_args(false);
  lab_app->add_option("--patroni", lab.patroni,
                      "another Patroni than /usr/bin/patroni: its program (and set "
                      "patroni.version to what it is, here and for `drill`)");
  lab_app->footer(
      "Needs root and Debian's packages, which ./predrill lab up installs.\n"
      "Examples:\n"
      "  predrill lab up\n"
      "  predrill drill scenarios/lab/node-loss.json --on lab --repeat 3\n"
      "  predrill lab down                          nothing of it is left\n"
      "  predrill lab up --name fast --set patroni.ttl=20 --set patroni.loop_wait=5 \\\n"
      "      --set patroni.retry_timeout=5          another one beside it\n"
      "  predrill lab up --patroni /opt/patroni-4.1/bin/patroni --set patroni.version=4.1.4\n");
  lab_app->callback([&] { status = command_lab(lab); });
}

void add_drill(CLI::App& app, DrillCommand& drill, int& status) {
  CLI::App* drill_app = app.add_subcommand(
      "drill", "the same fault in a real cluster: predicted before, measured, laid side by side");
  drill_app->add_option("SCENARIO", drill.scenario, "a scenario file with one fault");
  drill_app
      ->add_option("--on", drill.target,
                   "where: lab, patroni:URL, kubernetes:NAMESPACE/CLUSTER, "
                   "aws:DB-CLUSTER, command:HOOKS.json")
      ->capture_default_str();
  drill_app->add_option("--name", drill.name, "of the lab")->capture_default_str();
  drill_app->add_option("--repeat", drill.repeat, "how often")->check(CLI::Range(1, 1000));
  drill_app->add_flag("--execute", drill.execute, "do it; without it, only a lab is touched");
  drill_app->add_flag("--dry-run", drill.dry_run, "say what would be done");
  drill_app->add_flag("--recover", drill.recover, "mend what an interrupted drill left");
  drill_app->add_option("--confirm", drill.confirm, "the target's name, typed, if it is no lab");
  drill_app->add_option("--out", drill.out, "folder for predictions, journals and drills.jsonl");
  add_common(*drill_app, drill.common);
  drill_app->footer(
      "Examples:\n"
      "  predrill drill scenarios/lab/node-loss.json --on lab --repeat 3\n"
      "  predrill drill scenarios/lab/node-loss.json --on lab --dry-run    what it would do\n"
      "  predrill drill --recover                   after a kill -9 in the middle of one\n"
      "  predrill drill switchover.json --on patroni:http://10.0.0.1:8008  dry run; to do it:\n"
      "  predrill drill switchover.json --on patroni:http://10.0.0.1:8008 --execute --confirm "
      "NAME\n"
      "Exit status: 0 objectives met; 1 one is missed; 3 undecided, also if nothing shows that "
      "the\n"
      "fault happened; 4 refused.\n");
  drill_app->callback([&] { status = command_drill(drill); });
}

void add_compare(CLI::App& app, CompareCommand& compare, CompareCommand& calibrate, int& status) {
  CLI::App* compare_app =
      app.add_subcommand("compare", "measured drills against the simulator's prediction");
  compare_app->add_option("DRILLS", compare.files, "drills.jsonl of measured drills")->required();
  compare_app->add_flag("--stages", compare.stages, "each stage of the RTO, too");
  add_common(*compare_app, compare.common);
  compare_app->footer(
      "Examples:\n"
      "  predrill compare scenarios/lab/measured/*/node-loss.jsonl --stages\n"
      "  predrill compare scenarios/lab/measured/*/*.jsonl          minutes: 200 runs a drill\n"
      "  predrill compare drills.jsonl --format json > comparison.json\n"
      "  predrill report comparison.json -o comparison.html\n"
      "Exit status: 0 every cell holds; 1 one differs.\n");
  compare_app->callback([&] { status = command_compare(compare); });

  CLI::App* calibrate_app = app.add_subcommand("calibrate",
                                               "fit delays that no configuration fixes to drills; "
                                               "say what half of them foretell of the rest");
  calibrate_app->add_option("DRILLS", calibrate.files, "drills.jsonl of measured drills")
      ->required();
  calibrate_app->add_option("--out", calibrate.out,
                            "the file to write, for \"files\": {\"calibration\": ...}");
  add_common(*calibrate_app, calibrate.common);
  calibrate_app->footer(
      "Examples:\n"
      "  predrill calibrate drills.jsonl\n"
      "  predrill calibrate scenarios/lab/measured/*/*.jsonl --out calibration.json\n"
      "Exit status: 0 at least one delay was fitted; 3 too few drills for any.\n");
  calibrate_app->callback([&] { status = command_calibrate(calibrate); });
}

int parse_and_run(int argc, const char* const* argv) {
  CLI::App app(description, "predrill");
  app.footer(examples);
  app.set_version_flag("-V,--version", "predrill " PREDRILL_VERSION);
  app.set_help_flag("-h,--help", "show this text, or the help of a command");
  app.get_formatter()->column_width(28);
  app.require_subcommand(0, 1);
  int status = exit_met;

  RunCommand run;
  CLI::App* run_app = app.add_subcommand("run", "one scenario: timeline, outages, stages, verdict");
  run_app->add_option("SCENARIO", run.scenario, "a scenario file")->required();
  add_common(*run_app, run.common);
  run_app->add_option("--trace", run.trace, "write a Chrome/Perfetto trace of the first run");
  run_app->add_option("--out", run.out, "folder for result.json, journal.jsonl and events.jsonl");
  run_app->add_flag("--resume", run.resume,
                    "go on with the runs that an interrupted or killed attempt left in --out");
  run_app->add_option(
      "--until", run.until,
      "stop early: rto.p99=2s, once its interval is 2 s wide, or rto.p99<=30s, once "
      "a sequential test decides; --runs is then the most");
  run_app->add_option("--rare", run.rare,
                      "how likely is an outage longer than this, e.g. 10m, or \"lost\": are "
                      "acknowledged rows lost, in a year where faults have rates (per_year)? Finds "
                      "by multilevel splitting what --runs would never meet");
  run_app->add_option("--openmetrics", run.metrics,
                      "write the first run as OpenMetrics text, under the names of real exporters");
  run_app->add_option("--chaos-journal", run.chaos_journal,
                      "write the first run as a journal of Chaos Toolkit");
  run_app
      ->add_option("--openmetrics-start", run.metrics_start,
                   "Unix time of the simulated time 0 (2026-01-01)")
      ->capture_default_str();
  run_app->footer(
      "Examples:\n"
      "  predrill run scenarios/drills/node-loss.json                one failover as a timeline\n"
      "  predrill run scenarios/drills/node-loss.json --runs 1000    its distribution\n"
      "  predrill run scenarios/drills/node-loss.json --set patroni.ttl=20 --until rto.p99=1s\n"
      "  predrill run scenarios/drills/node-loss.json --runs 100000 --out results --resume\n"
      "  predrill run scenarios/drills/switchover.json --rare 10m\n"
      "  predrill run scenarios/what-if/rows-lost.json --rare lost\n"
      "Exit status: 0 objectives met; 1 one is missed, or a safety rule broke; 2 bad input;\n"
      "3 undecided, too few runs; 130 interrupted by Ctrl-C, with what was finished.\n");
  run_app->callback([&] { status = command_run(run); });

  RehearseCommand rehearse;
  CLI::App* rehearse_app =
      app.add_subcommand("rehearse", "every applicable fault against one system, in one table");
  rehearse_app->add_option("SYSTEM", rehearse.system, "a system.json, or the folder with it")
      ->required();
  rehearse_app->add_option("--faults", rehearse.faults, "only these, e.g. node_loss,freeze")
      ->delimiter(',');
  add_folder(*rehearse_app, rehearse.out, rehearse.resume);
  add_common(*rehearse_app, rehearse.common);
  rehearse_app->footer(
      "Examples:\n"
      "  predrill rehearse scenarios/systems/user-profile-db\n"
      "  predrill rehearse scenarios/systems/user-profile-db --faults node_loss,freeze --runs "
      "5000\n"
      "  predrill rehearse scenarios/systems/user-profile-db --set patroni.ttl=20\n"
      "Exit status: 0 objectives met; 1 a fault misses one; 130 interrupted by Ctrl-C, with what\n"
      "was finished.\n");
  rehearse_app->callback([&] { status = command_rehearse(rehearse); });

  WhatIfCommand what_if;
  add_what_if(app, what_if, status);

  AvailabilityCommand availability;
  add_availability(app, availability, status);

  TopologyCommand topology;
  add_topology(app, topology, status);

  AuditCommand audit;
  CLI::App* audit_app =
      app.add_subcommand("audit", "did an observed drill test what it claims to have tested?");
  audit_app->add_option("SCENARIO", audit.scenario, "a scenario file with observed lines")
      ->required();
  audit_app->add_option("--claim", audit.claim,
                        "fault or mechanism that the drill is said to have tested, e.g. node_loss "
                        "(default: what the record says, else the scenario's fault)");
  audit_app
      ->add_option("--crashes", audit.crashes,
                   "crashes to simulate where a record claims an expired leader key")
      ->capture_default_str();
  add_common(*audit_app, audit.common);
  audit_app->footer(
      "Examples:\n"
      "  predrill audit scenarios/drills/user-profile-db-2025-10-09.json\n"
      "  predrill audit scenarios/drills/user-profile-db-2025-10-09.json --claim node_loss\n"
      "Exit status: 0 the record is compatible with the claim; 1 it is not; 3 it does not tell.\n");
  audit_app->callback([&] { status = command_audit(audit); });

  GateCommand gate;
  add_gate(app, gate, status);

  LintCommand lint;
  add_lint(app, lint, status);

  ReportCommand report;
  add_report(app, report, status);
  LabCommand lab;
  add_lab(app, lab, status);
  DrillCommand drill;
  add_drill(app, drill, status);
  CompareCommand compare;
  CompareCommand calibrate;
  add_compare(app, compare, calibrate, status);

  std::vector<std::string> files;
  CLI::App* validate_app =
      app.add_subcommand("validate", "check scenario and system files and all that they name");
  validate_app->add_option("FILE", files, "files, or folders with a system.json")->required();
  validate_app->footer(
      "Examples:\n"
      "  predrill validate scenarios/systems/user-profile-db\n"
      "  predrill validate scenarios/drills/*.json\n"
      "Exit status: 0 all can be used; 2 one cannot, and every problem is named with its line.\n");
  validate_app->callback([&] { status = command_validate(files); });

  std::vector<std::string> imported;
  CLI::App* import_app = app.add_subcommand(
      "import",
      "what aws describe-… printed, Kubernetes manifests, a runbook or an experiment of Chaos "
      "Toolkit, as a skeleton");
  import_app
      ->add_option("FILE", imported,
                   "JSON of describe-db-clusters, -instances, -events, describe-blue-green-"
                   "deployments; or YAML of Deployments and Services with JSON of elbv2 "
                   "describe-target-groups and -attributes; or one .md file; or one experiment "
                   "(.json, .yaml)")
      ->required();
  import_app->footer(
      "Examples:\n"
      "  aws rds describe-db-clusters --output json > clusters.json\n"
      "  aws rds describe-db-instances --output json > instances.json\n"
      "  predrill import clusters.json instances.json > system.json   # Aurora, or RDS\n"
      "  predrill import failover-runbook.md > failover.json\n"
      "  aws elbv2 describe-target-groups --names tg-payments --output json > target-groups.json\n"
      "  predrill import deployment.yaml service.yaml target-groups.json > system.json\n"
      "  predrill import experiment.json > drill.json\n");
  import_app->callback([&] { status = command_import(imported); });

  std::string what;
  CLI::App* list_app =
      app.add_subcommand("list", "what there is: faults, measures, settings, models, scenarios");
  list_app->add_option("WHAT", what, "one of them; all if left out");
  list_app->footer(
      "Examples:\n"
      "  predrill list faults\n"
      "  predrill list settings\n");
  list_app->callback([&] { status = command_list(what); });

  std::string name;
  CLI::App* explain_app =
      app.add_subcommand("explain", "what a fault, a stage or a setting does, with its source");
  explain_app->add_option("NAME", name, "e.g. node_loss, election, patroni.ttl")->required();
  explain_app->footer(
      "Examples:\n"
      "  predrill explain ttl                     a setting\n"
      "  predrill explain node_loss               a fault\n"
      "  predrill explain election                a stage of an outage\n"
      "  predrill list                            all names\n");
  explain_app->callback([&] { status = command_explain(name); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? exit_met : exit_usage;
  }
  if (app.get_subcommands().empty()) std::fputs(app.help().c_str(), stdout);
  return status;
}

}  // namespace

const std::atomic<bool>& interrupted() {
  return stop_requested;
}

int run_command_line(int argc, const char* const* argv) {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  try {
    const int status = parse_and_run(argc, argv);
    const bool flushed = std::fflush(stdout) == 0;
    if (!flushed || std::ferror(stdout) != 0) {
      std::fputs("predrill: the output could not be written\n", stderr);
      return exit_internal;
    }
    return status;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "predrill: internal error: %s\n", error.what());
    return exit_internal;
  }
}

}  // namespace predrill::harness
