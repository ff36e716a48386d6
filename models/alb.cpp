#include "models/alb.hpp"

#include <algorithm>
#include <utility>

#include "models/service_clients.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::NetError;
using sim::Time;
using Stage = ServiceRequest::Stage;

Alb::Alb(sim::Simulation& simulation, LoadBalancerConfig config, TargetGroupConfig group)
    : LoadBalancer(simulation, std::move(config), std::move(group)),
      turns_(nodes()),
      ramps_(simulation.stream(config_.name, "slow start")),
      oldest_(*this, simulation.world()) {}

Alb::~Alb() = default;

sim::Task<NetError> Alb::connect(ServiceFlow& flow, std::size_t node_index, Duration timeout) {
  if (!reaches_node(flow, node_index)) {
    ++counters_.silent_flows;
    co_await sim::sleep_for(timeout);
    co_return NetError::timeout;
  }
  flow.node = node_index;
  flow.node_life = node(node_index).incarnation();
  flow.last_packet = simulation_.now();
  flow.established = true;
  ++counters_.new_flows;
  ++counters_.active_flows;
  co_return NetError::none;
}

void Alb::close(ServiceFlow& flow) {
  if (!flow.established) return;
  flow.established = false;
  --counters_.active_flows;
}

// ---- a request

void Alb::forward(ServiceRequest& request) {
  ServiceFlow& flow = *request.flow;
  request.balancer = this;
  request.routed_to_target = false;
  forget_stalls(request);
  if (!reaches_node(flow, flow.node)) {
    request.stage = Stage::lost;  // the client's own limit ends it
    return;
  }
  const bool idle = simulation_.now() - flow.last_packet > config_.idle_timeout;
  if (idle || node(flow.node).incarnation() != flow.node_life) {
    ++counters_.elb_resets;
    const FlowCut why = idle ? FlowCut::idle_timeout : FlowCut::unknown_flow;
    for (LoadBalancerObserver* observer : observers_) observer->on_cut(flow, why);
    flow.clients.flow_broken(flow);
    return;
  }
  flow.last_packet = simulation_.now();
  const TargetId target = choose(flow.node);
  if (target == no_target) {
    request.clients.ended(request, RequestEnd::http_503);
    return;
  }
  for (LoadBalancerObserver* observer : observers_) observer->on_flow(flow, flow.node, target);
  route(request, target);
}

void Alb::route(ServiceRequest& request, TargetId target) {
  request.target = target;
  request.routed = simulation_.now();
  request.routed_to_target = true;
  by_age_.append(request);
  if (!oldest_.armed()) oldest_.arm(config_.idle_timeout);
  Pool& connections = pool(target);
  ++connections.outstanding;
  const ServiceProcess& destination = process(target);
  if (connections.life != destination.life() && destination.host().up()) {
    // A dead process has closed them; of a host that died they are thought open until its RST.
    const bool reset = connections.host_life != destination.host().incarnation();
    const bool had_any = std::exchange(connections.idle, 0) > 0;
    if (reset && had_any) {
      end(request, RequestEnd::http_502);
      return;
    }
  }
  if (connections.idle > 0) {
    --connections.idle;
    deliver(request);
    return;
  }
  request.stage = Stage::connecting;
  simulation_.world().spawn(open(request, target, request.flow->node));
}

sim::Task<> Alb::open(ServiceRequest& request, TargetId target, std::size_t node_index) {
  auto socket = co_await sim::connect(node_group(node_index), process(target).port(),
                                      config_.connect_timeout);
  targets().note_connection(target, static_cast<bool>(socket));
  request.stage = Stage::with_client;
  if (request.given_up) {
    leave(request);
    request.clients.recycle(request);
    co_return;
  }
  if (socket) {
    Pool& connections = pool(target);
    connections.life = process(target).life();
    connections.host_life = process(target).host().incarnation();
    deliver(request);
    co_return;
  }
  const bool silent = socket.error() == NetError::timeout;
  end(request, silent ? RequestEnd::http_504 : RequestEnd::http_502);
}

void Alb::deliver(ServiceRequest& request) {
  ServiceProcess& destination = process(request.target);
  const std::size_t from = request.flow->node;
  if (!reaches_target(from, destination) ||
      simulation_.network().lost(node(from), destination.host())) {
    stall(request, Stage::stalled);
    return;
  }
  if (!destination.running() || pool(request.target).life != destination.life()) {
    end(request, RequestEnd::http_502);
    return;
  }
  for (LoadBalancerObserver* observer : observers_) {
    observer->on_delivered(*request.flow, request.target);
  }
  if (!destination.submit(request)) end(request, RequestEnd::http_503);
}

void Alb::try_again(ServiceRequest& request) {
  if (request.stage == Stage::stalled) {
    deliver(request);
  } else {
    served(request);
  }
}

void Alb::served(ServiceRequest& request) {
  if (request.given_up) {
    leave(request);
    request.clients.recycle(request);
    return;
  }
  if (!reaches_target(request.flow->node, process(request.target))) {
    if (request.stage != Stage::answer_stalled) forget_stalls(request);
    stall(request, Stage::answer_stalled);
    return;
  }
  ++pool(request.target).idle;
  ServiceFlow& flow = *request.flow;
  leave(request);
  if (!reaches_node(flow, flow.node)) {
    request.stage = Stage::lost;
    return;
  }
  flow.last_packet = simulation_.now();
  request.clients.ended(request, RequestEnd::answered);
}

void Alb::lost(ServiceRequest& request, bool silent) {
  if (request.given_up) {
    leave(request);
    request.clients.recycle(request);
  } else if (!silent) {
    end(request, RequestEnd::http_502);
  }
}

void Alb::abandon(ServiceRequest& request) {
  leave(request);
  if (request.pending()) simulation_.cancel(request);
  request.clients.recycle(request);
}

/// It is nothing of the load balancer's any more.
void Alb::leave(ServiceRequest& request) {
  if (!request.routed_to_target) return;
  request.routed_to_target = false;
  by_age_.remove(request);
  --pool(request.target).outstanding;
  if (request.process == nullptr && request.pending()) simulation_.cancel(request);
}

void Alb::end(ServiceRequest& request, RequestEnd how) {
  leave(request);
  if (request.given_up) return;  // it comes back from its process
  if (reaches_node(*request.flow, request.flow->node)) {
    request.clients.ended(request, how);
  } else {
    request.stage = Stage::lost;
  }
}

/// No answer within the idle time-out.
void Alb::expire() {
  const Time now = simulation_.now();
  while (!by_age_.empty() && by_age_.first()->routed + config_.idle_timeout <= now) {
    end(*by_age_.first(), RequestEnd::http_504);
  }
  if (!by_age_.empty()) oldest_.arm(by_age_.first()->routed + config_.idle_timeout - now);
}

/// The deregistration delay is over: what the target still has is cut.
void Alb::on_target_state(TargetId target, TargetState from, TargetState to, TargetReason /*why*/) {
  if (from != TargetState::draining || to != TargetState::unused) return;
  for (ServiceRequest* request = by_age_.first(); request != nullptr;) {
    ServiceRequest* next = request->balancer_next;
    if (request->target == target) end(*request, RequestEnd::http_502);
    request = next;
  }
}

// ---- choice of the target

Alb::Pool& Alb::pool(TargetId target) {
  if (target >= pools_.size()) pools_.resize(target + std::size_t{1});
  return pools_[target];
}

TargetId Alb::choose(std::size_t node_index) {
  const std::vector<TargetId>& routable = targets().routable(node_index);
  if (routable.empty()) return no_target;
  if (targets().config().load_balancing_algorithm == RoutingAlgorithm::least_outstanding_requests) {
    return least_outstanding(routable);
  }
  std::size_t& turn = turns_[node_index];
  for (std::size_t i = 0; i < 2 * routable.size(); ++i) {
    const TargetId target = routable[turn++ % routable.size()];
    const std::int64_t part = share(target, routable);
    if (part == 1000 || static_cast<std::int64_t>(ramps_.below(1000)) < part) return target;
  }
  return routable[turn++ % routable.size()];
}

TargetId Alb::least_outstanding(const std::vector<TargetId>& routable) {
  std::size_t& turn = turns_.front();
  TargetId best = no_target;
  for (std::size_t i = 0; i < routable.size(); ++i) {
    const TargetId target = routable[(turn + i) % routable.size()];
    if (best == no_target || pool(target).outstanding < pool(best).outstanding) best = target;
  }
  ++turn;
  return best;
}

bool Alb::ramping(TargetId target) const {
  return simulation_.now() - targets().since(target) < targets().config().slow_start_duration;
}

/// Slow start needs another healthy target that is not in it.
std::int64_t Alb::share(TargetId target, const std::vector<TargetId>& routable) const {
  const Duration duration = targets().config().slow_start_duration;
  if (duration == 0s || targets().state(target) != TargetState::healthy || !ramping(target)) {
    return 1000;
  }
  const bool others = std::any_of(routable.begin(), routable.end(), [&](TargetId t) {
    return targets().state(t) == TargetState::healthy && !ramping(t);
  });
  if (!others) return 1000;
  return (simulation_.now() - targets().since(target)) * 1000 / duration;
}

}  // namespace predrill::models
