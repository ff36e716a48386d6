#include "harness/measure/milestones.hpp"

#include <algorithm>
#include <array>

#include "harness/load/fault_forms.hpp"

namespace predrill::harness {

using sim::Duration;

namespace {

struct StageKind {
  std::string_view kind;
  Duration Milestones::*milestone;
};
constexpr std::array<StageKind, 16> stage_kinds = {{
    {"patroni.leader_gone", &Milestones::detected},
    {"patroni.crashed", &Milestones::detected},
    {"dcs.leader_key_deleted", &Milestones::detected},
    {"dcs.leader_key_expired", &Milestones::detected},
    {"postgres.backend_crashed", &Milestones::detected},
    {"patroni.dcs_error", &Milestones::detected},
    {"patroni.sync_lost", &Milestones::detected},
    {"patroni.switchover", &Milestones::detected},
    {"dcs.leader_key_created", &Milestones::elected},
    {"patroni.acquired", &Milestones::elected},
    {"patroni.promoting_had_lock", &Milestones::elected},
    {"patroni.starting_primary", &Milestones::elected},
    {"postgres.promotion_finished", &Milestones::writable},
    {"postgres.ready", &Milestones::writable},
    {"kubernetes.rules_changed", &Milestones::routed},
    {"haproxy.server_up", &Milestones::routed},
}};

}  // namespace

Milestones milestones_of(std::span<const TimedEvent> events, Duration fault, Duration rto) {
  Milestones m;
  m.fault = fault;
  for (const TimedEvent& event : events) {
    if (event.at > fault + rto) break;
    for (const StageKind& stage : stage_kinds) {
      if (event.kind != stage.kind) continue;
      Duration& at = m.*stage.milestone;
      const bool first_counts = stage.milestone == &Milestones::detected;
      if (!first_counts || at == sim::forever) at = event.at;
    }
    if (event.kind == "pgbouncer.server_connected" && m.writable != sim::forever &&
        (m.reconnected == sim::forever || m.reconnected < std::max(m.writable, m.routed))) {
      m.reconnected = event.at;
    }
  }
  // A service that leads to the new primary before it accepts writes costs nothing by itself.
  const bool both = m.routed != sim::forever && m.writable != sim::forever;
  if (both) m.routed = std::max(m.routed, m.writable);
  return m;
}

std::vector<NamedTime> named_milestones(std::span<const TimedEvent> events, Duration fault,
                                        std::string_view old_primary) {
  std::vector<NamedTime> found;
  for (const Milestone& milestone : milestones()) {
    const auto first = std::find_if(events.begin(), events.end(), [&](const TimedEvent& event) {
      return event.kind == milestone.kind &&
             (!milestone.of_old_primary ||
              event.entity.find(old_primary) != std::string_view::npos);
    });
    if (first != events.end()) found.push_back({std::string(milestone.name), first->at - fault});
  }
  return found;
}

}  // namespace predrill::harness
