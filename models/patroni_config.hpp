// Settings of a Patroni member, its version and what configuration does not fix.
// Names and defaults: patroni/config.py, global_config.py, watchdog/base.py, tags.py of 3.3.2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/lsn.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// v3_1 stands for 3.1.x, v3_2 for 3.2.x, v3_3_2 for 3.3.0 to 3.3.6, v3_3_7 for 3.3.7 on, v4_0 for
/// 4.0.0 to 4.0.5, v4_1 for 4.0.6 to 4.1.x.
enum class PatroniVersion : std::uint8_t { v3_0_2, v3_1, v3_2, v3_3_2, v3_3_7, v4_0, v4_1 };
std::string_view to_text(PatroniVersion version);

/// What differs between versions as far as a failover can show it.
struct PatroniFeatures {
  bool timeout_rule = true;            // minima and loop_wait + 2*retry_timeout <= ttl (3.2.0)
  bool alive_veto = true;              // "Primary (x) is still alive" ends a race (3.1.0)
  bool own_timeline_check = true;      // a stale running primary may not retake the key (3.1.0)
  bool crash_restart_primary = true;   // restarts as primary, same timeline (3.0.4, 3.1.0)
  bool failover_priority = true;       // 3.2.0
  bool stale_failsafe_leader = false;  // defect: a leader is not forgotten (until 3.1.1, #2803)
  bool sync_names_reset = false;       // defect: names emptied when Patroni starts (3.3.0 to 3.3.6)
  bool keeps_foreign_sync = false;  // defect: adds nobody to another leader's /sync (until 3.0.2)
  bool keeps_member_slots = false;  // on every member, for member_slots_ttl longer (4.0.0)
  bool offline_demotion_async = true;  // 4.1.0 demotes in the main thread
  bool waits_for_replicas = true;  // 1 s before on_shutdown looks at the replicas (3.2.1, #2939)
  bool former_leader_priority = true;  // an equal former leader may veto by priority (until 4.0.5)
};
constexpr PatroniFeatures features(PatroniVersion version) {
  using enum PatroniVersion;
  PatroniFeatures f;
  f.timeout_rule = version >= v3_2;
  f.alive_veto = version >= v3_1;
  f.own_timeline_check = version >= v3_1;
  f.crash_restart_primary = version >= v3_1;
  f.waits_for_replicas = version >= v3_2;
  f.failover_priority = version >= v3_2;
  f.stale_failsafe_leader = version < v3_1;
  f.sync_names_reset = version == v3_3_2 || version == v4_0;
  f.keeps_foreign_sync = version == v3_0_2;
  f.keeps_member_slots = version >= v4_0;
  f.offline_demotion_async = version < v4_1;
  f.former_leader_priority = version < v4_1;
  return f;
}

struct WatchdogConfig {
  enum class Mode : std::uint8_t { off, automatic, required };
  Mode mode = Mode::automatic;
  sim::Duration safety_margin = std::chrono::seconds(5);  // negative: time-out is half the ttl
  bool device = false;  // /dev/watchdog exists and may be used; containers rarely have one
};

struct PatroniTags {
  bool nofailover = false;
  bool nosync = false;
  bool noloadbalance = false;
  bool clonefrom = false;
  std::int32_t failover_priority = 1;  // 0 or less: like nofailover
};

/// patroni.yml and the dynamic configuration; one instance per member.
struct PatroniConfig {
  MemberId member = 0;
  std::string name = "patroni";
  std::string machine;  // if members share one; see Slowness
  PatroniVersion version = PatroniVersion::v3_3_2;

  // Dynamic configuration.
  sim::Duration ttl = std::chrono::seconds(30);
  sim::Duration loop_wait = std::chrono::seconds(10);
  sim::Duration retry_timeout = std::chrono::seconds(10);
  std::uint64_t maximum_lag_on_failover = 1048576;
  std::int64_t maximum_lag_on_syncnode = -1;
  bool synchronous_mode = false;
  bool synchronous_mode_strict = false;
  std::int32_t synchronous_node_count = 1;
  sim::Duration primary_start_timeout = std::chrono::seconds(300);
  sim::Duration primary_stop_timeout{};                       // 0 = off; with synchronous_mode only
  sim::Duration member_slots_ttl = std::chrono::minutes(30);  // 4.0 on
  bool failsafe_mode = false;
  bool check_timeline = false;
  bool use_pg_rewind = false;
  bool use_slots = true;
  bool remove_data_directory_on_diverged_timelines = false;

  // Local configuration.
  WatchdogConfig watchdog;
  PatroniTags tags;

  // What starts Patroni again when it exits or is killed: spilo's runit (runit/patroni/finish)
  // restarts at once after a signal and otherwise after 30, 60, 90 … s, five times.
  struct Supervisor {
    bool restarts = false;
    sim::Duration after_signal{};
    sim::Duration after_exit_step = std::chrono::seconds(30);
    std::int32_t exits_max = 5;
  } supervisor;

  bool nofailover() const { return tags.nofailover || tags.failover_priority <= 0; }
  /// Seconds from the last renewal until the watchdog resets the host.
  sim::Duration watchdog_timeout() const {
    return watchdog.safety_margin < sim::Duration{} ? ttl / 2 : ttl - watchdog.safety_margin;
  }
};

/// What Patroni of this version changes in the settings, as sentences; changes them like it does
/// (config.py, _validate_and_adjust_timeouts; global_config.py).
std::vector<std::string> adjust(PatroniConfig& config);

/// What configuration does not fix. Sources in patroni_config.cpp.
struct PatroniTimings {
  PatroniTimings();
  sim::Distribution start;            // of the process, until it looks at PostgreSQL
  sim::Distribution first_cycle;      // from then until the first cycle begins
  sim::Distribution rest_answer;      // request read until reply written, with its SQL query
  sim::Distribution cycle;            // processing of one HA cycle, without waits
  sim::Distribution promote_command;  // pg_ctl promote -W: fork, exec, signal
  sim::Distribution start_command;    // pg_ctl-like start of the postmaster by Patroni
  sim::Distribution pid_file;         // from the fork until PostmasterProcess.start has read it
  sim::Distribution after_start;      // from then until the action has ended: pg_isready, callbacks
  sim::Distribution single_user_mode;  // crash recovery beside the replay of WAL
  sim::Distribution rewind_check;      // replication connection, IDENTIFY_SYSTEM, TIMELINE_HISTORY
  sim::Distribution command;           // one run of pg_controldata or pg_waldump by Patroni
  sim::Distribution rest_shutdown;     // SIGTERM until the REST server's thread has noticed
  sim::Distribution exit;              // from the last request to the DCS until the process is gone
  sim::Distribution thread_wake;       // of a thread whose lock or socket has become ready
  sim::Distribution next_cycle;        // of a main thread that was woken before it slept
  sim::Distribution retry_jitter;      // first pause of utils.Retry
  /// From the end of the last PostgreSQL process in the model until Patroni sees the postmaster
  /// gone: the archiver's last cycle (its own WAL segment) and the reaping by process 1.
  sim::Distribution postmaster_exit;
};

}  // namespace predrill::models
