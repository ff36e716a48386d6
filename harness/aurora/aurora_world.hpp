// The simulated world of an Aurora system: the cluster with its endpoints in DNS, and its clients.
#pragma once

#include "harness/aurora/aurora_spec.hpp"
#include "harness/managed/client_world.hpp"
#include "models/aurora.hpp"

namespace predrill::harness {

class AuroraWorld {
 public:
  static constexpr ClientPaths paths = {"cluster endpoint", "reader endpoint"};

  AuroraWorld(const AuroraSpec& spec, std::uint64_t seed, bool shuffle_ties = false);
  ~AuroraWorld();
  AuroraWorld(const AuroraWorld&) = delete;
  AuroraWorld& operator=(const AuroraWorld&) = delete;

  /// The cluster as after weeks of quiet running; then the clients connect.
  void start();

  sim::Simulation& sim() { return sim_; }
  models::AuroraCluster& cluster() { return cluster_; }
  models::Journal& journal() { return clients_.journal(); }
  models::HikariPool* pool() { return clients_.pool(); }
  sim::Host& operator_host() { return operator_host_; }

 private:
  const AuroraSpec& spec_;
  sim::Simulation sim_;
  models::AddressBook book_;
  sim::Host dns_host_;
  sim::Group dns_group_;
  models::DnsServer zone_;
  models::AuroraCluster cluster_;
  ClientWorld clients_;
  sim::Host operator_host_;
};

}  // namespace predrill::harness
