#include "models/nlb.hpp"

#include <utility>

#include "models/service_clients.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::NetError;
using Stage = ServiceRequest::Stage;

Nlb::Nlb(sim::Simulation& simulation, LoadBalancerConfig config, TargetGroupConfig group)
    : LoadBalancer(simulation, std::move(config), std::move(group)),
      hashes_(simulation.stream(config_.name, "flow hash")) {}

Nlb::~Nlb() = default;

sim::Task<NetError> Nlb::connect(ServiceFlow& flow, std::size_t node_index, Duration timeout) {
  const std::uint32_t life = flow.life;
  if (!reaches_node(flow, node_index)) {
    ++counters_.silent_flows;
    co_await sim::sleep_for(timeout);
    co_return NetError::timeout;
  }
  const std::vector<TargetId>& routable = targets().routable(node_index);
  const std::uint64_t hash = hashes_.next();
  if (routable.empty()) {
    ++counters_.refused_flows;
    co_return NetError::refused;
  }
  const TargetId target = routable[(hash >> 32) * routable.size() >> 32];
  ++counters_.new_flows;
  if (targets().fails_open(node_index)) ++counters_.unhealthy_routing_flows;
  ServiceProcess& destination = process(target);
  const std::uint32_t node_life = node(node_index).incarnation();
  for (LoadBalancerObserver* observer : observers_) {
    observer->on_flow(flow, node_index, target);
  }
  auto socket = co_await sim::connect(node_group(node_index), destination.port(), timeout);
  const bool node_died = !node(node_index).up() || node(node_index).incarnation() != node_life;
  if (node_died || flow.life != life) co_return NetError::timeout;
  targets().note_connection(target, static_cast<bool>(socket));
  if (!socket) {
    ++(socket.error() == NetError::timeout ? counters_.silent_flows : counters_.refused_flows);
    co_return socket.error();
  }
  flow.node = node_index;
  flow.target = target;
  flow.node_life = node_life;
  flow.process_life = destination.life();
  flow.last_packet = simulation_.now();
  flow.socket = std::move(*socket);
  flow.established = true;
  ++counters_.active_flows;
  flow.watcher = node_group(node_index).spawn(watch(flow, life));
  co_return NetError::none;
}

/// The target closes or resets the connection.
sim::Task<> Nlb::watch(ServiceFlow& flow, std::uint32_t life) {
  const auto message = co_await flow.socket.receive();
  if (message || flow.life != life) co_return;
  reset(flow, Passage::reset_by_target);
}

void Nlb::close(ServiceFlow& flow) {
  if (!flow.established) return;
  flow.established = false;
  --counters_.active_flows;
  node_group(flow.node).kill(flow.watcher);
  flow.socket.close();
}

void Nlb::reset(ServiceFlow& flow, Passage why) {
  if (why == Passage::reset_by_target) {
    ++counters_.target_resets;
  } else {
    ++counters_.elb_resets;
    const FlowCut cut = why == Passage::cut    ? FlowCut::target_state
                        : why == Passage::idle ? FlowCut::idle_timeout
                                               : FlowCut::unknown_flow;
    for (LoadBalancerObserver* observer : observers_) observer->on_cut(flow, cut);
  }
  flow.clients.flow_broken(flow);
}

Nlb::Passage Nlb::passage(const ServiceFlow& flow) const {
  if (!reaches_node(flow, flow.node)) return Passage::silent;
  if (node(flow.node).incarnation() != flow.node_life) return Passage::unknown;
  if (targets().cuts_flows(flow.target, flow.node)) return Passage::cut;
  const ServiceProcess& destination = process(flow.target);
  if (!reaches_target(flow.node, destination)) return Passage::silent;
  if (destination.life() != flow.process_life) return Passage::reset_by_target;
  return Passage::open;
}

bool Nlb::lost_on_the_way(const ServiceFlow& flow) {
  sim::Network& network = simulation_.network();
  return network.lost(node(flow.node), process(flow.target).host());
}

void Nlb::forward(ServiceRequest& request) {
  ServiceFlow& flow = *request.flow;
  request.balancer = this;
  request.target = flow.target;
  forget_stalls(request);
  if (simulation_.now() - flow.last_packet > config_.idle_timeout) {
    reset(flow, Passage::idle);
    return;
  }
  flow.last_packet = simulation_.now();
  deliver(request);
}

void Nlb::deliver(ServiceRequest& request) {
  ServiceFlow& flow = *request.flow;
  const Passage passes = passage(flow);
  if (passes == Passage::silent || (passes == Passage::open && lost_on_the_way(flow))) {
    stall(request, Stage::stalled);
    return;
  }
  if (passes != Passage::open) {
    reset(flow, passes);
    return;
  }
  for (LoadBalancerObserver* observer : observers_) observer->on_delivered(flow, flow.target);
  if (!process(flow.target).submit(request)) request.clients.ended(request, RequestEnd::http_503);
}

void Nlb::try_again(ServiceRequest& request) {
  if (request.stage == Stage::stalled) {
    deliver(request);
  } else {
    served(request);
  }
}

/// The answer goes back the way the request came.
void Nlb::served(ServiceRequest& request) {
  if (request.given_up) {
    request.clients.recycle(request);
    return;
  }
  ServiceFlow& flow = *request.flow;
  const Passage passes = passage(flow);
  if (passes == Passage::silent) {
    if (request.stage != Stage::answer_stalled) forget_stalls(request);
    stall(request, Stage::answer_stalled);
    return;
  }
  if (passes != Passage::open) {
    reset(flow, passes);
    return;
  }
  flow.last_packet = simulation_.now();
  request.clients.ended(request, RequestEnd::answered);
}

/// FIN or RST reach the client through its flow; of a dead host it hears nothing.
void Nlb::lost(ServiceRequest& request, bool /*silent*/) {
  if (request.given_up) request.clients.recycle(request);
}

void Nlb::abandon(ServiceRequest& request) {
  if (request.pending()) simulation_.cancel(request);
  request.clients.recycle(request);
}

}  // namespace predrill::models
