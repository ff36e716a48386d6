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
