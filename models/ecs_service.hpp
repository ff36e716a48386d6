// An ECS service on Fargate behind a load balancer: rolling deployments, the circuit breaker, tasks
// that die and are replaced.
//
// Real thing and version: Amazon ECS rolling deployments, guides of 2023-06 and the API page
//   ServiceDeploymentCircuitBreaker.
// Modelled: minimumHealthyPercent (rounded up) and maximumPercent (rounded down), new tasks before
//   old ones go where the maximum allows, the deadlock where both bounds equal the desired count,
//   launch and health-check time, draining and stopTimeout, the circuit breaker with its threshold
//   and roll-back, replacement of tasks that die, another desired count (scaling).
// Simplified (diverges from the real thing): health is a time after the start, not single checks;
//   the load balancer fails open, so clients are served while any task is registered.
// Ignored: capacity providers, placement, CodeDeploy, launch throttling.
// Calibrated from: launch time lognormal(45 s, p95 90 s), a model value of field reports.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace ecs {
inline constexpr sim::Kind task_healthy{"ecs.task_healthy", "a task of revision {0} is healthy"};
inline constexpr sim::Kind task_failed{"ecs.task_failed",
                                       "a task of revision {0} failed, {1} so far"};
inline constexpr sim::Kind circuit_open{"ecs.circuit_breaker",
                                        "deployment circuit breaker after {0} failed tasks"};
inline constexpr sim::Kind steady{"ecs.steady", "has reached a steady state"};
}  // namespace ecs

struct EcsServiceConfig {
  std::uint32_t desired = 2;
  std::uint32_t minimum_healthy_percent = 100;
  std::uint32_t maximum_percent = 200;
  sim::Distribution launch = sim::Distribution::lognormal_percentiles(
      0.5, sim::Duration(std::chrono::seconds(45)), 0.95, sim::Duration(std::chrono::seconds(90)));
  sim::Distribution until_healthy =
      sim::Distribution::constant(sim::Duration(std::chrono::seconds(35)));
  sim::Duration deregistration_delay = std::chrono::minutes(5);
  sim::Duration stop_timeout = std::chrono::seconds(30);
  bool circuit_breaker = false;
  bool rollback = true;
};

std::uint32_t lower_bound(const EcsServiceConfig& config);  // of healthy tasks
std::uint32_t upper_bound(const EcsServiceConfig& config);  // of tasks
/// Failed tasks after which a deployment is given up.
std::uint32_t circuit_breaker_threshold(std::uint32_t desired);
/// What will not work as its author expects, as sentences.
std::vector<std::string> validate(const EcsServiceConfig& config);

class EcsService {
 public:
  EcsService(sim::Host& host, EcsServiceConfig config);
  ~EcsService();
  /// As found: the desired number of healthy tasks of revision 0.
  void start();
  /// A new task definition; `healthy` false: its tasks fail their health check.
  void deploy(bool healthy);
  void kill_task();
  void set_desired(std::uint32_t desired);

  std::uint32_t healthy() const;
  std::uint32_t tasks() const { return static_cast<std::uint32_t>(tasks_.size()); }
  std::uint32_t least_healthy() const { return least_; }
  bool steady() const;
  bool rolled_back() const { return rolled_back_; }
  std::uint32_t failed() const { return failed_; }
  std::uint32_t revision() const { return revision_; }

 private:
  struct EcsTask {
    std::uint32_t revision = 0;
    bool healthy = false;
    bool stopping = false;
    sim::ProcessId process;
  };
  sim::Task<> scheduler();
  sim::Task<> run_task(EcsTask* task, bool good);
  sim::Task<> stop_task(EcsTask* task);
  void launch();
  bool stop_old();
  void fail(EcsTask* task);
  void remove(EcsTask* task);
  std::uint32_t count(bool current) const;

  EcsServiceConfig config_;
  sim::Group group_;
  sim::Stream delays_;
  std::vector<std::unique_ptr<EcsTask>> tasks_;
  sim::Signal changed_;
  std::uint32_t revision_ = 0;
  std::uint32_t last_good_ = 0;
  std::uint32_t revisions_ = 0;
  bool good_ = true;
  bool rolled_back_ = false;
  std::uint32_t failed_ = 0;
  std::uint32_t least_ = 0;
};

}  // namespace predrill::models
