#include <cstdio>
#include <filesystem>
#include <string>

#include "harness/cli/cli.hpp"
#include "harness/cli/measured_drills.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/live/compare.hpp"
#include "harness/report/progress.hpp"

namespace predrill::harness {

std::optional<std::vector<live::DrillRecord>> read_drills(const CompareCommand& command) {
  std::vector<std::string> problems;
  auto records = live::read_records(command.files, problems);
  for (const std::string& problem : problems) {
    std::fprintf(stderr, "predrill: %s\n", problem.c_str());
  }
  if (!problems.empty()) return std::nullopt;
  return records;
}

live::CompareOptions compare_options(const CompareCommand& command) {
  live::CompareOptions options;
  options.seed = command.common.seed;
  options.jobs = command.common.jobs;
  if (command.common.runs != 0) options.runs = command.common.runs;
  options.replicates = 100;
  options.settings = command.common.settings;
  options.stop = &interrupted();
  return options;
}

int command_compare(const CompareCommand& command) {
  const auto records = read_drills(command);
  if (!records) return exit_usage;
  live::CompareOptions options = compare_options(command);
  Progress progress("simulating drills", static_cast<std::int64_t>(records->size()));
  options.progress = [&progress] { progress.add(); };
  const std::vector<live::Cell> cells = compare(*records, options);
  progress.finish();
  const std::string text = command.common.json()
                               ? compare_json(cells)
                               : compare_text(cells, style_of_output(), command.stages);
  std::fputs(text.c_str(), stdout);
  bool holds = true;
  for (const live::Cell& cell : cells) {
    if (!cell.problem.empty()) return exit_usage;
    for (const live::Comparison& c : cell.rto) holds = holds && fidelity(c).holds();
  }
  if (interrupted()) return exit_interrupted;
  if (cells.empty()) return exit_undecided;
  return holds ? exit_met : exit_missed;
}

}  // namespace predrill::harness
