// Settings of Patroni that decide failovers.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic setting = Topic::setting;

constexpr std::array<Explanation, 16> table = {{
    {"ttl",
     setting,
     "patroni",
     "how long the leader key lives without renewal",
     "30 s",
     "If the primary's host dies its key must expire: detection = ttl - a + U(0, 0.5 s) with a, "
     "the "
     "age of the last renewal, between 0 and loop_wait. Each second of ttl is a second of RTO for "
     "node_loss, freeze and partition, and none for an orderly stop, which releases the key. From "
     "3.2.0 on values below 20 s are raised to 20 s, and loop_wait + 2 * retry_timeout <= ttl is "
     "enforced by lowering loop_wait, then retry_timeout. The margin in which nobody writes is ttl "
     "- loop_wait - D, D being the time that failing requests to the DCS take; below zero two "
     "writers are possible. With Kubernetes endpoints a ttl that is no multiple of loop_wait is "
     "rounded up in effect.",
     {"loop_wait", "retry_timeout", "detection", "node_loss", "watchdog"},
     "patroni/config.py _validate_and_adjust_timeouts(), 3.3.2; etcd lease/lessor.go, 3.5.14"},
    {"loop_wait",
     setting,
     "patroni",
     "the time between two cycles of Patroni",
     "10 s",
     "The leader renews its key at the start of each cycle. A dead postmaster is found, a dying "
     "synchronous standby replaced and a lost race tried again after U(0, loop_wait). A larger "
     "value makes the last renewal older on average and so shortens detection after node_loss (ttl "
     "- U(0, loop_wait)), but eats the safety margin ttl - loop_wait - D and lengthens everything "
     "else. It is at least 1 s, and is cut to ttl - 2 * retry_timeout from 3.2.0 on. It does not "
     "delay the reaction to an expired or released key with etcd v3: that wakes every standby.",
     {"ttl", "retry_timeout", "postmaster_kill", "standby_loss"},
     "patroni/ha.py _run_cycle(), patroni/config.py _validate_and_adjust_timeouts(), 3.3.2"},
    {"retry_timeout",
     setting,
     "patroni",
     "how long a failing request to the DCS is repeated",
     "10 s",
     "It decides when a primary without its DCS demotes itself. With N >= 3 etcd endpoints each "
     "gets retry_timeout / N, then the endpoint list is asked for again, so giving up takes D = "
     "max(1, retry_timeout / N) + (2N - 1) * max(1, retry_timeout / 2N): 11.7 s for 10 s and three "
     "endpoints, measured 11.80 to 11.84 s. Demotion begins between D and loop_wait + D after the "
     "cut. Shorter losses of the DCS are ridden out. It has no influence on RTO after node_loss. "
     "At least 3 s; because of the floor of 1 s per endpoint D may exceed 2 * retry_timeout with "
     "small values and many endpoints.",
     {"ttl", "loop_wait", "partition", "dcs_quorum_loss", "failsafe_mode"},
     "patroni/dcs/etcd.py _calculate_timeouts(), _load_machines_cache(), 3.3.2; measured in a lab, "
     "3 cuts"},
    {"maximum_lag_on_failover",
     setting,
     "patroni",
     "a standby further behind does not take part",
     "1048576 bytes",
     "In the race a member compares its received WAL with the position that the leader last "
     "published in /status; if the difference is larger it refuses. It bounds the loss of "
     "asynchronous replication to this plus the WAL since the last publication, up to loop_wait "
     "old, and of at most ttl in the worst case. If every standby refuses, the cluster stays "
     "without a leader until one catches up, the old primary returns or a person forces a "
     "failover: availability is traded for data. Replay lag does not count. spilo sets 32 MiB.",
     {"lag", "rpo", "election", "synchronous_mode"},
     "patroni/ha.py is_lagging(), patroni/global_config.py, 3.3.2; Patroni documentation, "
     "Replication modes"},
    {"synchronous_mode",
     setting,
     "patroni",
     "only a standby with every commit may be promoted",
     "off",
     "Patroni keeps synchronous_standby_names and the /sync key in step, and only members listed "
     "in /sync take part in a race: acknowledged commits survive, RPO is 0. Each commit costs a "
     "round trip and the standby's flush. A silently dead standby holds commits up for min(ttl - "
     "b, "
     "wal_sender_timeout) + U(0, loop_wait), b being the age of its last lease refresh. Without an "
     "eligible standby the names are emptied and commits go on unreplicated, unless strict; so "
     "they do for about 12 s after each failover, and until /sync is filled again after about 14 s "
     "nobody else may be promoted: until 4.0 the new primary makes the standbys' slots when it "
     "knows that it is promoted, and they ask again after wal_retrieve_retry_interval. From 4.0 on "
     "every member has them beforehand: 1.1 s and 3.3 s. If primary and synchronous standby die "
     "together nobody is promoted automatically. The race polls only members of /sync, the dead "
     "leader included.",
     {"synchronous_mode_strict", "synchronous_node_count", "standby_loss", "rpo", "nosync"},
     "patroni/ha.py process_sync_replication(), patroni/postgresql/sync.py, 3.3.2; measured in a "
     "lab: new names 11.6 to 12.0 s, /sync 13.8 to 14.3 s after the lock"},
    {"synchronous_mode_strict",
     setting,
     "patroni",
     "rather no commit than one without a standby",
     "off",
     "Where synchronous_mode would empty synchronous_standby_names it sets '*' instead: commits "
     "wait until any standby connects. It closes the window of about 12 s after a failover in "
     "which acknowledged commits have no second copy, and pays with a write outage as long as no "
     "standby streams; until 4.0 that is at least wal_retrieve_retry_interval after each failover. "
     "With a single standby its death stops all writes. Sessions that commit with "
     "synchronous_commit = local or off are not held up. It does nothing without synchronous_mode.",
     {"synchronous_mode", "standby_loss", "first_commit"},
     "patroni/global_config.py, patroni/postgresql/sync.py, 3.3.2"},
    {"synchronous_node_count",
     setting,
     "patroni",
     "how many synchronous standbys are wanted",
     "1",
     "Patroni takes up to this many healthy standbys, those already chosen first, and every commit "
     "waits for all of them. More standbys may be promoted after a failure, so the loss of the "
     "primary together with one of them is survived. But each is another server whose silence "
     "holds commits up for up to min(ttl, wal_sender_timeout) + loop_wait, and the slowest one "
     "sets the latency. The effective minimum is 1 in strict mode, else 0 when none is healthy.",
     {"synchronous_mode", "synchronous_mode_strict", "standby_loss"},
     "patroni/global_config.py, patroni/postgresql/sync.py current_state(), 3.3.2"},
    {"primary_start_timeout",
     setting,
     "patroni",
     "how long a crashed primary may recover in place",
     "300 s",
     "After a crash of the postmaster Patroni keeps the key and restarts PostgreSQL; if it is not "
     "up after this time and another member could take over, it demotes itself: RTO = U(0, "
     "loop_wait) + primary_start_timeout + U(0, loop_wait) + failover. Recovery takes WAL since "
     "the last checkpoint / replay rate + dirty pages / write rate, so compare it with that. 0 "
     "releases the key at once if a candidate is healthy: RTO = U(0, loop_wait) + poll + "
     "promotion, at the price of write rate * lag with asynchronous replication. It does not apply "
     "to a backend's crash, which Patroni does not see. Its name was master_start_timeout.",
     {"postmaster_kill", "backend_crash", "max_wal_size", "checkpoint_timeout"},
     "patroni/ha.py handle_starting_instance() and recover(), 3.3.2; Patroni documentation, "
     "Dynamic "
     "configuration settings"},
    {"primary_stop_timeout",
     setting,
     "patroni",
     "how long a demotion may wait for a fast stop",
     "0 = for ever",
     "A fast stop ends sessions at once but then writes its shutdown checkpoint and waits for "
     "connected standbys, without limit. With this setting Patroni kills PostgreSQL after so many "
     "seconds, so that the key is released: a bound for stops on a slow or stalled disk. It is "
     "honoured only with synchronous_mode, since only there a standby is known to have every "
     "acknowledged commit. The killed server needs crash recovery and perhaps pg_rewind before it "
     "returns. Its name was master_stop_timeout.",
     {"disk_stall", "patroni_stop", "synchronous_mode"},
     "patroni/ha.py primary_stop_timeout(), 3.3.2"},
    {"failsafe_mode",
     setting,
     "patroni",
     "stay primary without the DCS if every member agrees",
     "off",
     "When the DCS fails the primary posts to REST /failsafe of every member listed in the cached "
     "/failsafe key, 2 s with one retry, in every cycle. If all accept it stays primary and "
     "standbys treat it as leader for another ttl: RTO of dcs_quorum_loss, dcs_slow or a cut from "
     "the DCS alone becomes 0. One refusal or one unreachable member and it demotes itself as "
     "usual, so losing a single standby during an outage of the DCS stops writes. It does not help "
     "a primary that is cut off from the members too, and elects nobody. A member that is not "
     "listed may not be promoted. Before Patroni 3.1.1 (#2803) a primary that had been a standby "
     "in an earlier outage of the DCS demotes itself when the DCS is back after its key has "
     "expired, and nobody leads until ttl after its last call.",
     {"dcs_quorum_loss", "dcs_slow", "partition", "retry_timeout"},
     "patroni/ha.py check_failsafe_topology(), 3.3.2; measured in a lab: no failed write in 93 s "
     "without DCS and in 55 s without quorum; with 3.0.2 outages of 32 to 43 s after three of four "
     "cuts of 60 s"},
    {"check_timeline",
     setting,
     "patroni",
     "a standby on an older timeline does not take part",
     "off",
     "In the race a standby compares its timeline with the newest one in /history and refuses if "
     "it is behind. It prevents the promotion of a standby that never followed the last failover "
     "and would fork from before it. The cost: if only such a standby is left, nobody is promoted. "
     "It costs no time otherwise. A primary that still runs is always checked from 3.1.0 on, "
     "whatever this says.",
     {"election", "maximum_lag_on_failover"},
     "patroni/ha.py check_timeline() and _is_healthiest_node(), 3.3.2"},
    {"use_pg_rewind",
     setting,
     "patroni",
     "let a diverged old primary discard its own WAL",
     "off; spilo on",
     "An old primary that wrote beyond the fork cannot stream from the new one. With pg_rewind it "
     "discards exactly that WAL, copies the changed blocks and rejoins: two to four times "
     "loop_wait + recovery in single-user mode + copying; measured 16 to 36 s on a tiny database. "
     "Without it the member keeps failing until a person clones it again, or Patroni does if "
     "remove_data_directory_on_diverged_timelines is set; until then one copy is missing. It needs "
     "data checksums or wal_log_hints. It never changes the RTO of the failover itself, only how "
     "long the cluster has a standby less.",
     {"node_loss", "partition", "patroni_dead"},
     "patroni/postgresql/rewind.py, 3.3.2; measured in a lab, rejoin of old primaries"},
    {"watchdog",
     setting,
     "patroni",
     "resets the host if Patroni stops renewing",
     "automatic, safety_margin 5 s",
     "A device that Patroni pets after each renewal; it fires ttl - safety_margin after the last "
     "one (ttl / 2 with a negative margin) and resets the machine, before the key can expire. It "
     "closes the only window with two writers: a frozen or killed Patroni over a living "
     "PostgreSQL. RTO does not change, as the key has to expire anyway; the old primary is gone "
     "instead of writing on. `required` forbids promotion without it, `automatic` does without "
     "where there is no device, as in most containers. It is refused if its time-out is below "
     "loop_wait, and not used in pause.",
     {"patroni_dead", "freeze", "dual_writer", "ttl"},
     "patroni/watchdog/base.py, 3.3.2; Patroni documentation, Watchdog support"},
    {"nofailover",
     setting,
     "patroni",
     "tag: this member never takes part in a race",
     "false",
     "The member is not promoted, is no candidate for a switchover and its position does not veto "
     "others. It costs nothing until the remaining candidates are gone: then there is no leader "
     "although a healthy copy exists. The same as failover_priority 0. It may still be a "
     "synchronous standby unless nosync is set too, in which case commits wait for a member that "
     "nobody may promote.",
     {"failover_priority", "nosync", "election"},
     "patroni/tags.py, patroni/ha.py _is_healthiest_node(), 3.3.2"},
    {"nosync",
     setting,
     "patroni",
     "tag: this member is never a synchronous standby",
     "false",
     "Patroni leaves the member out of synchronous_standby_names and /sync; with synchronous_mode "
     "it therefore cannot be promoted automatically while /sync lists others. Use it for a distant "
     "or slow copy, so that its round trip is in no commit. The cost is a smaller choice: with one "
     "other standby, its death empties the names, or stops commits in strict mode. A stopping "
     "member publishes nosync by itself and waits up to 2 * loop_wait to be let go.",
     {"synchronous_mode", "nofailover", "patroni_stop"},
     "patroni/tags.py, patroni/postgresql/sync.py, patroni/ha.py shutdown(), 3.3.2"},
    {"failover_priority",
     setting,
     "patroni",
     "tag: who wins among equal standbys",
     "1",
     "Among members with the same received position the highest value takes the key; the others "
     "refuse because of it. A position that is ahead counts more, so it decides nothing while "
     "standbys differ. 0 or less is nofailover. It costs no time unless the preferred member "
     "answers the poll but cannot take the key: the others then lose a round of loop_wait. It "
     "exists from 3.2.0 on; until 4.0.5 an equal former leader may veto by it as well.",
     {"nofailover", "election", "maximum_lag_on_failover"},
     "patroni/ha.py _is_healthiest_node(), patroni/tags.py, 3.3.2; release notes 3.2.0, 4.0.6"},
}};

}  // namespace

std::span<const Explanation> explained_patroni() {
  return table;
}

}  // namespace predrill::harness
