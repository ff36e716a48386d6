// The distributed configuration store as Patroni sees it (patroni/dcs/__init__.py, AbstractDCS):
// one object per Patroni process, whatever the back end. Back ends: etcd (models/etcd_dcs.hpp) and
// Kubernetes endpoints (models/kubernetes_dcs.hpp).
#pragma once

#include <array>
#include <cstdint>

#include "models/lsn.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// What a member publishes under its own key (touch_member).
struct MemberData {
  enum class Role : std::uint8_t { replica, primary, standby_leader, uninitialized };
  enum class State : std::uint8_t {
    stopped,
    starting,
    running,
    stopping,
    restarting,
    crashed,
    start_failed,
    initializing,
    creating_replica
  };
  Role role = Role::uninitialized;
  State state = State::stopped;
  bool streaming = false;          // replication_state
  bool awaits_checkpoint = false;  // "checkpoint_after_promote": false
  bool nofailover = false;
  bool nosync = false;
  std::int32_t failover_priority = 1;
  Timeline timeline = 0;
  Lsn xlog_location;  // primary: written; replica: max(received, replayed)
  friend bool operator==(const MemberData&, const MemberData&) = default;
};

/// The /sync key.
struct SyncState {
  MemberId leader = nobody;
  MemberSet sync_standby = 0;
  std::uint64_t version = 0;  // for compare-and-set; 0 = the key does not exist
  bool is_empty() const { return leader == nobody; }
  bool matches(MemberId id) const { return id == leader || contains(sync_standby, id); }
};

/// The /failover key: a manual switchover or failover that is wanted.
struct FailoverRequest {
  bool present = false;
  MemberId leader = nobody;
  MemberId candidate = nobody;
  std::uint64_t version = 0;
};

/// Everything under the cluster's prefix (class Cluster).
struct ClusterView {
  MemberId leader = nobody;  // value of the leader key; nobody = the key does not exist
  std::uint64_t leader_version = 0;
  Lsn status_lsn;         // /status: the leader's last published position
  MemberSet present = 0;  // whose member keys exist
  std::array<MemberData, members_max> members{};
  SyncState sync;
  FailoverRequest failover;
  MemberSet failsafe = 0;         // /failsafe
  Timeline history_timeline = 0;  // newest timeline in /history
  bool pause = false;
  std::uint64_t config_version = 0;
};

/// yes: done. no: the store answered and refused (lock lost, compare failed, key taken).
/// error: DCSError, no usable answer within retry_timeout.
enum class DcsAnswer : std::uint8_t { yes, no, error };

class Dcs {
 public:
  virtual ~Dcs() = default;
  Dcs(const Dcs&) = delete;
  Dcs& operator=(const Dcs&) = delete;

  /// The process (re)starts: new session, new lease, empty cache; spawns what it needs (the watch).
  virtual void start() = 0;
  /// Timing settings, now and after a change of the dynamic configuration.
  virtual void set_timeouts(sim::Duration ttl, sim::Duration loop_wait,
                            sim::Duration retry_timeout) = 0;

  /// Fills `view`; from the watch cache where the back end has one. yes or error.
  virtual sim::Task<DcsAnswer> get_cluster(ClusterView& view) = 0;
  /// Creates the leader key if it does not exist.
  virtual sim::Task<DcsAnswer> attempt_to_acquire_leader() = 0;
  /// Renews the leader key and writes /status. no = the lock is lost.
  virtual sim::Task<DcsAnswer> update_leader(Lsn last_lsn, MemberSet failsafe) = 0;
  /// Writes this member's key (and keeps its lease alive).
  virtual sim::Task<DcsAnswer> touch_member(const MemberData data) = 0;
  /// Deletes the leader key if it is ours, with the last position where known.
  virtual sim::Task<DcsAnswer> delete_leader(Lsn last_lsn) = 0;
  virtual sim::Task<DcsAnswer> write_status(Lsn last_lsn) = 0;
  /// Compare-and-set on the version; the new version in `state` on yes.
  virtual sim::Task<DcsAnswer> write_sync_state(SyncState& state) = 0;
  virtual sim::Task<DcsAnswer> write_failover(const FailoverRequest request) = 0;
  virtual sim::Task<DcsAnswer> write_history(Timeline timeline) = 0;

  /// Patroni's event: opened by a change that wakes this member (section "Wake-ups" differs by back
  /// end), by the REST API and by asynchronous tasks; shut again by watch().
  sim::Gate event;
  /// Sleeps until the event or for `timeout`, as the back end does it (non-leaders add 0.5 s).
  virtual sim::Task<bool> watch(bool is_leader, sim::Duration timeout) = 0;

 protected:
  Dcs() = default;
};

}  // namespace predrill::models
