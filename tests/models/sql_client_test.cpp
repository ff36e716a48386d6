// Clients: libpq's order of hosts and its time-outs, probes that never wait for each other, retries
// and what they cost. One-way latency is 1 ms.
#include "models/sql_client.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "models/prober.hpp"
#include "models/workload.hpp"
#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

struct World {
  World() {
    sim.network().set_latency(0, 0, Distribution::constant(Duration(1ms)));
    for (int i = 0; i < 3; ++i) {
      address[i] = book.add(db[i].port);
      db[i].start();
      all.host.push_back(HostSpec::of(address[i], static_cast<MemberId>(i)));
    }
    db[1].in_recovery = db[2].in_recovery = true;
  }
  Task<> connect(LibpqConfig config, Duration limit) {
    Libpq libpq(clients, book, nullptr, config, "test");
    SqlSocket socket;
    const Time deadline = limit == forever ? time_max : sim.now() + limit;
    result = co_await libpq.connect(socket, deadline);
    took = sim.now() - begin;
    tried = libpq.connects();
    done = true;
  }
  void run(const LibpqConfig& config, Duration limit = forever) {
    done = false;
    begin = sim.now();
    clients.spawn(connect(config, limit));
    sim.run_for(600s);
    REQUIRE(done);
  }
  Simulation sim;
  AddressBook book;
  Host client_host{sim, "clients"};
  Group clients{client_host, "clients"};
  FakePostgres db[3] = {{sim, "db-0", 0}, {sim, "db-1", 1}, {sim, "db-2", 2}};
  Address address[3];
  LibpqConfig all;
  StatementResult result;
  Time begin{};
  Duration took{};
  std::uint64_t tried = 0;
  bool done = false;
};

}  // namespace

TEST_CASE("libpq: hosts are tried in order until one suits", "[libpq]") {
  World w;
  LibpqConfig c = w.all;
  SECTION("any: the first") {
    w.run(c);
    CHECK(w.result.server == 0);
    CHECK(w.took == Duration(4ms));
  }
  SECTION("the primary moved to the last host: two refusals by role on the way") {
    w.db[0].in_recovery = true;
    w.db[2].in_recovery = false;
    c.target_session_attrs = TargetSessionAttrs::read_write;
    w.run(c);
    CHECK(w.result.ok());
    CHECK(w.result.server == 2);
    CHECK(w.took == Duration(12ms));
  }
  SECTION("standby") {
    c.target_session_attrs = TargetSessionAttrs::standby;
    w.run(c);
    CHECK(w.result.server == 1);
  }
  SECTION("prefer-standby without one: a second pass takes anybody") {
    w.db[1].kill();
    w.db[2].kill();
    c.target_session_attrs = TargetSessionAttrs::prefer_standby;
    w.run(c);
    CHECK(w.result.server == 0);
    CHECK(w.tried == 4);
  }
  SECTION("nobody suits") {
    w.db[0].in_recovery = true;
    c.target_session_attrs = TargetSessionAttrs::primary;
    w.run(c);
    CHECK_FALSE(w.result.ok());
    CHECK(w.tried == 3);
  }
}

TEST_CASE("libpq: connect_timeout starts again for each address", "[libpq]") {
  World w;
  LibpqConfig c = w.all;
  w.db[0].host.crash();
  w.db[1].host.crash();
  SECTION("3 s each") {
    c.connect_timeout = 3s;
    w.run(c);
    CHECK(w.result.server == 2);
    CHECK(w.took == Duration(6s) + Duration(4ms));
  }
  SECTION("1 s counts as 2 s") {
    c.connect_timeout = 1s;
    CHECK(validate(c).size() == 1);
    w.run(c);
    CHECK(w.took == Duration(4s) + Duration(4ms));
  }
  SECTION("none: 131 s of SYN retries each") {
    w.run(c);
    CHECK(w.took >= Duration(262s) + Duration(4ms));
    CHECK(w.took <= Duration(273s));  // each of the SYNs' timers ends with a tick
  }
  SECTION("the program's own limit ends it before") {
    c.connect_timeout = 3s;
    w.run(c, 2s);
    CHECK(w.result.outcome == Outcome::timeout);
    CHECK(w.took == Duration(2s));
  }
}

TEST_CASE("libpq: a server that starts up is passed over, any other refusal is final", "[libpq]") {
  World w;
  SECTION("57P03") {
    w.db[0].refuse_logins = SqlState::cannot_connect_now;
    w.run(w.all);
    CHECK(w.result.server == 1);
  }
  SECTION("53300") {
    w.db[0].refuse_logins = SqlState::too_many_connections;
    w.run(w.all);
    CHECK(w.result.state == SqlState::too_many_connections);
    CHECK(w.tried == 1);
  }
}

TEST_CASE("prober: a silent server never delays the next attempt", "[prober]") {
  World w;
  Journal journal;
  ProberConfig c;
  c.target.host = {HostSpec::of(w.address[0])};
  c.interval = 100ms;
  c.timeout = 1s;
  Prober prober(w.client_host, w.book, nullptr, c, journal);
  prober.start();
  w.sim.run_until(Time{} + 5s + 50ms);
  w.db[0].host.crash();
  w.sim.run_until(Time{} + 10s + 50ms);
  CHECK(prober.attempts() == 101);
  REQUIRE(journal.attempts.size() > 80);
  std::int64_t previous = -1;
  int late = 0;
  for (const Attempt& a : journal.attempts) {
    CHECK(a.finished - a.sent <= Duration(1s).count());
    CHECK(a.sent > previous);  // all time-outs are equal, so they end in their order
    previous = a.sent;
    late += a.outcome == Outcome::timeout ? 1 : 0;
  }
  // Due every 100 ms from 5.1 s; those sent up to 9.0 s are over by 10.05 s.
  CHECK(late == 40);
  CHECK(prober.lanes() == 11);  // a time-out is noticed just after the tick that falls on it
  CHECK(journal.attempts.front().server == 0);
}

TEST_CASE("prober: a killed server gives closed, then refused; tags are unique", "[prober]") {
  World w;
  Journal journal;
  ProberConfig c;
  c.target.host = {HostSpec::of(w.address[0])};
  c.work = 50ms;
  Prober prober(w.client_host, w.book, nullptr, c, journal);
  prober.start();
  w.sim.run_until(Time{} + 2s + 20ms);  // an attempt is under way
  w.db[0].kill();
  w.sim.run_until(Time{} + 3s + 190ms);
  w.db[0].start();
  w.sim.run_until(Time{} + 4s + 190ms);
  int closed = 0, refused = 0, ok = 0;
  std::uint64_t last = 0;
  for (const Attempt& a : journal.attempts) {
    closed += a.outcome == Outcome::closed && a.in_flight ? 1 : 0;
    refused += a.outcome == Outcome::refused && !a.in_flight ? 1 : 0;
    ok += a.outcome == Outcome::ok ? 1 : 0;
    CHECK(a.tag > last);
    last = a.tag;
  }
  CHECK(closed == 1);
  CHECK(refused == 5);  // 2.2 to 3.0 s
  CHECK(ok == 15);
}

// libpq does not read an idle connection: PQsendQuery finds it in order. In a lab the first attempt
// after a fast stop says "server closed the connection unexpectedly", the next one connects.
TEST_CASE("prober: that an idle session has ended is told by the attempt that uses it",
          "[prober]") {
  World w;
  Journal journal;
  ProberConfig c;
  c.target.host = {HostSpec::of(w.address[0])};
  Prober prober(w.client_host, w.book, nullptr, c, journal);
  prober.start();
  w.sim.run_until(Time{} + 2s + 100ms);
  w.db[0].kill();
  w.sim.run_until(Time{} + 2s + 150ms);
  w.db[0].start();
  w.sim.run_until(Time{} + 4s + 100ms);
  REQUIRE(journal.attempts.size() == 21);
  for (const Attempt& a : journal.attempts) {
    const bool first_after = a.sent == Duration(2200ms).count();
    CHECK(a.outcome == (first_after ? Outcome::closed : Outcome::ok));
    if (first_after) CHECK(a.in_flight);
  }
}

TEST_CASE("prober: a steady probe costs few events", "[prober]") {
  World w;
  Journal journal;
  ProberConfig c;
  c.target.host = {HostSpec::of(w.address[0])};
  Prober prober(w.client_host, w.book, nullptr, c, journal);
  prober.start();
  w.sim.run_for(10s);
  const auto before = w.sim.events_executed();
  w.sim.run_for(100s);
  const auto per_attempt = (w.sim.events_executed() - before) / 500;
  CHECK(per_attempt <= 7);  // the fake server's sleep included
}

TEST_CASE("retry: back-off grows to its cap, jitter stays within", "[retry]") {
  Stream stream(7, "test", "retry");
  RetryPolicy p;
  p.base = 100ms;
  p.cap = 1s;
  p.jitter = RetryPolicy::Jitter::none;
  CHECK(p.wait(1, {}, stream) == Duration(100ms));
  CHECK(p.wait(3, {}, stream) == Duration(400ms));
  CHECK(p.wait(5, {}, stream) == Duration(1s));
  CHECK(p.wait(60, {}, stream) == Duration(1s));
  for (int i = 0; i < 200; ++i) {
    p.jitter = RetryPolicy::Jitter::full;
    CHECK(p.wait(3, {}, stream) <= Duration(400ms));
    p.jitter = RetryPolicy::Jitter::equal;
    CHECK(p.wait(3, {}, stream) >= Duration(200ms));
    p.jitter = RetryPolicy::Jitter::decorrelated;
    const Duration d = p.wait(3, 300ms, stream);
    CHECK(d >= Duration(100ms));
    CHECK(d <= Duration(900ms));
  }
}

TEST_CASE("workload: retries amplify load as the formula says", "[workload]") {
  // Everything fails (25006): A = (1 - p^(n+1)) / (1 - p) with p = 1 and 3 retries is 4.
  World w;
  WorkloadConfig c;
  c.target.host = {HostSpec::of(w.address[1])};
  c.sessions = 50;
  c.between = Distribution::constant(Duration(10ms));
  c.wal_bytes = 100;
  c.retry.attempts = 4;
  c.retry.base = 20ms;
  c.retry.reconnect_if_read_only = false;
  Journal journal;
  c.journal = true;
  Workload load(w.client_host, w.book, nullptr, c, &journal);
  load.start();
  w.sim.run_for(60s);
  const WorkloadStats& s = load.stats();
  CHECK(s.completed == 0);
  CHECK(s.failed > 5900);
  CHECK(s.attempts >= 4 * s.failed);
  CHECK(s.attempts <= 4 * s.arrived);
  CHECK(s.in_doubt == 0);
  std::uint8_t most = 0;
  for (const Attempt& a : journal.attempts) {
    CHECK(a.state == SqlState::read_only);
    most = std::max(most, a.number);
  }
  CHECK(most == 4);
}

TEST_CASE("workload: a write in doubt is tried again only if the policy says so", "[workload]") {
  World w;
  WorkloadConfig c;
  c.target.host = {HostSpec::of(w.address[0])};
  c.sessions = 10;
  c.between = Distribution::constant(Duration(100ms));
  c.write_time = Distribution::constant(Duration(90ms));
  c.retry.attempts = 5;
  c.retry.base = 1s;
  c.retry.jitter = RetryPolicy::Jitter::none;
  c.retry.retry_in_doubt = GENERATE(false, true);
  Workload load(w.client_host, w.book, nullptr, c);
  load.start();
  w.sim.run_until(Time{} + 5s + 50ms);  // one write is under way
  w.db[0].kill();
  w.db[0].start();
  w.sim.run_until(Time{} + 20s);
  CHECK(load.stats().in_doubt == 1);
  CHECK(load.stats().failed == (c.retry.retry_in_doubt ? 0U : 1U));
}

TEST_CASE("workload: transaction blocks, closed loop, conservation of work", "[workload]") {
  World w;
  WorkloadConfig c;
  c.target.host = {HostSpec::of(w.address[0])};
  c.sessions = 5;
  c.closed_loop = true;
  c.between = Distribution::constant(Duration(100ms));
  c.write_time = Distribution::constant(Duration(10ms));
  c.statements = 3;
  Workload load(w.client_host, w.book, nullptr, c);
  load.start();
  w.sim.run_for(100s);
  // BEGIN 2 ms, three statements of 12 ms, COMMIT 2 ms, then 100 ms of thinking: 140 ms.
  const WorkloadStats& s = load.stats();
  CHECK(s.completed >= 5 * (100'000 / 140) - 5);
  CHECK(s.completed <= 5 * (100'000 / 140) + 5);
  CHECK(s.failed == 0);
  CHECK(s.arrived - s.completed <= 5);
  CHECK(w.db[0].statements >= s.completed * 5);
}
