// Names, their caches and Kubernetes services: who learns when that something has moved.
#include "models/dns.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "models/kubernetes_service.hpp"
#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using predrill::models::testing::FakePostgres;
using namespace std::chrono_literals;

namespace {

constexpr auto db = static_cast<DnsName>(1);

AddressList list(std::initializer_list<unsigned> numbers) {
  AddressList result;
  for (const unsigned n : numbers) result.add(static_cast<Address>(n));
  return result;
}

struct World {
  World() { sim.network().set_latency(0, 0, Distribution::constant(Duration(1ms))); }
  Simulation sim;
  Host client_host{sim, "client"};
  Group client{client_host, "client"};
  Host dns_host{sim, "dns"};
  Group dns_group{dns_host, "dns"};
  Host above_host{sim, "route53"};
  Group above_group{above_host, "route53"};
  DnsAnswer last;
  Time answered{};

  Task<> ask(DnsServer& server, DnsName name) {
    const DnsAnswer answer = co_await server.query(client, name);
    last = answer;
    answered = sim.now();
  }
  DnsAnswer now(DnsServer& server, DnsName name = db) {
    client.spawn(ask(server, name));
    sim.run_for(100ms);
    return last;
  }
};

}  // namespace

TEST_CASE("dns: a change is answered after the update delay, in one round trip", "[dns]") {
  World w;
  DnsServer zone(w.above_group, {.name = "zone"}, Distribution::constant(Duration(60s)));
  zone.add(db, "db.example", 5s, list({1}));
  w.client.spawn(w.ask(zone, db));
  w.sim.run_for(1s);
  CHECK(w.answered == Time{} + 2ms);
  CHECK(w.last.addresses == list({1}));
  CHECK(w.last.ttl == Duration(5s));
  zone.set(db, list({2}));
  w.sim.run_until(Time{} + 60s);
  CHECK(w.now(zone).addresses == list({1}));
  w.sim.run_until(Time{} + 61s);
  CHECK(w.now(zone).addresses == list({2}));
}

TEST_CASE("dns: a record may be answered one address at a time, in turn", "[dns]") {
  World w;
  DnsServer zone(w.above_group, {.name = "zone"});
  zone.add(db, "db.cluster-ro", 1s, list({1, 2, 3}), DnsServer::Answers::one_in_turn);
  CHECK(w.now(zone).addresses == list({1}));
  CHECK(w.now(zone).addresses == list({2}));
  CHECK(w.now(zone).addresses == list({3}));
  CHECK(w.now(zone).addresses == list({1}));
  CHECK(zone.current(db) == list({1, 2, 3}));
  // A cache keeps the one that it got.
  DnsServer cache(w.dns_group, {.name = "cache", .cache = true});
  cache.forward_to(zone);
  CHECK(w.now(cache).addresses == list({2}));
  CHECK(w.now(cache).addresses == list({2}));
  w.sim.run_for(1s);
  CHECK(w.now(cache).addresses == list({3}));
  zone.set(db, list({4}));
  CHECK(w.now(zone).addresses == list({4}));
}

TEST_CASE("dns: caches that honour the TTL count once, a fixed time adds up", "[dns]") {
  World w;
  DnsServer zone(w.above_group, {.name = "zone"});
  zone.add(db, "db.example", 30s, list({1}));
  DnsServerConfig config{.name = "cache", .cache = true};
  SECTION("the remaining TTL is passed on") {
    DnsServer cache(w.dns_group, config);
    cache.forward_to(zone);
    w.now(cache);
    w.sim.run_for(19'900ms);
    const DnsAnswer answer = w.now(cache);
    CHECK(answer.ttl < Duration(10'100ms));
    CHECK(answer.ttl > Duration(9'900ms));
    CHECK(zone.questions() == 1);
    zone.set(db, list({2}));
    w.sim.run_until(Time{} + 29'900ms);
    CHECK(w.now(cache).addresses == list({1}));
    w.sim.run_until(Time{} + 30'100ms);
    CHECK(w.now(cache).addresses == list({2}));
  }
  SECTION("a cache of 30 s whatever the TTL (JVM): 30 s more") {
    config.fixed_ttl = 30s;
    DnsServer jvm(w.client, config);
    DnsServer cache(w.dns_group, {.name = "resolver", .cache = true});
    cache.forward_to(zone);
    jvm.forward_to(cache);
    w.now(cache);  // the resolver's copy dies at 30 s
    w.sim.run_until(Time{} + 29s);
    w.now(jvm);  // taken just before, kept until 59 s
    zone.set(db, list({2}));
    w.sim.run_until(Time{} + 58s);
    CHECK(w.now(jvm).addresses == list({1}));
    w.sim.run_until(Time{} + 60s);
    CHECK(w.now(jvm).addresses == list({2}));
  }
}

TEST_CASE("dns: a name without address is remembered as missing", "[dns]") {
  World w;
  DnsServer zone(w.above_group, {.name = "zone", .soa_minimum = 5s});
  zone.add(db, "db.example", 5s, list({}));
  DnsServer cache(w.dns_group, {.name = "cache", .cache = true});
  cache.forward_to(zone);
  CHECK(w.now(cache).status == DnsAnswer::Status::nxdomain);
  zone.set(db, list({3}));
  w.sim.run_until(Time{} + 4900ms);
  CHECK(w.now(cache).status == DnsAnswer::Status::nxdomain);
  w.sim.run_until(Time{} + 5100ms);
  CHECK(w.now(cache).addresses == list({3}));
}

TEST_CASE("dns: a dead server costs time-out times attempts", "[dns]") {
  World w;
  DnsServer zone(w.above_group, {.name = "zone"});
  zone.add(db, "db.example", 5s, list({1}));
  w.above_host.crash();
  w.client.spawn(w.ask(zone, db));
  w.sim.run_for(60s);
  CHECK(w.answered == Time{} + 10s);
  CHECK(w.last.status == DnsAnswer::Status::failed);
}

TEST_CASE("dns: settings are clamped like resolv.conf", "[dns]") {
  DnsServerConfig config{.timeout = 60s, .attempts = 9};
  CHECK(validate(config).size() == 2);
  CHECK(config.timeout == Duration(30s));
  CHECK(config.attempts == 5);
  DnsServerConfig good;
  CHECK(validate(good).empty());
}

namespace {

KubernetesServiceTimings exact() {
  KubernetesServiceTimings t;
  t.write = Distribution::constant(Duration(10ms));
  t.controller = Distribution::constant(Duration(100ms));
  t.watch = Distribution::constant(Duration(5ms));
  t.program = Distribution::constant(Duration(200ms));
  t.boot_sync = Distribution::constant(Duration(3s));
  return t;
}

struct Cluster {
  explicit Cluster(KubernetesServiceConfig config = {.name = "pg"})
      : service(control_plane, book, config, exact()) {
    first.start();
    second.start();
    a = book.add(first.port);
    b = book.add(second.port);
    service.add_node(node);
    AddressList selected;
    selected.add(a);
    service.start(selected);
  }
  Simulation sim;
  AddressBook book;
  Host control_plane{sim, "control-plane"};
  Host node{sim, "node"};
  Group client{node, "client"};
  FakePostgres first{sim, "db-0", 0};
  FakePostgres second{sim, "db-1", 1};
  Address a{}, b{};
  KubernetesService service;
  std::vector<std::string> log;

  AddressList only_of(Address x) {
    AddressList l;
    l.add(x);
    return l;
  }
  Task<> ask() {
    auto socket = co_await connect_sql(client, book, service.address(), 5s);
    if (!socket) {
      log.push_back(std::string(to_text(socket.error())));
      co_return;
    }
    socket->send({.op = SqlOp::read});
    const auto answer = co_await socket->receive_for(5s);
    log.push_back(answer ? "server " + std::to_string(answer->server) : "no answer");
  }
  std::string who() {
    client.spawn(ask());
    sim.run_for(20ms);
    return log.back();
  }
};

}  // namespace

TEST_CASE("kubernetes service: a new leader is behind the ClusterIP after write, slice and sync",
          "[kubernetes]") {
  Cluster c;
  c.sim.run_for(10s);
  CHECK(c.who() == "server 0");
  c.service.select(c.only_of(c.b));  // at 10.02 s: in force 10 + 100 + 5 + 200 ms later
  c.sim.run_until(Time{} + 10'310ms);
  CHECK(c.who() == "server 0");
  CHECK(c.service.endpoints() == c.only_of(c.b));
  c.sim.run_until(Time{} + 10'340ms);
  CHECK(c.who() == "server 1");
}

TEST_CASE("kubernetes service: the second change within minSyncPeriod waits for it",
          "[kubernetes]") {
  Cluster c;
  c.sim.run_until(Time{} + 10s);
  c.service.select({});  // the leader key is deleted: no endpoint; synced at 10.115 s
  c.sim.run_until(Time{} + 10'400ms);
  CHECK(c.who() == "connection refused");
  c.service.select(c.only_of(c.b));  // slice at 10.53, but not before 11.115 + 0.2 s
  c.sim.run_until(Time{} + 11'280ms);
  CHECK(c.who() == "connection refused");
  c.sim.run_until(Time{} + 11'330ms);
  CHECK(c.who() == "server 1");
}

TEST_CASE("kubernetes service: sessions stay with the old pod until it goes", "[kubernetes]") {
  Cluster c;
  c.client.spawn(c.ask());
  c.sim.run_for(1s);
  struct Session {
    static Task<> hold(Cluster& cluster, std::vector<std::string>& log) {
      auto socket =
          co_await connect_sql(cluster.client, cluster.book, cluster.service.address(), 5s);
      co_await sleep_for(30s);
      socket->send({.op = SqlOp::read});
      const auto answer = co_await socket->receive();
      log.push_back("server " + std::to_string(answer->server));
      const auto end = co_await socket->receive();
      log.push_back(std::string(to_text(end.error())));
    }
  };
  std::vector<std::string> log;
  c.client.spawn(Session::hold(c, log));
  c.sim.run_for(1s);
  c.service.select(c.only_of(c.b));
  c.sim.run_for(60s);
  CHECK(log == std::vector<std::string>{"server 0"});
  c.first.kill();
  c.sim.run_for(1s);
  CHECK(log.back() == "connection closed");
}

TEST_CASE("kubernetes service: a node that is cut off keeps its old rules", "[kubernetes]") {
  Cluster c;
  c.sim.run_for(10s);
  const auto cut = c.sim.network().cut({&c.control_plane}, {&c.node});
  c.service.select(c.only_of(c.b));
  c.sim.run_for(60s);
  CHECK(c.who() == "server 0");
  c.sim.network().heal(cut);
  c.sim.run_for(2s);
  CHECK(c.who() == "server 1");
}

TEST_CASE("kubernetes service: readiness counts with a selector, not without", "[kubernetes]") {
  SECTION("pod labels") {
    Cluster c({.name = "pg", .selector = KubernetesServiceConfig::Selector::pod_labels});
    c.service.set_ready(c.a, false);
    c.sim.run_for(5s);
    CHECK(c.who() == "connection refused");
    c.service.set_ready(c.a, true);
    c.sim.run_for(5s);
    CHECK(c.who() == "server 0");
  }
  SECTION("Patroni writes the endpoints itself") {
    Cluster c;
    c.service.set_ready(c.a, false);
    c.sim.run_for(5s);
    CHECK(c.who() == "server 0");
  }
}

TEST_CASE("kubernetes service: a rebooted node rejects until its first sync", "[kubernetes]") {
  Cluster c;
  c.sim.run_for(10s);
  c.node.crash();
  c.sim.run_for(10s);
  c.node.restart();
  c.sim.run_for(2900ms);
  CHECK(c.who() == "connection refused");
  c.sim.run_for(500ms);
  CHECK(c.who() == "server 0");
}

TEST_CASE("kubernetes service: a headless name follows through CoreDNS", "[kubernetes]") {
  World w;
  AddressBook book;
  DnsServer coredns(w.dns_group, {.name = "coredns"}, Distribution::constant(Duration(5ms)));
  coredns.add(db, "pg.default.svc.cluster.local", 5s, {});
  KubernetesService service(w.above_host, book, {.name = "pg", .headless = true}, exact());
  service.add_node(w.client_host);
  service.publish_name(coredns, db);
  service.start(list({1}));
  w.sim.run_for(1s);
  CHECK(w.now(coredns).addresses == list({1}));
  service.select(list({2}));
  w.sim.run_for(200ms);
  CHECK(w.now(coredns).addresses == list({2}));
}
