#include "models/kube_invariants.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

namespace {

// A pass of the node controller takes its time besides the period.
constexpr Duration pass_slack = 50ms;

}  // namespace

KubeInvariants::KubeInvariants(KubeApi& api, KubeletConfig kubelet, NodeLifecycleConfig lifecycle,
                               const WorkloadTimings& workloads)
    : api_(api),
      kubelet_(kubelet),
      lifecycle_(lifecycle),
      controller_latency_(static_cast<std::int64_t>(workloads.controller.max())) {}

KubeInvariants::Pod KubeInvariants::seen_as(const PodObject& pod) {
  return {pod.running,  pod.ready,   pod.containers_ready, pod.gone,
          pod.active(), pod.deleted, pod.address,          pod.restarts};
}

void KubeInvariants::watch(Kubelet& kubelet) {
  kubelets_[kubelet.node()] = &kubelet;
  kubelet.observe(*this);
  for (const PodId id : api_.pods_on(kubelet.node())) {
    pods_[id] = seen_as(api_.pod(id));
  }
}

void KubeInvariants::report(std::string text) {
  constexpr std::size_t most = 20;
  if (broken_.size() < most) broken_.push_back({now(), std::move(text)});
}

Kubelet* KubeInvariants::kubelet_of(PodId pod) const {
  const auto found = kubelets_.find(api_.pod(pod).node);
  return found == kubelets_.end() ? nullptr : found->second;
}

void KubeInvariants::on_node(NodeId id) {
  if (api_.node(id).taint == Taint::none) taints_[id] = Taint::none;
}

void KubeInvariants::on_pod(PodId id) {
  const PodObject& pod = api_.pod(id);
  Pod& seen = pods_[id];
  const Kubelet* kubelet = kubelet_of(id);
  const bool rises =
      (pod.running && !seen.running) || (pod.containers_ready && !seen.containers_ready);
  if (rises && kubelet != nullptr && kubelet->runtime_error() != NotReadyReason::none) {
    report("K11 " + pod.name + " started or became ready while the runtime of its node failed");
  }
  const bool marked = seen.ready && !pod.ready && pod.containers_ready && pod.gate && !pod.gone;
  if (marked && api_.node(pod.node).ready == ConditionStatus::is_false) {
    report("K12 " + pod.name + " was marked not ready after its kubelet's own Ready=False");
  }
  const bool confirmed = kubelet == nullptr || !kubelet->runs(id);
  if (pod.gone && !seen.gone && pod.grace > 0s && !confirmed) {
    report("K17 " + pod.name + " was removed while its processes run");
  }
  check_deletion(pod, seen);
  check_restart(pod, seen);
  seen = seen_as(pod);
  check_active(id);
  check_name(id);
  check_replacement();
}

void KubeInvariants::check_deletion(const PodObject& pod, const Pod& before) {
  const bool of_a_kubelet = pod.node != no_node && !pod.failed;
  if (pod.gone && !before.gone && !before.deleted && of_a_kubelet && !pod.forced) {
    report("K21 " + pod.name + " was removed at once without --force");
  }
  if (pod.deleted && !pod.gone && pod.grace < 1s) {
    report("K21 " + pod.name + " is deleted with a grace period of " + sim::to_text(pod.grace));
  }
  const PodWorkloadConfig& config = api_.workload(pod.workload);
  if (!before.active || pod.active() || config.kind != ControllerKind::deployment) return;
  std::int32_t active = 0;
  std::int32_t available = 0;
  for (const PodId other : api_.pods_of(pod.workload)) {
    active += api_.pod(other).active() ? 1 : 0;
    available += api_.pod(other).active() && api_.pod(other).ready ? 1 : 0;
  }
  if (active < config.replicas && !owed_.contains(pod.workload)) {
    owed_[pod.workload] = now() + controller_latency_;
  }
  const std::int32_t least = config.replicas - resolve_fenceposts(config).unavailable;
  const bool by_rollout = pod.deleted && pod.deleter == Deleter::controller && !pod.failed;
  if (by_rollout && before.ready && available < least) {
    report("K20 " + config.name + " deletes " + pod.name + " and has " + std::to_string(available) +
           " available pods");
  }
}

void KubeInvariants::check_restart(const PodObject& pod, const Pod& before) {
  const bool again = before.address > 0 && pod.address != before.address;
  if (again && pod.restarts != before.restarts + 1) {
    report("K22 " + pod.name + " starts again with " + std::to_string(pod.restarts) +
           " restarts after " + std::to_string(before.restarts));
  }
  if (pod.failed && (pod.running || pod.ready)) report("K22 " + pod.name + " runs after it failed");
}

// Asked whenever something is seen: late by a relist at most.
void KubeInvariants::check_replacement() {
  for (auto owed = owed_.begin(); owed != owed_.end();) {
    const PodWorkloadConfig& config = api_.workload(owed->first);
    const auto& pods = api_.pods_of(owed->first);
    const auto active =
        std::count_if(pods.begin(), pods.end(), [&](PodId pod) { return api_.pod(pod).active(); });
    const bool replaced = active >= config.replicas;
    const bool late = !replaced && now() > owed->second;
    if (late) {
      report("K18 " + config.name + " has " + std::to_string(active) + " of " +
             std::to_string(config.replicas) + " pods and no replacement " +
             sim::to_text(now() - owed->second + controller_latency_) + " after a deletion");
    }
    owed = replaced || late ? owed_.erase(owed) : std::next(owed);
  }
}

void KubeInvariants::check_active(PodId id) {
  const WorkloadId workload = api_.pod(id).workload;
  const PodWorkloadConfig& config = api_.workload(workload);
  if (config.kind != ControllerKind::deployment) return;
  const auto& pods = api_.pods_of(workload);
  const auto active =
      std::count_if(pods.begin(), pods.end(), [&](PodId pod) { return api_.pod(pod).active(); });
  if (active > config.replicas + resolve_fenceposts(config).surge) {
    report("K20 " + config.name + " has " + std::to_string(active) + " active pods");
  }
}

void KubeInvariants::check_name(PodId id) {
  const PodObject& pod = api_.pod(id);
  if (pod.gone) return;
  const bool stateful = api_.workload(pod.workload).kind == ControllerKind::stateful_set;
  if (!stateful && !pod.failed) return;
  for (const PodId other : api_.pods_of(pod.workload)) {
    if (other == id || api_.pod(other).name != pod.name) continue;
    report(stateful ? "K17 two pods are named " + pod.name
                    : "K22 the name of " + pod.name + ", which failed, is used again");
  }
}

void KubeInvariants::on_relist(NodeId node, Time start, bool) {
  if (!owed_.empty()) check_replacement();
  const auto last = relists_.find(node);
  const Duration period = kubelet_.evented_pleg ? Duration(300s) : kubelet_.relist_period;
  if (last != relists_.end() && start - last->second < period) {
    report("K10 " + api_.node(node).name + " lists again after " +
           sim::to_text(start - last->second));
  }
  relists_[node] = start;
}

void KubeInvariants::on_pleg(NodeId node, bool healthy, Time last_relist) {
  const Duration threshold =
      kubelet_.evented_pleg ? Duration(600s) : Duration(kubelet_.relist_threshold);
  if (healthy == (now() - last_relist <= threshold)) return;
  report("K10 PLEG of " + api_.node(node).name + " is called " +
         (healthy ? "healthy" : "unhealthy") + " " + sim::to_text(now() - last_relist) +
         " after its last list");
}

void KubeInvariants::on_lease(NodeId node) {
  const Duration interval = kubelet_.node_lease_duration / 4;
  const auto last = leases_.find(node);
  if (last != leases_.end() && now() - last->second > interval + interval / 25) {
    report("K13 the lease of " + api_.node(node).name + " was not renewed for " +
           sim::to_text(now() - last->second));
  }
  leases_[node] = now();
}

void KubeInvariants::on_kubelet(NodeId node, bool) {
  leases_.erase(node);
  relists_.erase(node);
}

void KubeInvariants::on_sigkill(PodId pod, Duration after_sigterm) {
  if (after_sigterm >= 2s) return;
  report("K19 SIGKILL to " + api_.pod(pod).name + " " + sim::to_text(after_sigterm) +
         " after SIGTERM");
}

void KubeInvariants::on_unknown(NodeId node, Time last_heartbeat) {
  const Duration silence = now() - last_heartbeat;
  const Duration latest =
      lifecycle_.node_monitor_grace_period + 2 * (lifecycle_.node_monitor_period + pass_slack);
  if (silence > lifecycle_.node_monitor_grace_period && silence <= latest) return;
  report("K14 " + api_.node(node).name + " became Unknown " + sim::to_text(silence) +
         " after its last heartbeat");
}

void KubeInvariants::on_taint(NodeId id, Taint taint) {
  const NodeObject& node = api_.node(id);
  const bool replaces = taints_[id] != Taint::none;
  taints_[id] = taint;
  if (replaces) return;
  const auto last = zone_taints_.find(node.zone);
  const auto gap =
      Duration(static_cast<std::int64_t>(1e9 / std::max(lifecycle_.node_eviction_rate, 1e-9)));
  if (last != zone_taints_.end() && now() - last->second < gap) {
    report("K16 two nodes of " + node.zone + " were tainted within " +
           sim::to_text(now() - last->second));
  }
  zone_taints_[node.zone] = now();
}

void KubeInvariants::on_eviction(PodId id, Time tainted, Duration toleration) {
  const PodObject& pod = api_.pod(id);
  if (pod.node == no_node || api_.node(pod.node).taint == Taint::none) {
    report("K15 " + pod.name + " is evicted from a node without a taint");
  } else if (now() - tainted < toleration) {
    report("K15 " + pod.name + " is evicted " + sim::to_text(now() - tainted) +
           " after the taint, which it tolerates for " + sim::to_text(toleration));
  }
}

void KubeInvariants::on_firing(const AlertRule& rule, Time since) {
  if (rule.source == AlertRule::Source::prometheus && now() - since < rule.hold) {
    report("K25 " + rule.name + " fires after " + sim::to_text(now() - since));
  }
}

void KubeInvariants::on_page(const AlertRule& rule, Time fired, bool) {
  if (rule.source == AlertRule::Source::prometheus && now() - fired < rule.group_wait) {
    report("K25 " + rule.name + " is sent " + sim::to_text(now() - fired) + " after it fired");
  }
}

void KubeInvariants::on_acknowledged(Time paged) {
  if (now() < paged) report("K26 somebody acknowledges before the page");
  last_action_ = now();
}

void KubeInvariants::on_step(std::size_t step, Time began) {
  if (began < last_action_ || now() < began) {
    report("K26 step " + std::to_string(step + 1) + " of the runbook begins before the last ends");
  }
  last_action_ = now();
}

}  // namespace predrill::models
