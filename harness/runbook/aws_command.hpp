// A command line of the AWS CLI that a runbook gives: what it asks of RDS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace predrill::harness {

enum class AwsVerb : std::uint8_t {
  create_db_cluster_snapshot,
  delete_db_cluster_snapshot,
  reboot_db_instance,
  modify_db_instance,
  modify_db_cluster,
  failover_db_cluster,
  wait_instance_available,
  wait_cluster_available,
  wait_snapshot_available,
  describe,  // any describe-…: costs a call, changes nothing
};

struct AwsCommand {
  AwsVerb verb = AwsVerb::describe;
  std::string cluster;   // --db-cluster-identifier
  std::string instance;  // --db-instance-identifier, --target-db-instance-identifier
  std::string snapshot;  // --db-cluster-snapshot-identifier
  std::string instance_class;
  std::string insights_mode;
  bool apply_immediately = false;
  bool force_failover = false;
};

/// Words of a shell command line: quotes taken off, line continuations joined.
std::vector<std::string> shell_words(std::string_view text);

/// Reads "aws rds failover-db-cluster --db-cluster-identifier C …". nullopt with a sentence in
/// `problem` if it is no command that can be simulated; `hint` may name the nearest spelling.
std::optional<AwsCommand> parse_aws_command(std::string_view text, std::string& problem,
                                            std::string& hint);

}  // namespace predrill::harness
