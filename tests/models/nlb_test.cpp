// Flows stay where they are, requests follow them: what faults behind a Network Load Balancer cost
// its clients.
#include "models/nlb.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "sim/trace_sinks.hpp"
#include "tests/models/service_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

/// Counts are Poisson: within five deviations.
void check_count(double seen, double expected) {
  INFO(seen << ", expected " << expected);
  CHECK(std::abs(seen - expected) <= 5 * std::sqrt(expected));
}

double count(std::uint64_t n) {
  return static_cast<double>(n);
}

}  // namespace

TEST_CASE("nlb: at rest 207 requests/s per target, 4,200 flows, no failures", "[nlb]") {
  ServiceWorld<> w;
  w.until(60s);
  w.restart_stats();
  w.run_for(60s);
  const auto& stats = w.clients->stats();
  CHECK(stats.failed() == 0);
  check_count(count(stats.answered()), 1240 * 60);
  check_count(count(w.balancer->counters().active_flows), 4200);
  check_count(count(stats.flows_opened), 620);
  for (const auto& process : w.processes) {
    // The share of a target is that of its flows: 700 of 4,200.
    const double share = count(process->stats().served) / count(stats.answered());
    CHECK(share == Approx(1.0 / 6).epsilon(5 / std::sqrt(700.0)));
  }
  CHECK(count(static_cast<std::uint64_t>(*stats.response.quantile(0.5))) / 1e6 ==
        Approx(45).epsilon(0.01));
  CHECK(w.balancer->counters().elb_resets == 0);
  CHECK(w.balancer->counters().target_resets == 0);
}

TEST_CASE("nlb: a silent machine costs its share of requests until it is found unhealthy",
          "[nlb]") {
  // Two of six targets: 413 requests/s for 20 to 30 s, 25 s in the mean.
  ServiceWorld<> w;
  w.until(60s);
  w.machines[1]->crash();
  w.restart_stats();
  w.run_for(20s);
  CHECK(w.clients->stats().failed() == 0);  // they hang; the clients wait for 30 s
  const double hanging = count(w.clients->under_way());
  CHECK(hanging == Approx(413 * 20).epsilon(0.1));
  w.run_for(10s + 100ms);
  CHECK(w.state(2) == TargetState::unhealthy);
  CHECK(w.state(3) == TargetState::unhealthy);
  w.run_for(60s);
  CHECK(w.ends(RequestEnd::reset) > 5000);  // RST to their retransmissions
  CHECK(w.balancer->counters().elb_resets > 1000);
  CHECK(w.balancer->counters().elb_resets <= 1600);  // once per flow
  CHECK(w.clients->flows_to(2) == 0);
  const std::uint64_t failed = w.clients->stats().failed();
  w.restart_stats();
  w.run_for(60s);
  INFO(failed << " requests failed");
  CHECK(w.clients->stats().failed() == 0);
  for (const std::size_t i : {0U, 1U, 4U, 5U}) {  // 310 requests/s each
    CHECK(count(w.processes[i]->stats().served) / 60 == Approx(310).epsilon(0.15));
  }
}

TEST_CASE("nlb: with termination off, flows to an unhealthy target stay where they are", "[nlb]") {
  // Checks fail, the data path works: a target whose health port is shut off.
  ServiceWorldOptions options;
  const bool termination = GENERATE(true, false);
  options.group.unhealthy_connection_termination_enabled = termination;
  options.group.health_check_protocol = TargetProtocol::http;
  options.group.health_check_timeout = 6s;
  ServiceWorld<> w(options);
  w.until(60s);
  const std::size_t before = w.clients->flows_to(2);
  w.processes[2]->set_check_status(503);
  w.processes[3]->set_check_status(503);
  w.run_for(60s);
  REQUIRE(w.state(2) == TargetState::unhealthy);
  if (termination) {
    CHECK(w.ends(RequestEnd::reset) > 0);
    CHECK(w.clients->flows_to(2) == 0);
  } else {
    CHECK(w.clients->stats().failed() == 0);
    CHECK(w.balancer->counters().elb_resets == 0);
    CHECK(w.clients->flows_to(2) > before * 3 / 4);  // they end one by one, after 406 s
    w.restart_stats();
    w.run_for(20s);
    CHECK(w.processes[2]->stats().served > 0);
  }
}

TEST_CASE("nlb: a process that dies resets its flows at once; new ones meet RST until it is found",
          "[nlb]") {
  ServiceWorldOptions options;
  options.clients.retries = 0;
  ServiceWorld<> w(options);
  w.until(60s);
  w.groups[0]->kill();
  w.run_for(1s);
  CHECK(w.clients->flows_to(0) == 0);
  CHECK(w.balancer->counters().target_resets > 600);
  CHECK(w.balancer->counters().refused_flows > 50);  // one in six of the reconnects
  CHECK(count(w.ends(RequestEnd::reset)) < 50);      // those under way: 207/s times 49 ms
  w.run_for(30s);
  CHECK(w.state(0) == TargetState::unhealthy);
  const auto refused = w.balancer->counters().refused_flows;
  w.run_for(30s);
  CHECK(w.balancer->counters().refused_flows == refused);
  CHECK(w.ends(RequestEnd::no_connection) == 0);
}

TEST_CASE("nlb: a hung process keeps its flows and takes new ones, and no TCP check sees it",
          "[nlb]") {
  ServiceWorld<> w;
  w.until(60s);
  w.groups[0]->freeze();
  w.run_for(120s);
  CHECK(w.state(0) == TargetState::healthy);
  // One in six requests hangs. After 30 s the clients drop these flows, and one in six of those
  // that replace them hangs again: fewer fail than one in six over the whole time.
  CHECK(count(w.ends(RequestEnd::timeout)) > 0.9 * 30 * 1240 / 6);
  CHECK(count(w.ends(RequestEnd::timeout)) < 0.8 * 90 * 1240 / 6);
  w.groups[0]->thaw();
  w.run_for(60s);
  w.restart_stats();
  w.run_for(30s);
  CHECK(w.clients->stats().failed() == 0);
}

TEST_CASE("nlb: HTTP/1.1 clients lose one request per flow, not one per second", "[nlb]") {
  // A flow with an unanswered request takes no other one: of 1,400 flows that are cut, each loses
  // one request, the rest goes to flows that work.
  ServiceWorldOptions options;
  options.clients.multiplexed = false;
  ServiceWorld<> w(options);
  w.until(60s);
  w.machines[1]->crash();
  w.restart_stats();
  w.run_for(90s);
  CHECK(w.clients->stats().failed() > 1000);
  CHECK(w.clients->stats().failed() < 1900);
}

TEST_CASE("nlb: a restarted machine answers RST to flows of its former life", "[nlb]") {
  ServiceWorldOptions options;
  options.group.unhealthy_connection_termination_enabled = false;
  ServiceWorld<> w(options);
  w.until(60s);
  w.machines[1]->crash();
  w.run_for(5s);
  w.machines[1]->restart();
  for (const std::size_t i : {2U, 3U}) w.processes[i]->start();
  w.run_for(20s);
  CHECK(w.balancer->counters().target_resets > 1000);
  CHECK(w.balancer->counters().elb_resets == 0);
  w.run_for(20s);
  w.restart_stats();
  w.run_for(30s);
  CHECK(w.clients->stats().failed() == 0);
}

TEST_CASE("nlb: a short cut of the path delays requests by TCP's retransmissions", "[nlb]") {
  ServiceWorld<> w;
  w.until(60s);
  w.restart_stats();
  HostSet nodes;
  for (std::size_t i = 0; i < 3; ++i) nodes.push_back(&w.balancer->node(i));
  const FaultId cut = w.sim.network().cut(nodes, {w.machines[1].get()});
  w.run_for(2s);
  w.sim.network().heal(cut);
  w.run_for(10s);
  CHECK(w.clients->stats().failed() == 0);
  // Sent again after 0.2, 0.6, 1.4 and 3 s.
  const auto slowest = *w.clients->stats().response.max();
  CHECK(slowest > 2'000'000'000);
  CHECK(slowest < 3'600'000'000);
}

TEST_CASE("nlb: the idle time-out is noticed by the next packet", "[nlb]") {
  ServiceWorldOptions options;
  options.clients = ServiceClientsConfig::open_loop(1, 60, 1);
  options.clients.between_requests = Distribution::constant(Duration(400s));
  options.clients.flow_lifetime = Distribution::constant(Duration(10h));
  options.clients.between_flows = Distribution::constant(Duration(10h));
  ServiceWorld<> w(options);
  w.until(390s);
  CHECK(w.balancer->counters().active_flows == 1);
  w.until(401s);
  CHECK(w.ends(RequestEnd::reset) == 1);
  CHECK(w.balancer->counters().elb_resets == 1);
  CHECK(w.clients->usable_flows() == 1);  // a new one
}

TEST_CASE("nlb: cross-zone off: a zone without healthy targets leaves DNS, its clients follow",
          "[nlb]") {
  ServiceWorldOptions options;
  options.cross_zone = false;
  ServiceWorld<> w(options);
  w.until(60s);
  w.machines[1]->crash();
  w.run_for(31s);
  REQUIRE(w.state(2) == TargetState::unhealthy);
  CHECK_FALSE(w.balancer->in_dns(1));
  CHECK(w.balancer->targets().fails_open(1));
  CHECK(w.balancer->dns().current(LoadBalancer::dns_name).count == 3);  // Route 53 needs 30 s
  w.run_for(30s);
  CHECK(w.balancer->dns().current(LoadBalancer::dns_name).count == 2);
  w.run_for(120s);  // TTL 60 s, then the clients' own time-outs
  w.restart_stats();
  w.run_for(60s);
  CHECK(w.clients->stats().failed() == 0);
  CHECK(w.clients->flows_to(2) == 0);
  // The surviving zones' nodes use their own targets only.
  CHECK(count(w.processes[0]->stats().served) / 60 == Approx(310).epsilon(0.15));
}

TEST_CASE("nlb: loss of a zone: its node is silent, clients try the other addresses", "[nlb]") {
  ServiceWorld<> w;
  w.until(60s);
  w.machines[1]->crash();
  w.balancer->node(1).crash();
  w.run_for(120s);
  CHECK(w.state(2) == TargetState::unhealthy);
  // With cross-zone on the group is healthy over all zones: the dead node's address stays.
  CHECK(w.balancer->in_dns(1));
  w.restart_stats();
  w.run_for(60s);
  CHECK(w.clients->stats().failed() == 0);
  CHECK(w.clients->stats().flows_failed > 100);  // one in three new connections, 5 s late
  CHECK(w.clients->stats().flows_opened > 500);
}

TEST_CASE("nlb: targets that return fill as flows are renewed, half of their share after 281 s",
          "[nlb]") {
  ServiceWorld<> w;
  w.until(60s);
  for (const std::size_t i : {2U, 3U}) w.groups[i]->kill();
  w.run_for(60s);
  REQUIRE(w.clients->flows_to(2) == 0);
  for (const std::size_t i : {2U, 3U}) w.processes[i]->start();
  while (w.state(2) != TargetState::healthy || w.state(3) != TargetState::healthy) w.run_for(1s);
  w.run_for(281s);
  const double flows = count(w.clients->flows_to(2) + w.clients->flows_to(3));
  check_count(flows, 1400.0 / 2);
  w.run_for(406s);
  check_count(count(w.clients->flows_to(2) + w.clients->flows_to(3)),
              1400 * (1 - std::exp(-(281 + 406) / 406.0)));
}

TEST_CASE("nlb: the same seed gives the same run, another seed another one", "[nlb]") {
  const auto fingerprint = [](std::uint64_t seed) {
    ServiceWorldOptions options;
    options.seed = seed;
    ServiceWorld<> w(options);
    w.until(30s);
    w.machines[1]->crash();
    w.run_for(60s);
    return w.sim.fingerprint();
  };
  const std::uint64_t first = fingerprint(1);
  CHECK(fingerprint(1) == first);
  CHECK(fingerprint(2) != first);
}
