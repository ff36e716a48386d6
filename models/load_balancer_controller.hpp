// The path from a pod's readiness to a target group: EndpointSlice controller and AWS Load Balancer
// Controller.
//
// Real thing and version: Kubernetes 1.32 (endpointslice utils.go podToEndpoint), AWS Load Balancer
//   Controller 2.8 (pkg/backend/endpoint_resolver.go, pkg/targetgroupbinding/resource_manager.go).
// Modelled: IP targets: a ready endpoint is registered without a look at its node; one that waits
//   for its readiness gate needs a ready node; a node that is Unknown keeps it only if nothing else
//   is ready. Instance targets: only nodes with Ready=True, and if there is none those that are
//   Unknown. Deregistrations come before registrations. The gate follows the target's health, asked
//   again every 15 s.
// Simplified (diverges from the real thing): instance targets are the nodes that run a pod
//   (externalTrafficPolicy Local); node and pod are one target.
// Ignored: security groups, the cache of targets, the resync every 10 hours.
// Calibrated from: LoadBalancerControllerTimings.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "models/kube_api.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"

namespace predrill::models {

/// What the controller asks of a target group; `address` tells sandboxes of one pod apart.
class TargetRegistry {
 public:
  virtual ~TargetRegistry() = default;
  virtual void register_target(PodId pod, std::uint32_t address) = 0;
  virtual void deregister_target(PodId pod, std::uint32_t address) = 0;
  virtual bool healthy(PodId pod, std::uint32_t address) = 0;
};

struct LoadBalancerControllerConfig {
  enum class TargetMode : std::uint8_t { ip, instance };
  TargetMode target_type = TargetMode::ip;
  bool endpoints_fail_open = true;                            // EndpointsFailOpen
  sim::Duration requeue_duration = std::chrono::seconds(15);  // targetgroupbinding-requeue-duration
};

struct LoadBalancerControllerTimings {
  LoadBalancerControllerTimings();
  sim::Distribution endpoints;  // pod condition to EndpointSlice to the controller's watch
  sim::Distribution reconcile;  // its queue and the calls of the ELB API
};

class LoadBalancerController final : KubeObserver {
 public:
  LoadBalancerController(sim::Host& control_plane, KubeApi& api, WorkloadId workload,
                         TargetRegistry& targets, LoadBalancerControllerConfig config = {},
                         LoadBalancerControllerTimings timings = {});

  /// The pods that are ready now are registered already.
  void start();
  bool registered(PodId pod) const { return registered_.contains(pod); }

 private:
  void on_pod(PodId pod) override;
  void on_node(NodeId node) override;
  void mark();
  sim::Task<> reconcile_later();
  sim::Task<> requeue();
  void reconcile();
  void follow_gates();
  bool wanted(const PodObject& pod, bool any_ready) const;
  bool wanted_by_node(const PodObject& pod, bool any_ready) const;

  KubeApi& api_;
  WorkloadId workload_;
  TargetRegistry& targets_;
  LoadBalancerControllerConfig config_;
  LoadBalancerControllerTimings timings_;
  std::map<PodId, std::uint32_t> registered_;  // pod to address
  bool started_ = false;
  bool pending_ = false;
  bool requeued_ = false;
  sim::Stream delays_;
  sim::Group group_;
};

}  // namespace predrill::models
