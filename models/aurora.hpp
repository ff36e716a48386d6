// An Aurora PostgreSQL cluster as an operator and its clients see it: instances, endpoints, and the
// RDS control plane that moves the writer.
//
// Real thing and version: Amazon Aurora PostgreSQL 15/16 and the RDS API 2014-10-31.
// Modelled: managed failover (FailoverDBCluster) with the lag of Status behind what happens, the
//   choice of the target by promotion tier, crash of an engine (restart in place), loss of a host
//   or an AZ (detection and promotion, or a new instance where no reader is left); reboot of
//   readers and of the writer; class change with PendingModifiedValues; parameter groups with
//   dynamic and static values; snapshots; cluster and reader endpoint in DNS; API faults for calls
//   in a state that forbids them (rejected, never queued).
// Simplified (diverges from the real thing): an instance is out of service for the whole of
//   `modifying` in a class change. The demoted writer comes back as a reader after one restart.
// Ignored: Global Database, Serverless, clones, storage volume growth, IAM.
// Calibrated from: AuroraTimings, which names the source of each delay.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/address.hpp"
#include "models/aurora_config.hpp"
#include "models/aurora_instance.hpp"
#include "models/aurora_storage.hpp"
#include "models/dns.hpp"
#include "models/managed_database.hpp"
#include "models/rds_api.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

namespace aurora {
inline constexpr sim::Kind api_call{"aurora.api_call", "{0:n} {1:n}: {2:n}"};
inline constexpr sim::Kind cluster_status{"aurora.cluster_status", "Status is {0:n}"};
inline constexpr sim::Kind instance_status{"aurora.instance_status", "DBInstanceStatus is {0:n}"};
inline constexpr sim::Kind writer_closed{"aurora.writer_closed",
                                         "the old writer takes no more statements"};
inline constexpr sim::Kind writer_flipped{"aurora.writer_flipped", "IsClusterWriter: now {0:n}"};
inline constexpr sim::Kind endpoint_moved{"aurora.endpoint_moved",
                                          "the cluster endpoint answers with {0:n}"};
inline constexpr sim::Kind no_target{"aurora.no_target",
                                     "no reader can be promoted: a new instance is made"};
inline constexpr sim::Kind snapshot_status{"aurora.snapshot_status", "snapshot {0:n} is {1:n}"};
inline constexpr sim::Kind parameters_live{"aurora.parameters_live",
                                           "dynamic parameters are in force, {0} static pending"};
inline constexpr sim::Kind class_changed{"aurora.class_changed", "instance class is {0:n}"};
}  // namespace aurora

/// The names that clients use; numbers of the run's DNS names.
struct AuroraEndpoints {
  DnsName writer = DnsName::none;
  DnsName reader = DnsName::none;
};

struct AuroraSnapshot {
  std::string identifier;
  SnapshotStatus status = SnapshotStatus::creating;
  sim::Time created{};
  Lsn position;
};

class AuroraCluster final : public ManagedDatabase {
 public:
  /// `zone` answers the endpoints; both it and `book` outlive the cluster.
  AuroraCluster(sim::Simulation& simulation, AddressBook& book, DnsServer& zone,
                AuroraEndpoints endpoints, AuroraConfig config, AuroraTimings timings);
  ~AuroraCluster() override;

  /// As after weeks of quiet running: the first instance writes, the others read.
  void start();

  // ---- the API; what is accepted goes on by itself ----

  /// `target` empty: by promotion tier.
  RdsFault failover_db_cluster(std::string_view target = {});
  RdsFault reboot_db_instance(std::string_view instance);
  /// An empty class changes nothing, and with apply_immediately applies what is pending.
  RdsFault modify_db_instance(std::string_view instance, std::string_view instance_class,
                              bool apply_immediately);
  /// Attaches a cluster parameter group. With `apply_immediately` false the instances go on
  /// reporting in-sync although static values wait (observed in the rollout of 2026-05-14).
  RdsFault attach_parameter_group(const std::vector<DbParameter>& group, bool apply_immediately);
  /// ModifyDBClusterParameterGroup: dynamic values are live without a reboot.
  RdsFault modify_parameter_group(const std::vector<DbParameter>& group);
  RdsFault create_db_cluster_snapshot(std::string_view identifier);
  RdsFault delete_db_cluster_snapshot(std::string_view identifier);
  /// Database Insights: advanced needs a retention of 465 days or more.
  RdsFault modify_insights(bool advanced, int retention_days);

  // DescribeDBClusters, DescribeDBInstances, DescribeDBClusterSnapshots
  ClusterStatus status() const { return status_; }
  /// IsClusterWriter, as the API shows it; nobody while no instance writes.
  MemberId writer() const override { return writer_; }
  std::optional<InstanceStatus> instance_status(std::string_view instance) const;
  std::optional<SnapshotStatus> snapshot_status(std::string_view identifier) const;
  bool insights_advanced() const { return insights_advanced_; }
  /// As the cluster is found, without a call.
  void set_insights_advanced() { insights_advanced_ = true; }
  /// Status and every DBInstanceStatus are available.
  bool all_available() const;
  /// Something that was accepted is not finished, whatever the API shows.
  bool operation_under_way() const { return failing_over_ || class_changes_ > 0; }

  // ---- what happens without a call ----

  /// aurora_inject_crash('instance'): the engine restarts in place, nobody is promoted.
  void crash_engine(MemberId member);
  /// The instance's host is gone.
  void lose_host(MemberId member);
  /// An AZ: two storage segments and every instance in it. Nothing is made anew there until it is
  /// back.
  void lose_zone(std::size_t zone);
  void restore_zone(std::size_t zone);

  std::size_t size() const { return instances_.size(); }
  AuroraInstance& instance(MemberId member) { return *instances_[member]; }
  const AuroraInstance& instance(MemberId member) const { return *instances_[member]; }
  MemberId find(std::string_view name) const;
  AuroraStorage& storage() { return storage_; }
  const AuroraConfig& config() const { return config_; }
  const AuroraTimings& timings() const { return timings_; }
  AuroraEndpoints endpoints() const { return endpoints_; }
  Address address(MemberId member) const override { return addresses_[member]; }
  std::uint32_t max_connections(MemberId member) const override {
    return instances_[member]->max_connections();
  }
  sim::Signal& changed() override { return changed_; }
  /// The instance that takes writes now, whatever the API shows; nobody in between.
  MemberId accepting_writes() const;

 private:
  sim::Task<> fail_over(MemberId target);
  sim::Task<> show_failing_over(sim::Duration after);
  sim::Task<> restart_demoted(MemberId old_writer);
  sim::Task<> recover_from_host_loss(MemberId lost);
  sim::Task<> restart_in_place(MemberId member);
  sim::Task<> reboot(MemberId member);
  sim::Task<> change_class(MemberId member);
  sim::Task<> make_parameters_live(bool apply_immediately);
  sim::Task<> make_snapshot(std::string identifier);
  sim::Task<> change_insights();
  sim::Task<> bring_back(MemberId member, sim::Distribution after);

  void flip_to(MemberId member);
  void publish();
  RdsFault answer(std::string_view call, std::string_view subject, RdsFault fault);
  void set_status(ClusterStatus status);
  void set_instance_status(AuroraInstance& instance, InstanceStatus status);
  std::vector<PromotionCandidate> candidates(MemberId without) const;
  void end_engine(MemberId member, EngineEnd how);
  sim::Time now() const { return simulation_.now(); }

  sim::Simulation& simulation_;
  AddressBook& book_;
  DnsServer& dns_;
  AuroraEndpoints endpoints_;
  AuroraConfig config_;
  AuroraTimings timings_;
  AuroraStorage storage_;
  sim::EntityId entity_;
  std::vector<std::unique_ptr<AuroraInstance>> instances_;
  std::vector<Address> addresses_;
  std::vector<AuroraSnapshot> snapshots_;
  ClusterStatus status_ = ClusterStatus::available;
  MemberId writer_ = nobody;
  bool insights_advanced_ = false;
  bool failing_over_ = false;
  std::array<bool, AuroraStorage::zones> zone_lost_{};
  int class_changes_ = 0;  // accepted and not finished
  sim::Signal changed_;
  sim::Host control_host_;
  sim::Group control_;
  sim::Stream delays_;
};

}  // namespace predrill::models
