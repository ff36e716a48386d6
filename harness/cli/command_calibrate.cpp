#include <cstdio>
#include <string>

#include "harness/cli/cli.hpp"
#include "harness/cli/measured_drills.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/live/calibrate.hpp"
#include "harness/report/progress.hpp"

namespace predrill::harness {

int command_calibrate(const CompareCommand& command) {
  const auto records = read_drills(command);
  if (!records) return exit_usage;
  live::CompareOptions options = compare_options(command);
  // Half of the drills before a fit, the same half after it, and all of them.
  Progress progress("simulating drills", 2 * static_cast<std::int64_t>(records->size()));
  options.progress = [&progress] { progress.add(); };
  const live::Calibration calibration = calibrate(*records, options);
  progress.finish();
  const std::string json = calibration_json(calibration, *records, command.files);
  if (!command.out.empty() && !interrupted()) {
    OutputFiles files;
    files.add(command.out, json);
    if (const auto problem = files.write()) {
      std::fprintf(stderr, "predrill: %s\n", problem->c_str());
      return exit_internal;
    }
  }
  const std::string text =
      command.common.json() ? json : calibration_text(calibration, style_of_output());
  std::fputs(text.c_str(), stdout);
  if (interrupted()) return exit_interrupted;
  return calibration.delays.empty() ? exit_undecided : exit_met;
}

}  // namespace predrill::harness
