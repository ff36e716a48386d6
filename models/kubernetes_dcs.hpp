// Patroni's state in Kubernetes objects: annotations of Endpoints and of Pods.
//
// Real thing: Patroni 3.3.2, patroni/dcs/kubernetes.py with use_endpoints and bypass_api_service,
// as
//   spilo sets them; the API servers behind it.
// Modelled: no lease: each member watches the leader object and counts ttl from the moment at
//   which it saw the record change, by its own wall clock; a renewal wakes replicas, an expiry
//   wakes nobody; every write carries the cached resourceVersion and a conflict (409) means that
//   somebody else was there; position and failsafe in annotations; pods, so that member records
//   never expire; list, watch, failover between API servers (models/dcs_client.hpp).
// Simplified: all API servers see one store that is never without quorum; objects are the keys of
//   models/etcd_store.hpp and a resourceVersion is a revision; ttl is the member's own, not the
//   annotation's; leader and members are watched over one stream.
// Ignored: ConfigMaps, subsets of the Endpoints (models of services look at the leader record),
//   API priority and fairness, deletion of pods by the node controller (use remove_pod).
// Calibrated from: estimates, named in ApiServerTimings.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/dcs.hpp"
#include "models/dcs_client.hpp"
#include "models/etcd_store.hpp"
#include "sim/distribution.hpp"
#include "sim/sync.hpp"

namespace predrill::models {

struct ApiServerTimings {
  ApiServerTimings();
  sim::Distribution write;  // PATCH of an object
  sim::Distribution read;   // LIST
  sim::Distribution watch;  // from a write to its event on the wire
};

/// Named like what etcd says of its key: they mean the same to who reads a timeline.
inline constexpr sim::Kind record_created{"dcs.leader_key_created",
                                          "leader annotation taken by {0:n}"};
inline constexpr sim::Kind record_released{"dcs.leader_key_deleted",
                                           "leader annotation released by {0:n}"};
/// By each observer for itself.
inline constexpr sim::Kind renewal_missed{"dcs.leader_key_expired",
                                          "sees no renewal by {0:n} within ttl"};

/// Told of every change of an object.
class KubernetesObserver {
 public:
  virtual void on_change(const EtcdEvent& change) = 0;

 protected:
  ~KubernetesObserver() = default;
};

/// The API servers of a Kubernetes cluster, one per host.
class KubernetesApi {
 public:
  explicit KubernetesApi(const std::vector<sim::Host*>& hosts,
                         const ApiServerTimings& timings = {});
  ~KubernetesApi();
  KubernetesApi(const KubernetesApi&) = delete;
  KubernetesApi& operator=(const KubernetesApi&) = delete;

  ScopeId add_scope(std::string_view name, const std::vector<std::string>& member_names);
  /// All servers serve. Host::boot() starts a server too.
  void start();
  void start_server(std::size_t server);
  void kill_server(std::size_t server);
  /// Added to each request of this server from now on.
  void slow_requests(std::size_t server, const sim::Distribution& extra);
  /// The pod object goes (node controller, kubectl delete --force).
  void remove_pod(ScopeId scope, MemberId member);
  /// A write by a person or another program; unconditional.
  void write(const EtcdRequest& request);
  void set_observer(KubernetesObserver* observer) { observer_ = observer; }

  std::size_t size() const { return servers_.size(); }
  DcsPort& port(std::size_t server);
  sim::Group& group(std::size_t server);
  const EtcdStore& store() const { return store_; }
  /// Who the leader annotation names.
  MemberId holder(ScopeId scope) const {
    return store_.get(scope, {EtcdKey::leader, nobody}).value.holder;
  }
  std::int64_t name(ScopeId scope, MemberId member) const;

 private:
  struct Server;
  struct Scope {
    sim::EntityId entity;
    std::array<std::int64_t, members_max> names;
  };
  sim::Task<> accept(Server& server);
  sim::Task<> serve(Server& server, sim::Socket<EtcdReply, EtcdRequest> socket);
  EtcdReply apply(const EtcdRequest& request);

  sim::Simulation& sim_;
  ApiServerTimings timings_;
  EtcdStore store_;
  std::vector<Scope> scopes_;
  std::vector<EtcdEvent> changes_;  // of the write under way
  KubernetesObserver* observer_ = nullptr;
  std::vector<std::unique_ptr<Server>> servers_;
};

class KubernetesDcs final : public Dcs, DcsClient::Owner {
 public:
  KubernetesDcs(KubernetesApi& api, ScopeId scope, MemberId self, sim::Group& patroni,
                const DcsClientConfig& config = {});

  void start() override;
  void set_timeouts(sim::Duration ttl, sim::Duration loop_wait,
                    sim::Duration retry_timeout) override;
  sim::Task<DcsAnswer> get_cluster(ClusterView& view) override;
  sim::Task<DcsAnswer> attempt_to_acquire_leader() override;
  sim::Task<DcsAnswer> update_leader(Lsn last_lsn, MemberSet failsafe) override;
  sim::Task<DcsAnswer> touch_member(const MemberData data) override;
  sim::Task<DcsAnswer> delete_leader(Lsn last_lsn) override;
  /// The position lives in the leader record: written if that is ours.
  sim::Task<DcsAnswer> write_status(Lsn last_lsn) override;
  sim::Task<DcsAnswer> write_sync_state(SyncState& state) override;
  sim::Task<DcsAnswer> write_failover(const FailoverRequest request) override;
  sim::Task<DcsAnswer> write_history(Timeline timeline) override;
  sim::Task<bool> watch(bool is_leader, sim::Duration timeout) override;

  /// The cached record, expired or not.
  const ClusterView& cache() const { return cache_; }
  std::size_t endpoint() const { return client_.endpoint(); }

 private:
  using Retry = DcsClient::Retry;
  using Answer = DcsClient::Answer;

  void on_select() override;
  EtcdRequest request(EtcdOp op, EtcdKey key) const;
  sim::Task<DcsAnswer> patch_leader(MemberId holder, Lsn lsn, bool look_again);
  sim::Task<> keep_cache();
  void set(const EtcdEvent& event, bool wake);

  KubernetesApi& api_;
  ScopeId scope_;
  MemberId self_;
  sim::Group& patroni_;
  DcsClient client_;
  ClusterView cache_;  // leader: as written, whether expired or not
  std::uint64_t observed_version_ = 0;
  sim::Time observed_time_{};
  bool missed_ = false;
  MemberSet last_failsafe_ = 0;
  bool streaming_ = false;
  sim::Gate ready_;
  sim::ProcessId watcher_;
};

}  // namespace predrill::models
