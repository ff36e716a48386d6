// A simulated incident as OpenMetrics text, under the names of the exporters that would have seen
// it: Patroni's /metrics, postgres_exporter, pgbouncer_exporter, blackbox_exporter. Loaded into
// Prometheus, people's own dashboards and alert rules run against it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/engine/run.hpp"
#include "harness/scenario.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

/// As RunOptions::sink: what the exporters would have seen change.
class MetricsRecorder : public sim::TraceSink {
 public:
  void on_record(const sim::Trace& trace, const sim::Record& record) override;

  /// Samples every `step` from the start of the run to its end, then "# EOF". `epoch`: the
  /// simulated time 0 in Unix seconds.
  std::string text(const ScenarioSpec& scenario, const RunOutcome& outcome, std::int64_t epoch,
                   sim::Duration step = std::chrono::seconds(5)) const;

  struct Change {
    sim::Duration at;
    std::int64_t value;
  };
  using Series = std::map<std::string, std::vector<Change>>;  // by member
  struct Recorded {
    Series running;  // PostgreSQL accepts connections
    Series replica;  // in recovery
    Series timeline;
    Series streaming;                       // a WAL receiver gets WAL
    Series patroni;                         // its process lives
    Series without_dcs;                     // Patroni's last request to the DCS failed
    Series failsafe;                        // leads by failsafe mode
    std::vector<Change> sync;               // synchronous_standby_names, as a set of members
    std::vector<Change> unlocked;           // nobody holds the leader key
    std::map<std::string, Series> haproxy;  // by proxy and server: UP
  };

 private:
  Recorded recorded_;
};

/// 2026-01-01T00:00:00Z: a fixed time, so that the same run gives the same bytes.
constexpr std::int64_t metrics_epoch = 1767225600;

}  // namespace predrill::harness
