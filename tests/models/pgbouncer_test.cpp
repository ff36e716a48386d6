// The pooler's documented rules, each with its timeline. One-way latency is 1 ms to the server;
// clients sit 1 ms away as well. "e" is the janitor's third of a second.
#include "models/pgbouncer.hpp"

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

constexpr Duration e = Duration(1s) / 3 + Duration(1ms);

PgbouncerTimings instant() {
  PgbouncerTimings t;
  t.packet = {};
  t.login_trust = t.login_md5 = Distribution::constant(Duration(0));
  t.server_login_round_trips = 0;
  return t;
}

struct World {
  explicit World(PgbouncerConfig c = {}, std::uint64_t seed = 1) : sim({.seed = seed}) {
    sim.network().set_latency(0, 0, Distribution::constant(Duration(1ms)));
    address = book.add(first.port);
    if (c.databases.empty()) {
      c.databases.resize(1);
      c.databases[0].host = {HostSpec::of(address)};
    }
    c.auth_type = PgbouncerAuth::trust;
    first.start();
    pooler = std::make_unique<Pgbouncer>(pooler_host, book, c, nullptr, instant());
    pooler->start();
  }
  SqlSession& session(std::vector<SqlRequest> requests, Duration after = {}) {
    sessions.push_back(std::make_unique<SqlSession>(clients, pooler->listener()));
    sessions.back()->run(std::move(requests), after);
    return *sessions.back();
  }
  void until(Duration t) { sim.run_until(Time{} + t); }
  int count(const std::string& what) const {
    int n = 0;
    for (const auto& s : sessions) n += s->has(what) ? 1 : 0;
    return n;
  }

  Simulation sim;
  AddressBook book;
  Host client_host{sim, "clients"};
  Group clients{client_host, "clients"};
  Host pooler_host{sim, "pooler"};
  FakePostgres first{sim, "db-0", 0};
  Address address{};
  std::unique_ptr<Pgbouncer> pooler;
  std::vector<std::unique_ptr<SqlSession>> sessions;
};

PgbouncerConfig transaction_pool(int size) {
  PgbouncerConfig c;
  c.pool_mode = PoolMode::transaction;
  c.default_pool_size = size;
  return c;
}

}  // namespace

TEST_CASE("pgbouncer: a full pool serves the queue first come, first served", "[pgbouncer]") {
  World w(transaction_pool(2));
  std::vector<SqlSession*> s;
  for (int i = 0; i < 5; ++i) s.push_back(&w.session({query(1s)}, i * 10ms));
  w.until(500ms);
  const PgbouncerPoolRow row = w.pooler->show_pool();
  CHECK(row.sv_active == 2);
  CHECK(row.sv_idle == 0);
  CHECK(row.cl_active == 2);
  CHECK(row.cl_waiting == 3);
  CHECK(row.maxwait > Duration(450ms));
  w.until(10s);
  // The order of service is the order of arrival, two at a time.
  for (std::size_t i = 0; i + 1 < s.size(); ++i) CHECK(s[i]->at() <= s[i + 1]->at());
  CHECK(s[1]->at() < Duration(1100ms));
  CHECK(s[2]->at() > Duration(2s));
  CHECK(s[4]->at() > Duration(3s));
  CHECK(s[4]->at() < Duration(3100ms));
  CHECK(w.first.logins == 2);
  CHECK(w.pooler->stats().waits == 4);  // the first one waited at its login
}

TEST_CASE("pgbouncer: servers are opened one after the other, on demand", "[pgbouncer]") {
  World w(transaction_pool(5));
  w.first.login = 20ms;
  for (int i = 0; i < 5; ++i) w.session({query(1s)});
  w.until(3s);
  REQUIRE(w.first.connects.size() == 5);
  for (std::size_t i = 2; i < 5; ++i) {
    // connect 2 ms, startup 1 + 20 + 1 ms, then the next SYN
    CHECK(w.first.connects[i] - w.first.connects[i - 1] == Duration(24ms));
  }
  w.until(10s);
  CHECK(w.pooler->show_pool().sv_idle == 5);
}

TEST_CASE("pgbouncer: the last server released is the first one used", "[pgbouncer]") {
  World w(transaction_pool(20));
  for (int i = 0; i < 8; ++i) w.session({query(1s)});
  for (int i = 0; i < 400; ++i) w.session({query(10ms)}, 5s + i * 1s);
  w.until(610s);
  // Seven of the eight servers have been idle since the first burst: USED, then closed at 600 s.
  CHECK(w.pooler->show_pool().sv_idle + w.pooler->show_pool().sv_used <= 1);
}

TEST_CASE("pgbouncer: min_pool_size fills up one per tick, and only with a client", "[pgbouncer]") {
  auto c = transaction_pool(20);
  c.min_pool_size = 10;
  World w(c);
  w.until(10s);
  CHECK(w.first.logins == 0);
  w.session({query(1ms)});
  w.until(10s + 3700ms);
  CHECK(w.first.logins >= 10);
  CHECK(w.first.logins <= 11);
  CHECK(w.first.connects.back() - w.first.connects.front() > Duration(2600ms));
}

TEST_CASE("pgbouncer: the reserve opens when the first waiter is old enough", "[pgbouncer]") {
  auto c = transaction_pool(2);
  c.reserve_pool_size = 2;
  World w(c);
  for (int i = 0; i < 5; ++i) w.session({query(60s)});
  w.until(4900ms);
  CHECK(w.first.connects.size() == 2);
  w.until(5s + e + 20ms);
  REQUIRE(w.first.connects.size() >= 3);
  CHECK(w.first.connects[2] >= Time{} + 5s);
  CHECK(w.first.connects[2] <= Time{} + 5s + e + 10ms);
  w.until(8s);
  CHECK(w.first.connects.size() == 4);  // pool + reserve, never more
  CHECK(w.pooler->show_pool().cl_waiting == 1);
}

TEST_CASE("pgbouncer: query_wait_timeout closes a waiting client within a tick", "[pgbouncer]") {
  auto c = transaction_pool(1);
  c.query_wait_timeout = 9s;
  World w(c);
  w.session({query(60s)});
  SqlSession& waiting = w.session({query(1ms)}, 100ms);
  w.until(30s);
  REQUIRE(waiting.events().size() == 3);
  CHECK(waiting.events()[1].what == "08P01/query_wait_timeout");
  CHECK(waiting.at(1) > Duration(9100ms));
  CHECK(waiting.at(1) <= Duration(9110ms) + e);
  CHECK(waiting.last() == "connection closed");
  CHECK(w.pooler->stats().wait_timeouts == 1);
}

TEST_CASE("pgbouncer: every active server of a crash is one lost client, idle ones are not",
          "[pgbouncer]") {
  World w(transaction_pool(10));
  for (int i = 0; i < 4; ++i) w.session({query(60s)});
  for (int i = 0; i < 6; ++i) w.session({query(10ms)});
  w.until(5s);
  CHECK(w.pooler->show_pool().sv_active == 4);
  const int idle_servers = static_cast<int>(w.pooler->show_pool().sv_idle);
  CHECK(idle_servers > 0);
  w.first.kill();
  w.until(6s);
  CHECK(w.count("08P01") == 4);
  CHECK(w.pooler->stats().server_crashes == 4);
  CHECK(w.pooler->clients() == 6);
  CHECK(w.pooler->show_pool().sv_idle == 0);
}

TEST_CASE("pgbouncer: a fast stop is passed on, then the connection is closed", "[pgbouncer]") {
  World w(transaction_pool(1));
  SqlSession& s = w.session({of(SqlOp::begin), of(SqlOp::statement, 60s)});
  w.until(5s);
  w.first.fast_stop();
  w.until(6s);
  REQUIRE(s.events().size() == 5);
  CHECK(s.events()[2].what == "57P01");
  CHECK(s.events()[3].what == "08P01");
  CHECK(s.events()[4].what == "connection closed");
}

TEST_CASE("pgbouncer: login retries, fast fail for new queries, the queued ones stay",
          "[pgbouncer]") {
  auto c = transaction_pool(2);
  c.server_login_retry = 1s;
  World w(c);
  for (int i = 0; i < 2; ++i) w.session({query(60s)});
  SqlSession& queued = w.session({query(10ms)}, 1s);
  SqlSession& late = w.session({query(10ms), query(10ms)}, 500ms);
  (void)late;
  w.until(5s);
  w.first.kill();  // the port refuses from now on
  SqlSession& after = w.session({query(10ms)}, 3s);
  const std::uint64_t before = w.pooler->stats().server_login_attempts;
  w.until(15s);
  const std::uint64_t attempts = w.pooler->stats().server_login_attempts - before;
  CHECK(attempts >= 8);  // every 1.00 to 1.33 s
  CHECK(attempts <= 11);
  CHECK(w.count("08P01") == 3);              // two crashes and one fast fail
  CHECK(after.events()[0].what == "login");  // logging in works, the query does not
  CHECK(after.events()[1].what == "08P01");
  CHECK(w.pooler->stats().fast_fails == 1);
  CHECK_FALSE(queued.has("00000"));
  w.first.start();
  w.until(17s);
  CHECK(queued.has("00000"));
  CHECK(queued.at() <= Duration(15s) + Duration(1s) + e + Duration(30ms));
}

TEST_CASE("pgbouncer: a question on the console lets it try the login again", "[pgbouncer]") {
  const auto attempts = [](Duration asked) {
    auto c = transaction_pool(1);
    c.server_login_retry = 1s;
    World w(c);
    w.pooler->kill();
    w.pooler->ask_console(asked);
    w.pooler->start();
    w.session({query(60s)});
    w.session({query(10ms)}, 100ms);  // waits, and does nothing else
    w.until(5s);
    w.first.kill();
    const std::uint64_t before = w.pooler->stats().server_login_attempts;
    w.until(45s);
    return w.pooler->stats().server_login_attempts - before;
  };
  // In 40 s: every fourth turn of the janitor, a third of a second apart; or every question, which
  // come 1.001 to 1.005 s apart.
  CHECK(attempts(0s) == Approx(30).margin(1));
  CHECK(attempts(1s) == Approx(40).margin(1));
}

TEST_CASE("pgbouncer: the first attempt after a crash is immediate", "[pgbouncer]") {
  World w(transaction_pool(1));
  w.session({query(60s)});
  SqlSession& queued = w.session({query(10ms)}, 100ms);
  w.until(5s);
  w.first.kill();
  w.first.start();  // a restart faster than the FIN travels
  w.until(6s);
  CHECK(queued.at() < Duration(5030ms));
  CHECK(queued.last() == "00000");
}

TEST_CASE("pgbouncer: a refused login closes whom its version says", "[pgbouncer]") {
  struct Case {
    int version;
    SqlState refusal;
    bool queue_closed;
  };
  const auto [version, refusal, queue_closed] = GENERATE(
      Case{18, SqlState::invalid_password, false}, Case{21, SqlState::too_many_connections, false},
      Case{22, SqlState::too_many_connections, true}, Case{22, SqlState::cannot_connect_now, false},
      Case{24, SqlState::invalid_password, true});
  auto c = transaction_pool(1);
  c.version_minor = version;
  c.server_login_retry = 1s;
  World w(c);
  w.session({query(60s)});
  SqlSession& queued = w.session({query(10ms)}, 100ms);
  w.until(5s);
  w.first.kill();
  w.first.refuse_logins = refusal;
  w.first.start();
  w.until(8s);
  INFO("version 1." << version << ", " << code(refusal));
  CHECK(queued.has(std::string(code(refusal))) == queue_closed);
  w.first.refuse_logins = SqlState::ok;
  w.until(12s);
  CHECK(queued.has("00000") == !queue_closed);
}

TEST_CASE("pgbouncer: a client that leaves within a transaction takes its server along",
          "[pgbouncer]") {
  World w(transaction_pool(2));
  SqlSession& s = w.session({of(SqlOp::begin), of(SqlOp::statement, 60s)});
  w.until(1s);
  CHECK(w.pooler->show_pool().sv_active == 1);
  s.disconnect();
  w.until(2s);
  CHECK(w.pooler->show_servers().empty());
  CHECK(w.pooler->clients() == 0);
}

TEST_CASE("pgbouncer: a waiting client that leaves is noticed when its turn comes", "[pgbouncer]") {
  World w(transaction_pool(1));
  w.session({query(5s)});
  SqlSession& s = w.session({query(1s)}, 100ms);
  w.until(1s);
  s.disconnect();
  w.until(4s);
  CHECK(w.pooler->show_pool().cl_waiting == 1);
  w.until(8s);
  CHECK(w.pooler->clients() == 1);
  // Its socket is read before anything is sent: "client unexpected eof", and the server stays.
  CHECK(w.first.logins == 1);
  CHECK(w.pooler->show_pool().sv_idle == 1);
}

TEST_CASE("pgbouncer: transactions hold their server, statements between do not", "[pgbouncer]") {
  World w(transaction_pool(1));
  SqlSession& tx = w.session(
      {of(SqlOp::begin), of(SqlOp::statement, 1s), of(SqlOp::statement, 1s), of(SqlOp::commit)});
  SqlSession& other = w.session({query(10ms)}, 100ms);
  w.until(5s);
  CHECK(tx.last() == "00000");
  CHECK(other.at() > tx.at());
  CHECK(w.pooler->stats().total_xact_count == 2);
  CHECK(w.pooler->stats().total_query_count == 5);
}

TEST_CASE("pgbouncer: statement mode kills transaction blocks, session mode resets",
          "[pgbouncer]") {
  SECTION("statement") {
    auto c = transaction_pool(1);
    c.pool_mode = PoolMode::statement;
    World w(c);
    SqlSession& s = w.session({of(SqlOp::read), of(SqlOp::begin)});
    w.until(1s);
    CHECK(s.events()[1].what == "00000");
    CHECK(s.events()[2].what == "08P01");
    CHECK(w.pooler->show_servers().empty());
  }
  SECTION("session") {
    auto c = transaction_pool(1);
    c.pool_mode = PoolMode::session;
    World w(c);
    SqlSession& s = w.session({of(SqlOp::read)});
    SqlSession& next = w.session({of(SqlOp::read)}, 100ms);
    w.until(5s);
    CHECK(w.pooler->show_pool().sv_active == 1);  // linked until the client leaves
    CHECK_FALSE(next.has("00000"));
    s.disconnect();
    w.until(6s);
    CHECK(next.has("00000"));
    CHECK(w.first.statements == 3);  // DISCARD ALL between
  }
}

TEST_CASE("pgbouncer: silence traps as many clients as there are unused servers", "[pgbouncer]") {
  auto c = transaction_pool(10);
  c.query_wait_timeout = 1000s;
  World w(c);
  for (int i = 0; i < 3; ++i) w.session({query(1s)});
  w.until(40s);
  REQUIRE(w.pooler->show_pool().sv_used == 3);
  // From here on the old connections are black holes, while new ones work.
  const auto cut = w.sim.network().cut({&w.pooler_host}, {&w.first.host});
  for (int i = 0; i < 3; ++i) w.session({query(10ms)});
  w.until(50s);
  CHECK(w.pooler->show_pool().sv_tested == 3);
  CHECK(w.pooler->show_pool().cl_waiting == 3);
  CHECK(w.pooler->stats().server_login_attempts == 3);  // no connect was tried
  w.session({query(10ms)});
  w.until(51s);
  CHECK(w.pooler->stats().server_login_attempts == 4);  // the fourth client forces one
  w.sim.network().heal(cut);
}

TEST_CASE("pgbouncer: dead-peer detection of a query in flight is keep-alive's", "[pgbouncer]") {
  auto c = transaction_pool(1);
  c.tcp_keepidle = 2s;
  c.tcp_keepintvl = 1s;
  c.tcp_keepcnt = 3;
  World w(c);
  SqlSession& s = w.session({query(600s)});
  w.until(10s);
  w.first.host.crash();
  w.until(60s);
  REQUIRE(s.has("08P01"));
  // 2 s idle since the last probe's answer, then three probes of 1 s
  CHECK(s.at() > Duration(10s) + Duration(3s));
  CHECK(s.at() < Duration(10s) + Duration(6s));
}

TEST_CASE("pgbouncer: a silent address costs server_connect_timeout per attempt", "[pgbouncer]") {
  World w(transaction_pool(1));
  w.first.host.crash();
  w.session({query(10ms)});
  w.until(14900ms);
  CHECK(w.pooler->stats().server_login_attempts == 1);
  w.until(31s);
  // 15 s to the time-out; server_login_retry has passed by then
  CHECK(w.pooler->stats().server_login_attempts == 3);
}

TEST_CASE("pgbouncer: the client above max_client_conn is told so and leaves the others alone",
          "[pgbouncer]") {
  auto c = transaction_pool(5);
  c.max_client_conn = 10;
  World w(c);
  for (int i = 0; i < 10; ++i) w.session({query(10ms)});
  w.until(1s);
  SqlSession& eleventh = w.session({query(10ms)});
  w.until(2s);
  CHECK(eleventh.events()[0].what == "08P01");
  CHECK(eleventh.last() == "connection closed");
  CHECK(w.pooler->clients() == 10);
  CHECK(w.pooler->stats().limit_refusals == 1);
}

TEST_CASE("pgbouncer: max_db_connections is shared by the pools, with eviction", "[pgbouncer]") {
  auto c = transaction_pool(5);
  c.max_db_connections = 2;
  World w(c);
  w.session({query(1s)});
  w.session({query(1s)});
  w.until(3s);
  struct Other {
    static Task<> user_one(World& world, std::string& outcome) {
      auto socket = co_await connect(world.clients, world.pooler->listener(), 5s);
      SqlRequest startup;
      startup.op = SqlOp::startup;
      startup.user = 1;
      socket->send(startup);
      const auto hello = co_await socket->receive();
      outcome = std::string(code(hello->state));
      co_await sleep_for(100s);
    }
  };
  const auto open = [&w] { return w.pooler->show_servers().size(); };
  const std::size_t before = open();
  std::string outcome = "nothing";
  w.clients.spawn(Other::user_one(w, outcome));
  w.until(4s);
  CHECK(outcome == "00000");
  CHECK(before == 2);
  CHECK(open() == 2);
  CHECK(w.pooler->show_pool(0, 1).sv_idle == 1);
}

TEST_CASE("pgbouncer: lifetime closes one server per lifetime / pool_size", "[pgbouncer]") {
  auto c = transaction_pool(3);
  c.server_lifetime = 60s;
  c.server_check_delay = 1000s;
  World w(c);
  for (int i = 0; i < 3; ++i) w.session({query(1s)});
  w.until(59s);
  CHECK(w.pooler->show_servers().size() == 3);
  w.until(65s);
  CHECK(w.pooler->show_servers().size() == 2);
  w.until(79s);
  CHECK(w.pooler->show_servers().size() == 2);
  w.until(85s);
  CHECK(w.pooler->show_servers().size() == 1);
}

TEST_CASE("pgbouncer: PAUSE waits for transactions, RESUME serves the queue", "[pgbouncer]") {
  World w(transaction_pool(2));
  w.session({query(3s)});
  w.until(1s);
  struct Console {
    static Task<> pause(Pgbouncer& p, Time& done) {
      co_await p.pause();
      Group& g = co_await this_group();
      done = g.now();
    }
  };
  Time done{};
  w.clients.spawn(Console::pause(*w.pooler, done));
  SqlSession& late = w.session({query(10ms)}, 500ms);
  w.until(10s);
  CHECK(done > Time{} + 3s);
  CHECK(done < Time{} + 3100ms);
  CHECK_FALSE(late.has("00000"));
  CHECK(w.pooler->show_servers().empty());
  w.pooler->resume();
  w.until(10s + 50ms);
  CHECK(late.has("00000"));
}

TEST_CASE("pgbouncer: KILL closes everybody and leaves the database paused", "[pgbouncer]") {
  World w(transaction_pool(2));
  w.session({query(3s)});
  w.session({query(3s)});
  SqlSession& waiting = w.session({query(3s)}, 10ms);
  w.until(1s);
  w.pooler->kill_database(0);
  w.until(2s);
  CHECK(w.pooler->clients() == 0);
  CHECK(w.pooler->show_servers().empty());
  CHECK(waiting.has("08P01"));
}

TEST_CASE("pgbouncer: a killed process loses everything and starts empty", "[pgbouncer]") {
  World w(transaction_pool(2));
  for (int i = 0; i < 4; ++i) w.session({query(60s)});
  w.until(1s);
  w.pooler->kill();
  w.until(2s);
  CHECK(w.count("connection closed") == 4);
  CHECK(w.first.sessions() == 2);  // still busy with their statements
  SqlSession& refused = w.session({query(1ms)});
  w.until(3s);
  CHECK(refused.last() == "connection refused");
  w.pooler->start();
  SqlSession& served = w.session({query(1ms)});
  w.until(4s);
  CHECK(served.last() == "00000");
}

TEST_CASE("pgbouncer: SIGTERM ends at once up to 1.22, with the last client from 1.23",
          "[pgbouncer]") {
  auto c = transaction_pool(2);
  c.version_minor = GENERATE(22, 23);
  World w(c);
  SqlSession& s = w.session({query(2s)});
  w.until(1s);
  w.pooler->terminate();
  w.until(5s);
  if (c.version_minor == 22) {
    CHECK_FALSE(s.has("00000"));
    CHECK_FALSE(w.pooler->running());
  } else {
    CHECK(s.has("00000"));
    CHECK(w.pooler->running());
    s.disconnect();
    w.until(6s);
    CHECK_FALSE(w.pooler->running());
  }
}

TEST_CASE("pgbouncer: settings it would refuse are reported and set back", "[pgbouncer]") {
  PgbouncerConfig good = transaction_pool(5);
  good.databases.resize(1);
  good.databases[0].host = {HostSpec::of(static_cast<Address>(1))};
  CHECK(validate(good).empty());
  PgbouncerConfig bad = good;
  bad.query_wait_timeout = -1s;
  bad.max_client_conn = -5;
  bad.reserve_pool_size = 5;
  bad.reserve_pool_timeout = 0s;
  CHECK(validate(bad).size() == 3);
  CHECK(bad.query_wait_timeout == Duration(120s));
  CHECK(bad.max_client_conn == 100);
}
