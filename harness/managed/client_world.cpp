#include "harness/managed/client_world.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

ClientWorld::ClientWorld(sim::Simulation& sim, models::AddressBook& book, models::DnsServer& zone,
                         models::ManagedDatabase& database, Names names, const ClientPaths& paths,
                         const DatabaseClients& spec)
    : sim_(sim),
      spec_(spec),
      client_host_(sim, "client"),
      resolver_group_(client_host_, "resolver"),
      resolver_(resolver_group_,
                {.name = "resolver", .cache = true, .fixed_ttl = spec.dns_cache.fixed}),
      app_host_(sim, "app"),
      jvm_group_(app_host_, "jvm dns"),
      jvm_dns_(jvm_group_, {.name = "jvm", .cache = true, .fixed_ttl = spec.jvm_dns_ttl}),
      proxy_host_(sim, "rds proxy") {
  resolver_.forward_to(zone);
  models::DnsServer& resolver = spec.dns_cache.on ? resolver_ : zone;
  models::ProberConfig probe;
  probe.path = paths.direct;
  probe.target.host = {models::HostSpec::of(names.writer)};
  probe.target.connect_timeout = 2s;
  probe.interval = spec.probe_interval;
  probe.timeout = spec.probe_timeout;
  probe.keep_connection = false;
  prober_ = std::make_unique<models::Prober>(client_host_, book, &resolver, probe, journal_);
  if (spec.reads) {
    models::ProberConfig reads = probe;
    reads.path = paths.reader;
    reads.target.host = {models::HostSpec::of(names.reader)};
    reads.write = false;
    read_prober_ = std::make_unique<models::Prober>(client_host_, book, &resolver, reads, journal_);
  }
  if (spec.proxy) {
    proxy_ = std::make_unique<models::RdsProxy>(proxy_host_, book, database, *spec.proxy);
    probe.path = ClientPaths::proxy;
    probe.target.host = {models::HostSpec::of(book.add(proxy_->listener()))};
    probe.keep_connection = true;
    probe.timeout = spec.proxy->connection_borrow_timeout + 5s;
    proxy_prober_ =
        std::make_unique<models::Prober>(client_host_, book, &resolver, probe, journal_);
  }
  if (!spec.hikari) return;
  jvm_dns_.forward_to(resolver);
  models::HikariConfig pool = spec.pool;
  pool.driver.hosts = {models::HostSpec::of(names.writer)};
  pool_ = std::make_unique<models::HikariPool>(app_host_, book, &jvm_dns_, pool);
  pool_journal_path_ = journal_.path(ClientPaths::hikari);
}

void ClientWorld::start() {
  prober_->start();
  if (read_prober_) read_prober_->start();
  if (proxy_) {
    proxy_->start();
    proxy_prober_->start();
  }
  if (!pool_) return;
  pool_->start();
  sim_.run_for(5s);
  pool_->group().spawn(requests());
}

sim::Task<> ClientWorld::requests() {
  for (std::uint64_t number = 1;; ++number) {
    pool_->group().spawn(request(number));
    co_await sim::sleep_for(spec_.request_interval);
  }
}

sim::Task<> ClientWorld::request(std::uint64_t number) {
  models::SqlRequest ask;
  ask.op = models::SqlOp::write;
  ask.wal_bytes = spec_.request_wal_bytes;
  ask.work = spec_.request_work;
  ask.tag = models::write_tag(pool_journal_path_, number);
  const sim::Time sent = sim_.now();
  const models::StatementResult result = co_await pool_->execute(ask);
  models::Attempt attempt = models::attempt_of(result, sent, sim_.now());
  attempt.path = pool_journal_path_;
  attempt.tag = ask.tag;
  journal_.attempts.push_back(attempt);
}

}  // namespace predrill::harness
