// PgBouncer and a moving name: it looks up when it opens a connection and at no other time, and
// keeps every answer for dns_max_ttl.
#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "models/pgbouncer.hpp"
#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"
#include "tests/models/sql_session.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

constexpr auto db = static_cast<DnsName>(1);
constexpr Duration e = Duration(1s) / 3;

AddressList only_of(Address a) {
  AddressList list;
  list.add(a);
  return list;
}

struct World {
  explicit World(int pool_size, Duration retry = 1s) {
    sim.network().set_latency(0, 0, Distribution::constant(Duration(1ms)));
    blue = book.add(first.port);
    green = book.add(second.port);
    first.start();
    second.start();
    zone.add(db, "db.example", 5s, only_of(blue));
    PgbouncerConfig c;
    c.pool_mode = PoolMode::transaction;
    c.default_pool_size = pool_size;
    c.max_client_conn = 1000;
    c.server_login_retry = retry;
    c.databases.resize(1);
    c.databases[0].host = {HostSpec::of(db)};
    pooler = std::make_unique<Pgbouncer>(pooler_host, book, c, &zone);
    pooler->start();
  }
  SqlSession& session(std::vector<SqlRequest> requests, Duration after = {}) {
    sessions.push_back(std::make_unique<SqlSession>(clients, pooler->listener()));
    sessions.back()->run(std::move(requests), after);
    return *sessions.back();
  }
  void until(Duration t) { sim.run_until(Time{} + t); }
  std::size_t servers_at(Address a) const {
    std::size_t n = 0;
    for (const auto& row : pooler->show_servers()) n += row.addr == a ? 1 : 0;
    return n;
  }
  Simulation sim;
  AddressBook book;
  Host dns_host{sim, "dns"};
  Group dns_group{dns_host, "dns"};
  DnsServer zone{dns_group, {.name = "zone"}};
  Host client_host{sim, "clients"};
  Group clients{client_host, "clients"};
  Host pooler_host{sim, "pooler"};
  FakePostgres first{sim, "db-0", 0};
  FakePostgres second{sim, "db-1", 1};
  Address blue{}, green{};
  std::unique_ptr<Pgbouncer> pooler;
  std::vector<std::unique_ptr<SqlSession>> sessions;
};

}  // namespace

TEST_CASE("pgbouncer: a DNS change alone moves nothing, one launch moves all", "[pgbouncer][dns]") {
  World w(20);
  std::vector<SqlRequest> busy(120, query(500ms));
  for (int i = 0; i < 8; ++i) w.session(busy);
  w.until(5s);
  REQUIRE(w.servers_at(w.blue) == 8);
  w.zone.set(db, only_of(w.green));
  w.until(40s);
  CHECK(w.servers_at(w.blue) == 8);
  CHECK(w.pooler->stats().dns_lookups == 1);
  for (int i = 0; i < 6; ++i) w.session({query(500ms)});  // more than there are idle servers
  w.until(40s + 1s);
  CHECK(w.pooler->stats().dns_lookups == 2);
  CHECK(w.servers_at(w.blue) == 0);
  CHECK(w.servers_at(w.green) >= 6);
}

TEST_CASE("pgbouncer: a dead address is believed for dns_max_ttl from the first retry",
          "[pgbouncer][dns]") {
  World w(5);
  w.session({query(600s)});
  SqlSession& waiting = w.session({query(600s), query(1ms)}, 100ms);
  for (int i = 0; i < 4; ++i) w.session({query(600s)}, 200ms);
  w.until(60s);
  // t0: the old server dies; its first retry looks up at once and pins the old address.
  SqlSession& queued = w.session({query(1ms)});
  w.until(61s);
  CHECK_FALSE(queued.has("00000"));
  w.first.kill();
  w.until(64s);
  w.zone.set(db, only_of(w.green));
  w.until(75s);
  CHECK_FALSE(queued.has("00000"));
  w.until(80s);
  // 15 s + U(0, retry + e) + login
  CHECK(queued.has("00000"));
  CHECK(queued.at() >= Duration(61s) + Duration(15s));
  CHECK(queued.at() <= Duration(61s) + Duration(15s) + Duration(1s) + e + Duration(50ms));
  CHECK(waiting.has("08P01"));
}

TEST_CASE("pgbouncer: a failed lookup is remembered for dns_nxdomain_ttl", "[pgbouncer][dns]") {
  World w(5);
  w.zone.set(db, {});
  SqlSession& s = w.session({query(1ms)});
  w.until(3s);
  w.zone.set(db, only_of(w.green));
  w.until(14s);
  CHECK(w.pooler->stats().dns_lookups == 1);
  CHECK(w.pooler->stats().server_login_attempts >= 9);
  w.until(17s);
  CHECK(s.has("00000"));
  CHECK(w.servers_at(w.green) == 1);
}

TEST_CASE("pgbouncer: RECONNECT within dns_max_ttl goes back to the old address",
          "[pgbouncer][dns]") {
  World w(5);
  std::vector<SqlRequest> busy(600, query(100ms));
  for (int i = 0; i < 2; ++i) w.session(busy);
  w.until(5s);
  w.zone.set(db, only_of(w.green));
  w.pooler->reconnect();
  w.until(6s);
  CHECK(w.servers_at(w.blue) == 2);
  CHECK(w.first.logins == 4);
  w.until(16s);
  w.pooler->reconnect();
  w.until(17s);
  CHECK(w.servers_at(w.blue) == 0);
  CHECK(w.servers_at(w.green) == 2);
}

TEST_CASE("pgbouncer: several hosts take turns, good or bad", "[pgbouncer][dns]") {
  Simulation sim;
  AddressBook book;
  Host client_host(sim, "clients");
  Group clients(client_host, "clients");
  Host pooler_host(sim, "pooler");
  FakePostgres first(sim, "db-0", 0);
  FakePostgres second(sim, "db-1", 1);
  first.start();
  second.start();
  PgbouncerConfig c;
  c.pool_mode = PoolMode::transaction;
  c.databases.resize(1);
  c.databases[0].host = {HostSpec::of(book.add(first.port)), HostSpec::of(book.add(second.port))};
  Pgbouncer pooler(pooler_host, book, c);
  pooler.start();
  std::vector<std::unique_ptr<SqlSession>> sessions;
  for (int i = 0; i < 6; ++i) {
    sessions.push_back(std::make_unique<SqlSession>(clients, pooler.listener()));
    sessions.back()->run({query(10s)});
  }
  sim.run_for(5s);
  CHECK(first.sessions() == 3);
  CHECK(second.sessions() == 3);
}

TEST_CASE("pgbouncer: a storm of SCRAM logins with plaintext passwords occupies the thread",
          "[pgbouncer]") {
  Simulation sim;
  AddressBook book;
  Host client_host(sim, "clients");
  Group clients(client_host, "clients");
  Host pooler_host(sim, "pooler");
  FakePostgres server(sim, "db-0", 0);
  server.start();
  PgbouncerConfig c;
  c.pool_mode = PoolMode::transaction;
  c.max_client_conn = 1000;
  c.listen_backlog = 1000;
  c.auth_type = PgbouncerAuth::scram_plaintext;
  c.databases.resize(1);
  c.databases[0].host = {HostSpec::of(book.add(server.port))};
  Pgbouncer pooler(pooler_host, book, c);
  pooler.start();
  std::vector<std::unique_ptr<SqlSession>> sessions;
  for (int i = 0; i < 284; ++i) {
    sessions.push_back(std::make_unique<SqlSession>(clients, pooler.listener()));
    sessions.back()->run({query(1ms)});
  }
  sim.run_for(10s);
  Duration last{};
  for (const auto& s : sessions) last = std::max(last, s->at(0));
  CHECK(last > Duration(1055ms));  // 284 * 3.73 ms = 1.06 s
  CHECK(last < Duration(1080ms));
}
