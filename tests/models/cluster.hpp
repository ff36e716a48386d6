// A whole cluster: database hosts with PostgreSQL and Patroni, etcd hosts, and a steady trickle of
// writes on whoever accepts them. What was acknowledged when, and by whom, stands in the ledger, so
// outages are read from it to the microsecond and cost no events.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "models/etcd.hpp"
#include "models/etcd_dcs.hpp"
#include "models/invariants.hpp"
#include "models/patroni.hpp"
#include "models/postgres.hpp"
#include "sim/network.hpp"

namespace predrill::models::fixture {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

struct ClusterOptions {
  std::uint64_t seed = 1;
  std::size_t members = 3;
  std::size_t etcd_members = 3;
  PatroniConfig patroni;
  PostgresConfig postgres;
  PatroniTimings patroni_timings;
  PostgresTimings postgres_timings;
  std::uint64_t rows_per_second = 50;
  std::uint64_t wal_bytes_per_row = 200;
  SynchronousCommit synchronous_commit = SynchronousCommit::on;
  Duration settle = 90s;  // until the test begins; member 0 leads then
};

/// One database host.
struct Node {
  Node(sim::Simulation& sim, Etcd& etcd, ScopeId scope, MemberId id, const ClusterOptions& options,
       Ledger& ledger)
      : host(sim, "db-" + std::to_string(id)),
        disk(host, "db-" + std::to_string(id) + "/disk"),
        postgres(host, of(options.postgres, id), disk, &ledger, options.postgres_timings),
        group(host, "patroni"),
        dcs(etcd, scope, id, group, timing(options)),
        patroni(group, of(options.patroni, id), dcs, postgres, options.patroni_timings) {
    host.on_boot([this] { patroni.start(); });
  }
  template <class Config>
  static Config of(Config config, MemberId id) {
    config.member = id;
    config.name = "db-" + std::to_string(id);
    return config;
  }
  static EtcdDcsConfig timing(const ClusterOptions& options) {
    PatroniConfig patroni = options.patroni;
    adjust(patroni);
    EtcdDcsConfig config;
    config.ttl = patroni.ttl;
    config.loop_wait = patroni.loop_wait;
    config.retry_timeout = patroni.retry_timeout;
    config.thread_wake = options.patroni_timings.thread_wake;
    config.reput_unconditionally = patroni.version == PatroniVersion::v3_0_2;
    return config;
  }
  sim::Host host;
  Disk disk;
  PostgresServer postgres;
  sim::Group group;
  EtcdDcs dcs;
  Patroni patroni;
};

class Cluster : sim::TraceSink, PatroniObserver {
 public:
  /// A time without an acknowledged write.
  struct Gap {
    Time from;
    Time to = sim::time_max;
    MemberId before = nobody;
    MemberId after = nobody;
    Duration length() const { return to - from; }
  };

  explicit Cluster(const ClusterOptions& wanted = {})
      : options(wanted), sim({.seed = wanted.seed}), checker(wanted.patroni) {
    sim.trace().attach(*this);
    std::vector<sim::Host*> hosts;
    for (std::size_t i = 0; i < options.etcd_members; ++i) {
      etcd_hosts.push_back(std::make_unique<sim::Host>(sim, "etcd-" + std::to_string(i)));
      hosts.push_back(etcd_hosts.back().get());
    }
    etcd = std::make_unique<Etcd>(hosts);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < options.members; ++i) names.push_back("db-" + std::to_string(i));
    scope = etcd->add_scope("cluster", names);
    std::vector<PostgresServer*> servers;
    std::vector<Patroni*> patronis;
    for (MemberId id = 0; id < options.members; ++id) {
      nodes.push_back(std::make_unique<Node>(sim, *etcd, scope, id, options, ledger));
      servers.push_back(&nodes.back()->postgres);
      patronis.push_back(&nodes.back()->patroni);
    }
    BackgroundLoad load;
    load.rows_per_kilosecond = options.rows_per_second * 1000;
    load.wal_bytes_per_row = options.wal_bytes_per_row;
    load.synchronous_commit = options.synchronous_commit;
    for (auto& node : nodes) {
      node->postgres.set_members(servers);
      node->postgres.initialize({std::uint64_t{1} << 36});
      node->postgres.set_background(load);
      node->patroni.set_members(patronis);
      node->patroni.set_observer(this);
    }
    client_host = std::make_unique<sim::Host>(sim, "client");
    clients = std::make_unique<sim::Group>(*client_host, "clients");
    etcd->start();
    node(0).patroni.start();
    sim.run_for(8s);
    for (MemberId id = 1; id < options.members; ++id) node(id).patroni.start();
    sim.run_for(options.settle);
    INFO(text);
    REQUIRE(leader() == 0);
    REQUIRE(primaries() == only(0));
  }
  ~Cluster() {
    sim.shut_down();
    sim.trace().detach(*this);
  }

  Node& node(MemberId id) { return *nodes[id]; }
  Patroni& patroni(MemberId id) { return nodes[id]->patroni; }
  PostgresServer& postgres(MemberId id) { return nodes[id]->postgres; }
  void run(Duration length) { sim.run_for(length); }
  Time now() const { return sim.now(); }

  /// Holder of the leader key.
  MemberId leader() const { return etcd->holder(scope); }
  /// Who accepts writes.
  MemberSet primaries() const {
    MemberSet set = 0;
    for (const auto& n : nodes) {
      if (n->postgres.accepts_writes()) set |= only(n->postgres.member());
    }
    return set;
  }
  /// Whose /sync it is.
  MemberId sync_leader() const {
    return etcd->store().get(scope, {EtcdKey::sync, nobody}).value.holder;
  }
  /// The synchronous standby in /sync.
  MemberSet sync_standbys() const {
    return etcd->store().get(scope, {EtcdKey::sync, nobody}).value.members;
  }
  /// Age of the leader's last renewal.
  Duration age() { return now() - patroni(0).last_renewal(); }
  /// Runs on to a phase of the leader's cycle that depends on the seed alone.
  void run_to_phase() {
    sim::Stream stream = sim.stream("test", "phase");
    run(stream.uniform(0s, options.patroni.loop_wait));
    // Not within a cycle, whose renewal may or may not be on its way.
    if (age() > options.patroni.loop_wait - 200ms || patroni(0).next_run() < now()) run(500ms);
  }

  sim::HostSet hosts_of(const std::vector<MemberId>& ids) {
    sim::HostSet set;
    for (const MemberId id : ids) set.push_back(&node(id).host);
    return set;
  }
  sim::HostSet all_etcd() {
    sim::HostSet set;
    for (auto& host : etcd_hosts) set.push_back(host.get());
    return set;
  }
  /// Everything except one database host.
  sim::HostSet all_but(MemberId id) {
    sim::HostSet set = all_etcd();
    for (auto& n : nodes) {
      if (n->postgres.member() != id) set.push_back(&n->host);
    }
    return set;
  }

  /// Times without acknowledged writes that end (or have not ended) after `since`.
  std::vector<Gap> gaps(Time since, Duration shortest = 100ms) {
    for (auto& n : nodes) n->postgres.settle_ledger();
    std::vector<AcknowledgedFlow> flows = ledger.flows();
    std::sort(flows.begin(), flows.end(),
              [](const auto& a, const auto& b) { return a.from < b.from; });
    std::vector<Gap> result;
    Time covered{};
    MemberId by = nobody;
    for (const AcknowledgedFlow& flow : flows) {
      if (flow.from > covered + shortest && flow.from > since && by != nobody) {
        result.push_back({covered, flow.from, by, flow.member});
      }
      if (flow.to >= covered) by = flow.member;
      covered = std::max(covered, flow.to);
    }
    if (now() - covered > shortest) result.push_back({covered, sim::time_max, by, nobody});
    return result;
  }
  /// The one gap there must be.
  Gap gap(Time since, Duration shortest = 100ms) {
    const auto found = gaps(since, shortest);
    INFO(text);
    REQUIRE(found.size() == 1);
    return found.front();
  }
  /// Violations of invariants that no known mechanism explains, as text.
  std::string unexplained() {
    for (auto& n : nodes) n->postgres.settle_ledger();
    const MemberId survivor = leader();
    if (survivor != nobody && postgres(survivor).accepts_writes()) {
      Lsn last;
      for (const AcknowledgedFlow& flow : ledger.flows()) {
        if (flow.branch != postgres(survivor).history().branch())
          last = std::max(last, flow.to_lsn);
      }
      checker.finish(now(), ledger, survivor, postgres(survivor).history(),
                     postgres(survivor).flushed(), last,
                     promotions_ == 2 ? received_at_promotion_ : Lsn{});
    }
    std::string result;
    for (const Violation& v : checker.violations()) {
      if (v.mechanism != Mechanism::none) continue;
      result += std::to_string(sim::seconds(v.at - Time{})) + " " +
                std::string(to_text(v.invariant)) + " member " + std::to_string(v.member) + "\n";
    }
    return result;
  }
  /// What the present primary lacks.
  Loss lost() {
    for (auto& n : nodes) n->postgres.settle_ledger();
    const MemberId survivor = leader();
    REQUIRE(survivor != nobody);
    return ledger.lost(postgres(survivor).history(), postgres(survivor).flushed());
  }
  Duration dual() {
    for (auto& n : nodes) n->postgres.settle_ledger();
    return ledger.dual_writers(1ms).overlap;
  }

  /// The first record of this kind at or after `from`; time_max if there is none.
  Time first(const sim::Kind& kind, Time from, std::string_view entity = "") const {
    for (const sim::Record& r : records) {
      const bool whose = entity.empty() || sim.trace().entity_name(r.entity) == entity;
      if (r.kind == &kind && r.at >= from && whose) return r.at;
    }
    return sim::time_max;
  }
  std::size_t count(const sim::Kind& kind, Time from = {}) const {
    std::size_t n = 0;
    for (const sim::Record& r : records) n += r.kind == &kind && r.at >= from ? 1U : 0U;
    return n;
  }

  ClusterOptions options;
  mutable sim::Simulation sim;
  Ledger ledger;
  std::vector<std::unique_ptr<sim::Host>> etcd_hosts;
  std::unique_ptr<Etcd> etcd;
  ScopeId scope = 0;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<sim::Record> records;
  std::unique_ptr<sim::Host> client_host;  // patronictl, health checks
  std::unique_ptr<sim::Group> clients;
  std::string text;  // the timeline, shown when a test fails
  InvariantChecker checker;

 private:
  struct Seen {
    bool writable = false;
    bool frozen = false;
    MemberSet names = 0;
  };

  void on_cycle(MemberId member) override { checker.on_cycle(now(), member); }
  void on_promote(MemberId member) override {
    ++promotions_;
    received_at_promotion_ = postgres(member).received();
    checker.on_promote(now(), member, received_at_promotion_);
  }
  void on_failsafe(MemberId member, bool active) override {
    checker.on_failsafe(now(), member, active);
  }

  MemberId member_named(std::int64_t name) const {
    for (const auto& n : nodes) {
      if (sim.trace().name(n->host.name()) == name) return n->postgres.member();
    }
    return nobody;
  }
  // States that the checker wants are compared at each line of the timeline.
  void watch(const sim::Record& record) {
    using Key = InvariantChecker::KeyChange;
    using Life = InvariantChecker::Life;
    const Time at = record.at;
    for (MemberId id = 0; id < nodes.size(); ++id) {
      Node& n = node(id);
      Seen& seen = seen_[id];
      const bool frozen = n.group.frozen() || n.postgres.group().frozen();
      if (frozen != seen.frozen) {
        checker.on_patroni(at, id, frozen ? Life::frozen : Life::running);
        seen.frozen = frozen;
      }
    }
    for (MemberId id = 0; id < nodes.size(); ++id) {
      Node& n = node(id);
      Seen& seen = seen_[id];
      const bool own = sim.trace().entity_name(record.entity) == n.host.name();
      if (own && record.kind == &patroni_kinds::killed) checker.on_patroni(at, id, Life::dead);
      if (own && record.kind == &patroni_kinds::started) checker.on_patroni(at, id, Life::running);
      if (own && record.kind == &patroni_kinds::demoting_dcs) checker.on_demotion(id);
      const bool veto = record.kind == &patroni_kinds::race_vetoed;
      if (veto) checker.on_veto();
      if (record.kind == &patroni_kinds::dcs_error) checker.on_dcs(false);
      const bool timeline = record.kind == &postgres_kinds::promotion_finished &&
                            sim.trace().entity_name(record.entity) == "postgres/" + n.host.name();
      if (timeline) {
        const auto to = static_cast<Timeline>(record.values[0]);
        const auto& entries = n.postgres.history().entries();
        const Timeline parent =
            entries.size() > 1 ? entries[entries.size() - 2].timeline : Timeline{0};
        // Without an archive a member knows the timelines alone that it followed.
        checker.on_timeline(at, id, parent, to, false);
      }
      const MemberSet names = n.postgres.synchronous_standby_names().members;
      if (names != seen.names) {
        checker.on_names(at, id, names, own && record.kind == &patroni_kinds::sync_reset);
        seen.names = names;
      }
      if (const bool writable = n.postgres.accepts_writes(); writable != seen.writable) {
        checker.on_writable(at, id, writable);
        seen.writable = writable;
      }
    }
    if (etcd != nullptr) {
      const EtcdValue sync = etcd->store().get(scope, {EtcdKey::sync, nobody}).value;
      if (sync.holder != sync_leader_ || sync.members != sync_standbys_) {
        checker.on_sync_key(at, sync.holder, sync.members);
        sync_leader_ = sync.holder;
        sync_standbys_ = sync.members;
      }
    }
    if (record.kind == &key_created)
      checker.on_key(at, member_named(record.values[0]), Key::created);
    if (record.kind == &key_overwritten) {
      checker.on_key(at, member_named(record.values[0]), Key::overwritten);
    }
    if (record.kind == &key_expired)
      checker.on_key(at, member_named(record.values[0]), Key::expired);
    if (record.kind == &key_deleted)
      checker.on_key(at, member_named(record.values[0]), Key::deleted);
    if (etcd == nullptr || nodes.size() < options.members) return;
    const EtcdValue status = etcd->store().get(scope, {EtcdKey::status, nobody}).value;
    checker.on_status(status.lsn);
  }

  void on_record(const sim::Trace& trace, const sim::Record& record) override {
    records.push_back(record);
    text += std::to_string(sim::seconds(record.at - Time{})) + " " +
            trace.entity_name(record.entity) + ": " + trace.describe(record) + "\n";
    if (!nodes.empty()) watch(record);
  }

  std::array<Seen, members_max> seen_{};
  MemberId sync_leader_ = nobody;  // of /sync
  MemberSet sync_standbys_ = 0;
  std::size_t promotions_ = 0;
  Lsn received_at_promotion_;
};

inline double s(Duration d) {
  return sim::seconds(d);
}

inline ClusterOptions seeded(std::uint64_t seed, bool synchronous = false) {
  ClusterOptions options;
  options.seed = seed;
  options.patroni.synchronous_mode = synchronous;
  options.patroni.use_pg_rewind = true;
  return options;
}

// One cycle, the lock, the promote command, promotion by PostgreSQL including the slow ones.
constexpr Duration race_and_promotion_min = 100ms;
constexpr Duration race_and_promotion_max = 2s;

inline sim::Task<> ask(sim::Group& group, RestListener& to, RestRequest what, int* status) {
  const auto reply = co_await sim::call(group, to, what, 60s);
  *status = reply ? reply->status : -1;
}

/// patronictl switchover from member 0, with a minute to settle; the HTTP status of the answer.
inline int switch_over(Cluster& c, MemberId target) {
  RestRequest request;
  request.path = RestPath::switchover;
  request.leader = 0;
  request.candidate = target;
  int status = 0;
  c.clients->spawn(ask(*c.clients, c.patroni(0).rest(), request, &status));
  c.run(60s);
  return status;
}

}  // namespace predrill::models::fixture
