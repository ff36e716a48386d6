// The DCS of a simulated system: an etcd cluster, or Kubernetes' API servers with Patroni's records
// in Endpoints.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "harness/system.hpp"
#include "models/dcs.hpp"
#include "models/etcd.hpp"
#include "models/kubernetes_dcs.hpp"

namespace predrill::harness {

class SimulatedDcs {
 public:
  /// `hosts`: of the etcd members or of the API servers; they and the system outlive this.
  SimulatedDcs(const SystemSpec& system, const std::vector<sim::Host*>& hosts);

  /// What a Patroni process talks through.
  std::unique_ptr<models::Dcs> client(models::MemberId member, sim::Group& patroni);
  /// Everything as it stands after a long quiet time.
  void start();

  /// Holder of the leader key; on Kubernetes whom the record names, expired or not.
  models::MemberId holder() const;
  /// What is stored now under a key of the cluster.
  const models::EtcdValue& value(models::EtcdKey key) const;
  /// Whether a write would be accepted by whoever reaches a server.
  bool takes_writes() const;

  const std::vector<sim::Host*>& hosts() const { return hosts_; }
  std::size_t size() const { return hosts_.size(); }
  /// The server that leads: etcd alone; nullptr if there is none.
  sim::Host* leader();
  void kill_server(std::size_t server);
  void start_server(std::size_t server);
  void slow_requests(std::size_t server, const sim::Distribution& extra);
  /// So many servers must die that nothing can be written: of etcd a majority, else all.
  std::size_t quorum_loss() const;
  /// etcd alone.
  void set_no_space(bool on);
  /// The pod object of a member goes: on Kubernetes its record goes with it.
  void remove_pod(models::MemberId member);
  /// Told of every change of a Kubernetes object.
  void set_observer(models::KubernetesObserver* observer);

 private:
  const SystemSpec& system_;
  std::vector<sim::Host*> hosts_;
  std::unique_ptr<models::Etcd> etcd_;
  std::unique_ptr<models::KubernetesApi> kubernetes_;
  models::ScopeId scope_ = 0;
};

}  // namespace predrill::harness
