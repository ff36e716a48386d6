// The configuration files of a lab's programs, written from the same settings that the simulator
// uses.
#pragma once

#include "harness/live/lab_plan.hpp"
#include "harness/live/network_namespace.hpp"

namespace predrill::harness::live {

/// Fills plan.files (by path below the folder) and plan.database; plan.hosts are known.
void render_files(const SystemSpec& system, LabPlan& plan);

/// How the program of a host is started; its files lie in the folder.
Daemon daemon_of(const LabPlan& plan, const LabHost& host);

}  // namespace predrill::harness::live
