// The pool as a queue: what theory says about its waiting times, and what a transaction costs.
#include <catch2/catch.hpp>

#include <memory>
#include <string>

#include "models/pgbouncer.hpp"
#include "models/workload.hpp"
#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

struct World {
  World(int pool_size, WorkloadConfig load_config, Duration query_wait_timeout, std::uint64_t seed,
        Duration server_login_retry = 15s)
      : sim({.seed = seed}) {
    sim.network().set_latency(0, 0, Distribution::constant(Duration(0)));
    server.start();
    PgbouncerConfig c;
    c.pool_mode = PoolMode::transaction;
    c.default_pool_size = pool_size;
    c.max_client_conn = 5000;
    c.listen_backlog = 5000;
    c.auth_type = PgbouncerAuth::trust;
    c.query_wait_timeout = query_wait_timeout;
    c.server_login_retry = server_login_retry;
    c.databases.resize(1);
    c.databases[0].host = {HostSpec::of(book.add(server.port))};
    PgbouncerTimings instant;
    instant.packet = {};
    instant.login_trust = Distribution::constant(Duration(0));
    pooler = std::make_unique<Pgbouncer>(pooler_host, book, c, nullptr, instant);
    pooler->start();
    load_config.target.host = {HostSpec::of(book.add(pooler->listener()))};
    load = std::make_unique<Workload>(client_host, book, nullptr, load_config);
    load->start();
  }
  Simulation sim;
  AddressBook book;
  Host client_host{sim, "clients"};
  Host pooler_host{sim, "pooler"};
  FakePostgres server{sim, "db-0", 0};
  std::unique_ptr<Pgbouncer> pooler;
  std::unique_ptr<Workload> load;
};

}  // namespace

TEST_CASE("pool: waiting follows Erlang C", "[pgbouncer][queue]") {
  // M/M/10 with a = 8: C = .409180151, Wq = .204590075 service times.
  constexpr double erlang_c = 0.409180151;
  constexpr double wait = 0.204590075;
  WorkloadConfig c;
  c.sessions = 400;
  c.between = Distribution::exponential(Duration(1250us));
  c.write_time = Distribution::exponential(Duration(10ms));
  const std::uint64_t seed = 11;
  World w(10, c, 120s, seed);
  w.sim.run_for(10s);
  const PgbouncerStats before = w.pooler->stats();
  w.sim.run_for(600s);
  const PgbouncerStats& after = w.pooler->stats();
  const auto n = static_cast<double>(after.total_server_assignment_count -
                                     before.total_server_assignment_count);
  const double waited = static_cast<double>(after.waits - before.waits) / n;
  const double mean = seconds(after.total_wait_time - before.total_wait_time) / n / 0.010;
  INFO("seed " << seed << ", P(wait) " << waited << ", Wq " << mean << ", n " << n);
  CHECK(n > 470'000);
  CHECK(waited == Approx(erlang_c).epsilon(0.03));
  CHECK(mean == Approx(wait).epsilon(0.08));
  CHECK(w.pooler->show_pool().sv_active <= 10);
}

TEST_CASE("pool: sessions that think make a machine repairman", "[pgbouncer][queue]") {
  // N 182, c 40, Z 33.5 ms, S 9.048 ms: X = 4179.1379 per second, utilisation .945320993.
  WorkloadConfig c;
  c.sessions = 182;
  c.closed_loop = true;
  c.between = Distribution::exponential(Duration(33'500us));
  c.write_time = Distribution::exponential(Duration(9'048us));
  const std::uint64_t seed = 5;
  World w(40, c, 120s, seed);
  w.sim.run_for(10s);
  const std::uint64_t before = w.load->stats().completed;
  w.sim.run_for(60s);
  const double rate = static_cast<double>(w.load->stats().completed - before) / 60.0;
  INFO("seed " << seed << ", X " << rate);
  CHECK(rate == Approx(4179.1379).epsilon(0.01));
}

TEST_CASE("pool: under overload query_wait_timeout drops 1 - c/a and the rest wait that long",
          "[pgbouncer][queue]") {
  // M/M/40 + D, a = 44: served wait close to D. Each dropped client reconnects and takes its place
  // at the tail, so the drops are those of new customers.
  WorkloadConfig c;
  c.sessions = 2000;
  c.between = Distribution::exponential(Duration(1s) / 440);
  c.write_time = Distribution::exponential(Duration(100ms));
  World w(40, c, 1s, 3);
  w.sim.run_for(30s);
  const WorkloadStats before = w.load->stats();
  w.sim.run_for(120s);
  const WorkloadStats& after = w.load->stats();
  const double failed_share = static_cast<double>(after.failed - before.failed) /
                              static_cast<double>(after.arrived - before.arrived);
  CHECK(failed_share == Approx(0.0917).margin(0.015));
  CHECK(w.pooler->stats().wait_timeouts > 4000);
  CHECK(w.pooler->stats().longest_wait <= Duration(1s) + Duration(1s) / 3 + Duration(1ms));
}

TEST_CASE("pool: a busy transaction costs a fixed number of events", "[pgbouncer][queue]") {
  WorkloadConfig c;
  c.sessions = 182;
  c.between = Distribution::exponential(Duration(1s) / 4200);
  c.write_time = Distribution::constant(Duration(5ms));
  World w(40, c, 120s, 1);
  w.sim.run_for(5s);
  const auto events = w.sim.events_executed();
  const auto done = w.load->stats().completed;
  w.sim.run_for(10s);
  const auto transactions = w.load->stats().completed - done;
  CHECK(transactions > 41'000);
  // Four messages of two events each, the arrival and its wake-up, the server's sleep.
  CHECK((w.sim.events_executed() - events) * 10 / transactions <= 115);
}

TEST_CASE("pool: 182 clients, 40 busy servers, every back end killed for 6 s",
          "[pgbouncer][queue]") {
  // As measured on PgBouncer itself: each busy server is one lost client, whoever was queued at
  // that moment stays queued and is served, everybody else fails fast until a login works again.
  WorkloadConfig c;
  c.sessions = 182;
  c.closed_loop = true;
  c.between = Distribution::exponential(Duration(20ms));
  c.write_time = Distribution::exponential(Duration(9ms));
  c.retry.attempts = 100;
  c.retry.backoff = RetryPolicy::Backoff::drawn;
  c.retry.pause = Distribution::uniform(Duration(200ms), Duration(400ms));
  World w(40, c, 120s, 9, 1s);
  w.sim.run_until(Time{} + 20s);
  while (w.pooler->show_pool().cl_waiting < 25) w.sim.run_for(1ms);
  REQUIRE(w.pooler->show_pool().sv_active == 40);
  w.server.kill();
  const Time fault = w.sim.now();
  w.sim.run_for(500ms);
  const std::uint32_t queued = w.pooler->show_pool().cl_waiting;
  CHECK(w.pooler->stats().server_crashes == 40);
  CHECK(queued >= 25);
  w.sim.run_until(fault + 6s);
  CHECK(w.pooler->show_pool().cl_waiting == queued);
  CHECK(w.pooler->stats().server_crashes == 40);
  CHECK(w.pooler->stats().fast_fails > 1000);
  CHECK(w.pooler->show_pool().sv_active == 0);
  w.server.start();
  w.sim.run_until(fault + 6s + 1s + 340ms + 100ms);  // server_login_retry, a tick, the first logins
  CHECK(w.pooler->stats().longest_wait > Duration(6s));
  w.sim.run_for(1s);
  CHECK(w.pooler->show_pool().sv_active + w.pooler->show_pool().sv_idle == 40);
  CHECK(w.pooler->clients() == 182);
  CHECK(w.load->stats().failed == 0);
  CHECK(w.load->stats().in_doubt == w.load->stats().failed_attempts);  // 08P01 tells nothing more
}

TEST_CASE("pool: connections that are held come back after the pooler, and one at a time",
          "[pgbouncer][queue]") {
  WorkloadConfig c;
  c.sessions = 60;
  c.hold_connections = true;
  c.between = Distribution::exponential(Duration(50ms));  // a few of them would do
  c.write_time = Distribution::exponential(Duration(10ms));
  c.retry.backoff = RetryPolicy::Backoff::drawn;
  c.retry.pause = Distribution::uniform(Duration(50ms), Duration(150ms));
  World w(40, c, 120s, 11);
  w.sim.run_for(5s);
  CHECK(w.load->connected() == 60);
  CHECK(w.pooler->clients() == 60);
  w.load->watch_connections();
  w.pooler->kill();
  const Time fault = w.sim.now();
  w.sim.run_for(1s);
  CHECK(w.load->connected() == 0);
  CHECK(w.load->connected_again() == time_max);
  CHECK(w.load->stats().refused_connects >= 60);
  w.pooler->start();
  w.sim.run_for(1s);
  CHECK(w.load->connected() == 60);
  CHECK(w.load->connected_again() > fault + 1s);
  CHECK(w.load->connected_again() <= fault + 1s + 150ms);
  // Work goes on, whoever it was that broke.
  const std::uint64_t before = w.load->stats().completed;
  w.sim.run_for(10s);
  CHECK(w.load->stats().completed - before > 150);
  CHECK(w.load->queued() <= 1);
}
