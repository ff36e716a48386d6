#include "harness/cli/recording.hpp"

#include <filesystem>
#include <utility>
#include <vector>

#include "harness/measure/journal_lines.hpp"
#include "models/patroni.hpp"
#include "models/postgres.hpp"

namespace predrill::harness {

Recording::Recording(const RunCommand& command)
    : trace_(command.trace),
      out_(command.out),
      metrics_file_(command.metrics),
      metrics_start_(command.metrics_start),
      events_(events_text_) {
  if (trace_.empty()) return;
  namespace kinds = models::postgres_kinds;
  perfetto_ = std::make_unique<sim::PerfettoTrace>(perfetto_text_);
  perfetto_->declare_slice(kinds::promotion_started, kinds::promotion_finished, "promotion");
  perfetto_->declare_slice(kinds::crash_recovery_started, kinds::crash_recovery_finished,
                           "crash recovery");
  perfetto_->declare_slice(models::patroni_kinds::rewinding, models::patroni_kinds::rewound,
                           "pg_rewind");
  perfetto_->declare_slice(models::patroni_kinds::dcs_error, models::patroni_kinds::dcs_back,
                           "without the DCS");
}

void Recording::on_record(const sim::Trace& trace, const sim::Record& record) {
  if (!out_.empty()) events_.on_record(trace, record);
  if (perfetto_) perfetto_->on_record(trace, record);
  if (!metrics_file_.empty()) metrics_.on_record(trace, record);
}

void Recording::add_files(const ScenarioSpec& scenario, const RunOutcome& outcome,
                          OutputFiles& files) {
  if (perfetto_) {
    perfetto_.reset();  // ends the document
    files.add(trace_, perfetto_text_.str());
  }
  if (!metrics_file_.empty()) {
    files.add(metrics_file_, metrics_.text(scenario, outcome, metrics_start_));
  }
  if (out_.empty()) return;
  std::vector<std::string> members;
  for (const MemberSpec& member : scenario.system.members) members.push_back(member.name);
  const std::filesystem::path folder(out_);
  files.add(folder / "events.jsonl", events_text_.str());
  files.add(folder / "journal.jsonl", journal_lines(outcome.journal, members));
}

}  // namespace predrill::harness
