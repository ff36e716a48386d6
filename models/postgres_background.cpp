// A load that is not simulated transaction by transaction: WAL and acknowledgements at a rate.
#include <algorithm>

#include "models/postgres.hpp"

namespace predrill::models {

using sim::Duration;

void PostgresServer::set_background(BackgroundLoad load) {
  close_flow();
  background_ = load;
  update_background();
}

void PostgresServer::set_background_reaches(bool reaches) {
  background_reaches_ = reaches;
  update_background();
}

void PostgresServer::set_default_transaction_read_only(bool on) {
  default_transaction_read_only_ = on;
  update_background();
}

// The WAL grows at the load's rate while the load can commit: not while the server is stopped or in
// recovery, while its disk stands still, or while commits wait for a standby.
void PostgresServer::update_background() {
  if (volatile_.source != Source::curve || dying()) return;
  const bool can_commit = background_reaches_ && !volatile_.sessions_over && !group_.frozen() &&
                          disk_.healthy() && !default_transaction_read_only_;
  const SynchronousCommit level = background_.synchronous_commit;
  const bool waits = waits_for_standby(level);
  const bool hangs = can_commit && waits && !sync_flows(level);
  std::uint64_t rate = can_commit && !hangs ? background_.bytes_per_second() : 0;
  std::uint64_t rows = can_commit && !hangs ? background_.rows_per_kilosecond : 0;
  if (rate != 0 && waits && config_.replication_bytes_per_second != 0 &&
      rate > config_.replication_bytes_per_second) {  // commits come at the speed of the link
    rate = config_.replication_bytes_per_second;
    rows = rate * 1000 / background_.wal_bytes_per_row;
  }
  if (hangs && open_flow_.rows_per_kilosecond != 0) emit(postgres_kinds::sync_hang);
  const Duration delay = waits && rows != 0 ? sync_delay(level) : Duration{};
  const bool same = rate == curve_.rate() && rows == open_flow_.rows_per_kilosecond &&
                    open_flow_.branch == durable_.history.branch() && delay == open_flow_delay_;
  if (same) return;
  close_flow();
  settle_streams();
  curve_.set_rate(now(), rate, background_.wal_bytes_per_row);
  open_flow_ = {now(),
                now(),
                curve_.at(now()),
                curve_.at(now()),
                rows,
                durable_.history.branch(),
                timeline(),
                config_.member};
  open_flow_delay_ = delay;
  arm_checkpoint();
}

// Committed up to now; acknowledged what was committed one delay earlier.
void PostgresServer::close_flow() {
  if (open_flow_.rows_per_kilosecond == 0) return;
  AcknowledgedFlow flow = open_flow_;
  flow.to = std::max(flow.from, now() - open_flow_delay_);
  flow.to_lsn = curve_.at(flow.to);
  if (ledger_ != nullptr) ledger_->acknowledge(flow);
  open_flow_.rows_per_kilosecond = 0;
}

void PostgresServer::settle_ledger() {
  if (open_flow_.rows_per_kilosecond == 0) return;
  const AcknowledgedFlow flow = open_flow_;
  close_flow();
  open_flow_ = flow;
  open_flow_.from = std::max(flow.from, now() - open_flow_delay_);
  open_flow_.from_lsn = curve_.at(open_flow_.from);
}

void PostgresServer::assume_steady_state() {
  if (volatile_.source != Source::curve) return;
  const Duration age = checkpoints_.uniform(Duration{}, config_.checkpoint_timeout);
  const Duration target =
      config_.checkpoint_timeout * config_.checkpoint_completion_target_percent / 100;
  const std::uint64_t rate = background_.bytes_per_second();
  const std::uint64_t limit = checkpoint_distance();
  // One checkpoint began `age` ago; before it had finished, the one before counts.
  const Duration redo_age = age < target ? age + config_.checkpoint_timeout : age;
  const Lsn end = curve_.at(now());
  const std::uint64_t back = std::min({bytes_in(rate, redo_age), limit * 2, end.value});
  durable_.control.redo = durable_.control.checkpoint = Lsn{end.value - back};
  volatile_.checkpoint_started = now() - age;
  volatile_.checkpoint_redo = Lsn{end.value - std::min({bytes_in(rate, age), limit, end.value})};
  volatile_.checkpoint_running = age < target;
  if (volatile_.checkpoint_running) checkpoint_done_.arm(target - age);
  arm_checkpoint();
}

}  // namespace predrill::models
