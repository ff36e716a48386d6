// The faults that a scenario may name: what they are called, what becomes of the leader key, where
// they strike, which keys they take. The only table: for the reader of scenarios, the schema, the
// engine, rehearsals, `predrill list faults` and `predrill explain`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "harness/scenario.hpp"

namespace predrill::harness {

struct FaultForm {
  FaultKind kind;
  std::string_view name;   // "node_loss"
  std::string_view title;  // of a rehearsal: "the primary's node loses power"
  std::string_view does;   // "the host loses power: silence, nothing is flushed"
  std::string_view key;    // what becomes of the leader key: "it expires"
  Target::Role on;         // where it strikes unless told otherwise
  std::uint32_t roles;     // bits of Target::Role that it may strike
  std::uint32_t keys;      // bits of FaultKey that it takes
  bool needs_length;       // it would never end without "for", and nothing could be learnt
};

/// Keys of a fault beside at, after, inject and on.
enum FaultKey : std::uint32_t {
  fault_for = 1,
  fault_force = 2,
  fault_grace_period = 4,
  fault_scope = 8,
  fault_from = 16,
  fault_one_way = 32,
  fault_delay = 64,
  fault_loss = 128,
  fault_jump = 256,
  fault_bandwidth = 512,
  fault_candidate = 1024,
  fault_restart = 2048,
};

/// In the order of FaultKind.
std::span<const FaultForm> fault_forms();
const FaultForm& form_of(FaultKind kind);

struct RoleName {
  Target::Role role;
  std::string_view name;  // "sync_standby"; "" for named and zone, which stand for themselves
};
std::span<const RoleName> role_names();

/// Points of a failover by which "after" and "matches" name a moment, with the kind of the trace
/// event that marks them.
struct Milestone {
  std::string_view name;  // "promotion_started"
  std::string_view kind;  // "postgres.promotion_started"
  std::string_view means;
  bool of_old_primary = false;  // said of the primary that was struck, and of nobody else
};
std::span<const Milestone> milestones();
/// nullptr if there is none of this name.
const Milestone* find_milestone(std::string_view name);

}  // namespace predrill::harness
