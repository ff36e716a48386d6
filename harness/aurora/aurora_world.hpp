// The simulated world of an Aurora system: the cluster with its endpoints in DNS, a prober that
// writes through the cluster endpoint over a new connection each time, one that reads through the
// reader endpoint if wanted, and an application on a HikariCP pool.
#pragma once

#include <memory>

#include "harness/aurora/aurora_spec.hpp"
#include "models/aurora.hpp"
#include "models/dns.hpp"
#include "models/hikari.hpp"
#include "models/journal.hpp"
#include "models/prober.hpp"
#include "models/rds_proxy.hpp"
#include "sim/network.hpp"
#include "sim/simulation.hpp"

namespace predrill::harness {

class AuroraWorld {
 public:
  static constexpr std::string_view direct_path = "cluster endpoint";
  static constexpr std::string_view hikari_path = "hikari";
  static constexpr std::string_view proxy_path = "rds proxy";
  static constexpr std::string_view reader_path = "reader endpoint";

  AuroraWorld(const AuroraSpec& spec, std::uint64_t seed, bool shuffle_ties = false);
  ~AuroraWorld();
  AuroraWorld(const AuroraWorld&) = delete;
  AuroraWorld& operator=(const AuroraWorld&) = delete;

  /// The cluster as after weeks of quiet running; then the clients connect.
  void start();

  sim::Simulation& sim() { return sim_; }
  models::AuroraCluster& cluster() { return *cluster_; }
  models::Journal& journal() { return journal_; }
  models::HikariPool* pool() { return pool_.get(); }
  sim::Host& operator_host() { return operator_host_; }

 private:
  sim::Task<> requests();
  sim::Task<> request(std::uint64_t number);

  const AuroraSpec& spec_;
  sim::Simulation sim_;
  models::AddressBook book_;
  models::Journal journal_;
  sim::Host dns_host_;
  sim::Group dns_group_;
  models::DnsServer zone_;
  std::unique_ptr<models::AuroraCluster> cluster_;
  sim::Host client_host_;
  sim::Host app_host_;
  sim::Group jvm_group_;
  models::DnsServer jvm_dns_;
  sim::Host operator_host_;
  std::unique_ptr<models::Prober> prober_;
  std::unique_ptr<models::Prober> read_prober_;
  sim::Host proxy_host_;
  std::unique_ptr<models::RdsProxy> proxy_;
  std::unique_ptr<models::Prober> proxy_prober_;
  std::unique_ptr<models::HikariPool> pool_;
  std::uint16_t pool_journal_path_ = 0;
};

}  // namespace predrill::harness
