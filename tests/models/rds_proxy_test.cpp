// RDS Proxy: a failover behind it is a wait, not an error, and shorter than by DNS.
#include "models/rds_proxy.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>

#include "tests/models/aurora_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

struct ProxyWorld : AuroraWorld {
  explicit ProxyWorld(std::uint64_t seed = 1, RdsProxyConfig config = {})
      : AuroraWorld(seed), proxy(proxy_host, book, cluster, std::move(config)) {
    proxy.start();
    ProberConfig probe;
    probe.path = "proxy";
    probe.target.host = {HostSpec::of(book.add(proxy.listener()))};
    probe.interval = 1s;
    probe.timeout = 200s;
    prober = std::make_unique<Prober>(client_host, book, &zone, probe, journal);
    prober->start();
    sim.run_for(5s);
  }
  ~ProxyWorld() { sim.shut_down(); }
  Duration longest() const {
    Duration most{};
    for (const Attempt& one : journal.attempts) {
      most = std::max(most, Duration(one.finished - one.sent));
    }
    return most;
  }
  std::size_t failed() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        journal.attempts, [](const Attempt& one) { return one.outcome != Outcome::ok; }));
  }
  Host proxy_host{sim, "proxy"};
  RdsProxy proxy;
};

}  // namespace

TEST_CASE("rds proxy: what the API refuses gets its default", "[aurora]") {
  RdsProxyConfig config;
  config.connection_borrow_timeout = 301s;
  config.max_connections_percent = 0;
  CHECK(validate(config).size() == 2);
  CHECK(config.connection_borrow_timeout == 120s);
  CHECK(config.max_connections_percent == 100);
}

TEST_CASE("rds proxy: statements wait through a failover, connections stay", "[aurora]") {
  Duration with_proxy{};
  Duration by_dns{};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    ProxyWorld world(seed);
    REQUIRE(world.cluster.failover_db_cluster() == RdsFault::none);
    world.sim.run_for(60s);
    CHECK(world.failed() <= 1);  // what was under way when the writer closed
    CHECK(world.proxy.borrow_timeouts() == 0);
    CHECK(world.longest() <= 25s);
    with_proxy += world.longest();
    AuroraWorld direct(seed);
    direct.probe();
    direct.sim.run_for(5s);
    REQUIRE(direct.cluster.failover_db_cluster() == RdsFault::none);
    direct.sim.run_for(60s);
    by_dns += direct.outage();
  }
  CHECK(with_proxy < by_dns);
}

TEST_CASE("rds proxy: without a writer a statement fails at the borrow time-out", "[aurora]") {
  ProxyWorld world(1, {.connection_borrow_timeout = 10s});
  world.cluster.lose_host(0);
  world.cluster.lose_host(1);
  world.sim.run_for(15s);
  CHECK(world.proxy.borrow_timeouts() > 0);
  CHECK(world.failed() > 0);
}
