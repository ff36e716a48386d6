// A drill on an Aurora cluster: the failover or reboot through the API, what the API says of it
// while it happens, its own events, and the way back.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/live/aws_cli.hpp"
#include "harness/live/remote.hpp"

namespace predrill::harness::live {

/// A state that polling has seen: it began between two calls, counted from the accepted one.
struct AwsSeen {
  std::string what;
  std::chrono::milliseconds after{};  // the last answer without it came no later
  std::chrono::milliseconds by{};     // the first answer with it was asked for no earlier
};

struct AwsOperation {
  std::string what;    // "failover to orders-2"
  std::string writer;  // before
  std::vector<AwsSeen> seen;
  std::vector<AwsEvent> events;
  std::chrono::system_clock::time_point called;
  bool happened = false;  // shown by a changed writer, a status or an event
  bool finished = false;  // everything is available again
  Problem problem;
};

struct AwsOutcome {
  Problem refused;    // nothing was changed
  Problem left_over;  // not as before
  std::vector<AwsOperation> operations;
};

struct AwsDrillOptions {
  std::string confirm;
  std::string undo_file;
  std::chrono::milliseconds poll = std::chrono::seconds(1);
  std::chrono::minutes limit{20};  // of one operation
  std::function<bool()> stop = [] { return false; };
  std::function<void(const std::string&)> tell = [](const std::string&) {};
};

/// What is looked at, done and undone at the cluster; asks it (read only) who writes now. A
/// failover is undone by another one to the old writer: a second interruption.
std::optional<RemotePlan> plan_aws(const std::string& cluster, const FaultSpec& fault,
                                   std::string& problem);
/// Runs it if the target's name was typed. `undo_file` is written before the fault and removed when
/// the old writer writes again.
AwsOutcome execute_aws(const RemotePlan& plan, const AwsDrillOptions& options);
/// Waits until the cluster is steady and makes `writer` the writer again.
Problem recover_aws(const std::string& cluster, const std::string& writer,
                    const AwsDrillOptions& options, std::vector<AwsOperation>* operations);

/// For people, and as a JSON document.
std::string aws_text(const std::vector<AwsOperation>& operations);
std::string aws_json(const std::string& cluster, const std::vector<AwsOperation>& operations);

}  // namespace predrill::harness::live
