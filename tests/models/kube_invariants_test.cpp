// Each rule about nodes, pods, alerts and people: kept in runs, and caught when it is broken.
#include "models/kube_invariants.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "tests/models/kube_lab.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace predrill::models::lab;

namespace {

// A cluster under watch, in which a test breaks one rule.
struct Watched {
  explicit Watched(PodWorkloadConfig config = deployment(3)) : cluster(3, 3) {
    workload = cluster.place(std::move(config));
    cluster.api.observe(checker);
    cluster.lifecycle.observe(checker);
    for (auto& kubelet : cluster.kubelets) checker.watch(*kubelet);
    cluster.settle();
  }
  bool has(const std::string& rule) const {
    for (const KubeInvariants::Broken& broken : checker.broken()) {
      if (broken.text.starts_with(rule + " ")) return true;
    }
    return false;
  }
  std::string text() const {
    std::string all;
    for (const KubeInvariants::Broken& broken : checker.broken()) all += broken.text + "\n";
    return all;
  }
  sim::Time ago(sim::Duration d) const { return cluster.sim.now() - d; }
  Cluster cluster;
  KubeInvariants checker{cluster.api, KubeletConfig{}, NodeLifecycleConfig{}};
  WorkloadId workload = 0;
};

}  // namespace

TEST_CASE("kube invariants: no run breaks one", "[kube_invariants]") {
  for (const CriFault fault : {CriFault::list_hang, CriFault::full_hang, CriFault::crash}) {
    Watched w;
    w.cluster.kubelets[1]->strike(fault);
    w.cluster.sim.run_for(700s);
    w.cluster.kubelets[1]->reboot(false);
    w.cluster.sim.run_for(600s);
    CHECK(w.text() == "");
  }
  Watched w;
  w.cluster.kubelets[2]->power_off();
  w.cluster.sim.run_for(600s);
  w.cluster.kubelets[2]->power_on();
  w.cluster.kubelets[0]->crash(true);
  w.cluster.controllers.roll(w.workload);
  w.cluster.sim.run_for(900s);
  CHECK(w.text() == "");
}

TEST_CASE("kube invariants: planted violations of kubelets are caught", "[kube_invariants]") {
  Watched w;
  CHECK(w.checker.broken().empty());
  w.checker.on_pleg(1, true, w.ago(181s));
  CHECK(w.has("K10"));
  w.checker.on_lease(0);
  w.cluster.kubelets[0]->crash(false);  // nothing renews, and the checker is not told of a death
  w.checker.on_lease(0);
  w.cluster.sim.run_for(11s);
  w.checker.on_lease(0);
  CHECK(w.has("K13"));
  w.checker.on_sigkill(0, 1s);
  CHECK(w.has("K19"));

  Watched early;
  early.checker.on_relist(2, early.cluster.sim.now(), true);
  early.checker.on_relist(2, early.cluster.sim.now(), true);
  CHECK(early.has("K10"));
}

TEST_CASE("kube invariants: planted violations of pods are caught", "[kube_invariants]") {
  Watched error;
  error.cluster.kubelets[1]->strike(CriFault::list_hang);
  error.cluster.sim.run_for(200s);
  error.cluster.api.set_containers_ready(1, false);
  CHECK_FALSE(error.has("K11"));
  error.cluster.api.set_containers_ready(1, true);
  CHECK(error.has("K11"));
  error.cluster.api.mark_not_ready(1);
  CHECK(error.has("K12"));

  Watched removed;
  removed.cluster.api.remove(0);
  removed.cluster.api.finish(0);
  CHECK(removed.has("K17"));
  Watched forced;
  forced.cluster.api.remove(0, 0s);  // --force may do that
  CHECK_FALSE(forced.has("K17"));

  PodWorkloadConfig database = deployment(3);
  database.kind = ControllerKind::stateful_set;
  Watched twice(database);
  twice.cluster.api.create_pod(twice.workload, "web-1", 1, 2);
  CHECK(twice.has("K17"));

  Watched many;
  for (int i = 0; i < 2; ++i) many.cluster.api.create_pod(many.workload, "extra", 0, 2);
  CHECK(many.has("K20"));
}

TEST_CASE("kube invariants: K18 a replacement that does not come is caught", "[kube_invariants]") {
  Cluster cluster(3, 3);
  const WorkloadId workload = cluster.place(deployment(3));
  KubeInvariants checker(cluster.api, KubeletConfig{}, NodeLifecycleConfig{});
  cluster.api.observe(checker);
  for (auto& kubelet : cluster.kubelets) {
    checker.watch(*kubelet);
    kubelet->start(true);
  }
  cluster.sim.run_for(60s);  // nobody started the controllers
  cluster.api.remove(0, -1s, Deleter::person);
  CHECK(checker.broken().empty());
  cluster.sim.run_for(60s);
  REQUIRE(checker.broken().size() == 1);
  CHECK(checker.broken()[0].text.starts_with("K18 web has 2 of 3 pods"));
  cluster.controllers.start();
  cluster.api.remove(1, -1s, Deleter::person);  // both are replaced now, within the latency
  cluster.sim.run_for(60s);
  CHECK(checker.broken().size() == 1);
  CHECK(cluster.ready(workload) == 3);
}

TEST_CASE("kube invariants: K20 a rolling update that goes below its limit is caught",
          "[kube_invariants]") {
  Watched w;  // three replicas, a quarter of which is none: all must stay available
  w.cluster.api.remove(0, -1s, Deleter::person);
  w.cluster.api.remove(1, -1s, Deleter::eviction);
  CHECK_FALSE(w.has("K20"));
  Watched rolling;
  rolling.cluster.api.remove(0, -1s, Deleter::controller);
  CHECK(rolling.has("K20"));
}

TEST_CASE("kube invariants: K21 kubectl delete, with and without --force", "[kube_invariants]") {
  Watched w;
  w.cluster.api.kubectl_delete(0, 0s, false);  // behaves as 1
  CHECK(w.cluster.api.pod(0).grace == 1s);
  CHECK_FALSE(w.cluster.api.pod(0).gone);
  w.cluster.api.kubectl_delete(1, 0s, true);
  CHECK(w.cluster.api.pod(1).gone);
  w.cluster.api.kubectl_delete(2, std::nullopt, false);
  CHECK(w.cluster.api.pod(2).grace == 30s);
  w.cluster.sim.run_for(120s);
  CHECK(w.text() == "");

  Watched at_once;
  at_once.cluster.api.finish(0);
  CHECK(at_once.has("K21"));
  Watched impatient;
  impatient.cluster.api.remove(0, 500ms);
  CHECK(impatient.has("K21"));
}

TEST_CASE("kube invariants: K22 pods after a reboot keep name and count", "[kube_invariants]") {
  KubeletConfig graceful;
  graceful.shutdown_grace_period = 60s;
  for (const bool forced : {true, false}) {
    Watched w;
    const std::string name = w.cluster.api.pod(1).name;
    w.cluster.kubelets[1]->reboot(forced);
    w.cluster.sim.run_for(280s);
    CHECK(w.cluster.api.pod(1).name == name);
    CHECK(w.cluster.api.pod(1).restarts == 1);
    CHECK(w.text() == "");
  }
  Cluster cluster(3, 3, {}, graceful);
  cluster.place(deployment(3));
  KubeInvariants checker(cluster.api, graceful, NodeLifecycleConfig{});
  cluster.api.observe(checker);
  for (auto& kubelet : cluster.kubelets) checker.watch(*kubelet);
  cluster.settle();
  cluster.kubelets[1]->reboot(false);
  cluster.sim.run_for(280s);
  CHECK(cluster.api.pod(1).failed);  // and another one, with another name, in its place
  CHECK(checker.broken().empty());

  Watched again;
  again.cluster.api.set_running(0, false);  // a start that no restart counts
  CHECK(again.has("K22"));
  Watched reused;
  reused.cluster.api.set_failed(0);
  CHECK_FALSE(reused.has("K22"));
  reused.cluster.api.create_pod(reused.workload, reused.cluster.api.pod(0).name, 0, 2);
  reused.cluster.api.set_running(0, true);
  CHECK(reused.has("K22"));
}

TEST_CASE("kube invariants: planted violations of controllers are caught", "[kube_invariants]") {
  Watched w;
  w.checker.on_unknown(1, w.ago(49s));
  CHECK(w.has("K14"));
  Watched late;
  late.checker.on_unknown(1, late.ago(61s));
  CHECK(late.has("K14"));
  Watched right;
  right.checker.on_unknown(1, right.ago(55s));
  CHECK_FALSE(right.has("K14"));

  w.checker.on_eviction(1, w.ago(300s), 300s);
  CHECK(w.has("K15"));  // no taint
  Watched evicting;
  evicting.cluster.api.set_taint(1, Taint::not_ready);
  evicting.checker.on_eviction(1, evicting.ago(299s), 300s);
  CHECK(evicting.has("K15"));

  Watched zone;
  zone.checker.on_taint(1, Taint::unreachable);
  zone.cluster.sim.run_for(5s);
  zone.checker.on_taint(1, Taint::not_ready);  // replaced
  CHECK_FALSE(zone.has("K16"));
  zone.cluster.api.set_taint(1, Taint::not_ready);
  zone.cluster.api.set_taint(1, Taint::none);
  zone.checker.on_taint(1, Taint::unreachable);
  CHECK(zone.has("K16"));
}

TEST_CASE("kube invariants: planted violations of alerts and people are caught",
          "[kube_invariants]") {
  Watched w;
  AlertRule rule;
  rule.hold = 60s;
  w.checker.on_firing(rule, w.ago(60s));
  w.checker.on_page(rule, w.ago(30s), true);
  CHECK_FALSE(w.has("K25"));
  w.checker.on_firing(rule, w.ago(59s));
  CHECK(w.has("K25"));
  Watched sent;
  sent.checker.on_page(rule, sent.ago(29s), true);
  CHECK(sent.has("K25"));

  w.checker.on_acknowledged(w.ago(10s));
  w.checker.on_step(0, w.cluster.sim.now());
  CHECK_FALSE(w.has("K26"));
  w.cluster.sim.run_for(10s);
  w.checker.on_step(1, w.cluster.sim.now());
  w.checker.on_step(2, w.ago(5s));
  CHECK(w.has("K26"));
}
