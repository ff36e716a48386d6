// Rules about Patroni's own settings. Formulas and sources: patroni/ha.py, config.py and
// docs/dynamic_configuration.rst of 3.3.2.
#include <algorithm>
#include <array>

#include "harness/lint/lint.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;
using sim::to_text;
using Hit = std::optional<LintHit>;

namespace {

constexpr Duration ttl_min = 20s;  // config.py since 3.2.0

bool has_rule(const SystemSpec& system) {
  return models::features(system.patroni.version).timeout_rule;
}

// What is left of the ttl when a renewal fails as slowly as it may.
Duration margin(const SystemSpec& system) {
  const models::PatroniConfig& p = system.patroni;
  return p.ttl - p.loop_wait - 2 * p.retry_timeout;
}

std::string sum_text(const SystemSpec& system) {
  const models::PatroniConfig& p = system.patroni;
  return "loop_wait " + to_text(p.loop_wait) + " + 2 x retry_timeout " + to_text(p.retry_timeout);
}

Hit zero_margin(const SystemSpec& system) {
  if (margin(system) != 0s) return std::nullopt;
  return LintHit{"patroni.retry_timeout",
                 sum_text(system) + " = ttl " + to_text(system.patroni.ttl) +
                     ": nothing is left for the demotion of a primary that loses the DCS",
                 "retry_timeout: 5"};
}
void halve_retries(SystemSpec& system) {
  system.patroni.retry_timeout = 5s;
}

Hit negative_margin(const SystemSpec& system) {
  if (margin(system) >= 0s) return std::nullopt;
  std::string what = sum_text(system) + " is more than ttl " + to_text(system.patroni.ttl);
  what += has_rule(system) ? ": Patroni lowers loop_wait, then retry_timeout, until it fits"
                           : ": a new primary may be promoted before the old one has demoted";
  return LintHit{"patroni.ttl", what,
                 "ttl: " + std::to_string((system.patroni.ttl - margin(system)) / 1s)};
}
void raise_ttl(SystemSpec& system) {
  system.patroni.ttl -= margin(system);
}

Hit ttl_below_minimum(const SystemSpec& system) {
  if (!has_rule(system) || system.patroni.ttl >= ttl_min) return std::nullopt;
  return LintHit{"patroni.ttl",
                 "ttl " + to_text(system.patroni.ttl) +
                     " is below the minimum: Patroni runs with " + to_text(ttl_min) +
                     ", and a failover takes that long",
                 "ttl: 20, so that the file says what runs"};
}
void ttl_to_minimum(SystemSpec& system) {
  system.patroni.ttl = ttl_min;
}

// Key expiry costs at least ttl - loop_wait and the race's poll of 2 s.
Hit objective_unreachable(const SystemSpec& system) {
  for (const Objective& objective : system.objectives) {
    if (objective.measure != "rto") continue;
    const auto bound = Duration(static_cast<std::int64_t>(objective.bound * 1e9));
    const Duration best = system.patroni.ttl - system.patroni.loop_wait + 2s;
    if (bound >= best || system.patroni.ttl <= ttl_min) continue;
    return LintHit{"patroni.ttl",
                   "the RTO objective of " + to_text(bound) +
                       " cannot be met when a node dies: its key expires after " + to_text(best) +
                       " at the earliest (ttl " + to_text(system.patroni.ttl) + ")",
                   "ttl: 20, loop_wait: 5, retry_timeout: 5, or another objective for this fault"};
  }
  return std::nullopt;
}
void fastest_legal(SystemSpec& system) {
  system.patroni.ttl = 20s;
  system.patroni.loop_wait = 5s;
  system.patroni.retry_timeout = 5s;
}

Hit long_ttl(const SystemSpec& system) {
  if (system.patroni.ttl <= 30s) return std::nullopt;
  return LintHit{"patroni.ttl",
                 "ttl " + to_text(system.patroni.ttl) +
                     ": a dead primary keeps its key that long, twice the usual 30 s cost twice",
                 "ttl: 30, loop_wait: 10, retry_timeout: 5"};
}
void usual_ttl(SystemSpec& system) {
  system.patroni.ttl = 30s;
  system.patroni.loop_wait = std::min<Duration>(system.patroni.loop_wait, 10s);
  system.patroni.retry_timeout = std::min<Duration>(system.patroni.retry_timeout, 5s);
}

Hit long_loop(const SystemSpec& system) {
  if (system.patroni.loop_wait <= 10s) return std::nullopt;
  return LintHit{"patroni.loop_wait",
                 "loop_wait " + to_text(system.patroni.loop_wait) +
                     ": Patroni sees a crashed PostgreSQL only in its next cycle",
                 "loop_wait: 10"};
}
void usual_loop(SystemSpec& system) {
  system.patroni.loop_wait = 10s;
}

Hit no_failsafe(const SystemSpec& system) {
  if (system.patroni.failsafe_mode || system.members.size() < 2) return std::nullopt;
  return LintHit{
      "patroni.failsafe_mode",
      "failsafe_mode is off: a primary that is healthy itself demotes when the DCS loses "
      "its quorum",
      models::features(system.patroni.version).stale_failsafe_leader
          ? "Patroni 3.1.1 or later with failsafe_mode: true; before, its second use by another "
            "primary stops writes for ttl"
          : "failsafe_mode: true"};
}
void with_failsafe(SystemSpec& system) {
  system.patroni.failsafe_mode = true;
}

Hit asynchronous(const SystemSpec& system) {
  if (system.patroni.synchronous_mode || system.members.size() < 2) return std::nullopt;
  return LintHit{"patroni.synchronous_mode",
                 "replication is asynchronous: a failover loses what was acknowledged and not yet "
                 "shipped",
                 "synchronous_mode: true"};
}
void synchronous(SystemSpec& system) {
  system.patroni.synchronous_mode = true;
}

Hit strict_pair(const SystemSpec& system) {
  const auto candidates = std::count_if(system.members.begin(), system.members.end(),
                                        [](const MemberSpec& m) { return !m.tags.nosync; });
  if (!system.patroni.synchronous_mode || !system.patroni.synchronous_mode_strict ||
      candidates > 2) {
    return std::nullopt;
  }
  return LintHit{
      "patroni.synchronous_mode_strict",
      "strict synchronous mode with a single possible synchronous standby: when that one "
      "is gone, writes wait until it is back",
      "synchronous_mode_strict: false, or a third member"};
}
void not_strict(SystemSpec& system) {
  system.patroni.synchronous_mode_strict = false;
}

Hit all_synchronous(const SystemSpec& system) {
  const auto standbys = static_cast<std::int64_t>(system.members.size()) - 1;
  if (!system.patroni.synchronous_mode || standbys < 2 ||
      system.patroni.synchronous_node_count < standbys) {
    return std::nullopt;
  }
  return LintHit{"patroni.synchronous_node_count",
                 "a commit waits for all " + std::to_string(standbys) +
                     " standbys (synchronous_node_count): the loss of any one stops writes",
                 "synchronous_node_count: 1"};
}
void one_synchronous(SystemSpec& system) {
  system.patroni.synchronous_node_count = 1;
}

Hit watchdog_off(const SystemSpec& system) {
  using Mode = models::WatchdogConfig::Mode;
  const models::WatchdogConfig& w = system.patroni.watchdog;
  if ((w.mode != Mode::off && w.device) || system.members.size() < 2) return std::nullopt;
  std::string message =
      "the watchdog is off: nothing ends PostgreSQL where Patroni has died, and a second primary "
      "accepts writes";
  if (!w.device && w.mode == Mode::required) {
    message = "watchdog mode required without a device: no member will ever lead";
  } else if (!w.device) {
    message =
        "there is no watchdog device: nothing ends PostgreSQL where Patroni has died, and a second "
        "primary accepts writes";
  }
  return LintHit{"patroni.watchdog", std::move(message),
                 "watchdog: {mode: required}, with a device (softdog)"};
}
void with_watchdog(SystemSpec& system) {
  system.patroni.watchdog.mode = models::WatchdogConfig::Mode::required;
  system.patroni.watchdog.device = true;
}
Hit watchdog_margin(const SystemSpec& system) {
  const models::PatroniConfig& p = system.patroni;
  if (p.watchdog.mode == models::WatchdogConfig::Mode::off || !p.watchdog.device) {
    return std::nullopt;
  }
  const Duration left = p.watchdog_timeout() - p.loop_wait;
  if (left >= p.retry_timeout) return std::nullopt;
  return LintHit{"patroni.watchdog",
                 "the watchdog resets the node " + to_text(std::max(left, Duration{})) +
                     " after a cycle was due, while a renewal may take retry_timeout " +
                     to_text(p.retry_timeout) + ": a slow DCS resets a healthy node",
                 "watchdog: {safety_margin: 5}, or a smaller retry_timeout"};
}
void later_watchdog(SystemSpec& system) {
  models::PatroniConfig& p = system.patroni;
  p.watchdog.safety_margin = 5s;
  if (p.watchdog_timeout() - p.loop_wait < p.retry_timeout) {
    p.retry_timeout = std::max<Duration>(p.watchdog_timeout() - p.loop_wait, 3s);
  }
}

Hit no_rewind(const SystemSpec& system) {
  const models::PatroniConfig& p = system.patroni;
  if (p.use_pg_rewind || p.remove_data_directory_on_diverged_timelines ||
      system.members.size() < 2) {
    return std::nullopt;
  }
  return LintHit{
      "patroni.use_pg_rewind",
      "a former primary whose timeline has diverged cannot rejoin by itself: the cluster "
      "stays without that member",
      "use_pg_rewind: true"};
}
void with_rewind(SystemSpec& system) {
  system.patroni.use_pg_rewind = true;
}

Hit sync_names_reset(const SystemSpec& system) {
  if (!models::features(system.patroni.version).sync_names_reset ||
      !system.patroni.synchronous_mode) {
    return std::nullopt;
  }
  return LintHit{"patroni.version",
                 "Patroni " + std::string(models::to_text(system.patroni.version)) +
                     " empties synchronous_standby_names when it starts: until its first cycle "
                     "commits wait for nobody, and what they acknowledge can be lost",
                 "Patroni 3.3.7 or 4.0.6 and later"};
}
void later_patroni(SystemSpec& system) {
  system.patroni.version = system.patroni.version >= models::PatroniVersion::v4_0
                               ? models::PatroniVersion::v4_1
                               : models::PatroniVersion::v3_3_7;
}

Hit nobody_may_lead(const SystemSpec& system) {
  for (std::size_t i = 0; i < system.members.size(); ++i) {
    const models::PatroniTags& tags = system.members[i].tags;
    if (i != system.primary && !tags.nofailover && tags.failover_priority > 0) return std::nullopt;
  }
  if (system.members.size() < 2) {
    return LintHit{"cluster.instances", "a single member: there is nobody to fail over to",
                   "three members"};
  }
  return LintHit{"patroni.tags",
                 "every standby is tagged nofailover or has failover_priority 0: nobody may lead "
                 "when the primary is gone",
                 "at least one standby without the tag"};
}
void somebody_may_lead(SystemSpec& system) {
  if (system.members.size() < 2) {
    MemberSpec second = system.members.front();
    second.name += "-second";
    second.node.clear();
    second.address.clear();
    system.members.push_back(std::move(second));
  }
  for (MemberSpec& member : system.members) {
    member.tags.nofailover = false;
    member.tags.failover_priority = std::max(member.tags.failover_priority, 1);
  }
}

Hit late_primary_start(const SystemSpec& system) {
  if (system.patroni.primary_start_timeout <= system.patroni.ttl || system.members.size() < 2) {
    return std::nullopt;
  }
  return LintHit{"patroni.primary_start_timeout",
                 "Patroni restarts a crashed primary in place for up to " +
                     to_text(system.patroni.primary_start_timeout) +
                     " before it lets a standby take over, longer than the ttl " +
                     to_text(system.patroni.ttl),
                 "primary_start_timeout: " + std::to_string(system.patroni.ttl / 1s)};
}
void early_primary_start(SystemSpec& system) {
  system.patroni.primary_start_timeout = system.patroni.ttl;
}

constexpr LintSeverity note = LintSeverity::note, warning = LintSeverity::warning,
                       severe = LintSeverity::error;

constexpr std::array<LintRule, 16> rules = {{
    {"patroni/zero-margin", warning, "No margin between the Patroni timeouts",
     "loop_wait + 2 x retry_timeout may equal ttl (config.py), but a demotion takes time of its "
     "own "
     "(ha.py demote): the key may expire while the old primary is still writable.",
     "partition", &cost_two_primaries, zero_margin, halve_retries},
    {"patroni/negative-margin", severe, "The Patroni timeouts contradict the ttl",
     "loop_wait + 2 x retry_timeout <= ttl must hold; 3.2.0 and later change the values to make it "
     "so, earlier versions run with them (config.py).",
     "node_loss", &cost_rto, negative_margin, raise_ttl},
    {"patroni/ttl-below-minimum", warning, "ttl below Patroni's minimum of 20 s",
     "3.2.0 and later raise it to 20 s without stopping (config.py).", "node_loss", &cost_rto,
     ttl_below_minimum, ttl_to_minimum},
    {"patroni/objective-below-expiry", warning, "The RTO objective is shorter than key expiry",
     "A dead node releases nothing: its key expires ttl after the last renewal, which is at most "
     "loop_wait old, and the race polls the dead member for 2 s (ha.py fetch_node_status).",
     "node_loss", &cost_rto, objective_unreachable, fastest_legal},
    {"patroni/long-ttl", warning, "A long ttl", "The leader key of a dead node lasts ttl.",
     "node_loss", &cost_rto, long_ttl, usual_ttl},
    {"patroni/long-loop-wait", note, "A long loop_wait",
     "Patroni notices a crashed PostgreSQL in its next HA cycle (ha.py run_cycle).",
     "postmaster_kill", &cost_rto, long_loop, usual_loop},
    {"patroni/no-failsafe", warning, "DCS failsafe mode is off",
     "Without failsafe_mode a primary demotes when it cannot renew its key, although all members "
     "can reach it (docs, DCS Failsafe Mode).",
     "dcs_quorum_loss", &cost_rto, no_failsafe, with_failsafe},
    {"patroni/asynchronous", note, "Asynchronous replication",
     "A standby may be promoted up to maximum_lag_on_failover behind (docs, Replication modes).",
     "node_loss", &cost_lost_writes, asynchronous, synchronous},
    {"patroni/strict-without-spare", severe, "Strict synchronous mode without a spare standby",
     "synchronous_mode_strict never empties synchronous_standby_names (docs, Replication modes).",
     "standby_loss", &cost_rto, strict_pair, not_strict},
    {"patroni/all-standbys-synchronous", warning, "Every standby is synchronous",
     "PostgreSQL waits for as many standbys as synchronous_standby_names asks for.", "standby_loss",
     &cost_rto, all_synchronous, one_synchronous},
    {"patroni/no-watchdog", warning, "No watchdog",
     "Patroni that hangs or dies alone leaves PostgreSQL writable after its key has expired "
     "(docs, Watchdog support).",
     "patroni_dead", &cost_two_primaries, watchdog_off, with_watchdog},
    {"patroni/early-watchdog", severe, "The watchdog fires before a renewal may fail",
     "It fires ttl - safety_margin after the last renewal, ttl / 2 for -1 (watchdog/base.py).",
     "dcs_slow", &cost_rto, watchdog_margin, later_watchdog},
    {"patroni/no-rewind", warning, "A former primary cannot rejoin",
     "Without use_pg_rewind a diverged member stays down (docs, Dynamic configuration).",
     "postmaster_kill", &cost_rejoin, no_rewind, with_rewind},
    {"patroni/sync-names-reset", warning, "A defect of 3.3.0 to 3.3.6 and 4.0.0 to 4.0.5",
     "synchronous_standby_names is empty from the start of Patroni to its first cycle.",
     "patroni_kill", &cost_lost_writes, sync_names_reset, later_patroni},
    {"patroni/nobody-may-lead", severe, "No member may take over",
     "nofailover and failover_priority 0 keep a member out of the race (tags.py).", "node_loss",
     &cost_rto, nobody_may_lead, somebody_may_lead},
    {"patroni/late-primary-start", note, "A crashed primary is restarted for long",
     "primary_start_timeout bounds the recovery in place (ha.py handle_starting_instance).",
     "disk_full", &cost_rto, late_primary_start, early_primary_start},
}};

}  // namespace

std::span<const LintRule> patroni_rules() {
  return rules;
}

}  // namespace predrill::harness
