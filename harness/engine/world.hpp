// The simulated world of a system: hosts in zones, and on them the models that the system names.
// Comes up in the state in which a cluster is after running quietly for a long time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/simulated_dcs.hpp"
#include "harness/system.hpp"
#include "models/address.hpp"
#include "models/disk.hpp"
#include "models/dns.hpp"
#include "models/haproxy.hpp"
#include "models/journal.hpp"
#include "models/kubernetes_service.hpp"
#include "models/ledger.hpp"
#include "models/patroni.hpp"
#include "models/pgbouncer.hpp"
#include "models/postgres.hpp"
#include "models/prober.hpp"
#include "models/workload.hpp"
#include "sim/network.hpp"
#include "sim/simulation.hpp"

namespace predrill::harness {

/// A database member: its host (the pod or machine) and what runs there.
struct SimulatedMember {
  SimulatedMember(sim::Simulation& sim, const SystemSpec& system, models::MemberId id,
                  SimulatedDcs& store, models::Ledger& ledger);
  sim::Host host;
  models::Disk disk;
  models::PostgresServer postgres;
  sim::Group group;  // the Patroni process
  sim::Stream entries, callbacks;
  std::unique_ptr<models::Dcs> dcs;
  models::Patroni patroni;
  models::Address address = models::Address::none;

 private:
  sim::Task<> enter();
  const KubernetesSpec& kubernetes_;
};

struct WorldOptions {
  std::uint64_t seed = 1;
  bool shuffle_ties = false;
};

class World final : models::PatroniObserver, models::KubernetesObserver {
 public:
  World(const SystemSpec& system, const WorldOptions& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Boots everything and runs until the cluster is settled: the right member leads, all standbys
  /// stream, the synchronous standby is assigned. False if it does not settle within five minutes.
  bool settle();
  /// From here on the probers measure, and the workload runs if it is simulated one by one.
  void start_clients();

  sim::Simulation& sim() { return sim_; }
  const SystemSpec& system() const { return system_; }
  SimulatedMember& member(models::MemberId id) { return *members_[id]; }
  models::MemberId members() const { return static_cast<models::MemberId>(members_.size()); }
  SimulatedDcs& dcs() { return *dcs_; }
  models::Pgbouncer* pgbouncer() { return poolers_.empty() ? nullptr : poolers_.front().get(); }
  std::vector<std::unique_ptr<models::Pgbouncer>>& poolers() { return poolers_; }
  std::vector<std::unique_ptr<models::Haproxy>>& haproxies() { return haproxies_; }
  models::Workload* workload() const { return workload_.get(); }
  models::Journal& journal() { return journal_; }
  models::Ledger& ledger() { return ledger_; }
  /// Told what Patroni members do with their power, besides the world itself.
  void set_observer(models::PatroniObserver* observer) { observer_ = observer; }

  /// Holder of the leader key.
  models::MemberId leader() const { return dcs_->holder(); }
  /// What the store holds now under a key of the cluster.
  const models::EtcdValue& dcs_value(models::EtcdKey key) const { return dcs_->value(key); }
  /// The synchronous standbys in /sync.
  models::MemberSet sync_standbys() const;
  /// Members that accept writes.
  models::MemberSet primaries() const;
  models::MemberId find_member(std::string_view name) const;

  sim::HostSet member_hosts(models::MemberSet set);
  sim::HostSet dcs_hosts() { return {dcs_->hosts().begin(), dcs_->hosts().end()}; }
  sim::HostSet client_hosts();
  sim::HostSet zone_hosts(std::string_view zone);
  /// Every host of the system that is not in the set.
  sim::HostSet all_but(const sim::HostSet& set);

 private:
  void on_cycle(models::MemberId member) override;
  void on_promote(models::MemberId member) override;
  void on_failsafe(models::MemberId member, bool active) override;
  void on_change(const models::EtcdEvent& change) override;
  void route_to(models::MemberId primary);
  std::vector<models::HostSpec> service_hosts() const;
  std::vector<models::HostSpec> hosts_of(const PoolerDatabase& database) const;
  sim::Task<> role_callback(models::MemberId member);
  void build_network();
  void build_dcs();
  void build_members();
  void build_service();
  void build_haproxies();
  void build_poolers();
  void build_probers();
  void build_workload();
  void add_prober(sim::Host& host, std::string path, std::vector<models::HostSpec> hosts,
                  bool write);
  bool in_place(models::MemberId id) const;
  bool settled() const;
  models::MemberId initial_primary() const {
    return static_cast<models::MemberId>(system_.primary);
  }
  sim::Host& add_host(std::string name, std::string_view zone);

  const SystemSpec& system_;
  models::PatroniObserver* observer_ = nullptr;
  sim::Simulation sim_;
  models::Ledger ledger_;
  models::Journal journal_;
  models::AddressBook book_;
  std::vector<std::unique_ptr<sim::Host>> hosts_;  // other than members'
  std::vector<sim::Host*> client_hosts_;
  std::vector<std::pair<std::string, sim::Host*>> zone_of_;
  std::unique_ptr<SimulatedDcs> dcs_;
  std::vector<std::unique_ptr<SimulatedMember>> members_;
  std::unique_ptr<sim::Group> dns_group_;
  std::unique_ptr<models::DnsServer> dns_;
  std::unique_ptr<models::KubernetesService> service_;
  std::vector<std::unique_ptr<models::Pgbouncer>> poolers_;
  std::vector<models::Address> pooler_addresses_;
  std::vector<std::unique_ptr<models::Haproxy>> haproxies_;
  std::vector<models::Address> haproxy_addresses_;
  std::vector<std::unique_ptr<models::Prober>> probers_;
  std::unique_ptr<models::Workload> workload_;
};

}  // namespace predrill::harness
