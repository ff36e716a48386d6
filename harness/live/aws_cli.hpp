// `aws rds …` as a live drill runs it: JSON answers, faults by their code, patience with
// throttling.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/live/command.hpp"

namespace predrill::harness::live {

struct AwsMember {
  std::string name;
  bool writer = false;
  std::string status;  // DBInstanceStatus; empty where only the cluster was asked
  std::string zone;
};

/// What DescribeDBClusters and DescribeDBInstances said.
struct AwsClusterState {
  std::string arn;
  std::string status;
  std::vector<AwsMember> members;
  /// What speaks against a drill: pending changes, windows, a stale backup. A sentence each.
  std::vector<std::string> objections;

  std::string writer() const;  // empty: none
  const AwsMember* find(const std::string& name) const;
};

/// DescribeEvents.
struct AwsEvent {
  std::chrono::system_clock::time_point at;  // by the clock of AWS
  std::string source;
  std::string message;
};

/// What the call was answered with. `fault` is the API's code ("InvalidDBClusterStateFault"), or
/// empty where the program said something else; `unknown`: it may have been accepted.
struct AwsReply {
  bool accepted = false;
  bool unknown = false;
  std::string fault;
  std::string text;  // for people
};

/// The commands for one cluster. AWS_ENDPOINT_URL_RDS and AWS_ENDPOINT_URL are handed on as
/// --endpoint-url: versions before 2.13 do not read them themselves.
class AwsCluster {
 public:
  using Argv = std::vector<std::string>;
  using Stop = std::function<bool()>;
  explicit AwsCluster(
      std::string identifier, Stop stop = [] { return false; });

  const std::string& identifier() const { return identifier_; }
  Argv describe_cluster() const;
  Argv describe_instances() const;
  Argv events_of_cluster() const;
  Argv events_of_instances() const;
  /// `target` empty: by promotion tier.
  Argv failover(const std::string& target) const;
  Argv reboot(const std::string& instance) const;

  /// The whole state, or only the cluster's own answer. A throttled call is asked again, with
  /// doubled pauses, for two minutes.
  std::optional<AwsClusterState> state(bool instances, std::string& problem) const;
  std::vector<AwsEvent> events(std::chrono::system_clock::time_point since,
                               std::string& problem) const;
  /// Something that changes the cluster. Throttled: not accepted, so it is sent again.
  AwsReply act(const Argv& argv) const;

 private:
  std::string identifier_;
  std::string endpoint_;
  Stop stop_;
  Argv rds(Argv rest) const;
  CommandResult patient(const Argv& argv, std::string& fault) const;
};

/// "An error occurred (Throttling) when calling …": "Throttling"; empty if it is no such message.
std::string aws_fault(const std::string& output);
bool aws_throttled(const std::string& fault);
/// "2026-05-14T18:09:56.123000+00:00"; nothing if it is no such date.
std::optional<std::chrono::system_clock::time_point> aws_time(const std::string& text);
/// Whether a moment lies in "hh:mm-hh:mm" or "ddd:hh:mm-ddd:hh:mm", both UTC.
bool in_aws_window(const std::string& window, std::chrono::system_clock::time_point at);

}  // namespace predrill::harness::live
