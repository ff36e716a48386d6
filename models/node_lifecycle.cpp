#include "models/node_lifecycle.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

// Estimate: an API call per node whose lease changed, in parallel, of a small cluster.
constexpr Duration pass_min = 5ms;
constexpr Duration pass_max = 50ms;
constexpr Duration limiter_period = 100ms;  // scheduler.NodeEvictionPeriod

}  // namespace

std::vector<std::string> NodeLifecycleConfig::validate() const {
  std::vector<std::string> problems;
  if (node_monitor_period <= 0s) problems.emplace_back("node_monitor_period must be positive");
  // The controller-manager asks for several heartbeats within the grace period.
  if (node_monitor_grace_period <= node_monitor_period) {
    problems.emplace_back("node_monitor_grace_period must exceed node_monitor_period");
  }
  if (unhealthy_zone_threshold <= 0 || unhealthy_zone_threshold > 1) {
    problems.emplace_back("unhealthy_zone_threshold must lie above 0 and be at most 1");
  }
  return problems;
}

ZoneState zone_state(std::int32_t ready, std::int32_t not_ready, double threshold) {
  if (ready == 0 && not_ready > 0) return ZoneState::full_disruption;
  const double all = static_cast<double>(ready + not_ready);
  if (not_ready > 2 && static_cast<double>(not_ready) >= threshold * all) {
    return ZoneState::partial_disruption;
  }
  return ZoneState::normal;
}

NodeLifecycle::NodeLifecycle(sim::Host& control_plane, KubeApi& api, NodeLifecycleConfig config)
    : api_(api),
      config_(config),
      phases_(control_plane.stream("node_lifecycle.phase")),
      group_(control_plane, "node-lifecycle") {
  api_.observe(*this);
}

void NodeLifecycle::start() {
  const Time now = api_.simulation().now();
  seen_.resize(api_.nodes());
  for (NodeId id = 0; id < api_.nodes(); ++id) {
    seen_[id] = {api_.node(id).heartbeat, api_.node(id).renewed, now};
    zones_[api_.node(id).zone].rate = config_.node_eviction_rate;
  }
  group_.spawn(monitor());
  for (auto& [name, zone] : zones_) group_.spawn(taint_nodes(zone));
}

ZoneState NodeLifecycle::state_of(const std::string& zone) const {
  return zones_.at(zone).state;
}

Task<> NodeLifecycle::monitor() {
  const Duration phase = phases_.uniform(Duration{}, config_.node_monitor_period);
  co_await sim::sleep_for(phase);
  for (;;) {
    pass();
    // wait.Until sleeps after each pass, so ten periods of 5 s take more than a grace period of 50
    // s.
    const Duration length = phases_.uniform(pass_min, pass_max);
    co_await sim::sleep_for(length + config_.node_monitor_period);
  }
}

void NodeLifecycle::pass() {
  for (NodeId id = 0; id < api_.nodes(); ++id) look_at(id);
  handle_disruption();
}

// monitorNodeHealth for one node. `observed` is the condition before this pass.
void NodeLifecycle::look_at(NodeId id) {
  const Time now = api_.simulation().now();
  Seen& seen = seen_[id];
  const NodeObject& node = api_.node(id);
  if (node.heartbeat != seen.heartbeat || node.renewed != seen.renewed) {
    seen.heartbeat = node.heartbeat;
    seen.renewed = node.renewed;
    seen.probed = now;
  }
  const ConditionStatus observed = node.ready;
  const bool silent = now > seen.probed + config_.node_monitor_grace_period;
  if (silent && observed != ConditionStatus::unknown) {
    if (observer_ != nullptr) observer_->on_unknown(id, std::max(node.heartbeat, node.renewed));
    api_.set_node_ready(id, ConditionStatus::unknown, NotReadyReason::node_status_unknown);
  }
  // processTaintBaseEviction works on `observed`.
  if (observed == ConditionStatus::is_true) {
    if (node.taint != Taint::none) {
      ++seen.taint_generation;
      api_.set_taint(id, Taint::none);
    }
    if (seen.queued) std::erase(zones_[node.zone].queue, id);
    seen.queued = false;
  } else {
    const Taint wanted =
        observed == ConditionStatus::is_false ? Taint::not_ready : Taint::unreachable;
    if (node.taint != Taint::none && node.taint != wanted) {
      taint(id);  // SwapNodeControllerTaint: at once
    } else if (node.taint == Taint::none && !seen.queued) {
      seen.queued = true;
      zones_[node.zone].queue.push_back(id);
    }
  }
  if (node.ready == ConditionStatus::unknown && observed == ConditionStatus::is_true) {
    std::int64_t marked = 0;
    const std::vector<PodId> pods = api_.pods_on(id);
    for (const PodId pod : pods) {
      marked += api_.pod(pod).ready ? 1 : 0;
      api_.mark_not_ready(pod);
    }
    api_.simulation().trace().emit(now, node.entity, kube_kinds::pods_marked, marked);
  }
}

void NodeLifecycle::handle_disruption() {
  std::map<std::string, std::pair<std::int32_t, std::int32_t>> counts;  // ready, not ready
  for (NodeId id = 0; id < api_.nodes(); ++id) {
    auto& [ready, not_ready] = counts[api_.node(id).zone];
    (api_.node(id).ready == ConditionStatus::is_true ? ready : not_ready) += 1;
  }
  bool all = true;
  for (const auto& [name, count] : counts) {
    Zone& zone = zones_[name];
    zone.state = zone_state(count.first, count.second, config_.unhealthy_zone_threshold);
    all = all && zone.state == ZoneState::full_disruption;
    const bool large = count.first + count.second > config_.large_cluster_size_threshold;
    zone.rate = zone.state != ZoneState::partial_disruption ? config_.node_eviction_rate
                : large                                     ? config_.secondary_node_eviction_rate
                                                            : 0;
  }
  if (all && !all_disrupted_) {
    for (NodeId id = 0; id < api_.nodes(); ++id) {
      ++seen_[id].taint_generation;
      seen_[id].queued = false;
      api_.set_taint(id, Taint::none);
    }
    for (auto& [name, zone] : zones_) zone.queue.clear();
  }
  all_disrupted_ = all;
}

// RateLimitedTimedQueue: one token, refilled at the rate; a pass every 100 ms.
Task<> NodeLifecycle::taint_nodes(Zone& zone) {
  const Duration phase = phases_.uniform(Duration{}, limiter_period);
  co_await sim::sleep_for(phase);
  for (;;) {
    const Time now = api_.simulation().now();
    if (!zone.queue.empty() && zone.rate > 0 && !all_disrupted_ && now >= zone.next) {
      const NodeId node = zone.queue.front();
      zone.queue.pop_front();
      zone.next = now + Duration(static_cast<std::int64_t>(1e9 / zone.rate));
      seen_[node].queued = false;
      taint(node);
    }
    co_await sim::sleep_for(limiter_period);
  }
}

void NodeLifecycle::taint(NodeId id) {
  const NodeObject& node = api_.node(id);
  if (node.ready == ConditionStatus::is_true) return;
  const Taint kind =
      node.ready == ConditionStatus::is_false ? Taint::not_ready : Taint::unreachable;
  // A taint that replaces the other one leaves evictions under way as they are
  // (taint_eviction.go: the earlier trigger counts).
  if (node.taint == Taint::none) ++seen_[id].taint_generation;
  api_.set_taint(id, kind);
  if (observer_ != nullptr) observer_->on_taint(id, kind);
  schedule_evictions(id);
}

void NodeLifecycle::schedule_evictions(NodeId id) {
  const std::vector<PodId> pods = api_.pods_on(id);
  for (const PodId pod : pods) on_pod(pod);
}

// A pod on a tainted node: deleted after the seconds that it tolerates the taint.
void NodeLifecycle::on_pod(PodId id) {
  const PodObject& pod = api_.pod(id);
  if (pod.node == no_node || !pod.active() || seen_.empty()) return;
  const NodeObject& node = api_.node(pod.node);
  if (node.taint == Taint::none) return;
  const PodWorkloadConfig& config = api_.workload_of(id);
  const Duration toleration =
      node.taint == Taint::not_ready ? config.not_ready_toleration : config.unreachable_toleration;
  const std::uint32_t generation = seen_[pod.node].taint_generation;
  if (toleration == sim::forever || scheduled_[id] == generation) return;
  scheduled_[id] = generation;
  group_.spawn(evict(id, pod.node, generation, toleration));
}

Task<> NodeLifecycle::evict(const PodId id, const NodeId node, const std::uint32_t generation,
                            const Duration toleration) {
  const Time tainted = api_.node(node).tainted;
  co_await sim::sleep_until(tainted + toleration);
  if (seen_[node].taint_generation != generation || !api_.pod(id).active()) co_return;
  if (observer_ != nullptr) observer_->on_eviction(id, tainted, toleration);
  api_.note_eviction(id);
  api_.remove(id, Duration(-1s), Deleter::eviction);
}

}  // namespace predrill::models
