// The simulated world of an RDS system: the database with its endpoints in DNS, and its clients.
#pragma once

#include "harness/managed/client_world.hpp"
#include "harness/rds/rds_spec.hpp"
#include "models/rds.hpp"

namespace predrill::harness {

class RdsWorld {
 public:
  static constexpr ClientPaths paths = {"endpoint", "reads"};

  RdsWorld(const RdsSpec& spec, std::uint64_t seed, bool shuffle_ties = false);
  ~RdsWorld();
  RdsWorld(const RdsWorld&) = delete;
  RdsWorld& operator=(const RdsWorld&) = delete;

  /// The database as after weeks of quiet running; then the clients connect.
  void start();

  const RdsSpec& spec() const { return spec_; }
  sim::Simulation& sim() { return sim_; }
  models::RdsDatabase& database() { return database_; }
  models::Journal& journal() { return clients_.journal(); }

 private:
  const RdsSpec& spec_;
  sim::Simulation sim_;
  models::AddressBook book_;
  sim::Host dns_host_;
  sim::Group dns_group_;
  models::DnsServer zone_;
  models::RdsDatabase database_;
  ClientWorld clients_;
};

}  // namespace predrill::harness
