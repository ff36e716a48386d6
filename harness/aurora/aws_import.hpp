// What `aws rds describe-…` prints as JSON: clusters, instances, events, blue/green deployments; of
// Aurora PostgreSQL and of RDS for PostgreSQL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/aurora/aurora_spec.hpp"
#include "harness/input/diagnostics.hpp"
#include "harness/input/document.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

/// DescribeEvents: a line of the log.
struct RdsEvent {
  std::string date;  // as printed: 2026-05-14T18:09:56.123000+00:00
  std::string source;
  std::string message;
  sim::Duration at{};  // since the first event of the file
};

struct BlueGreenMember {
  std::string source;
  std::string target;
  std::string status;  // AVAILABLE, SWITCHOVER_IN_PROGRESS, …
};

struct BlueGreenDeployment {
  std::string identifier;
  std::string name;
  std::string source;
  std::string target;
  std::string status;
  std::vector<BlueGreenMember> members;
};

/// An instance as describe-db-instances prints it; its replicas are instances, too.
struct RdsDescription {
  std::string identifier;
  std::string cluster;  // DBClusterIdentifier, of a member
  std::string instance_class;
  std::string engine_version;
  std::string zone;
  std::string secondary_zone;
  std::string source;  // ReadReplicaSourceDBInstanceIdentifier
  std::string allocated_storage;
  std::string max_allocated_storage;
  bool multi_az = false;
};

/// A Multi-AZ DB cluster as describe-db-clusters prints it, the writer first.
struct RdsClusterDescription {
  std::string identifier;
  std::string instance_class;
  std::string engine_version;
  std::string allocated_storage;
  std::vector<std::string> members;
};

/// What one or more such files say together.
struct AwsImport {
  AuroraSpec aurora;
  std::vector<RdsDescription> rds_instances;  // of the engine postgres
  std::vector<RdsClusterDescription> rds_clusters;
  std::vector<std::string> notes;  // pending changes, states that are not available
  std::vector<RdsEvent> events;
  std::vector<BlueGreenDeployment> deployments;
  bool has_cluster = false;
};

/// Adds a document to what is known; unknown keys of the API are no mistake. Of several clusters
/// the first is taken and the others are named in a warning.
void import_aws(const Document& document, AwsImport& import, Diagnostics& diagnostics);

/// The section "aurora" or "rds"; notes, events and deployments as comments.
std::string aws_json(const AwsImport& import);
/// What no such file says and has to be filled in: how full the volume is, how much WAL is written.
std::vector<std::string> unfilled_of(const AwsImport& import);

}  // namespace predrill::harness
