// The vocabulary of the RDS API: states, errors, instance classes, parameters. Knows no cluster.
// Names are the API's own (botocore, rds/2014-10-31).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.hpp"

namespace predrill::models {

/// DBCluster.Status, as far as operations of this project reach it.
enum class ClusterStatus : std::uint8_t {
  available,
  creating,
  failing_over,
  modifying,
  configuring_enhanced_monitoring,
  deleting,
};
std::string_view to_text(ClusterStatus status);

/// DBInstance.DBInstanceStatus.
enum class InstanceStatus : std::uint8_t {
  available,
  creating,
  rebooting,
  modifying,
  configuring_enhanced_monitoring,
  failed,
  deleting,
  storage_full,
  storage_optimization,
  failing_over,  // Status of a Multi-AZ cluster
};
std::string_view to_text(InstanceStatus status);

/// Status of a snapshot.
enum class SnapshotStatus : std::uint8_t { creating, available };
std::string_view to_text(SnapshotStatus status);

/// What a call is answered with. All faults are HTTP 400; nothing is queued.
enum class RdsFault : std::uint8_t {
  none,
  invalid_db_cluster_state,
  invalid_db_instance_state,
  db_cluster_snapshot_already_exists,
  db_cluster_snapshot_not_found,
  db_instance_not_found,
  invalid_parameter_combination,
  throttling,
};
/// "InvalidDBClusterStateFault"; "ok" for none.
std::string_view to_text(RdsFault fault);

/// DBParameterGroups[].ParameterApplyStatus.
enum class ParameterApplyStatus : std::uint8_t { in_sync, applying, pending_reboot };
std::string_view to_text(ParameterApplyStatus status);

/// A row of a parameter group. ApplyType static takes effect at the next start of the engine.
struct DbParameter {
  std::string name;
  std::string value;
  bool is_static = false;
};

/// An instance class: its DBInstanceClassMemory decides max_connections.
struct InstanceClass {
  std::string_view name;
  std::uint64_t memory_bytes = 0;  // DBInstanceClassMemory: less than the nominal size
  std::uint32_t size = 0;          // order among classes, for the choice of a new writer
};

/// nullptr for a class that is not in the table.
const InstanceClass* find_instance_class(std::string_view name);
/// The classes of the table, the smallest first.
std::vector<std::string_view> instance_class_names();

/// LEAST({DBInstanceClassMemory/9531392},5000): Aurora PostgreSQL's default of max_connections.
std::uint32_t default_max_connections(const InstanceClass& instance_class);

}  // namespace predrill::models
