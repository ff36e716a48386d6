#include "harness/engine/simulated_dcs.hpp"

#include "models/etcd_dcs.hpp"

namespace predrill::harness {

using models::EtcdKey;
using models::MemberId;

namespace {

models::EtcdDcsConfig client_config(const SystemSpec& system) {
  models::PatroniConfig patroni = system.patroni;
  models::adjust(patroni);
  models::EtcdDcsConfig config;
  config.ttl = patroni.ttl;
  config.loop_wait = patroni.loop_wait;
  config.retry_timeout = patroni.retry_timeout;
  config.thread_wake = system.patroni_timings.thread_wake;
  config.reput_unconditionally = patroni.version == models::PatroniVersion::v3_0_2;
  return config;
}

}  // namespace

SimulatedDcs::SimulatedDcs(const SystemSpec& system, const std::vector<sim::Host*>& hosts)
    : system_(system), hosts_(hosts) {
  std::vector<std::string> names;
  for (const MemberSpec& member : system.members) names.push_back(member.name);
  if (system.dcs.kind == DcsSpec::Kind::etcd) {
    etcd_ = std::make_unique<models::Etcd>(hosts, system.dcs.etcd);
    scope_ = etcd_->add_scope(system.name, names);
  } else {
    kubernetes_ = std::make_unique<models::KubernetesApi>(hosts);
    scope_ = kubernetes_->add_scope(system.name, names);
  }
}

std::unique_ptr<models::Dcs> SimulatedDcs::client(MemberId member, sim::Group& patroni) {
  const models::EtcdDcsConfig config = client_config(system_);
  if (etcd_) return std::make_unique<models::EtcdDcs>(*etcd_, scope_, member, patroni, config);
  return std::make_unique<models::KubernetesDcs>(*kubernetes_, scope_, member, patroni, config);
}

void SimulatedDcs::start() {
  if (etcd_) {
    etcd_->start(system_.dcs.leader);
  } else {
    kubernetes_->start();
  }
}

MemberId SimulatedDcs::holder() const {
  return value(EtcdKey::leader).holder;
}

const models::EtcdValue& SimulatedDcs::value(EtcdKey key) const {
  // On Kubernetes the last position is an annotation of the leader record.
  if (kubernetes_ && key == EtcdKey::status) key = EtcdKey::leader;
  const models::EtcdStore& store = etcd_ ? etcd_->store() : kubernetes_->store();
  return store.get(scope_, {key, models::nobody}).value;
}

bool SimulatedDcs::takes_writes() const {
  if (etcd_) return etcd_->leader() != models::Etcd::none && !etcd_->store().no_space();
  for (std::size_t i = 0; i < size(); ++i) {
    if (kubernetes_->group(i).running()) return true;
  }
  return false;
}

sim::Host* SimulatedDcs::leader() {
  if (!etcd_ || etcd_->leader() == models::Etcd::none) return nullptr;
  return hosts_[etcd_->leader()];
}

void SimulatedDcs::kill_server(std::size_t server) {
  if (etcd_) {
    etcd_->kill_member(server);
  } else {
    kubernetes_->kill_server(server);
  }
}

void SimulatedDcs::start_server(std::size_t server) {
  if (etcd_) {
    etcd_->start_member(server);
  } else {
    kubernetes_->start_server(server);
  }
}

void SimulatedDcs::slow_requests(std::size_t server, const sim::Distribution& extra) {
  if (etcd_) {
    etcd_->slow_requests(server, extra);
  } else {
    kubernetes_->slow_requests(server, extra);
  }
}

std::size_t SimulatedDcs::quorum_loss() const {
  return etcd_ ? size() / 2 + size() % 2 : size();
}

void SimulatedDcs::set_no_space(bool on) {
  if (etcd_) etcd_->set_no_space(on);
}

void SimulatedDcs::remove_pod(MemberId member) {
  if (kubernetes_) kubernetes_->remove_pod(scope_, member);
}

void SimulatedDcs::set_observer(models::KubernetesObserver* observer) {
  if (kubernetes_) kubernetes_->set_observer(observer);
}

}  // namespace predrill::harness
