// The mechanisms, in words; facts from the documentation and sources of Patroni, PostgreSQL and
// Kubernetes as named at the models.
#include <algorithm>
#include <array>

#include "harness/audit/audit.hpp"
#include "harness/engine/rehearsal.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr std::array<MechanismInfo, mechanisms> infos = {{
    {Mechanism::graceful_release, "graceful_release", "graceful release", "release",
     "Patroni stops PostgreSQL in good order (sessions end with 57P01, the shutdown checkpoint "
     "reaches the standbys) and deletes the leader key itself",
     "the orderly way: shutdown checkpoint, release of the key, its time limit under SIGKILL",
     "patroni_stop", "patroni-stop.json",
     "systemctl stop patroni on the primary's machine, or kubectl delete pod with a grace period "
     "that the shutdown checkpoint and 3 s more fit into"},
    {Mechanism::crash_expiry, "crash_expiry", "crash, the key expires", "crash",
     "the primary is gone without a word and its leader key runs out",
     "the wait for the leader key to expire (ttl less the age of its last renewal); a primary that "
     "answers with silence instead of refusals: connection time-outs of standbys, pooler and "
     "clients; writes that no standby had received; crash recovery, pg_rewind and the return of "
     "the "
     "old primary",
     "node_loss", "node-loss.json",
     "cut the node's power (ipmitool chassis power off, or stop the virtual machine with force), "
     "or "
     "as root on it: sysctl kernel.panic=0 && echo c > /proc/sysrq-trigger. kubectl delete pod "
     "--force is not enough: it removes the API object at once, but the kubelet still sends "
     "SIGTERM "
     "and waits 2 s"},
    {Mechanism::restart_in_place, "restart_in_place", "restart in place", "restart",
     "PostgreSQL dies, Patroni keeps the leader key and starts it again where it was",
     "crash recovery on the same member: its length, and primary_start_timeout", "postmaster_kill",
     "postmaster-kill.json",
     "kill -9 of the postmaster (first line of postmaster.pid) in the primary's pod"},
    {Mechanism::zombie, "zombie", "zombie primary", "zombie",
     "Patroni is dead or frozen and its leader key runs out while the old primary may still write",
     "two primaries at a time: who still acknowledges writes, watchdog, clients on the old primary",
     "freeze", "freeze.json",
     "kill -STOP of all of the primary's processes for longer than ttl, then kill -CONT"},
    {Mechanism::isolation, "isolation", "isolated primary", "isolated",
     "the primary runs but reaches nobody: it demotes itself, its leader key runs out",
     "the demotion after retry_timeout, clients on the wrong side, writes that only they saw",
     "partition", "partition.json",
     "drop all packets of the primary's node but your own (iptables -I INPUT and OUTPUT -j DROP, "
     "with a timer that takes it back)"},
    {Mechanism::dcs_failure, "dcs_failure", "DCS failure", "DCS",
     "the DCS does not answer: the primary demotes itself and nobody can take over",
     "the demotion without any candidate, failsafe_mode, the return with the quorum",
     "dcs_quorum_loss", "dcs-quorum-loss.json", "stop two of three etcd members"},
    {Mechanism::storage, "storage", "storage failure", "storage",
     "the disk of the primary hangs or is full while Patroni keeps the leader key",
     "a primary that is healthy in Patroni's eyes and cannot commit", "disk_stall",
     "disk-stall.json", "suspend the volume (dmsetup suspend) with a timer that resumes it"},
}};

bool considered(FaultKind kind) {
  switch (kind) {
    case FaultKind::pod_delete:
    case FaultKind::node_loss:
    case FaultKind::node_reboot:
    case FaultKind::az_loss:
    case FaultKind::patroni_stop:
    case FaultKind::switchover:
    case FaultKind::postmaster_kill:
    case FaultKind::backend_crash:
    case FaultKind::patroni_dead:
    case FaultKind::freeze:
    case FaultKind::partition:
    case FaultKind::dcs_quorum_loss:
    case FaultKind::disk_stall:
    case FaultKind::disk_full:
      return true;
    default:
      return false;  // does not touch the primary, or degrades it without ending its reign
  }
}

}  // namespace

const MechanismInfo& info(Mechanism mechanism) {
  return infos[static_cast<std::size_t>(mechanism)];
}

std::optional<Mechanism> mechanism_of(FaultKind kind, const RunFeatures& run) {
  switch (kind) {
    case FaultKind::patroni_stop:
    case FaultKind::switchover:
      return Mechanism::graceful_release;
    case FaultKind::pod_delete:  // a race between SIGKILL and the release
      return run.key_released ? Mechanism::graceful_release : Mechanism::crash_expiry;
    case FaultKind::node_loss:
    case FaultKind::node_reboot:
    case FaultKind::az_loss:
      return Mechanism::crash_expiry;
    case FaultKind::postmaster_kill:
    case FaultKind::backend_crash:
      return Mechanism::restart_in_place;
    case FaultKind::patroni_kill:
    case FaultKind::patroni_dead:
    case FaultKind::freeze:
      return Mechanism::zombie;
    case FaultKind::partition:
      return Mechanism::isolation;
    case FaultKind::dcs_quorum_loss:
    case FaultKind::dcs_leader_kill:
    case FaultKind::dcs_slow:
    case FaultKind::dcs_no_space:
      return Mechanism::dcs_failure;
    case FaultKind::disk_stall:
    case FaultKind::disk_full:
      return Mechanism::storage;
    default:
      return std::nullopt;
  }
}

std::vector<ScenarioSpec> audit_faults(const SystemSpec& system) {
  std::vector<ScenarioSpec> faults = rehearsal_scenarios(system, {}, {});
  std::erase_if(faults, [](const ScenarioSpec& s) { return !considered(s.faults.front().kind); });
  return faults;
}

}  // namespace predrill::harness
