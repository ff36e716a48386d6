#include "models/workload_controllers.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Task;

WorkloadTimings::WorkloadTimings()
    : controller(Distribution::uniform(Duration(20ms), Duration(200ms))
                     .with_source("assumption: watch, work queue and one API call")),
      scheduling(Distribution::uniform(Duration(10ms), Duration(200ms))
                     .with_source("assumption: a scheduling cycle and a binding")) {}

RollingLimits resolve_fenceposts(const PodWorkloadConfig& config) {
  const std::int32_t surge = config.max_surge >= 0
                                 ? config.max_surge
                                 : (config.replicas * config.max_surge_percent + 99) / 100;
  const std::int32_t unavailable = config.max_unavailable >= 0
                                       ? config.max_unavailable
                                       : config.replicas * config.max_unavailable_percent / 100;
  if (surge == 0 && unavailable == 0) return {0, 1};
  return {surge, unavailable};
}

WorkloadControllers::WorkloadControllers(sim::Host& control_plane, KubeApi& api,
                                         WorkloadTimings timings)
    : api_(api),
      timings_(std::move(timings)),
      delays_(control_plane.stream("workload_controllers")),
      group_(control_plane, "workload-controllers") {
  api_.observe(*this);
}

void WorkloadControllers::on_pod(PodId pod) {
  mark(api_.pod(pod).workload);
}

// A node that is ready again may take pods that wait.
void WorkloadControllers::on_node(NodeId node) {
  if (!running_ || api_.node(node).ready != ConditionStatus::is_true) return;
  for (PodId pod = 0; pod < api_.pods(); ++pod) {
    if (api_.pod(pod).node == no_node && !api_.pod(pod).gone) group_.spawn(schedule(pod));
  }
}

void WorkloadControllers::mark(WorkloadId workload) {
  states_.resize(api_.workloads());
  State& state = states_[workload];
  if (!running_ || state.pending) return;
  if (api_.workload(workload).kind == ControllerKind::daemon_set) return;
  state.pending = true;
  group_.spawn(reconcile_later(workload));
}

Task<> WorkloadControllers::reconcile_later(const WorkloadId workload) {
  const Duration delay = timings_.controller.sample_duration(delays_);
  co_await sim::sleep_for(delay);
  states_[workload].pending = false;
  reconcile(workload);
}

void WorkloadControllers::reconcile(WorkloadId workload) {
  if (api_.workload(workload).kind == ControllerKind::stateful_set) {
    reconcile_stateful_set(workload);
    return;
  }
  State& state = states_[workload];
  if (state.rolling) {
    roll_on(workload, state);
  } else {
    reconcile_deployment(workload, state);
  }
}

void WorkloadControllers::reconcile_deployment(WorkloadId workload, State&) {
  const std::vector<PodId> pods = api_.pods_of(workload);
  const auto active =
      std::count_if(pods.begin(), pods.end(), [&](PodId pod) { return api_.pod(pod).active(); });
  for (auto n = active; n < api_.workload(workload).replicas; ++n) create(workload, 0, false);
}

void WorkloadControllers::roll(WorkloadId workload) {
  states_.resize(api_.workloads());
  states_[workload].rolling = true;
  sim::Trace& trace = api_.simulation().trace();
  trace.emit(api_.simulation().now(), trace.entity(api_.workload(workload).name),
             workload_kinds::rollout_started);
  mark(workload);
}

// deployment/rolling.go: reconcileNewReplicaSet, then reconcileOldReplicaSets.
void WorkloadControllers::roll_on(WorkloadId workload, State& state) {
  const PodWorkloadConfig& config = api_.workload(workload);
  const RollingLimits limits = resolve_fenceposts(config);
  std::int32_t total = 0;
  std::int32_t available = 0;
  std::int32_t fresh = 0;
  std::int32_t fresh_available = 0;
  std::vector<PodId> old;
  for (const PodId id : api_.pods_of(workload)) {
    const PodObject& pod = api_.pod(id);
    if (!pod.active()) continue;
    ++total;
    available += pod.ready ? 1 : 0;
    if (pod.new_revision) {
      ++fresh;
      fresh_available += pod.ready ? 1 : 0;
    } else {
      old.push_back(id);
    }
  }
  if (old.empty() && fresh_available == config.replicas) {
    state.rolling = false;
    sim::Trace& trace = api_.simulation().trace();
    trace.emit(api_.simulation().now(), trace.entity(config.name),
               workload_kinds::rollout_finished);
    return;
  }
  const std::int32_t grow =
      std::min(config.replicas - fresh, config.replicas + limits.surge - total);
  for (std::int32_t n = 0; n < grow; ++n) {
    create(workload, 0, true);
    ++fresh;
    ++total;
  }
  const std::int32_t least = config.replicas - limits.unavailable;
  std::int32_t may_go = total - least - (fresh - fresh_available);
  std::int32_t healthy_may_go = available - least;
  std::stable_partition(old.begin(), old.end(), [&](PodId id) { return !api_.pod(id).ready; });
  for (const PodId id : old) {
    const bool healthy = api_.pod(id).ready;
    if (may_go <= 0 || (healthy && healthy_may_go <= 0)) break;
    --may_go;
    healthy_may_go -= healthy ? 1 : 0;
    api_.remove(id);
  }
}

// stateful_set_control.go processReplica, OrderedReady.
void WorkloadControllers::reconcile_stateful_set(WorkloadId workload) {
  const std::vector<PodId> pods = api_.pods_of(workload);
  for (std::int32_t ordinal = 0; ordinal < api_.workload(workload).replicas; ++ordinal) {
    const auto found = std::find_if(pods.begin(), pods.end(),
                                    [&](PodId pod) { return api_.pod(pod).ordinal == ordinal; });
    if (found == pods.end()) {
      create(workload, ordinal, false);
      return;
    }
    const PodObject& pod = api_.pod(*found);
    if (pod.failed && !pod.deleted) api_.remove(*found);
    if (pod.deleted || pod.failed || !pod.ready) return;
  }
}

void WorkloadControllers::create(WorkloadId workload, std::int32_t ordinal, bool new_revision) {
  const PodWorkloadConfig& config = api_.workload(workload);
  const bool named = config.kind == ControllerKind::stateful_set;
  const std::string name =
      config.name + (named ? "-" + std::to_string(ordinal)
                           : "-new" + std::to_string(++states_[workload].created));
  const PodId pod = api_.create_pod(workload, name, ordinal);
  if (new_revision) api_.set_new_revision(pod);
  group_.spawn(schedule(pod));
}

Task<> WorkloadControllers::schedule(const PodId pod) {
  const Duration delay = timings_.scheduling.sample_duration(delays_);
  co_await sim::sleep_for(delay);
  const PodObject& object = api_.pod(pod);
  if (object.gone || object.node != no_node) co_return;
  const NodeId node = choose_node(pod);
  if (node != no_node) api_.bind(pod, node);  // else it stays Pending until a node is ready
}

NodeId WorkloadControllers::choose_node(PodId id) const {
  const PodObject& pod = api_.pod(id);
  const PodWorkloadConfig& config = api_.workload_of(id);
  std::map<std::string, std::int32_t> in_zone;
  std::vector<std::int32_t> on_node(api_.nodes());
  for (NodeId node = 0; node < api_.nodes(); ++node) in_zone[api_.node(node).zone];
  for (const PodId other : api_.pods_of(pod.workload)) {
    const PodObject& object = api_.pod(other);
    if (object.node == no_node || !object.active()) continue;
    ++in_zone[api_.node(object.node).zone];
    ++on_node[object.node];
  }
  std::int32_t least = INT32_MAX;
  for (const auto& [zone, count] : in_zone) least = std::min(least, count);
  NodeId best = no_node;
  std::tuple<std::int32_t, std::int32_t, std::size_t> best_key;
  for (NodeId node = 0; node < api_.nodes(); ++node) {
    const NodeObject& object = api_.node(node);
    if (object.ready != ConditionStatus::is_true || object.taint != Taint::none ||
        object.unschedulable) {
      continue;
    }
    // maxSkew 1 over all zones, those without a ready node included.
    if (config.spread_zones && in_zone[object.zone] > least) continue;
    const std::tuple key(in_zone[object.zone], on_node[node], api_.pods_on(node).size());
    if (best == no_node || key < best_key) {
      best = node;
      best_key = key;
    }
  }
  return best;
}

}  // namespace predrill::models
