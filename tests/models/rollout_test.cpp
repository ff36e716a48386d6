// Rollouts: a Deployment with init containers and a late secret, an ECS service.
#include "models/rollout.hpp"

#include <catch2/catch.hpp>

#include "models/ecs_service.hpp"
#include "sim/simulation.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

Distribution always(Duration length) {
  return Distribution::constant(length);
}

RolloutConfig operations() {
  RolloutConfig config;
  config.pod_start = always(5s);
  config.until_ready = always(10s);
  config.init_containers = {{"init-create-order-db", always(2s), {}},
                            {"init-create-item-db", always(2s), {}}};
  return config;
}

struct World {
  Simulation sim;
  Host host{sim, "cluster"};
};

EcsServiceConfig two_tasks() {
  EcsServiceConfig config;
  config.launch = always(45s);
  config.until_healthy = always(35s);
  return config;
}

}  // namespace

TEST_CASE("rollout: surge rounds up, unavailable down, never both zero", "[rollout]") {
  RolloutConfig config;
  config.replicas = 2;
  CHECK(resolve_fenceposts(config).surge == 1);
  CHECK(resolve_fenceposts(config).unavailable == 0);
  config.replicas = 8;
  CHECK(resolve_fenceposts(config).surge == 2);
  CHECK(resolve_fenceposts(config).unavailable == 2);
  config.max_surge_percent = config.max_unavailable_percent = 0;
  CHECK(resolve_fenceposts(config).unavailable == 1);
}

TEST_CASE("rollout: two pods one after the other, never fewer than two ready", "[rollout]") {
  World w;
  RollingDeployment deployment(w.host, operations());
  deployment.start();
  deployment.roll_out();
  w.sim.run_for(37s);
  CHECK_FALSE(deployment.complete());
  w.sim.run_for(2s);  // 2 x (5 + 4 + 10) s
  CHECK(deployment.complete());
  CHECK(deployment.least_ready() == 2);
}

TEST_CASE("rollout: an init container that fails its check loops, the old pods serve",
          "[rollout]") {
  World w;
  bool preloaded = false;
  RolloutConfig config = operations();
  config.init_containers[0].check = [&] { return preloaded; };
  RollingDeployment deployment(w.host, config);
  deployment.start();
  deployment.roll_out();
  w.sim.run_for(2min);
  CHECK_FALSE(deployment.complete());
  CHECK(deployment.ready() == 2);
  CHECK(deployment.init_failures() == 4);  // at 7, 19, 41, 83 s: 10, 20, 40, 80 s between
  preloaded = true;
  w.sim.run_for(3min);
  CHECK(deployment.complete());
}

TEST_CASE("rollout: past its progress deadline it is stuck", "[rollout]") {
  World w;
  RolloutConfig config = operations();
  config.init_containers[0].check = [] { return false; };
  RollingDeployment deployment(w.host, config);
  deployment.start();
  deployment.roll_out();
  w.sim.run_for(601s);
  CHECK(deployment.stuck());
  CHECK(deployment.ready() == 2);
}

TEST_CASE("rollout: pods older than the secret never see it; a restart does", "[rollout]") {
  World w;
  ExternalSecret secret(w.host, 1min);
  secret.start();
  RollingDeployment deployment(w.host, operations(), &secret);
  deployment.start();
  deployment.roll_out();
  w.sim.run_for(5min);
  CHECK(deployment.complete());
  CHECK(deployment.with_secret() == 0);
  secret.store_value();
  w.sim.run_for(61s);
  CHECK(secret.ready());
  w.sim.run_for(1h);
  CHECK(deployment.with_secret() == 0);  // environment variables are read once
  deployment.roll_out();                 // kubectl rollout restart
  w.sim.run_for(5min);
  CHECK(deployment.with_secret() == 2);
}

TEST_CASE("ecs: bounds, and the deadlock between them", "[rollout]") {
  EcsServiceConfig config = two_tasks();
  CHECK(lower_bound(config) == 2);
  CHECK(upper_bound(config) == 4);
  config.desired = 3;
  config.minimum_healthy_percent = 50;
  config.maximum_percent = 150;
  CHECK(lower_bound(config) == 2);
  CHECK(upper_bound(config) == 4);
  config.minimum_healthy_percent = config.maximum_percent = 100;
  CHECK(validate(config).size() == 2);
  World w;
  EcsService service(w.host, config);
  service.start();
  service.deploy(true);
  w.sim.run_for(1h);
  CHECK_FALSE(service.steady());
  CHECK(service.healthy() == 3);
}

TEST_CASE("ecs: a deployment launches, checks, drains; healthy tasks never fall below the bound",
          "[rollout]") {
  World w;
  EcsService service(w.host, two_tasks());
  service.start();
  service.deploy(true);
  w.sim.run_for(79s);
  CHECK(service.tasks() == 4);
  CHECK_FALSE(service.steady());
  w.sim.run_for(2s);  // 45 + 35 s
  CHECK(service.healthy() == 2);
  CHECK(service.steady());
  w.sim.run_for(331s);  // 300 s of draining, 30 s to stop
  CHECK(service.tasks() == 2);
  CHECK(service.least_healthy() == 2);
}

TEST_CASE("ecs: the circuit breaker gives up after three and rolls back", "[rollout]") {
  CHECK(circuit_breaker_threshold(2) == 3);
  CHECK(circuit_breaker_threshold(20) == 10);
  CHECK(circuit_breaker_threshold(1000) == 200);
  World w;
  EcsServiceConfig config = two_tasks();
  config.circuit_breaker = true;
  EcsService service(w.host, config);
  service.start();
  service.deploy(false);
  w.sim.run_for(10min);
  CHECK(service.rolled_back());
  CHECK(service.revision() == 0);
  CHECK(service.failed() >= 3);
  CHECK(service.failed() <= 4);
  CHECK(service.healthy() == 2);
  config.circuit_breaker = false;
  World other;
  EcsService without(other.host, config);
  without.start();
  without.deploy(false);
  other.sim.run_for(1h);
  CHECK(without.failed() > 50);  // for ever
  CHECK(without.healthy() == 2);
}

TEST_CASE("ecs: a task that dies is replaced; none is left only if all die", "[rollout]") {
  World w;
  EcsService service(w.host, two_tasks());
  service.start();
  w.sim.run_for(1s);
  service.kill_task();
  CHECK(service.healthy() == 1);
  w.sim.run_for(81s);
  CHECK(service.healthy() == 2);
  service.kill_task();
  service.kill_task();
  CHECK(service.healthy() == 0);
  w.sim.run_for(81s);
  CHECK(service.healthy() == 2);
  CHECK(service.least_healthy() == 0);
}

TEST_CASE("ecs: another desired count is reached in both directions", "[rollout]") {
  World w;
  EcsService service(w.host, two_tasks());
  service.start();
  service.set_desired(4);
  w.sim.run_for(81s);
  CHECK(service.healthy() == 4);
  service.set_desired(1);
  w.sim.run_for(10min);
  CHECK(service.tasks() == 1);
}
