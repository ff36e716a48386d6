// What a fault does, in words, in the order of FaultKind. Its name, summary and the fate of the
// leader key stand in the table of faults.
#include "harness/cli/explanation_tables.hpp"
#include "harness/load/fault_forms.hpp"

namespace predrill::harness {

namespace {

struct FaultText {
  FaultKind kind;
  std::string_view text;
  std::array<std::string_view, related_max> related{};
  std::string_view source;
};

constexpr std::array<FaultText, 26> table = {{
    {FaultKind::pod_delete,
     "SIGTERM reaches Patroni, which closes its REST API and stops PostgreSQL in fast mode: "
     "sessions end with 57P01 after 0.05 to 0.25 s, and there the outage begins. Patroni polls "
     "once a second for the end of the shutdown checkpoint, sleeps 1 s, asks the standbys by "
     "REST and deletes the leader key: at the earliest 2.05 s after SIGTERM, 2.9 to 3.4 s when "
     "measured. If the grace period lasts that long the standbys wake at once and RTO = release "
     "+ poll + promotion, 2.4 to 6 s for small checkpoints. If SIGKILL comes first the key must "
     "expire: RTO = ttl - age of the last renewal + U(0, 0.5 s) + poll + promotion. "
     "--grace-period=0 without --force is sent as 1 s and the kubelet grants 2 s at least, so "
     "the release usually loses that race by tenths of a second. The poll costs 2 s once the "
     "pod's address drops packets instead of refusing. Acknowledged writes survive where a "
     "standby has the shutdown checkpoint. This does not test the death of a node: the kernel "
     "stays up and says goodbye to every connection.",
     {"patroni_stop", "node_loss", "terminationGracePeriodSeconds", "ttl"},
     "patroni/ha.py shutdown(), 3.3.2; kubectl delete.go Complete(); kubelet "
     "kuberuntime_manager.go, minimumGracePeriodInSeconds; measured in a lab, 3 stops by SIGTERM"},
    {FaultKind::node_loss,
     "Nothing answers any more, not even with RST; commits in flight never get an answer. Nobody "
     "can release the leader key, so its lease runs out: detection = ttl - a + U(0, 0.5 s) with "
     "etcd, where a, the age of the last renewal, lies between 0 and loop_wait. The race then "
     "waits 2 s for the dead member's REST address, one write takes the key, promotion follows: "
     "RTO = detection + 2 s + promotion, which is 22.1 to 33 s and 27.7 s on average with ttl 30 "
     "and loop_wait 10. As ttl is 20 s at least, the worst case is above 20 s whatever else is "
     "set. Clients and poolers get no RST either; their own time-outs come on top. Asynchronous "
     "replication loses write rate * lag; a synchronous standby that is listed in /sync has "
     "every acknowledged write. The pod is not moved to another node for it.",
     {"ttl", "election", "tcp_keepalive", "server_connect_timeout", "az_loss", "rpo"},
     "patroni/ha.py is_healthiest_node() and fetch_node_status(), 3.3.2; etcd lease/lessor.go "
     "runLoop(), 3.5.14; measured in a lab: 24.4 and 27.1 s, with synchronous_mode 29.3 s"},
    {FaultKind::node_reboot,
     "It begins like node_loss: silence, memory lost. The leader key belongs to a name, not to a "
     "process, so Patroni that runs again under the same name before the key is gone still owns "
     "it: it recovers PostgreSQL and goes on as the leader, and no other member is involved. "
     "That path costs boot + start + crash recovery + up to a cycle of Patroni. If the key "
     "expires first, at ttl - a + U(0, 0.5 s) with a the age of the last renewal, a standby "
     "takes over as after node_loss and the old primary comes back as a standby, with pg_rewind "
     "where it had written beyond the fork. `for` replaces the boot time of the system. An "
     "orderly shutdown before the reboot is not part of it.",
     {"node_loss", "ttl", "use_pg_rewind", "max_wal_size"},
     "patroni/dcs/etcd3.py _update_leader(), patroni/ha.py recover(), 3.3.2"},
    {FaultKind::postmaster_kill,
     "All sessions end within milliseconds. Patroni finds the postmaster gone in its next cycle "
     "and, as it holds the key, starts PostgreSQL as the primary on the same timeline while it "
     "goes on renewing: RTO = U(0, loop_wait) + start of 0.5 to 2 s + WAL since the last "
     "checkpoint / replay rate + dirty pages / write rate. Clients get 57P03 meanwhile. Nothing "
     "that was acknowledged is lost, except with synchronous_commit = off. A standby takes over "
     "only where the recovery exceeds primary_start_timeout, or at once if that is 0. A dead "
     "process that has not been reaped by the next cycle counts as running and costs one more "
     "loop_wait. Versions before 3.0.4 start read-only and promote, one timeline up.",
     {"backend_crash", "loop_wait", "primary_start_timeout", "checkpoint_timeout", "max_wal_size"},
     "patroni/ha.py recover() and handle_starting_instance(), 3.3.2; measured in a lab: 16.1 s, "
     "of which 11.2 s detection with an unreaped process"},
    {FaultKind::backend_crash,
     "A server process dies of a signal; the postmaster ends all the others (57P02), recovers "
     "from the WAL and accepts connections again by itself. Nobody has to notice: RTO = WAL "
     "since the last checkpoint / replay rate + dirty pages / write rate + about 1 s. Patroni "
     "logs an error of its query and renews the key, because the same postmaster still runs. "
     "primary_start_timeout therefore does not apply and even a recovery of many minutes never "
     "leads to a failover. Nothing that was acknowledged is lost. With restart_after_crash = off "
     "the postmaster would exit instead; then it is like postmaster_kill.",
     {"postmaster_kill", "primary_start_timeout", "max_wal_size", "checkpoint_timeout"},
     "patroni/ha.py _run_cycle(), 3.3.2; PostgreSQL 15 documentation, restart_after_crash; "
     "measured in a lab: writable 2.9 s after the crash with little WAL"},
    {FaultKind::patroni_kill,
     "PostgreSQL serves on while nobody renews the key. The supervisor of the system starts "
     "Patroni again: spilo's runit at once after a signal; `restart` says after which time "
     "instead, fixed or drawn. Patroni then finds PostgreSQL running, takes it over and writes "
     "the key anew if nobody else holds it; its own start and first cycle take 0.2 to 1.5 s. As "
     "long as restart + start is shorter than ttl - a, a being the age of the last renewal, "
     "clients notice nothing; if not, patroni_dead says what happens until then. Patroni 3.3.0 "
     "to 3.3.6 and 4.0.0 to 4.0.5 empty synchronous_standby_names at that start, which opens a "
     "gap of 1.1 to 1.4 s in which commits are acknowledged without a standby.",
     {"patroni_dead", "patroni_stop", "dual_writer", "synchronous_mode"},
     "spilo runit/patroni/finish, 3.3-p1; patroni/dcs/etcd3.py _update_leader(), 3.3.2; commit "
     "9977850b (3.3.7, 4.0.6); measured in a lab"},
    {FaultKind::patroni_dead,
     "PostgreSQL serves on, but nobody renews the key: a crash loop, a supervisor that has given "
     "up, a service that was taken down. The key expires at ttl - a + U(0, 0.5 s), a being the "
     "age of the last renewal. The dead REST API refuses, so polling it costs no 2 s and nobody "
     "says that the primary is still alive. While the old primary still streams, candidates may "
     "find each other ahead and veto one another for whole rounds of loop_wait; under hundreds "
     "of writes a second they do so for as long as it streams, and the cluster stays without a "
     "leader over a primary that serves on. After the promotion there are two writable primaries "
     "until Patroni returns and demotes (`for`), or the watchdog resets the host: asynchronous "
     "writes to the old one are lost, synchronous commits hang there unacknowledged, because the "
     "chosen standby has left it.",
     {"patroni_kill", "watchdog", "dual_writer", "ttl", "synchronous_mode"},
     "patroni/ha.py _is_healthiest_node(), 3.3.2; measured in a lab: new primary after 38.8 s "
     "(one vetoed round) and 24.6 s, 312 and 0 writes on both sides"},
    {FaultKind::patroni_stop,
     "The orderly end: REST API closed, fast stop of PostgreSQL (sessions end with 57P01), a "
     "poll per second until pg_control says shut down, 1 s of sleep, a REST poll of the "
     "standbys, and the leader key is deleted if one of them has the shutdown checkpoint, else "
     "once the postmaster has exited. RTO = max(1 s, shutdown checkpoint) + 1 s + poll + "
     "promotion, measured 3.5 to 4.3 s; writes stop 0.2 s after the signal. No cycle runs "
     "meanwhile, so a shutdown checkpoint longer than what is left of ttl lets the key expire "
     "first. A stop that fails keeps the key. On a synchronous standby Patroni first asks to be "
     "dropped from /sync and waits up to 2 * loop_wait, so commits do not hang. `for` says when "
     "it is started again.",
     {"pod_delete", "switchover", "primary_stop_timeout", "nosync"},
     "patroni/ha.py shutdown(), patroni/daemon.py, 3.3.2; measured in a lab, 3 stops by SIGTERM"},
    {FaultKind::freeze,
     "A freeze shorter than ttl - a, a being the age of the last renewal, changes no leader: "
     "clients wait for its length. A longer one costs what node_loss costs, since a stopped "
     "process accepts connections but never answers and the REST poll takes its 2 s. On waking, "
     "old backends continue before Patroni has looked at the key; in that moment (0.21 s "
     "measured) they acknowledge asynchronous writes that are lost, while synchronous commits "
     "find no standby and hang. Then Patroni sees that the key is not its own and stops "
     "PostgreSQL with SIGQUIT. Only a watchdog closes the gap. `scope` freezes the host, "
     "Patroni's and PostgreSQL's processes (docker pause: the kernel still acknowledges what "
     "arrives, and they find it when they wake), Patroni alone (like patroni_dead, until it "
     "wakes) or PostgreSQL alone: Patroni asks it before it renews the key, waits as long as it "
     "stands still and is replaced like a lost node; 3.0.2 then puts its key back whoever holds "
     "it, and what the other one has acknowledged is lost (277 to 390 rows in five drills). In "
     "synchronous mode it then adds no standby to the other one's /sync if that had none yet: no "
     "failover is possible until somebody deletes the key.",
     {"patroni_dead", "watchdog", "dual_writer", "ttl"},
     "patroni/ha.py process_healthy_cluster(), 3.3.2; measured in a lab: 45 s of SIGSTOP, new "
     "primary after 32 s, 9 and 0 acknowledgements after the wake-up; PostgreSQL alone: after 24 "
     "s"},
    {FaultKind::partition,
     "The cut-off primary goes on until its next renewal fails. With N >= 3 etcd endpoints that "
     "takes D = max(1, retry_timeout / N) + (2N - 1) * max(1, retry_timeout / 2N) seconds, 11.7 "
     "s by default, so it demotes itself between D and loop_wait + D after the cut. The others "
     "wait for the key, ttl - a + U(0, 0.5 s), poll the silent member for 2 s and promote: RTO = "
     "ttl - a + U(0, 0.5 s) + 2 s + promotion. The margin without any writer is ttl - loop_wait "
     "- D, 8.3 s with defaults. Clients on the primary's side lose asynchronous writes of up to "
     "loop_wait + D seconds; with synchronous_mode their commits hang from the start. `one_way` "
     "cuts one direction only: if requests reach etcd but answers do not return, every attempt "
     "still renews the lease and the outage grows.",
     {"retry_timeout", "loop_wait", "ttl", "failsafe_mode", "rpo"},
     "patroni/dcs/etcd.py _calculate_timeouts() and api_execute(), patroni/ha.py "
     "_handle_dcs_error(), 3.3.2; measured in a lab: demoted after 17.9 s, new primary after "
     "29.7 s"},
    {FaultKind::latency,
     "`delay` is added to every packet, in one direction or both. A renewal succeeds while its "
     "round trip stays below retry_timeout / N with N etcd endpoints, 3.3 s with three; the "
     "cycle only gets longer. Beyond that every endpoint times out and the primary demotes "
     "itself as under partition, although requests that arrived have renewed the lease. Each "
     "synchronous commit pays the added round trip, an asynchronous standby falls behind by the "
     "added delay. A REST poll in the leader race gives up after 2 s. Bandwidth is not touched; "
     "see lag.",
     {"packet_loss", "dcs_slow", "lag", "retry_timeout"},
     "patroni/dcs/etcd.py _calculate_timeouts(), patroni/ha.py fetch_node_status(), 3.3.2"},
    {FaultKind::packet_loss,
     "Each packet is lost with the given probability and sent again by TCP after 0.2, 0.4, 0.8 s "
     "and so on, up to 120 s between two; a lost SYN after 1 s. Requests get slower by whole "
     "retransmissions instead of failing. The key is lost only if renewals fail for so long that "
     "retry_timeout runs out in one cycle. REST polls that exceed 2 s make a member look "
     "unreachable, so the race may choose a standby that is not the most advanced. Poolers and "
     "probers see it as scattered time-outs. Replication is a flow here and is stopped by cuts, "
     "not by single losses.",
     {"latency", "partition", "retry_timeout"},
     "Linux kernel documentation, ip-sysctl (tcp_retries2, tcp_syn_retries); patroni/ha.py "
     "fetch_node_status(), 3.3.2"},
    {FaultKind::dcs_leader_kill,
     "Writes to etcd stall until the others have elected a leader, 1.0 to 2.1 s after the loss, "
     "which Patroni's retries absorb: RTO is 0. The new leader sets every lease to election "
     "time-out + ttl, counted from its election. So if the primary dies at about the same time "
     "its key lives longer: detection = election + 1 s + ttl + U(0, 0.5 s), a whole ttl more in "
     "the worst case. A Patroni attached to the dead member moves on after at most loop_wait + "
     "retry_timeout / N. The old leader's process stays down for `for`.",
     {"dcs_quorum_loss", "ttl", "retry_timeout", "az_loss"},
     "etcd lease/lessor.go Promote(), raft/raft.go resetRandomizedElectionTimeout(), 3.5.14; "
     "measured in a lab: primary and etcd leader killed together, 34.98 s instead of 25.2 s"},
    {FaultKind::dcs_quorum_loss,
     "Renewals fail, but without a leader etcd lets no lease expire either. The primary gives up "
     "7 to 12 s into its next cycle, demotes itself and serves reads; nobody can be elected. "
     "When quorum returns the key still names the old primary, which renews it and promotes "
     "itself again, one timeline up: RTO = length of the loss + U(0, loop_wait) + promotion, and "
     "writes had gone on until 7 to 22 s after its begin. A loss shorter than about "
     "retry_timeout is not noticed. Nothing acknowledged is lost. With failsafe_mode the primary "
     "writes on as long as every member answers its REST calls.",
     {"failsafe_mode", "retry_timeout", "dcs_leader_kill", "dcs_no_space"},
     "etcd lease/lessor.go Demote(), config ReqTimeout, 3.5.14; patroni/ha.py "
     "_handle_dcs_error(), 3.3.2; measured in a lab: 55 s without quorum, last write at 14.1 s, "
     "first one 1.5 s after it"},
    {FaultKind::dcs_slow,
     "`delay` is added to each request on every member of the DCS. Below retry_timeout / N (3.3 "
     "s with three etcd endpoints) renewals succeed and only the cycle grows, by the sum of its "
     "six or more requests in a row; renewals then are loop_wait + overrun apart, and the key is "
     "lost once the overrun exceeds ttl - loop_wait. Above it every try times out and the "
     "primary demotes itself though each request that arrived renewed the lease, so the key "
     "outlives the demotion and the outage is longer than under a cut. Commits of PostgreSQL are "
     "not affected.",
     {"latency", "retry_timeout", "ttl", "failsafe_mode"},
     "patroni/dcs/etcd.py _calculate_timeouts() and api_execute(), 3.3.2"},
    {FaultKind::dcs_no_space,
     "etcd refuses puts and new leases, while deletes and keep-alives of leases go on. The "
     "primary keeps its key and nothing seems wrong: RTO is 0. But creating a key is a put, so "
     "no failover can succeed: any fault that takes the primary away now lasts until the alarm "
     "is cleared by compaction, defragmentation and disarming. A clean stop can delete the key "
     "and leaves the cluster without a leader; a primary that loses its lease cannot get another "
     "and demotes itself. /status and member keys are frozen meanwhile. The backend quota is 2 "
     "GiB by default.",
     {"dcs_quorum_loss", "failsafe_mode", "node_loss"},
     "etcd server/etcdserver/apply.go applierV3Capped, quota.go, 3.5.14; derived, not measured"},
    {FaultKind::disk_stall,
     "Commits hang in the flush of their WAL; reads from memory, Patroni's query, its REST API "
     "and the DCS need no flush and work. The key stays and there is no failover: RTO = length "
     "of the stall. Only a probe that writes can see it. Queued commits finish when the disk "
     "moves again. A demotion for another reason hangs in the shutdown checkpoint, without "
     "renewals of the key, until a standby takes over; the stuck server cannot acknowledge "
     "anything meanwhile. A stalled standby holds up commits if it is the synchronous one. "
     "Errors of a flush (EIO) are another fault: they end in PANIC and crash recovery.",
     {"disk_full", "freeze", "primary_stop_timeout"},
     "patroni/ha.py _run_cycle(), 3.3.2; PostgreSQL 15, data_sync_retry; derived, not measured"},
    {FaultKind::disk_full,
     "The first write of WAL fails with PANIC; PostgreSQL re-initialises, recovery fails as well "
     "and the postmaster exits. Patroni sees it in its next cycle, tries a start, finds it "
     "failed one cycle later and deletes the key, whereupon a standby takes over: RTO = U(0, "
     "loop_wait) + failed start of 1 to 5 s + about 1 s + poll + promotion. The old primary goes "
     "on failing until there is space. Asynchronous replication loses write rate * lag. Where a "
     "slot or the archive holds the WAL, standbys of the same size fill at the same rate and the "
     "new primary may be next. A full data volume with WAL elsewhere is not this fault: it gives "
     "53100 and no failover.",
     {"disk_stall", "loop_wait", "postmaster_kill"},
     "patroni/ha.py recover() and post_recover(), 3.3.2; derived, not measured"},
    {FaultKind::clock_jump,
     "Leases of etcd run on a monotonic clock and do not notice. Patroni's deadlines are wall "
     "clock: after a jump forward beyond ttl - a its REST /primary says 503 until the next "
     "renewal, up to loop_wait, though nothing is demoted; routers that ask it send nobody "
     "there. After a jump back it oversleeps by the jump and the key may expire; with etcd v3 "
     "the expiry wakes it and it takes the key again, while standbys are refused because the "
     "primary is still alive (from 3.1.0 on). With Kubernetes endpoints expiry itself is judged "
     "by each member's wall clock. PostgreSQL's walsenders use the wall clock too: a jump forward "
     "by wal_sender_timeout and more ends the streams, which are back within "
     "wal_retrieve_retry_interval; synchronous commits wait that long.",
     {"kubernetes_dcs", "ttl", "wal_sender_timeout", "haproxy"},
     "patroni/__main__.py schedule_next_run(), patroni/ha.py is_leader(), 3.3.2; derived, not "
     "measured"},
    {FaultKind::standby_loss,
     "Asynchronous replication does not care. With synchronous_mode every commit waits for the "
     "dead standby until Patroni has named another or none: min(ttl - b, wal_sender_timeout) + "
     "U(0, loop_wait), b being the age of the standby's last lease refresh; 20 to 40 s, measured "
     "33.8 s. With Kubernetes endpoints the member's record never expires: wal_sender_timeout + "
     "U(0, loop_wait). A standby whose process dies on a living host is noticed at once, 0 to "
     "loop_wait. Rows of waiting transactions stay locked. In strict mode without another "
     "standby commits wait until one connects. Nobody is promoted.",
     {"synchronous_mode", "synchronous_mode_strict", "wal_sender_timeout", "loop_wait", "lag"},
     "patroni/postgresql/sync.py current_state(), patroni/ha.py process_sync_replication(), "
     "3.3.2; measured in a lab: longest commit 33.8 s after a cut, 0.4 s after a kill"},
    {FaultKind::az_loss,
     "The primary's zone goes with all that stands in it: database member, its share of the DCS, "
     "poolers, proxies. The primary's part costs what node_loss costs. If the leader of etcd is "
     "in the zone its successor renews every lease and detection becomes election + 1 s + ttl + "
     "U(0, 0.5 s). If the synchronous standby is in it too nobody may be promoted until one of "
     "the two returns or a person forces a failover; if most of the DCS is in it there is no "
     "quorum and no failover at all. Clients of poolers in the zone must reach another one by "
     "themselves. The prober measures from outside.",
     {"node_loss", "dcs_leader_kill", "dcs_quorum_loss", "synchronous_mode"},
     "patroni/ha.py is_healthiest_node(), 3.3.2; etcd lease/lessor.go Promote(), 3.5.14"},
    {FaultKind::pgbouncer_kill,
     "Every client connection breaks at once and new ones are refused until the process runs "
     "again (`for`). It starts with empty pools and logs in one server connection at a time per "
     "pool, about 12 ms + 4 round trips each, so 40 take half a second. RTO = time until the "
     "restart + one login + the clients' own reconnection. Statements that were under way have "
     "an unknown outcome: PostgreSQL may have committed them. Several instances do not share "
     "pools; clients survive one's death only if they know another address.",
     {"default_pool_size", "reconnection", "max_client_conn", "pgbouncer"},
     "pgbouncer src/objects.c launch_new_connection(), 1.22; measured, PgBouncer 1.18: logins 12 "
     "to 25 ms apart"},
    {FaultKind::switchover,
     "The leader checks the candidate, writes a checkpoint while it still serves, then stops "
     "PostgreSQL in fast mode: writes end here. A poll per second, 1 s of sleep and a REST poll "
     "later the key is deleted, the candidate wakes, takes it and promotes: outage = short "
     "shutdown checkpoint + U(0, 1 s) + 1 s + poll + race + promotion, 2.2 to 4 s. Nothing is "
     "lost. With synchronous_mode the candidate must be in /sync, and for about 12 s after it "
     "the new primary acknowledges without a standby unless strict. Long transactions hold up "
     "the first checkpoint only; the stop aborts them. The old primary becomes a standby without "
     "pg_rewind. Pooled connections break like in any failover.",
     {"patroni_stop", "synchronous_mode", "reconnection"},
     "patroni/api.py do_POST_failover(), patroni/ha.py process_manual_failover_from_leader(), "
     "3.3.2; measured in a lab: outage 2.6 s, with synchronous_mode 3.1 s"},
    {FaultKind::lag,
     "The standbys receive fewer bytes than the primary writes; the backlog grows by (write rate "
     "- bandwidth) * time. Nothing fails by itself and RTO is 0 with asynchronous replication, "
     "but a failover now loses the backlog, and a standby more than maximum_lag_on_failover "
     "behind the last published position refuses to take part: with all of them behind the "
     "cluster stays without a leader until one catches up or the old primary returns. With "
     "synchronous_mode commits wait for the stream instead, so writes slow down to what it "
     "carries. Received but unreplayed WAL does not count as lag; it makes the promotion longer "
     "by backlog / replay rate.",
     {"maximum_lag_on_failover", "rpo", "staleness", "promotion", "synchronous_mode"},
     "patroni/ha.py is_lagging() and is_healthiest_node(), 3.3.2; PostgreSQL 15 walsender.c"},
    {FaultKind::containerd_deadlock,
     "The kubelet's relist hangs. After 3 minutes PLEG is not healthy, within 10 s the node says "
     "Ready=False, and after 300 s more, the pod's toleration, the taint evicts it: a DELETE. But "
     "the containers run, their network works, and the lease and the leader key are renewed by "
     "processes that containerd has no part in. The kubelet cannot stop the pod through a runtime "
     "that hangs, so it stays Terminating; a StatefulSet creates no second pod of that name while "
     "the object is there. So the database does not fail over, however long it lasts. What must "
     "not be done: kubectl delete --force, which lets a second pod of the name start while the "
     "first still writes. When containerd is restarted (`for`), the kubelet takes up the deletion "
     "that it owes: SIGTERM, a released key, a failover of seconds. So drain by a switchover "
     "first, then repair the node.",
     {"pleg", "node_lifecycle", "kubelet", "switchover", "pod_delete"},
     "Kubernetes 1.32 pkg/kubelet/pleg/generic.go, kuberuntime_container.go, "
     "stateful_set_control.go; containerd issue 9770; harness/engine/node_plane.hpp"},
    {FaultKind::read_only,
     "ALTER SYSTEM SET default_transaction_read_only = on and a reload, as in the window of a "
     "migration: every write is refused at once with 25006 and reads go on. No transaction takes "
     "longer, so server connections stay free and a pool does not fill; what the clients do with "
     "the refused writes decides: fail, retry, or keep and replay them. A window that blocks "
     "writes instead (locks, synchronous commit without a standby, storage: disk_stall) fills the "
     "pool within one hold time, and then reads wait too.",
     {"disk_stall", "default_pool_size", "query_wait_timeout"},
     "PostgreSQL 15, xact.c StartTransaction() and PreventCommandIfReadOnly(); derived, not "
     "measured"},
}};

}  // namespace

std::vector<Explanation> explained_faults() {
  std::vector<Explanation> all;
  for (const FaultText& entry : table) {
    const FaultForm& form = form_of(entry.kind);
    all.push_back({form.name, Topic::fault, "", form.does, form.key, entry.text, entry.related,
                   entry.source});
  }
  return all;
}

}  // namespace predrill::harness
