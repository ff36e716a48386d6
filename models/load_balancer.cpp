#include "models/load_balancer.hpp"

#include <algorithm>
#include <utility>

#include "models/service_clients.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

// Linux: TCP_RTO_MIN and TCP_RTO_MAX.
constexpr Duration rto_first = 200ms;
constexpr Duration rto_last = 120s;

DnsServerConfig route53(const std::string& name) {
  DnsServerConfig c;
  c.name = name + "/route53";
  return c;
}

}  // namespace

std::string_view to_text(RequestEnd end) {
  switch (end) {
    case RequestEnd::answered:
      return "answered";
    case RequestEnd::no_connection:
      return "no connection";
    case RequestEnd::reset:
      return "reset";
    case RequestEnd::timeout:
      return "timeout";
    case RequestEnd::http_502:
      return "HTTP 502";
    case RequestEnd::http_503:
      return "HTTP 503";
    case RequestEnd::http_504:
      return "HTTP 504";
  }
  return "?";
}

void ServiceRequest::fire(sim::Event& event) {
  auto& request = static_cast<ServiceRequest&>(event);
  if (request.stage == Stage::serving || request.stage == Stage::pooled) {
    request.process->work_done(request);
  } else {
    request.balancer->try_again(request);
  }
}

LoadBalancerConfig LoadBalancerConfig::network_defaults() {
  LoadBalancerConfig c;
  c.dns_health_delay =
      sim::Distribution::constant(Duration(30s))
          .with_source("not published; assumed: Route 53 evaluates a zonal address within 30 s");
  return c;
}

LoadBalancerConfig LoadBalancerConfig::application_defaults() {
  LoadBalancerConfig c = network_defaults();
  c.name = "alb";
  c.cross_zone_enabled = true;
  c.idle_timeout = 60s;
  return c;
}

LoadBalancer::LoadBalancer(sim::Simulation& simulation, LoadBalancerConfig config,
                           TargetGroupConfig group)
    : simulation_(simulation),
      config_(std::move(config)),
      entity_(simulation.trace().entity(config_.name)),
      in_dns_(config_.zones.size(), true),
      dns_host_(simulation, config_.name + "/route53", simulation.network().zone("route53")),
      dns_group_(dns_host_, "route53"),
      dns_(dns_group_, route53(config_.name), config_.dns_health_delay) {
  AddressList addresses;
  std::vector<sim::Host*> hosts;
  for (const sim::ZoneId zone : config_.zones) {
    const std::string name = config_.name + "/" + simulation.network().zone_name(zone);
    nodes_.push_back(std::make_unique<Node>(simulation, name, zone));
    hosts.push_back(&nodes_.back()->host);
    addresses.add(Address{static_cast<std::uint32_t>(nodes_.size())});
  }
  dns_.add(dns_name, config_.name, config_.dns_ttl, addresses);
  group_ = std::make_unique<TargetGroup>(simulation, std::move(group), hosts,
                                         config_.cross_zone_enabled);
  group_->observe(*this);
}

LoadBalancer::~LoadBalancer() = default;

TargetId LoadBalancer::add_target(ServiceProcess& process) {
  processes_.push_back(&process);
  return group_->add({process.name(), &process.port(), nullptr});
}

void LoadBalancer::forget_stalls(ServiceRequest& request) {
  request.resend = rto_first;
}

void LoadBalancer::stall(ServiceRequest& request, ServiceRequest::Stage stage) {
  request.stage = stage;
  simulation_.schedule(request, simulation_.world(), simulation_.now() + request.resend);
  request.resend = std::min(request.resend * 2, rto_last);
}

bool LoadBalancer::reaches_node(const ServiceFlow& flow, std::size_t node) const {
  const sim::Network& network = simulation_.network();
  const sim::Host& client = flow.clients.host();
  return network.reaches(client, nodes_[node]->host) && network.open(nodes_[node]->host, client);
}

bool LoadBalancer::reaches_target(std::size_t node, const ServiceProcess& process) const {
  const sim::Network& network = simulation_.network();
  const sim::Host& from = nodes_[node]->host;
  return from.up() && network.reaches(from, process.host()) && network.open(process.host(), from);
}

// A zone whose address has failed is left out, unless all have: then all are served.
void LoadBalancer::on_routing_change() {
  std::vector<bool> passes(nodes_.size());
  bool any = false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    passes[i] = !group_->fails_dns(i);
    any = any || passes[i];
  }
  if (!any) passes.assign(nodes_.size(), true);
  if (passes == in_dns_) return;
  AddressList addresses;
  std::int64_t mask = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (passes[i]) addresses.add(Address{static_cast<std::uint32_t>(i + 1)});
    if (passes[i]) mask |= std::int64_t{1} << i;
  }
  std::swap(passes, in_dns_);
  dns_.set(dns_name, addresses);
  simulation_.trace().emit(simulation_.now(), entity_, load_balancer::dns_changed, addresses.count,
                           static_cast<std::int64_t>(nodes_.size()), mask);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (passes[i] == in_dns_[i]) continue;
    for (LoadBalancerObserver* observer : observers_) observer->on_dns(i, in_dns_[i]);
  }
}

}  // namespace predrill::models
