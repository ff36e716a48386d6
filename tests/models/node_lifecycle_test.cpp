// The node controller: zones, limits, tolerations; replacement and rolling updates of workloads.
#include <catch2/catch.hpp>

#include <string>

#include "models/load_balancer_controller.hpp"
#include "tests/models/kube_lab.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace predrill::models::lab;

namespace {

// Node i of 36 is in zone a, b, c in turn.
void lose(Cluster& cluster, int in_zone, int count) {
  for (int i = 0; i < count; ++i) {
    cluster.kubelets[static_cast<std::size_t>(3 * i + in_zone)]->power_off();
  }
}

// Registers at once, healthy after a while.
class Registry final : public TargetRegistry {
 public:
  explicit Registry(sim::Simulation& simulation) : sim(simulation) {}
  void register_target(PodId pod, std::uint32_t) override { since[pod] = sim.now(); }
  void deregister_target(PodId pod, std::uint32_t) override { since.erase(pod); }
  bool healthy(PodId pod, std::uint32_t) override {
    const auto found = since.find(pod);
    return found != since.end() && sim.now() - found->second >= 100s;
  }
  sim::Simulation& sim;
  std::map<PodId, sim::Time> since;
};

}  // namespace

TEST_CASE("node lifecycle: states of a zone", "[node_lifecycle]") {
  CHECK(zone_state(12, 0, 0.55) == ZoneState::normal);
  CHECK(zone_state(6, 6, 0.55) == ZoneState::normal);
  CHECK(zone_state(5, 7, 0.55) == ZoneState::partial_disruption);
  CHECK(zone_state(1, 2, 0.55) == ZoneState::normal);  // more than two are needed
  CHECK(zone_state(0, 12, 0.55) == ZoneState::full_disruption);
  CHECK(zone_state(0, 1, 0.55) == ZoneState::full_disruption);
  CHECK(zone_state(0, 0, 0.55) == ZoneState::normal);
}

TEST_CASE("node lifecycle: a lost zone is tainted node by node", "[node_lifecycle]") {
  Cluster cluster(1, 36);
  cluster.place(deployment(36));
  cluster.settle();
  lose(cluster, 1, 12);
  cluster.sim.run_for(300s);
  REQUIRE(cluster.events.count("node.tainted") == 12);
  const double first = cluster.events.at("node.tainted");
  const double last = cluster.events.at("node.tainted", "", 12);
  CHECK(last - first >= 110);
  CHECK(last - first <= 112);
  CHECK(cluster.lifecycle.state_of("b") == ZoneState::full_disruption);
  CHECK(cluster.lifecycle.state_of("a") == ZoneState::normal);
}

TEST_CASE("node lifecycle: a small zone that is mostly lost is left alone", "[node_lifecycle]") {
  Cluster cluster(1, 36);
  cluster.place(deployment(36));
  cluster.settle();
  lose(cluster, 1, 7);
  cluster.sim.run_for(1000s);
  CHECK(cluster.lifecycle.state_of("b") == ZoneState::partial_disruption);
  CHECK(cluster.events.count("node.unknown") == 7);
  // What was tainted before the seventh became Unknown keeps its taint; then the limiter is shut.
  CHECK(cluster.events.count("node.tainted") <= 1);
}

TEST_CASE("node lifecycle: with every zone lost nothing is evicted", "[node_lifecycle]") {
  Cluster cluster(1, 6);
  cluster.place(deployment(6));
  cluster.settle();
  for (auto& kubelet : cluster.kubelets) kubelet->power_off();
  cluster.sim.run_for(1200s);
  CHECK(cluster.events.count("node.unknown") == 6);
  CHECK(cluster.events.count("pod.evicted") == 0);
  for (NodeId id = 0; id < 6; ++id) CHECK(cluster.api.node(id).taint == Taint::none);
}

TEST_CASE("node lifecycle: a node that returns in time cancels the eviction", "[node_lifecycle]") {
  Cluster cluster(2, 3);
  cluster.place(deployment(3));
  cluster.settle();
  cluster.kubelets[1]->strike(CriFault::list_hang);
  cluster.sim.run_for(400s);
  CHECK(cluster.events.count("node.tainted", "node-1") == 1);
  cluster.kubelets[1]->containerd().restart_process();
  cluster.sim.run_for(600s);
  CHECK(cluster.events.count("node.untainted", "node-1") == 1);
  CHECK(cluster.events.count("pod.evicted") == 0);
}

TEST_CASE("node lifecycle: tolerations decide when pods go", "[node_lifecycle]") {
  for (const int seconds : {0, 30, 900}) {
    Cluster cluster(2, 3);
    PodWorkloadConfig config = deployment(3);
    config.not_ready_toleration = std::chrono::seconds(seconds);
    cluster.place(config);
    cluster.settle();
    cluster.kubelets[1]->strike(CriFault::list_hang);
    cluster.sim.run_for(1500s);
    CHECK(cluster.events.at("pod.evicted") - cluster.events.at("node.tainted") ==
          Approx(seconds).margin(0.001));
  }
  Cluster cluster(2, 3);
  PodWorkloadConfig config = deployment(3);
  config.not_ready_toleration = sim::forever;
  cluster.place(config);
  cluster.settle();
  cluster.kubelets[1]->strike(CriFault::list_hang);
  cluster.sim.run_for(1500s);
  CHECK(cluster.events.count("pod.evicted") == 0);
}

TEST_CASE("node lifecycle: False that turns into Unknown marks no pods", "[node_lifecycle]") {
  Cluster cluster(2, 3);
  PodWorkloadConfig config = deployment(3);
  config.not_ready_toleration = config.unreachable_toleration = sim::forever;
  const WorkloadId web = cluster.place(config);
  cluster.settle();
  cluster.kubelets[1]->strike(CriFault::list_hang);
  cluster.sim.run_for(200s);
  cluster.kubelets[1]->power_off();
  cluster.sim.run_for(300s);
  CHECK(cluster.api.node(1).ready == ConditionStatus::unknown);
  CHECK(cluster.api.node(1).taint == Taint::unreachable);
  CHECK(cluster.events.count("pod.not_ready") == 0);  // Kubernetes issue 112733
  CHECK(cluster.ready(web) == 3);
}

TEST_CASE("workloads: a rolling update keeps its bounds", "[node_lifecycle]") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    Cluster cluster(seed, 6);
    const WorkloadId web = cluster.place(deployment(6));
    CHECK(resolve_fenceposts(cluster.api.workload(web)).surge == 2);
    CHECK(resolve_fenceposts(cluster.api.workload(web)).unavailable == 1);
    cluster.settle();
    cluster.controllers.roll(web);
    for (int i = 0; i < 6000 && cluster.controllers.rolling(web); ++i) {
      cluster.sim.run_for(100ms);
      int active = 0;
      for (const PodId pod : cluster.api.pods_of(web)) {
        active += cluster.api.pod(pod).active() ? 1 : 0;
      }
      REQUIRE(active <= 8);
      REQUIRE(cluster.ready(web) >= 5);
    }
    CHECK_FALSE(cluster.controllers.rolling(web));
    CHECK(cluster.ready(web) == 6);
  }
}

TEST_CASE("workloads: zone spread keeps a lost zone's pods pending", "[node_lifecycle]") {
  Cluster cluster(1, 6);
  PodWorkloadConfig config = deployment(6);
  config.spread_zones = true;
  const WorkloadId web = cluster.place(config);
  cluster.settle();
  lose(cluster, 1, 2);
  cluster.sim.run_for(900s);
  CHECK(cluster.ready(web) == 4);
  cluster.kubelets[1]->power_on();
  cluster.kubelets[4]->power_on();
  cluster.sim.run_for(300s);
  CHECK(cluster.ready(web) == 6);
}

TEST_CASE("load balancer controller: IP targets ignore the node, instance targets do not",
          "[node_lifecycle]") {
  using Mode = LoadBalancerControllerConfig::TargetMode;
  for (const Mode mode : {Mode::ip, Mode::instance}) {
    Cluster cluster(3, 3);
    const WorkloadId web = cluster.place(deployment(3));
    Registry registry(cluster.sim);
    LoadBalancerControllerConfig config;
    config.target_type = mode;
    LoadBalancerController controller(cluster.control_plane, cluster.api, web, registry, config);
    cluster.settle();
    controller.start();
    cluster.kubelets[1]->strike(CriFault::list_hang);
    cluster.sim.run_for(300s);
    CHECK(cluster.events.count("node.not_ready") == 1);
    CHECK(controller.registered(1) == (mode == Mode::ip));
    cluster.sim.run_for(200s);  // evicted
    CHECK_FALSE(controller.registered(1));
  }
}

TEST_CASE("load balancer controller: a readiness gate waits for the target", "[node_lifecycle]") {
  Cluster cluster(3, 3);
  PodWorkloadConfig config = deployment(3);
  config.readiness_gate = true;
  const WorkloadId web = cluster.place(config);
  for (PodId pod = 0; pod < 3; ++pod) cluster.api.set_gate(pod, true);
  Registry registry(cluster.sim);
  LoadBalancerController controller(cluster.control_plane, cluster.api, web, registry);
  cluster.settle();
  controller.start();
  cluster.api.remove(0);
  const double begin = cluster.now();
  cluster.sim.run_for(300s);
  REQUIRE(cluster.events.count("pod.ready", "web-new1") == 1);
  const double at = cluster.events.at("pod.ready", "web-new1");
  CHECK(at >= begin + 100);
  // Pull and start up to 60 s, readiness, registration, 100 s until healthy, then the requeue.
  CHECK(at <= begin + 60 + 12 + 7 + 100 + 16 + 5);
  CHECK(cluster.ready(web) == 3);
}
