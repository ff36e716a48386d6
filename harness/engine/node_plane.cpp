#include "harness/engine/node_plane.hpp"

namespace predrill::harness {

using models::MemberId;
using models::PodId;

NodePlane::NodePlane(World& world)
    : world_(world),
      control_plane_(world.sim(), "kubernetes control plane"),
      api_(world.sim()),
      lifecycle_(control_plane_, api_, {}),
      controllers_(control_plane_, api_),
      invariants_(api_, {}, {}) {
  const SystemSpec& system = world.system();
  models::PodWorkloadConfig pods;
  pods.name = system.name;
  pods.kind = models::ControllerKind::stateful_set;
  pods.replicas = static_cast<std::int32_t>(system.members.size());
  pods.termination_grace_period = system.kubernetes.termination_grace_period;
  pods.readiness = models::ProbeConfig{.handler = models::ProbeConfig::Handler::http_get};
  pods.start = system.kubernetes.pod_recreation;
  const models::WorkloadId workload = api_.add_workload(std::move(pods));
  for (MemberId id = 0; id < world.members(); ++id) {
    const MemberSpec& member = system.members[id];
    const std::string name = member.node.empty() ? "node of " + member.name : member.node;
    const models::NodeId node = api_.add_node(name, member.zone);
    hosts_.push_back(std::make_unique<sim::Host>(world.sim(), "kubelet of " + member.name,
                                                 world.sim().network().zone(member.zone)));
    kubelets_.push_back(std::make_unique<models::Kubelet>(
        *hosts_.back(), api_, node, *this, models::KubeletConfig{}, models::NodeTimings{}));
    const PodId pod = api_.create_pod(workload, member.name, id, node);
    api_.set_gate(pod, true);
    kubelets_.back()->begin_running(pod);
  }
  settled_ = true;
  api_.observe(invariants_);
  lifecycle_.observe(invariants_);
  for (auto& kubelet : kubelets_) {
    invariants_.watch(*kubelet);
    kubelet->start(true);
  }
  lifecycle_.start();
  controllers_.start();
}

void NodePlane::lock_containerd(MemberId member) {
  kubelets_[member]->strike(models::CriFault::list_hang);
}

void NodePlane::restart_containerd(MemberId member) {
  kubelets_[member]->containerd().restart_process();
}

std::vector<std::string> NodePlane::broken() const {
  std::vector<std::string> all;
  for (const models::KubeInvariants::Broken& one : invariants_.broken()) all.push_back(one.text);
  return all;
}

SimulatedMember& NodePlane::member_of(PodId pod) {
  return world_.member(static_cast<MemberId>(api_.pod(pod).ordinal));
}

void NodePlane::start(PodId pod) {
  if (settled_ && !member_of(pod).host.up()) member_of(pod).host.restart();
}

void NodePlane::terminate(PodId pod) {
  member_of(pod).patroni.sigterm();
}

// SIGKILL to what is left, then the sandbox goes with the pod's network: silence.
void NodePlane::kill(PodId pod) {
  SimulatedMember& member = member_of(pod);
  member.group.kill();
  member.postgres.kill_postmaster();
  member.host.crash();
  world_.dcs().remove_pod(member.postgres.member());
}

void NodePlane::power_off(PodId pod) {
  member_of(pod).host.crash();
}

NodePlane::Answer NodePlane::probe(PodId pod, models::ProbeConfig::Handler) {
  return member_of(pod).patroni.is_running() ? Answer::success : Answer::refused;
}

std::optional<bool> NodePlane::ended(PodId pod) {
  SimulatedMember& member = member_of(pod);
  return !member.patroni.is_running() && !member.postgres.is_running();
}

}  // namespace predrill::harness
