// Patroni's view of etcd over the v3 API.
//
// Real thing: Patroni 3.3.2, patroni/dcs/etcd3.py and patroni/dcs/etcd.py (3.0.2 by option).
// Modelled: one lease per process under the leader and the member key; the watch cache that
//   get_cluster reads; which changes wake the HA loop. Requests: models/dcs_client.hpp.
// Simplified: the first lease is taken when it is first needed, not before the HA loop starts.
// Calibrated from: nothing to calibrate; the delays are etcd's and the network's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/dcs.hpp"
#include "models/dcs_client.hpp"
#include "models/etcd.hpp"

namespace predrill::models {

struct EtcdDcsConfig : DcsClientConfig {
  /// 3.0.x: after losing its lease the leader overwrites the key whoever holds it.
  bool reput_unconditionally = false;
  /// Until the thread that follows the watch has woken up: PatroniTimings::thread_wake.
  sim::Distribution thread_wake = sim::Distribution::constant(sim::Duration{});
};

inline constexpr sim::Kind lease_lost{"patroni.lease_lost", "lost its etcd lease"};

class EtcdDcs final : public Dcs, DcsClient::Owner {
 public:
  /// `patroni`: the group whose processes call; its death is the death of the client.
  EtcdDcs(Etcd& etcd, ScopeId scope, MemberId self, sim::Group& patroni,
          const EtcdDcsConfig& config = {});

  void start() override;
  void set_timeouts(sim::Duration ttl, sim::Duration loop_wait,
                    sim::Duration retry_timeout) override;
  sim::Task<DcsAnswer> get_cluster(ClusterView& view) override;
  sim::Task<DcsAnswer> attempt_to_acquire_leader() override;
  sim::Task<DcsAnswer> update_leader(Lsn last_lsn, MemberSet failsafe) override;
  sim::Task<DcsAnswer> touch_member(const MemberData data) override;
  sim::Task<DcsAnswer> delete_leader(Lsn last_lsn) override;
  sim::Task<DcsAnswer> write_status(Lsn last_lsn) override;
  sim::Task<DcsAnswer> write_sync_state(SyncState& state) override;
  sim::Task<DcsAnswer> write_failover(const FailoverRequest request) override;
  sim::Task<DcsAnswer> write_history(Timeline timeline) override;
  sim::Task<bool> watch(bool is_leader, sim::Duration timeout) override;

  /// The watch cache as it stands; stale while not ready.
  const ClusterView& cache() const { return cache_; }
  bool cache_ready() const { return ready_.is_open(); }
  LeaseId lease() const { return lease_; }
  std::size_t endpoint() const { return client_.endpoint(); }

 private:
  using Retry = DcsClient::Retry;
  using Answer = DcsClient::Answer;

  void on_select() override;
  EtcdRequest request(EtcdOp op, EtcdKey key) const;
  sim::Task<bool> refresh_lease(bool force, Retry* retry);
  sim::Task<> keep_cache();
  sim::Task<Answer> send(const EtcdRequest asked, Retry* retry);
  void set(const EtcdEvent& change, bool watched);
  void fill_cache();

  ScopeId scope_;
  MemberId self_;
  sim::Group& patroni_;
  bool reput_unconditionally_;
  sim::Distribution thread_wake_;
  sim::Stream wakes_;
  sim::Stream answer_wakes_;
  DcsClient client_;

  LeaseId lease_ = 0;
  sim::Time last_lease_refresh_{};
  LeaseId leader_session_ = 0;  // of the last get_cluster
  std::optional<Lsn> last_status_;
  std::optional<MemberSet> last_failsafe_;
  bool do_not_watch_ = false;

  ClusterView cache_;
  LeaseId cached_leader_lease_ = 0;
  std::array<LeaseId, members_max> cached_member_lease_{};
  std::array<std::uint64_t, etcd_slots> cached_revision_{};
  bool streaming_ = false;
  sim::Gate ready_;
  sim::ProcessId watcher_;
};

}  // namespace predrill::models
