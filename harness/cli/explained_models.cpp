// What each model covers; the full account is at the top of its header in models/.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic model = Topic::model;

constexpr std::array<Explanation, 10> table = {{
    {"etcd",
     model,
     "",
     "etcd 3.4 to 3.6: Raft members on hosts, leases, watches",
     "",
     "Modelled: randomised elections with pre-vote and check-quorum, commits that need the "
     "leader's "
     "flush and a quorum of round trips, leases in whole seconds that a new leader extends and "
     "that never expire without one, watches, the request time-out, NOSPACE. Simplified: "
     "heartbeats are looked at once per interval instead of being sent, an entry that is not "
     "committed when its leader dies is lost, a lagging member catches up in one step. Ignored: "
     "snapshots, compaction, membership changes, learners, the v2 API.",
     {"dcs_leader_kill", "dcs_quorum_loss", "dcs_no_space", "kubernetes_dcs"},
     "etcd 3.5.14 (also 3.4.23, 3.6.0) raft/, server/etcdserver, server/lease; models/etcd.hpp"},
    {"kubernetes_dcs",
     model,
     "",
     "Patroni's state in Kubernetes Endpoints instead of etcd",
     "",
     "Modelled: no lease; each member counts ttl from the moment it saw the leader record change, "
     "by its own wall clock; renewals wake standbys, expiry wakes nobody; writes with the cached "
     "resourceVersion that conflict; member records that never expire; failover between API "
     "servers. Simplified: all API servers see one store that is never without quorum, and ttl is "
     "the member's own setting. Ignored: ConfigMaps, priority and fairness, deletion of pods by "
     "the node controller.",
     {"etcd", "clock_jump", "kubernetes_service", "ttl"},
     "patroni/dcs/kubernetes.py, 3.3.2; models/kubernetes_dcs.hpp"},
    {"postgres",
     model,
     "",
     "PostgreSQL 15: sessions, WAL, recovery, streaming replication",
     "",
     "Modelled: start, stops, crash and recovery, promotion and timelines, commits with group "
     "flush, synchronous replication, lag, time-outs of walsender and walreceiver, connection "
     "limits, SQLSTATEs, slots, checkpoints, pg_rewind and base backups. Simplified: while a "
     "stream flows no messages are sent but positions are computed from rate, latency, bandwidth "
     "and replay rate; statements take time and hold no locks; synchronous names are a set. "
     "Ignored: cascading and logical replication, archive contents, vacuum, recovery conflicts, "
     "prepared transactions.",
     {"promotion", "lag", "max_wal_size", "synchronous_commit"},
     "PostgreSQL 15; models/postgres.hpp"},
    {"patroni",
     model,
     "",
     "Patroni 3.3.2 and what 3.0 to 4.1 do differently",
     "",
     "Modelled: the HA cycle in its order, wake-ups, the leader race with REST polls, promotion, "
     "the four demotions, failing DCS, failsafe mode, watchdog, crash recovery, rewind and rejoin, "
     "synchronous bookkeeping, shutdown, switchover, pause, REST API, slots, a supervisor. "
     "Simplified: the data directory exists everywhere, one query per cycle answers everything, "
     "REST sees PostgreSQL without asking it. Ignored: standby clusters, quorum commit of 4.x, "
     "callbacks and pre_promote scripts, scheduled actions, Citus.",
     {"ttl", "loop_wait", "retry_timeout", "election", "synchronous_mode"},
     "patroni/ha.py, postgresql/, api.py, watchdog/, 3.3.2; models/patroni.hpp"},
    {"pgbouncer",
     model,
     "",
     "PgBouncer 1.22: one thread, a pool per database and user",
     "",
     "Modelled: the queue, when a server connection is opened and why not, the janitor with all "
     "its time-outs, what clients see when servers die, fast fail, refused logins by version, its "
     "DNS cache, PAUSE, RESUME, RECONNECT, KILL, the time of its thread. Simplified: a message is "
     "a "
     "whole statement, results are not streamed, turns of the loop happen at events. Ignored: "
     "cancel requests, prepared statements, auth_query, TLS, online restart.",
     {"server_login_retry", "default_pool_size", "pgbouncer_kill", "dns_max_ttl"},
     "pgbouncer 1.22 src/objects.c, janitor.c, client.c, server.c, dnslookup.c (1.18 to 1.25 by "
     "version); models/pgbouncer.hpp"},
    {"haproxy",
     model,
     "",
     "HAProxy 2.6 in TCP mode with Patroni's REST API as check",
     "",
     "Modelled: one check per server with start offset, inter, fastinter, downinter, rise and "
     "fall, the next one counted from the end of the last, on-marked-down shutdown-sessions, round "
     "robin, connect retries, time-outs, maxconn and queues; without a server that is up a "
     "connection is accepted and closed. Simplified: time-outs of client and server count any "
     "traffic of the session. Ignored: weights, agent checks, slowstart, HTTP mode, reloads.",
     {"inter", "rise", "fall", "routing"},
     "HAProxy 2.6 src/check.c, tcpcheck.c, backend.c; Patroni's haproxy.cfg; models/haproxy.hpp"},
    {"dns",
     model,
     "",
     "names, and how long others go on believing them",
     "",
     "Modelled: records with TTL and the delay of a change, caches in series that pass on the "
     "remaining TTL or keep a fixed time, negative answers and their caching, the C library's "
     "time-out of 5 s with 2 attempts towards a silent server. Simplified: a question is one round "
     "trip without loss, a change reaches all replicas of a server at one instant. Ignored: zones, "
     "delegation, search lists, DNSSEC.",
     {"dns_max_ttl", "dns_nxdomain_ttl", "routing", "kubernetes_service"},
     "resolv.conf(5); CoreDNS 1.11 plugins kubernetes and cache; models/dns.hpp"},
    {"kubernetes_service",
     model,
     "",
     "a Service: which pods stand behind a name or virtual IP",
     "",
     "Modelled: the write of Endpoints or of a pod's label, the controller, readiness, each node's "
     "watch and kube-proxy's sync with minSyncPeriod, rejection without endpoint, headless names "
     "through CoreDNS; a node that is cut off keeps its old rules. About 1 to 3 s from condition "
     "to "
     "effect. Simplified: endpoints are chosen in turn, one slice per service. Existing "
     "connections "
     "stay where they are. Ignored: IPVS and nftables details, topology hints, LoadBalancer type.",
     {"routing", "kubernetes_dcs", "dns"},
     "Kubernetes 1.29 endpointslice controller and kube-proxy; Zalando postgres-operator 1.12 "
     "k8sres.go; models/kubernetes_service.hpp"},
    {"prober",
     model,
     "",
     "small statements at a steady rate over one path",
     "",
     "An attempt is due every interval (200 ms) whatever became of the earlier ones, each with its "
     "own time-out (2 s) for connection and statement together; connections are kept while they "
     "work and opened anew after any failure. It writes the same journal as the prober of a live "
     "drill, so both are measured by the same code. Outages are seen with the resolution of its "
     "interval. Ignored: its own processing time.",
     {"outage", "rto", "workload"},
     "the prober of this project; models/prober.hpp"},
    {"workload",
     model,
     "",
     "transactions of applications, open or closed loop, with retries",
     "",
     "Modelled: arrivals at random or fixed distance, a queue before a fixed number of sessions, "
     "reads and writes with their work, transaction blocks with thinking in between, retries with "
     "back-off, writes in doubt, reconnection. Simplified: a session gives its connection up only "
     "when it breaks and does not validate it before use. Ignored: several statements per round "
     "trip, prepared statements, results by size.",
     {"prober", "default_pool_size", "rpo"},
     "AWS Architecture Blog, Exponential Backoff and Jitter; models/workload.hpp"},
}};

}  // namespace

std::span<const Explanation> explained_models() {
  return table;
}

}  // namespace predrill::harness
