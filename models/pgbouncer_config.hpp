// pgbouncer.ini: names and defaults of PgBouncer 1.22 (src/main.c, doc/config.md). Times are
// seconds there and durations here; 0 switches a time-out off unless its comment says otherwise.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/dns.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::models {

enum class PoolMode : std::uint8_t { session, transaction, statement };

/// How clients prove who they are; decides what a login costs the one thread.
enum class PgbouncerAuth : std::uint8_t {
  trust,
  md5,
  scram_secret,     // scram-sha-256, auth_file holds SCRAM secrets
  scram_plaintext,  // scram-sha-256, auth_file holds passwords
};

constexpr std::int32_t unset = -1;  // of a database: take the [pgbouncer] value

/// A line of [databases].
struct PgbouncerDatabase {
  std::string name = "postgres";
  std::vector<HostSpec> host;      // several: one after the other, per connection
  bool load_balance_hosts = true;  // 1.24+; false: stay with a host until a connect fails
  std::int32_t user = unset;       // forced user: one pool for all clients
  std::int32_t pool_size = unset;
  std::int32_t min_pool_size = unset;
  std::int32_t reserve_pool = unset;
  std::int32_t max_db_connections = unset;
  std::int32_t pool_mode = unset;  // a PoolMode
};

struct PgbouncerConfig {
  std::string name = "pgbouncer";   // of the process: traces, random streams
  std::int32_t version_minor = 22;  // 1.x
  std::vector<PgbouncerDatabase> databases;

  PoolMode pool_mode = PoolMode::session;
  std::int32_t max_client_conn = 100;
  std::int32_t default_pool_size = 20;
  std::int32_t min_pool_size = 0;
  std::int32_t reserve_pool_size = 0;
  sim::Duration reserve_pool_timeout = std::chrono::seconds(5);
  std::int32_t max_db_connections = 0;    // 0 = unlimited
  std::int32_t max_user_connections = 0;  // 0 = unlimited
  bool server_round_robin = false;
  std::int32_t listen_backlog = 128;
  PgbouncerAuth auth_type = PgbouncerAuth::md5;

  sim::Duration query_wait_timeout = std::chrono::seconds(120);
  sim::Duration query_timeout{};
  sim::Duration idle_transaction_timeout{};
  sim::Duration client_idle_timeout{};
  sim::Duration client_login_timeout = std::chrono::seconds(60);
  sim::Duration server_connect_timeout = std::chrono::seconds(15);
  sim::Duration server_login_retry = std::chrono::seconds(15);
  sim::Duration server_idle_timeout = std::chrono::seconds(600);
  sim::Duration server_lifetime = std::chrono::seconds(3600);   // 0 = each connection is used once
  sim::Duration server_check_delay = std::chrono::seconds(30);  // 0 = check before every use
  bool server_check_query = true;                               // '' = false
  bool server_reset_query = true;                               // DISCARD ALL; '' = false
  bool server_reset_query_always = false;
  bool server_fast_close = false;

  sim::Duration dns_max_ttl = std::chrono::seconds(15);
  sim::Duration dns_nxdomain_ttl = std::chrono::seconds(15);

  bool tcp_keepalive = true;
  sim::Duration tcp_keepidle{};   // 0 = the kernel's 7200 s
  sim::Duration tcp_keepintvl{};  // 0 = the kernel's 75 s
  std::int32_t tcp_keepcnt = 0;   // 0 = the kernel's 9
  sim::Duration tcp_user_timeout{};
};

/// What PgBouncer refuses to start with, what it silently does otherwise, and settings that have
/// no effect, as sentences; what it would refuse is set back to the default.
std::vector<std::string> validate(PgbouncerConfig& config);

/// What configuration does not fix. Sources in pgbouncer_config.cpp.
struct PgbouncerTimings {
  PgbouncerTimings();
  sim::Duration packet;  // time of the one thread per message; delays only what comes behind it
  sim::Distribution login_trust;  // of the thread, per client login
  sim::Distribution login_md5;
  sim::Distribution login_scram_secret;
  sim::Distribution login_scram_plaintext;         // before 1.25
  sim::Distribution login_scram_plaintext_cached;  // from 1.25
  sim::Distribution console_late;    // between two questions of somebody who sleeps in between
  int server_login_round_trips = 2;  // beyond connect and startup: the two of SCRAM
  /// Time of the thread that one client login takes under this configuration.
  const sim::Distribution& login(const PgbouncerConfig& config) const;
};

}  // namespace predrill::models
