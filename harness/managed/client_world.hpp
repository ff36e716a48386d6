// The clients of a managed database in a simulated world: a prober that writes through the
// endpoint over a new connection each time, one that reads through the reader endpoint if wanted,
// one through RDS Proxy, and an application on a HikariCP pool.
#pragma once

#include <memory>
#include <string_view>

#include "harness/managed/database_clients.hpp"
#include "models/address.hpp"
#include "models/dns.hpp"
#include "models/hikari.hpp"
#include "models/journal.hpp"
#include "models/managed_database.hpp"
#include "models/prober.hpp"
#include "models/rds_proxy.hpp"
#include "sim/simulation.hpp"

namespace predrill::harness {

/// What the clients of a kind of database are called in its journal.
struct ClientPaths {
  std::string_view direct;
  std::string_view reader;
  static constexpr std::string_view hikari = "hikari";
  static constexpr std::string_view proxy = "rds proxy";
};

class ClientWorld {
 public:
  struct Names {
    models::DnsName writer;
    models::DnsName reader;
  };
  /// Everything that is referred to outlives the clients; `zone` answers both names.
  ClientWorld(sim::Simulation& sim, models::AddressBook& book, models::DnsServer& zone,
              models::ManagedDatabase& database, Names names, const ClientPaths& paths,
              const DatabaseClients& spec);

  /// Once the database runs.
  void start();

  models::Journal& journal() { return journal_; }
  models::HikariPool* pool() { return pool_.get(); }

 private:
  sim::Task<> requests();
  sim::Task<> request(std::uint64_t number);

  sim::Simulation& sim_;
  const DatabaseClients& spec_;
  models::Journal journal_;
  sim::Host client_host_;
  sim::Group resolver_group_;
  models::DnsServer resolver_;
  sim::Host app_host_;
  sim::Group jvm_group_;
  models::DnsServer jvm_dns_;
  sim::Host proxy_host_;
  std::unique_ptr<models::Prober> prober_;
  std::unique_ptr<models::Prober> read_prober_;
  std::unique_ptr<models::RdsProxy> proxy_;
  std::unique_ptr<models::Prober> proxy_prober_;
  std::unique_ptr<models::HikariPool> pool_;
  std::uint16_t pool_journal_path_ = 0;
};

}  // namespace predrill::harness
