// The way back to a new primary, path by path, with everything real behind it: PostgreSQL, Patroni,
// etcd. Each path's outage is what the database needs plus what its own routing adds.
#include "models/haproxy.hpp"
#include "models/kubernetes_service.hpp"
#include "models/pgbouncer.hpp"
#include "models/prober.hpp"
#include "tests/models/cluster.hpp"

namespace predrill::models::fixture {
namespace {

constexpr Duration interval = 200ms;
constexpr Duration timeout = 2s;
constexpr Duration login_retry = 1s;

/// Three ways to the primary, a probe on each.
struct Paths {
  explicit Paths(Cluster& cluster) : c(cluster) {
    LibpqConfig multi;
    std::vector<HaproxyServer> servers;
    for (auto& node : c.nodes) {
      const MemberId id = node->postgres.member();
      addresses.push_back(book.add(node->postgres.sql()));
      multi.host.push_back(HostSpec::of(addresses.back(), id));
      servers.push_back({id, node->host.name(), &node->postgres.sql(), &node->patroni.rest()});
    }
    multi.target_session_attrs = TargetSessionAttrs::read_write;
    multi.connect_timeout = 2s;

    HaproxyConfig h;  // patroni/haproxy.cfg, faster checks
    h.sections.resize(1);
    h.sections[0].inter = 1s;
    h.sections[0].on_marked_down_shutdown_sessions = true;
    h.timeout_connect = 1s;
    h.timeout_check = 1s;
    h.timeout_client = h.timeout_server = 30min;
    proxy = std::make_unique<Haproxy>(proxy_host, h, servers);
    proxy->start();

    PgbouncerConfig p;
    p.pool_mode = PoolMode::transaction;
    p.server_login_retry = login_retry;
    p.server_connect_timeout = 2s;
    p.databases.resize(1);
    p.databases[0].host = {HostSpec::of(book.add(proxy->listener(0)))};
    pooler = std::make_unique<Pgbouncer>(pooler_host, book, p);
    pooler->start();

    start("direct", multi, 5s);  // must outlast connect_timeout for the dead first host
    start("haproxy", to(book.add(proxy->listener(0))));
    start("pgbouncer", to(book.add(pooler->listener())));
  }
  LibpqConfig to(Address address) {
    LibpqConfig config;
    config.host = {HostSpec::of(address)};
    config.connect_timeout = 2s;
    return config;
  }
  void start(const std::string& path, const LibpqConfig& target, Duration limit = timeout) {
    ProberConfig config;
    config.path = path;
    config.target = target;
    config.interval = interval;
    config.timeout = limit;
    probers.push_back(std::make_unique<Prober>(client_host, book, nullptr, config, journal));
    probers.back()->start();
  }
  struct Outage {
    Duration end{};  // first success after it, since `from`
    MemberId server = nobody;
    int failures = 0;
  };
  /// From the last success before the first failure that was sent after `from`.
  Outage outage(const std::string& path, Time from) {
    Outage result;
    const std::uint16_t number = journal.path(path);
    bool failed = false;
    for (const Attempt& a : journal.attempts) {
      if (a.path != number || Time(Duration(a.finished)) < from) continue;
      if (a.outcome != Outcome::ok) {
        failed = true;
        ++result.failures;
        result.end = {};
      } else if (failed && result.end == Duration{}) {
        result.end = Time(Duration(a.finished)) - from;
        result.server = a.server;
      }
    }
    return result;
  }

  Cluster& c;
  AddressBook book;
  std::vector<Address> addresses;
  Journal journal;
  sim::Host proxy_host{c.sim, "haproxy"};
  sim::Host pooler_host{c.sim, "pgbouncer"};
  sim::Host client_host{c.sim, "probers"};
  std::unique_ptr<Haproxy> proxy;
  std::unique_ptr<Pgbouncer> pooler;
  std::vector<std::unique_ptr<Prober>> probers;
};

}  // namespace

TEST_CASE("routing: a dead node, seen by three paths", "[routing]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Cluster c(seeded(seed));
    {
      Paths paths(c);
      c.run(20s);
      c.run_to_phase();
      const Time fault = c.now();
      const auto healthy = paths.journal.attempts.size();
      for (const Attempt& a : paths.journal.attempts) {
        if (Time(Duration(a.sent)) > fault - 5s) CHECK(a.outcome == Outcome::ok);
      }
      CHECK(healthy > 200);
      c.node(0).host.crash();
      c.run(90s);
      const Duration database = c.gap(fault).to - fault;
      const auto direct = paths.outage("direct", fault);
      const auto haproxy = paths.outage("haproxy", fault);
      const auto pgbouncer = paths.outage("pgbouncer", fault);
      INFO("seed " << seed << ": database " << s(database) << ", direct " << s(direct.end)
                   << ", haproxy " << s(haproxy.end) << ", pgbouncer " << s(pgbouncer.end) << "\n"
                   << c.text);
      const MemberId leader = c.leader();
      CHECK(leader != 0);
      for (const auto& path : {direct, haproxy}) {
        CHECK(path.server == leader);
        CHECK(path.end >= database);
        CHECK(path.failures > 50);
      }
      // The first probe after the promotion whose two seconds reach past the dead first host.
      CHECK(direct.end <= database + interval + timeout + 100ms);
      // HAProxy follows the leader key, which is taken before the promotion ends: at most rise
      // checks of 1 s after that, and a probe.
      CHECK(haproxy.end <= database + 2s + interval + 200ms);
      // The pooler tries again every server_login_retry + 1/3 s, through HAProxy. Where it got in
      // before the promotion had ended it was served by a standby until then.
      CHECK(pgbouncer.end >= database);
      CHECK(pgbouncer.end <= database + 2s + login_retry + 2s + 334ms + interval + 200ms);
      CHECK(c.unexplained() == "");
    }
  }
}

TEST_CASE("routing: a ClusterIP follows the leader and stays while nothing moves", "[routing]") {
  Cluster c(seeded(3));
  {
    AddressBook book;
    std::vector<Address> pods;
    for (auto& node : c.nodes) pods.push_back(book.add(node->postgres.sql()));
    sim::Host control(c.sim, "control-plane");
    sim::Host node(c.sim, "app-node");
    KubernetesService service(control, book, {.name = "cluster-master"});
    service.add_node(node);
    AddressList first;
    first.add(pods[0]);
    service.start(first);
    Journal journal;
    ProberConfig config;
    config.path = "service";
    config.target.host = {HostSpec::of(service.address())};
    config.target.connect_timeout = 2s;
    Prober prober(node, book, nullptr, config, journal);
    prober.start();
    c.run(10s);
    c.node(0).postgres.kill_postmaster();
    c.node(0).group.kill();
    const Time fault = c.now();
    while (c.leader() == 0 || c.leader() == nobody) c.run(10ms);
    AddressList next;
    next.add(pods[c.leader()]);
    service.select(next);  // Patroni's write of the Endpoints with the lock
    const Time taken = c.now();
    c.run(30s);
    bool back = false;
    for (const Attempt& a : journal.attempts) {
      if (back || Time(Duration(a.sent)) < taken || a.outcome != Outcome::ok) continue;
      back = true;
      CHECK(a.server == c.leader());
      // write, controller, watch and iptables at their slowest, and the promotion
      CHECK(Time(Duration(a.finished)) - taken <= Duration(5s));
    }
    CHECK(back);
    CHECK(taken > fault);
  }
}

}  // namespace predrill::models::fixture
