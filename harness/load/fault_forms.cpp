#include "harness/load/fault_forms.hpp"

#include <array>

namespace predrill::harness {

namespace {

using Role = Target::Role;

constexpr std::uint32_t bit(Role role) {
  return std::uint32_t{1} << static_cast<unsigned>(role);
}

constexpr std::uint32_t member_roles = bit(Role::named) | bit(Role::primary) |
                                       bit(Role::sync_standby) | bit(Role::async_standby) |
                                       bit(Role::any_standby) | bit(Role::all_standbys);
constexpr std::uint32_t host_roles = member_roles | bit(Role::dcs) | bit(Role::dcs_leader) |
                                     bit(Role::zone) | bit(Role::pooler) | bit(Role::haproxy) |
                                     bit(Role::clients);
constexpr std::uint32_t dcs_roles = bit(Role::dcs);

constexpr std::array<FaultForm, 23> forms = {{
    {FaultKind::pod_delete, "pod_delete",
     "kubectl delete pod: SIGTERM, SIGKILL at the end of the grace period, the pod comes back",
     Role::primary, member_roles, fault_force | fault_grace_period, false},
    {FaultKind::node_loss, "node_loss", "the host loses power: silence, nothing is flushed",
     Role::primary, member_roles | bit(Role::dcs_leader) | bit(Role::pooler), fault_for, false},
    {FaultKind::node_reboot, "node_reboot", "the host reboots without warning and comes back",
     Role::primary, member_roles, fault_for, false},
    {FaultKind::postmaster_kill, "postmaster_kill", "SIGKILL to the postmaster; Patroni lives",
     Role::primary, member_roles, 0, false},
    {FaultKind::backend_crash, "backend_crash",
     "one server process crashes; PostgreSQL re-initialises itself", Role::primary, member_roles, 0,
     false},
    {FaultKind::patroni_kill, "patroni_kill", "SIGKILL to Patroni; PostgreSQL lives on",
     Role::primary, member_roles, fault_for, false},
    {FaultKind::patroni_stop, "patroni_stop", "SIGTERM to Patroni: it stops PostgreSQL and leaves",
     Role::primary, member_roles, fault_for, false},
    {FaultKind::freeze, "freeze", "SIGSTOP or a paused machine: everything waits, then goes on",
     Role::primary, member_roles, fault_for | fault_scope, true},
    {FaultKind::partition, "partition", "packets between two sides vanish", Role::primary,
     host_roles, fault_for | fault_from | fault_one_way, false},
    {FaultKind::latency, "latency", "packets between two sides take longer", Role::primary,
     host_roles, fault_for | fault_from | fault_one_way | fault_delay, false},
    {FaultKind::packet_loss, "packet_loss", "a share of the packets between two sides vanishes",
     Role::primary, host_roles, fault_for | fault_from | fault_one_way | fault_loss, false},
    {FaultKind::dcs_leader_kill, "dcs_leader_kill", "SIGKILL to the leader of etcd", Role::dcs,
     dcs_roles, fault_for, false},
    {FaultKind::dcs_quorum_loss, "dcs_quorum_loss",
     "so many members of etcd die that no quorum is left", Role::dcs, dcs_roles, fault_for, false},
    {FaultKind::dcs_slow, "dcs_slow", "every request to the DCS takes longer", Role::dcs, dcs_roles,
     fault_for | fault_delay, false},
    {FaultKind::dcs_no_space, "dcs_no_space", "etcd raises its NOSPACE alarm: writes are refused",
     Role::dcs, dcs_roles, fault_for, false},
    {FaultKind::disk_stall, "disk_stall", "writes and flushes hang without an error", Role::primary,
     member_roles, fault_for, false},
    {FaultKind::disk_full, "disk_full", "no space left on the volume with the WAL", Role::primary,
     member_roles, fault_for, false},
    {FaultKind::clock_jump, "clock_jump", "the wall clock of a host jumps", Role::primary,
     member_roles, fault_jump, false},
    {FaultKind::standby_loss, "standby_loss", "a standby's host loses power", Role::sync_standby,
     member_roles & ~bit(Role::primary), fault_for, false},
    {FaultKind::az_loss, "az_loss",
     "every host of a zone loses power; of the primary's, if on is "
     "primary",
     Role::primary, bit(Role::primary) | bit(Role::zone), fault_for, false},
    {FaultKind::pgbouncer_kill, "pgbouncer_kill", "SIGKILL to PgBouncer", Role::pooler,
     bit(Role::pooler), fault_for, false},
    {FaultKind::switchover, "switchover", "patronictl switchover: planned, the primary is healthy",
     Role::primary, bit(Role::primary), fault_candidate, false},
    {FaultKind::lag, "lag", "the stream to the standbys gets little bandwidth: they fall behind",
     Role::all_standbys, bit(Role::all_standbys), fault_for | fault_bandwidth, false},
}};

constexpr std::array<RoleName, 13> roles = {{{Role::named, ""},
                                             {Role::primary, "primary"},
                                             {Role::sync_standby, "sync_standby"},
                                             {Role::async_standby, "async_standby"},
                                             {Role::any_standby, "any_standby"},
                                             {Role::all_standbys, "all_standbys"},
                                             {Role::dcs, "dcs"},
                                             {Role::dcs_leader, "dcs_leader"},
                                             {Role::zone, ""},
                                             {Role::pooler, "pooler"},
                                             {Role::haproxy, "haproxy"},
                                             {Role::clients, "clients"},
                                             {Role::everyone_else, "everyone_else"}}};

constexpr std::array<Milestone, 20> all_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"sigterm", "patroni.sigterm", "Patroni is told to stop"},
    {"fast_stop", "postgres.fast_stop", "PostgreSQL is told to stop; sessions end with 57P01"},
    {"sessions_ended", "postgres.sessions_ended", "the last session of the old primary is gone"},
    {"shut_down", "postgres.shut_down", "the old primary is down in good order"},
    {"postgres_killed", "postgres.killed", "the postmaster is gone without a clean stop"},
    {"key_released", "patroni.key_released", "the leader key is deleted by its holder"},
    {"key_expired", "dcs.leader_key_expired", "the leader key is gone with its lease"},
    {"leader_gone", "patroni.leader_gone", "a standby learns that there is no leader"},
    {"key_acquired", "patroni.acquired", "a standby takes the leader key"},
    {"demoted", "patroni.demoted", "the old primary takes no more writes"},
    {"promotion_started", "postgres.promotion_started", "PostgreSQL gets the promote request"},
    {"promotion_finished", "postgres.promotion_finished",
     "the new primary accepts writes on a new timeline"},
    {"service_switched", "kubernetes.rules_changed",
     "kube-proxy sends new connections to the new primary"},
    {"sync_assigned", "patroni.sync_assigned", "a synchronous standby is named again"},
    {"sync_lost", "patroni.sync_lost", "the synchronous standby is given up"},
    {"dcs_error", "patroni.dcs_error", "a member cannot reach the DCS"},
    {"old_primary_started", "postgres.recovery_started", "the old primary starts as a standby"},
    {"rewound", "patroni.rewound", "pg_rewind has finished on the old primary"},
    {"old_primary_streaming", "postgres.walreceiver_started",
     "the old primary streams from the new one"},
}};

}  // namespace

std::span<const FaultForm> fault_forms() {
  return forms;
}

const FaultForm& form_of(FaultKind kind) {
  return forms[static_cast<std::size_t>(kind)];
}

std::span<const RoleName> role_names() {
  return roles;
}

std::span<const Milestone> milestones() {
  return all_milestones;
}

}  // namespace predrill::harness
