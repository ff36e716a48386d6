// An RDS for PostgreSQL database as an operator and its clients see it: one instance, an instance
// with a standby (Multi-AZ instance) or a writer with two readers (Multi-AZ cluster), its read
// replicas, its volume, its endpoint, and the control plane that moves it.
//
// Real thing and version: Amazon RDS for PostgreSQL 15 and the RDS API 2014-10-31.
// Modelled: failover of a Multi-AZ instance (detection, fencing and attaching, redo of the WAL
//   since the last checkpoint, the endpoint's record) within the documented 60 to 120 s, longer by
//   redo alone; RebootDBInstance with and without ForceFailover; failover of a cluster to the
//   reader that has received most, which applies that first; loss of an engine, a host, a standby,
//   a zone; commits without a standby after it is given up; a standby made anew; read replicas and
//   the staleness of what they say; a volume that fills: PANIC, storage-full, somebody's
//   ModifyDBInstance, storage autoscaling, storage-optimization; AvailabilityZone shown late.
// Simplified (diverges from the real thing): a forced failover takes as long as another one, with
//   the control plane's preparation in place of detection. DBInstanceStatus stays `available` in a
//   failover that nobody called for: what the API shows then is not documented. A replaced host
//   keeps its name and zone.
// Ignored: upgrades, class changes, parameter groups, snapshots (models/restore.hpp has restores),
//   promotion of a read replica.
// Calibrated from: RdsTimings, which names the source of each delay.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "models/dns.hpp"
#include "models/managed_database.hpp"
#include "models/rds_config.hpp"
#include "models/rds_instance.hpp"
#include "models/rds_replication.hpp"
#include "models/rds_volume.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

namespace rds {
inline constexpr sim::Kind api_call{"rds.api_call", "{0:n} {1:n}: {2:n}"};
inline constexpr sim::Kind status{"rds.status", "status is {0:n}"};
inline constexpr sim::Kind writer_closed{"rds.writer_closed",
                                         "the old writer takes no more statements"};
inline constexpr sim::Kind failover_begun{"rds.failover_begun",
                                          "failover begins: {0:n} is to take over"};
inline constexpr sim::Kind redo{"rds.redo", "redo of {0} MiB of WAL"};
inline constexpr sim::Kind writer_changed{"rds.writer_changed", "{0:n} takes writes"};
inline constexpr sim::Kind endpoint_moved{"rds.endpoint_moved", "the endpoint names {0:n}"};
inline constexpr sim::Kind zone_shown{"rds.zone_shown", "AvailabilityZone is shown for {0:n}"};
inline constexpr sim::Kind no_standby{"rds.no_standby", "nobody can take over"};
inline constexpr sim::Kind mirror_given_up{"rds.mirror_given_up",
                                           "commits go on without the standby {0:n}"};
inline constexpr sim::Kind in_sync{"rds.in_sync", "{0:n} holds everything again"};
inline constexpr sim::Kind storage_low{"rds.storage_low", "FreeStorageSpace is {0} MiB"};
inline constexpr sim::Kind storage_full{"rds.storage_full",
                                        "PANIC: no space left on device for WAL"};
inline constexpr sim::Kind storage_scaling{"rds.storage_scaling",
                                           "storage grows to {0} GiB, asked for by {1:n}"};
inline constexpr sim::Kind storage_grown{"rds.storage_grown", "AllocatedStorage is {0} GiB"};
}  // namespace rds

/// The names that clients use; numbers of the run's DNS names.
struct RdsEndpoints {
  DnsName writer = DnsName::none;
  DnsName reader = DnsName::none;  // of the cluster's readers, or of the first read replica
};

class RdsDatabase final : public ManagedDatabase {
 public:
  /// `zone` answers the endpoints; both it and `book` outlive the database.
  RdsDatabase(sim::Simulation& simulation, AddressBook& book, DnsServer& zone,
              RdsEndpoints endpoints, RdsConfig config, RdsTimings timings);
  ~RdsDatabase() override;

  /// As after weeks of quiet running: the first member writes, the others follow.
  void start();

  // ---- the API; what is accepted goes on by itself ----

  RdsFault reboot_db_instance(bool force_failover);
  /// Multi-AZ cluster. `target` empty: the reader that has received most.
  RdsFault failover_db_cluster(std::string_view target = {});
  /// ModifyDBInstance AllocatedStorage, in bytes; also while the status is storage-full.
  RdsFault modify_allocated_storage(std::uint64_t bytes);
  InstanceStatus status() const { return status_; }

  // ---- what happens without a call ----

  void crash_engine(MemberId member);
  void lose_host(MemberId member);
  void lose_zone(std::size_t zone);
  void restore_zone(std::size_t zone);
  /// Something fills the volume at this rate; 0 ends it.
  void fill_storage(std::uint64_t bytes_per_second);

  MemberId writer() const override { return writer_; }
  Address address(MemberId member) const override { return addresses_[member]; }
  std::uint32_t max_connections(MemberId member) const override {
    return instances_[member]->max_connections();
  }
  sim::Signal& changed() override { return changed_; }

  /// The members, then the read replicas.
  std::size_t size() const { return instances_.size(); }
  MemberId members() const { return static_cast<MemberId>(config_.members.size()); }
  RdsInstance& instance(MemberId member) { return *instances_[member]; }
  MemberId find(std::string_view name) const;
  /// A member that could take over now: the standby, or the reader that has received most.
  MemberId candidate();
  RdsReplication& replication() { return replication_; }
  const RdsVolume& volume() const { return volume_; }
  const RdsConfig& config() const { return config_; }

 private:
  sim::Task<> fail_over_instance(MemberId target, bool forced);
  sim::Task<> fail_over_cluster(MemberId target, bool forced);
  sim::Task<> recover_from_loss(MemberId lost);
  sim::Task<> give_mirror_up(MemberId lost);
  sim::Task<> bring_back(MemberId member);
  sim::Task<> rejoin(MemberId member, sim::Duration after);
  sim::Task<> restart_in_place(MemberId member);
  sim::Task<> reboot();
  sim::Task<> show_zone(MemberId member);
  sim::Task<> follow(MemberId replica, EngineEnd how);
  sim::Task<> watch_volume();
  sim::Task<> wait_for_help();
  sim::Task<> grow(std::uint64_t bytes);

  void take_writes(MemberId member);
  /// The writer's engine ends and its followers lose their source.
  void close_writer(EngineEnd how);
  void followers_lose_source(EngineEnd how);
  void stop_for_space();
  void publish(MemberId member);
  void publish_readers();
  bool multi_az() const { return config_.deployment == RdsDeployment::multi_az_instance; }
  bool cluster() const { return config_.deployment == RdsDeployment::multi_az_cluster; }
  RdsFailover sample_failover();
  sim::Duration apply_time();
  void begin_redo(sim::Duration length);
  RdsFault answer(std::string_view call, RdsFault fault);
  void set_status(InstanceStatus status);
  void say(const sim::Kind& kind, MemberId member);
  sim::Time now() const { return simulation_.now(); }

  sim::Simulation& simulation_;
  AddressBook& book_;
  DnsServer& dns_;
  RdsEndpoints endpoints_;
  RdsConfig config_;
  RdsTimings timings_;
  RdsReplication replication_;
  RdsVolume volume_;
  sim::EntityId entity_;
  std::vector<std::unique_ptr<RdsInstance>> instances_;
  std::vector<Address> addresses_;
  InstanceStatus status_ = InstanceStatus::available;
  MemberId writer_ = nobody;
  MemberId published_ = nobody;  // whom the endpoint names
  bool failing_over_ = false;
  bool full_ = false;
  bool growing_ = false;
  std::array<bool, RdsConfig::zones> zone_lost_{};
  sim::Signal changed_;
  sim::Signal fills_;
  sim::Host control_host_;
  sim::Group control_;
  sim::Stream delays_;
  sim::Stream storage_delays_;
};

}  // namespace predrill::models
