// Blue/green switchovers: what is refused and why, who can write when, what a roll-back loses.
#include "models/blue_green.hpp"

#include <catch2/catch.hpp>

#include <utility>

#include "sim/simulation.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

struct World {
  explicit World(BlueGreenConfig config, std::uint64_t seed = 1)
      : sim({.seed = seed}), deployment(host, std::move(config)) {}
  /// Runs and checks at each step that never both sides take writes.
  void run(Duration length) {
    const Time end = sim.now() + length;
    while (sim.now() < end) {
      sim.run_for(100ms);
      both = both || (deployment.blue_open() && deployment.green_open());
    }
  }
  Simulation sim;
  Host host{sim, "production"};
  BlueGreen deployment;
  bool both = false;
};

}  // namespace

TEST_CASE("blue/green: a publisher of its own is refused with the reason", "[blue_green]") {
  BlueGreenConfig config = BlueGreenConfig::defaults();
  CHECK(validate(config).empty());
  config.self_managed_replication = true;
  REQUIRE(validate(config).size() == 1);
  CHECK_THAT(validate(config).front(), Catch::Contains("self-managed logical publisher"));
  config.managed = false;  // by hand it is the way to do it
  CHECK(validate(config).empty());
}

TEST_CASE("blue/green: versions, parameters and the time-out are checked", "[blue_green]") {
  BlueGreenConfig config = BlueGreenConfig::defaults();
  config.engine_version = "15.3";
  config.logical_replication = false;
  config.custom_parameter_group = false;
  config.switchover_timeout = 10s;
  CHECK(validate(config).size() == 4);
  config = BlueGreenConfig::defaults();
  config.engine_version = "15.4";
  CHECK(validate(config).empty());
}

TEST_CASE("blue/green: writes stop, drain, then green opens; never both", "[blue_green]") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world(BlueGreenConfig::defaults(), seed);
    world.deployment.switch_over();
    world.run(2min);
    CHECK(world.deployment.status() == BlueGreenStatus::switchover_completed);
    CHECK_FALSE(world.both);
    CHECK(world.deployment.backlog() == 0);
    CHECK(world.deployment.outage() >= 5s);
    CHECK(world.deployment.outage() <= 31s);
    CHECK(world.deployment.read_only() <= world.deployment.outage());
    CHECK(world.deployment.clients_can_write());
  }
}

TEST_CASE("blue/green: newer engines switch in under 10 s", "[blue_green]") {
  BlueGreenConfig config = BlueGreenConfig::defaults();
  config.engine_version = "16.11";
  World world(config);
  world.deployment.switch_over();
  world.run(2min);
  CHECK(world.deployment.outage() < 10s);
}

TEST_CASE("blue/green: 890 MiB of backlog cost 47 s, more than the time-out is no change",
          "[blue_green]") {
  BlueGreenConfig config = BlueGreenConfig::defaults();
  config.guardrails = Distribution::constant(Duration(0s));
  config.backlog_bytes = 933232640;
  World world(config);
  world.deployment.switch_over();
  world.run(3min);
  CHECK(world.deployment.status() == BlueGreenStatus::switchover_completed);
  CHECK(world.deployment.read_only() >= 46600ms + 5s);
  CHECK(world.deployment.read_only() <= 46700ms + 25s);

  config.backlog_bytes = 5.8e9;  // drains in 290 s, with the names in more than 300
  config.rename = Distribution::constant(Duration(20s));
  World late(config);
  late.deployment.switch_over();
  late.run(10min);
  CHECK(late.deployment.status() == BlueGreenStatus::switchover_failed);
  CHECK(late.deployment.blue_open());
  CHECK_FALSE(late.deployment.green_open());
  CHECK(late.deployment.outage() == 300s);
}

TEST_CASE("blue/green: a paused consumer retains what blue writes", "[blue_green]") {
  World world(BlueGreenConfig::defaults());
  world.deployment.pause_consumer();
  world.sim.run_for(3h);
  CHECK(world.deployment.backlog() == Approx(7.2e9));
  world.deployment.switch_over();
  world.run(1min);
  CHECK(world.deployment.status() == BlueGreenStatus::available);
  CHECK_THAT(world.deployment.refusal(), Catch::Contains("not running"));
  world.deployment.resume_consumer();
  world.deployment.switch_over();
  world.run(1min);
  CHECK_THAT(world.deployment.refusal(), Catch::Contains("lag"));  // 360 s at 20 MB/s
  world.sim.run_for(10min);
  CHECK(world.deployment.backlog() == 0);
}

TEST_CASE("blue/green: guardrails refuse and change nothing", "[blue_green]") {
  BlueGreenConfig config = BlueGreenConfig::defaults();
  config.long_transaction = 10min;
  World world(config);
  world.deployment.switch_over();
  world.run(1min);
  CHECK(world.deployment.status() == BlueGreenStatus::available);
  CHECK(world.deployment.blue_open());
  CHECK(world.deployment.outage() == 0s);
  config.long_transaction = 0s;
  config.ddl_since_creation = true;
  World degraded(config);
  degraded.deployment.switch_over();
  degraded.run(1min);
  CHECK_THAT(degraded.deployment.refusal(), Catch::Contains("degraded"));
}

TEST_CASE("blue/green: a roll-back loses what green took, unless it is replicated back",
          "[blue_green]") {
  BlueGreenConfig config = BlueGreenConfig::defaults();
  config.managed = false;
  World world(config);
  world.deployment.switch_over();
  world.run(1min);
  world.sim.run_for(1h);
  world.deployment.roll_back(Distribution::constant(Duration(30s)));
  world.run(1min);
  CHECK(world.deployment.status() == BlueGreenStatus::rolled_back);
  CHECK_FALSE(world.both);
  CHECK(world.deployment.lost_age() > 1h);
  CHECK(world.deployment.lost_rows() > 22167);
  CHECK(world.deployment.lost_rows() < 22167 * 1.02);
  CHECK(world.deployment.outage() == 30s);
  config.reverse_replication = true;
  World mirrored(config);
  mirrored.deployment.switch_over();
  mirrored.run(1h);
  mirrored.deployment.roll_back(Distribution::constant(Duration(30s)));
  mirrored.run(1min);
  CHECK(mirrored.deployment.lost_rows() == 0);
}

TEST_CASE("blue/green: rolling a managed one back costs a reboot of blue on top", "[blue_green]") {
  World world(BlueGreenConfig::defaults());
  world.deployment.switch_over();
  world.run(1min);
  world.deployment.roll_back(Distribution::constant(Duration(30s)));
  world.run(5min);
  CHECK(world.deployment.outage() == 127s + 30s);
}
