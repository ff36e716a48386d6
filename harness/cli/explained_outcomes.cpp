// The stages of a failover and what is measured.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr std::array<Explanation, 12> table = {{
    {"detection",
     Topic::stage,
     "",
     "from the fault until the rest of the cluster knows",
     "",
     "It ends when the leader key is gone or, where the key is kept, when Patroni finds PostgreSQL "
     "dead. A dead primary's key expires: ttl - a + U(0, 0.5 s) with etcd, a being the age of the "
     "last renewal between 0 and loop_wait; 20 to 30.5 s with 30/10/10. With Kubernetes endpoints "
     "it is loop_wait * ceil((ttl - 0.5 s) / loop_wait) + 0.5 s - a, as standbys look on a timer. "
     "A "
     "released key is known within one round trip of the watch, 5 to 20 ms, but the release itself "
     "takes at least 2.05 s after SIGTERM. A dead postmaster under a living Patroni is found in "
     "the next cycle, U(0, loop_wait). A larger loop_wait shortens the first of these and "
     "lengthens "
     "the last.",
     {"ttl", "loop_wait", "election", "node_loss", "postmaster_kill"},
     "etcd lease/lessor.go runLoop(), 3.5.14; patroni/dcs/kubernetes.py _cluster_from_nodes(), "
     "patroni/ha.py, 3.3.2"},
    {"election",
     Topic::stage,
     "",
     "from then until the next primary holds the leader key",
     "",
     "Every member that sees no leader checks itself (nofailover, lag, /sync, watchdog), then asks "
     "the others over REST in parallel, the former leader included, with a time-out of 2 s. If all "
     "answer or refuse the round takes about 10 ms; a member that drops packets makes it 2.0 s, "
     "which no setting changes. Somebody who still runs as primary, or is ahead, vetoes; then the "
     "next try comes after loop_wait. The key is created only where it does not exist, one write "
     "of 5 to 50 ms, so exactly one wins. In the restart of a primary in place nobody is elected "
     "and this stage is empty.",
     {"detection", "promotion", "failover_priority", "maximum_lag_on_failover", "nofailover"},
     "patroni/ha.py is_healthiest_node() and fetch_node_status(), 3.3.2"},
    {"promotion",
     Topic::stage,
     "",
     "from then until the new primary accepts writes",
     "",
     "With synchronous_mode /sync is rewritten first, one more write to the DCS. Patroni calls "
     "pg_ctl promote 1 to 240 ms after it has the key; PostgreSQL replays what it has received and "
     "switches to a new timeline without a checkpoint: received backlog / replay rate + 0.10 to "
     "0.75 s, plus 2 to 4 misses of the archive where restore_command is set. A restart in place "
     "spends its crash recovery here: WAL since the last checkpoint / replay rate + dirty pages / "
     "write rate. REST /primary says 200 from the moment of the lock, so whoever is routed there "
     "already gets 25006 until the end of this stage.",
     {"election", "routing", "max_wal_size", "lag"},
     "PostgreSQL 15 xlogrecovery.c CheckForStandbyTrigger(), xlog.c PerformRecoveryXLogAction(); "
     "patroni/postgresql promote(), 3.3.2; measured in a lab, 19 promotions"},
    {"routing",
     Topic::stage,
     "",
     "from then until the path leads to the new primary",
     "",
     "What stands between client and server has to learn of the change. HAProxy takes the new "
     "server up after U(0, inter) + (rise - 1) * inter from REST 200 on. A ClusterIP follows its "
     "Endpoints in about 1 to 3 s through controller, watch and kube-proxy's rate limit; Patroni "
     "writes them with the key if it keeps its state in Kubernetes, spilo's callback at the "
     "promote signal, so sessions may come before the promotion is over (25006). A DNS record "
     "adds its own delay, its TTL and every cache in between; PgBouncer adds up to dns_max_ttl. "
     "Part of it runs in parallel with the promotion; only what comes after it counts here. "
     "Multi-host clients have no such stage.",
     {"inter", "rise", "dns_max_ttl", "kubernetes_service", "reconnection"},
     "HAProxy configuration manual, rise; Kubernetes endpointslice controller and kube-proxy, "
     "minSyncPeriod 1 s; pgbouncer src/dnslookup.c, 1.22"},
    {"reconnection",
     Topic::stage,
     "",
     "from then until the path has a usable connection",
     "",
     "A pooler or client must find its old connection dead and open another. After RST or FIN that "
     "is immediate; towards a silent host it takes keep-alives, tcp_user_timeout or a time-out of "
     "the application. PgBouncer tries at once; after a failed try it waits server_login_retry, "
     "counted from the start of that try, and a try towards silence lasts server_connect_timeout. "
     "So up to one of those may remain when the server is back, then one login per pool at a time, "
     "12 ms + 4 round trips. While the last login has failed and no server is left, queries of "
     "clients fail at once instead of waiting.",
     {"server_login_retry", "server_connect_timeout", "tcp_keepalive", "tcp_user_timeout"},
     "pgbouncer src/objects.c launch_new_connection() and check_fast_fail(), 1.22; measured, "
     "PgBouncer 1.18"},
    {"first_commit",
     Topic::stage,
     "",
     "from then until the first answered write",
     "",
     "The client's own pace: the rest of its probe interval, the pause of its retry policy, or the "
     "queue before the pool, in which everybody who waited is served in order. With synchronous "
     "replication a commit also waits for a standby; after a failover Patroni names none for about "
     "12 s unless synchronous_mode_strict is set, in which case the first commit waits for one. "
     "With six stages cut at the events of the timeline the sum is the RTO to the nanosecond; a "
     "stage whose event did not happen gets no time of its own.",
     {"reconnection", "rto", "prober", "synchronous_mode_strict"},
     "patroni/ha.py process_sync_replication(), 3.3.2; measured in a lab: new "
     "synchronous_standby_names 11.6 to 12.0 s after the lock"},
    {"rto",
     Topic::measure,
     "",
     "recovery time: from the fault to the end of the last outage",
     "",
     "The end of the last outage that began before recovery, minus the instant of the fault; zero "
     "if there was none. It is measured on one path (through the pooler, or direct) from what a "
     "prober saw, by the same code for simulated and for real drills. A second outage counts "
     "towards it if it begins within 30 s of the recovery, later ones only to the downtime. If the "
     "observation ends first it is a lower bound and is marked as such. It starts at the fault, "
     "not at the first error: writes may go on for a while (partition) or stop at once "
     "(pod_delete).",
     {"outage", "downtime", "detection", "first_commit", "rpo"},
     "definition of this project"},
    {"rpo",
     Topic::measure,
     "",
     "acknowledged writes that the surviving timeline lacks",
     "",
     "Counted, not assumed: each write that a client was told is committed is looked up on the "
     "timeline that survives. Rows are lost writes; bytes are the WAL between their end and the "
     "fork; seconds are the age of the oldest lost write at the fault. With asynchronous "
     "replication the loss is about write rate * lag, and with a partition write rate * (lag + "
     "time until the primary demotes itself). With synchronous_mode it is 0 for commits at "
     "synchronous_commit = on, as long as a standby is named. Writes whose answer never came are "
     "in doubt, not lost: they may be present or absent.",
     {"synchronous_mode", "synchronous_commit", "lag", "dual_writer", "rto"},
     "definition of this project; Patroni documentation, Replication modes"},
    {"downtime",
     Topic::measure,
     "",
     "the sum of the outages between fault and end",
     "",
     "All outages of one path within the observed time after the fault, added up. It differs from "
     "rto where the path fails again later, or where it works for a while between fault and "
     "recovery. Gaps below the threshold of an outage do not count. An outage that is still open "
     "at the end counts up to there and makes the sum a lower bound.",
     {"outage", "rto"},
     "definition of this project"},
    {"outage",
     Topic::measure,
     "",
     "a stretch of one path without a successful answer",
     "",
     "From the last success before it to the first success after it; a success counts at the "
     "instant of its answer. Shorter gaps than three probe intervals, and than 1 s, are not called "
     "an outage. Reads and writes are paths of their own: a cluster without a primary may well "
     "answer reads. An outage says nothing about the reason; the errors are counted beside it by "
     "SQLSTATE, refused, reset and time-out.",
     {"rto", "downtime", "prober"},
     "definition of this project"},
    {"dual_writer",
     Topic::measure,
     "",
     "time in which two members acknowledge writes",
     "",
     "How long at least two members acknowledged writes at overlapping times, and how many writes "
     "that were. A healthy Patroni prevents it: the old primary demotes itself at the latest "
     "loop_wait + D after its last renewal, D being the time that failing requests to the DCS "
     "take, and the key lives for ttl. It needs a dead or frozen Patroni without a watchdog, "
     "pause, or settings whose "
     "margin ttl - loop_wait - D is negative, such as ttl 20, loop_wait 14, retry_timeout 3 with "
     "five endpoints. With synchronous_mode the old primary's commits hang for want of a standby, "
     "so the overlap stays empty even then.",
     {"patroni_dead", "freeze", "watchdog", "retry_timeout", "synchronous_mode"},
     "patroni/ha.py _handle_dcs_error(), 3.3.2; measured in a lab: 312 writes in 8 s after SIGKILL "
     "of Patroni, 0 with synchronous_mode"},
    {"staleness",
     Topic::measure,
     "",
     "age of the data that a read on a standby returns",
     "",
     "For each answered read the time since which the primary has had something newer; the report "
     "shows the greatest. It is the delay of the stream plus the replay backlog / replay rate. "
     "While there is no primary standbys go on answering and their data grows older by the second. "
     "A paused replay or a narrow stream (lag) shows here first. It is no loss: the data arrives, "
     "unless the primary dies before it was sent.",
     {"lag", "rpo", "wal_receiver_timeout"},
     "definition of this project; PostgreSQL 15 documentation, Hot Standby"},
}};

}  // namespace

std::span<const Explanation> explained_outcomes() {
  return table;
}

}  // namespace predrill::harness
