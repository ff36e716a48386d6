#include "models/load_balancer_controller.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Task;

LoadBalancerControllerTimings::LoadBalancerControllerTimings()
    : endpoints(Distribution::uniform(Duration(10ms), Duration(1s))
                    .with_source("Kubernetes: slice updates are batched for up to 1 s")),
      reconcile(Distribution::uniform(Duration(1s), Duration(5s))
                    .with_source("assumption: work queue and ELB API calls, 1 to 5 s")) {}

LoadBalancerController::LoadBalancerController(sim::Host& control_plane, KubeApi& api,
                                               WorkloadId workload, TargetRegistry& targets,
                                               LoadBalancerControllerConfig config,
                                               LoadBalancerControllerTimings timings)
    : api_(api),
      workload_(workload),
      targets_(targets),
      config_(config),
      timings_(std::move(timings)),
      delays_(control_plane.stream("load_balancer_controller")),
      group_(control_plane, "aws-load-balancer-controller") {
  api_.observe(*this);
}

void LoadBalancerController::start() {
  started_ = true;
  for (const PodId pod : api_.pods_of(workload_)) {
    if (api_.pod(pod).ready) registered_[pod] = api_.pod(pod).address;
  }
}

void LoadBalancerController::on_pod(PodId pod) {
  if (api_.pod(pod).workload == workload_) mark();
}

void LoadBalancerController::on_node(NodeId) {
  if (config_.target_type == LoadBalancerControllerConfig::TargetMode::instance) mark();
}

void LoadBalancerController::mark() {
  if (!started_ || pending_) return;
  pending_ = true;
  group_.spawn(reconcile_later());
}

Task<> LoadBalancerController::reconcile_later() {
  const Duration endpoints = timings_.endpoints.sample_duration(delays_);
  co_await sim::sleep_for(endpoints);
  pending_ = false;  // what changes from here on comes in the next round
  const Duration calls = timings_.reconcile.sample_duration(delays_);
  co_await sim::sleep_for(calls);
  reconcile();
}

bool LoadBalancerController::wanted_by_node(const PodObject& pod, bool any_ready) const {
  switch (api_.node(pod.node).ready) {
    case ConditionStatus::is_true:
      return true;
    case ConditionStatus::is_false:
      return false;
    case ConditionStatus::unknown:
      return config_.endpoints_fail_open && !any_ready;
  }
  return false;
}

bool LoadBalancerController::wanted(const PodObject& pod, bool any_ready) const {
  if (pod.gone || pod.failed || !pod.has_address || pod.deleted) return false;
  if (config_.target_type == LoadBalancerControllerConfig::TargetMode::instance) {
    return pod.running && wanted_by_node(pod, any_ready);
  }
  if (pod.ready) return true;
  return pod.containers_ready && wanted_by_node(pod, any_ready);
}

void LoadBalancerController::reconcile() {
  const bool instance = config_.target_type == LoadBalancerControllerConfig::TargetMode::instance;
  const std::vector<PodId>& pods = api_.pods_of(workload_);
  const bool any_ready = std::any_of(pods.begin(), pods.end(), [&](PodId id) {
    const PodObject& pod = api_.pod(id);
    if (!instance) return pod.ready && !pod.deleted;
    return pod.node != no_node && api_.node(pod.node).ready == ConditionStatus::is_true;
  });
  std::vector<std::pair<PodId, std::uint32_t>> leaving;
  for (const auto& [pod, address] : registered_) {
    const PodObject& object = api_.pod(pod);
    if (!wanted(object, any_ready) || object.address != address) leaving.emplace_back(pod, address);
  }
  for (const auto& [pod, address] : leaving) {
    registered_.erase(pod);
    targets_.deregister_target(pod, address);
  }
  for (const PodId pod : pods) {
    const PodObject& object = api_.pod(pod);
    if (registered_.contains(pod) || !wanted(object, any_ready)) continue;
    registered_[pod] = object.address;
    targets_.register_target(pod, object.address);
  }
  follow_gates();
}

void LoadBalancerController::follow_gates() {
  if (!api_.workload(workload_).readiness_gate) return;
  bool waiting = false;
  const std::map<PodId, std::uint32_t> now = registered_;
  for (const auto& [pod, address] : now) {
    if (api_.pod(pod).gate) continue;
    const bool passed = targets_.healthy(pod, address);
    if (passed) {
      api_.set_gate(pod, true);
    } else {
      waiting = true;
    }
  }
  if (!waiting || requeued_) return;
  requeued_ = true;
  group_.spawn(requeue());
}

Task<> LoadBalancerController::requeue() {
  co_await sim::sleep_for(config_.requeue_duration);
  requeued_ = false;
  reconcile();
}

}  // namespace predrill::models
