// The node controller and the taint-eviction controller: which nodes count as gone, which are
// tainted, and when the pods on them are deleted.
//
// Real thing and version: Kubernetes 1.32 kube-controller-manager
//   (pkg/controller/nodelifecycle/node_lifecycle_controller.go, pkg/controller/tainteviction).
// Modelled: monitorNodeHealth every node-monitor-period with its order of steps, so that the
//   unreachable taint comes one pass after Unknown, and pods are marked not ready only when the
//   controller itself turns True into Unknown (Kubernetes issue 112733: never after a kubelet's own
//   False); one node per 1/rate seconds and zone; zone states with their reduced rates; tolerations
//   counted from the taint; cancelled evictions.
// Simplified (diverges from the real thing): one replica of the controller, never restarted.
// Ignored: NoSchedule taints as objects (the scheduler looks at the condition), cloud taints.
// Calibrated from: upstream defaults.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "models/kube_api.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct NodeLifecycleConfig {
  sim::Duration node_monitor_period = std::chrono::seconds(5);
  sim::Duration node_monitor_grace_period = std::chrono::seconds(50);  // 40 s before 1.32
  double node_eviction_rate = 0.1;                                     // nodes per second and zone
  double secondary_node_eviction_rate = 0.01;  // of a large zone that is partially disrupted
  double unhealthy_zone_threshold = 0.55;
  std::int32_t large_cluster_size_threshold = 50;

  std::vector<std::string> validate() const;
};

enum class ZoneState : std::uint8_t { normal, partial_disruption, full_disruption };
/// ComputeZoneState.
ZoneState zone_state(std::int32_t ready, std::int32_t not_ready, double threshold);

/// Told at the instant of each step, for checks.
class NodeLifecycleObserver {
 public:
  virtual void on_unknown(NodeId /*node*/, sim::Time /*last_heartbeat*/) {}
  virtual void on_taint(NodeId /*node*/, Taint /*taint*/) {}
  virtual void on_eviction(PodId /*pod*/, sim::Time /*tainted*/, sim::Duration /*toleration*/) {}

 protected:
  ~NodeLifecycleObserver() = default;
};

class NodeLifecycle final : KubeObserver {
 public:
  NodeLifecycle(sim::Host& control_plane, KubeApi& api, NodeLifecycleConfig config);

  void start();
  const NodeLifecycleConfig& config() const { return config_; }
  ZoneState state_of(const std::string& zone) const;
  void observe(NodeLifecycleObserver& observer) { observer_ = &observer; }

 private:
  struct Seen {
    sim::Time heartbeat{};
    sim::Time renewed{};
    sim::Time probed{};  // when the controller last noticed a change of either
    std::uint32_t taint_generation = 0;
    bool queued = false;
  };
  struct Zone {
    ZoneState state = ZoneState::normal;
    double rate = 0.1;
    sim::Time next{};  // when the limiter lets the next node through
    std::deque<NodeId> queue;
  };

  void on_pod(PodId pod) override;
  sim::Task<> monitor();
  void pass();
  void look_at(NodeId node);
  void handle_disruption();
  sim::Task<> taint_nodes(Zone& zone);
  void taint(NodeId node);
  void schedule_evictions(NodeId node);
  sim::Task<> evict(const PodId pod, const NodeId node, const std::uint32_t generation,
                    const sim::Duration toleration);

  KubeApi& api_;
  NodeLifecycleConfig config_;
  NodeLifecycleObserver* observer_ = nullptr;
  std::vector<Seen> seen_;
  std::map<std::string, Zone> zones_;
  std::map<PodId, std::uint32_t> scheduled_;  // evictions by the taint's generation
  bool all_disrupted_ = false;
  sim::Stream phases_;
  sim::Group group_;
};

}  // namespace predrill::models
