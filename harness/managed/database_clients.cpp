#include "harness/managed/database_clients.hpp"

#include <array>

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

// "none", "ttl", or a time.
void read_dns_cache(const Value& value, DnsCache& cache) {
  if (!value.exists()) return;
  const std::string text = value.node()->is_scalar() ? value.node()->text : "";
  const bool is_time = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (is_time) {
    cache.on = assign(cache.fixed, value.duration(1ms, 24h));
    return;
  }
  constexpr std::array<std::pair<std::string_view, bool>, 2> ways = {
      {{"none", false}, {"ttl", true}}};
  assign(cache.on, value.choice("a cache of names or a time", ways));
}

void read_proxy(const Value& proxy, DatabaseClients& clients) {
  Reader settings(proxy);
  models::RdsProxyConfig config;
  assign(config.connection_borrow_timeout, settings.optional("ConnectionBorrowTimeout").duration());
  assign(config.max_connections_percent,
         settings.optional("MaxConnectionsPercent").integer(0, 1000));
  for (const std::string& sentence : models::validate(config)) proxy.error(sentence);
  clients.proxy = config;
}

void read_hikari(const Value& hikari, models::HikariConfig& config) {
  Reader pool(hikari);
  assign(config.maximum_pool_size, pool.optional("maximumPoolSize").integer(1, 10000));
  config.minimum_idle = config.maximum_pool_size;
  assign(config.minimum_idle, pool.optional("minimumIdle").integer(0, 10000));
  assign(config.connection_timeout, pool.optional("connectionTimeout").duration());
  assign(config.validation_timeout, pool.optional("validationTimeout").duration());
  assign(config.max_lifetime, pool.optional("maxLifetime").duration());
  assign(config.idle_timeout, pool.optional("idleTimeout").duration());
  assign(config.keepalive_time, pool.optional("keepaliveTime").duration());
  assign(config.driver.connect_timeout, pool.optional("connectTimeout").duration());
  assign(config.driver.login_timeout, pool.optional("loginTimeout").duration());
  assign(config.driver.socket_timeout, pool.optional("socketTimeout").duration());
  assign(config.driver.tcp_keep_alive, pool.optional("tcpKeepAlive").boolean());
  using Type = models::TargetServerType;
  constexpr std::array<std::pair<std::string_view, Type>, 4> types = {
      {{"any", Type::any},
       {"primary", Type::primary},
       {"secondary", Type::secondary},
       {"preferSecondary", Type::prefer_secondary}}};
  assign(config.driver.target_server_type,
         pool.optional("targetServerType").choice("a server type", types));
  for (const std::string& sentence : models::validate(config)) hikari.warning(sentence);
}

}  // namespace

void read_database_clients(const Value& section, DatabaseClients& clients) {
  if (!section.exists()) return;
  Reader reader(section);
  assign(clients.probe_interval, reader.optional("probe_interval").duration(10ms, 1min));
  assign(clients.probe_timeout, reader.optional("probe_timeout").duration(10ms, 1min));
  read_dns_cache(reader.optional("dns_cache"), clients.dns_cache);
  assign(clients.request_interval, reader.optional("request_interval").duration(1ms, 1min));
  assign(clients.jvm_dns_ttl, reader.optional("networkaddress.cache.ttl").duration(1ms, 1h));
  const Value proxy = reader.optional("rds_proxy");
  if (proxy.exists()) read_proxy(proxy, clients);
  const Value hikari = reader.optional("hikari");
  if (hikari.exists()) read_hikari(hikari, clients.pool);
}

}  // namespace predrill::harness
