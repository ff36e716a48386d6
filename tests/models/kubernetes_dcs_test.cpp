// Patroni over Kubernetes endpoints: no lease, the replicas' own clocks decide.
#include <catch2/catch.hpp>

#include "models/kubernetes_dcs.hpp"
#include "tests/models/etcd_world.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace predrill::models::test;

namespace {

struct KubeNode {
  KubeNode(sim::Simulation& sim, KubernetesApi& api, ScopeId scope, MemberId id,
           const DcsClientConfig& config)
      : host(sim, "db-" + std::to_string(id)),
        patroni(host, "patroni"),
        dcs(api, scope, id, patroni, config),
        loop(dcs, patroni, id, config.ttl, config.loop_wait) {}
  sim::Host host;
  sim::Group patroni;
  KubernetesDcs dcs;
  Loop loop;
};

struct KubeWorld {
  explicit KubeWorld(std::uint64_t seed = 1, DcsClientConfig config = {}, std::size_t servers = 3)
      : sim({.seed = seed}) {
    sim.trace().attach(story);
    std::vector<sim::Host*> hosts;
    for (std::size_t i = 0; i < servers; ++i) {
      api_hosts.push_back(std::make_unique<sim::Host>(sim, "api-" + std::to_string(i)));
      hosts.push_back(api_hosts.back().get());
    }
    api = std::make_unique<KubernetesApi>(hosts);
    scope = api->add_scope("c", {"db-0", "db-1", "db-2"});
    api->start();
    for (MemberId i = 0; i < 3; ++i) {
      db.push_back(std::make_unique<KubeNode>(sim, *api, scope, i, config));
      db.back()->dcs.start();
    }
  }
  ~KubeWorld() { sim.shut_down(); }
  void run() {
    for (auto& node : db) node->patroni.spawn(node->loop.run());
  }
  sim::Simulation sim;
  Story story;
  std::vector<std::unique_ptr<sim::Host>> api_hosts;
  std::unique_ptr<KubernetesApi> api;
  ScopeId scope = 0;
  std::vector<std::unique_ptr<KubeNode>> db;
};

}  // namespace

TEST_CASE("kubernetes dcs: of several candidates one wins, the others see a conflict",
          "[kubernetes]") {
  KubeWorld w;
  w.sim.run_for(1s);
  std::array<Noted, 3> noted;
  for (std::size_t i = 0; i < 3; ++i) {
    w.db[i]->patroni.spawn(acquire(w.db[i]->dcs, w.db[i]->patroni, noted[i]));
  }
  w.sim.run_for(2s);
  int won = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (noted[i].answer == DcsAnswer::yes) ++won;
    CHECK(noted[i].answer != DcsAnswer::error);
    CHECK((noted[i].answer == DcsAnswer::yes) == (w.api->holder(w.scope) == i));
    CHECK(w.db[i]->dcs.cache().leader == w.api->holder(w.scope));
  }
  CHECK(won == 1);
}

TEST_CASE(
    "kubernetes dcs: a dead leader is noticed LOOP * ceil((TTL - 0.5) / LOOP) + 0.5 after "
    "its last renewal",
    "[kubernetes]") {
  struct Case {
    Duration ttl, loop, expected;
  };
  const Case c =
      GENERATE(Case{30s, 10s, 30500ms}, Case{20s, 10s, 20500ms}, Case{25s, 10s, 30500ms});
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed, sim::to_text(c.ttl));
    DcsClientConfig config;
    config.ttl = c.ttl;
    config.loop_wait = c.loop;
    KubeWorld w(seed, config);
    w.db[1]->loop.candidate = w.db[2]->loop.candidate = false;
    w.run();
    w.sim.run_for(60s + seed * 411ms);
    REQUIRE(w.api->holder(w.scope) == 0);
    const Time renewed = w.db[0]->loop.last_renewal;
    if (w.sim.now() - renewed < 1s) continue;  // let the renewal arrive everywhere
    w.db[0]->host.crash();
    for (std::size_t i = 1; i < 3; ++i) w.db[i]->loop.noticed = sim::time_max;
    w.sim.run_for(60s);
    for (std::size_t i = 1; i < 3; ++i) {
      const Duration after = w.db[i]->loop.noticed - renewed;
      CHECK(after >= c.expected);
      CHECK(after <= c.expected + 500ms);  // the write and the watch
    }
    CHECK(w.story.count(renewal_missed) == 2);
    CHECK(contains(w.db[1]->dcs.cache().present, 0));  // its pod is still there
    w.api->remove_pod(w.scope, 0);
    w.sim.run_for(1s);
    CHECK_FALSE(contains(w.db[1]->dcs.cache().present, 0));
  }
}

TEST_CASE("kubernetes dcs: a release wakes the replicas, a cut ends in an error", "[kubernetes]") {
  KubeWorld w;
  w.sim.run_for(1s);
  Noted got;
  w.db[0]->patroni.spawn(acquire(w.db[0]->dcs, w.db[0]->patroni, got));
  w.sim.run_for(1s);
  REQUIRE(got.answer == DcsAnswer::yes);
  SECTION("release") {
    std::vector<Time> wakes;
    w.db[1]->patroni.spawn(wait_for_wake(w.db[1]->dcs, w.db[1]->patroni, false, 1h, wakes));
    w.sim.run_for(1s);
    wakes.clear();
    Noted released;
    w.db[0]->patroni.spawn(remove(w.db[0]->dcs, w.db[0]->patroni, released));
    w.sim.run_for(2s);
    CHECK(released.answer == DcsAnswer::yes);
    REQUIRE(wakes.size() == 1);
    CHECK(wakes[0] - w.story.first(record_released) < 300ms);
    CHECK(w.api->holder(w.scope) == nobody);
  }
  SECTION("all API servers silent") {
    for (auto& host : w.api_hosts) host->crash();
    Noted failed;
    w.db[0]->patroni.spawn(update(w.db[0]->dcs, w.db[0]->patroni, {1}, failed));
    w.sim.run_for(60s);
    CHECK(failed.answer == DcsAnswer::error);
    CHECK(failed.took() >= 11666ms);  // as with three etcd members
    CHECK(failed.took() <= 11667ms);
  }
  SECTION("one API server gone") {
    w.api->kill_server(w.db[0]->dcs.endpoint());
    Noted renewed;
    w.db[0]->patroni.spawn(update(w.db[0]->dcs, w.db[0]->patroni, {1}, renewed));
    w.sim.run_for(5s);
    CHECK(renewed.answer == DcsAnswer::yes);
    CHECK(renewed.took() < 1s);
  }
}
