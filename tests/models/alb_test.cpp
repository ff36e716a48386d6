// An Application Load Balancer routes requests, not flows; what a fault costs shows in its 5xx.
#include "models/alb.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>

#include "models/balancer_watch.hpp"
#include "tests/models/service_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

using World = ServiceWorld<Alb>;

ServiceWorldOptions web() {
  ServiceWorldOptions options;
  options.group = TargetGroupConfig::application_defaults();
  options.group.health_check_interval = 10s;
  options.group.health_check_timeout = 5s;
  options.group.healthy_threshold_count = 3;
  options.clients = ServiceClientsConfig::open_loop(600, 600, 500);
  options.clients.request_timeout = 90s;
  return options;
}

double count(std::uint64_t n) {
  return static_cast<double>(n);
}

}  // namespace

TEST_CASE("alb: requests are spread evenly whatever the flows do", "[alb]") {
  World w(web());
  BalancerWatch watch(*w.balancer, w.clients.get());
  w.until(60s);
  CHECK(w.clients->stats().failed() == 0);
  for (const auto& process : w.processes) {
    CHECK(count(process->stats().served) == Approx(60 * 100).epsilon(0.03));
  }
  watch.finish();
  CHECK(watch.checker().violations().empty());
}

TEST_CASE("alb: a killed process gives 502 until it is found unhealthy", "[alb]") {
  World w(web());
  BalancerWatch watch(*w.balancer, w.clients.get());
  w.until(30s);
  w.groups[0]->kill();
  w.run_for(60s);
  REQUIRE(w.state(0) == TargetState::unhealthy);
  const double share = count(w.ends(RequestEnd::http_502)) / 100;  // in seconds of its share
  CHECK(share > 10);
  CHECK(share < 20.5);
  CHECK(w.clients->stats().failed() == w.ends(RequestEnd::http_502));
  const std::uint64_t failed = w.clients->stats().failed();
  w.run_for(60s);
  CHECK(w.clients->stats().failed() == failed);
  watch.finish();
  CHECK(watch.checker().violations().empty());
}

TEST_CASE("alb: a dead host gives 504, after 60 s on connections it had, after 10 s on new ones",
          "[alb]") {
  World w(web());
  BalancerWatch watch(*w.balancer, w.clients.get());
  w.until(30s);
  w.machines[0]->crash();
  w.run_for(9s);
  CHECK(w.clients->stats().failed() == 0);
  w.run_for(111s);
  CHECK(w.ends(RequestEnd::http_504) > 2 * 100 * 14);
  CHECK(w.ends(RequestEnd::http_504) < 2 * 100 * 26);
  CHECK(w.clients->stats().failed() == w.ends(RequestEnd::http_504));
  watch.finish();
  CHECK(watch.checker().violations().empty());
}

TEST_CASE("alb: a hung process is found by its HTTP checks; requests end with 504 after 60 s",
          "[alb]") {
  World w(web());
  w.until(30s);
  w.groups[0]->freeze();
  w.run_for(59s);
  CHECK(w.state(0) == TargetState::unhealthy);  // 15 to 25 s
  CHECK(w.clients->stats().failed() == 0);
  w.run_for(30s);
  CHECK(w.ends(RequestEnd::http_504) > 100 * 14);
  CHECK(w.ends(RequestEnd::http_504) < 100 * 26);
  w.groups[0]->thaw();  // what it had is served for nobody
  w.run_for(60s);
  CHECK(w.state(0) == TargetState::healthy);
  w.restart_stats();
  w.run_for(30s);
  CHECK(w.clients->stats().failed() == 0);
  CHECK(count(w.processes[0]->stats().served) == Approx(30 * 100).epsilon(0.1));
}

TEST_CASE("alb: nobody registered gives 503, all unhealthy fails open", "[alb]") {
  World w(web());
  w.until(30s);
  SECTION("deregistered") {
    for (TargetId id = 0; id < 6; ++id) w.balancer->targets().deregister_target(id);
    w.run_for(10s);
    w.restart_stats();
    w.run_for(10s);
    CHECK(w.clients->stats().answered() == 0);
    CHECK(w.clients->stats().failed() == w.ends(RequestEnd::http_503));
  }
  SECTION("unhealthy by their checks, though they serve") {
    for (const auto& process : w.processes) process->set_check_status(500);
    w.run_for(60s);
    CHECK(w.balancer->targets().fails_open(0));
    CHECK(w.clients->stats().failed() == 0);
  }
}

TEST_CASE("alb: slow start ramps the share of a target that returns", "[alb]") {
  ServiceWorldOptions options = web();
  options.group.slow_start_duration = 100s;
  World w(options);
  w.until(200s);
  w.groups[0]->kill();
  w.run_for(60s);
  w.processes[0]->start();
  while (w.state(0) != TargetState::healthy) w.run_for(100ms);
  w.restart_stats();
  w.run_for(50s);
  // A share that grows from 0 to a half has a mean of a quarter; the others take the rest.
  const double part = count(w.processes[0]->stats().served) / count(w.processes[1]->stats().served);
  CHECK(part == Approx(0.25).epsilon(0.1));
  w.run_for(60s);
  w.restart_stats();
  w.run_for(50s);
  CHECK(count(w.processes[0]->stats().served) ==
        Approx(count(w.processes[1]->stats().served)).epsilon(0.05));
}

TEST_CASE("alb: least outstanding requests avoids a slow target", "[alb]") {
  ServiceWorldOptions options = web();
  const bool least = GENERATE(false, true);
  if (least) {
    options.group.load_balancing_algorithm = RoutingAlgorithm::least_outstanding_requests;
  }
  World w(options);
  w.until(10s);
  w.groups[0]->freeze();  // it takes requests and answers none
  w.restart_stats();
  w.run_for(10s);
  const double taken = count(w.processes[0]->stats().received);
  if (least) {
    CHECK(taken < 60);  // no more than the others have in work
  } else {
    CHECK(taken == Approx(1000).epsilon(0.05));
  }
}

TEST_CASE("alb: requests still with a target when its deregistration delay ends are 502", "[alb]") {
  ServiceWorldOptions options = web();
  options.group.deregistration_delay_timeout = 20s;
  options.service.service_time = Distribution::constant(Duration(40s));
  options.service.workers = 100000;
  World w(options);
  w.until(60s);
  w.balancer->targets().deregister_target(0);
  w.run_for(30s);
  // Sent between 20 s before the deregistration and the propagation after it.
  CHECK(count(w.ends(RequestEnd::http_502)) > 100 * 19);
  CHECK(count(w.ends(RequestEnd::http_502)) < 100 * 26);
}
