// An etcd cluster: Raft members on hosts, leases, watches.
//
// Real thing: etcd 3.5.14 (also 3.4.23 and 3.6.0 by option), raft/, server/etcdserver,
// server/lease. Modelled: randomised election timeouts, pre-vote, check-quorum, the vote lease,
// votes that need an
//   up-to-date log; commit = leader's fsync and a quorum of round trips with theirs; a disk stall
//   that stops heartbeats; leases (integer seconds, expiry scan, revoke through the log, all of
//   them extended by a new leader, none expiring without one); keepalives served by the leader;
//   watches served by the member that the client is attached to; request time-out; NOSPACE.
//   A member that starts again hears its peers first, fast-forwards its election time-out and
//   serves clients once the cluster has a leader.
// Simplified: heartbeats are not messages: one tick per interval looks who hears whom, so a latency
//   of more than an election timeout disturbs nobody. An entry that is not committed when its
//   leader dies is lost, but counts where logs are compared. Votes are given at the instant of the
//   campaign, counted a round trip later. A member that lags catches up in one step.
// Ignored: snapshots, compaction, membership changes, learners, authentication, the v2 API.
// Calibrated from: fsync: etcd docs "Metrics", wal_fsync p99 below 10 ms on a fit disk. Network:
//   sim/network.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/etcd_store.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

enum class EtcdVersion : std::uint8_t { v3_4, v3_5, v3_6 };

/// Options with etcd's names and defaults (server/embed/config.go).
struct EtcdConfig {
  EtcdVersion version = EtcdVersion::v3_5;
  sim::Duration heartbeat_interval = std::chrono::milliseconds(100);
  sim::Duration election_timeout = std::chrono::milliseconds(1000);
  bool pre_vote = true;                     // default false in 3.4
  bool keepalive_proves_leadership = true;  // absent in 3.4.23, present in 3.5.14
  /// The defaults of a version.
  static EtcdConfig of(EtcdVersion version);
  /// 5 s + 2 * election_timeout (server/config/config.go ReqTimeout).
  sim::Duration request_timeout() const { return std::chrono::seconds(5) + 2 * election_timeout; }
};
/// What etcd refuses to start with, one sentence each.
std::vector<std::string> validate(const EtcdConfig& config);

struct EtcdTimings {
  EtcdTimings();
  sim::Distribution fsync;    // of the write-ahead log
  sim::Distribution request;  // gateway and processing of one request
  sim::Distribution boot;     // from process start until it hears its peers
};

inline constexpr sim::Kind etcd_leader_elected{"etcd.leader_elected",
                                               "elected etcd leader at term {0}"};
inline constexpr sim::Kind etcd_leader_lost{"etcd.leader_lost",
                                            "is no longer etcd leader of term {0}"};
inline constexpr sim::Kind etcd_alarm{"etcd.alarm", "NOSPACE alarm raised ({0}) or cleared (0)"};
inline constexpr sim::Kind key_created{"dcs.leader_key_created", "leader key created by {0:n}"};
inline constexpr sim::Kind key_overwritten{"dcs.leader_key_overwritten",
                                           "leader key of {1:n} overwritten by {0:n}"};
inline constexpr sim::Kind key_expired{"dcs.leader_key_expired",
                                       "leader key of {0:n} expired with its lease"};
inline constexpr sim::Kind key_deleted{"dcs.leader_key_deleted", "leader key of {0:n} deleted"};
inline constexpr sim::Kind member_expired{"dcs.member_key_expired",
                                          "member key of {0:n} expired with its lease"};

class Etcd {
 public:
  using Port = sim::Listener<EtcdRequest, EtcdReply>;
  static constexpr std::size_t none = SIZE_MAX;

  /// One member per host; hosts must outlive the cluster.
  explicit Etcd(const std::vector<sim::Host*>& hosts, const EtcdConfig& config = {},
                const EtcdTimings& timings = {});
  ~Etcd();
  Etcd(const Etcd&) = delete;
  Etcd& operator=(const Etcd&) = delete;

  /// The keys of one Patroni cluster; `name` and members' names appear on timelines.
  ScopeId add_scope(std::string_view name, const std::vector<std::string>& member_names);

  /// The cluster as it stands after a long quiet time, led by this member.
  void start(std::size_t leader = 0);
  /// A member's process (re)starts and joins after EtcdTimings::boot. Host::boot() does it too.
  void start_member(std::size_t member);
  void kill_member(std::size_t member);
  /// Writes and flushes hang on this member's disk for so long.
  void stall_disk(std::size_t member, sim::Duration length);
  /// Added to each flush from now on; a constant zero ends it.
  void slow_disk(std::size_t member, const sim::Distribution& extra);
  /// Added to each request from now on.
  void slow_requests(std::size_t member, const sim::Distribution& extra);
  void set_no_space(bool on);
  /// A write by a person or another program (patronictl edit-config, etcdctl); no answer.
  void write(const EtcdRequest& request);

  std::size_t size() const { return members_.size(); }
  /// The member that leads with the newest term, or `none`.
  std::size_t leader() const;
  std::uint64_t term() const;
  bool has_quorum() const;
  const EtcdStore& store() const { return store_; }
  /// Holder of a scope's leader key, `nobody` if the key does not exist.
  MemberId holder(ScopeId scope) const {
    return store_.get(scope, {EtcdKey::leader, nobody}).value.holder;
  }
  Port& port(std::size_t member);
  sim::Group& group(std::size_t member);
  sim::Host& host(std::size_t member);
  const EtcdConfig& config() const { return config_; }
  std::uint64_t elections() const { return elections_; }

 private:
  struct Member;
  struct Call;
  struct Entry {
    EtcdRequest request;
    std::uint64_t id;
    std::size_t origin;
  };
  struct Committed {
    EtcdReply reply;
    std::uint64_t id;
    std::size_t origin;
    std::size_t events_end;
  };
  struct Scope {
    sim::EntityId entity;
    std::array<std::int64_t, members_max> names;
  };

  // Raft
  void tick();
  void heartbeats(Member& leader);
  void hear(Member& follower, Member& leader);
  void check_quorum(Member& leader);
  sim::Task<> campaign(Member& member);
  sim::Task<bool> poll(Member& member, bool pre_vote, std::uint64_t term);
  void follow_nobody(Member& member, std::uint64_t term);
  sim::Task<> advance_ticks(Member& member);
  bool grants(Member& voter, const Member& candidate, bool pre_vote, std::uint64_t term);
  void lead(Member& member);
  void step_down(Member& member);
  bool running(const Member& member) const;
  bool linked(const Member& a, const Member& b) const;
  bool quorum_of(const Member& leader) const;
  sim::Duration draw_timeout(Member& member);
  sim::Duration flush(Member& member);
  void set_lead(Member& member, std::size_t leader);

  // Log
  void append(Member& leader, const EtcdRequest& request, std::uint64_t id, std::size_t origin);
  sim::Duration commit_latency(Member& leader);
  sim::Duration round_trip(Member& leader);
  void commit(Member& leader);
  void schedule_apply(Member& member, std::uint64_t index, sim::Duration after);
  void apply(Member& member, std::uint64_t index);
  void note(const EtcdRequest& request, std::size_t first_event, MemberId holder_before);
  void trim();

  // Leases
  void arm_lessor(Member& leader);
  void expire(Member& leader);
  void extend_all();

  // Clients
  sim::Task<> boot(Member& member);
  sim::Task<> accept(Member& member);
  sim::Task<> serve(Member& member, sim::Socket<EtcdReply, EtcdRequest> socket);
  sim::Task<EtcdReply> handle(Member& member, const EtcdRequest request);
  sim::Task<EtcdReply> propose(Member& member, const EtcdRequest request, sim::Time deadline);
  sim::Task<EtcdReply> keepalive(Member& member, const EtcdRequest request, sim::Time deadline);
  sim::Task<bool> read_index(Member& member, sim::Time deadline);
  sim::Task<bool> reach_leader(Member& member, sim::Time deadline);
  void deliver(Member& member, std::size_t from, std::size_t to);

  sim::Simulation& sim_;
  EtcdConfig config_;
  EtcdTimings timings_;
  EtcdStore store_;
  std::vector<Scope> scopes_;
  std::vector<sim::Time> lease_expiry_;  // by lease; the leader's lessor
  std::vector<bool> lease_revoking_;
  std::vector<Committed> log_;  // log_[i] is index log_base_ + i + 1
  std::vector<EtcdEvent> events_;
  std::uint64_t log_base_ = 0;
  std::size_t events_base_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t elections_ = 0;
  sim::Signal revoked_;
  std::vector<std::unique_ptr<Member>> members_;
  sim::Timer<Etcd, &Etcd::tick> tick_;
};

}  // namespace predrill::models
