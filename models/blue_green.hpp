// Moving production to an upgraded copy: the managed RDS blue/green switchover, and the hand-made
// one with a logical replication slot and a CNAME.
//
// Real thing and version: RDS blue/green deployments as of 2026 (user guides, botocore); PostgreSQL
//   15 logical replication with pglogical 2.4.
// Modelled: what AWS refuses; guardrails; the slot that retains WAL while the consumer is paused;
//   the phases of the switchover with their order (writes stop before the drain, green opens after
//   it); the time-out that leaves both sides as they were; the DNS cut-over; roll-back and the rows
//   that it loses; reverse replication.
// Simplified (diverges from the real thing): apply and WAL rates are steady; sequences cost one
//   step of the switchover.
// Ignored: copy of the volume and its lazy loading, schema changes on green.
// Calibrated from: user guides (time-out 300 s, zone TTL 5 s); 26 s measured on an older engine,
//   under 5 s on newer ones (shinyaz.com, ca-srg.dev); apply rate 10 to 30 MB/s is a model value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace blue_green {
inline constexpr sim::Kind status{"blue_green.status", "deployment is {0:n}"};
inline constexpr sim::Kind refused{"blue_green.refused", "switchover refused: {0:n}"};
inline constexpr sim::Kind step{"blue_green.step", "{0:n}"};
inline constexpr sim::Kind timed_out{"blue_green.timed_out",
                                     "switchover-timeout: both sides as before"};
}  // namespace blue_green

struct BlueGreenConfig {
  bool managed = true;
  std::string engine_version = "16.4";
  bool logical_replication = true;  // rds.logical_replication = 1 on blue
  bool custom_parameter_group = true;
  bool self_managed_replication = false;  // blue publishes or subscribes by its own doing
  bool rds_proxy = false;
  bool large_objects_changed = false;
  bool ddl_since_creation = false;
  bool writes_on_green = false;
  bool reverse_replication = false;  // green to blue, built by hand
  sim::Duration switchover_timeout = std::chrono::minutes(5);
  double wal_bytes_per_second = 2.4e9 / 3600;
  double apply_bytes_per_second = 20e6;
  double rows_per_second = 22167.0 / 3600;
  double backlog_bytes = 0;          // not yet applied on green
  sim::Duration long_transaction{};  // still running on blue
  sim::Distribution guardrails;
  sim::Distribution rename;  // sequences, names of clusters, instances and endpoints
  sim::Distribution dns;     // until clients resolve the new address
  static BlueGreenConfig defaults();
};

/// What AWS refuses when a deployment is made, with the reason; empty: it can be made.
std::vector<std::string> validate(const BlueGreenConfig& config);

enum class BlueGreenStatus : std::uint8_t {
  available,
  switchover_in_progress,
  switchover_completed,
  switchover_failed,
  rolled_back,
};
std::string_view to_text(BlueGreenStatus status);

class BlueGreen {
 public:
  BlueGreen(sim::Host& host, BlueGreenConfig config);
  ~BlueGreen();

  /// The consumer stands still: WAL is retained for it.
  void pause_consumer();
  void resume_consumer();
  /// Bytes that the slot retains and green lacks.
  double backlog() const;

  /// Begins a switchover; a guardrail that fails refuses it, see refusal().
  void switch_over();
  /// Clients go back to blue: fence green, open blue, change the name. `dns`: until clients follow.
  void roll_back(const sim::Distribution& dns);

  BlueGreenStatus status() const { return status_; }
  const std::string& refusal() const { return refusal_; }
  bool blue_open() const { return blue_open_; }
  bool green_open() const { return green_open_; }
  /// Which side clients reach, and whether it takes their writes.
  bool clients_can_write() const;
  /// Without an open side for clients so far: read-only window and outage of the switchover.
  sim::Duration read_only() const { return read_only_; }
  /// Until clients write again through the moved name.
  sim::Duration outage() const { return outage_; }
  /// Rows written on green that blue lacks after the roll-back.
  double lost_rows() const { return lost_rows_; }
  sim::Duration lost_age() const { return lost_age_; }

 private:
  sim::Task<> run();
  sim::Task<> back(sim::Distribution dns);
  void set_status(BlueGreenStatus status);
  void refuse(std::string reason);
  void note(std::string_view step);
  void advance();

  BlueGreenConfig config_;
  sim::Group group_;
  sim::Stream delays_;
  sim::EntityId entity_;
  BlueGreenStatus status_ = BlueGreenStatus::available;
  std::string refusal_;
  bool blue_open_ = true;
  bool green_open_ = false;
  bool clients_on_green_ = false;
  bool consumer_runs_ = true;
  double backlog_ = 0;
  sim::Time since_{};  // of backlog_
  sim::Time green_since_ = sim::time_max;
  sim::Duration read_only_{};
  sim::Duration outage_{};
  double lost_rows_ = 0;
  sim::Duration lost_age_{};
};

}  // namespace predrill::models
