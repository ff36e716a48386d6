// The objects of the Kubernetes API that decide who serves: nodes with their Ready condition, lease
// and taints, pods with their conditions and deletion. Kubelets and controllers write them and are
// told of every change.
//
// Real thing and version: Kubernetes 1.32 (core/v1 Node, Pod; coordination/v1 Lease).
// Modelled: conditions, taints, tolerations, graceful deletion (strategy.go CheckGracefulDelete:
//   period 0 removes at once, anything else waits for the kubelet's confirmation), readiness gates.
// Simplified (diverges from the real thing): one API server that is always there; a change is known
//   to all watchers at once, their own delays are theirs (milliseconds in reality).
// Ignored: resource versions, admission other than default tolerations, namespaces, volumes.
// Calibrated from: nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/simulation.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

using NodeId = std::uint16_t;
using PodId = std::uint32_t;
using WorkloadId = std::uint16_t;
constexpr NodeId no_node = 0xffff;

enum class ConditionStatus : std::uint8_t { is_true, is_false, unknown };
std::string_view to_text(ConditionStatus status);

/// Why a node is not ready: what stands in reason and message of its Ready condition.
enum class NotReadyReason : std::uint8_t {
  none,
  pleg_not_healthy,        // KubeletNotReady: "PLEG is not healthy"
  container_runtime_down,  // KubeletNotReady: "container runtime is down"
  kubelet_starting,    // KubeletNotReady: "container runtime status check may not have completed"
  shutting_down,       // KubeletNotReady: "node is shutting down"
  node_status_unknown  // NodeStatusUnknown, written by the node controller
};
std::string_view to_text(NotReadyReason reason);

/// NoExecute taints of the node controller; a node has at most one.
enum class Taint : std::uint8_t { none, not_ready, unreachable };

struct ProbeConfig {  // core/v1 Probe
  enum class Handler : std::uint8_t { tcp_socket, http_get, exec };
  Handler handler = Handler::tcp_socket;
  sim::Duration initial_delay{};                    // initialDelaySeconds
  sim::Duration period = std::chrono::seconds(10);  // periodSeconds
  sim::Duration timeout = std::chrono::seconds(1);  // timeoutSeconds
  std::int32_t success_threshold = 1;               // successThreshold
  std::int32_t failure_threshold = 3;               // failureThreshold
};

enum class ControllerKind : std::uint8_t { deployment, stateful_set, daemon_set };

/// A Deployment, StatefulSet or DaemonSet with its pod template.
struct PodWorkloadConfig {
  std::string name = "workload";
  ControllerKind kind = ControllerKind::deployment;
  std::int32_t replicas = 1;
  std::optional<ProbeConfig> readiness;
  std::optional<ProbeConfig> liveness;
  std::optional<ProbeConfig> startup;
  sim::Duration termination_grace_period = std::chrono::seconds(30);
  sim::Duration pre_stop{};  // length of the preStop hook
  /// tolerationSeconds of NoExecute taints; 300 s each is what admission adds, sim::forever: no
  /// tolerationSeconds, so never evicted.
  sim::Duration not_ready_toleration = std::chrono::seconds(300);
  sim::Duration unreachable_toleration = std::chrono::seconds(300);
  bool readiness_gate = false;  // target-health.elbv2.k8s.aws
  bool critical = false;        // priority class system-node-critical or system-cluster-critical
  bool spread_zones = false;    // topologySpreadConstraints over zones, DoNotSchedule, maxSkew 1
  /// strategy.rollingUpdate in percent; a Deployment rounds surge up and unavailable down.
  std::int32_t max_surge_percent = 25;
  std::int32_t max_unavailable_percent = 25;
  std::int32_t max_surge = -1;  // in pods, instead; negative: the percentage counts
  std::int32_t max_unavailable = -1;
  /// What configuration does not fix; sources in kube_api.cpp.
  sim::Distribution start;  // sandbox and containers from an image that is there
  sim::Distribution pull;   // of the image on a node that may not have it
  sim::Distribution stop;   // SIGTERM until the process has ended

  PodWorkloadConfig();
};

/// Whose DELETE it was.
enum class Deleter : std::uint8_t { controller, eviction, person };

struct NodeObject {
  std::string name;
  std::string zone;
  sim::EntityId entity{};
  ConditionStatus ready = ConditionStatus::is_true;
  NotReadyReason reason = NotReadyReason::none;
  sim::Time heartbeat{};  // lastHeartbeatTime of the Ready condition
  sim::Time renewed{};    // renewTime of the lease
  Taint taint = Taint::none;
  sim::Time tainted{};
  bool unschedulable = false;  // cordoned
};

struct PodObject {
  PodId id = 0;
  std::string name;
  WorkloadId workload = 0;
  sim::EntityId entity{};
  NodeId node = no_node;
  bool has_address = false;               // status.podIP of a sandbox that exists
  std::uint32_t address = 0;              // goes up with each sandbox: another IP
  bool running = false;                   // the container status says so
  bool containers_ready = false;          // ContainersReady
  bool ready = false;                     // Ready
  bool gate = true;                       // condition of the readiness gate; true without one
  bool deleted = false;                   // deletionTimestamp is set
  sim::Time deletion{};                   // when it was set
  sim::Duration grace{};                  // deletionGracePeriodSeconds
  Deleter deleter = Deleter::controller;  // whose DELETE it was
  bool forced = false;                    // DELETE with gracePeriodSeconds 0
  bool failed = false;                    // phase Failed: the name is not used again
  bool gone = false;                      // the object is removed
  std::int32_t restarts = 0;
  std::int32_t ordinal = 0;  // of a StatefulSet
  bool new_revision = false;

  bool active() const { return !deleted && !failed && !gone; }
};

/// Told at the instant of each change.
class KubeObserver {
 public:
  virtual void on_node(NodeId /*node*/) {}
  virtual void on_pod(PodId /*pod*/) {}

 protected:
  ~KubeObserver() = default;
};

namespace kube_kinds {
inline constexpr sim::Kind node_not_ready{"node.not_ready", "Ready=False: {0:n}"};
inline constexpr sim::Kind node_unknown{"node.unknown", "Ready=Unknown: no heartbeat for {0:d}"};
inline constexpr sim::Kind node_ready{"node.ready", "Ready=True"};
inline constexpr sim::Kind node_tainted{"node.tainted", "NoExecute taint {0:n}"};
inline constexpr sim::Kind node_untainted{"node.untainted", "NoExecute taint removed"};
inline constexpr sim::Kind pods_marked{"node.pods_marked", "{0} pods marked not ready"};
inline constexpr sim::Kind pod_created{"pod.created", "created"};
inline constexpr sim::Kind pod_scheduled{"pod.scheduled", "assigned to {0:n}"};
inline constexpr sim::Kind pod_running{"pod.running", "containers run on {0:n}, restart {1}"};
inline constexpr sim::Kind pod_ready{"pod.ready", "Ready"};
inline constexpr sim::Kind pod_not_ready{"pod.not_ready", "not Ready"};
inline constexpr sim::Kind pod_evicted{"pod.evicted", "evicted by the taint of {0:n}"};
inline constexpr sim::Kind pod_deleted{"pod.deleted", "deletion begins, grace {0:d}"};
inline constexpr sim::Kind pod_failed{"pod.failed", "phase Failed"};
inline constexpr sim::Kind pod_gone{"pod.gone", "removed from the API"};
}  // namespace kube_kinds

class KubeApi {
 public:
  explicit KubeApi(sim::Simulation& simulation) : simulation_(simulation) {}
  KubeApi(const KubeApi&) = delete;
  KubeApi& operator=(const KubeApi&) = delete;

  NodeId add_node(std::string name, std::string zone);
  WorkloadId add_workload(PodWorkloadConfig config);
  /// A pod of the workload, not scheduled unless `node` says so.
  PodId create_pod(WorkloadId workload, std::string name, std::int32_t ordinal,
                   NodeId node = no_node);

  // Written by kubelets and controllers. Nothing happens where nothing changes.
  void set_node_ready(NodeId node, ConditionStatus status, NotReadyReason reason);
  void heartbeat(NodeId node) { nodes_[node].heartbeat = simulation_.now(); }
  void renew_lease(NodeId node) { nodes_[node].renewed = simulation_.now(); }
  void set_taint(NodeId node, Taint taint);
  void cordon(NodeId node, bool unschedulable);
  void bind(PodId pod, NodeId node);
  /// The sandbox exists and the containers run, at another address; `restarted`: in place.
  void set_running(PodId pod, bool restarted);
  void set_stopped(PodId pod);
  void set_containers_ready(PodId pod, bool ready);
  void set_gate(PodId pod, bool passed);
  /// MarkPodsNotReady of the node controller: Ready=False, whatever the containers do.
  void mark_not_ready(PodId pod);
  /// DELETE with this grace period; the pod's own where it is negative. 0 removes the object.
  void remove(PodId pod, sim::Duration grace = std::chrono::seconds(-1),
              Deleter deleter = Deleter::controller);
  /// `kubectl delete pod [--grace-period=N] [--force]`: without --force 0 is made 1 (kubectl
  /// pkg/cmd/delete/delete.go Complete), with it the object goes at once.
  void kubectl_delete(PodId pod, std::optional<sim::Duration> grace_period, bool force);
  void set_new_revision(PodId pod) { pods_[pod].new_revision = true; }
  void note_eviction(PodId pod);
  void set_failed(PodId pod);
  /// The kubelet confirms that a deleted pod has ended, or garbage collection removes it.
  void finish(PodId pod);

  const NodeObject& node(NodeId id) const { return nodes_[id]; }
  NodeId nodes() const { return static_cast<NodeId>(nodes_.size()); }
  const PodObject& pod(PodId id) const { return pods_[id]; }
  std::size_t pods() const { return pods_.size(); }
  const PodWorkloadConfig& workload(WorkloadId id) const { return workloads_[id]; }
  std::size_t workloads() const { return workloads_.size(); }
  const PodWorkloadConfig& workload_of(PodId id) const { return workloads_[pods_[id].workload]; }
  /// Pods bound to a node whose objects exist, in order of creation.
  const std::vector<PodId>& pods_on(NodeId node) const { return on_node_[node]; }
  /// Pods of a workload whose objects exist.
  const std::vector<PodId>& pods_of(WorkloadId workload) const { return of_workload_[workload]; }
  sim::Simulation& simulation() const { return simulation_; }
  void observe(KubeObserver& observer) { observers_.push_back(&observer); }

 private:
  void tell(PodId pod);
  void tell_node(NodeId node);
  void update_ready(PodObject& pod);
  void emit(sim::EntityId entity, const sim::Kind& kind, std::int64_t a = 0, std::int64_t b = 0);

  sim::Simulation& simulation_;
  std::vector<NodeObject> nodes_;
  std::vector<PodObject> pods_;
  std::vector<PodWorkloadConfig> workloads_;
  std::vector<std::vector<PodId>> on_node_;
  std::vector<std::vector<PodId>> of_workload_;
  std::vector<KubeObserver*> observers_;
};

}  // namespace predrill::models
