#include "models/blue_green.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;

namespace {

struct Version {
  int major = 0;
  int minor = 0;
};

Version engine_version_of(std::string_view text) {
  Version version;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ptr != end && *major.ptr == '.') {
    std::from_chars(major.ptr + 1, end, version.minor);
  }
  return version;
}

/// At least the minor version of this major's row, or a later major.
template <std::size_t n>
bool reaches(std::string_view text, const std::array<Version, n>& first) {
  const Version version = engine_version_of(text);
  for (const Version& one : first) {
    if (version.major == one.major) return version.minor >= one.minor;
  }
  return version.major > first.back().major;
}

// 17.7, 16.11, 15.15, 14.20, 13.23: a shorter switchover.
bool switches_fast(std::string_view version) {
  static constexpr std::array<Version, 5> first = {
      {{13, 23}, {14, 20}, {15, 15}, {16, 11}, {17, 7}}};
  return reaches(version, first);
}

bool supports_blue_green(std::string_view version) {
  static constexpr std::array<Version, 5> first = {
      {{11, 21}, {12, 16}, {13, 12}, {14, 9}, {15, 4}}};
  return reaches(version, first);
}

}  // namespace

BlueGreenConfig BlueGreenConfig::defaults() {
  BlueGreenConfig c;
  c.guardrails = Distribution::uniform(5s, 20s).with_source("model: no published figure");
  c.rename = Distribution::uniform(5s, 25s).with_source(
      "26 s in all measured on an older engine; the split is a model");
  c.dns = Distribution::uniform(0s, 5s).with_source("user guide: zone TTL 5 s");
  return c;
}

std::vector<std::string> validate(const BlueGreenConfig& config) {
  std::vector<std::string> reasons;
  if (!config.managed) return reasons;
  if (config.self_managed_replication) {
    reasons.emplace_back(
        "blue is a self-managed logical publisher or subscriber (a pglogical slot of its own): RDS "
        "refuses a blue/green deployment of it; drop the slot, or do the switchover by hand");
  }
  if (!supports_blue_green(config.engine_version)) {
    reasons.push_back("engine version " + config.engine_version +
                      " has no blue/green deployments: 11.21, 12.16, 13.12, 14.9, 15.4 or later");
  }
  if (!config.logical_replication) {
    reasons.emplace_back(
        "rds.logical_replication is 0: it is static, set it and reboot blue before the deployment");
  }
  if (!config.custom_parameter_group) {
    reasons.emplace_back("blue has the default parameter group: a custom one is needed");
  }
  constexpr sim::Duration least = 30s;
  constexpr sim::Duration most = 1h;
  if (config.switchover_timeout < least || config.switchover_timeout > most) {
    reasons.emplace_back("SwitchoverTimeout is from 30 to 3600 s");
  }
  return reasons;
}

std::string_view to_text(BlueGreenStatus status) {
  static constexpr std::array<std::string_view, 5> texts = {"AVAILABLE", "SWITCHOVER_IN_PROGRESS",
                                                            "SWITCHOVER_COMPLETED",
                                                            "SWITCHOVER_FAILED", "rolled back"};
  return texts[static_cast<std::size_t>(status)];
}

BlueGreen::BlueGreen(sim::Host& host, BlueGreenConfig config)
    : config_(std::move(config)),
      group_(host, "blue/green"),
      delays_(host.stream("blue/green")),
      entity_(host.entity()),
      backlog_(config_.backlog_bytes) {
  since_ = group_.now();
}

BlueGreen::~BlueGreen() {
  group_.kill();
}

// Backlog changes by what blue writes and green applies; neither grows below zero.
double BlueGreen::backlog() const {
  const double length = sim::seconds(group_.now() - since_);
  const double written = blue_open_ ? config_.wal_bytes_per_second * length : 0;
  const double applied = consumer_runs_ ? config_.apply_bytes_per_second * length : 0;
  return std::max(backlog_ + written - applied, 0.0);
}

void BlueGreen::advance() {
  backlog_ = backlog();
  since_ = group_.now();
}

void BlueGreen::pause_consumer() {
  advance();
  consumer_runs_ = false;
}

void BlueGreen::resume_consumer() {
  advance();
  consumer_runs_ = true;
}

bool BlueGreen::clients_can_write() const {
  return clients_on_green_ ? green_open_ : blue_open_;
}

void BlueGreen::set_status(BlueGreenStatus status) {
  status_ = status;
  sim::Trace& trace = group_.simulation().trace();
  trace.emit(group_.now(), entity_, blue_green::status, trace.name(to_text(status)));
}

void BlueGreen::refuse(std::string reason) {
  refusal_ = std::move(reason);
  sim::Trace& trace = group_.simulation().trace();
  trace.emit(group_.now(), entity_, blue_green::refused, trace.name(refusal_));
}

void BlueGreen::note(std::string_view step) {
  sim::Trace& trace = group_.simulation().trace();
  trace.emit(group_.now(), entity_, blue_green::step, trace.name(step));
}

void BlueGreen::switch_over() {
  group_.spawn(run());
}

sim::Task<> BlueGreen::run() {
  const sim::Duration guardrails = config_.guardrails.sample_duration(delays_);
  sim::Duration rename = config_.rename.sample_duration(delays_);
  if (switches_fast(config_.engine_version)) rename = rename / 8;
  const sim::Duration dns = config_.dns.sample_duration(delays_);
  set_status(BlueGreenStatus::switchover_in_progress);
  co_await sim::sleep_for(guardrails);
  const double lag = backlog() / config_.apply_bytes_per_second;
  std::string reason;
  if (config_.ddl_since_creation || config_.large_objects_changed) {
    reason = "Replication degraded: DDL or large objects changed on blue; make a new deployment";
  } else if (config_.writes_on_green) {
    reason = "green has been written to";
  } else if (!consumer_runs_) {
    reason = "replication to green is not running";
  } else if (lag > sim::seconds(config_.switchover_timeout)) {
    reason = "the replication lag does not fit into the switchover time-out";
  } else if (config_.long_transaction > 0s) {
    reason = "a long-running write or DDL statement is active on blue";
  }
  if (!reason.empty()) {
    refuse(std::move(reason));
    set_status(BlueGreenStatus::available);
    co_return;
  }
  const sim::Time begin = group_.now();
  // The time-out is the managed service's; by hand nobody gives up.
  const sim::Time deadline = config_.managed ? begin + config_.switchover_timeout : sim::time_max;
  advance();
  blue_open_ = false;
  note("writes stop on blue, connections are dropped");
  const sim::Duration drain(
      static_cast<std::int64_t>(backlog_ / config_.apply_bytes_per_second * 1e9));
  co_await sim::sleep_until(std::min(begin + drain, deadline));
  advance();
  if (begin + drain + rename > deadline) {
    co_await sim::sleep_until(deadline);
    advance();
    blue_open_ = true;
    read_only_ = outage_ = group_.now() - begin;
    group_.simulation().trace().emit(group_.now(), entity_, blue_green::timed_out);
    set_status(BlueGreenStatus::switchover_failed);
    co_return;
  }
  note("green has applied everything; sequences and names follow");
  co_await sim::sleep_for(rename);
  green_open_ = true;
  green_since_ = group_.now();
  read_only_ = group_.now() - begin;
  note("green takes writes");
  co_await sim::sleep_for(dns);
  clients_on_green_ = true;
  outage_ = group_.now() - begin;
  note("clients resolve green");
  set_status(BlueGreenStatus::switchover_completed);
}

void BlueGreen::roll_back(const Distribution& dns) {
  group_.spawn(back(dns));
}

sim::Task<> BlueGreen::back(Distribution dns) {
  const sim::Duration cut_over = dns.sample_duration(delays_);
  // A managed blue stays read-only until its writer is rebooted.
  const sim::Duration reboot = config_.managed ? sim::Duration(127s) : sim::Duration{};
  const sim::Time begin = group_.now();
  green_open_ = false;
  note("green takes no more writes");
  if (green_since_ != sim::time_max && !config_.reverse_replication) {
    lost_age_ = group_.now() - green_since_;
    lost_rows_ = sim::seconds(lost_age_) * config_.rows_per_second;
  }
  co_await sim::sleep_for(reboot);
  advance();
  blue_open_ = true;
  note("blue takes writes");
  co_await sim::sleep_for(cut_over);
  clients_on_green_ = false;
  outage_ = group_.now() - begin;
  set_status(BlueGreenStatus::rolled_back);
}

}  // namespace predrill::models
