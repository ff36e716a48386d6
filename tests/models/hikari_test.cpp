// HikariCP over pgjdbc: who times out in an outage, who is wedged, how the pool comes back.
#include "models/hikari.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "models/dns.hpp"
#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using predrill::models::testing::FakePostgres;
using namespace std::chrono_literals;

namespace {

struct Borrowed {
  Duration arrived{};
  Duration left{};
  StatementResult result;
};

struct World {
  explicit World(HikariConfig config = {}) {
    sim.network().set_latency(0, 0, Distribution::constant(Duration(1us)));
    old_writer.start();
    old_address = book.add(old_writer.port);
    new_address = book.add(new_writer.port);
    if (config.driver.hosts.empty()) config.driver.hosts = {HostSpec::of(old_address)};
    pool = std::make_unique<HikariPool>(app_host, book, &jvm, config);
    jvm.forward_to(zone);
    pool->start();
    sim.run_for(1s);
  }
  Task<> borrow(SqlOp op, Time start) {
    const Time arrived = sim.now();
    SqlRequest request;
    request.op = op;
    request.work = 1ms;
    if (op == SqlOp::write) request.wal_bytes = 100;
    const StatementResult result = co_await pool->execute(request);
    borrowed.push_back({arrived - start, sim.now() - start, result});
  }
  Task<> arrivals(Duration every, Duration length, SqlOp op) {
    const Time start = sim.now();
    while (sim.now() - start < length) {
      pool->group().spawn(borrow(op, start));
      co_await sleep_for(every);
    }
  }
  /// The server is gone for that long; the port refuses meanwhile. A borrower each 100 ms.
  void outage(Duration length) {
    old_writer.kill();
    pool->group().spawn(arrivals(100ms, length, SqlOp::write));
    sim.run_for(length);
    old_writer.start();
    sim.run_for(40s);
  }
  std::size_t failed() const {
    std::size_t count = 0;
    for (const Borrowed& one : borrowed)
      if (!one.result.ok()) ++count;
    return count;
  }

  Simulation sim;
  AddressBook book;
  Host dns_host{sim, "dns"};
  Group dns_group{dns_host, "dns"};
  DnsServer zone{dns_group, {.name = "zone"}};
  Host app_host{sim, "app"};
  Group app{app_host, "requests"};
  DnsServer jvm{app, {.name = "jvm", .cache = true, .fixed_ttl = 30s}};
  FakePostgres old_writer{sim, "old", 0};
  FakePostgres new_writer{sim, "new", 1};
  Address old_address = Address::none;
  Address new_address = Address::none;
  std::vector<Borrowed> borrowed;
  std::unique_ptr<HikariPool> pool;
};

}  // namespace

TEST_CASE("hikari: pauses double from 10 ms to 5 s", "[hikari]") {
  CHECK(hikari_back_off(1) == 10ms);
  CHECK(hikari_back_off(2) == 20ms);
  CHECK(hikari_back_off(9) == 2560ms);
  CHECK(hikari_back_off(10) == 5s);
  CHECK(hikari_back_off(100) == 5s);
}

TEST_CASE("hikari: what HikariConfig refuses gets its default", "[hikari]") {
  HikariConfig config;
  config.connection_timeout = 100ms;
  config.max_lifetime = 5s;
  config.driver.tcp_keep_alive = true;
  CHECK(validate(config).size() == 2);
  CHECK(config.connection_timeout == 30s);
  CHECK(config.max_lifetime == 30min);
  HikariConfig silent;
  CHECK(validate(silent).size() == 1);  // socketTimeout 0 without keep-alive
}

TEST_CASE("hikari: the retry grid of an outage with refused connections", "[hikari]") {
  World world;
  const Time start = world.sim.now();
  const std::size_t before = world.pool->attempts().size();
  world.outage(36s);
  const std::vector<Duration> grid = {0ms,     10ms,    30ms,    70ms,   150ms,   310ms,
                                      630ms,   1270ms,  2550ms,  5110ms, 10110ms, 15110ms,
                                      20110ms, 25110ms, 30110ms, 35110ms};
  REQUIRE(world.pool->attempts().size() >= before + grid.size());
  for (std::size_t i = 0; i < grid.size(); ++i) {
    const Duration at = world.pool->attempts()[before + i] - start;
    INFO("attempt " << i << " at " << to_text(at));
    CHECK(at >= grid[i]);
    CHECK(at <= grid[i] + 1ms);
  }
}

TEST_CASE("hikari: in a 35 s outage those of the first 5.11 s time out", "[hikari]") {
  World world;
  world.outage(35s);
  REQUIRE(world.borrowed.size() == 350);
  for (const Borrowed& one : world.borrowed) {
    INFO("arrived " << to_text(one.arrived) << ", left " << to_text(one.left));
    CHECK(one.result.ok() == (one.arrived >= 5110ms));
    if (!one.result.ok()) CHECK(one.left - one.arrived == 30s);
  }
  CHECK(world.failed() == 52);  // 0 s to 5.1 s, each 100 ms
  CHECK(world.pool->timeouts() == 52);
}

TEST_CASE("hikari: in a 24 s outage nobody times out", "[hikari]") {
  World world;
  world.outage(24s);
  REQUIRE(world.borrowed.size() == 240);
  CHECK(world.failed() == 0);
  Duration total{};
  Duration longest{};
  for (const Borrowed& one : world.borrowed) {
    total += one.left - one.arrived;
    longest = std::max(longest, one.left - one.arrived);
  }
  // The first attempt that succeeds is at 25.11 s; the mean wait is about half of that.
  CHECK(longest >= 25s);
  CHECK(longest <= 26s);
  CHECK(seconds(total) / 240 > 12);
  CHECK(seconds(total) / 240 < 14);
}

TEST_CASE("hikari: the pool refills one connection per login and 30 ms", "[hikari]") {
  World world;
  world.old_writer.login = 20ms;
  world.outage(3s);
  std::vector<Time> logins(world.old_writer.connects.end() - 10, world.old_writer.connects.end());
  for (std::size_t i = 1; i < logins.size(); ++i) {
    const Duration between = logins[i] - logins[i - 1];
    CHECK(between >= 50ms);
    CHECK(between <= 51ms);
  }
  CHECK(world.pool->total() == 10);
}

TEST_CASE("hikari: 25006 does not evict, so a pool on a demoted writer stays there", "[hikari]") {
  World world;
  world.old_writer.in_recovery = true;  // demoted; sessions survive
  world.pool->group().spawn(world.arrivals(1s, 60s, SqlOp::write));
  CHECK_FALSE(hikari_evicts(SqlState::read_only));
  world.sim.run_for(60s);
  std::size_t read_only = 0;
  for (const Borrowed& one : world.borrowed) {
    if (one.result.state == SqlState::read_only) ++read_only;
  }
  CHECK(read_only == world.borrowed.size());
  CHECK(world.old_writer.logins == 10);  // no connection was replaced
  world.pool->soft_evict();              // the remedy
  world.sim.run_for(2s);
  CHECK(world.old_writer.logins == 20);
}

TEST_CASE("hikari: a dead idle connection costs its borrower the validation time-out", "[hikari]") {
  HikariConfig config;
  config.validation_timeout = 1s;
  config.connection_timeout = 30s;
  World world(config);
  const std::vector<const Host*> app = {&world.app_host};
  const std::vector<const Host*> db = {&world.old_writer.host};
  const FaultId cut = world.sim.network().cut(app, db);
  world.pool->group().spawn(world.borrow(SqlOp::read, world.sim.now()));
  world.sim.run_for(10500ms);
  world.sim.network().heal(cut);
  world.sim.run_for(40s);
  REQUIRE(world.borrowed.size() == 1);
  CHECK(world.borrowed[0].result.ok());
  CHECK(world.borrowed[0].left >= 10s);  // ten dead ones at 1 s each
}

TEST_CASE("hikari: a silent server and socketTimeout 0 hold the connection for ever", "[hikari]") {
  World world;
  for (int i = 0; i < 10; ++i)
    world.pool->group().spawn(world.borrow(SqlOp::read, world.sim.now()));
  world.sim.run_for(100us);  // used within 500 ms: handed out unchecked; the statements are running
  world.old_writer.host.crash();
  world.sim.run_for(120s);
  CHECK(world.borrowed.empty());
  CHECK(world.pool->total() == 10);
  CHECK(world.pool->idle() == 0);
}

TEST_CASE("hikari: the JVM keeps an old address for 30 s", "[hikari]") {
  HikariConfig config;
  constexpr auto name = static_cast<DnsName>(7);
  config.driver.hosts = {HostSpec::of(name)};
  World world(config);
  world.zone.add(name, "writer.cluster", 5s, {});
  AddressList old_list;
  old_list.add(world.old_address);
  world.zone.set(name, old_list);
  world.sim.run_for(40s);  // past the negative answers of the start
  REQUIRE(world.pool->total() == 10);
  const Time start = world.sim.now();
  world.old_writer.kill();
  world.new_writer.start();
  AddressList new_list;
  new_list.add(world.new_address);
  world.zone.set(name, new_list);
  world.pool->group().spawn(world.borrow(SqlOp::read, start));
  world.sim.run_for(60s);
  REQUIRE(world.borrowed.size() >= 1);
  CHECK(world.new_writer.logins == 10);
  CHECK(world.new_writer.connects.front() - start <= 30s + 5s);
}

TEST_CASE("hikari: targetServerType=primary leaves the demoted server", "[hikari]") {
  World seed;  // for the addresses
  HikariConfig config;
  config.driver.target_server_type = TargetServerType::primary;
  config.driver.hosts = {HostSpec::of(seed.old_address), HostSpec::of(seed.new_address)};
  World world(config);  // the same numbers: each world makes its addresses in this order
  REQUIRE(world.old_writer.logins == 10);
  world.old_writer.kill();
  world.old_writer.in_recovery = true;
  world.old_writer.start();
  world.new_writer.start();
  world.pool->group().spawn(world.arrivals(100ms, 2s, SqlOp::write));
  world.sim.run_for(5s);
  CHECK(world.new_writer.logins == 10);
  CHECK(world.failed() <= 1);
}
