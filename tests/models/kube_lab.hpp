// A small Kubernetes cluster for tests: nodes in zones, pods that answer, and a clock of events.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "models/kube_api.hpp"
#include "models/kubelet.hpp"
#include "models/node_lifecycle.hpp"
#include "models/workload_controllers.hpp"
#include "sim/network.hpp"
#include "sim/simulation.hpp"
#include "sim/trace.hpp"

namespace predrill::models::lab {

using namespace std::chrono_literals;

/// Remembers every record by kind and entity.
class Events final : public sim::TraceSink {
 public:
  struct Event {
    sim::Duration at;
    std::string kind;
    std::string whose;
  };
  void on_record(const sim::Trace& trace, const sim::Record& record) override {
    all.push_back({record.at - sim::Time{}, std::string(record.kind->name),
                   trace.entity_name(record.entity)});
  }
  /// Seconds of the n-th event of the kind (of one entity) at or after `from`; -1 if there is none.
  double at(std::string_view kind, std::string_view whose = "", int n = 1, double from = 0) const {
    for (const Event& event : all) {
      if (event.kind != kind || (!whose.empty() && event.whose != whose)) continue;
      if (sim::seconds(event.at) < from) continue;
      if (--n == 0) return sim::seconds(event.at);
    }
    return -1;
  }
  int count(std::string_view kind, std::string_view whose = "") const {
    int n = 0;
    for (const Event& event : all) {
      n += event.kind == kind && (whose.empty() || event.whose == whose) ? 1 : 0;
    }
    return n;
  }
  std::vector<Event> all;
};

/// Pods that run and answer until told otherwise.
class Pods final : public PodProcess {
 public:
  void start(PodId pod) override { running.insert(pod); }
  void terminate(PodId pod) override { refusing.insert(pod); }
  void kill(PodId pod) override {
    running.erase(pod);
    refusing.erase(pod);
  }
  void power_off(PodId pod) override { kill(pod); }
  Answer probe(PodId pod, ProbeConfig::Handler) override {
    if (hung.contains(pod)) return Answer::silent;
    return running.contains(pod) && !refusing.contains(pod) ? Answer::success : Answer::refused;
  }
  std::set<PodId> running, refusing, hung;
};

struct Cluster {
  explicit Cluster(std::uint64_t seed, int nodes = 3, NodeLifecycleConfig lifecycle_config = {},
                   KubeletConfig kubelet_config = {})
      : sim({.seed = seed}),
        control_plane(sim, "control-plane"),
        api(sim),
        lifecycle(control_plane, api, lifecycle_config),
        controllers(control_plane, api) {
    sim.trace().attach(events);
    for (int i = 0; i < nodes; ++i) {
      const std::string zone(1, static_cast<char>('a' + i % 3));
      const NodeId id = api.add_node("node-" + std::to_string(i), zone);
      hosts.push_back(
          std::make_unique<sim::Host>(sim, "node-" + std::to_string(i), sim.network().zone(zone)));
      kubelets.push_back(
          std::make_unique<Kubelet>(*hosts.back(), api, id, pods, kubelet_config, NodeTimings{}));
    }
  }
  ~Cluster() { sim.shut_down(); }

  /// Pods of the workload on the nodes in turn.
  WorkloadId place(PodWorkloadConfig config) {
    const std::string name = config.name;
    const int replicas = config.replicas;
    const WorkloadId id = api.add_workload(std::move(config));
    for (int i = 0; i < replicas; ++i) {
      const auto node = static_cast<NodeId>(static_cast<std::size_t>(i) % kubelets.size());
      const PodId pod = api.create_pod(id, name + "-" + std::to_string(i), i, node);
      kubelets[node]->begin_running(pod);
    }
    return id;
  }
  void start() {
    for (auto& kubelet : kubelets) kubelet->start(true);
    lifecycle.start();
    controllers.start();
  }
  /// Start, and run until things have gone their way for a while.
  void settle() {
    start();
    sim.run_for(60s);
    events.all.clear();
  }
  double now() const { return sim::seconds(sim.now() - sim::Time{}); }
  int ready(WorkloadId workload) const {
    int n = 0;
    for (const PodId pod : api.pods_of(workload)) {
      n += api.pod(pod).ready && !api.pod(pod).deleted ? 1 : 0;
    }
    return n;
  }

  sim::Simulation sim;
  Events events;
  sim::Host control_plane;
  KubeApi api;
  Pods pods;
  std::vector<std::unique_ptr<sim::Host>> hosts;
  std::vector<std::unique_ptr<Kubelet>> kubelets;
  NodeLifecycle lifecycle;
  WorkloadControllers controllers;
};

inline PodWorkloadConfig deployment(std::int32_t replicas) {
  PodWorkloadConfig config;
  config.name = "web";
  config.replicas = replicas;
  config.readiness = ProbeConfig{};
  return config;
}

}  // namespace predrill::models::lab
