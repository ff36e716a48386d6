// The topology of a service behind a load balancer against the simulation: each part is taken away
// in a run of its own, and what is left is compared after the health checks have noticed.
#include "harness/topology/gateway_topology.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/kinds/gateway_world.hpp"
#include "harness/load/load.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

using Kind = GatewayTopology::Component::Kind;

SystemSpec system_with(const std::vector<std::string>& settings) {
  Diagnostics diagnostics;
  auto system =
      load_system(std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/systems/payment-gateway",
                  diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system.has_value());
  return *system;
}

const GatewaySpec& spec_of(const SystemSpec& system) {
  return static_cast<const GatewaySpec&>(*system.of_kind);
}

void take_away(GatewayWorld& world, const GatewayTopology::Component& part) {
  const GatewaySpec& spec = world.spec();
  if (part.kind == Kind::zone) world.lose_zone(part.name);
  if (part.kind == Kind::node) world.kubelet(spec.find_node(part.name)).power_off();
  if (part.kind == Kind::pod) {
    world.set_data_path_of(static_cast<models::PodId>(spec.find_pod(part.name)),
                           DataPath::packets_lost);
  }
}

struct Seen {
  std::size_t healthy = 0;
  double served = 0;
  double busiest = 0;
};

// After 3 minutes: noticed (30 s) and known to DNS (90 s), and nothing replaced yet (300 s).
Seen without(const GatewaySpec& spec, const std::vector<GatewayTopology::Component>& parts) {
  GatewayWorld world(spec, 5, false);
  world.start();
  world.sim().run_for(60s);
  world.start_measuring();
  world.declare_fault();
  for (const auto& part : parts) take_away(world, part);
  world.sim().run_for(180s);
  Seen seen;
  seen.healthy = world.healthy_targets();
  seen.served = world.shares().served_share();
  for (std::size_t i = 0; i < world.shares().targets().size(); ++i) {
    seen.busiest = std::max(seen.busiest, world.shares().tps(i));
  }
  return seen;
}

}  // namespace

TEST_CASE("gateway topology: what is left agrees with the simulation, part by part", "[gateway]") {
  const SystemSpec system = system_with({});
  const GatewayTopology topology(spec_of(system));
  int compared = 0;
  for (const auto& radius : topology.blast_radii()) {
    const auto& part = topology.components()[radius.component];
    if (part.kind == Kind::load_balancer_node) continue;  // the load as rates knows none
    INFO(part.name);
    const Seen seen = without(spec_of(system), {part});
    CHECK(seen.healthy == radius.reach.targets);
    CHECK((seen.served > 0.999) == radius.reach.serves);
    CHECK(seen.busiest == Approx(radius.reach.busiest_tps).epsilon(0.02));
    ++compared;
  }
  CHECK(compared == 3 + 5 + 6);  // zones, nodes with pods, pods
  CHECK(topology.single_points_of_failure().empty());
  CHECK(topology.single_points_of_overload().empty());
}

TEST_CASE("gateway topology: a service on one node has one point of failure", "[gateway]") {
  SystemSpec system = system_with({});
  auto spec = std::make_shared<GatewaySpec>(spec_of(system));
  for (GatewayPod& pod : spec->pods) {
    if (pod.workload == spec->served) pod.node = 0;
  }
  const GatewayTopology topology(*spec);
  const auto points = topology.single_points_of_failure();
  REQUIRE(points.size() == 2);  // the node, and the zone that holds it
  CHECK(topology.components()[points[0]].name == "us-east-1b");
  CHECK(topology.components()[points[1]].name == "ip-10-42-11-73");
  CHECK(topology.nodes_to_overload() == 1);
  const Seen seen = without(*spec, {topology.components()[points[1]]});
  CHECK(seen.healthy == 0);
  CHECK(seen.served < 0.01);
}

TEST_CASE("gateway topology: how many nodes until the load is too much", "[gateway]") {
  const SystemSpec system = system_with({});
  const GatewayTopology topology(spec_of(system));
  // Two of six pods, then one each: 1,240 requests/s need 61 of 24 workers a pod, so three pods.
  CHECK(topology.nodes_to_overload() == 3);
  const SystemSpec tight = system_with({"service.workers=17"});
  const GatewayTopology narrow(spec_of(tight));
  CHECK(narrow.nodes_to_overload() == 2);  // 17 workers carry 346 requests/s, not 413
}
