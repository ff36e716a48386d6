#include "harness/engine/world.hpp"

#include <algorithm>
#include <utility>

namespace predrill::harness {

using namespace std::chrono_literals;
using models::MemberId;
using models::MemberSet;
using sim::Duration;

namespace {

template <class Config>
Config of_member(Config config, const SystemSpec& system, MemberId id) {
  config.member = id;
  config.name = system.members[id].name;
  return config;
}

models::PatroniConfig patroni_of(const SystemSpec& system, MemberId id) {
  models::PatroniConfig config = of_member(system.patroni, system, id);
  config.tags = system.members[id].tags;
  return config;
}

constexpr models::DnsName service_name{1};

// Where the WAL stands when a run begins; only differences matter.
constexpr models::Lsn wal_start{0x2A00000000};

}  // namespace

SimulatedMember::SimulatedMember(sim::Simulation& sim, const SystemSpec& system, MemberId id,
                                 SimulatedDcs& store, models::Ledger& ledger)
    : host(sim, system.members[id].name, sim.network().zone(system.members[id].zone)),
      disk(host, system.members[id].name + "/disk", system.disk),
      postgres(host, of_member(system.postgres, system, id), disk, &ledger,
               system.postgres_timings),
      group(host, "patroni"),
      entries(host.stream("entrypoint")),
      callbacks(host.stream("role callback")),
      dcs(store.client(id, group)),
      patroni(group, patroni_of(system, id), *dcs, postgres, system.patroni_timings),
      kubernetes_(system.kubernetes) {
  if (kubernetes_.present) {
    host.on_boot([this] { host.kernel().spawn(enter()); });
  } else {
    host.on_boot([this] { patroni.start(); });
  }
}

// The container runs; Patroni starts in it when its entry point has come that far.
sim::Task<> SimulatedMember::enter() {
  const Duration preparing = kubernetes_.entrypoint.sample_duration(entries);
  co_await sim::sleep_for(preparing);
  patroni.start();
}

World::World(const SystemSpec& system, const WorldOptions& options)
    : system_(system), sim_({.seed = options.seed, .shuffle_ties = options.shuffle_ties}) {
  build_network();
  build_dcs();
  build_members();
  build_service();
  build_haproxies();
  build_poolers();
  build_probers();
  build_workload();
}

World::~World() {
  sim_.shut_down();
}

void World::build_network() {
  sim::Network& network = sim_.network();
  network.set_syn_retries(system_.syn_retries);
  for (const ZoneLatency& latency : system_.latencies) {
    const sim::ZoneId a = network.zone(latency.a);
    const sim::ZoneId b = network.zone(latency.b);
    network.set_latency(a, b, latency.one_way);
  }
}

sim::Host& World::add_host(std::string name, std::string_view zone) {
  hosts_.push_back(std::make_unique<sim::Host>(sim_, std::move(name), sim_.network().zone(zone)));
  zone_of_.emplace_back(zone, hosts_.back().get());
  return *hosts_.back();
}

void World::build_dcs() {
  std::vector<sim::Host*> hosts;
  if (system_.dcs.kind == DcsSpec::Kind::etcd) {
    for (const auto& [name, zone] : system_.dcs.members) hosts.push_back(&add_host(name, zone));
  } else {  // a regional service: no zone's loss takes it away
    for (std::size_t i = 0; i < system_.dcs.api_servers; ++i) {
      const MemberSpec& beside = system_.members[i % system_.members.size()];
      hosts_.push_back(std::make_unique<sim::Host>(sim_, "apiserver-" + std::to_string(i),
                                                   sim_.network().zone(beside.zone)));
      hosts.push_back(hosts_.back().get());
    }
  }
  dcs_ = std::make_unique<SimulatedDcs>(system_, hosts);
  dcs_->set_observer(this);
}

void World::build_members() {
  std::vector<models::PostgresServer*> servers;
  std::vector<models::Patroni*> patronis;
  const auto count = static_cast<MemberId>(system_.members.size());
  for (MemberId id = 0; id < count; ++id) {
    members_.push_back(std::make_unique<SimulatedMember>(sim_, system_, id, *dcs_, ledger_));
    zone_of_.emplace_back(system_.members[id].zone, &members_.back()->host);
    servers.push_back(&members_.back()->postgres);
    patronis.push_back(&members_.back()->patroni);
  }
  const WorkloadSpec& load = system_.workload;
  models::BackgroundLoad background;
  if (!load.single_transactions && load.transactions_per_second > 0) {
    const double writes = load.transactions_per_second * (1 - load.read_share);
    background.rows_per_kilosecond = static_cast<std::uint64_t>(writes * 1000);
    background.wal_bytes_per_row =
        writes > 0 ? static_cast<std::uint64_t>(load.wal_bytes_per_second / writes) : 0;
    background.synchronous_commit = load.synchronous_commit;
  }
  for (auto& member : members_) {
    member->postgres.set_members(servers);
    member->postgres.initialize(wal_start);
    if (background.rows_per_kilosecond > 0) member->postgres.set_background(background);
    member->patroni.set_members(patronis);
    member->patroni.set_observer(this);
    member->address = book_.add(member->postgres.sql());
  }
}

// Zalando's master service. With the Kubernetes DCS Patroni writes its Endpoints together with the
// leader record; with etcd, or where labels select, spilo's callback moves it after promotion. As a
// name it is answered by CoreDNS, headless, or by a server of the site.
void World::build_service() {
  const ServiceSpec& service = system_.service;
  if (service.kind == ServiceSpec::Kind::none) return;
  // A regional service: no zone's loss takes it away.
  hosts_.push_back(
      std::make_unique<sim::Host>(sim_, "kubernetes", sim_.network().zone(system_.probe.zone)));
  sim::Host& control_plane = *hosts_.back();
  models::KubernetesServiceConfig config;
  config.name = system_.name;
  config.selector = service.kind == ServiceSpec::Kind::endpoints
                        ? models::KubernetesServiceConfig::Selector::none
                        : models::KubernetesServiceConfig::Selector::pod_labels;
  config.headless = service.kind == ServiceSpec::Kind::dns;
  models::KubernetesServiceTimings timings;
  if (system_.dcs.kind == DcsSpec::Kind::kubernetes) {
    timings.write = sim::Distribution::constant(Duration{});  // the DCS has written it
  }
  service_ = std::make_unique<models::KubernetesService>(control_plane, book_, config, timings);
  if (!config.headless) return;
  dns_group_ = std::make_unique<sim::Group>(control_plane, "dns");
  dns_ = std::make_unique<models::DnsServer>(*dns_group_, models::DnsServerConfig{});
  dns_->add(service_name, service.name, service.ttl, {});
  service_->publish_name(*dns_, service_name);
}

void World::build_haproxies() {
  if (!system_.haproxy) return;
  for (std::size_t i = 0; i < system_.haproxy->zones.size(); ++i) {
    sim::Host& host = add_host("haproxy-" + std::to_string(i), system_.haproxy->zones[i]);
    models::HaproxyConfig config = system_.haproxy->config;
    config.name = host.name();
    std::vector<models::HaproxyServer> servers;
    for (auto& member : members_) {
      servers.push_back({member->postgres.member(), member->host.name(), &member->postgres.sql(),
                         &member->patroni.rest()});
    }
    haproxies_.push_back(std::make_unique<models::Haproxy>(host, config, servers));
    haproxy_addresses_.push_back(book_.add(haproxies_.back()->listener(0)));
    host.on_boot([haproxy = haproxies_.back().get()] { haproxy->start(); });
  }
}

// Who stands behind the service, or every member where there is none.
std::vector<models::HostSpec> World::service_hosts() const {
  if (dns_) return {models::HostSpec::of(service_name)};
  if (service_) return {models::HostSpec::of(service_->address())};
  std::vector<models::HostSpec> hosts;
  for (const auto& member : members_) {
    hosts.push_back(models::HostSpec::of(member->address, member->postgres.member()));
  }
  return hosts;
}

std::vector<models::HostSpec> World::hosts_of(const PoolerDatabase& database) const {
  std::vector<models::HostSpec> hosts;
  switch (database.target) {
    case PoolerDatabase::Target::service:
      return service_hosts();
    case PoolerDatabase::Target::haproxy:
      for (const models::Address address : haproxy_addresses_) {
        hosts.push_back(models::HostSpec::of(address));
      }
      return hosts;
    case PoolerDatabase::Target::members:
      for (const MemberId id : database.members) {
        hosts.push_back(models::HostSpec::of(members_[id]->address, id));
      }
      return hosts;
  }
  return hosts;
}

void World::build_poolers() {
  if (!system_.pooler) return;
  const PoolerSpec& spec = *system_.pooler;
  for (std::size_t i = 0; i < spec.zones.size(); ++i) {
    sim::Host& host = add_host("pgbouncer-" + std::to_string(i), spec.zones[i]);
    models::PgbouncerConfig config = spec.config;
    config.name = host.name();
    if (config.databases.empty()) config.databases.emplace_back();
    for (std::size_t d = 0; d < config.databases.size(); ++d) {
      config.databases[d].host =
          d < spec.databases.size() ? hosts_of(spec.databases[d]) : service_hosts();
    }
    if (service_) service_->add_node(host);
    poolers_.push_back(std::make_unique<models::Pgbouncer>(host, book_, config, dns_.get()));
    poolers_.back()->ask_console(system_.probe.show_pools);
    pooler_addresses_.push_back(book_.add(poolers_.back()->listener()));
    host.on_boot([pooler = poolers_.back().get()] { pooler->start(); });
  }
}

// Each path of the journal; all probers share a host and differ in phase.
void World::add_prober(sim::Host& host, std::string path, std::vector<models::HostSpec> hosts,
                       bool write) {
  models::ProberConfig config;
  config.path = std::move(path);
  config.write = write;
  config.interval = system_.probe.interval;
  config.offset = sim_.stream(config.path, "phase").uniform(Duration{}, config.interval);
  config.target.connect_timeout = system_.probe.timeout;
  // Each host may take its connection time-out before the last one is asked.
  config.timeout = system_.probe.timeout * static_cast<std::int64_t>(hosts.size());
  if (write && hosts.size() > 1) {
    config.target.target_session_attrs = models::TargetSessionAttrs::read_write;
  }
  config.target.host = std::move(hosts);
  probers_.push_back(
      std::make_unique<models::Prober>(host, book_, nullptr, std::move(config), journal_));
}

void World::build_probers() {
  sim::Host& host = add_host("prober", system_.probe.zone);
  client_hosts_.push_back(&host);
  if (service_) service_->add_node(host);
  if (!pooler_addresses_.empty() && system_.probe.pgbouncer) {
    add_prober(host, "pgbouncer", {models::HostSpec::of(pooler_addresses_.front())}, true);
  }
  if (!haproxy_addresses_.empty() && system_.probe.haproxy) {
    add_prober(host, "haproxy", {models::HostSpec::of(haproxy_addresses_.front())}, true);
  }
  std::vector<models::HostSpec> all;
  for (auto& member : members_) {
    all.push_back(models::HostSpec::of(member->address, member->postgres.member()));
  }
  if (system_.probe.direct) add_prober(host, "direct", all, true);
  if (!system_.probe.read) return;
  for (auto& member : members_) {
    add_prober(host, "read:" + member->host.name(),
               {models::HostSpec::of(member->address, member->postgres.member())}, false);
  }
}

void World::build_workload() {
  const WorkloadSpec& load = system_.workload;
  if (!load.single_transactions || load.transactions_per_second <= 0) return;
  sim::Host& host = add_host("application", system_.probe.zone);
  models::WorkloadConfig config;
  config.sessions = load.connections;
  config.hold_connections = true;
  const double writes = load.transactions_per_second * (1 - load.read_share);
  config.between = sim::Distribution::exponential(
      Duration(static_cast<std::int64_t>(1e9 / load.transactions_per_second)));
  config.read_permille = static_cast<std::uint32_t>(load.read_share * 1000);
  config.read_time = load.read_time;
  config.write_time = load.write_time;
  config.wal_bytes =
      writes > 0 ? static_cast<std::uint32_t>(load.wal_bytes_per_second / writes) : 0;
  config.follow_writes = true;
  config.retry.attempts = load.attempts;
  config.retry.backoff = models::RetryPolicy::Backoff::drawn;
  config.retry.pause = load.back_off;
  if (!pooler_addresses_.empty()) {
    config.target.host = {models::HostSpec::of(pooler_addresses_.front())};
  } else {
    for (auto& member : members_) {
      config.target.host.push_back(
          models::HostSpec::of(member->address, member->postgres.member()));
    }
    config.target.target_session_attrs = models::TargetSessionAttrs::read_write;
  }
  workload_ = std::make_unique<models::Workload>(host, book_, nullptr, std::move(config));
}

// The leader first; the synchronous standby is the first that Patroni sees streaming. Nothing ties
// the moments at which processes were started to one another, so what they do periodically (cycles
// of Patroni, checks of HAProxy and PgBouncer, etcd's clock) has a phase of its own in every run.
bool World::settle() {
  dcs_->start();
  sim::Stream phases = sim_.stream("start", "phase");
  const auto wait_up_to = [&](Duration longest) {
    sim_.run_for(phases.uniform(Duration{}, longest));
  };
  const models::PatroniConfig& patroni = members_[initial_primary()]->patroni.config();
  wait_up_to(1s);
  std::vector<MemberId> order = {initial_primary()};
  if (system_.sync) order.push_back(static_cast<MemberId>(*system_.sync));
  for (MemberId id = 0; id < members(); ++id) {
    if (std::find(order.begin(), order.end(), id) == order.end()) order.push_back(id);
  }
  for (const MemberId id : order) {
    members_[id]->patroni.start();
    // The leader's next cycle sees who streams.
    sim_.run_for(patroni.synchronous_mode ? patroni.loop_wait + 2s : 2s);
    wait_up_to(patroni.loop_wait);
    // An archive that answers slowly holds up the start of a server.
    for (int i = 0; i < 30 && !in_place(id); ++i) sim_.run_for(10s);
  }
  if (service_) {
    models::AddressList primary;
    primary.add(members_[initial_primary()]->address);
    service_->start(primary);
  }
  for (auto& haproxy : haproxies_) haproxy->start(models::Haproxy::Started::long_ago);
  for (auto& pooler : poolers_) pooler->start();
  for (int i = 0; i < 30 && !settled(); ++i) sim_.run_for(10s);
  for (auto& member : members_) member->postgres.assume_steady_state();
  return settled();
}

// A member does what it shall do when a run begins: lead, or stream from the leader.
bool World::in_place(MemberId id) const {
  const MemberId primary = initial_primary();
  if (id == primary) return leader() == primary && primaries() == models::only(primary);
  const models::ReplicationView view = members_[primary]->postgres.pg_stat_replication();
  const models::ReplicationRow* row = view.find(id);
  return row != nullptr && row->streaming;
}

bool World::settled() const {
  for (MemberId id = 0; id < members(); ++id) {
    if (!in_place(id)) return false;
  }
  return !system_.patroni.synchronous_mode || sync_standbys() != 0;
}

void World::start_clients() {
  for (auto& prober : probers_) prober->start();
  if (workload_) workload_->start();
}

// Patroni's on_role_change callback, fired at the promote signal: with spilo it writes the
// endpoints and the label at once, while recovery may still be under way.
void World::on_promote(MemberId member) {
  if (observer_ != nullptr) observer_->on_promote(member);
  const bool by_patroni = system_.dcs.kind == DcsSpec::Kind::kubernetes;
  if (service_ && !by_patroni) members_[member]->group.spawn(role_callback(member));
}

// On Kubernetes Patroni itself says where the primary is: in the Endpoints, with the leader record
// and emptied with its release (kubernetes.py, _update_leader_with_retry, delete_leader); by the
// pod's role label, at the end of a cycle (touch_member).
void World::on_change(const models::EtcdEvent& change) {
  if (!service_) return;
  const bool endpoints = system_.service.kind == ServiceSpec::Kind::endpoints;
  if (endpoints && change.name.key == models::EtcdKey::leader) {
    if (change.value.holder < members()) {
      route_to(change.value.holder);
    } else {
      service_->select({});
    }
  }
  const bool label = change.name.key == models::EtcdKey::member && !change.deleted &&
                     change.value.data.role == models::MemberData::Role::primary;
  if (!endpoints && label) route_to(change.name.member);
}

void World::route_to(MemberId primary) {
  models::AddressList addresses;
  addresses.add(members_[primary]->address);
  service_->select(addresses);
}

void World::on_cycle(MemberId member) {
  if (observer_ != nullptr) observer_->on_cycle(member);
}

void World::on_failsafe(MemberId member, bool active) {
  if (observer_ != nullptr) observer_->on_failsafe(member, active);
}

sim::Task<> World::role_callback(MemberId member) {
  const Duration start =
      system_.kubernetes.role_callback.sample_duration(members_[member]->callbacks);
  co_await sim::sleep_for(start);
  route_to(member);
}

MemberSet World::sync_standbys() const {
  return dcs_value(models::EtcdKey::sync).members;
}

MemberSet World::primaries() const {
  MemberSet set = 0;
  for (const auto& member : members_) {
    if (member->postgres.accepts_writes()) set |= models::only(member->postgres.member());
  }
  return set;
}

MemberId World::find_member(std::string_view name) const {
  for (std::size_t id = 0; id < members_.size(); ++id) {
    if (system_.members[id].name == name) return static_cast<MemberId>(id);
  }
  return models::nobody;
}

sim::HostSet World::member_hosts(MemberSet set) {
  sim::HostSet hosts;
  for (auto& member : members_) {
    if (models::contains(set, member->postgres.member())) hosts.push_back(&member->host);
  }
  return hosts;
}

sim::HostSet World::client_hosts() {
  return {client_hosts_.begin(), client_hosts_.end()};
}

sim::HostSet World::zone_hosts(std::string_view zone) {
  sim::HostSet hosts;
  for (const auto& [name, host] : zone_of_) {
    if (name == zone) hosts.push_back(host);
  }
  return hosts;
}

sim::HostSet World::all_but(const sim::HostSet& set) {
  sim::HostSet hosts;
  for (const sim::Host* host : sim_.hosts()) {
    if (std::find(set.begin(), set.end(), host) == set.end()) hosts.push_back(host);
  }
  return hosts;
}

}  // namespace predrill::harness
