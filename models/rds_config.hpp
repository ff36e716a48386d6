// Settings and delays of an RDS for PostgreSQL database. Knows no process and no network.
//
// Names are those of the RDS API (MultiAZ, AllocatedStorage, MaxAllocatedStorage) and of
// PostgreSQL. Delays name their sources; AWS publishes a range for the whole of a failover and none
// for its parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/rds_api.hpp"
#include "models/rds_volume.hpp"
#include "models/restore.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::models {

enum class RdsDeployment : std::uint8_t {
  single_az,
  multi_az_instance,  // a standby that nobody can read, block replication
  multi_az_cluster,   // a writer and two readers, PostgreSQL's own replication
};

struct RdsInstanceConfig {
  std::string name;
  std::string instance_class = "db.r6g.large";
  std::size_t zone = 0;
};

struct RdsConfig {
  static constexpr std::size_t zones = 6;

  std::string identifier = "database";  // DBInstanceIdentifier or DBClusterIdentifier
  RdsDeployment deployment = RdsDeployment::single_az;
  /// Who takes part in writing, the writer first: one instance; it and its standby; three of a
  /// cluster.
  std::vector<RdsInstanceConfig> members;
  std::vector<RdsInstanceConfig> read_replicas;
  std::string engine_version = "15.4";
  std::uint32_t max_connections = 0;  // 0: by the instance class
  RdsVolumeConfig storage;
  std::uint64_t wal_bytes_per_second = 666'667;  // 2.4 GB an hour
  sim::Duration checkpoint_timeout = std::chrono::minutes(5);
  std::uint64_t redo_bytes_per_second = 100'000'000;  // restore.hpp says where it was measured
  /// flow_control.target_standby_apply_lag of a Multi-AZ cluster: no reader falls further behind.
  sim::Duration target_standby_apply_lag = std::chrono::minutes(2);
  sim::Duration dns_ttl = std::chrono::seconds(5);
};

/// What the API refuses, and what will not work as its author expects, as sentences.
std::vector<std::string> validate(const RdsConfig& config);

struct RdsTimings {
  // a writer's host is gone, or its zone
  sim::Distribution detect;      // until the control plane acts
  sim::Distribution attach;      // Multi-AZ instance: fence the old side, take over the mirror
  sim::Distribution zone_shown;  // end of a failover until the API shows the new AvailabilityZone
  sim::Distribution cluster_failover;  // Multi-AZ cluster: decision until the new writer writes
  sim::Distribution dns_publish;
  // operator-made
  sim::Distribution writer_closes;  // call until the old writer takes no more statements
  sim::Distribution reboot;         // without failover
  // one instance
  sim::Distribution engine_start;     // process start, without redo
  sim::Distribution replace_host;     // a new host for a volume that is there
  sim::Distribution resync;           // a mirror or a reader is made anew
  sim::Distribution mirror_given_up;  // standby gone until commits go on without it
  // commits
  sim::Distribution local_write;
  sim::Distribution remote_write;
  sim::Distribution login;
  // read replicas and readers
  sim::Distribution replica_lag;
  sim::Distribution apply_lag;  // of a cluster's readers, what a failover has to wait for
  // storage
  sim::Distribution storage_response;  // storage-full until somebody has called ModifyDBInstance
  sim::Distribution storage_modify;    // that call until the space is there
  sim::Distribution storage_optimization;

  static RdsTimings defaults();
};

}  // namespace predrill::models
