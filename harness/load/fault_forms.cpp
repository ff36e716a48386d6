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

constexpr std::array<FaultForm, 26> forms = {{
    {FaultKind::pod_delete, "pod_delete", "the primary's pod is deleted",
     "kubectl delete pod: SIGTERM, SIGKILL, and the pod comes back",
     "released if the grace period lasts long enough, else it expires", Role::primary, member_roles,
     fault_force | fault_grace_period, false},
    {FaultKind::node_loss, "node_loss", "the primary's node loses power",
     "the host loses power: silence, nothing is flushed", "it expires", Role::primary,
     member_roles | bit(Role::dcs_leader) | bit(Role::pooler), fault_for, false},
    {FaultKind::node_reboot, "node_reboot", "the primary's node reboots unannounced",
     "the host reboots without warning and comes back",
     "kept if the node is back in time, else it expires", Role::primary, member_roles, fault_for,
     false},
    {FaultKind::postmaster_kill, "postmaster_kill", "the postmaster dies, Patroni lives",
     "SIGKILL to the postmaster; Patroni lives", "kept: PostgreSQL is started again in place",
     Role::primary, member_roles, 0, false},
    {FaultKind::backend_crash, "backend_crash", "one server process crashes",
     "one server process crashes; PostgreSQL re-initialises itself",
     "kept: Patroni sees a running postmaster", Role::primary, member_roles, 0, false},
    {FaultKind::patroni_kill, "patroni_kill", "Patroni dies, PostgreSQL lives",
     "SIGKILL to Patroni, which a supervisor may start; PostgreSQL lives on",
     "kept if Patroni is back in time, else it expires while the old primary still writes",
     Role::primary, member_roles, fault_restart, false},
    {FaultKind::patroni_dead, "patroni_dead", "Patroni dies and stays dead, PostgreSQL lives",
     "Patroni dies for good: no supervisor starts it; PostgreSQL lives on",
     "it expires while the old primary still writes", Role::primary, member_roles, fault_for,
     false},
    {FaultKind::patroni_stop, "patroni_stop", "Patroni is stopped in an orderly way",
     "SIGTERM to Patroni: it stops PostgreSQL and leaves", "released after a clean stop",
     Role::primary, member_roles, fault_for, false},
    {FaultKind::freeze, "freeze", "the primary's host freezes",
     "SIGSTOP or a paused machine: everything waits, then goes on",
     "kept if short; else it expires, and the frozen primary wakes up later", Role::primary,
     member_roles, fault_for | fault_scope, true},
    {FaultKind::partition, "partition", "the primary is cut off from everybody",
     "packets between two sides vanish", "it expires; the primary demotes itself before",
     Role::primary, host_roles, fault_for | fault_from | fault_one_way, false},
    {FaultKind::latency, "latency", "the network of the primary is slow",
     "packets between two sides take longer", "kept, while short", Role::primary, host_roles,
     fault_for | fault_from | fault_one_way | fault_delay, false},
    {FaultKind::packet_loss, "packet_loss", "the network of the primary loses packets",
     "a share of the packets between two sides vanishes", "kept, mostly", Role::primary, host_roles,
     fault_for | fault_from | fault_one_way | fault_loss, false},
    {FaultKind::dcs_leader_kill, "dcs_leader_kill", "the DCS leader dies",
     "SIGKILL to the leader of etcd",
     "kept: a new etcd leader gives every lease its full ttl again", Role::dcs, dcs_roles,
     fault_for, false},
    {FaultKind::dcs_quorum_loss, "dcs_quorum_loss", "the DCS loses its quorum",
     "etcd members die until no quorum is left, or all API servers",
     "it freezes: no renewal, no expiry, no successor", Role::dcs, dcs_roles, fault_for, false},
    {FaultKind::dcs_slow, "dcs_slow", "the DCS answers slowly",
     "every request to the DCS takes longer",
     "kept below retry_timeout / N per request, else the primary gives up", Role::dcs, dcs_roles,
     fault_for | fault_delay, false},
    {FaultKind::dcs_no_space, "dcs_no_space", "the DCS is full (NOSPACE)",
     "etcd raises its NOSPACE alarm: writes are refused",
     "kept for ever, but nobody could take it over", Role::dcs, dcs_roles, fault_for, false},
    {FaultKind::disk_stall, "disk_stall", "the primary's disk hangs",
     "writes and flushes hang without an error", "kept", Role::primary, member_roles, fault_for,
     false},
    {FaultKind::disk_full, "disk_full", "the primary's disk is full",
     "no space left on the volume with the WAL", "deleted after a failed restart", Role::primary,
     member_roles, fault_for, false},
    {FaultKind::clock_jump, "clock_jump", "the primary's clock jumps",
     "the wall clock of a host jumps",
     "kept; after a jump back it may expire and is taken again by its holder", Role::primary,
     member_roles, fault_jump, false},
    {FaultKind::standby_loss, "standby_loss", "the synchronous standby's node loses power",
     "a standby's host loses power", "kept; with synchronous_mode commits hang", Role::sync_standby,
     member_roles & ~bit(Role::primary), fault_for, false},
    {FaultKind::az_loss, "az_loss", "the primary's zone is lost",
     "every host of a zone loses power; of the primary's, if on is primary", "it expires",
     Role::primary, bit(Role::primary) | bit(Role::zone), fault_for, false},
    {FaultKind::pgbouncer_kill, "pgbouncer_kill", "PgBouncer dies", "SIGKILL to PgBouncer",
     "kept: the database is not touched", Role::pooler, bit(Role::pooler), fault_for, false},
    {FaultKind::switchover, "switchover", "an orderly switchover",
     "patronictl switchover: planned, the primary is healthy", "released after a clean stop",
     Role::primary, bit(Role::primary), fault_candidate, false},
    {FaultKind::lag, "lag", "the standbys fall behind",
     "the stream to the standbys gets little bandwidth: they fall behind", "kept",
     Role::all_standbys, bit(Role::all_standbys), fault_for | fault_bandwidth, false},
    {FaultKind::containerd_deadlock, "containerd_deadlock",
     "containerd locks up on the primary's node",
     "lists of containers hang: the node is NotReady, its pods run on",
     "kept: Patroni and PostgreSQL live and renew it", Role::primary, member_roles, fault_for,
     false},
    {FaultKind::read_only, "read_only", "a read-only window",
     "writes are refused with 25006 (default_transaction_read_only)", "kept", Role::primary,
     member_roles, fault_for, false},
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

constexpr bool of_old_primary = true;
constexpr std::array<Milestone, 27> all_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"sigterm", "patroni.sigterm", "Patroni is told to stop", of_old_primary},
    {"fast_stop", "postgres.fast_stop", "PostgreSQL is told to stop; sessions end with 57P01",
     of_old_primary},
    {"sessions_ended", "postgres.sessions_ended", "the last session of the old primary is gone",
     of_old_primary},
    {"shut_down", "postgres.shut_down", "the old primary is down in good order", of_old_primary},
    {"postgres_killed", "postgres.killed", "the postmaster is gone without a clean stop",
     of_old_primary},
    {"key_released", "dcs.leader_key_deleted", "the leader key is deleted by its holder"},
    {"key_expired", "dcs.leader_key_expired", "the leader key is gone with its lease"},
    {"leader_gone", "patroni.leader_gone", "a standby learns that there is no leader"},
    {"key_acquired", "dcs.leader_key_created", "a standby takes the leader key"},
    {"promotion_decided", "patroni.promoting", "Patroni is about to promote"},
    {"demoted", "patroni.demoted", "the old primary takes no more writes", of_old_primary},
    {"promotion_started", "postgres.promotion_started", "PostgreSQL gets the promote request"},
    {"promotion_finished", "postgres.promotion_finished",
     "the new primary accepts writes on a new timeline"},
    {"service_switched", "kubernetes.rules_changed",
     "kube-proxy sends new connections to the new primary"},
    {"router_up", "haproxy.server_up", "HAProxy sends connections to a server again"},
    {"pooler_connected", "pgbouncer.server_connected", "PgBouncer logs in to a server"},
    {"pooler_recovered", "pgbouncer.login_works", "PgBouncer's logins work again"},
    {"patroni_started", "patroni.started", "Patroni runs again on the old primary", of_old_primary},
    {"sync_assigned", "patroni.sync_assigned", "a synchronous standby is named again"},
    {"sync_lost", "patroni.sync_lost", "the synchronous standby is given up"},
    {"dcs_error", "patroni.dcs_error", "a member cannot reach the DCS"},
    {"old_primary_started", "postgres.recovery_started", "the old primary starts as a standby",
     of_old_primary},
    {"old_primary_ready", "postgres.ready_read_only", "the old primary answers reads",
     of_old_primary},
    {"rewound", "patroni.rewound", "pg_rewind has finished on the old primary", of_old_primary},
    {"old_primary_streaming", "postgres.walreceiver_started",
     "the old primary streams from the new one", of_old_primary},
    {"undone", "fault.undone", "a fault with an end is over"},
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

const Milestone* find_milestone(std::string_view name) {
  for (const Milestone& milestone : all_milestones) {
    if (milestone.name == name) return &milestone;
  }
  return nullptr;
}

}  // namespace predrill::harness
