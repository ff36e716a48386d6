#include "models/monitoring.hpp"

#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Task;
using sim::Time;

AlertRule::AlertRule()
    : publish_lag(
          Distribution::uniform(Duration(60s), Duration(120s))
              .with_source("not published; load balancer metrics are seen 1 to 2 min late")),
      delivery(Distribution::uniform(Duration(2s), Duration(20s))
                   .with_source("assumption: paging service, push and SMS; the log of 2025-09-14 "
                                "has 12 s for everything")) {}

std::vector<std::string> AlertRule::validate() const {
  std::vector<std::string> problems;
  if (source == Source::prometheus && (scrape_interval <= 0s || evaluation_interval <= 0s)) {
    problems.emplace_back("scrape_interval and evaluation_interval must be positive");
  }
  if (source == Source::cloudwatch && (period < 10s || datapoints < 1)) {
    problems.emplace_back("period must be at least 10 s and datapoints at least 1");
  }
  return problems;
}

void Monitoring::add(AlertRule rule, Condition condition) {
  auto watch =
      std::make_unique<Watch>(Watch{.rule = std::move(rule),
                                    .condition = std::move(condition),
                                    .random = host_.simulation().stream("monitoring", "")});
  watch->random = host_.simulation().stream("monitoring", watch->rule.name);
  watches_.push_back(std::move(watch));
}

void Monitoring::start() {
  for (const auto& watch : watches_) {
    switch (watch->rule.source) {
      case AlertRule::Source::prometheus:
        group_.spawn(scrape(*watch));
        group_.spawn(evaluate(*watch));
        break;
      case AlertRule::Source::cloudwatch:
        group_.spawn(cloudwatch(*watch));
        break;
      case AlertRule::Source::event:
        watch->before = watch->condition();
        break;
    }
  }
}

void Monitoring::note_change() {
  for (const auto& watch : watches_) {
    const bool holds = watch->condition();
    watch->seen = watch->seen || holds;
    if (watch->rule.source != AlertRule::Source::event || holds == watch->before) continue;
    watch->before = holds;
    if (holds) {
      fire(*watch, now(), 0s);
    } else {
      resolve(*watch);
    }
  }
}

Task<> Monitoring::scrape(Watch& watch) {
  const Duration phase = watch.random.uniform(Duration{}, watch.rule.scrape_interval);
  co_await sim::sleep_for(phase);
  for (;;) {
    watch.sample = watch.condition();
    co_await sim::sleep_for(watch.rule.scrape_interval);
  }
}

Task<> Monitoring::evaluate(Watch& watch) {
  const Duration phase = watch.random.uniform(Duration{}, watch.rule.evaluation_interval);
  co_await sim::sleep_for(phase);
  bool pending = false;
  Time since{};
  for (;;) {
    if (!watch.sample) {
      pending = false;
      if (watch.firing) resolve(watch);
    } else {
      if (!pending) since = now();
      pending = true;
      if (!watch.firing && now() - since >= watch.rule.hold) {
        fire(watch, since, watch.rule.group_wait);
      }
    }
    co_await sim::sleep_for(watch.rule.evaluation_interval);
  }
}

// A datapoint per period; the alarm looks once a minute at the last ones that are there.
Task<> Monitoring::cloudwatch(Watch& watch) {
  const Duration phase = watch.random.uniform(Duration{}, watch.rule.period);
  const Duration evaluation =
      watch.random.uniform(Duration{}, std::min(watch.rule.period, Duration(60s)));
  co_await sim::sleep_for(phase);
  std::int32_t in_a_row = 0;
  Time since{};
  for (;;) {
    watch.seen = watch.condition();
    co_await sim::sleep_for(watch.rule.period);
    const bool bad = watch.seen;
    if (bad && in_a_row == 0) since = now();
    in_a_row = bad ? in_a_row + 1 : 0;
    const Duration lag = watch.rule.publish_lag.sample_duration(watch.random) + evaluation;
    if (in_a_row >= watch.rule.datapoints && !watch.firing) {
      fire(watch, since, lag);
    } else if (!bad && watch.firing) {
      resolve(watch);
    }
  }
}

void Monitoring::fire(Watch& watch, Time since, Duration group_wait) {
  watch.firing = true;
  sim::Trace& trace = host_.simulation().trace();
  trace.emit(now(), trace.entity("monitoring"), monitoring_kinds::firing,
             trace.name(watch.rule.name));
  if (observer_ != nullptr) observer_->on_firing(watch.rule, since);
  group_.spawn(notify(watch, group_wait));
}

void Monitoring::resolve(Watch& watch) {
  watch.firing = false;
  sim::Trace& trace = host_.simulation().trace();
  trace.emit(now(), trace.entity("monitoring"), monitoring_kinds::resolved,
             trace.name(watch.rule.name));
}

Task<> Monitoring::notify(Watch& watch, const Duration group_wait) {
  const Time fired = now();
  co_await sim::sleep_for(group_wait);
  // An alert that was resolved while its group waited is not sent; an alarm's or event's is.
  if (!watch.firing && watch.rule.source == AlertRule::Source::prometheus) co_return;
  const Duration delivery = watch.rule.delivery.sample_duration(watch.random);
  const bool still = watch.firing;
  co_await sim::sleep_for(delivery);
  sim::Trace& trace = host_.simulation().trace();
  trace.emit(now(), trace.entity("monitoring"), monitoring_kinds::paged,
             trace.name(watch.rule.name));
  if (observer_ != nullptr) observer_->on_page(watch.rule, fired, still);
  page_(watch.rule);
}

}  // namespace predrill::models
