#include "models/kube_api.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;

std::string_view to_text(ConditionStatus status) {
  switch (status) {
    case ConditionStatus::is_true:
      return "True";
    case ConditionStatus::is_false:
      return "False";
    case ConditionStatus::unknown:
      break;
  }
  return "Unknown";
}

std::string_view to_text(NotReadyReason reason) {
  switch (reason) {
    case NotReadyReason::none:
      return "KubeletReady";
    case NotReadyReason::pleg_not_healthy:
      return "KubeletNotReady, PLEG is not healthy";
    case NotReadyReason::container_runtime_down:
      return "KubeletNotReady, container runtime is down";
    case NotReadyReason::kubelet_starting:
      return "KubeletNotReady, container runtime status check may not have completed yet";
    case NotReadyReason::shutting_down:
      return "KubeletNotReady, node is shutting down";
    case NotReadyReason::node_status_unknown:
      return "NodeStatusUnknown, kubelet stopped posting node status";
  }
  return "?";
}

PodWorkloadConfig::PodWorkloadConfig()
    : start(
          Distribution::uniform(Duration(10s), Duration(40s))
              .with_source("assumption: sandbox, CNI and containers from a present image; the log "
                           "of 2025-09-14 has 30 and 36 s after a reboot")),
      pull(Distribution::uniform(Duration(2s), Duration(20s))
               .with_source("assumption: a small image from a registry of the region")),
      stop(Distribution::uniform(Duration(100ms), Duration(2s))
               .with_source("assumption: a server that ends on SIGTERM")) {}

void KubeApi::emit(sim::EntityId entity, const sim::Kind& kind, std::int64_t a, std::int64_t b) {
  simulation_.trace().emit(simulation_.now(), entity, kind, a, b);
}

void KubeApi::tell(PodId pod) {
  for (KubeObserver* observer : observers_) observer->on_pod(pod);
}

void KubeApi::tell_node(NodeId node) {
  for (KubeObserver* observer : observers_) observer->on_node(node);
}

NodeId KubeApi::add_node(std::string name, std::string zone) {
  NodeObject node;
  node.entity = simulation_.trace().entity(name);
  node.name = std::move(name);
  node.zone = std::move(zone);
  node.heartbeat = node.renewed = simulation_.now();
  nodes_.push_back(std::move(node));
  on_node_.emplace_back();
  return static_cast<NodeId>(nodes_.size() - 1);
}

WorkloadId KubeApi::add_workload(PodWorkloadConfig config) {
  workloads_.push_back(std::move(config));
  of_workload_.emplace_back();
  return static_cast<WorkloadId>(workloads_.size() - 1);
}

PodId KubeApi::create_pod(WorkloadId workload, std::string name, std::int32_t ordinal,
                          NodeId node) {
  PodObject pod;
  pod.id = static_cast<PodId>(pods_.size());
  pod.entity = simulation_.trace().entity(name);
  pod.name = std::move(name);
  pod.workload = workload;
  pod.ordinal = ordinal;
  pod.gate = !workloads_[workload].readiness_gate;
  pods_.push_back(std::move(pod));
  of_workload_[workload].push_back(pods_.back().id);
  const PodId id = pods_.back().id;
  if (node != no_node) {
    pods_[id].node = node;
    on_node_[node].push_back(id);
  } else {
    emit(pods_[id].entity, kube_kinds::pod_created);
  }
  tell(id);
  return id;
}

void KubeApi::set_node_ready(NodeId id, ConditionStatus status, NotReadyReason reason) {
  NodeObject& node = nodes_[id];
  if (node.ready == status && node.reason == reason) return;
  node.ready = status;
  node.reason = reason;
  switch (status) {
    case ConditionStatus::is_true:
      emit(node.entity, kube_kinds::node_ready);
      break;
    case ConditionStatus::is_false:
      emit(node.entity, kube_kinds::node_not_ready, simulation_.trace().name(to_text(reason)));
      break;
    case ConditionStatus::unknown:
      emit(node.entity, kube_kinds::node_unknown,
           (simulation_.now() - std::max(node.heartbeat, node.renewed)).count());
      break;
  }
  tell_node(id);
}

void KubeApi::set_taint(NodeId id, Taint taint) {
  NodeObject& node = nodes_[id];
  if (node.taint == taint) return;
  node.taint = taint;
  node.tainted = simulation_.now();
  if (taint == Taint::none) {
    emit(node.entity, kube_kinds::node_untainted);
  } else {
    emit(node.entity, kube_kinds::node_tainted,
         simulation_.trace().name(taint == Taint::not_ready ? "node.kubernetes.io/not-ready"
                                                            : "node.kubernetes.io/unreachable"));
  }
  tell_node(id);
}

void KubeApi::cordon(NodeId node, bool unschedulable) {
  nodes_[node].unschedulable = unschedulable;
  tell_node(node);
}

void KubeApi::bind(PodId id, NodeId node) {
  pods_[id].node = node;
  on_node_[node].push_back(id);
  emit(pods_[id].entity, kube_kinds::pod_scheduled, simulation_.trace().name(nodes_[node].name));
  tell(id);
}

void KubeApi::set_running(PodId id, bool restarted) {
  PodObject& pod = pods_[id];
  pod.running = true;
  pod.has_address = true;
  ++pod.address;
  if (restarted) ++pod.restarts;
  emit(pod.entity, kube_kinds::pod_running, simulation_.trace().name(nodes_[pod.node].name),
       pod.restarts);
  tell(id);
}

void KubeApi::set_stopped(PodId id) {
  PodObject& pod = pods_[id];
  if (!pod.running && !pod.containers_ready) return;
  pod.running = false;
  pod.containers_ready = false;
  update_ready(pod);
  tell(id);
}

void KubeApi::update_ready(PodObject& pod) {
  const bool ready = pod.containers_ready && pod.gate;
  if (ready == pod.ready) return;
  pod.ready = ready;
  emit(pod.entity, ready ? kube_kinds::pod_ready : kube_kinds::pod_not_ready);
}

void KubeApi::set_containers_ready(PodId id, bool ready) {
  PodObject& pod = pods_[id];
  if (pod.gone) return;
  pod.containers_ready = ready;
  update_ready(pod);
  tell(id);
}

void KubeApi::set_gate(PodId id, bool passed) {
  PodObject& pod = pods_[id];
  if (pod.gone || pod.gate == passed) return;
  pod.gate = passed;
  update_ready(pod);
  tell(id);
}

void KubeApi::mark_not_ready(PodId id) {
  PodObject& pod = pods_[id];
  if (pod.gone || !pod.ready) return;
  pod.ready = false;
  emit(pod.entity, kube_kinds::pod_not_ready);
  tell(id);
}

void KubeApi::note_eviction(PodId id) {
  emit(pods_[id].entity, kube_kinds::pod_evicted,
       simulation_.trace().name(nodes_[pods_[id].node].name));
}

// pkg/registry/core/pod/strategy.go CheckGracefulDelete: a second DELETE only shortens.
void KubeApi::remove(PodId id, Duration grace, Deleter deleter) {
  PodObject& pod = pods_[id];
  if (pod.gone) return;
  if (!pod.deleted) pod.deleter = deleter;
  pod.forced = pod.forced || grace == 0s;
  if (grace < 0s) grace = workloads_[pod.workload].termination_grace_period;
  const bool at_once = grace == 0s || pod.node == no_node || pod.failed;
  if (at_once) {
    finish(id);
    return;
  }
  if (pod.deleted) {
    pod.grace = std::min(pod.grace, grace);
  } else {
    pod.deleted = true;
    pod.deletion = simulation_.now();
    pod.grace = grace;
    emit(pod.entity, kube_kinds::pod_deleted, grace.count());
  }
  tell(id);
}

void KubeApi::kubectl_delete(PodId id, std::optional<Duration> grace_period, bool force) {
  Duration grace = grace_period.value_or(force ? Duration{} : Duration(-1s));
  if (grace == 0s && !force) grace = 1s;
  remove(id, grace, Deleter::person);
}

void KubeApi::set_failed(PodId id) {
  PodObject& pod = pods_[id];
  if (pod.gone || pod.failed) return;
  pod.failed = true;
  pod.running = false;
  pod.has_address = false;
  pod.containers_ready = false;
  update_ready(pod);
  emit(pod.entity, kube_kinds::pod_failed);
  tell(id);
}

void KubeApi::finish(PodId id) {
  PodObject& pod = pods_[id];
  if (pod.gone) return;
  pod.gone = true;
  pod.deleted = true;
  pod.containers_ready = pod.running = pod.ready = false;
  emit(pod.entity, kube_kinds::pod_gone);
  if (pod.node != no_node) std::erase(on_node_[pod.node], id);
  std::erase(of_workload_[pod.workload], id);
  tell(id);
}

}  // namespace predrill::models
