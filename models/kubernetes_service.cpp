#include "models/kubernetes_service.hpp"

#include <algorithm>
#include <utility>

#include "sim/network.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;

namespace {

/// client-go's reflector looks for a broken watch with this back-off at least.
constexpr sim::Duration watch_retry = 1s;

Distribution spread(sim::Duration median, sim::Duration p99, const char* source) {
  return Distribution::lognormal_percentiles(0.5, median, 0.99, p99).with_source(source);
}

}  // namespace

// Together about 1 to 3 s from a pod's condition to its effect inside the cluster, most of it in
// the controller's queue and kube-proxy's rate limit. The parts are assumptions within that total.
KubernetesServiceTimings::KubernetesServiceTimings()
    : write(spread(10ms, 80ms, "assumption: one write to the API server (etcd commit)")),
      controller(spread(60ms, 1s, "kubernetes: pod condition to slice, milliseconds to 1 s")),
      watch(spread(5ms, 50ms, "assumption: watch event to a node")),
      program(spread(100ms, 1s, "assumption: iptables-restore with some thousand rules")),
      boot_sync(spread(2s, 10s, "assumption: kube-proxy's start to its first sync")) {}

KubernetesService::Node::Node(sim::Host& node_host, std::string_view name, sim::Stream draws)
    : host(node_host), group(node_host, name), stream(draws) {}

KubernetesService::KubernetesService(sim::Host& control_plane, AddressBook& book,
                                     KubernetesServiceConfig config,
                                     KubernetesServiceTimings timings)
    : control_plane_(control_plane),
      config_(std::move(config)),
      timings_(std::move(timings)),
      stream_(control_plane.simulation().stream(config_.name, "kubernetes service")),
      entity_(control_plane.simulation().trace().entity(config_.name)),
      group_(control_plane, "endpoints controller") {
  address_ = book.add(*this);
}

KubernetesService::~KubernetesService() = default;

void KubernetesService::add_node(sim::Host& host) {
  sim::Stream stream = host.simulation().stream(host.name(), config_.name + " kube-proxy");
  nodes_.push_back(std::make_unique<Node>(host, "kube-proxy", stream));
  Node* node = nodes_.back().get();
  host.on_boot([this, node] {
    if (version_ == 0 || node->group.running()) return;  // not started, or started by start()
    node->group.spawn(kube_proxy(*node, true));
  });
}

void KubernetesService::publish_name(DnsServer& coredns, DnsName name) {
  coredns_ = &coredns;
  name_ = name;
}

void KubernetesService::start(const AddressList& selected) {
  selected_ = selected;
  slice_ = wanted();
  version_ = 1;
  for (const auto& node : nodes_) {
    node->rules = slice_;
    node->programmed = version_;
    node->last_sync = group_.now() - config_.min_sync_period;
    node->group.spawn(kube_proxy(*node, false));
  }
  if (coredns_ != nullptr) coredns_->set(name_, slice_);
  group_.spawn(controller());
  control_plane_.on_boot([this] {
    if (!group_.running()) group_.spawn(controller());
  });
}

void KubernetesService::select(const AddressList& selected) {
  if (selected == selected_) return;
  selected_ = selected;
  changed();
}

void KubernetesService::set_ready(Address pod, bool ready) {
  const auto at = std::find(not_ready_.begin(), not_ready_.end(), pod);
  if (ready == (at == not_ready_.end())) return;
  if (ready) {
    not_ready_.erase(at);
  } else {
    not_ready_.push_back(pod);
  }
  changed();
}

void KubernetesService::changed() {
  ++wanted_;
  work_.notify_all();
}

AddressList KubernetesService::wanted() const {
  AddressList list;
  const bool all = config_.selector == KubernetesServiceConfig::Selector::none ||
                   config_.publish_not_ready_addresses;
  for (const Address pod : selected_) {
    const bool ready = std::find(not_ready_.begin(), not_ready_.end(), pod) == not_ready_.end();
    if (all || ready) list.add(pod);
  }
  return list;
}

sim::Task<> KubernetesService::controller() {
  for (;;) {
    if (reconciled_ == wanted_) {
      co_await work_.wait();
      continue;
    }
    co_await sim::sleep_for(timings_.write.sample_duration(stream_));
    co_await sim::sleep_for(timings_.controller.sample_duration(stream_));
    reconciled_ = wanted_;  // what came meanwhile is in it
    const AddressList next = wanted();
    if (next == slice_) continue;
    slice_ = next;
    ++version_;
    sim::Trace& trace = group_.simulation().trace();
    trace.emit(group_.now(), entity_, kubernetes::endpoints_changed, trace.name(config_.name),
               slice_.count, static_cast<std::int64_t>(slice_.items[0]));
    if (coredns_ != nullptr) coredns_->set(name_, slice_);
    for (const auto& node : nodes_) node->changed.notify_all();
  }
}

bool KubernetesService::reaches(const sim::Host& node) const {
  const sim::Network& network = control_plane_.simulation().network();
  return control_plane_.up() && !control_plane_.frozen() && network.open(control_plane_, node) &&
         network.open(node, control_plane_);
}

// Rules are written at once if the last sync is older than minSyncPeriod, else when it has passed
// (kubernetes pkg/util/async BoundedFrequencyRunner).
sim::Task<> KubernetesService::kube_proxy(Node& node, bool booting) {
  if (booting) {
    node.rules = {};
    node.programmed = 0;
    node.last_sync = node.group.now() - config_.min_sync_period;
    co_await sim::sleep_for(timings_.boot_sync.sample_duration(node.stream));
  }
  for (;;) {
    if (node.programmed == version_) {
      co_await node.changed.wait();
      continue;
    }
    if (!reaches(node.host)) {
      co_await sim::sleep_for(watch_retry);
      continue;
    }
    co_await sim::sleep_for(timings_.watch.sample_duration(node.stream));
    co_await sim::sleep_until(node.last_sync + config_.min_sync_period);
    if (!reaches(node.host)) continue;
    const std::uint64_t version = version_;
    const AddressList next = slice_;
    node.last_sync = node.group.now();
    co_await sim::sleep_for(timings_.program.sample_duration(node.stream));
    node.rules = next;
    node.programmed = version;
    sim::Trace& trace = node.group.simulation().trace();
    trace.emit(node.group.now(), node.host.entity(), kubernetes::rules_changed,
               trace.name(config_.name), next.count);
  }
}

KubernetesService::Node& KubernetesService::node_of(const sim::Host& host) const {
  SIM_ASSERT(!nodes_.empty(), "a service needs a node");
  for (const auto& node : nodes_) {
    if (&node->host == &host) return *node;
  }
  return *nodes_.front();
}

const AddressList& KubernetesService::rules(const sim::Host& node) const {
  return node_of(node).rules;
}

Address KubernetesService::translate(const sim::Host& from) {
  Node& node = node_of(from);
  if (node.rules.empty()) return Address::none;
  return node.rules.items[node.turn++ % node.rules.count];
}

}  // namespace predrill::models
