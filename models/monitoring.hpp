// From a condition to a page: Prometheus with Alertmanager, CloudWatch alarms, or events.
//
// Real thing and version: Prometheus 2.5x and Alertmanager 0.27 (docs/configuration; rules/
//   alerting.go; dispatch), Amazon CloudWatch alarms (user guide, AlarmThatSendsEmail).
// Modelled: the sample of a scrape is what holds at its instant; a rule sees the last sample at its
//   evaluations, is pending for `for`, and starts again when the condition is false at one of them;
//   group_wait, after which a resolved alert is not sent; CloudWatch's metric per minute, published
//   late, M datapoints in a row, evaluated each minute; events pushed as they happen.
// Simplified (diverges from the real thing): one alert per rule, each in a group of its own; no
//   repeats, no inhibition; CloudWatch's missing data keep the state.
// Ignored: staleness, remote write, silences.
// Calibrated from: upstream defaults; publish lag and delivery are assumptions (monitoring.cpp).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

struct AlertRule {
  enum class Source : std::uint8_t { prometheus, cloudwatch, event };
  std::string name = "alert";
  Source source = Source::prometheus;
  // Prometheus and Alertmanager
  sim::Duration scrape_interval = std::chrono::seconds(60);
  sim::Duration evaluation_interval = std::chrono::seconds(60);
  sim::Duration hold{};  // for
  sim::Duration group_wait = std::chrono::seconds(30);
  // CloudWatch
  sim::Duration period = std::chrono::seconds(60);
  std::int32_t datapoints = 1;    // of as many evaluation periods
  sim::Distribution publish_lag;  // end of the period until the datapoint is there
  // All: until the on-call person's device rings
  sim::Distribution delivery;

  AlertRule();
  /// What cannot be, as sentences.
  std::vector<std::string> validate() const;
};

namespace monitoring_kinds {
inline constexpr sim::Kind firing{"alert.firing", "{0:n} fires"};
inline constexpr sim::Kind resolved{"alert.resolved", "{0:n} is resolved"};
inline constexpr sim::Kind paged{"alert.paged", "{0:n}: the on-call person is paged"};
}  // namespace monitoring_kinds

/// Told at the instant of each step, for checks.
class AlertObserver {
 public:
  /// `since`: of the pending state.
  virtual void on_firing(const AlertRule& /*rule*/, sim::Time /*since*/) {}
  virtual void on_page(const AlertRule& /*rule*/, sim::Time /*fired*/, bool /*still*/) {}

 protected:
  ~AlertObserver() = default;
};

class Monitoring {
 public:
  /// What a rule asks about the world: true while it is bad.
  using Condition = std::function<bool()>;
  using Page = std::function<void(const AlertRule&)>;
  Monitoring(sim::Host& host, Page page) : host_(host), page_(std::move(page)) {}
  Monitoring(const Monitoring&) = delete;
  Monitoring& operator=(const Monitoring&) = delete;

  void add(AlertRule rule, Condition condition);
  void start();
  /// The world has changed: pushes events, and lets the minute of a metric remember it.
  void note_change();
  void observe(AlertObserver& observer) { observer_ = &observer; }

 private:
  struct Watch {
    AlertRule rule;
    Condition condition;
    bool sample = false;  // of the last scrape
    bool seen = false;    // at any instant of CloudWatch's minute (statistic Maximum)
    bool before = false;  // at the last change, for events
    bool firing = false;
    sim::Stream random;
  };
  sim::Task<> scrape(Watch& watch);
  sim::Task<> evaluate(Watch& watch);
  sim::Task<> cloudwatch(Watch& watch);
  sim::Task<> notify(Watch& watch, const sim::Duration group_wait);
  void fire(Watch& watch, sim::Time since, sim::Duration group_wait);
  void resolve(Watch& watch);
  sim::Time now() const { return host_.simulation().now(); }

  sim::Host& host_;
  Page page_;
  AlertObserver* observer_ = nullptr;
  std::vector<std::unique_ptr<Watch>> watches_;
  sim::Group group_{host_, "monitoring"};
};

}  // namespace predrill::models
