// Settings of PostgreSQL, of a database pod and of HAProxy that decide failovers.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic setting = Topic::setting;

constexpr std::array<Explanation, 12> table = {{
    {"wal_sender_timeout",
     setting,
     "postgres",
     "when the primary gives a silent standby up",
     "60 s",
     "The walsender asks for an answer after half of it and ends the stream at the full time. It "
     "decides how long commits hang behind a synchronous standby that fell silent: Patroni drops "
     "it in the cycle after its walsender or its member key is gone, whichever is first, so "
     "min(ttl - b, wal_sender_timeout) + U(0, loop_wait), b being the age of the standby's last "
     "lease refresh; with Kubernetes endpoints always wal_sender_timeout + U(0, loop_wait). When "
     "a broken path heals, replies wait behind the status that the standby has sent into it, 10 s "
     "after its last word (wal_receiver_status_interval), until TCP sends that again: about 12, "
     "13, 17, 23, 37 or 63 s after the break began, or until this time-out. It also holds up the "
     "end of a fast stop towards a dead standby, though writes have ended by then. A process that "
     "dies on a living host is noticed at once without it.",
     {"standby_loss", "synchronous_mode", "wal_receiver_timeout", "loop_wait"},
     "PostgreSQL 15 walsender.c WalSndKeepaliveIfNecessary(), WalSndDone(), walreceiver.c "
     "XLogWalRcvSendReply(); measured in a lab, synchronous commits: 13.3 s after the begin of a "
     "freeze of 12 s, 60.0 s after that of a partition of 45 s"},
    {"wal_receiver_timeout",
     setting,
     "postgres",
     "when a standby gives a silent primary up",
     "60 s",
     "The walreceiver asks for an answer after half of it, fails at the full time and tries again "
     "every wal_retrieve_retry_interval of 5 s. It elects nobody: after a failover Patroni points "
     "the standby to the new primary, which ends the old stream. It matters where a stream falls "
     "silent without a failover, as in a cut between primary and standby: the standby's data grows "
     "stale and, if it is synchronous, it is back only after both sides have noticed.",
     {"wal_sender_timeout", "staleness", "partition"},
     "PostgreSQL 15 walreceiver.c main loop; documentation, Replication settings"},
    {"checkpoint_timeout",
     setting,
     "postgres",
     "the time between checkpoints",
     "5 min",
     "Crash recovery replays the WAL since the redo point of the last completed checkpoint: with "
     "checkpoint_completion_target 0.9 between 0.9 and 1.9 times this setting of writing, unless "
     "max_wal_size comes first. RTO of postmaster_kill and backend_crash contains that WAL / "
     "replay rate (19 MB/s with small records to 417 MB/s with page images, per core) and then the "
     "writing of all dirty pages. A promotion of a standby does not pay it; a shorter interval "
     "writes more page images. An old primary that returns pays it before its rewind.",
     {"max_wal_size", "postmaster_kill", "backend_crash", "primary_start_timeout"},
     "PostgreSQL 15 documentation, WAL Configuration; measured in a lab: replay on one core, "
     "PostgreSQL 15"},
    {"max_wal_size",
     setting,
     "postgres",
     "WAL between checkpoints when writes are heavy",
     "1 GB",
     "A busy server starts a checkpoint each max_wal_size / (1 + checkpoint_completion_target) of "
     "WAL instead of waiting for checkpoint_timeout. It bounds crash recovery: about max_wal_size "
     "/ replay rate + dirty pages / write rate, so 1 GB is 3 s of page images or a minute of "
     "small records. Larger values save writes and lengthen postmaster_kill, backend_crash and the "
     "return "
     "of an old primary; compare with primary_start_timeout. It does not limit what slots or a "
     "failing archive keep.",
     {"checkpoint_timeout", "postmaster_kill", "primary_start_timeout"},
     "PostgreSQL 15 xlog.c CalculateCheckpointSegments(); measured in a lab: 19 to 417 MB/s, an "
     "end-of-recovery checkpoint of 976 MB in 4.6 s"},
    {"max_connections",
     setting,
     "postgres",
     "server processes for clients",
     "100",
     "The next connection beyond it (less 3 reserved for superusers) is refused with 53300. After "
     "a failover everybody reconnects at once; the postmaster forks one process after the other, "
     "so n connections take about n * fork time, 1 to 5 ms each. Poolers need instances * (pool + "
     "reserve) of it, per database and user. PgBouncer from 1.22 on passes such a refusal to all "
     "waiting clients of the pool. Patroni itself comes in through the reserve; it goes on "
     "renewing the key even if that is exhausted.",
     {"default_pool_size", "reserve_pool_size", "reconnection"},
     "PostgreSQL 15 documentation, Connection Settings; pgbouncer src/server.c kill_pool_logins(), "
     "1.22; cost per connection is an estimate"},
    {"synchronous_commit",
     setting,
     "postgres",
     "what a commit waits for",
     "on",
     "off: nothing, a crash may lose up to 3 * wal_writer_delay, 600 ms; local: the primary's own "
     "flush; remote_write, on, remote_apply: the synchronous standby's write, flush or replay as "
     "well. With on a commit takes its flush + round trip + the standby's flush, and hangs while "
     "that standby is silent. It protects nothing unless synchronous_standby_names is set, which "
     "under Patroni means synchronous_mode. A wait that is cancelled ends in success with a "
     "warning although no standby has the commit. It has no influence on RTO.",
     {"synchronous_mode", "rpo", "standby_loss"},
     "PostgreSQL 15 documentation, Write Ahead Log settings; syncrep.c SyncRepWaitForLSN()"},
    {"terminationGracePeriodSeconds",
     setting,
     "kubernetes",
     "time from SIGTERM to SIGKILL of a pod",
     "30 s; Zalando operator 300 s",
     "It decides whether pod_delete releases the leader key or lets it expire. The release needs "
     "max(1 s, shutdown checkpoint) + 1 s + a REST poll after SIGTERM: 2.05 s at the very least, "
     "2.9 to 3.4 s measured, more with many dirty pages. A shorter grace means SIGKILL before the "
     "release and RTO = ttl - a + U(0, 0.5 s) + poll + promotion, 20 to 33 s instead of 2.4 to 6 "
     "s. A synchronous standby needs 2 * loop_wait + stop. A deletion may ask for less; the "
     "kubelet "
     "grants at least 2 s. A longer period costs nothing where the stop is quick.",
     {"pod_delete", "ttl", "patroni_stop"},
     "kubelet kuberuntime_manager.go, minimumGracePeriodInSeconds; kubectl delete.go Complete(); "
     "patroni/ha.py shutdown(), 3.3.2"},
    {"inter",
     setting,
     "haproxy",
     "time between two health checks of a server",
     "2 s",
     "A new primary is used U(0, inter) + (rise - 1) * inter after its REST API says 200; an old "
     "one is marked down between (fall - 1) * inter and fall * inter after it refuses, plus one "
     "check time-out if it is silent. With Patroni's example of 3 s: 3 to 6 s up, 6 to 9 s down, 9 "
     "to 12 s down towards silence. It is the routing stage behind HAProxy. As REST /primary says "
     "200 from the moment of the lock, the checks run in parallel with the promotion. Sessions on "
     "a server that goes down stay there unless on-marked-down shutdown-sessions is set.",
     {"rise", "fall", "fastinter", "downinter", "routing"},
     "HAProxy 2.6 configuration manual, inter; Patroni's haproxy.cfg"},
    {"fall",
     setting,
     "haproxy",
     "failed checks until a server is down",
     "3",
     "The old primary stops getting new connections after U(0, inter) + (fall - 1) * fastinter "
     "(inter where that is not set), and each check of a silent host lasts its time-out on top. It "
     "bounds how long clients are sent to a server that cannot help them; RTO needs rise of the "
     "new server as well, and the longer of the two counts where old sessions have to be cut. 1 "
     "reacts to a single lost check.",
     {"inter", "rise", "fastinter", "routing"},
     "HAProxy 2.6 configuration manual, fall; src/check.c"},
    {"rise",
     setting,
     "haproxy",
     "passed checks until a server is up",
     "2",
     "The new primary gets connections U(0, inter) + (rise - 1) * inter after its REST API "
     "answers 200, where inter is downinter for the first and fastinter for the following checks "
     "if they are set: 3 to 6 s with 3 s and 2. Every second of it is a second of the routing "
     "stage, unless the promotion takes longer. With 1 a single answer suffices; Patroni's answer "
     "depends on the leader key, so little is gained by asking twice.",
     {"inter", "fall", "downinter", "routing"},
     "HAProxy 2.6 configuration manual, rise; src/check.c"},
    {"fastinter",
     setting,
     "haproxy",
     "time between checks of a server in transition",
     "inter",
     "After the first check that contradicts a server's state the next ones come at this interval "
     "until the state changes: down after U(0, inter) + (fall - 1) * fastinter, up after U(0, "
     "downinter) + (rise - 1) * fastinter. 1 s instead of 3 s saves 4 s of detection with fall 3 "
     "and costs a few requests. It does not shorten a check that waits for a silent host.",
     {"inter", "fall", "rise", "downinter"},
     "HAProxy 2.6 configuration manual, fastinter; src/check.c"},
    {"downinter",
     setting,
     "haproxy",
     "time between checks of a server that is down",
     "inter",
     "A standby is down for the section of the primary, so this interval decides when HAProxy "
     "first sees its promotion: up after U(0, downinter) + (rise - 1) * fastinter. Setting it "
     "above inter to spare dead servers lengthens every failover by half the difference on "
     "average. A member that was dead and returns is seen as much later.",
     {"inter", "rise", "fastinter", "routing"},
     "HAProxy 2.6 configuration manual, downinter; src/check.c"},
}};

}  // namespace

std::span<const Explanation> explained_servers() {
  return table;
}

}  // namespace predrill::harness
