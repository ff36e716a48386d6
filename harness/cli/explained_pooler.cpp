// Settings of PgBouncer that decide failovers.
#include "harness/cli/explanation_tables.hpp"

namespace predrill::harness {

namespace {

constexpr Topic setting = Topic::setting;

constexpr std::array<Explanation, 15> table = {{
    {"default_pool_size",
     setting,
     "pgbouncer",
     "server connections per database and user",
     "20",
     "It bounds how many transactions run at one time; others wait in order of arrival. When the "
     "primary dies each busy server connection is one client closed with `server conn crashed?`, "
     "so at most this many lose their transaction. Afterwards connections are opened on demand and "
     "one at a time: n take n * (12 ms + 4 round trips), 40 about half a second. Mean number busy "
     "= "
     "transactions per second * time held; if that comes near the size the queue after an outage "
     "drains in outage * load / (1 - load), 19 times the outage at 95 %. Each instance has its own "
     "pools against max_connections.",
     {"reserve_pool_size", "max_client_conn", "query_wait_timeout", "max_connections"},
     "pgbouncer src/objects.c launch_new_connection(), 1.22; measured, PgBouncer 1.18: 38 logins "
     "in "
     "0.66 s"},
    {"reserve_pool_size",
     setting,
     "pgbouncer",
     "extra server connections for a queue that waits",
     "0",
     "When the first client in the queue has waited reserve_pool_timeout the pool may grow by this "
     "many, one login at a time. After an outage that is soon the case, so the reserve helps the "
     "backlog drain: capacity becomes (pool + reserve) / time held. It is not given back early but "
     "only by server_idle_timeout or lifetime. In a database that is itself the bottleneck it adds "
     "contention instead. It must fit into max_connections.",
     {"reserve_pool_timeout", "default_pool_size", "server_idle_timeout", "max_connections"},
     "pgbouncer src/objects.c launch_new_connection(), 1.22; measured, PgBouncer 1.18"},
    {"reserve_pool_timeout",
     setting,
     "pgbouncer",
     "how long a client waits before the reserve opens",
     "5 s",
     "The age of the first waiter, counted from its last packet, is compared with it in each turn "
     "of the loop or by the janitor every 1/3 s: the reserve opens after reserve_pool_timeout + "
     "U(0, 1/3 s), measured 5.12 to 5.31 s. Short queues never reach it, so it changes "
     "nothing in normal operation. 0 switches the reserve off.",
     {"reserve_pool_size", "query_wait_timeout"},
     "pgbouncer src/objects.c launch_new_connection(), 1.22; measured, PgBouncer 1.18, 4 openings"},
    {"max_client_conn",
     setting,
     "pgbouncer",
     "client connections of one process",
     "100",
     "The next client is refused with 08P01 `no more connections allowed (max_client_conn)`. In an "
     "outage clients that time out and reconnect, with the old connections not yet gone, may reach "
     "it although normal operation is far below. It is also a bound of the queue: nobody waits "
     "beyond max_client_conn - pool. The limit is checked before the login is paid for; a login "
     "costs the one thread 0.08 ms (trust) to 3.73 ms (SCRAM from a plain password before 1.25), "
     "so "
     "a storm of reconnecting clients takes n times that.",
     {"default_pool_size", "query_wait_timeout", "reconnection"},
     "pgbouncer src/client.c decide_startup_pool(), 1.22; measured, PgBouncer 1.18: cost of "
     "logins"},
    {"query_wait_timeout",
     setting,
     "pgbouncer",
     "how long a query may wait for a server",
     "120 s",
     "A client that has waited this long is closed with 08P01 query_wait_timeout, at the value + "
     "U(0, 1/3 s). An outage shorter than it, in which servers fall silent, only delays the "
     "clients: they wait in the queue and are served after the failover. A longer one closes them. "
     "Under lasting overload every successful query waits almost this long, so set it near the "
     "clients' own time-out, else work is done that nobody waits for. It does not apply while the "
     "last login has failed and no server is left: then new queries fail at once.",
     {"server_login_retry", "default_pool_size", "reserve_pool_timeout"},
     "pgbouncer src/janitor.c, 1.22; measured, PgBouncer 1.18: 9 s fired at 9.29 s"},
    {"server_connect_timeout",
     setting,
     "pgbouncer",
     "how long a try to log in may take",
     "15 s",
     "A dead host does not refuse: a try that began before the failover keeps the pool's only "
     "login busy until this time-out, measured 15.0 to 15.3 s, although the name or the service "
     "already leads to the new primary. Reconnection then ends up to server_connect_timeout + "
     "server_login_retry after the try began. Clients wait in the queue meanwhile and do not fail. "
     "It covers lookup, TCP, TLS and login. Values of 2 to 3 s are above any healthy login. "
     "Refused connections are not affected; there server_login_retry counts.",
     {"server_login_retry", "reconnection", "node_loss", "query_wait_timeout"},
     "pgbouncer src/objects.c, src/janitor.c, 1.22; measured, PgBouncer 1.18"},
    {"server_login_retry",
     setting,
     "pgbouncer",
     "pause after a failed login to a server",
     "15 s",
     "After a failed try the pool waits this long, counted from the start of that try, before the "
     "next one: after a failover up to server_login_retry + U(0, 1/3 s) is lost although the "
     "new primary is ready. Whatever makes its loop turn earlier than the janitor may be the "
     "next try: a client, or a monitor that asks the console. Meanwhile, if no server is left, "
     "every new query fails at once with "
     "08P01 `server login has been failing`, and the client is closed; those already queued stay. "
     "The first try after a crash is immediate, so it matters only if that fails, as it does "
     "where no primary accepts connections yet. 1 s costs one connection attempt a second. From "
     "1.22 on a server "
     "that answers with an error other than 57P03 closes all waiting clients of the pool.",
     {"server_connect_timeout", "reconnection", "query_wait_timeout", "routing"},
     "pgbouncer src/objects.c launch_new_connection() and check_fast_fail(), src/server.c "
     "kill_pool_logins(), 1.22; measured, PgBouncer 1.18: 1 s repeated after 1.00 to 1.33 s"},
    {"server_lifetime",
     setting,
     "pgbouncer",
     "how old a server connection may grow",
     "3600 s",
     "An unused connection older than this is closed, at most one per server_lifetime / pool size, "
     "90 s for 3600 s and 40. In quiet operation that is the only thing that makes PgBouncer look "
     "up a name again: after a change of DNS with the old server alive it may stay there for most "
     "of an hour. After a mass login none is due for a whole server_lifetime. It has no part in a "
     "failover in which the old connections break. 0 uses each connection once.",
     {"dns_max_ttl", "server_idle_timeout", "routing"},
     "pgbouncer src/objects.c life_over(), 1.22; measured, PgBouncer 1.18: 8 busy servers on the "
     "old "
     "address 35 s after the change"},
    {"server_idle_timeout",
     setting,
     "pgbouncer",
     "how long an unused server connection is kept",
     "600 s",
     "Idle, used and tested connections are closed after so long without a packet, as long as more "
     "than min_pool_size are left. Pools work last in, first out, so the surplus goes and the next "
     "peak pays for logins again. It is also what ends tested connections to a silent host: "
     "clients matched with them wait until then or until their query_wait_timeout. It shortens no "
     "outage in which servers refuse or reset.",
     {"server_check_delay", "default_pool_size", "tcp_keepalive"},
     "pgbouncer src/janitor.c, 1.22; measured, PgBouncer 1.18: three clients held for 600 s"},
    {"server_check_delay",
     setting,
     "pgbouncer",
     "how long an idle server counts as healthy",
     "30 s",
     "A connection idle for longer is tested with a query before its next use; the client waits "
     "for that. Towards a dead host the test hangs: each waiting client is matched with one such "
     "connection before a new one is considered, although a new one would work, and waits for "
     "keep-alives, tcp_user_timeout, server_idle_timeout or query_wait_timeout. 0 tests before "
     "every use, one more round trip. A connection idle for less is handed out untested: its "
     "client gets the error. Resets are noticed at once, tested or not.",
     {"server_idle_timeout", "tcp_keepalive", "tcp_user_timeout"},
     "pgbouncer src/objects.c, src/janitor.c, 1.22; measured, PgBouncer 1.18: used servers behind "
     "a "
     "rule that drops packets"},
    {"dns_max_ttl",
     setting,
     "pgbouncer",
     "how long an answer of DNS is believed",
     "15 s",
     "PgBouncer ignores the record's own TTL and looks a name up only when it opens a connection "
     "and its answer is older than this: after the record has changed up to dns_max_ttl more, on "
     "top of the resolvers' TTL. A change alone moves nothing; the next launch finds it, and then "
     "all connections to addresses that are no longer in the answer are closed when they become "
     "free. RECONNECT does not empty this cache. With a ClusterIP or HAProxy the address never "
     "changes and this has no influence.",
     {"dns_nxdomain_ttl", "server_lifetime", "routing", "dns"},
     "pgbouncer src/dnslookup.c got_result_gai(), 1.22; measured, PgBouncer 1.18"},
    {"dns_nxdomain_ttl",
     setting,
     "pgbouncer",
     "how long a failed lookup is believed",
     "15 s",
     "Every failure counts, not only NXDOMAIN: no answer, no address. A headless service without a "
     "ready pod has no address in the middle of a failover; one lookup in that gap costs up to "
     "this "
     "long, plus the resolvers' negative TTL of 5 to 30 s, and all tries meanwhile fail with "
     "`server DNS lookup failed`. It is harmless where the name leads to a ClusterIP.",
     {"dns_max_ttl", "server_login_retry", "dns"},
     "pgbouncer src/dnslookup.c got_result_gai(), 1.22"},
    {"tcp_keepalive",
     setting,
     "pgbouncer",
     "probes on idle connections, both sides",
     "on, kernel's timers",
     "A connection whose host is gone and that waits for an answer is found dead only by "
     "keep-alives: tcp_keepidle + tcp_keepintvl * tcp_keepcnt after the last packet. With Linux's "
     "7200 s, 75 s and 9 that is 7875 s, so node_loss leaves busy connections hanging for two "
     "hours "
     "unless a query time-out ends them; 2, 1 and 3 were measured to take 5.2 s. While data is "
     "unacknowledged no probes are sent; there tcp_user_timeout counts. A dead process on a living "
     "host needs neither, its kernel says so at once.",
     {"tcp_user_timeout", "node_loss", "server_check_delay", "reconnection"},
     "pgbouncer src/util.c tune_socket(), 1.22; Linux net/ipv4/tcp_timer.c tcp_keepalive_timer(); "
     "measured, PgBouncer 1.18"},
    {"tcp_syn_linear_timeouts",
     setting,
     "network",
     "SYNs that are sent again after 1 s each before that time doubles",
     "4 since Linux 6.5, 0 before",
     "Who connects to a host that says nothing gets through with the first SYN after it is back: "
     "those are sent after 0, 1, 2, 3, 4, 5, 7, 11 s, before Linux 6.5 after 0, 1, 3, 7, 15 s. "
     "A host that goes on after a freeze is so found within 1 s by attempts that are younger than "
     "5 s. HAProxy's check gives its connection inter, 3 s, and begins the next one 3 s later: "
     "two in three thaws are met by a SYN, before Linux 6.5 one in three; the others wait for the "
     "next check. Without a limit of its own an attempt ends after 131 s instead of 127 s. It "
     "holds for all hosts; a lab writes it into its namespaces.",
     {"freeze", "server_connect_timeout", "haproxy", "reconnection"},
     "Linux Documentation/networking/ip-sysctl.rst, net/ipv4/tcp_timer.c tcp_retransmit_timer(); "
     "measured, Linux 6.18: 0, 1.02, 2.05, 3.07, 4.10, 5.12, 7.14, 11.3, 19.5, 35.6, 69.2, end at "
     "134.7 s"},
    {"tcp_user_timeout",
     setting,
     "pgbouncer",
     "how long sent data may stay unacknowledged",
     "0 = 924.6 s of retransmissions, in milliseconds",
     "A request sent to a host that is gone is repeated by the kernel for 924.6 s; with this "
     "setting the connection is given up after so many milliseconds, 8000 measured as 8.4 s. It "
     "does nothing for a request that was acknowledged and waits for its answer unless keep-alive "
     "timers are set as well; then about max(idle + one probe, this) applies. After node_loss the "
     "two together decide when busy connections are given up. libpq and PostgreSQL have settings "
     "of the same name.",
     {"tcp_keepalive", "node_loss", "reconnection"},
     "pgbouncer src/util.c tune_socket(), 1.22; Linux kernel documentation, ip-sysctl "
     "tcp_retries2; "
     "measured, PgBouncer 1.18"},
}};

}  // namespace

std::span<const Explanation> explained_pooler() {
  return table;
}

}  // namespace predrill::harness
