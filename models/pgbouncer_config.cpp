#include "models/pgbouncer_config.hpp"

#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;

// Measured with PgBouncer 1.18 and a 1.25 development build over loopback on one busy virtual CPU:
// 15.6 us per simple one-statement transaction (four messages), logins as below.
PgbouncerTimings::PgbouncerTimings()
    : packet(sim::Duration(7800ns)),
      login_trust(Distribution::constant(sim::Duration(80us))
                      .with_source("measured, PgBouncer 1.18: trust login")),
      login_md5(Distribution::constant(sim::Duration(80us))
                    .with_source("assumption: as trust, two MD5 sums more")),
      login_scram_secret(Distribution::constant(sim::Duration(270us))
                             .with_source("measured, PgBouncer 1.18: SCRAM secret")),
      login_scram_plaintext(Distribution::constant(sim::Duration(3730us))
                                .with_source("measured, PgBouncer 1.18: PBKDF2 at each login")),
      login_scram_plaintext_cached(
          Distribution::constant(sim::Duration(250us))
              .with_source("measured, PgBouncer 1.25 development build: cached keys")),
      console_late(
          Distribution::quantiles(
              {{0., sim::Duration(1000us)}, {0.5, 1300us}, {0.9, 1600us}, {1., 5000us}})
              .with_source("lab: 43 questions, one a second, were 1.001 to 1.005 s apart")) {}

const Distribution& PgbouncerTimings::login(const PgbouncerConfig& config) const {
  constexpr int caches_keys = 25;
  switch (config.auth_type) {
    case PgbouncerAuth::trust:
      return login_trust;
    case PgbouncerAuth::md5:
      return login_md5;
    case PgbouncerAuth::scram_secret:
      return login_scram_secret;
    case PgbouncerAuth::scram_plaintext:
      break;
  }
  return config.version_minor >= caches_keys ? login_scram_plaintext_cached : login_scram_plaintext;
}

namespace {

class Problems {
 public:
  void not_negative(const char* name, sim::Duration& value, sim::Duration fallback) {
    if (value >= 0s) return;
    say(std::string(name) + " must not be negative: " + sim::to_text(fallback) + " is used");
    value = fallback;
  }
  void not_negative(const char* name, std::int32_t& value, std::int32_t fallback) {
    if (value >= 0) return;
    say(std::string(name) + " must not be negative: " + std::to_string(fallback) + " is used");
    value = fallback;
  }
  void say(std::string sentence) { all.push_back(std::move(sentence)); }
  std::vector<std::string> all;
};

}  // namespace

std::vector<std::string> validate(PgbouncerConfig& config) {
  const PgbouncerConfig real;
  Problems p;
  p.not_negative("max_client_conn", config.max_client_conn, real.max_client_conn);
  p.not_negative("default_pool_size", config.default_pool_size, real.default_pool_size);
  p.not_negative("min_pool_size", config.min_pool_size, real.min_pool_size);
  p.not_negative("reserve_pool_size", config.reserve_pool_size, real.reserve_pool_size);
  p.not_negative("max_db_connections", config.max_db_connections, real.max_db_connections);
  p.not_negative("max_user_connections", config.max_user_connections, real.max_user_connections);
  p.not_negative("reserve_pool_timeout", config.reserve_pool_timeout, real.reserve_pool_timeout);
  p.not_negative("query_wait_timeout", config.query_wait_timeout, real.query_wait_timeout);
  p.not_negative("query_timeout", config.query_timeout, real.query_timeout);
  p.not_negative("server_login_retry", config.server_login_retry, real.server_login_retry);
  p.not_negative("server_connect_timeout", config.server_connect_timeout,
                 real.server_connect_timeout);
  p.not_negative("server_lifetime", config.server_lifetime, real.server_lifetime);
  p.not_negative("server_idle_timeout", config.server_idle_timeout, real.server_idle_timeout);
  p.not_negative("server_check_delay", config.server_check_delay, real.server_check_delay);
  p.not_negative("client_login_timeout", config.client_login_timeout, real.client_login_timeout);
  p.not_negative("dns_max_ttl", config.dns_max_ttl, real.dns_max_ttl);
  p.not_negative("dns_nxdomain_ttl", config.dns_nxdomain_ttl, real.dns_nxdomain_ttl);
  if (config.default_pool_size == 0 && config.version_minor < 24) {
    p.say("default_pool_size 0 means unlimited from 1.24 only: no query would be served");
  }
  if (config.reserve_pool_size > 0 && config.reserve_pool_timeout == 0s) {
    p.say("reserve_pool_timeout 0 switches the reserve pool off");
  }
  if (config.min_pool_size > config.default_pool_size && config.default_pool_size > 0) {
    p.say("min_pool_size above default_pool_size: the pool is filled up to default_pool_size");
  }
  if (config.server_reset_query_always && config.pool_mode == PoolMode::session) {
    p.say("server_reset_query_always has no effect with pool_mode session");
  }
  if (config.databases.empty()) p.say("[databases] is empty: every login is refused");
  for (PgbouncerDatabase& database : config.databases) {
    if (database.host.empty()) p.say("database " + database.name + " has no host");
    if (database.pool_mode < unset || database.pool_mode > 2) {
      p.say("database " + database.name + ": unknown pool_mode, that of [pgbouncer] is used");
      database.pool_mode = unset;
    }
  }
  return std::move(p.all);
}

}  // namespace predrill::models
