// One member of an etcd cluster. Private to models/etcd*.cpp.
#pragma once

#include <vector>

#include "models/etcd.hpp"

namespace predrill::models {

struct Watch {
  sim::Socket<EtcdReply, EtcdRequest> socket;
  ScopeId scope;
  std::uint64_t after;  // revision that the client already has
};

struct Etcd::Member : sim::GroupResource {
  Member(Etcd& owner, sim::Host& its_host, std::size_t its_index)
      : cluster(owner),
        host(its_host),
        index(its_index),
        elections(host.stream("etcd election")),
        flushes(host.stream("etcd fsync")),
        requests(host.stream("etcd request")),
        boots(host.stream("etcd boot")),
        group(host, "etcd"),
        port(group, "2379"),
        commit_timer(*this, group),
        apply_timer(*this, group),
        lessor_timer(*this, group) {
    sim::Stream phase = host.stream("etcd lessor phase");
    scan_phase = sim::Time{} + phase.uniform({}, std::chrono::milliseconds(499));
  }
  // As it dies before its group, nothing may be left that the group would tell it.
  ~Member() override { detach(); }

  void rise();
  /// A log is newer by the term of its last entry, then by its length (raftLog.isUpToDate).
  bool has_newer_log_than(const Member& other) const {
    return log_term != other.log_term ? log_term > other.log_term : log_index > other.log_index;
  }
  void take_log_of(const Member& leader) {
    log_term = leader.log_term;
    log_index = leader.log_index;
  }
  void on_group_death() override;
  void commit_pending();
  void apply_arrived();
  void scan_leases();

  Etcd& cluster;
  sim::Host& host;
  std::size_t index;
  sim::Stream elections, flushes, requests, boots;
  sim::Time scan_phase{};

  // On disk.
  std::uint64_t term = 0;
  std::uint64_t voted_term = 0;
  std::size_t voted_for = none;
  std::uint64_t log_term = 0;  // of the last entry, committed or not
  std::uint64_t log_index = 0;
  std::uint64_t applied = 0;

  // In memory.
  bool alive = false;
  bool booting = false;
  bool leading = false;
  bool campaigning = false;
  std::size_t lead = none;
  sim::Time last_heard{};
  sim::Time deadline{};          // follower: campaigns then
  sim::Duration timeout{};       // of this term
  std::uint32_t heard_from = 0;  // leader: members since the last check-quorum
  std::int32_t ticks = 0;
  sim::Time commit_at = sim::time_max;
  std::vector<Entry> pending;
  struct Arrival {
    std::uint64_t index;
    sim::Time due;
  };
  std::vector<Arrival> arrivals;
  std::vector<Call*> calls;
  std::vector<Watch> watches;
  sim::Signal lead_changed;

  // Faults.
  sim::Time stalled_until{};
  sim::Time blocked_until{};
  sim::Distribution extra_flush;
  sim::Distribution extra_request;

  sim::Group group;
  Port port;
  sim::Timer<Member, &Member::commit_pending> commit_timer;
  sim::Timer<Member, &Member::apply_arrived> apply_timer;
  sim::Timer<Member, &Member::scan_leases> lessor_timer;
};

/// A proposal whose result a request waits for.
struct Etcd::Call {
  Call(Member& m, std::uint64_t its_id) : member(m), id(its_id) { member.calls.push_back(this); }
  ~Call() { std::erase(member.calls, this); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  Member& member;
  std::uint64_t id;
  EtcdReply reply;
  sim::Gate done;
};

}  // namespace predrill::models
