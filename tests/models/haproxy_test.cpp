// HAProxy's detection times follow from inter, fall, rise and what a check meets; what sessions
// see when a server is marked down follows from one option. One-way latency is 1 ms.
#include "models/haproxy.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"
#include "tests/models/sql_session.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

/// Port 8008 of a member.
class FakeRest {
 public:
  explicit FakeRest(Host& host) : group(host, "patroni") {}
  void start() {
    port.open();
    group.spawn(accept());
  }
  Group group;
  RestListener port{group, "8008"};
  std::uint16_t status = 503;
  std::vector<Time> asked;

 private:
  Task<> accept() {
    for (;;) {
      auto socket = co_await port.accept();
      const auto request = co_await socket.receive();
      if (!request) continue;
      asked.push_back(group.now());
      RestReply reply;
      reply.status = status;
      socket.send(reply);
    }
  }
};

HaproxyConfig patroni_cfg() {  // patroni/haproxy.cfg
  HaproxyConfig c;
  c.sections.resize(1);
  c.sections[0].inter = 3s;
  c.sections[0].fall = 3;
  c.sections[0].rise = 2;
  c.sections[0].on_marked_down_shutdown_sessions = true;
  c.timeout_connect = 4s;
  c.timeout_check = 5s;
  c.timeout_client = 30min;
  c.timeout_server = 30min;
  return c;
}

struct World {
  explicit World(HaproxyConfig c = patroni_cfg()) {
    sim.network().set_latency(0, 0, Distribution::constant(Duration(1ms)));
    rest[0].status = 200;
    for (int i = 0; i < 2; ++i) {
      db[i].start();
      rest[i].start();
    }
    proxy = std::make_unique<Haproxy>(
        proxy_host, c,
        std::vector<HaproxyServer>{{0, "db-0", &db[0].port, &rest[0].port},
                                   {1, "db-1", &db[1].port, &rest[1].port}});
    proxy->start();
  }
  SqlSession& session(std::vector<SqlRequest> requests, Duration after = {}) {
    sessions.push_back(std::make_unique<SqlSession>(clients, proxy->listener(0)));
    sessions.back()->run(std::move(requests), after);
    return *sessions.back();
  }
  void until(Duration t) { sim.run_until(Time{} + t); }
  /// When a member's state is next the wanted one.
  Duration when(MemberId member, bool up) {
    while (proxy->is_up(0, member) != up) sim.run_for(1ms);
    return sim.now().time_since_epoch();
  }
  Simulation sim;
  Host client_host{sim, "clients"};
  Group clients{client_host, "clients"};
  Host proxy_host{sim, "haproxy"};
  FakePostgres db[2] = {{sim, "db-0", 0}, {sim, "db-1", 1}};
  FakeRest rest[2] = {FakeRest(db[0].host), FakeRest(db[1].host)};
  std::unique_ptr<Haproxy> proxy;
  std::vector<std::unique_ptr<SqlSession>> sessions;
};

}  // namespace

TEST_CASE("haproxy: the health counter falls and rises like struct check", "[haproxy]") {
  HaproxyHealth h{2, 3, 2};
  CHECK(h.up());
  h.note(false);  // the first check after start counts as the last
  CHECK_FALSE(h.up());
  h.note(true);
  CHECK_FALSE(h.up());
  h.note(false);
  h.note(true);
  CHECK_FALSE(h.up());  // a failure in between starts the rise again
  h.note(true);
  CHECK(h.up());
  CHECK(h.value == 4);
  h.note(false);
  h.note(false);
  CHECK(h.up());
  h.note(true);  // one success in between restores it in full
  CHECK(h.value == 4);
}

TEST_CASE("haproxy: at start all are up until their first check, which comes spread over inter",
          "[haproxy]") {
  World w;
  w.until(1ms);
  CHECK(w.proxy->is_up(0, 1));
  w.until(1400ms);
  CHECK(w.proxy->is_up(0, 1));
  w.until(1600ms);  // the second of two servers is first asked at inter / 2
  CHECK_FALSE(w.proxy->is_up(0, 1));
  CHECK(w.proxy->is_up(0, 0));
}

TEST_CASE("haproxy: refused checks take a server down after fall checks, 6 to 9 s", "[haproxy]") {
  World w;
  const Duration phase = GENERATE(0ms, 1000ms, 2900ms);
  w.until(30s + phase);
  w.rest[0].group.kill();
  const Duration down = w.when(0, false) - (30s + phase);
  CHECK(down > Duration(6s));
  CHECK(down <= Duration(9s) + Duration(30ms));
}

TEST_CASE("haproxy: a silent host costs the connect limit of every check on top", "[haproxy]") {
  World w;
  w.until(30s);
  w.db[0].host.crash();
  const Duration down = w.when(0, false) - 30s;
  // U(0, inter) + fall * min(timeout connect, inter) + (fall - 1) * inter
  CHECK(down > Duration(15s));
  CHECK(down <= Duration(18s) + Duration(30ms));
}

TEST_CASE("haproxy: a stopped REST API costs timeout check", "[haproxy]") {
  World w;
  w.until(30s);
  w.rest[0].group.freeze();
  const Duration down = w.when(0, false) - 30s;
  // U(0, inter) + 3 * 5 s + 2 * 3 s
  CHECK(down > Duration(21s));
  CHECK(down <= Duration(24s) + Duration(30ms));
}

TEST_CASE("haproxy: fastinter shortens the rest of the detection, downinter stretches the rise",
          "[haproxy]") {
  auto c = patroni_cfg();
  c.sections[0].fastinter = 500ms;
  c.sections[0].downinter = 10s;
  World w(c);
  w.until(30s);
  w.rest[0].group.kill();
  const Duration down = w.when(0, false) - 30s;
  CHECK(down > Duration(1s));
  CHECK(down <= Duration(4s) + Duration(30ms));  // U(0, 3 s) + 2 * 0.5 s
  w.rest[1].status = 200;
  const Duration begin = w.sim.now().time_since_epoch();
  const Duration up = w.when(1, true) - begin;
  CHECK(up <= Duration(10500ms) + Duration(30ms));  // U(0, 10 s) + 0.5 s
}

TEST_CASE("haproxy: a new primary is used rise - 1 checks after its first 200", "[haproxy]") {
  World w;
  w.until(30s);
  CHECK_FALSE(w.proxy->is_up(0, 1));
  w.rest[1].status = 200;
  const Duration up = w.when(1, true) - 30s;
  CHECK(up > Duration(3s));
  CHECK(up <= Duration(6s) + Duration(30ms));
}

TEST_CASE(
    "haproxy: a server that comes up beside another takes every second connection, not the next",
    "[haproxy]") {
  World w;
  w.until(30s);
  w.rest[1].status = 200;
  w.when(1, true);
  std::vector<int> servers;
  for (int i = 0; i < 4; ++i) {
    SqlSession& s = w.session({query(1ms)});
    w.sim.run_for(200ms);
    servers.push_back(s.events()[1].server);
  }
  CHECK(servers == std::vector<int>{0, 1, 0, 1});
}

TEST_CASE("haproxy: sessions go to the server that is up, and are shut when it is marked down",
          "[haproxy]") {
  auto c = patroni_cfg();
  const bool shut = GENERATE(true, false);
  c.sections[0].on_marked_down_shutdown_sessions = shut;
  World w(c);
  w.until(10s);
  SqlSession& s = w.session({query(1ms), query(100s)});
  w.until(20s);
  CHECK(s.events()[1].server == 0);
  CHECK(w.proxy->sessions(0) == 1);
  w.rest[0].status = 503;  // demoted, PostgreSQL still there
  w.until(40s);
  CHECK((s.last() == "connection closed") == shut);
  CHECK(w.proxy->sessions(0) == (shut ? 0U : 1U));
}

// It is retried on the server that is down, and must not live on there: a pooler would stay with a
// standby.
TEST_CASE("haproxy: a session that is being connected when its server is marked down ends, too",
          "[haproxy]") {
  auto c = patroni_cfg();
  const bool shut = GENERATE(true, false);
  c.sections[0].on_marked_down_shutdown_sessions = shut;
  const auto prepared = [&c] {
    auto world = std::make_unique<World>(c);
    world->until(10s);
    world->rest[0].status = 503;
    return world;
  };
  const Duration down = prepared()->when(0, false);
  const auto w = prepared();
  w->until(down - 1500ms);
  w->db[0].kill();
  SqlSession& s = w->session({query(1ms)});
  w->until(down + 200ms);
  CHECK(s.events().empty());
  w->db[0].start();
  w->until(down + 2s);
  CHECK(s.has("login") != shut);
  CHECK((s.last() == "connection closed") == shut);
  CHECK(w->proxy->sessions(0) == (shut ? 0U : 1U));
}

TEST_CASE("haproxy: without a server a connection is accepted and closed", "[haproxy]") {
  World w;
  w.rest[0].status = 503;
  w.until(30s);
  SqlSession& s = w.session({query(1ms)});
  w.until(31s);
  CHECK(s.last() == "connection closed");
  CHECK(w.proxy->closed_without_server() == 1);
}

TEST_CASE("haproxy: a refused connection is tried again each second, then redispatched",
          "[haproxy]") {
  auto c = patroni_cfg();
  c.redispatch = GENERATE(false, true);
  World w(c);
  w.rest[1].status = 200;
  w.until(30s);
  w.db[0].kill();
  SqlSession& a = w.session({query(1ms)});
  SqlSession& b = w.session({query(1ms)});
  w.until(29s);
  w.until(36s);
  const SqlSession& unlucky = a.has("login") && a.at(0) < Duration(31s) ? b : a;
  if (c.redispatch) {
    CHECK(unlucky.events()[0].what == "login");
    CHECK(unlucky.at(0) > Duration(33s));  // three pauses of 1 s
    CHECK(unlucky.events()[0].server == 1);
  } else {
    CHECK(unlucky.last() == "connection closed");
  }
}

TEST_CASE("haproxy: the death of the server's process reaches the client at once", "[haproxy]") {
  World w;
  w.until(10s);
  SqlSession& s = w.session({query(100s)});
  w.until(20s);
  w.db[0].kill();
  w.until(20s + 3ms);
  CHECK(s.last() == "connection closed");
  CHECK(w.proxy->sessions(0) == 0);
}

TEST_CASE("haproxy: a silent server holds its sessions until timeout server", "[haproxy]") {
  auto c = patroni_cfg();
  c.sections[0].on_marked_down_shutdown_sessions = false;
  c.timeout_server = 60s;
  World w(c);
  w.until(10s);
  SqlSession& s = w.session({query(1000s)});
  w.until(20s);
  w.db[0].host.crash();
  w.until(65s);
  CHECK(s.events().size() == 1);
  w.until(75s);
  CHECK(s.last() == "connection closed");
}

TEST_CASE("haproxy: maxconn of a server queues, timeout queue ends the wait", "[haproxy]") {
  auto c = patroni_cfg();
  c.sections[0].maxconn = 1;
  c.timeout_queue = 2s;
  World w(c);
  w.until(10s);
  SqlSession& first = w.session({query(100s)});
  w.until(11s);
  SqlSession& second = w.session({query(1ms)});
  w.until(12s);
  CHECK(second.events().empty());
  w.until(14s);
  CHECK(second.last() == "connection closed");
  first.disconnect();
  w.until(15s);
  SqlSession& third = w.session({query(1ms)});
  w.until(16s);
  CHECK(third.last() == "00000");
}

TEST_CASE("haproxy: what it would refuse is reported", "[haproxy]") {
  HaproxyConfig c = patroni_cfg();
  CHECK(validate(c).empty());
  c.sections[0].fall = 0;
  c.timeout_server = 0s;
  CHECK(validate(c).size() == 2);
  CHECK(c.sections[0].fall == 3);
}
