// What --trace and --out want to have of a run.
#pragma once

#include <memory>
#include <sstream>
#include <string>

#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/engine/run.hpp"
#include "harness/report/open_metrics.hpp"
#include "harness/scenario.hpp"
#include "sim/trace.hpp"
#include "sim/trace_sinks.hpp"

namespace predrill::harness {

/// Records one run and adds the files that a command wants: a Perfetto trace, OpenMetrics text, and
/// events.jsonl and journal.jsonl of a folder.
class Recording : public sim::TraceSink {
 public:
  explicit Recording(const RunCommand& command);
  /// As RunOptions::sink; null if nothing is wanted.
  sim::TraceSink* sink() { return wanted() ? this : nullptr; }
  bool wanted() const { return !trace_.empty() || !out_.empty() || !metrics_file_.empty(); }
  void add_files(const ScenarioSpec& scenario, const RunOutcome& outcome, OutputFiles& files);
  void on_record(const sim::Trace& trace, const sim::Record& record) override;

 private:
  std::string trace_;
  std::string out_;
  std::string metrics_file_;
  std::int64_t metrics_start_;
  MetricsRecorder metrics_;
  std::ostringstream events_text_;
  std::ostringstream perfetto_text_;
  sim::JsonLines events_;
  std::unique_ptr<sim::PerfettoTrace> perfetto_;
};

}  // namespace predrill::harness
