// Rules that no run of Kubernetes nodes, pods, alerts and people may break. Told what happens;
// keeps what was broken as sentences. Numbers as in the list of invariants that the project works
// by:
//
//   K10 PLEG is healthy exactly while the last good list is recent; relists keep their period
//   K11 nothing starts and nothing becomes ready on a node whose runtime is in error
//   K12 a kubelet's own Ready=False marks no pod
//   K13 the lease is renewed as long as the kubelet lives
//   K14 Unknown comes after the grace period, and at most two passes later
//   K15 no eviction before its toleration, none without a taint
//   K16 taints in a zone keep their rate
//   K17 an object with a grace period goes only when its processes have; names are unique
//   K18 a ReplicaSet replaces a pod when its deletion begins, within the controllers' latency
//   K19 SIGKILL comes at least 2 s after SIGTERM
//   K20 a Deployment has at most replicas + surge active pods; its rolling update deletes no pod
//       that leaves fewer than replicas - unavailable available
//   K21 only --force removes an object at once; every other grace period is at least 1 s
//   K22 a pod that starts again does so under its name with one restart more; a failed one never
//   K25 no alert before `for`, no notification before group_wait
//   K26 people act in order: paged, acknowledged, step after step
//
// Numbers 1 to 9 and 23 are those of the load balancer (balancer_invariants.hpp: B1 to B9, B10), 24
// that of ECS (rollout), 27 is B11 and flow_invariants.hpp, 28 the comparison of fingerprints.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "models/kube_api.hpp"
#include "models/kubelet.hpp"
#include "models/monitoring.hpp"
#include "models/node_lifecycle.hpp"
#include "models/responder.hpp"
#include "models/workload_controllers.hpp"

namespace predrill::models {

class KubeInvariants final : public KubeObserver,
                             public KubeletObserver,
                             public NodeLifecycleObserver,
                             public AlertObserver,
                             public ResponderObserver {
 public:
  KubeInvariants(KubeApi& api, KubeletConfig kubelet, NodeLifecycleConfig lifecycle,
                 const WorkloadTimings& workloads = {});

  /// Looks at its pods from now on.
  void watch(Kubelet& kubelet);

  void on_node(NodeId node) override;
  void on_pod(PodId pod) override;
  void on_relist(NodeId node, sim::Time start, bool listed) override;
  void on_pleg(NodeId node, bool healthy, sim::Time last_relist) override;
  void on_lease(NodeId node) override;
  void on_kubelet(NodeId node, bool alive) override;
  void on_sigkill(PodId pod, sim::Duration after_sigterm) override;
  void on_unknown(NodeId node, sim::Time last_heartbeat) override;
  void on_taint(NodeId node, Taint taint) override;
  void on_eviction(PodId pod, sim::Time tainted, sim::Duration toleration) override;
  void on_firing(const AlertRule& rule, sim::Time since) override;
  void on_page(const AlertRule& rule, sim::Time fired, bool still) override;
  void on_acknowledged(sim::Time paged) override;
  void on_step(std::size_t step, sim::Time began) override;

  struct Broken {
    sim::Time at;
    std::string text;  // "K13 the lease of node-1 was not renewed for 12.1 s"
  };
  const std::vector<Broken>& broken() const { return broken_; }

 private:
  struct Pod {
    bool running = false;
    bool ready = false;
    bool containers_ready = false;
    bool gone = false;
    bool active = false;
    bool deleted = false;
    std::uint32_t address = 0;
    std::int32_t restarts = 0;
  };
  static Pod seen_as(const PodObject& pod);
  sim::Time now() const { return api_.simulation().now(); }
  void report(std::string text);
  Kubelet* kubelet_of(PodId pod) const;
  void check_active(PodId pod);
  void check_name(PodId pod);
  void check_deletion(const PodObject& pod, const Pod& before);
  void check_restart(const PodObject& pod, const Pod& before);
  void check_replacement();

  KubeApi& api_;
  KubeletConfig kubelet_;
  NodeLifecycleConfig lifecycle_;
  sim::Duration controller_latency_;  // at most
  std::map<NodeId, Kubelet*> kubelets_;
  std::map<PodId, Pod> pods_;
  std::map<NodeId, sim::Time> relists_, leases_;
  std::map<NodeId, Taint> taints_;
  std::map<std::string, sim::Time> zone_taints_;
  std::map<WorkloadId, sim::Time> owed_;  // a replacement is due by then
  sim::Time last_action_{};
  std::vector<Broken> broken_;
};

}  // namespace predrill::models
