// What people see of a gateway, and what they do to it.
#include "harness/kinds/gateway_world.hpp"

namespace predrill::harness {

using models::ConditionStatus;
using models::NodeId;
using models::PodId;
using models::TargetId;
using models::TargetState;
using sim::Duration;

bool GatewayWorld::sees(Sight sight) {
  const auto pods = [&](bool (*good)(const models::PodObject&)) {
    std::int32_t n = 0;
    for (const PodId pod : api_.pods_of(served())) {
      if (good(api_.pod(pod))) ++n;
    }
    return n >= spec_.served_workload().replicas;
  };
  const auto any_node = [&](auto bad) {
    for (std::size_t i = 0; i < kubelets_.size(); ++i) {
      if (bad(i)) return true;
    }
    return false;
  };
  const auto not_ready = [&](std::size_t i) {
    return api_.node(static_cast<NodeId>(i)).ready != ConditionStatus::is_true;
  };
  switch (sight) {
    case Sight::unhealthy_targets:
      return unhealthy_targets() > 0;
    case Sight::all_targets_healthy:
      return healthy_targets() >= static_cast<std::size_t>(spec_.served_workload().replicas);
    case Sight::requests_failing:
      return shares_.served_share() < 0.9995;
    case Sight::node_not_ready:
      return any_node(not_ready);
    case Sight::nodes_ready:
      return !any_node(not_ready);
    case Sight::pleg_unhealthy:
      return any_node(
          [&](std::size_t i) { return kubelets_[i]->alive() && !kubelets_[i]->pleg_healthy(); });
    case Sight::pods_running:
      return pods([](const models::PodObject& pod) { return pod.running && !pod.deleted; });
    case Sight::pods_ready:
      return pods([](const models::PodObject& pod) { return pod.ready && !pod.deleted; });
  }
  return false;
}

std::size_t GatewayWorld::affected_node() {
  for (std::size_t i = 0; i < kubelets_.size(); ++i) {
    if (api_.node(static_cast<NodeId>(i)).ready != ConditionStatus::is_true) return i;
  }
  const models::TargetGroup& group = balancer_->targets();
  for (TargetId target = 0; target < by_target_.size(); ++target) {
    const TargetState state = group.state(target);
    if (state == TargetState::unhealthy || state == TargetState::unhealthy_draining) {
      return api_.pod(by_target_[target]->pod).node;
    }
  }
  return struck_;
}

void GatewayWorld::act(Command command) {
  const std::size_t node = affected_node();
  models::Kubelet& kubelet = *kubelets_[node];
  const auto delete_pods = [&](std::optional<Duration> grace_period, bool force) {
    const std::vector<PodId> pods = api_.pods_on(static_cast<NodeId>(node));
    for (const PodId pod : pods) {
      if (is_served(pod)) api_.kubectl_delete(pod, grace_period, force);
    }
  };
  switch (command) {
    case Command::reboot_node:
    case Command::reboot_node_forced:
      kubelet.reboot(command == Command::reboot_node_forced);
      node_path_[node] = DataPath::works;  // a new kernel: empty tables, idle CPUs
      break;
    case Command::restart_containerd:
      kubelet.containerd().restart_process();
      break;
    case Command::restart_kubelet:
      kubelet.crash(true);
      break;
    case Command::cordon_node:
      api_.cordon(static_cast<NodeId>(node), true);
      break;
    case Command::delete_pods:
      delete_pods(std::nullopt, false);
      break;
    case Command::delete_pods_grace_0:
      delete_pods(Duration{}, false);
      break;
    case Command::delete_pods_forced:
      delete_pods(std::nullopt, true);
      break;
  }
}

}  // namespace predrill::harness
