// Targets that are no lab: a cluster of somebody's, reached through the commands that its operators
// use. Nothing is done without --execute and the target's name typed out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/live/command.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness::live {

/// One command and why it is run.
struct RemoteStep {
  std::vector<std::string> argv;
  std::string purpose;
};

/// A drill against a target, as commands; known before any of them is run that changes something.
struct RemotePlan {
  std::string target;              // the name that has to be typed to confirm
  std::string primary;             // whom it would hit now
  std::vector<RemoteStep> checks;  // read only; each must succeed, before and after
  RemoteStep inject;
  RemoteStep proof;  // its output must differ from what it was before the fault
  std::optional<RemoteStep> undo;
  std::vector<RemoteStep> measure;  // read only, after the fault
  /// An Aurora cluster: aws_drill.hpp runs it, with `proof` as what is asked again and again.
  bool aws = false;
  std::string instance;  // of it: the target of a failover, or the one that is rebooted
};

/// "patroni:http://10.0.0.1:8008", "kubernetes:NAMESPACE/CLUSTER", "aws:DB-CLUSTER",
/// "command:HOOKS.json". Asks the target who leads now (read only: curl, kubectl, aws) and says
/// what the fault would be there; otherwise why it cannot be done.
std::optional<RemotePlan> plan_remote(const std::string& on, const FaultSpec& fault,
                                      std::string& problem);

/// What would be run, a line each, ready for a shell.
std::string dry_run_text(const RemotePlan& plan);

struct RemoteOutcome {
  Problem refused;  // before anything was changed
  bool proved = false;
  Problem left_over;  // not as before
};

/// Runs the plan if `confirm` is the target's name. `undo_file` is written before the fault and
/// removed when all is as before.
RemoteOutcome execute(const RemotePlan& plan, const std::string& confirm,
                      const std::string& undo_file);

/// Keeps what recover_remote() will need; a problem if an earlier drill's file is still there.
Problem write_undo(const RemotePlan& plan, const std::string& undo_file);
/// Runs what an interrupted drill left in its file.
Problem recover_remote(const std::string& undo_file);

}  // namespace predrill::harness::live
