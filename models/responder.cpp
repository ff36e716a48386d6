#include "models/responder.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Task;
using sim::Time;

Distribution ResponderConfig::usual_acknowledgement() {
  return Distribution::lognormal_percentiles(0.5, 90s, 0.95, 600s)
      .with_source("assumption: by day, a rotation that is awake");
}

Distribution ResponderConfig::usual_step() {
  return Distribution::lognormal_percentiles(0.5, 60s, 0.95, 240s)
      .with_source("assumption: a person at a keyboard");
}

Responder::Responder(sim::Host& host, ResponderConfig config, Sees sees, Act act)
    : host_(host),
      config_(std::move(config)),
      sees_(std::move(sees)),
      act_(std::move(act)),
      acknowledgements_(host.stream("responder.acknowledge")),
      steps_(host.stream("responder.step")),
      executions_(host.stream("responder.execute")),
      group_(host, "responder") {}

void Responder::emit(const sim::Kind& kind, std::string_view text) {
  sim::Trace& trace = host_.simulation().trace();
  trace.emit(host_.simulation().now(), trace.entity("on-call"), kind, trace.name(text));
}

void Responder::page() {
  if (paged_) return;
  paged_ = host_.simulation().now();
  group_.spawn(respond());
}

Task<> Responder::respond() {
  Duration first = sim::forever;
  std::string who = "nobody";
  for (std::size_t k = 0; k < config_.levels.size(); ++k) {
    const Duration own = config_.levels[k].acknowledge.duration_from_draw(acknowledgements_.at(k));
    const Duration at = config_.escalation_delay * static_cast<std::int64_t>(k) + own;
    if (at < first) {
      first = at;
      who = config_.levels[k].who;
    }
  }
  if (first == sim::forever) co_return;
  co_await sim::sleep_for(first);
  acknowledged_ = host_.simulation().now();
  emit(responder_kinds::acknowledged, who);
  if (observer_ != nullptr) observer_->on_acknowledged(*paged_);
  for (std::size_t step = 0; step < config_.runbook.size(); ++step) {
    co_await follow(step);
  }
  while (under_way_ > 0) {
    co_await executed_.wait();
  }
  finished_ = true;
  emit(responder_kinds::finished, "");
}

Task<> Responder::follow(const std::size_t index) {
  const RunbookStep& step = config_.runbook[index];
  const Time began = host_.simulation().now();
  if (!step.when.empty() && !sees_(step.when)) {
    emit(responder_kinds::step_skipped, step.name);
    co_return;
  }
  const Duration takes = step.takes.duration_from_draw(steps_.at(index));
  co_await sim::sleep_for(takes);
  while (!step.wait_for.empty() && !sees_(step.wait_for)) {
    co_await sim::sleep_for(step.look_again);
  }
  emit(responder_kinds::step_done, step.name);
  if (observer_ != nullptr) observer_->on_step(index, began);
  if (step.command.empty()) co_return;
  emit(responder_kinds::command_sent, step.command);
  ++under_way_;
  group_.spawn(execute(index));
}

Task<> Responder::execute(const std::size_t index) {
  const RunbookStep& step = config_.runbook[index];
  const Duration delay = step.execution.duration_from_draw(executions_.at(index));
  co_await sim::sleep_for(delay);
  emit(responder_kinds::command_executed, step.command);
  --under_way_;
  executed_.notify_all();
  act_(step.command);
}

}  // namespace predrill::models
