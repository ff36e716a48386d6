// The kubelet against the rules of its source: the four ways in which a runtime fails, what a PLEG
// that is not healthy changes and what it does not, restarts, reboots, probes, terminations.
#include <catch2/catch.hpp>

#include <string>

#include "tests/models/kube_lab.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace predrill::models::lab;

namespace {

constexpr std::string_view not_ready = "node.not_ready";

}  // namespace

TEST_CASE("kubelet: a list that hangs shows after three minutes, and only as Ready=False",
          "[kubelet]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Cluster cluster(seed, 3);
    const WorkloadId web = cluster.place(deployment(3));
    cluster.settle();
    cluster.kubelets[1]->strike(CriFault::list_hang);
    const double last = sim::seconds(cluster.kubelets[1]->last_relist() - sim::Time{});
    CHECK(last <= 60);
    CHECK(last > 58.9);
    cluster.sim.run_for(470s);
    const double at = cluster.events.at(not_ready, "node-1");
    CHECK(at >= last + 180);
    CHECK(at <= last + 180 + 10.4);
    CHECK(cluster.events.at("kubelet.pleg_unhealthy", "node-1") >= last + 180);
    CHECK(cluster.events.at("kubelet.pleg_unhealthy", "node-1") <= last + 181.1);
    // The lease goes on, so the node never becomes Unknown; its pods stay Ready.
    CHECK(cluster.events.count("node.unknown") == 0);
    CHECK(cluster.events.count("pod.not_ready") == 0);
    CHECK(cluster.ready(web) == 3);
    CHECK(sim::seconds(cluster.sim.now() - cluster.api.node(1).renewed) <= 10.4);
    const double tainted = cluster.events.at("node.tainted", "node-1");
    CHECK(tainted >= at);
    CHECK(tainted <= at + 5.2);
  }
}

TEST_CASE("kubelet: eviction comes five minutes later, and the old processes stay", "[kubelet]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Cluster cluster(seed, 3);
    const WorkloadId web = cluster.place(deployment(3));
    cluster.settle();
    cluster.kubelets[1]->strike(CriFault::list_hang);
    cluster.sim.run_for(700s);
    const double evicted = cluster.events.at("pod.evicted", "web-1");
    CHECK(evicted >= 60 - 1.1 + 480);
    CHECK(evicted <= 60 + 480 + 16);
    CHECK(cluster.events.at("kubelet.healthz_failed", "node-1") >= 60 - 1.1 + 480);
    // A Deployment replaces it at once, elsewhere; the object stays, the process too.
    const double created = cluster.events.at("pod.created");
    CHECK(created >= evicted);
    CHECK(created <= evicted + 0.3);
    CHECK(cluster.ready(web) == 3);
    CHECK(cluster.pods.running.contains(1));
    CHECK_FALSE(cluster.api.pod(1).gone);
    CHECK(cluster.api.pod(1).deleted);
  }
}

TEST_CASE("kubelet: two containers whose inspection hangs let the node flap", "[kubelet]") {
  const auto share_unready = [](int stuck) {
    Cluster cluster(5, 1);
    cluster.place(deployment(6));
    cluster.settle();
    std::vector<PodId> pods;
    for (int i = 0; i < stuck; ++i) pods.push_back(static_cast<PodId>(i));
    cluster.kubelets[0]->strike(CriFault::inspect_hang, pods);
    int bad = 0;
    constexpr int samples = 10 * 3600;
    for (int i = 0; i < samples; ++i) {
      cluster.sim.run_for(1s);
      bad += cluster.kubelets[0]->pleg_healthy() ? 0 : 1;
    }
    return static_cast<double>(bad) / samples;
  };
  // max(0, R - 180) / R with R = 120 n + 1.
  CHECK(share_unready(1) == 0);
  CHECK(share_unready(2) == Approx(61.0 / 241).margin(0.01));
  CHECK(share_unready(3) == Approx(181.0 / 361).margin(0.01));
  CHECK(share_unready(4) == Approx(301.0 / 481).margin(0.01));
}

TEST_CASE("kubelet: a runtime that answers nothing shows after 30 seconds", "[kubelet]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Cluster cluster(seed, 1);
    cluster.place(deployment(1));
    cluster.settle();
    cluster.kubelets[0]->strike(CriFault::full_hang);
    cluster.sim.run_for(300s);
    const double at = cluster.events.at(not_ready) - 60;
    CHECK(at >= 25);
    // The status is posted every 10 s; a setter that waits for the version may hold it up once.
    CHECK(at <= 30 + 120 + 60 + 10.4);
    CHECK(cluster.api.node(0).reason != NotReadyReason::none);
  }
}

TEST_CASE("kubelet: a crash of containerd heals in 5 seconds and nobody notices", "[kubelet]") {
  Cluster cluster(3, 1);
  const WorkloadId web = cluster.place(deployment(2));
  cluster.settle();
  cluster.kubelets[0]->strike(CriFault::crash);
  CHECK_FALSE(cluster.kubelets[0]->containerd().fault() == CriFault::none);
  cluster.sim.run_for(600s);
  CHECK(cluster.kubelets[0]->containerd().fault() == CriFault::none);
  CHECK(cluster.events.count(not_ready) == 0);
  CHECK(cluster.ready(web) == 2);
}

TEST_CASE("kubelet: evented PLEG reports after ten minutes instead of three", "[kubelet]") {
  KubeletConfig config;
  config.evented_pleg = true;
  Cluster cluster(3, 1, {}, config);
  cluster.place(deployment(1));
  cluster.settle();
  const double last = sim::seconds(cluster.kubelets[0]->last_relist() - sim::Time{});
  cluster.kubelets[0]->strike(CriFault::list_hang);
  cluster.sim.run_for(1000s);
  CHECK(cluster.events.at(not_ready) >= last + 600);
  CHECK(cluster.events.at(not_ready) <= last + 611);
}

TEST_CASE("kubelet: power loss is seen after the grace period, then pods are marked", "[kubelet]") {
  for (const auto grace : {50, 40}) {
    double sum = 0;
    constexpr int seeds = 60;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      INFO("seed " << seed << ", grace " << grace);
      NodeLifecycleConfig config;
      config.node_monitor_grace_period = std::chrono::seconds(grace);
      Cluster cluster(seed, 3, config);
      const WorkloadId web = cluster.place(deployment(3));
      cluster.settle();
      cluster.kubelets[2]->power_off();
      cluster.sim.run_for(600s);
      const double unknown = cluster.events.at("node.unknown", "node-2") - 60;
      CHECK(unknown >= grace - 10.4);
      CHECK(unknown <= grace + 5.1);  // a pass itself takes a while
      sum += unknown;
      CHECK(cluster.events.at("pod.not_ready", "web-2") == Approx(unknown + 60));
      const double tainted = cluster.events.at("node.tainted", "node-2") - 60;
      CHECK(tainted >= unknown + 5);
      CHECK(tainted <= unknown + 5.2);
      CHECK(cluster.events.at("pod.evicted", "web-2") - 60 == Approx(tainted + 300));
      CHECK(cluster.ready(web) == 3);
      CHECK_FALSE(cluster.api.pod(2).gone);  // nobody confirms its end
    }
    CHECK(sum / seeds == Approx(grace - 2.5).margin(1.5));  // 48 and 38 in the mean
  }
}

TEST_CASE("kubelet: a StatefulSet does not replace a pod whose node is silent", "[kubelet]") {
  Cluster cluster(7, 3);
  PodWorkloadConfig config = deployment(3);
  config.kind = ControllerKind::stateful_set;
  const WorkloadId db = cluster.place(config);
  cluster.settle();
  cluster.kubelets[2]->power_off();
  cluster.sim.run_for(3600s);
  CHECK(cluster.events.count("pod.evicted") == 1);
  CHECK(cluster.events.count("pod.created") == 0);
  CHECK(cluster.ready(db) == 2);
  // The node returns: the object goes, and the same name starts again.
  cluster.kubelets[2]->power_on();
  cluster.sim.run_for(300s);
  CHECK(cluster.events.count("pod.created", "web-2") == 1);
  CHECK(cluster.ready(db) == 3);
}

TEST_CASE("kubelet: a restart forgets readiness and leaves containers alone", "[kubelet]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Cluster cluster(seed, 3);
    const WorkloadId web = cluster.place(deployment(3));
    cluster.settle();
    cluster.kubelets[0]->crash(true);
    cluster.sim.run_for(120s);
    CHECK(cluster.events.at("kubelet.started", "node-0") == Approx(65));
    CHECK(cluster.events.at("pod.not_ready", "web-0") == Approx(65));
    const double back = cluster.events.at("pod.ready", "web-0");
    CHECK(back >= 65);
    CHECK(back <= 65 + 10 + 2);
    CHECK(cluster.events.count("node.unknown") == 0);
    CHECK(cluster.events.count("node.not_ready") <= 1);
    CHECK(cluster.api.pod(0).restarts == 0);
    CHECK(cluster.ready(web) == 3);
  }
}

TEST_CASE("kubelet: one that stays away has its pods marked although they serve", "[kubelet]") {
  Cluster cluster(4, 3);
  const WorkloadId web = cluster.place(deployment(3));
  cluster.settle();
  cluster.kubelets[0]->crash(false);
  cluster.sim.run_for(100s);
  CHECK(cluster.events.count("pod.not_ready", "web-0") == 1);
  CHECK(cluster.pods.running.contains(0));
  cluster.sim.run_for(400s);
  CHECK(cluster.ready(web) == 3);           // the replacement
  CHECK(cluster.pods.running.size() == 4);  // beside the old process
}

TEST_CASE("kubelet: a reboot starts the same pods again in place", "[kubelet]") {
  for (const bool forced : {false, true}) {
    INFO(forced);
    Cluster cluster(9, 3);
    const WorkloadId web = cluster.place(deployment(6));
    cluster.settle();
    cluster.kubelets[1]->reboot(forced);
    cluster.sim.run_for(240s);
    CHECK(cluster.events.count("pod.created") == 0);
    CHECK(cluster.ready(web) == 6);
    CHECK(cluster.api.pod(1).restarts == 1);
    CHECK(cluster.api.pod(1).address == 2);
    CHECK(cluster.api.pod(4).restarts == 1);
    CHECK(cluster.api.pod(0).restarts == 0);
  }
}

TEST_CASE("kubelet: a node boots once, whoever asks for it meanwhile", "[kubelet]") {
  Cluster cluster(3, 3);
  const WorkloadId web = cluster.place(deployment(3));
  cluster.settle();
  Kubelet& node = *cluster.kubelets[1];
  node.power_off();
  node.reboot(true);  // nobody there to take the command
  cluster.sim.run_for(10s);
  CHECK(cluster.events.count("node.rebooting") == 0);
  node.power_on();
  node.power_on();
  node.reboot(true);
  cluster.sim.run_for(240s);
  CHECK(cluster.ready(web) == 3);
  node.reboot(true);
  cluster.sim.run_for(1s);
  node.power_on();
  cluster.sim.run_for(240s);
  CHECK(cluster.ready(web) == 3);
  CHECK(cluster.api.pod(1).restarts == 2);
}

TEST_CASE("kubelet: graceful shutdown ends pods as Failed and they get new names", "[kubelet]") {
  KubeletConfig config;
  config.shutdown_grace_period = 150s;
  config.shutdown_grace_period_critical_pods = 30s;
  Cluster cluster(9, 3, {}, config);
  const WorkloadId web = cluster.place(deployment(3));
  cluster.settle();
  cluster.kubelets[1]->reboot(false);
  cluster.sim.run_for(10s);
  CHECK(cluster.api.node(1).reason == NotReadyReason::shutting_down);
  CHECK(cluster.api.pod(1).failed);
  cluster.sim.run_for(300s);
  CHECK(cluster.events.count("pod.created", "web-new1") == 1);
  CHECK(cluster.ready(web) == 3);

  // With a runtime that hangs it takes the whole time.
  Cluster hung(9, 3, {}, config);
  hung.place(deployment(3));
  hung.settle();
  hung.kubelets[1]->strike(CriFault::full_hang);
  hung.kubelets[1]->reboot(false);
  hung.sim.run_for(400s);
  CHECK(hung.events.at("node.powered_off", "node-1") >= 60 + 120);
}

TEST_CASE("kubelet: readiness goes after failed probes in a row and comes back", "[kubelet]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Cluster cluster(seed, 1);
    cluster.place(deployment(1));
    cluster.settle();
    cluster.pods.hung.insert(0);
    cluster.sim.run_for(60s);
    const double gone = cluster.events.at("pod.not_ready") - 60;
    CHECK(gone >= 20);
    CHECK(gone <= 32.1);  // U(0,P) + (F-1) P + timeout, and up to 1 s of the sync loop
    cluster.pods.hung.clear();
    const double healed = cluster.now();
    cluster.sim.run_for(60s);
    CHECK(cluster.events.at("pod.ready") >= healed);
    CHECK(cluster.events.at("pod.ready") <= healed + 11.1);
  }
}

TEST_CASE("kubelet: while PLEG is not healthy readiness is frozen", "[kubelet]") {
  Cluster cluster(2, 1);
  const WorkloadId web = cluster.place(deployment(1));
  cluster.settle();
  cluster.kubelets[0]->strike(CriFault::list_hang);
  cluster.sim.run_for(200s);
  cluster.pods.hung.insert(0);
  cluster.sim.run_for(120s);
  CHECK(cluster.ready(web) == 1);
  CHECK(cluster.events.count("pod.not_ready") == 0);
}

TEST_CASE("kubelet: a failing liveness probe restarts the container in place", "[kubelet]") {
  Cluster cluster(2, 1);
  PodWorkloadConfig config = deployment(1);
  config.liveness = ProbeConfig{};
  const WorkloadId web = cluster.place(config);
  cluster.settle();
  cluster.pods.hung.insert(0);
  cluster.sim.run_for(40s);
  cluster.pods.hung.clear();
  cluster.sim.run_for(120s);
  CHECK(cluster.api.pod(0).restarts == 1);
  CHECK(cluster.ready(web) == 1);
}

TEST_CASE("kubelet: a deletion takes preStop, SIGTERM and at most the grace period", "[kubelet]") {
  PodWorkloadConfig config = deployment(1);
  config.pre_stop = 5s;
  const auto stop = [&](sim::Duration needs, sim::Duration grace) {
    config.stop = sim::Distribution::constant(needs);
    Cluster cluster(2, 1);
    cluster.place(config);
    cluster.settle();
    const double begin = cluster.now();
    cluster.api.remove(0, grace);
    cluster.sim.run_for(100s);
    return std::pair(cluster.events.at("pod.sigterm") - begin,
                     cluster.events.at("pod.gone") - begin);
  };
  const auto [term, gone] = stop(1s, -1s);
  CHECK(term == Approx(5).margin(1.1));
  CHECK(gone == Approx(term + 1).margin(0.01));
  const auto [late_term, killed] = stop(100s, -1s);
  CHECK(killed == Approx(late_term + 25).margin(0.01));
  const auto [now_term, at_floor] = stop(100s, 1s);  // kubectl delete --now
  CHECK(now_term <= 2.1);
  CHECK(at_floor == Approx(now_term + 2).margin(0.01));
  const auto [forced_term, forced] = stop(100s, 0s);  // --force: the object goes first
  CHECK(forced == 0);
  CHECK(forced_term <= 2.1);
}

TEST_CASE("containerd: locks come with churn, and grow faster than it", "[kubelet]") {
  const auto locks = [](sim::Duration between, int hours) {
    sim::Simulation sim({.seed = 11});
    sim::Host host(sim, "node");
    ContainerdConfig config;
    config.lock_per_exit_pair = 0.001;
    Containerd containerd(host, config);
    int found = 0;
    for (int i = 0; i < hours * 3600 / static_cast<int>(sim::seconds(between)); ++i) {
      sim.run_for(between);
      containerd.note_exit();
      if (containerd.fault() == CriFault::none) continue;
      ++found;
      containerd.restart_process();
    }
    sim.shut_down();
    return found;
  };
  const int calm = locks(120s, 2000);  // never two exits within a minute
  const int busy = locks(30s, 2000);
  const int busier = locks(15s, 2000);
  CHECK(calm == 0);
  CHECK(busy > 300);
  CHECK(busier > 3 * busy);
}
