#include "harness/aurora/aurora_world.hpp"

#include <utility>

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr auto writer_name = static_cast<models::DnsName>(1);
constexpr auto reader_name = static_cast<models::DnsName>(2);

}  // namespace

AuroraWorld::AuroraWorld(const AuroraSpec& spec, std::uint64_t seed, bool shuffle_ties)
    : spec_(spec),
      sim_({.seed = seed, .shuffle_ties = shuffle_ties}),
      dns_host_(sim_, "route53"),
      dns_group_(dns_host_, "dns"),
      zone_(dns_group_, {.name = "rds.amazonaws.com"}),
      cluster_(std::make_unique<models::AuroraCluster>(
          sim_, book_, zone_, models::AuroraEndpoints{writer_name, reader_name}, spec.config,
          spec.timings)),
      client_host_(sim_, "client"),
      app_host_(sim_, "app"),
      jvm_group_(app_host_, "jvm dns"),
      jvm_dns_(jvm_group_, {.name = "jvm", .cache = true, .fixed_ttl = spec.clients.jvm_dns_ttl}),
      operator_host_(sim_, "operator"),
      proxy_host_(sim_, "rds proxy") {
  models::ProberConfig probe;
  probe.path = direct_path;
  probe.target.host = {models::HostSpec::of(writer_name)};
  probe.target.connect_timeout = 2s;
  probe.interval = spec.clients.probe_interval;
  probe.timeout = spec.clients.probe_timeout;
  probe.keep_connection = false;
  prober_ = std::make_unique<models::Prober>(client_host_, book_, &zone_, probe, journal_);
  if (spec.clients.reads) {
    models::ProberConfig reads = probe;
    reads.path = reader_path;
    reads.target.host = {models::HostSpec::of(reader_name)};
    reads.write = false;
    read_prober_ = std::make_unique<models::Prober>(client_host_, book_, &zone_, reads, journal_);
  }
  if (spec.clients.proxy) {
    proxy_ = std::make_unique<models::RdsProxy>(proxy_host_, book_, *cluster_, *spec.clients.proxy);
    probe.path = proxy_path;
    probe.target.host = {models::HostSpec::of(book_.add(proxy_->listener()))};
    probe.keep_connection = true;
    probe.timeout = spec.clients.proxy->connection_borrow_timeout + 5s;
    proxy_prober_ = std::make_unique<models::Prober>(client_host_, book_, &zone_, probe, journal_);
  }
  if (!spec.clients.hikari) return;
  jvm_dns_.forward_to(zone_);
  models::HikariConfig pool = spec.clients.pool;
  pool.driver.hosts = {models::HostSpec::of(writer_name)};
  pool_ = std::make_unique<models::HikariPool>(app_host_, book_, &jvm_dns_, pool);
  pool_journal_path_ = journal_.path(hikari_path);
}

AuroraWorld::~AuroraWorld() {
  sim_.shut_down();
}

void AuroraWorld::start() {
  cluster_->start();
  if (spec_.insights_advanced) cluster_->set_insights_advanced();
  sim_.run_for(1s);
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

sim::Task<> AuroraWorld::requests() {
  for (std::uint64_t number = 1;; ++number) {
    pool_->group().spawn(request(number));
    co_await sim::sleep_for(spec_.clients.request_interval);
  }
}

sim::Task<> AuroraWorld::request(std::uint64_t number) {
  models::SqlRequest ask;
  ask.op = models::SqlOp::write;
  ask.wal_bytes = 200;
  ask.work = 2ms;
  ask.tag = models::write_tag(pool_journal_path_, number);
  models::Attempt attempt;
  attempt.sent = sim_.now().time_since_epoch().count();
  const models::StatementResult result = co_await pool_->execute(ask);
  attempt.finished = sim_.now().time_since_epoch().count();
  attempt.path = pool_journal_path_;
  attempt.tag = ask.tag;
  attempt.in_flight = result.in_flight;
  attempt.outcome = result.outcome;
  attempt.state = result.state;
  attempt.server = result.server;
  attempt.position = result.position;
  journal_.attempts.push_back(attempt);
}

}  // namespace predrill::harness
