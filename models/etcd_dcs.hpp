// Patroni's view of etcd over the v3 API.
//
// Real thing: Patroni 3.3.2, patroni/dcs/etcd3.py and patroni/dcs/etcd.py (3.0.2 by option).
// Modelled: one lease per process under the leader and the member key; the watch cache that
//   get_cluster reads; which changes wake the HA loop; endpoint order, per-node time-outs, the
//   re-reading of the endpoint list, the growing pauses (_calculate_timeouts, api_execute, Retry);
//   socket keep-alive options of utils.py; dropped pooled connections.
// Simplified: an endpoint is a member of the etcd cluster, known by its number. The first lease is
//   taken when it is first needed, not before the HA loop starts.
// Ignored: TLS, authentication, proxies, SRV records, the periodic refresh of the endpoint list
//   (every 10 * ttl, one cheap request).
// Calibrated from: nothing to calibrate; the delays are etcd's and the network's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/dcs.hpp"
#include "models/etcd.hpp"

namespace predrill::models {

struct EtcdDcsConfig {
  sim::Duration ttl = std::chrono::seconds(30);
  sim::Duration loop_wait = std::chrono::seconds(10);
  sim::Duration retry_timeout = std::chrono::seconds(10);
  /// 3.0.x: after losing its lease the leader overwrites the key whoever holds it.
  bool reput_unconditionally = false;
  /// etcd members in the order of `hosts:`; empty = all.
  std::vector<std::size_t> hosts{};
  /// The member that is asked first; by default drawn, as Patroni shuffles the list.
  std::optional<std::size_t> first_endpoint{};
};

inline constexpr sim::Kind lease_lost{"patroni.lease_lost", "lost its etcd lease"};
inline constexpr sim::Kind endpoint_changed{"patroni.etcd_endpoint",
                                            "selected new etcd server {0:n}"};

class EtcdDcs final : public Dcs {
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
  std::size_t endpoint() const { return endpoint_; }

 private:
  using Client = Etcd::Port::Client;
  /// How long one node may take, and how often it is tried (_calculate_timeouts).
  struct Limits {
    std::size_t nodes;
    sim::Duration connect;
    sim::Duration total;
    int tries;
  };
  /// utils.py Retry: pauses of 0.1 s, doubling to 1 s, each with up to 0.8 s on top.
  struct Retry {
    sim::Time stop;
    sim::Duration delay;
  };
  struct Answer {
    bool answered = false;
    EtcdReply reply;
  };

  sim::Time wall() const { return patroni_.host().clock().now(); }
  Limits limits(std::size_t nodes, sim::Duration timeout) const;
  Retry new_retry() const;
  sim::Duration sleep_time(const Retry& retry);
  EtcdRequest request(EtcdOp op, EtcdKey key) const;
  sim::TcpOptions socket_options() const;

  sim::Task<Answer> call(const EtcdRequest request, Retry* retry);
  sim::Task<Answer> execute(const EtcdRequest request, Retry* retry);
  sim::Task<Answer> attempt(std::size_t endpoint, const EtcdRequest request, const Limits limits);
  sim::Task<bool> load_machines(bool from_config);
  void select(std::size_t endpoint);
  void drop_connections();
  std::vector<std::size_t> machines() const;

  sim::Task<bool> refresh_lease(bool force, Retry* retry);
  sim::Task<> keep_cache();
  void set(const EtcdEvent& event);
  void fill_cache();

  Etcd& etcd_;
  ScopeId scope_;
  MemberId self_;
  sim::Group& patroni_;
  EtcdDcsConfig config_;
  sim::Stream jitter_;
  sim::Stream order_;

  LeaseId lease_ = 0;
  sim::Time last_lease_refresh_{};
  LeaseId leader_session_ = 0;  // of the last get_cluster
  std::optional<Lsn> last_status_;
  std::optional<MemberSet> last_failsafe_;
  bool do_not_watch_ = false;

  std::vector<std::size_t> machines_;
  std::size_t endpoint_ = 0;
  bool reload_machines_ = false;
  std::vector<std::vector<Client>> idle_;  // pooled connections by endpoint

  ClusterView cache_;
  LeaseId cached_leader_lease_ = 0;
  std::array<LeaseId, members_max> cached_member_lease_{};
  std::array<EtcdEvent, etcd_slots> fetched_{};
  std::size_t fetched_count_ = 0;
  bool streaming_ = false;
  sim::Gate ready_;
  sim::ProcessId watcher_;
};

}  // namespace predrill::models
