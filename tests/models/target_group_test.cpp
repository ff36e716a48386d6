// The states of a target, what each fault looks like to a check, and where new flows go.
#include "models/target_group.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/models/balancer_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

TargetGroupConfig payment_gateway() {  // tg-payment-gateway-prod
  TargetGroupConfig c = TargetGroupConfig::network_defaults();
  c.name = "tg-payment-gateway-prod";
  c.health_check_interval = 10s;
  c.healthy_threshold_count = 3;
  c.registration_delay = Distribution::constant(Duration(100s));
  c.deregistration_propagation = Distribution::constant(Duration(30s));
  return c;
}

std::vector<TargetId> ids(std::initializer_list<int> list) {
  std::vector<TargetId> out;
  for (const int i : list) out.push_back(static_cast<TargetId>(i));
  return out;
}

}  // namespace

TEST_CASE("target group: registration, first check, deregistration", "[target-group]") {
  GroupWorld w(payment_gateway(), 1);
  CHECK(w.state(0) == TargetState::unused);
  w.group->register_target(0);
  w.until(99s);
  CHECK(w.state(0) == TargetState::initial);
  CHECK(w.group->reason(0) == TargetReason::registration_in_progress);
  CHECK(w.group->routable(0).empty());
  w.until(100s + 1ns);
  CHECK(w.group->reason(0) == TargetReason::initial_health_checking);
  w.until(110s + 10ms);  // one passed check
  CHECK(w.state(0) == TargetState::healthy);
  CHECK(w.group->routable(0) == ids({0}));

  w.until(200s);
  w.group->deregister_target(0);
  CHECK(w.state(0) == TargetState::draining);
  w.until(229s);
  CHECK(w.group->routable(0) == ids({0}));  // the nodes have not heard of it
  w.until(231s);
  CHECK(w.group->routable(0).empty());
  w.until(499s);
  CHECK(w.state(0) == TargetState::draining);
  w.until(501s);
  CHECK(w.state(0) == TargetState::unused);
  CHECK_FALSE(w.group->cuts_flows(0, 0));  // connection_termination.enabled is false
}

TEST_CASE("target group: an initial target that never answers becomes unhealthy",
          "[target-group]") {
  GroupWorld w(payment_gateway(), 1);
  w.fakes[0]->host.crash();
  w.group->register_target(0);
  w.until(100s + 40s);
  CHECK(w.state(0) == TargetState::unhealthy);
  CHECK(w.group->reason(0) == TargetReason::timeout);
  CHECK(w.group->fails_open(0));
  CHECK(w.group->routable(0) == ids({0}));
}

TEST_CASE("target group: a target that is registered again while draining starts anew",
          "[target-group]") {
  GroupWorld w(payment_gateway(), 2);
  w.all_healthy();
  w.until(50s);
  w.group->deregister_target(0);
  w.until(55s);
  w.group->register_target(0);
  CHECK(w.state(0) == TargetState::initial);
  CHECK(w.group->routable(0) == ids({1}));
  w.until(55s + 100s + 11s);
  CHECK(w.state(0) == TargetState::healthy);
  w.until(600s);  // the draining has been forgotten
  CHECK(w.state(0) == TargetState::healthy);
}

TEST_CASE("target group: what each fault looks like to a TCP and to an HTTP check",
          "[target-group]") {
  const bool http = GENERATE(false, true);
  TargetGroupConfig c = payment_gateway();
  if (http) {
    c.health_check_protocol = TargetProtocol::http;
    c.health_check_timeout = 6s;
  }
  GroupWorld w(c, 4);
  w.all_healthy();
  w.until(60s);
  const Time fault = w.sim.now();
  w.fakes[0]->group.kill();    // port closed, host up: RST
  w.fakes[1]->group.freeze();  // hung, still listening: the kernel completes the handshake
  w.fakes[2]->host.crash();    // silence
  w.fakes[3]->status = 500;
  w.until(200s);
  const auto after = [&](TargetId t) { return w.log->entered(t, TargetState::unhealthy, fault); };
  const Duration T = c.health_check_timeout;
  CHECK(after(0) >= Duration(10s));
  CHECK(after(0) <= 20s + Duration(10ms));
  CHECK(w.group->reason(0) == TargetReason::failed_health_checks);
  CHECK(after(2) >= 10s + T);
  CHECK(after(2) <= 20s + T + Duration(10ms));
  CHECK(w.group->reason(2) == TargetReason::timeout);
  if (http) {
    CHECK(after(1) >= 10s + T);
    CHECK(after(1) <= 20s + T + Duration(10ms));
    CHECK(after(3) <= 20s + Duration(10ms));
    CHECK(w.group->reason(3) == TargetReason::response_code_mismatch);
  } else {
    CHECK(w.state(1) == TargetState::healthy);  // a TCP check sees nothing
    CHECK(w.state(3) == TargetState::healthy);
  }
}

TEST_CASE("target group: a hung process fails TCP checks once its accept queue is full",
          "[target-group]") {
  // The checks alone fill it: one connection each interval, none accepted. A queue of 6 is full
  // after 6 checks; two more time out.
  Simulation sim;
  Host node(sim, "lb");
  FakeTarget hung(sim, "hung", 0, 6);
  TargetGroup group(sim, payment_gateway(), {&node}, false);
  StateLog log(group);
  group.add({"hung", &hung.port});
  group.begin_healthy(0);
  sim.run_until(Time{} + 60s);
  hung.group.freeze();
  sim.run_until(Time{} + 300s);
  const Duration after = log.entered(0, TargetState::unhealthy, Time{} + 60s);
  CHECK(after >= Duration(60s + 10s + 10s));
  CHECK(after <= Duration(70s + 10s + 10s) + Duration(10ms));
}

TEST_CASE("target group: recovery takes the healthy threshold, 20 to 30 s", "[target-group]") {
  GroupWorld w(payment_gateway(), 40);
  w.all_healthy();
  w.until(60s);
  for (const auto& fake : w.fakes) fake->group.kill();
  w.until(120s);
  REQUIRE(w.group->count(TargetState::unhealthy) == 40);
  for (const auto& fake : w.fakes) fake->start();
  w.until(160s);
  for (TargetId t = 0; t < 40; ++t) {
    const Duration up = w.log->entered(t, TargetState::healthy, Time{} + 120s);
    CHECK(up >= Duration(20s));
    CHECK(up <= Duration(30s) + Duration(10ms));
  }
}

TEST_CASE("target group: termination off and a draining interval: unhealthy.draining",
          "[target-group]") {
  TargetGroupConfig c = payment_gateway();
  c.unhealthy_connection_termination_enabled = false;
  c.unhealthy_draining_interval = 60s;
  GroupWorld w(c, 2);
  w.all_healthy();
  w.until(30s);
  w.fakes[0]->group.kill();
  w.until(51s);
  CHECK(w.state(0) == TargetState::unhealthy_draining);
  CHECK_FALSE(w.group->cuts_flows(0, 0));
  CHECK(w.group->routable(0) == ids({1}));
  SECTION("it recovers") {
    w.fakes[0]->start();
    w.until(90s);
    CHECK(w.state(0) == TargetState::healthy);
    w.until(200s);
    CHECK(w.state(0) == TargetState::healthy);
  }
  SECTION("the interval ends") {
    w.until(120s);
    CHECK(w.state(0) == TargetState::unhealthy);
    CHECK(w.group->cuts_flows(0, 0));
  }
}

TEST_CASE("target group: fail-open and its threshold, cross-zone on and off", "[target-group]") {
  // Six targets in three zones; zone 1 loses both.
  TargetGroupConfig c = payment_gateway();
  const bool cross_zone = GENERATE(true, false);
  GroupWorld w(c, 6, 3, cross_zone);
  w.all_healthy();
  w.until(30s);
  CHECK(w.group->routable(1) == (cross_zone ? ids({0, 1, 2, 3, 4, 5}) : ids({1, 4})));
  w.fakes[1]->group.kill();
  w.fakes[4]->group.kill();
  w.until(60s);
  if (cross_zone) {
    CHECK(w.group->routable(1) == ids({0, 2, 3, 5}));
    CHECK_FALSE(w.group->fails_open(1));
    CHECK_FALSE(w.group->fails_dns(1));
    CHECK(w.group->cuts_flows(1, 1));
  } else {
    CHECK(w.group->fails_open(1));  // its scope is its zone
    CHECK(w.group->fails_dns(1));
    CHECK(w.group->routable(1) == ids({1, 4}));
    CHECK_FALSE(w.group->cuts_flows(1, 1));  // no RST while failing open
    CHECK(w.group->routable(0) == ids({0, 3}));
    CHECK_FALSE(w.group->fails_dns(0));
  }
  for (const int i : {0, 2, 3, 5}) w.fakes[static_cast<std::size_t>(i)]->group.kill();
  w.until(90s);
  CHECK(w.group->fails_open(0));
  CHECK(w.group->routable(0).size() == (cross_zone ? 6 : 2));
  w.fakes[0]->start();
  w.until(130s);
  CHECK(w.group->routable(0) == ids({0}));  // the first that recovers receives everything
}

TEST_CASE("target group: a routing threshold of three keeps six in use until three are back",
          "[target-group]") {
  TargetGroupConfig c = payment_gateway();
  c.unhealthy_state_routing = {3, 0};
  c.dns_failover = {3, 0};
  REQUIRE(validate(c).empty());
  GroupWorld w(c, 6, 1, true);
  w.all_healthy();
  w.until(30s);
  for (const int i : {0, 1, 2, 3}) w.fakes[static_cast<std::size_t>(i)]->group.kill();
  w.until(60s);
  CHECK(w.group->fails_open(0));
  CHECK(w.group->routable(0).size() == 6);
  w.fakes[0]->start();
  w.until(100s);
  CHECK_FALSE(w.group->fails_open(0));
  CHECK(w.group->routable(0) == ids({0, 4, 5}));
}

TEST_CASE("target group: passive detection acts before the checks do", "[target-group]") {
  TargetGroupConfig c = payment_gateway();
  c.passive_detection = true;
  c.passive_detection_delay = Distribution::constant(Duration(3s));
  GroupWorld w(c, 2);
  w.all_healthy();
  w.until(30s);
  w.fakes[0]->group.kill();
  w.group->note_connection(0, false);
  w.group->note_connection(1, false);
  w.until(31s);
  w.group->note_connection(1, true);  // it was one failure only
  w.until(34s);
  CHECK(w.state(0) == TargetState::unhealthy);
  CHECK(w.group->reason(0) == TargetReason::passive_detection);
  CHECK(w.state(1) == TargetState::healthy);
  w.fakes[0]->start();
  w.until(65s);  // three passed checks
  CHECK(w.state(0) == TargetState::healthy);
}

TEST_CASE("target group: a checker whose node dies asks from another", "[target-group]") {
  GroupWorld w(payment_gateway(), 3, 3, true);
  w.all_healthy();
  w.until(30s);
  w.node_hosts[0]->crash();
  w.until(60s);
  CHECK(w.group->count(TargetState::healthy) == 3);
  w.fakes[0]->group.kill();  // target 0 was asked from node 0
  w.until(90s);
  CHECK(w.state(0) == TargetState::unhealthy);
}

TEST_CASE("target group: settings that the API rejects", "[target-group]") {
  TargetGroupConfig c = payment_gateway();
  CHECK(validate(c).empty());
  CHECK(validate(TargetGroupConfig::application_defaults()).empty());
  c.health_check_interval = 3s;
  c.unhealthy_threshold_count = 1;
  c.unhealthy_draining_interval = 10s;
  c.unhealthy_state_routing = {4, 0};
  c.dns_failover = {2, 0};
  const auto problems = validate(c);
  REQUIRE(problems.size() == 4);
  CHECK(problems[0] ==
        "tg-payment-gateway-prod: HealthCheckIntervalSeconds is 3 s, allowed are 5 s to 300 s");
  CHECK_THAT(problems[1], Catch::Contains("UnhealthyThresholdCount is 1, allowed are 2 to 10"));
  CHECK_THAT(problems[2], Catch::Contains("connection_termination.enabled = false"));
  CHECK_THAT(problems[3], Catch::Contains("dns_failover.minimum_healthy_targets"));
}
