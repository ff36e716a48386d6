#include "harness/load/pgbouncer_ini.hpp"

#include <algorithm>

namespace predrill::harness {

using models::PgbouncerAuth;
using models::PgbouncerConfig;
using models::PgbouncerDatabase;
using models::PoolMode;

namespace {

using Entry = Setting<PgbouncerConfig>;

constexpr std::array<std::pair<std::string_view, PoolMode>, 3> pool_modes = {
    {{"session", PoolMode::session},
     {"transaction", PoolMode::transaction},
     {"statement", PoolMode::statement}}};

// What costs the one thread about the same counts as the same.
constexpr std::array<std::pair<std::string_view, PgbouncerAuth>, 10> auth_types = {
    {{"trust", PgbouncerAuth::trust},
     {"any", PgbouncerAuth::trust},
     {"cert", PgbouncerAuth::trust},
     {"peer", PgbouncerAuth::trust},
     {"plain", PgbouncerAuth::md5},
     {"md5", PgbouncerAuth::md5},
     {"hba", PgbouncerAuth::md5},
     {"pam", PgbouncerAuth::md5},
     {"ldap", PgbouncerAuth::md5},
     {"scram-sha-256", PgbouncerAuth::scram_secret}}};

template <auto member>
void time(const Value& value, PgbouncerConfig& config) {
  assign(config.*member, value.pgbouncer_seconds());
}
template <auto member>
void integer(const Value& value, PgbouncerConfig& config) {
  assign(config.*member, value.quoted_integer(INT32_MIN, INT32_MAX));
}
template <auto member>
void boolean(const Value& value, PgbouncerConfig& config) {
  assign(config.*member, value.boolean());
}
// A query that is switched off by leaving it empty.
template <auto member>
void query(const Value& value, PgbouncerConfig& config) {
  if (const auto text = value.text()) config.*member = !text->empty();
}

constexpr std::array<Entry, 37> table = {{
    {"pool_mode",
     [](const Value& v, PgbouncerConfig& c) {
       assign(c.pool_mode, v.choice("a pool mode", pool_modes));
     }},
    {"auth_type",
     [](const Value& v, PgbouncerConfig& c) {
       assign(c.auth_type, v.choice("an authentication type", auth_types));
     }},
    {"max_client_conn", integer<&PgbouncerConfig::max_client_conn>},
    {"default_pool_size", integer<&PgbouncerConfig::default_pool_size>},
    {"min_pool_size", integer<&PgbouncerConfig::min_pool_size>},
    {"reserve_pool_size", integer<&PgbouncerConfig::reserve_pool_size>},
    {"reserve_pool_timeout", time<&PgbouncerConfig::reserve_pool_timeout>},
    {"max_db_connections", integer<&PgbouncerConfig::max_db_connections>},
    {"max_user_connections", integer<&PgbouncerConfig::max_user_connections>},
    {"server_round_robin", boolean<&PgbouncerConfig::server_round_robin>},
    {"listen_backlog", integer<&PgbouncerConfig::listen_backlog>},
    {"query_wait_timeout", time<&PgbouncerConfig::query_wait_timeout>},
    {"query_timeout", time<&PgbouncerConfig::query_timeout>},
    {"idle_transaction_timeout", time<&PgbouncerConfig::idle_transaction_timeout>},
    {"client_idle_timeout", time<&PgbouncerConfig::client_idle_timeout>},
    {"client_login_timeout", time<&PgbouncerConfig::client_login_timeout>},
    {"server_connect_timeout", time<&PgbouncerConfig::server_connect_timeout>},
    {"server_login_retry", time<&PgbouncerConfig::server_login_retry>},
    {"server_idle_timeout", time<&PgbouncerConfig::server_idle_timeout>},
    {"server_lifetime", time<&PgbouncerConfig::server_lifetime>},
    {"server_check_delay", time<&PgbouncerConfig::server_check_delay>},
    {"server_check_query", query<&PgbouncerConfig::server_check_query>},
    {"server_reset_query", query<&PgbouncerConfig::server_reset_query>},
    {"server_reset_query_always", boolean<&PgbouncerConfig::server_reset_query_always>},
    {"server_fast_close", boolean<&PgbouncerConfig::server_fast_close>},
    {"dns_max_ttl", time<&PgbouncerConfig::dns_max_ttl>},
    {"dns_nxdomain_ttl", time<&PgbouncerConfig::dns_nxdomain_ttl>},
    {"tcp_keepalive", boolean<&PgbouncerConfig::tcp_keepalive>},
    {"tcp_keepidle", time<&PgbouncerConfig::tcp_keepidle>},
    {"tcp_keepintvl", time<&PgbouncerConfig::tcp_keepintvl>},
    {"tcp_keepcnt", integer<&PgbouncerConfig::tcp_keepcnt>},
    {"tcp_user_timeout",  // milliseconds, unlike all the others (doc/config.md)
     [](const Value& v, PgbouncerConfig& c) {
       if (const auto ms = v.quoted_integer(0, INT32_MAX)) {
         c.tcp_user_timeout = std::chrono::milliseconds(*ms);
       }
     }},
    {"listen_addr", [](const Value&, PgbouncerConfig&) {}},
    {"listen_port", [](const Value& v, PgbouncerConfig&) { v.quoted_integer(1, 65535); }},
    {"auth_file", [](const Value&, PgbouncerConfig&) {}},
    {"logfile", [](const Value&, PgbouncerConfig&) {}},
    {"pidfile", [](const Value&, PgbouncerConfig&) {}},
}};

constexpr std::array<std::string_view, 62> irrelevant = {"admin_users",
                                                         "application_name_add_host",
                                                         "auth_dbname",
                                                         "auth_hba_file",
                                                         "auth_ident_file",
                                                         "auth_ldap_options",
                                                         "auth_query",
                                                         "auth_user",
                                                         "autodb_idle_timeout",
                                                         "cancel_wait_timeout",
                                                         "client_tls13_ciphers",
                                                         "client_tls_ca_file",
                                                         "client_tls_cert_file",
                                                         "client_tls_ciphers",
                                                         "client_tls_dheparams",
                                                         "client_tls_ecdhcurve",
                                                         "client_tls_key_file",
                                                         "client_tls_protocols",
                                                         "client_tls_sslmode",
                                                         "conffile",
                                                         "disable_pqexec",
                                                         "dns_zone_check_period",
                                                         "ignore_startup_parameters",
                                                         "job_name",
                                                         "log_connections",
                                                         "log_disconnections",
                                                         "log_pooler_errors",
                                                         "log_stats",
                                                         "max_db_client_connections",
                                                         "max_packet_size",
                                                         "max_prepared_statements",
                                                         "max_user_client_connections",
                                                         "peer_id",
                                                         "pkt_buf",
                                                         "query_wait_notify",
                                                         "resolv_conf",
                                                         "sbuf_loopcnt",
                                                         "server_tls13_ciphers",
                                                         "server_tls_ca_file",
                                                         "server_tls_cert_file",
                                                         "server_tls_ciphers",
                                                         "server_tls_key_file",
                                                         "server_tls_protocols",
                                                         "server_tls_sslmode",
                                                         "service_name",
                                                         "so_reuseport",
                                                         "stats_period",
                                                         "stats_users",
                                                         "suspend_timeout",
                                                         "syslog",
                                                         "syslog_facility",
                                                         "syslog_ident",
                                                         "tcp_defer_accept",
                                                         "tcp_socket_buffer",
                                                         "track_extra_parameters",
                                                         "unix_socket_dir",
                                                         "unix_socket_group",
                                                         "unix_socket_mode",
                                                         "user",
                                                         "verbose",
                                                         "scram_iterations",
                                                         "server_tls_resume"};
constexpr std::array<std::string_view, 3> not_modelled = {
    "transaction_timeout", "idle_session_timeout", "server_login_retry_backoff"};

std::vector<std::string> split_hosts(const std::string& text) {
  std::vector<std::string> hosts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    hosts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return hosts;
}

void read_database(const Member& line, PoolerSpec& pooler, LoadContext& context) {
  const std::string path = "pgbouncer.databases." + line.key;
  if (!line.value.is_scalar()) {
    context.diagnostics.error(line.value.place, path, "a connection string should stand here");
    return;
  }
  const Node words = parse_connection_string(line.value, path, context.diagnostics);
  PgbouncerDatabase database;
  database.name = line.key;
  constexpr std::array<std::string_view, 11> known = {"password",
                                                      "auth_user",
                                                      "client_encoding",
                                                      "datestyle",
                                                      "timezone",
                                                      "auth_query",
                                                      "auth_dbname",
                                                      "connect_query",
                                                      "auth_file",
                                                      "application_name",
                                                      "max_db_client_connections"};
  Reader reader(node_value(words, path, context.diagnostics), {"PgBouncer", known});
  for (const std::string_view key : known) reader.ignore(key);
  PoolerDatabase where;
  const Value host = reader.optional("host");
  if (const auto text = host.text()) where.hosts = split_hosts(*text);
  where.place = host.place();
  reader.optional("port").quoted_integer(1, 65535);
  reader.ignore("dbname");
  if (reader.optional("user").exists()) database.user = 0;
  assign(database.pool_size, reader.optional("pool_size").quoted_integer(0, INT32_MAX));
  assign(database.min_pool_size, reader.optional("min_pool_size").quoted_integer(0, INT32_MAX));
  assign(database.reserve_pool, reader.optional("reserve_pool").quoted_integer(0, INT32_MAX));
  assign(database.reserve_pool, reader.optional("reserve_pool_size").quoted_integer(0, INT32_MAX));
  assign(database.max_db_connections,
         reader.optional("max_db_connections").quoted_integer(0, INT32_MAX));
  const auto mode = reader.optional("pool_mode").choice("a pool mode", pool_modes);
  if (mode) database.pool_mode = static_cast<std::int32_t>(*mode);
  constexpr std::array<std::pair<std::string_view, bool>, 2> balance = {
      {{"round-robin", true}, {"disable", false}}};
  assign(database.load_balance_hosts,
         reader.optional("load_balance_hosts").choice("a way to balance", balance));
  reader.finish();
  context.record(path, line.value.place, line.key);
  pooler.config.databases.push_back(std::move(database));
  pooler.databases.push_back(std::move(where));
}

}  // namespace

std::optional<std::int32_t> read_pgbouncer_version(const Value& value) {
  const auto text = value.text();
  if (!text) return std::nullopt;
  std::int32_t minor = 0;
  std::size_t at = 2;
  while (at < text->size() && at < 5 && (*text)[at] >= '0' && (*text)[at] <= '9') {
    minor = minor * 10 + ((*text)[at++] - '0');
  }
  const bool ends = at == text->size() || (*text)[at] == '.';
  if (text->substr(0, 2) != "1." || at == 2 || !ends) {
    value.error(in_quotes(*text) + " is not a version of PgBouncer", R"(write "1.22")");
    return std::nullopt;
  }
  return minor;
}

void read_pgbouncer_ini(const Node& settings, const Node& databases, PoolerSpec& pooler,
                        LoadContext& context) {
  const std::size_t errors = context.diagnostics.errors();
  read_settings(settings, {"pgbouncer", "PgBouncer", irrelevant, not_modelled}, table,
                pooler.config, context);
  for (const Member& line : databases.members) read_database(line, pooler, context);
  if (context.diagnostics.errors() > errors) return;
  // The addresses behind host= are known to who builds the world; a place holder stands for them.
  PgbouncerConfig checked = pooler.config;
  for (std::size_t i = 0; i < checked.databases.size(); ++i) {
    if (!pooler.databases[i].hosts.empty()) checked.databases[i].host.emplace_back();
  }
  context.report(validate(checked), "pgbouncer", Severity::warning);
}

}  // namespace predrill::harness
