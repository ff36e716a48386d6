// Deployments, StatefulSets and the scheduler: when a pod is replaced, where it goes, and how a
// rolling update proceeds.
//
// Real thing and version: Kubernetes 1.32 (pkg/controller/replicaset, statefulset,
//   deployment/rolling.go, kube-scheduler).
// Modelled: a Deployment ignores a pod from its deletionTimestamp on, so the replacement is created
//   at once; a StatefulSet waits until the object of the same name is gone and every lower ordinal
//   is Ready; maxSurge (rounded up) and maxUnavailable (rounded down); zone spread constraints;
//   nodes that are not ready, tainted or cordoned take no pods.
// Simplified (diverges from the real thing): the scheduler knows no resources: the node with the
//   fewest pods of the workload, then of all, then the first.
// Ignored: Jobs, progress deadlines, minReadySeconds, pod disruption budgets, autoscaling.
// Calibrated from: WorkloadTimings.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/kube_api.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct WorkloadTimings {
  WorkloadTimings();
  sim::Distribution controller;  // watch, work queue, POST of a pod
  sim::Distribution scheduling;
};

/// Of a Deployment's strategy, resolved (deployment_util.go ResolveFenceposts).
struct RollingLimits {
  std::int32_t surge = 0;
  std::int32_t unavailable = 0;
};
RollingLimits resolve_fenceposts(const PodWorkloadConfig& config);

namespace workload_kinds {
inline constexpr sim::Kind rollout_started{"workload.rollout_started", "rolling update begins"};
inline constexpr sim::Kind rollout_finished{"workload.rollout_finished", "rolling update done"};
}  // namespace workload_kinds

class WorkloadControllers final : KubeObserver {
 public:
  WorkloadControllers(sim::Host& control_plane, KubeApi& api, WorkloadTimings timings = {});

  void start() { running_ = true; }
  /// A new pod template: every pod is replaced by the strategy.
  void roll(WorkloadId workload);
  bool rolling(WorkloadId workload) const { return states_[workload].rolling; }

 private:
  struct State {
    bool pending = false;  // a reconcile is on its way
    bool rolling = false;
    std::uint32_t created = 0;
  };

  void on_node(NodeId node) override;
  void on_pod(PodId pod) override;
  void mark(WorkloadId workload);
  sim::Task<> reconcile_later(const WorkloadId workload);
  void reconcile(WorkloadId workload);
  void reconcile_deployment(WorkloadId workload, State& state);
  void roll_on(WorkloadId workload, State& state);
  void reconcile_stateful_set(WorkloadId workload);
  void create(WorkloadId workload, std::int32_t ordinal, bool new_revision);
  sim::Task<> schedule(const PodId pod);
  NodeId choose_node(PodId pod) const;

  KubeApi& api_;
  WorkloadTimings timings_;
  std::vector<State> states_;
  bool running_ = false;
  sim::Stream delays_;
  sim::Group group_;
};

}  // namespace predrill::models
