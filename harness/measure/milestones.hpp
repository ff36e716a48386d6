// Which events end which stage of an RTO, and which a log may be laid beside: one table for the
// simulator's trace and for what is read from real programs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/measures.hpp"
#include "harness/measure/stages.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

struct TimedEvent {
  sim::Duration at{};       // since the start of the run
  std::string_view kind;    // "dcs.leader_key_created"
  std::string_view entity;  // "lab-1", "lab-1/postgres"
};

/// The ends of the stages of an RTO; events ascending, from the fault on. The first that happened
/// counts for detection, the last before the recovery for the others: what was tried in vain
/// belongs to the stage that finally succeeded.
Milestones milestones_of(std::span<const TimedEvent> events, sim::Duration fault,
                         sim::Duration rto);

/// The first occurrence of each named milestone, since the fault; some only of the old primary.
std::vector<NamedTime> named_milestones(std::span<const TimedEvent> events, sim::Duration fault,
                                        std::string_view old_primary);

}  // namespace predrill::harness
