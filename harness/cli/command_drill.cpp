#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/live/aws_drill.hpp"
#include "harness/live/drill.hpp"
#include "harness/live/lab_faults.hpp"
#include "harness/live/remote.hpp"
#include "harness/load/load.hpp"
#include "harness/measure/journal_lines.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/number.hpp"
#include "harness/report/table.hpp"

namespace predrill::harness {

namespace {

using live::Problem;

int refuse(const std::string& why) {
  std::fprintf(stderr, "predrill: %s\n", why.c_str());
  return exit_refused;
}

std::string seconds(std::int64_t nanoseconds) {
  return seconds_text(nanoseconds, 1);
}

// Predicted and measured, a line for each path and stage.
std::string comparison(const std::vector<live::DrillRecord>& records, const TextStyle& style) {
  std::vector<Table::Column> columns = {
      {"seconds"}, {"predicted p50", Table::Align::right}, {"90 % interval", Table::Align::right}};
  for (std::size_t i = 0; i < records.size(); ++i) {
    columns.push_back({"drill " + std::to_string(i + 1), Table::Align::right});
    columns.push_back({""});
  }
  Table table(columns);
  // `range` and `measured` of a record; null: nothing was predicted.
  const auto row = [&](const std::string& title, auto range, auto measured, auto text) {
    const live::PredictedRange* const first = range(records[0]);
    if (first == nullptr) return;
    std::vector<Table::Cell> cells = {title, text(first->p50),
                                      text(first->p5) + " – " + text(first->p95)};
    for (const live::DrillRecord& record : records) {
      const live::PredictedRange& predicted = *range(record);
      const std::int64_t value = measured(record);
      const bool inside = value >= predicted.p5 && value <= predicted.p95;
      cells.emplace_back(text(value));
      cells.emplace_back(inside ? "inside" : "outside", inside ? Colour::green : Colour::yellow);
    }
    table.add(std::move(cells));
  };
  const auto time = [&](const std::string& title, const std::string& key, auto measured) {
    const auto range = [&key](const live::DrillRecord& record) {
      const auto found = record.predicted.find(key);
      return found == record.predicted.end() ? nullptr : &found->second;
    };
    row(title, range, measured, seconds);
  };
  for (const PathRun& path : records[0].measures.paths) {
    time("RTO " + path.name, "rto:" + path.name, [&](const live::DrillRecord& record) {
      return record.measures.find_path(path.name)->measures.rto.count();
    });
  }
  for (std::size_t i = 0; i < stages; ++i) {
    time(
        "  " + std::string(stage_names[i]), "stage:" + std::string(stage_names[i]),
        [i](const live::DrillRecord& record) { return record.measures.stages_of_path[i].count(); });
  }
  row(
      "rows lost",
      [](const live::DrillRecord& record) {
        return record.predicted_lost ? &*record.predicted_lost : nullptr;
      },
      [](const live::DrillRecord& record) {
        return static_cast<std::int64_t>(record.measures.loss.rows);
      },
      [](std::int64_t rows) { return grouped(rows); });
  return table.text(style, 2);
}

std::string losses(const std::vector<live::DrillRecord>& records) {
  std::string text;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const live::DrillRecord& record = records[i];
    text += "  drill " + std::to_string(i + 1) + ": " + record.primary;
    if (!record.measures.new_primary.empty()) text += " -> " + record.measures.new_primary;
    text += "; " + std::to_string(record.measures.loss.rows) + " of " +
            grouped(static_cast<std::int64_t>(record.acknowledged)) + " acknowledged rows lost, " +
            std::to_string(record.unknown_present) + " of unknown fate are there; load " +
            record.machine.at("load_average") + "\n    " +
            (record.proof.empty() ? "nothing shows that the fault happened" : record.proof) + "\n";
    for (const PathRun& path : record.measures.paths) {
      if (path.errors.empty() || path.name.starts_with("read:")) continue;
      text += "    " + path.name + ":";
      for (const ErrorCount& error : path.errors) {
        text += " " + error.text + " " + std::to_string(error.attempts);
      }
      text += "\n";
    }
    std::uint32_t waiting = 0;
    for (const PoolReading& reading : record.measures.pool) {
      waiting = std::max(waiting, reading.cl_waiting);
    }
    if (waiting > 0) {
      text += "    clients that waited in PgBouncer: up to " + std::to_string(waiting) + "\n";
    }
  }
  return text;
}

// Where the journals and records go: the caller's folder, or the lab's own, which ends with it.
Problem keep(const DrillCommand& command, const live::Lab& lab, const live::DrillOutcome& outcome) {
  const std::filesystem::path folder =
      command.out.empty() ? lab.plan().folder / "drills" : std::filesystem::path(command.out);
  std::vector<std::string> members;
  for (const live::LabHost* member : lab.plan().of(live::HostKind::member)) {
    members.push_back(member->name);
  }
  OutputFiles files;
  files.add(folder / (outcome.record.started + ".journal.jsonl"),
            journal_lines(outcome.journal, members));
  if (const auto problem = files.write()) return problem;
  std::ofstream all(folder / "drills.jsonl", std::ios::app);
  all << to_line(outcome.record) << std::flush;
  if (!all) return "cannot write " + (folder / "drills.jsonl").string();
  return std::nullopt;
}

Problem keep_prediction(const DrillCommand& command, const live::Lab& lab,
                        const live::DrillRecord& record) {
  const std::filesystem::path folder =
      command.out.empty() ? lab.plan().folder / "drills" : std::filesystem::path(command.out);
  OutputFiles files;
  files.add(folder / (record.started + ".prediction.json"), to_line(record));
  return files.write();
}

int dry_run(const ScenarioSpec& scenario, const live::Lab& lab) {
  const live::LabState state = lab.state();
  std::printf("dry run: nothing is done; --execute does it\n");
  for (const FaultSpec& fault : scenario.faults) {
    for (const std::string& step : steps_of(fault, lab, state)) std::printf("  %s\n", step.c_str());
  }
  for (const std::string& problem : state.problems) {
    std::printf("  would be refused now: %s\n", problem.c_str());
  }
  return exit_met;
}

Problem check(const ScenarioSpec& scenario, const live::Lab& lab) {
  std::vector<std::string> problems;
  const auto wanted = live::plan_lab(scenario.system, lab.plan().name, problems);
  if (!wanted) return problems[0];
  if (wanted->files != lab.plan().files) {
    return "the lab " + lab.plan().name + " runs another configuration (" + lab.plan().system +
           ") than the scenario's; give both the same --config and --set";
  }
  const std::string doubt = live::doubt_about_patroni(scenario.system, lab.plan());
  if (!doubt.empty()) return doubt;
  if (scenario.faults.size() != 1) return "a live drill has one fault";
  return cannot_inject(scenario.faults[0], lab);
}

int verdict_of(const ScenarioSpec& scenario, const std::vector<live::DrillRecord>& records) {
  Summary summary(scenario.path);
  bool proved = true;
  for (const live::DrillRecord& record : records) {
    proved = proved && record.valid();
    if (record.valid()) summary.add(record.measures);
  }
  std::vector<Judgement> judgements;
  for (const Objective& objective : scenario.objectives) {
    judgements.push_back(judge_drills(objective, summary));
    std::printf("  %s: %s\n", std::string(to_text(judgements.back().verdict)).c_str(),
                judgements.back().reason.c_str());
  }
  Verdict verdict = overall(judgements, summary);
  // A fault that cannot be shown to have happened is never a pass.
  if (!proved && verdict == Verdict::met) verdict = Verdict::undecided;
  std::printf("verdict: %s\n", std::string(to_text(verdict)).c_str());
  return verdict == Verdict::met      ? exit_met
         : verdict == Verdict::missed ? exit_missed
                                      : exit_undecided;
}

int drill_lab(const DrillCommand& command) {
  live::LabLock lock(command.name);
  if (!lock.held()) return refuse("another predrill works on the lab " + command.name);
  auto lab = live::Lab::find(command.name);
  if (!lab) return refuse("there is no lab " + command.name + "; `predrill lab up` makes it");
  if (command.recover) {
    if (const auto problem = recover(*lab)) return refuse("not recovered: " + *problem);
    std::printf("lab %s is as it was before the drill\n", command.name.c_str());
    return exit_met;
  }
  Diagnostics diagnostics;
  const auto scenario = load_scenario(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !scenario) return exit_usage;
  if (const auto problem = check(*scenario, *lab)) return refuse(*problem);
  if (command.dry_run) return dry_run(*scenario, *lab);
  std::error_code error;
  if (std::filesystem::exists(undo_file(lab->plan()), error)) {
    return refuse("an earlier drill was interrupted; `predrill drill --recover` first");
  }
  std::vector<live::DrillRecord> records;
  live::DrillOptions options;
  options.settings = command.common.settings;
  options.seed = command.common.seed;
  if (command.common.runs != 0) options.predicted_runs = command.common.runs;
  options.stop = &interrupted();
  options.keep_prediction = [&](const live::DrillRecord& record) {
    return keep_prediction(command, *lab, record);
  };
  for (std::size_t i = 0; i < command.repeat && !interrupted(); ++i) {
    options.tell = [&](const std::string& what) {
      std::fprintf(stderr, "predrill: drill %zu of %zu: %s\n", i + 1, command.repeat, what.c_str());
    };
    live::DrillOutcome outcome = run_drill(*lab, *scenario, options);
    if (outcome.record.started.empty()) return refuse(outcome.refused.value_or("no drill"));
    if (const auto problem = keep(command, *lab, outcome)) return refuse(*problem);
    records.push_back(std::move(outcome.record));
    if (!records.back().problem.empty()) {
      std::fprintf(stderr, "predrill: drill %zu says nothing: %s\n", i + 1,
                   records.back().problem.c_str());
    }
    if (outcome.refused) return refuse(*outcome.refused);
  }
  if (records.empty()) return exit_interrupted;
  const TextStyle style = style_of_output();
  std::printf("%s\n\n%s\n%s\n", scenario->name.c_str(), comparison(records, style).c_str(),
              losses(records).c_str());
  return verdict_of(*scenario, records);
}

// What AWS says of a failover is no RTO: that is what clients see, and none was watched.
int drill_aws(const DrillCommand& command, const live::RemotePlan& plan,
              const std::string& undo_file) {
  live::AwsDrillOptions options;
  options.confirm = command.confirm;
  options.undo_file = undo_file;
  options.stop = [] { return interrupted().load(); };
  options.tell = [](const std::string& what) {
    std::fprintf(stderr, "predrill: %s\n", what.c_str());
  };
  const live::AwsOutcome outcome = execute_aws(plan, options);
  std::fputs(aws_text(outcome.operations).c_str(), stdout);
  if (!command.out.empty() && !outcome.operations.empty()) {
    OutputFiles files;
    files.add(std::filesystem::path(command.out) / "aws-drill.json",
              aws_json(plan.target, outcome.operations));
    if (const auto problem = files.write()) return refuse(*problem);
  }
  if (outcome.refused) return refuse("nothing was changed: " + *outcome.refused);
  if (outcome.left_over) {
    return refuse("not as it was before: " + *outcome.left_over +
                  "; the same command with --recover goes on");
  }
  const bool happened = outcome.operations.front().happened;
  std::printf("%s; as it was before. No client was watched, so there is no RTO and no verdict.\n",
              happened ? "the fault happened" : "nothing shows that the fault happened");
  return exit_undecided;
}

int drill_remote(const DrillCommand& command) {
  const std::string undo_file =
      (std::filesystem::path(command.out.empty() ? "." : command.out) / "predrill-undo.json")
          .string();
  if (command.recover) {
    if (const auto problem = live::recover_remote(undo_file)) return refuse(*problem);
    std::printf("as it was before the drill\n");
    return exit_met;
  }
  Diagnostics diagnostics;
  const auto scenario = load_scenario(command.scenario, command.common.settings, diagnostics);
  if (!report(diagnostics) || !scenario) return exit_usage;
  if (scenario->faults.size() != 1) return refuse("a live drill has one fault");
  std::string problem;
  const auto plan = live::plan_remote(command.target, scenario->faults[0], problem);
  if (!plan) return refuse(problem);
  if (!command.execute) {
    std::fputs(dry_run_text(*plan).c_str(), stdout);
    return exit_met;
  }
  if (plan->aws) return drill_aws(command, *plan, undo_file);
  const live::RemoteOutcome outcome = execute(*plan, command.confirm, undo_file);
  if (outcome.refused) return refuse(*outcome.refused);
  if (outcome.left_over) return refuse("not as it was before: " + *outcome.left_over);
  std::printf("%s; no probers ran, so there is no verdict\n",
              outcome.proved ? "the fault happened" : "nothing shows that the fault happened");
  return exit_undecided;
}

}  // namespace

int command_drill(const DrillCommand& command) {
  if (command.scenario.empty() && !command.recover) {
    std::fputs("predrill: a scenario is needed, or --recover\n", stderr);
    return exit_usage;
  }
  return command.target == "lab" ? drill_lab(command) : drill_remote(command);
}

}  // namespace predrill::harness
