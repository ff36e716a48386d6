// Three database nodes with a Patroni-like renewal loop each, and an etcd cluster beside them.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "models/etcd.hpp"
#include "models/etcd_dcs.hpp"
#include "sim/network.hpp"

namespace predrill::models::test {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

/// Remembers every record of a run.
struct Story final : sim::TraceSink {
  void on_record(const sim::Trace&, const sim::Record& record) override {
    records.push_back(record);
  }
  /// Time of the first record of this kind not before `from`; time_max if there is none.
  Time first(const sim::Kind& kind, Time from = {}) const {
    for (const sim::Record& r : records) {
      if (r.kind == &kind && r.at >= from) return r.at;
    }
    return sim::time_max;
  }
  std::size_t count(const sim::Kind& kind, Time from = {}) const {
    std::size_t n = 0;
    for (const sim::Record& r : records) {
      if (r.kind == &kind && r.at >= from) ++n;
    }
    return n;
  }
  std::vector<sim::Record> records;
};

struct Node {
  Node(sim::Simulation& sim, Etcd& etcd, ScopeId scope, MemberId id, const EtcdDcsConfig& config)
      : host(sim, "db-" + std::to_string(id)),
        patroni(host, "patroni"),
        dcs(etcd, scope, id, patroni, config) {}
  sim::Host host;
  sim::Group patroni;
  EtcdDcs dcs;
};

struct EtcdWorld {
  explicit EtcdWorld(std::uint64_t seed = 1, std::size_t members = 3, EtcdDcsConfig config = {},
                     EtcdConfig etcd_config = {}, std::size_t nodes = 3)
      : sim({.seed = seed}) {
    sim.trace().attach(story);
    sim.network().set_latency(0, 0, sim::Distribution::constant(Duration(250us)));
    std::vector<sim::Host*> hosts;
    for (std::size_t i = 0; i < members; ++i) {
      etcd_hosts.push_back(std::make_unique<sim::Host>(sim, "etcd-" + std::to_string(i)));
      hosts.push_back(etcd_hosts.back().get());
    }
    etcd = std::make_unique<Etcd>(hosts, etcd_config);
    scope = etcd->add_scope("c", {"db-0", "db-1", "db-2"});
    etcd->start();
    for (std::size_t i = 0; i < nodes; ++i) {
      db.push_back(std::make_unique<Node>(sim, *etcd, scope, static_cast<MemberId>(i), config));
      db.back()->dcs.start();
    }
  }
  ~EtcdWorld() { sim.shut_down(); }

  Time at(Duration d) const { return Time{} + d; }
  void run_until(Duration d) { sim.run_until(Time{} + d); }

  sim::Simulation sim;
  Story story;
  std::vector<std::unique_ptr<sim::Host>> etcd_hosts;
  std::unique_ptr<Etcd> etcd;
  ScopeId scope = 0;
  std::vector<std::unique_ptr<Node>> db;
};

/// What one call answered, and when it began and ended.
struct Noted {
  DcsAnswer answer = DcsAnswer::error;
  Time began{};
  Time ended = sim::time_max;
  Duration took() const { return ended - began; }
};

inline sim::Task<> acquire(Dcs& dcs, sim::Group& group, Noted& noted) {
  noted.began = group.now();
  noted.answer = co_await dcs.attempt_to_acquire_leader();
  noted.ended = group.now();
}
inline sim::Task<> update(Dcs& dcs, sim::Group& group, Lsn lsn, Noted& noted) {
  noted.began = group.now();
  noted.answer = co_await dcs.update_leader(lsn, 0);
  noted.ended = group.now();
}
inline sim::Task<> remove(Dcs& dcs, sim::Group& group, Noted& noted) {
  noted.began = group.now();
  noted.answer = co_await dcs.delete_leader({});
  noted.ended = group.now();
}
inline sim::Task<> touch(Dcs& dcs, sim::Group& group, MemberData data, Noted& noted) {
  noted.began = group.now();
  noted.answer = co_await dcs.touch_member(data);
  noted.ended = group.now();
}
inline sim::Task<> look(Dcs& dcs, sim::Group& group, ClusterView& view, Noted& noted) {
  noted.began = group.now();
  noted.answer = co_await dcs.get_cluster(view);
  noted.ended = group.now();
}
inline sim::Task<> wait_for_wake(Dcs& dcs, sim::Group& group, bool is_leader, Duration timeout,
                                 std::vector<Time>& wakes) {
  for (;;) {
    const bool woken = co_await dcs.watch(is_leader, timeout);
    if (woken) wakes.push_back(group.now());
  }
}

/// The DCS side of Patroni's loop: renew or acquire, touch, sleep. What it believes is in
/// `held_until`.
struct Loop {
  Loop(Dcs& its_dcs, sim::Group& its_group, MemberId its_id, Duration its_ttl, Duration its_wait)
      : dcs(its_dcs), group(its_group), id(its_id), ttl(its_ttl), loop_wait(its_wait) {}
  sim::Task<> run() {
    Time next_run = group.now();
    for (;;) {
      co_await cycle();
      next_run += loop_wait;
      Duration nap = next_run - group.now();
      if (nap <= 0s) {
        next_run = group.now();
        nap = 1ms;
      }
      const bool woken = co_await dcs.watch(is_leader, nap);
      if (woken) next_run = group.now();
    }
  }
  sim::Task<> cycle() {
    ClusterView view;
    const DcsAnswer seen = co_await dcs.get_cluster(view);
    is_leader = false;
    if (seen != DcsAnswer::yes) co_return;
    seen_leader = view.leader;
    if (view.leader == nobody) {
      if (noticed == sim::time_max) noticed = group.now();
      if (!candidate) co_return;
      const Time began = group.now();
      const DcsAnswer got = co_await dcs.attempt_to_acquire_leader();
      // The lease may be as old as loop_wait: taking the key does not renew it.
      if (got == DcsAnswer::yes) held_until = began + ttl - loop_wait;
    } else if (view.leader == id) {
      const Time began = group.now();
      ++position;
      const DcsAnswer kept = co_await dcs.update_leader({position}, 0);
      if (kept == DcsAnswer::yes) {
        held_until = began + ttl;
        last_renewal = began;
        is_leader = true;
      }
      if (kept == DcsAnswer::no) held_until = {};
    }
    MemberData data;
    data.xlog_location = {position};
    co_await dcs.touch_member(data);
  }
  Dcs& dcs;
  sim::Group& group;
  MemberId id;
  Duration ttl;
  Duration loop_wait;
  bool candidate = true;
  bool is_leader = false;
  std::uint64_t position = 0;
  MemberId seen_leader = nobody;
  Time held_until{};
  Time last_renewal{};
  Time noticed = sim::time_max;  // saw no leader for the first time
};

}  // namespace predrill::models::test
