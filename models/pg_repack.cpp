#include "models/pg_repack.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

sim::Duration seconds_of(double value) {
  return sim::Duration(static_cast<std::int64_t>(value * 1e9));
}

}  // namespace

std::string_view to_text(RepackPhase phase) {
  static constexpr std::array<std::string_view, 10> names = {
      "not started",   "set up", "copy", "index builds", "apply log",
      "wait for swap", "swap",   "drop", "done",         "gave up"};
  return names[static_cast<std::size_t>(phase)];
}

std::string RepackLeftovers::clean_up() const {
  if (!trigger && !log_table && !copy_table) return "";
  return "DROP EXTENSION pg_repack CASCADE; CREATE EXTENSION pg_repack";
}

PgRepack::PgRepack(sim::Host& host, TableLock& table, RepackConfig config)
    : config_(std::move(config)),
      table_(table),
      group_(host, "pg_repack"),
      swaps_(host.stream("pg_repack swap")) {}

PgRepack::~PgRepack() {
  group_.kill();
}

void PgRepack::start() {
  group_.spawn(run());
}

double PgRepack::wal_of(const RepackConfig& config) {
  return config.wal_factor * (config.heap_bytes + config.index_bytes);
}

void PgRepack::enter(RepackPhase phase, sim::Duration length, double wal) {
  wal_before_ += phase_wal_;
  phase_ = phase;
  begun_ = group_.now();
  planned_ = length;
  phase_wal_ = wal;
  sim::Trace& trace = group_.simulation().trace();
  trace.emit(group_.now(), group_.host().entity(), pg_repack::phase, trace.name(to_text(phase)));
}

double PgRepack::done_share() const {
  if (planned_ <= 0s) return 1;
  const double share = sim::seconds(group_.now() - begun_) / sim::seconds(planned_);
  return std::min(share, 1.0);
}

double PgRepack::wal_bytes() const {
  return wal_before_ + phase_wal_ * done_share();
}

double PgRepack::wal_rate() const {
  const bool writing = planned_ > 0s && done_share() < 1;
  return writing ? phase_wal_ / sim::seconds(planned_) : 0;
}

double PgRepack::log_rows() const {
  if (trigger_since_ == sim::time_max) return 0;
  const double written = sim::seconds(group_.now() - trigger_since_) * config_.log_rows_per_second;
  return std::max(written - applied_, 0.0);
}

void PgRepack::set_old_transactions(std::size_t count) {
  old_transactions_ = count;
  transactions_.notify_all();
}

// --wait-timeout: blockers are cancelled after it, terminated after twice as long; either way the
// lock is free then. With --no-kill-backend the table is skipped.
sim::Task<TableLock::Held> PgRepack::lock_table() {
  TableLock::Held held = co_await table_.acquire(true, config_.wait_timeout);
  if (held || !config_.kill_backend || !cancel_) co_return held;
  const auto cancelled = static_cast<std::int64_t>(cancel_());
  group_.simulation().trace().emit(group_.now(), group_.host().entity(),
                                   pg_repack::blockers_cancelled, cancelled);
  TableLock::Held again = co_await table_.acquire(true, config_.wait_timeout);
  co_return again;
}

sim::Task<> PgRepack::run() {
  enter(RepackPhase::set_up, 0s, 0);
  {
    const TableLock::Held set_up = co_await lock_table();
    if (!set_up) {
      group_.simulation().trace().emit(group_.now(), group_.host().entity(), pg_repack::gave_up);
      phase_ = RepackPhase::gave_up;
      co_return;
    }
    trigger_since_ = group_.now();
  }
  const sim::Duration copy = seconds_of(config_.rows / config_.copy_rows_per_second);
  enter(RepackPhase::copy, copy, config_.wal_factor * config_.heap_bytes);
  co_await sim::sleep_for(copy);
  const sim::Duration build = seconds_of(config_.index_bytes / config_.index_bytes_per_second);
  enter(RepackPhase::indexes, build, config_.wal_factor * config_.index_bytes);
  co_await sim::sleep_for(build);
  enter(RepackPhase::apply, 0s, 0);
  while (log_rows() > config_.switch_threshold) {
    const double batch = log_rows();
    const sim::Duration length = seconds_of(batch / config_.apply_rows_per_second);
    co_await sim::sleep_for(length);
    applied_ += batch;
  }
  enter(RepackPhase::wait_for_swap, 0s, 0);
  while (old_transactions_ > 0) co_await transactions_.wait();
  {
    const TableLock::Held swap = co_await lock_table();
    if (!swap) {
      group_.simulation().trace().emit(group_.now(), group_.host().entity(), pg_repack::gave_up);
      phase_ = RepackPhase::gave_up;
      co_return;
    }
    const sim::Duration length = config_.swap.sample_duration(swaps_);
    enter(RepackPhase::swap, length, 0);
    co_await sim::sleep_for(length);
    enter(RepackPhase::drop, config_.drop, 0);
  }
  co_await sim::sleep_for(config_.drop);
  trigger_since_ = sim::time_max;
  enter(RepackPhase::done, 0s, 0);
}

RepackLeftovers PgRepack::kill() {
  RepackLeftovers left;
  const bool trigger = trigger_since_ != sim::time_max;
  left.trigger = trigger && phase_ < RepackPhase::drop;
  left.log_table = trigger;
  left.log_rows = log_rows();
  // The copy commits as a whole; before that it is rolled back.
  const bool copied = phase_ >= RepackPhase::indexes && phase_ < RepackPhase::done;
  left.copy_table = copied;
  if (copied) left.copy_bytes = config_.heap_bytes;
  if (phase_ == RepackPhase::indexes) {
    left.finished_indexes = static_cast<std::uint32_t>(done_share() * config_.indexes);
  } else if (copied) {
    left.finished_indexes = config_.indexes;
  }
  left.swapped = phase_ == RepackPhase::drop || phase_ == RepackPhase::done;
  group_.kill();
  return left;
}

}  // namespace predrill::models
