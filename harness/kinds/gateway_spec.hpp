// A service in Kubernetes pods behind a Network Load Balancer, with what watches it and who
// responds: the sections of such a system.json as plain data.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/system.hpp"
#include "models/containerd.hpp"
#include "models/flow_shares.hpp"
#include "models/kube_api.hpp"
#include "models/kubelet.hpp"
#include "models/load_balancer.hpp"
#include "models/load_balancer_controller.hpp"
#include "models/monitoring.hpp"
#include "models/node_lifecycle.hpp"
#include "models/responder.hpp"
#include "models/service_process.hpp"
#include "models/target_group_config.hpp"
#include "models/workload_controllers.hpp"

namespace predrill::harness {

/// What a person or a rule finds when looking at the system.
enum class Sight : std::uint8_t {
  unhealthy_targets,
  all_targets_healthy,
  requests_failing,
  node_not_ready,
  nodes_ready,
  pleg_unhealthy,
  pods_running,
  pods_ready
};
struct SightName {
  Sight sight;
  std::string_view name;
};
std::span<const SightName> sight_names();

/// What a runbook step may send. Each acts on the affected node: one that is not ready, else one
/// with an unhealthy target, else the one that a fault struck.
enum class Command : std::uint8_t {
  reboot_node,
  reboot_node_forced,
  restart_containerd,
  restart_kubelet,
  cordon_node,
  delete_pods,
  delete_pods_grace_0,  // kubectl delete --grace-period=0: behaves as 1
  delete_pods_forced
};
struct CommandName {
  Command command;
  std::string_view name;
};
std::span<const CommandName> command_names();

struct GatewayNode {
  std::string name;
  std::string zone;
};
struct GatewayPod {
  std::string name;
  std::size_t workload = 0;
  std::size_t node = 0;
};
struct GatewayRule {
  models::AlertRule rule;
  Sight condition = Sight::unhealthy_targets;
};

struct GatewaySpec final : KindSpec {
  std::vector<std::string> zones;
  std::vector<GatewayNode> nodes;
  std::vector<models::PodWorkloadConfig> workloads;
  std::vector<GatewayPod> pods;
  std::size_t served = 0;  // workload behind the load balancer
  /// Batch jobs: containers that exit on a node per ten minutes, by node; each may lock containerd.
  std::vector<double> churn;

  models::KubeletConfig kubelet;
  models::NodeTimings node_timings;
  models::ContainerdConfig containerd;
  models::NodeLifecycleConfig lifecycle;
  models::WorkloadTimings workload_timings;
  models::LoadBalancerControllerConfig controller;
  models::LoadBalancerControllerTimings controller_timings;

  models::LoadBalancerConfig balancer = models::LoadBalancerConfig::network_defaults();
  models::TargetGroupConfig target_group = models::TargetGroupConfig::network_defaults();
  models::ServiceConfig process;
  models::FlowSharesConfig load;
  /// Each request is simulated, or the load is a rate over flows.
  bool single_requests = false;

  std::vector<GatewayRule> rules;
  models::ResponderConfig responders;

  const models::PodWorkloadConfig& served_workload() const { return workloads[served]; }
  std::string_view served_name() const {
    return served < workloads.size() ? std::string_view(workloads[served].name) : "";
  }
  std::size_t find_node(std::string_view name) const;  // nodes.size() if there is none
  std::size_t find_pod(std::string_view name) const;
  /// The node with most pods behind the load balancer; of equals the first.
  std::size_t busiest_node() const;
};

}  // namespace predrill::harness
