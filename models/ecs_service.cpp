#include "models/ecs_service.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t percent = 100;
constexpr std::uint32_t failures_least = 3;
constexpr std::uint32_t failures_most = 200;

}  // namespace

std::uint32_t lower_bound(const EcsServiceConfig& config) {
  return (config.desired * config.minimum_healthy_percent + percent - 1) / percent;
}

std::uint32_t upper_bound(const EcsServiceConfig& config) {
  return config.desired * config.maximum_percent / percent;
}

std::uint32_t circuit_breaker_threshold(std::uint32_t desired) {
  return std::clamp((desired + 1) / 2, failures_least, failures_most);
}

std::vector<std::string> validate(const EcsServiceConfig& config) {
  std::vector<std::string> problems;
  if (lower_bound(config) >= config.desired && upper_bound(config) <= config.desired) {
    problems.emplace_back(
        "minimumHealthyPercent and maximumPercent leave no room: a deployment neither starts a new "
        "task nor stops an old one");
  }
  if (!config.circuit_breaker) {
    problems.emplace_back(
        "without the deployment circuit breaker a revision that fails its health checks is tried "
        "for ever");
  }
  return problems;
}

EcsService::EcsService(sim::Host& host, EcsServiceConfig config)
    : config_(std::move(config)), group_(host, "ecs"), delays_(host.stream("ecs")) {}

EcsService::~EcsService() {
  group_.kill();
}

void EcsService::start() {
  for (std::uint32_t i = 0; i < config_.desired; ++i) {
    tasks_.push_back(std::make_unique<EcsTask>());
    tasks_.back()->healthy = true;
  }
  least_ = config_.desired;
  group_.spawn(scheduler());
}

std::uint32_t EcsService::healthy() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(tasks_, [](const auto& task) { return task->healthy; }));
}

std::uint32_t EcsService::count(bool current) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(tasks_, [&](const auto& task) {
    return !task->stopping && (task->revision == revision_) == current;
  }));
}

bool EcsService::steady() const {
  return count(true) == config_.desired && count(false) == 0 && healthy() >= config_.desired;
}

void EcsService::deploy(bool healthy) {
  if (good_) last_good_ = revision_;
  revision_ = ++revisions_;
  good_ = healthy;
  failed_ = 0;
  rolled_back_ = false;
  changed_.notify_all();
}

void EcsService::kill_task() {
  for (const auto& task : tasks_) {
    if (!task->healthy) continue;
    remove(task.get());
    return;
  }
}

void EcsService::set_desired(std::uint32_t desired) {
  config_.desired = desired;
  changed_.notify_all();
}

void EcsService::remove(EcsTask* task) {
  group_.kill(task->process);
  std::erase_if(tasks_, [&](const auto& one) { return one.get() == task; });
  least_ = std::min(least_, healthy());
  changed_.notify_all();
}

void EcsService::launch() {
  tasks_.push_back(std::make_unique<EcsTask>());
  EcsTask& task = *tasks_.back();
  task.revision = revision_;
  task.process = group_.spawn(run_task(&task, good_));
}

sim::Task<> EcsService::run_task(EcsTask* task, bool good) {
  const sim::Duration start = config_.launch.sample_duration(delays_);
  const sim::Duration check = config_.until_healthy.sample_duration(delays_);
  co_await sim::sleep_for(start + check);
  if (!good) {
    fail(task);
    co_return;
  }
  task->healthy = true;
  group_.simulation().trace().emit(group_.now(), group_.host().entity(), ecs::task_healthy,
                                   task->revision);
  changed_.notify_all();
}

void EcsService::fail(EcsTask* task) {
  ++failed_;
  sim::Trace& trace = group_.simulation().trace();
  trace.emit(group_.now(), group_.host().entity(), ecs::task_failed, task->revision, failed_);
  task->process = {};
  std::erase_if(tasks_, [&](const auto& one) { return one.get() == task; });
  if (config_.circuit_breaker && failed_ >= circuit_breaker_threshold(config_.desired)) {
    trace.emit(group_.now(), group_.host().entity(), ecs::circuit_open, failed_);
    if (config_.rollback) {
      revision_ = last_good_;
      good_ = true;
      rolled_back_ = true;
    }
  }
  changed_.notify_all();
}

// Deregister, drain, SIGTERM, stopTimeout.
sim::Task<> EcsService::stop_task(EcsTask* task) {
  co_await sim::sleep_for(config_.deregistration_delay + config_.stop_timeout);
  std::erase_if(tasks_, [&](const auto& one) { return one.get() == task; });
  changed_.notify_all();
}

// One task that is not wanted: of another revision, or beyond the desired count; one that is not
// healthy first.
bool EcsService::stop_old() {
  const std::uint32_t lower = lower_bound(config_);
  for (const bool of_healthy : {false, true}) {
    for (const auto& task : tasks_) {
      const bool surplus = task->revision != revision_ || count(true) > config_.desired;
      if (task->stopping || !surplus || task->healthy != of_healthy) continue;
      if (of_healthy && healthy() <= lower) continue;
      task->stopping = true;
      task->healthy = false;
      least_ = std::min(least_, healthy());
      group_.kill(task->process);
      task->process = group_.spawn(stop_task(task.get()));
      return true;
    }
  }
  return false;
}

sim::Task<> EcsService::scheduler() {
  bool was_steady = true;
  for (;;) {
    while (stop_old()) {
    }
    const std::uint32_t active = count(true) + count(false);
    const bool gave_up = config_.circuit_breaker && !config_.rollback &&
                         failed_ >= circuit_breaker_threshold(config_.desired);
    if (active < upper_bound(config_) && count(true) < config_.desired && !gave_up) {
      launch();
      continue;
    }
    if (steady() && !was_steady) {
      group_.simulation().trace().emit(group_.now(), group_.host().entity(), ecs::steady);
    }
    was_steady = steady();
    co_await changed_.wait();
  }
}

}  // namespace predrill::models
