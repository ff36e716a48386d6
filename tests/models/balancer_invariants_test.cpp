// Each rule is broken once on purpose, and kept in runs of whole services with faults.
#include "models/balancer_invariants.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "models/balancer_watch.hpp"
#include "tests/models/service_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;
using Rule = BalancerInvariant;
using State = TargetState;
using Reason = TargetReason;

namespace {

Time at(Duration d) {
  return Time{} + d;
}

TargetGroupConfig group_settings() {
  TargetGroupConfig c = payment_gateway_group();
  c.registration_delay = Distribution::constant(Duration(90s));
  c.deregistration_propagation = Distribution::constant(Duration(30s));
  return c;
}

/// Two zones, two targets in each, all healthy.
BalancerChecker checker(const TargetGroupConfig& group = group_settings(), bool cross_zone = true) {
  LoadBalancerConfig balancer = LoadBalancerConfig::network_defaults();
  balancer.zones = {1, 2};
  balancer.cross_zone_enabled = cross_zone;
  BalancerChecker c(group, balancer);
  for (TargetId id = 0; id < 4; ++id) {
    c.on_target(at(0s), id, static_cast<ZoneId>(1 + id % 2), State::healthy);
  }
  return c;
}

/// Two failed checks of a target at 10 s intervals; the state follows.
void fail(BalancerChecker& c, TargetId id, Duration from) {
  c.on_check(at(from + 10s), id, 0, at(from), false);
  c.on_check(at(from + 20s), id, 0, at(from + 10s), false);
  c.on_state(at(from + 20s), id, State::healthy, State::unhealthy, Reason::timeout);
}

bool only_one(const BalancerChecker& c, Rule rule) {
  for (const BalancerViolation& v : c.violations()) UNSCOPED_INFO(to_text(v.invariant));
  return c.violations().size() == 1 && c.violations()[0].invariant == rule;
}

}  // namespace

TEST_CASE("balancer invariants: an orderly failure breaks nothing", "[balancer-invariants]") {
  BalancerChecker c = checker();
  c.on_flow(at(1s), 0, 0);
  c.on_delivered(at(1s), 1, 0, 0, 0);
  fail(c, 0, 5s);
  c.on_routing(at(25s), 0, false);
  c.on_cut(at(26s), 0, 0, FlowCut::target_state);
  c.on_flow(at(26s), 0, 1);
  for (int i = 0; i < 3; ++i) {
    c.on_check(at(25s + 10s * i), 0, 0, at(25s + 10s * i), true);
  }
  c.on_state(at(45s), 0, State::unhealthy, State::healthy, Reason::none);
  c.on_state(at(50s), 0, State::healthy, State::draining, Reason::deregistration_in_progress);
  c.on_flow(at(70s), 0, 0);  // the nodes have not heard of it
  c.on_state(at(350s), 0, State::draining, State::unused, Reason::not_registered);
  c.on_state(at(400s), 0, State::unused, State::initial, Reason::registration_in_progress);
  c.on_check(at(495s), 0, 0, at(495s), true);
  c.on_state(at(495s), 0, State::initial, State::healthy, Reason::none);
  c.finish(at(500s), 10, 8, 1, 1);
  CHECK(c.violations().empty());
}

TEST_CASE("balancer invariants: B1 a new flow to an unhealthy target", "[balancer-invariants]") {
  BalancerChecker c = checker();
  fail(c, 0, 5s);
  c.on_flow(at(26s), 0, 0);
  CHECK(only_one(c, Rule::serving_targets_only));
}

TEST_CASE("balancer invariants: B1 allows it while failing open", "[balancer-invariants]") {
  BalancerChecker c = checker();
  for (TargetId id = 0; id < 4; ++id) fail(c, id, 5s);
  c.on_routing(at(25s), 0, true);
  c.on_flow(at(26s), 0, 0);
  CHECK(c.violations().empty());
}

TEST_CASE("balancer invariants: B2 fail-open with enough healthy targets, and none without",
          "[balancer-invariants]") {
  BalancerChecker c = checker();
  SECTION("too early") {
    fail(c, 0, 5s);
    c.on_routing(at(25s), 0, true);
    CHECK(only_one(c, Rule::fail_open_exact));
  }
  SECTION("not at all") {
    for (TargetId id = 0; id < 4; ++id) fail(c, id, 5s);
    c.on_routing(at(25s), 0, false);
    CHECK(only_one(c, Rule::fail_open_exact));
  }
}

TEST_CASE("balancer invariants: B3 states that the checks do not justify",
          "[balancer-invariants]") {
  BalancerChecker c = checker();
  SECTION("unhealthy after one failed check") {
    c.on_check(at(10s), 0, 0, at(5s), false);
    c.on_state(at(10s), 0, State::healthy, State::unhealthy, Reason::timeout);
    CHECK(only_one(c, Rule::thresholds_met));
  }
  SECTION("healthy after two of three passed checks") {
    fail(c, 0, 5s);
    c.on_check(at(35s), 0, 0, at(35s), true);
    c.on_check(at(45s), 0, 0, at(45s), true);
    c.on_state(at(45s), 0, State::unhealthy, State::healthy, Reason::none);
    CHECK(only_one(c, Rule::thresholds_met));
  }
  SECTION("from unhealthy to initial without a new registration") {
    fail(c, 0, 5s);
    c.on_state(at(60s), 0, State::unhealthy, State::initial, Reason::registration_in_progress);
    CHECK(only_one(c, Rule::thresholds_met));
  }
  SECTION("passive detection that is switched off") {
    c.on_state(at(10s), 0, State::healthy, State::unhealthy, Reason::passive_detection);
    CHECK(only_one(c, Rule::thresholds_met));
  }
}

TEST_CASE("balancer invariants: B4 late checks, and failures that change nothing",
          "[balancer-invariants]") {
  BalancerChecker c = checker();
  SECTION("not at the interval") {
    c.on_check(at(10s), 0, 0, at(10s), true);
    c.on_check(at(21s), 0, 0, at(21s), true);
    CHECK(only_one(c, Rule::detected_in_time));
  }
  SECTION("two failures and still healthy") {
    c.on_check(at(10s), 0, 0, at(10s), false);
    c.on_check(at(20s), 0, 0, at(20s), false);
    c.on_check(at(25s), 1, 0, at(25s), true);
    CHECK(only_one(c, Rule::detected_in_time));
  }
  SECTION("the same, noticed at the end") {
    c.on_check(at(10s), 0, 0, at(10s), false);
    c.on_check(at(20s), 0, 0, at(20s), false);
    c.finish(at(25s), 0, 0, 0, 0);
    CHECK(only_one(c, Rule::detected_in_time));
  }
}

TEST_CASE("balancer invariants: B5 flows that move, are cut too early, or not at all",
          "[balancer-invariants]") {
  SECTION("another target") {
    BalancerChecker c = checker();
    c.on_delivered(at(1s), 7, 0, 0, 0);
    c.on_delivered(at(2s), 7, 0, 0, 1);
    CHECK(only_one(c, Rule::flow_keeps_target));
  }
  SECTION("another life may have another target") {
    BalancerChecker c = checker();
    c.on_delivered(at(1s), 7, 0, 0, 0);
    c.on_delivered(at(2s), 7, 1, 0, 1);
    CHECK(c.violations().empty());
  }
  SECTION("RST though the target is healthy") {
    BalancerChecker c = checker();
    c.on_cut(at(5s), 0, 0, FlowCut::target_state);
    CHECK(only_one(c, Rule::flow_keeps_target));
  }
  SECTION("RST though termination is off") {
    TargetGroupConfig group = group_settings();
    group.unhealthy_connection_termination_enabled = false;
    BalancerChecker c = checker(group);
    fail(c, 0, 5s);
    c.on_cut(at(30s), 0, 0, FlowCut::target_state);
    CHECK(only_one(c, Rule::flow_keeps_target));
  }
  SECTION("no RST though termination is on") {
    BalancerChecker c = checker();
    fail(c, 0, 5s);
    c.on_delivered(at(30s), 7, 0, 0, 0);
    CHECK(only_one(c, Rule::flow_keeps_target));
  }
}

TEST_CASE("balancer invariants: B6 draining", "[balancer-invariants]") {
  BalancerChecker c = checker();
  c.on_state(at(50s), 0, State::healthy, State::draining, Reason::deregistration_in_progress);
  SECTION("too short") {
    c.on_state(at(349s), 0, State::draining, State::unused, Reason::not_registered);
    CHECK(only_one(c, Rule::draining_exact));
  }
  SECTION("a new flow after the nodes must know") {
    c.on_flow(at(81s), 0, 0);
    CHECK(only_one(c, Rule::draining_exact));
  }
}

TEST_CASE("balancer invariants: B7 work out of nothing, capacity below what was asked for",
          "[balancer-invariants]") {
  BalancerChecker c = checker();
  SECTION("one request too many") {
    c.on_work(at(1s), 0, 100, 90, 2, 3, 6);
    CHECK(only_one(c, Rule::work_conserved));
  }
  SECTION("three healthy targets where four are needed") {
    c.set_least_healthy(4);
    fail(c, 0, 5s);
    CHECK(only_one(c, Rule::work_conserved));
  }
}

TEST_CASE("balancer invariants: B7 a declared fault excuses lost capacity; growth is told apart",
          "[balancer-invariants]") {
  BalancerChecker c = checker();
  c.set_least_healthy(4);
  c.declare_fault(true);
  fail(c, 0, 5s);
  for (std::uint64_t i = 0; i < 10; ++i) {
    c.on_load(at(10s * static_cast<int>(i)), 0, 100 * i);
    c.on_load(at(10s * static_cast<int>(i)), 1, i % 2);
  }
  CHECK(c.violations().empty());
  REQUIRE(c.overloaded().size() == 1);
  CHECK(c.overloaded()[0] == 0);
}

TEST_CASE("balancer invariants: B8 across zones with cross-zone off", "[balancer-invariants]") {
  BalancerChecker c = checker(group_settings(), false);
  SECTION("a flow") {
    c.on_flow(at(1s), 0, 1);
    CHECK(only_one(c, Rule::zone_isolated));
  }
  SECTION("a request") {
    c.on_delivered(at(1s), 7, 0, 0, 1);
    CHECK(only_one(c, Rule::zone_isolated));
  }
}

TEST_CASE("balancer invariants: B9 DNS and those who believe it too long",
          "[balancer-invariants]") {
  BalancerChecker c = checker(group_settings(), false);
  SECTION("a zone leaves though it is healthy") {
    c.on_dns(at(5s), 0, false);
    CHECK(only_one(c, Rule::dns_follows_health));
  }
  SECTION("new flows through a zone that should be forgotten") {
    fail(c, 0, 5s);
    fail(c, 2, 5s);
    c.on_dns(at(25s), 0, false);
    c.on_flow(at(25s + 120s), 0, 0);
    REQUIRE(c.violations().empty());  // Route 53, the TTL, attempts at other addresses
    c.on_flow(at(25s + 200s), 0, 0);
    CHECK(only_one(c, Rule::dns_follows_health));
  }
}

TEST_CASE("balancer invariants: B10 healthy too early", "[balancer-invariants]") {
  BalancerChecker c = checker();
  SECTION("before the registration is through") {
    c.on_state(at(10s), 0, State::healthy, State::draining, Reason::deregistration_in_progress);
    c.on_state(at(20s), 0, State::draining, State::initial, Reason::registration_in_progress);
    c.on_check(at(80s), 0, 0, at(80s), true);
    c.on_state(at(80s), 0, State::initial, State::healthy, Reason::none);
    CHECK(only_one(c, Rule::recovery_not_early));
  }
  SECTION("three checks within a second") {
    TargetGroupConfig group = group_settings();
    group.schedule = CheckSchedule::fixed_rate;
    c = checker(group);
    fail(c, 0, 5s);
    for (int i = 0; i < 3; ++i) c.on_check(at(35s), 0, 0, at(15s + 10s * i), true);
    c.on_state(at(35s), 0, State::unhealthy, State::healthy, Reason::none);
    CHECK(only_one(c, Rule::recovery_not_early));
  }
}

TEST_CASE("balancer invariants: B11 a request that nobody can account for",
          "[balancer-invariants]") {
  BalancerChecker c = checker();
  c.finish(at(100s), 1000, 990, 5, 4);
  CHECK(only_one(c, Rule::availability_adds_up));
}

TEST_CASE("balancer invariants: whole services keep them all, whatever happens",
          "[balancer-invariants]") {
  // Faults at random instants of a service with random settings.
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 81)));
  CAPTURE(seed);
  Stream draw(seed, "balancer swarm", "settings");
  ServiceWorldOptions options;
  options.seed = seed;
  options.cross_zone = draw.chance(0.5);
  options.clients = ServiceClientsConfig::open_loop(200, 600, 300);
  options.clients.multiplexed = draw.chance(0.5);
  options.clients.retries = static_cast<std::int32_t>(draw.below(3));
  TargetGroupConfig& group = options.group;
  group.unhealthy_threshold_count = 2 + static_cast<std::int32_t>(draw.below(3));
  group.schedule = draw.chance(0.5) ? CheckSchedule::fixed_rate : CheckSchedule::fixed_delay;
  group.checkers = 1 + static_cast<std::int32_t>(draw.below(3));
  group.quorum =
      1 + static_cast<std::int32_t>(draw.below(static_cast<std::uint64_t>(group.checkers)));
  group.unhealthy_connection_termination_enabled = draw.chance(0.5);
  if (!group.unhealthy_connection_termination_enabled && draw.chance(0.5)) {
    group.unhealthy_draining_interval = 20s;
  }
  group.passive_detection = draw.chance(0.3);
  group.deregistration_delay_timeout = draw.chance(0.5) ? 30s : 300s;
  group.deregistration_delay_connection_termination_enabled = draw.chance(0.5);
  group.registration_delay = Distribution::uniform(Duration(5s), Duration(30s));
  if (draw.chance(0.3)) group.health_propagation = Distribution::constant(Duration(2s));
  if (draw.chance(0.3)) group.unhealthy_state_routing = group.dns_failover = {2, 0};
  REQUIRE(validate(group).empty());
  ServiceWorld<> w(options);
  BalancerWatch watch(*w.balancer, w.clients.get());
  for (int i = 0; i < 12; ++i) {
    w.run_for(draw.uniform(1s, 60s));
    const std::size_t victim = draw.below(6);
    const auto id = static_cast<TargetId>(victim);
    switch (draw.below(6)) {
      case 0:
        w.groups[victim]->kill();
        w.run_for(draw.uniform(0s, 60s));
        w.processes[victim]->start();
        break;
      case 1:
        w.groups[victim]->freeze();
        w.run_for(draw.uniform(0s, 40s));
        w.groups[victim]->thaw();
        break;
      case 2:
        w.machines[victim / 2]->crash();
        w.run_for(draw.uniform(1s, 60s));
        w.machines[victim / 2]->restart();
        for (const std::size_t p : {victim / 2 * 2, victim / 2 * 2 + 1}) w.processes[p]->start();
        break;
      case 3:
        w.balancer->targets().deregister_target(id);
        w.run_for(draw.uniform(1s, 100s));
        w.balancer->targets().register_target(id);
        break;
      case 4: {
        const FaultId cut =
            w.sim.network().cut({&w.balancer->node(victim / 2)}, {w.machines[victim / 2].get()});
        w.run_for(draw.uniform(1s, 60s));
        w.sim.network().heal(cut);
        break;
      }
      default:
        w.balancer->node(victim / 2).crash();
        w.run_for(draw.uniform(1s, 60s));
        w.balancer->node(victim / 2).restart();
        break;
    }
  }
  w.run_for(100s);
  watch.finish();
  for (const BalancerViolation& v : watch.checker().violations()) {
    UNSCOPED_INFO(to_text(v.invariant)
                  << " at " << seconds(v.at - Time{}) << " s, target " << v.target);
  }
  CHECK(watch.checker().violations().empty());
  CHECK(w.clients->arrived() > 10000);
}
