// The Kubernetes nodes below a Patroni cluster: kubelets, node controller and StatefulSet, with the
// members as pods. Joined with the database so that what a node suffers reaches it by the ways that
// Kubernetes has and by no other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/engine/world.hpp"
#include "models/kube_invariants.hpp"
#include "models/kubelet.hpp"
#include "models/node_lifecycle.hpp"
#include "models/workload_controllers.hpp"
#include "sim/task.hpp"

namespace predrill::harness {

class NodePlane final : public models::PodProcess {
 public:
  /// All nodes as if they had run for long. The world outlives it.
  explicit NodePlane(World& world);

  /// containerd locks up on the node of a member: every list of containers hangs.
  void lock_containerd(models::MemberId member);
  /// It is restarted: the kubelet goes on with what it could not do meanwhile.
  void restart_containerd(models::MemberId member);
  /// What broke a rule of Kubernetes so far.
  std::vector<std::string> broken() const;

 private:
  void start(models::PodId pod) override;
  void terminate(models::PodId pod) override;
  void kill(models::PodId pod) override;
  void power_off(models::PodId pod) override;
  Answer probe(models::PodId pod, models::ProbeConfig::Handler handler) override;
  std::optional<bool> ended(models::PodId pod) override;
  SimulatedMember& member_of(models::PodId pod);

  World& world_;
  sim::Host control_plane_;
  models::KubeApi api_;
  std::vector<std::unique_ptr<sim::Host>> hosts_;
  std::vector<std::unique_ptr<models::Kubelet>> kubelets_;
  models::NodeLifecycle lifecycle_;
  models::WorkloadControllers controllers_;
  models::KubeInvariants invariants_;
  bool settled_ = false;  // what runs already is not started
};

}  // namespace predrill::harness
