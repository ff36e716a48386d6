// Random faults against clients, HAProxy, PgBouncer and two servers: whatever happens, a pool stays
// within its limits, no work is created or lost, and when the faults end the clients are served
// again within the time-outs that their configuration allows.
#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "models/haproxy.hpp"
#include "models/pgbouncer.hpp"
#include "models/prober.hpp"
#include "models/workload.hpp"
#include "sim/simulation.hpp"
#include "tests/models/fake_postgres.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

constexpr int pool_size = 8;
constexpr int reserve = 3;

struct Storm {
  explicit Storm(std::uint64_t seed, bool shuffle_ties = false)
      : sim({.seed = seed, .shuffle_ties = shuffle_ties}), dice(seed, "test", "faults") {
    for (FakePostgres& d : db) {
      d.start();
      d.login = 5ms;
      d.host.on_boot([&d] { d.start(); });
    }
    HaproxyConfig h;
    h.sections.resize(1);
    h.sections[0].on_marked_down_shutdown_sessions = true;
    h.timeout_connect = 2s;
    h.timeout_client = h.timeout_server = 20s;
    h.redispatch = true;
    proxy =
        std::make_unique<Haproxy>(proxy_host, h,
                                  std::vector<HaproxyServer>{{0, "db-0", &db[0].port, nullptr},
                                                             {1, "db-1", &db[1].port, nullptr}});
    PgbouncerConfig p;
    p.pool_mode = PoolMode::transaction;
    p.default_pool_size = pool_size;
    p.min_pool_size = 2;
    p.reserve_pool_size = reserve;
    p.reserve_pool_timeout = 1s;
    p.server_login_retry = 1s;
    p.server_connect_timeout = 3s;
    p.query_wait_timeout = 5s;
    p.server_idle_timeout = 20s;
    p.server_check_delay = 2s;
    p.server_lifetime = 30s;
    p.tcp_keepidle = p.tcp_keepintvl = 1s;
    p.tcp_keepcnt = 3;
    p.tcp_user_timeout = 4s;
    p.databases.resize(1);
    p.databases[0].host = {HostSpec::of(book.add(proxy->listener(0)))};
    pooler = std::make_unique<Pgbouncer>(pooler_host, book, p);
    WorkloadConfig w;
    w.sessions = 30;
    w.between = Distribution::exponential(Duration(5ms));
    w.write_time = Distribution::exponential(Duration(8ms));
    w.statements = 2;
    w.timeout = 6s;
    w.retry.attempts = 3;
    w.target.host = {HostSpec::of(book.add(pooler->listener()))};
    w.target.connect_timeout = 3s;
    load = std::make_unique<Workload>(client_host, book, nullptr, w);
    ProberConfig c;
    c.path = "pgbouncer";
    c.target = w.target;
    prober = std::make_unique<Prober>(client_host, book, nullptr, c, journal);
    proxy->start();
    pooler->start();
    load->start();
    prober->start();
  }
  void check() {
    const PgbouncerPoolRow row = pooler->show_pool();
    const std::uint32_t servers =
        row.sv_active + row.sv_idle + row.sv_used + row.sv_tested + row.sv_login;
    CHECK(servers <= pool_size + reserve);
    CHECK(row.sv_login <= 1);
    CHECK(row.cl_active + row.cl_waiting <= pooler->clients());
    CHECK(row.sv_active <= row.cl_active);
    const WorkloadStats& s = load->stats();
    const std::uint64_t known = s.completed + s.failed + s.dropped + load->queued();
    CHECK(known <= s.arrived);
    CHECK(s.arrived - known <= 30);
  }
  void fault() {
    FakePostgres& d = db[dice.below(2)];
    switch (dice.below(9)) {
      case 0:
        d.kill();
        if (dice.chance(0.7)) d.start();
        break;
      case 1:
        d.fast_stop();
        if (dice.chance(0.7)) d.start();
        break;
      case 2:
        if (d.host.up()) {
          d.host.crash();
        } else {
          d.host.restart();
        }
        break;
      case 3:
        pooler->kill();
        pooler->start();
        break;
      case 4:
        proxy->kill();
        proxy->start();
        break;
      case 5:
        if (frozen) {
          pooler->group().thaw();
        } else {
          pooler->group().freeze();
        }
        frozen = !frozen;
        break;
      case 6:
        cuts.push_back(sim.network().cut({&d.host}, {&proxy_host},
                                         dice.chance(0.5) ? Direction::both : Direction::forward));
        break;
      case 7:
        if (pooler_host.up() && !frozen) {
          pooler_host.crash();
        } else if (!pooler_host.up()) {
          pooler_host.restart();
        }
        break;
      default:
        if (!cuts.empty()) {
          sim.network().heal(cuts.back());
          cuts.pop_back();
        }
        break;
    }
  }
  void calm() {
    if (frozen) pooler->group().thaw();
    for (const FaultId f : cuts) sim.network().heal(f);
    for (FakePostgres& d : db) {
      if (!d.host.up()) d.host.restart();
      if (!d.port.is_open()) d.start();
    }
    if (!pooler_host.up()) pooler_host.restart();
    pooler->start();
    proxy->start();
  }
  std::uint64_t run() {
    for (int i = 0; i < 200; ++i) {
      sim.run_for(dice.uniform(1ms, 600ms));
      fault();
      check();
    }
    calm();
    // The longest memory: keep-alive, user and connect time-outs, retries, then the backlog.
    sim.run_for(60s);
    check();
    const auto before = load->stats().completed;
    const auto failed_before = load->stats().failed;
    sim.run_for(20s);
    check();
    CHECK(load->stats().completed - before > 3500);
    CHECK(load->stats().failed == failed_before);
    CHECK(pooler->show_pool().cl_waiting < 20);
    CHECK(!journal.attempts.empty());
    CHECK(journal.attempts.back().outcome == Outcome::ok);
    return sim.fingerprint();
  }

  Simulation sim;
  Stream dice;
  AddressBook book;
  Journal journal;
  bool frozen = false;
  std::vector<FaultId> cuts;
  Host client_host{sim, "clients"};
  Host proxy_host{sim, "haproxy"};
  Host pooler_host{sim, "pooler"};
  FakePostgres db[2] = {{sim, "db-0", 0}, {sim, "db-1", 1}};
  std::unique_ptr<Haproxy> proxy;
  std::unique_ptr<Pgbouncer> pooler;
  std::unique_ptr<Workload> load;
  std::unique_ptr<Prober> prober;
};

}  // namespace

TEST_CASE("torture: faults end, service returns, limits hold throughout", "[pgbouncer][torture]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Storm storm(seed);
    storm.run();
  }
}

TEST_CASE("torture: the same seed gives the same run", "[pgbouncer][torture]") {
  Storm a(99);
  Storm b(99);
  CHECK(a.run() == b.run());
}

TEST_CASE("torture: no invariant hangs on the order of equal times", "[pgbouncer][torture]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    INFO("seed " << seed);
    Storm storm(seed, true);
    storm.run();
  }
}
