// A scenario as plain data: a system, what happens to it and when, what is wanted, and for an
// incident what was observed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/system.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

enum class FaultKind : std::uint8_t {
  pod_delete,
  node_loss,
  node_reboot,
  postmaster_kill,
  backend_crash,
  patroni_kill,
  patroni_dead,
  patroni_stop,
  freeze,
  partition,
  latency,
  packet_loss,
  dcs_leader_kill,
  dcs_quorum_loss,
  dcs_slow,
  dcs_no_space,
  disk_stall,
  disk_full,
  clock_jump,
  standby_loss,
  az_loss,
  pgbouncer_kill,
  switchover,
  lag,
  containerd_deadlock,
  read_only,
};

/// When a fault strikes: after `after` has happened (or the start of the run), plus `delay`; or
/// again and again at a rate.
struct When {
  sim::Distribution delay;  // a constant for a fixed time
  std::string after;        // a trace kind, "promotion_started"; empty = start of the run
  double per_year = 0;      // without memory, from the first fault on; 0 = once
};

/// Where. Roles are resolved when the fault strikes.
struct Target {
  enum class Role : std::uint8_t {
    named,
    primary,
    sync_standby,
    async_standby,
    any_standby,
    all_standbys,
    dcs,
    dcs_leader,
    zone,
    pooler,
    haproxy,
    clients,
    everyone_else
  };
  Role role = Role::primary;
  std::string name;  // member, node or zone where the role is named or zone
};

/// The value of a key that only one kind of system knows.
using FaultArgument =
    std::variant<bool, std::int64_t, double, sim::Duration, sim::Distribution, std::string>;

struct FaultSpec {
  FaultKind kind = FaultKind::node_loss;
  When at;
  Target on;
  std::optional<Target> from;           // partition, latency, packet_loss: the other side
  bool one_way = false;                 // from `on` to `from`
  std::optional<sim::Duration> length;  // "for": undone after it
  bool force = false;                   // pod_delete --force
  sim::Duration grace_period = std::chrono::seconds(-1);  // pod_delete; negative = the pod's own
  enum class Scope : std::uint8_t { host, processes, postgres, patroni };
  Scope scope = Scope::host;           // freeze
  sim::Distribution extra;             // latency, dcs_slow: added delay
  double probability = 0;              // packet_loss
  sim::Duration jump{};                // clock_jump
  std::uint64_t bytes_per_second = 0;  // lag: bandwidth left
  std::string candidate;               // switchover
  /// patroni_kill: the supervisor starts it after this; else as the system's supervisor does.
  std::optional<sim::Distribution> restart;

  // Of a system with a kind of its own: these, `at` and `length` say it all.
  std::string name;
  std::vector<std::string> targets;
  std::map<std::string, FaultArgument, std::less<>> arguments;
  /// Null if the scenario does not give it. T: a type of FaultArgument.
  template <class T>
  const T* argument(std::string_view key) const {
    const auto found = arguments.find(key);
    return found == arguments.end() ? nullptr : std::get_if<T>(&found->second);
  }
};

/// What happens to a healthy system now and then and ends by itself: a paused machine, a network
/// that stalls, a DCS that does not answer. If it lasts too long, it costs a failover that was not
/// needed.
struct Disturbance {
  FaultSpec fault;           // its moment and length are left open
  double per_year = 0;       // how often
  sim::Distribution length;  // how long
};

/// One line of an incident's log.
struct Observed {
  std::optional<sim::Duration> at;  // since the fault
  sim::Duration precision = std::chrono::seconds(1);
  std::string event;    // what the log says
  std::string matches;  // the milestone it is laid beside: "key_released", "promotion_finished", …
  /// Or a figure instead of a time: of the kind's measure of this name.
  std::string measure;
  std::optional<double> logged;
  std::string remark;  // known contradiction, with its number in the reference
};

/// What `predrill what-if FILE` asks where the command line does not: the texts of its options.
struct WhatIfSpec {
  std::vector<std::string> vary;
  std::vector<std::string> measure;
  std::string optimise;
  std::size_t runs = 0;  // 0: as usual
};

struct ScenarioSpec {
  std::string name;
  std::string title;
  std::string file;
  SystemSpec system;
  std::vector<FaultSpec> faults;
  sim::Duration run_for = std::chrono::minutes(5);  // after the first fault
  std::string path = "pgbouncer";                   // whose RTO the objectives judge
  std::vector<Objective> objectives;
  std::vector<Disturbance> disturbances;
  std::vector<Observed> observed;
  std::vector<std::string> remarks;  // contradictions that touch no single row
  WhatIfSpec what_if;
};

}  // namespace predrill::harness
