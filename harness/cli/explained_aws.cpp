// Aurora, RDS, backups, switchovers and runbooks: models and settings.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic model = Topic::model;
constexpr Topic setting = Topic::setting;

constexpr std::array<Explanation, 31> table = {{
    {"aurora",
     model,
     "",
     "Aurora PostgreSQL: storage, failover, endpoints, the RDS API",
     "",
     "Modelled: six copies in three AZs with a write quorum of four, the epoch that fences "
     "an old writer, managed failover whose Status lags behind what happens, promotion "
     "tiers, crash in place, loss of a host or an AZ, reboot, class change with pending "
     "values, parameter groups, snapshots, endpoints in DNS. Simplified: an instance is out "
     "of service for the whole of a class change. Ignored: Global Database, Serverless, "
     "clones.",
     {"hikari", "aws_waiter", "runbook", "settle"},
     "Aurora user guide; SIGMOD 2017 and 2018; models/aurora.hpp"},
    {"hikari",
     model,
     "",
     "HikariCP 6.0 over pgjdbc: who waits, who times out, who is wedged",
     "",
     "Modelled: one adder with pauses from 10 ms to 5 s, borrowers in order of arrival, "
     "validation paid by the borrower, lifetimes, eviction by SQLSTATE, the driver's "
     "time-outs and host lists, the JVM's DNS cache. Of a 35 s outage those that arrive in "
     "the first 5.11 s time out, of a 24 s one nobody. A connection that answers 25006 "
     "stays. Ignored: leak detection, JMX.",
     {"connectionTimeout", "socketTimeout", "maxLifetime", "aurora"},
     "HikariCP HikariPool.java, ProxyConnection.java; models/hikari.hpp"},
    {"aws_waiter",
     model,
     "",
     "aws rds wait: the first poll at once, then one each 30 s",
     "",
     "Modelled: up to 60 polls, 30 s apart, and the time that the command line needs to "
     "start. A waiter that asks before the status has changed succeeds at once, which is a "
     "race after a failover call. What it measures is too long by up to 30 s. Ignored: "
     "credentials that expire.",
     {"failover_state", "runbook", "aurora"},
     "botocore rds waiters-2.json; models/aws_cli.hpp"},
    {"runbook",
     model,
     "",
     "Steps that people carry out: commands, waits, checks, retries",
     "",
     "Modelled: the time of people before a step, command lines of aws rds as they stand, "
     "waiters, poll loops, checks, retries, branches and gates. A wait that ends in success "
     "while its operation is not finished is reported as a race. Rows of a log are laid "
     "beside the simulated time between two marks. Ignored: several people at once.",
     {"aws_waiter", "aurora", "settle"},
     "rollout log of 2026-05-14; harness/runbook"},
    {"blue_green",
     model,
     "",
     "Blue/green switchover, managed or with a slot of one's own",
     "",
     "Modelled: what RDS refuses, guardrails, WAL retained for a paused consumer, the order "
     "in which writes stop, drain and open, the time-out that changes nothing, DNS, and the "
     "rows that a way back loses. Both sides never take writes at once. Simplified: steady "
     "rates; sequences are one step. Ignored: schema changes on green.",
     {"switchover_timeout", "own_logical_publisher", "restore"},
     "RDS and Aurora user guides; models/blue_green.hpp"},
    {"pg_repack",
     model,
     "",
     "pg_repack: its locks, its WAL, what a killed primary leaves",
     "",
     "Modelled: set-up and swap under ACCESS EXCLUSIVE with the wait-timeout, copy, index "
     "builds, apply of the log, the wait for older transactions. It writes 1.11 times heap "
     "and indexes as WAL. Killed in the middle it leaves the trigger, the log table and "
     "perhaps the copy, and the original table intact. Ignored: --jobs, disk that runs "
     "full.",
     {"wal_archive", "restore", "lag"},
     "pg_repack 1.4.8 and 1.5.3; our own measurement; models/pg_repack.hpp"},
    {"wal_archive",
     model,
     "",
     "WAL archiving: what exists on the primary's disk alone",
     "",
     "Modelled: only completed segments are archived, one at a time; archive_timeout forces "
     "a switch; after three failures the archiver pauses. At 1.8 GB/h a segment fills in 34 "
     "s, so a lost disk costs up to that; in quiet hours up to archive_timeout. Simplified: "
     "WAL is written at a steady rate. Ignored: timelines.",
     {"archive_timeout", "restore", "pg_repack"},
     "PostgreSQL 15 pgarch.c; models/wal_archive.hpp"},
    {"restore",
     model,
     "",
     "Restores: WAL-G, RDS snapshots and points in time, Multi-AZ",
     "",
     "Modelled: base backup by network or disk, deltas, replay by one process, fetch with "
     "prefetch; provisioning, replay since the snapshot, the new endpoint; the phases of a "
     "Multi-AZ failover. A restore to a point in time of RDS is a new instance and loses up "
     "to 5 minutes. Simplified: steady rates. Ignored: capacity that is not there.",
     {"wal_archive", "blue_green", "aurora"},
     "WAL-G and RDS documentation; models/restore.hpp"},
    {"connectionTimeout",
     setting,
     "hikari",
     "How long a borrower waits for a connection in all",
     "30 s",
     "The clock runs from getConnection and includes validation. Attempts to connect come "
     "each 5 s in a long outage, so the wait ends up to 5 s after the database is back. An "
     "outage longer than about 25 s makes the first borrowers fail.",
     {"hikari", "validationTimeout"},
     "HikariConfig.java, HikariCP 6.0"},
    {"validationTimeout",
     setting,
     "hikari",
     "How long a check of an idle connection may take",
     "5 s",
     "A connection that was not used for 500 ms is checked before it is handed out. With a "
     "silent server each dead one costs the borrower this long. Ten dead ones at 1 s are 10 "
     "s of its 30 s.",
     {"connectionTimeout", "hikari"},
     "HikariPool.java, HikariCP 6.0"},
    {"maxLifetime",
     setting,
     "hikari",
     "When a connection is retired",
     "30 min",
     "Drawn up to 2.5 % shorter for each connection. It is the only end of a connection to "
     "a demoted writer, because 25006 evicts nothing. softEvictConnections or a restart end "
     "it at once.",
     {"hikari", "targetServerType"},
     "HikariPool.java, HikariCP 6.0"},
    {"socketTimeout",
     setting,
     "hikari",
     "How long a read may take (pgjdbc)",
     "0, for ever",
     "With 0 and without tcpKeepAlive a read on a silent server never ends. The connection "
     "and its thread are lost to the pool. Ten of them empty a pool of ten although the new "
     "writer is up.",
     {"hikari", "connectionTimeout"},
     "PGProperty.java, pgjdbc 42.7"},
    {"targetServerType",
     setting,
     "hikari",
     "Which servers the driver accepts (pgjdbc)",
     "any",
     "primary leaves a demoted writer at once and tries the next host. What it learnt of a "
     "host is kept for 10 s. any takes whatever the name points at.",
     {"maxLifetime", "hikari"},
     "hostchooser, pgjdbc 42.7"},
    {"promotion_tier",
     setting,
     "aurora",
     "Order in which readers become writer",
     "1",
     "The lowest tier wins, then the largest instance class, then anybody. Only instances "
     "that are available count. Changing it triggers nothing.",
     {"aurora", "apg_ccm_enabled"},
     "Aurora user guide, high availability"},
    {"apg_ccm_enabled",
     setting,
     "aurora",
     "Cluster cache management",
     "off",
     "Keeps the pages of the writer warm on a tier-0 reader of the same class. Without it "
     "the promoted reader misses 12 % of its blocks at first. The surplus is gone in 1 to 5 "
     "min.",
     {"promotion_tier", "aurora"},
     "Aurora user guide, cluster cache management; the rates are model values"},
    {"fenced_silently",
     setting,
     "aurora",
     "The old writer's sockets end without a word",
     "false",
     "After some failovers clients hear neither FIN nor RST. They then wait for keep-alive, "
     "a socket time-out or 2 h. The storage refuses the old writer either way.",
     {"socketTimeout", "aurora"},
     "re:Post article on the writer endpoint; hyperswitch issue 13631"},
    {"failover_state",
     setting,
     "aurora",
     "From the failover call until Status says failing-over",
     "3 to 13 s",
     "Until then DescribeDBClusters answers available. A waiter that asks earlier succeeds "
     "at once. The writer never changes before it.",
     {"aws_waiter", "writer_flips"},
     "rollout log of 2026-05-14"},
    {"writer_flips",
     setting,
     "aurora",
     "From the failover call until the new writer writes",
     "14 to 25 s",
     "The old writer closes 2 to 10 s after the call, so clients are without a writer for "
     "the difference. DNS adds up to 5 s. Five failovers measured by a client took 10 to 16 "
     "s.",
     {"failover_state", "settle"},
     "rollout log of 2026-05-14; zatoima.github.io"},
    {"settle",
     setting,
     "aurora",
     "From the new writer until Status is available again",
     "9 to 13 s, or 240 s",
     "Two of three failovers were available 9 to 13 s after the flip, one after 240 s. It "
     "is the API's time: clients write long before. A log that counts it reports more than "
     "anybody noticed.",
     {"writer_flips", "aws_waiter"},
     "rollout log of 2026-05-14"},
    {"archive_timeout",
     setting,
     "wal_g",
     "When an unfinished segment is switched and archived",
     "0 (off); 30 min in Spilo",
     "Bounds what a lost disk costs in quiet hours. On a busy server segments fill sooner. "
     "PostgreSQL's documentation suggests about a minute.",
     {"wal_archive", "restore"},
     "PostgreSQL 15 documentation; Spilo configure_spilo.py"},
    {"switchover_timeout",
     setting,
     "blue_green",
     "How long a switchover may take before it changes nothing",
     "300 s",
     "Counts from the moment writes stop. At 20 MB/s it covers 6 GB of backlog less the "
     "time for names. From 30 to 3600 s.",
     {"blue_green", "own_logical_publisher"},
     "botocore SwitchoverTimeout; user guide"},
    {"own_logical_publisher",
     setting,
     "blue_green",
     "Blue publishes or subscribes by its own doing",
     "false",
     "RDS refuses a blue/green deployment of such a database. A pglogical slot of one's own "
     "is one. Drop it, or switch over by hand.",
     {"blue_green", "switchover_timeout"},
     "RDS user guide, blue/green considerations"},
    {"jvm_dns_cache",
     setting,
     "jvm",
     "networkaddress.cache.ttl: how long the JVM keeps an address",
     "30s",
     "After a failover a pool goes on to the old writer's address that long. The endpoint of an "
     "Aurora cluster has a TTL of 5 s, and the user guide wants 1 s here: java.security, or "
     "sun.net.inetaddr.ttl. With a security manager the default is for ever.",
     {"hikari", "targetServerType", "aurora_faults"},
     "JDK java.security; Aurora user guide, BestPractices.FastFailover"},
    {"aurora_faults",
     model,
     "",
     "the faults of an Aurora cluster and what each of them costs",
     "",
     "failover: FailoverDBCluster; the old writer closes 2 to 10 s after the call, a reader takes "
     "writes after 14 to 25 s, the endpoint names it up to 5 s later, and Status is available "
     "9 to 13 s after the change, or 4 minutes in one of three. engine_crash: it restarts in place "
     "within 3 to 15 s and nobody is promoted; before 12.14, 13.10, 14.7 and 15.2 every reader "
     "goes down with the writer. host_loss: silence on its sockets; the control plane notices "
     "after 5 to 15 s (assumed) and promotes a reader in 8 to 20 s, or makes a new instance in 4 "
     "to 10 minutes where there is none. reader_loss: writes go on. az_loss: two of six segments "
     "and the instances there, which come back with the zone. reboot: in place, 96 to 120 s for a "
     "writer, 33 to 60 s for a reader. None of them loses an acknowledged write: the volume is "
     "the same.",
     {"aurora", "writer_flips", "settle", "jvm_dns_cache"},
     "user guide, Concepts.AuroraHighAvailability, FaultInjectionQueries, USER_RebootCluster; "
     "rollout log of 2026-05-14; zatoima.github.io (five failovers)"},
    {"aurora_endpoint",
     model,
     "",
     "the cluster and reader endpoints of Aurora in DNS",
     "",
     "The cluster endpoint names the writer, the reader endpoint the readers, or the writer where "
     "there is none. Between the promotion and the new record, up to 5 s, new connections reach "
     "the demoted writer: writes fail with 25006. Each cache on the way adds its time.",
     {"jvm_dns_cache", "targetServerType"},
     "user guide, Aurora.Overview.Endpoints; models/aurora.hpp"},
    {"rds",
     model,
     "",
     "RDS for PostgreSQL: Multi-AZ, read replicas, storage",
     "",
     "Modelled: failover to the standby (detection, fencing and attaching, redo since the last "
     "checkpoint, the endpoint) in 60 to 120 s and longer by redo alone; a cluster's failover to "
     "the reader that has received most, in 15 to 35 s and its apply; commits that wait for both "
     "volumes, or for one reader; a standby that is given up and made anew; read replicas that "
     "show old data while their source is gone; storage-full and storage autoscaling. Simplified: "
     "AWS publishes no parts of a failover, they are assumed within its range. Ignored: upgrades, "
     "class changes, promotion of a read replica.",
     {"rds_faults", "MultiAZ", "MaxAllocatedStorage", "restore", "rds_endpoint"},
     "RDS user guide; AWS Database Blog, Under the Hood: Multi-AZ; models/rds.hpp"},
    {"rds_faults",
     model,
     "",
     "the faults of an RDS database and what each of them costs",
     "",
     "failover: RebootDBInstance with ForceFailover, or FailoverDBCluster. host_loss: the standby "
     "takes over within 60 to 120 s; a Single-AZ instance gets another host in 4 to 10 minutes "
     "(assumed). engine_crash: start and redo in place. reboot: 15 to 60 s (assumed). "
     "standby_loss: commits wait 5 to 15 s (assumed) until the mirror is given up, and until a new "
     "standby is in sync, 10 to 60 minutes (assumed), nothing can take over. reader_loss: reads "
     "meet silence. az_loss: everything in the zone; a Single-AZ instance comes back with it. "
     "storage_fill: the free space is gone `within` that time, unless autoscaling is faster.",
     {"rds", "MultiAZ", "storage_response"},
     "RDS user guide, Concepts.MultiAZSingleStandby, USER_RebootInstance, "
     "multi-az-db-clusters-concepts, USER_PIOPS.Autoscaling"},
    {"MultiAZ",
     setting,
     "rds",
     "a standby in another Availability Zone that nobody can read",
     "false",
     "Every commit waits for both volumes. So a failover loses no acknowledged row. It takes 60 to "
     "120 s because the standby's engine is started at the failover and redoes the WAL since the "
     "last checkpoint; a Multi-AZ cluster (DBClusterIdentifier) has engines that run and needs "
     "less than 35 s.",
     {"rds", "rds_faults"},
     "RDS user guide, Concepts.MultiAZSingleStandby"},
    {"MaxAllocatedStorage",
     setting,
     "rds",
     "storage autoscaling up to this many GiB",
     "none: no autoscaling",
     "RDS enlarges the volume when free space has been 10 % or less for five minutes and the last "
     "change is six hours old and optimized, by the largest of 10 GiB, 10 % and what the past "
     "hour's growth needs in seven. What fills the last tenth faster than that plus the change "
     "itself stops the engine: storage-full. At least 10 % above AllocatedStorage, 26 % to be "
     "spared an event.",
     {"rds", "storage_response", "rds_faults"},
     "RDS user guide, USER_PIOPS.Autoscaling"},
    {"storage_response",
     setting,
     "rds",
     "from storage-full until somebody has called ModifyDBInstance",
     "5 to 20 minutes (assumed)",
     "People, an alarm on FreeStorageSpace and a runbook. The call adds half of AllocatedStorage. "
     "Within six hours of the last change it is refused, and the instance stays where it is.",
     {"MaxAllocatedStorage", "rds"},
     "assumption"},
    {"rds_endpoint",
     model,
     "",
     "DNS between a client and RDS: record, TTL, caches",
     "",
     "The record of an instance or writer changes up to 5 s after another one takes writes; TTL 5 "
     "s. clients.dns_cache says what stands in between: none (each lookup asks the zone), ttl (a "
     "resolver that keeps it for its TTL, as in a VPC), or a fixed time. A JVM's "
     "networkaddress.cache.ttl comes on top. A reader endpoint hands out one reader at a time, in "
     "turn: until a lost one is taken out, every n-th lookup meets it, and a cache keeps whom it "
     "got.",
     {"jvm_dns_cache", "aurora_endpoint", "rds"},
     "RDS user guide; Aurora user guide, Aurora.Overview.Endpoints; models/dns.hpp"},
}};

}  // namespace

std::span<const Explanation> explained_aws() {
  return table;
}

}  // namespace predrill::harness
