// A runbook as data: steps of commands, waits and checks, with the people who carry them out; and
// the scenario around it, with what a log measured.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/aurora/aurora_spec.hpp"
#include "harness/input/diagnostics.hpp"
#include "harness/load/load.hpp"
#include "harness/runbook/aws_command.hpp"
#include "models/aws_cli.hpp"
#include "models/rds_api.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

struct RunbookCommand {
  enum class Kind : std::uint8_t {
    aws,                    // a command line of the AWS CLI
    takes,                  // anything else, for as long as it takes
    attach_parameters,      // a cluster parameter group is attached
    cloudformation_reboot,  // CloudFormation restarts an instance and polls until it is available
    poll_cluster,           // describe-db-clusters in a loop until Status is available
    poll_instance,          // describe-db-instances in a loop until available
    check_writer,           // the writer is this instance
    check_parameter,        // SHOW on an instance gives this value
  };
  Kind kind = Kind::takes;
  std::string text;  // as a person reads it
  std::string mark;  // names its begin and end in the record; may be empty
  AwsCommand aws;
  sim::Distribution takes;
  double fails = 0;  // probability that it ends without success
  std::vector<models::DbParameter> parameters;
  bool apply_immediately = true;
  std::string instance;
  std::string value;  // check_parameter: "max_connections" in `parameter`, this is the value
  std::string parameter;
  sim::Duration every = std::chrono::seconds(10);  // of a poll loop
  sim::Duration limit = std::chrono::minutes(30);
};

struct RunbookStep {
  enum class Failure : std::uint8_t { stop, go_on };
  std::string name;
  std::string title;
  std::optional<sim::Distribution> before;  // a person reads, decides, types; else the runbook's
  std::vector<RunbookCommand> commands;
  std::uint32_t attempts = 1;
  sim::Distribution retry_pause;
  Failure on_failure = Failure::stop;
  double no_go = 0;  // probability that the gate before the step says no
};

/// A duration that a log gives: from one mark to another.
struct ObservedDuration {
  enum class Bound : std::uint8_t { exact, at_most, at_least };
  std::string row;
  std::string from;
  std::string to;
  sim::Duration measured{};
  Bound bound = Bound::exact;
  std::string remark;
};

struct RunbookSpec {
  std::string name;
  std::string title;
  std::string file;
  AuroraSpec aurora;
  models::AwsCliConfig cli = models::AwsCliConfig::defaults();
  sim::Distribution human;           // before a step
  sim::Distribution cloudformation;  // its own time after a poll that succeeded
  std::vector<RunbookStep> steps;
  std::vector<ObservedDuration> observed;
  bool calibrated_here = true;  // the rows were used to calibrate; false: held out
  std::string calibration;      // where the delays come from, for people
  std::vector<std::string> remarks;
};

/// Whether a scenario file is one of a runbook.
bool is_runbook_file(const std::filesystem::path& path);

/// Whether a file holds delays that runbooks share.
bool is_calibration_file(const std::filesystem::path& path);
/// Reports what is wrong with such a file.
void check_calibration(const std::filesystem::path& path, Diagnostics&);

/// Reads a scenario with "runbook"; settings as in load_scenario().
Loaded<RunbookSpec> load_runbook(const std::filesystem::path& path,
                                 std::span<const std::string> settings, Diagnostics&);

}  // namespace predrill::harness
