#include "harness/engine/rehearsal.hpp"

#include <algorithm>

#include "harness/kinds/system_kind.hpp"
#include "harness/load/fault_forms.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;

namespace {

constexpr Duration observed_after_fault = 2min;

bool applies(FaultKind kind, const SystemSpec& system) {
  const std::size_t members = system.members.size();
  switch (kind) {
    case FaultKind::containerd_deadlock:
      return false;  // it shows after more time than a rehearsal watches
    case FaultKind::read_only:
      return false;  // planned, and as long as it was planned
    case FaultKind::pod_delete:
      return system.kubernetes.present;
    case FaultKind::pgbouncer_kill:
      return system.pooler.has_value();
    case FaultKind::dcs_leader_kill:
    case FaultKind::dcs_no_space:
      return system.dcs.kind == DcsSpec::Kind::etcd;
    case FaultKind::standby_loss:
    case FaultKind::switchover:
    case FaultKind::lag:
      return members > 1;
    default:
      return true;
  }
}

FaultSpec usual(FaultKind kind, const SystemSpec& system) {
  FaultSpec fault;
  fault.kind = kind;
  fault.at.delay = Distribution::uniform(0s, system.patroni.loop_wait);
  switch (kind) {
    case FaultKind::patroni_dead:
    case FaultKind::patroni_stop:
      fault.length = 60s;
      break;
    case FaultKind::freeze:
    case FaultKind::partition:
      fault.length = 60s;
      break;
    case FaultKind::latency:
      fault.length = 60s;
      fault.extra = Distribution::constant(Duration(100ms));
      break;
    case FaultKind::packet_loss:
      fault.length = 60s;
      fault.probability = 0.2;
      break;
    case FaultKind::dcs_leader_kill:
      fault.length = 60s;
      break;
    case FaultKind::dcs_quorum_loss:
      fault.length = 60s;
      break;
    case FaultKind::dcs_slow:
      fault.length = 60s;
      fault.extra = Distribution::constant(Duration(2s));
      break;
    case FaultKind::dcs_no_space:
    case FaultKind::disk_stall:
      fault.length = 30s;
      break;
    case FaultKind::clock_jump:
      fault.jump = 60s;
      break;
    case FaultKind::standby_loss:
      fault.on.role = Target::Role::sync_standby;
      break;
    case FaultKind::pgbouncer_kill:
      fault.length = 5s;
      break;
    case FaultKind::lag:
      fault.length = 60s;
      fault.bytes_per_second = static_cast<std::uint64_t>(system.workload.wal_bytes_per_second / 2);
      break;
    default:
      break;
  }
  return fault;
}

std::string value_of(const SystemSpec& system, std::string_view path) {
  if (path == "patroni.ttl") return sim::to_text(system.patroni.ttl);
  if (path == "patroni.loop_wait") return sim::to_text(system.patroni.loop_wait);
  if (path == "patroni.retry_timeout") return sim::to_text(system.patroni.retry_timeout);
  if (path == "postgresql.wal_sender_timeout") {
    return sim::to_text(system.postgres.wal_sender_timeout);
  }
  if (!system.pooler) return "";
  const models::PgbouncerConfig& pooler = system.pooler->config;
  if (path == "pgbouncer.server_connect_timeout") {
    return sim::to_text(pooler.server_connect_timeout);
  }
  if (path == "pgbouncer.server_login_retry") return sim::to_text(pooler.server_login_retry);
  return "";
}

// A dead standby is given up when its member key expires or its walsender ends (ha.py
// process_sync_replication); the record of a pod on Kubernetes has no lease.
std::string_view end_of_standby(const SystemSpec& system) {
  const Duration timeout = system.postgres.wal_sender_timeout;  // 0: off
  const bool leases = system.dcs.kind == DcsSpec::Kind::etcd;
  const bool walsender = timeout > 0s && (!leases || timeout < system.patroni.ttl);
  return walsender ? "postgresql.wal_sender_timeout" : leases ? "patroni.ttl" : "";
}

// What decides how long a stage takes when this fault has struck (reference sections 1, 4).
std::string_view setting_of(Stage stage, FaultKind kind, bool released, const SystemSpec& system) {
  switch (stage) {
    case Stage::detection:
      switch (kind) {
        case FaultKind::postmaster_kill:
        case FaultKind::disk_full:
          return "patroni.loop_wait";
        case FaultKind::dcs_quorum_loss:
          return "patroni.retry_timeout";
        case FaultKind::standby_loss:
          return end_of_standby(system);
        case FaultKind::switchover:
        case FaultKind::patroni_stop:
          return "";
        default:
          return released ? "" : "patroni.ttl";
      }
    case Stage::election:
      return "";  // REST polls of 2 s are fixed in Patroni
    case Stage::promotion:
      return kind == FaultKind::dcs_quorum_loss ? std::string_view("patroni.loop_wait") : "";
    case Stage::routing:
      return "";
    case Stage::reconnection:
      return "pgbouncer.server_connect_timeout";
    case Stage::first_commit:
      return "";
  }
  return "";
}

std::string_view fixed_reason(Stage stage, FaultKind kind) {
  if (kind == FaultKind::dcs_quorum_loss && stage == Stage::election) {
    return "the DCS without quorum";
  }
  if (kind == FaultKind::disk_stall) return "the stall itself";
  switch (stage) {
    case Stage::detection:
      return "shutdown checkpoint and Patroni's 1 s polls";
    case Stage::election:
      return "Patroni's 2 s REST polls";
    case Stage::promotion:
      return "PostgreSQL's promotion or recovery";
    case Stage::routing:
      return "Kubernetes' endpoint programming";
    case Stage::reconnection:
      return "the pooler's reconnection";
    case Stage::first_commit:
      return "the client's own pace";
  }
  return "";
}

bool is_wanted(std::string_view fault, const std::vector<std::string>& only) {
  return only.empty() || std::find(only.begin(), only.end(), fault) != only.end();
}

std::vector<ScenarioSpec> of_kind(const SystemSpec& system, const std::vector<std::string>& only,
                                  const std::vector<Objective>& objectives) {
  std::vector<ScenarioSpec> scenarios;
  for (FaultSpec& fault : system.kind->usual_faults(system)) {
    if (!is_wanted(fault.name, only)) continue;
    ScenarioSpec scenario;
    scenario.name = fault.name;
    scenario.title = std::string(system.kind->find_fault(fault.name)->title);
    scenario.system = system;
    scenario.faults.push_back(std::move(fault));
    scenario.run_for = system.kind->observation();
    scenario.path = system.kind->paths().front();
    scenario.objectives = objectives;
    scenarios.push_back(std::move(scenario));
  }
  return scenarios;
}

}  // namespace

std::vector<ScenarioSpec> rehearsal_scenarios(const SystemSpec& system,
                                              const std::vector<std::string>& only,
                                              const std::vector<Objective>& objectives) {
  if (system.kind != nullptr) return of_kind(system, only, objectives);
  std::vector<ScenarioSpec> scenarios;
  for (const FaultForm& fault : fault_forms()) {
    if (!is_wanted(fault.name, only) || !applies(fault.kind, system)) continue;
    ScenarioSpec scenario;
    scenario.name = std::string(fault.name);
    scenario.title = std::string(fault.title);
    scenario.system = system;
    scenario.faults = {usual(fault.kind, system)};
    scenario.run_for = observed_after_fault;
    scenario.path = std::string(system.usual_path());
    scenario.objectives = objectives;
    scenarios.push_back(std::move(scenario));
  }
  return scenarios;
}

std::string setting_behind(const ScenarioSpec& scenario, const Summary& summary) {
  if (scenario.system.kind != nullptr) {
    return scenario.system.kind->setting_behind(scenario, summary);
  }
  const auto stage = summary.dominating_stage();
  if (!stage || scenario.faults.empty()) return "";
  const auto released = summary.key_released();
  const bool mostly_released = 2 * released.successes() > released.trials();
  const std::string path(
      setting_of(*stage, scenario.faults.front().kind, mostly_released, scenario.system));
  if (path.empty()) return std::string(fixed_reason(*stage, scenario.faults.front().kind));
  std::string text = path.substr(path.find('.') + 1) + " " + value_of(scenario.system, path);
  const auto origin = scenario.system.origins.find(path);
  if (origin != scenario.system.origins.end() && origin->second.line > 0) {
    const std::string& file = origin->second.file;
    text +=
        " (" + file.substr(file.rfind('/') + 1) + ":" + std::to_string(origin->second.line) + ")";
  }
  return text;
}

// Key expiry: ttl - a + U(0, 0.5) with a in [0, loop_wait] (reference: etcd lease, HA loop), then
// the race polls the dead member for 2 s (ha.py fetch_node_status), then promotion.
std::string expiry_limits(const SystemSpec& system, const std::vector<Objective>& objectives) {
  if (system.kind != nullptr) return "";
  constexpr Duration poll = 2s;
  constexpr Duration scan = 500ms;
  constexpr Duration ttl_min = 20s;  // config.py since 3.2.0
  models::PatroniConfig patroni = system.patroni;
  models::adjust(patroni);
  std::string text;
  for (const Objective& objective : objectives) {
    if (objective.measure != "rto") continue;
    const auto bound = Duration(static_cast<std::int64_t>(objective.bound * 1e9));
    const Duration worst = patroni.ttl + scan + poll;
    if (bound >= worst) continue;
    text += "When the primary's node dies the key has to expire: with ttl " +
            sim::to_text(patroni.ttl) + " and loop_wait " + sim::to_text(patroni.loop_wait) +
            " a new primary can begin its promotion " +
            sim::to_text(patroni.ttl - patroni.loop_wait + poll) + " to " + sim::to_text(worst) +
            " after the fault; the target is " + sim::to_text(bound) + ".";
    if (!models::features(patroni.version).timeout_rule) continue;
    if (bound < ttl_min + scan + poll) {
      text +=
          " No legal ttl meets it by expiry: Patroni 3.2.0 and later raise any ttl below 20 s "
          "to 20 s. Only faults that let the old primary release its key can meet it.";
    } else {
      text += " A ttl of " + sim::to_text(bound - scan - poll) + " or less would.";
    }
  }
  return text;
}

}  // namespace predrill::harness
