#include "models/service_clients.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::NetError;
using sim::Time;
using Stage = ServiceRequest::Stage;

namespace {

/// So long without a failure, and the service is said to serve again.
constexpr Duration calm = 10s;

}  // namespace

std::uint64_t ServiceClientsStats::failed() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 1; i < ends.size(); ++i) sum += ends[i];
  return sum;
}

ServiceClientsConfig ServiceClientsConfig::open_loop(std::int64_t requests_per_second,
                                                     std::int64_t flows_per_minute,
                                                     std::size_t flows) {
  ServiceClientsConfig c;
  const Duration flow_gap = Duration(60s) / flows_per_minute;
  c.between_requests = Distribution::exponential(Duration(1s) / requests_per_second)
                           .with_source("Poisson arrivals; the rate is the workload's");
  c.between_flows = Distribution::exponential(flow_gap).with_source(
      "Poisson arrivals; the rate is the workload's (NewFlowCount)");
  c.flow_lifetime =
      Distribution::exponential(flow_gap * static_cast<std::int64_t>(flows))
          .with_source("Little's law: ActiveFlowCount / NewFlowCount; assumed exponential");
  c.flows = flows;
  return c;
}

ServiceClients::ServiceClients(sim::Host& host, LoadBalancer& balancer, ServiceClientsConfig config)
    : config_(std::move(config)),
      balancer_(balancer),
      entity_(host.simulation().trace().entity(config_.name)),
      request_gaps_(host.simulation().stream(config_.name, "between requests")),
      flow_gaps_(host.simulation().stream(config_.name, "between flows")),
      lifetimes_(host.simulation().stream(config_.name, "flow lifetime")),
      choices_(host.simulation().stream(config_.name, "flow of a request")),
      orders_(host.simulation().stream(config_.name, "order of addresses")),
      group_(host, "clients"),
      next_request_(*this, group_),
      next_flow_(*this, group_),
      oldest_(*this, group_) {}

ServiceClients::~ServiceClients() {
  group_.kill();
  for (const auto& request : requests_) {
    if (request->process != nullptr) request->process->withdraw(*request);
  }
  for (const auto& flow : flows_) balancer_.close(*flow);
}

void ServiceClients::start() {
  sim::Stream phases = group_.simulation().stream(config_.name, "age of DNS answers");
  resolvers_.resize(std::max<std::size_t>(config_.resolvers, 1));
  for (Resolver& resolver : resolvers_) {
    resolver.addresses = balancer_.dns().current(LoadBalancer::dns_name);
    resolver.expires = group_.now() + phases.uniform(Duration{}, balancer_.config().dns_ttl);
  }
  for (std::size_t i = 0; i < config_.flows; ++i) open_flow();
  next_flow_.arm(config_.between_flows.sample_duration(flow_gaps_));
  next_request_.arm(config_.between_requests.sample_duration(request_gaps_));
}

void ServiceClients::restart_stats() {
  stats_ = {};
}

std::size_t ServiceClients::flows_to(TargetId target) const {
  return static_cast<std::size_t>(std::count_if(flows_.begin(), flows_.end(), [&](const auto& f) {
    return f->established && f->target == target;
  }));
}

// ---- flows

void ServiceClients::new_flow_arrives() {
  next_flow_.arm(config_.between_flows.sample_duration(flow_gaps_));
  open_flow();
}

void ServiceClients::open_flow() {
  Flow& flow = take_flow();
  group_.spawn(open(flow));
}

ServiceClients::Flow& ServiceClients::take_flow() {
  if (free_flows_.empty()) {
    flows_.push_back(std::make_unique<Flow>(*this, group_));
    flows_.back()->number = static_cast<std::uint32_t>(flows_.size());
    free_flows_.push_back(flows_.back().get());
  }
  Flow& flow = *free_flows_.back();
  free_flows_.pop_back();
  flow.closing = false;
  flow.target = no_target;
  flow.resolver = static_cast<std::uint32_t>(orders_.below(resolvers_.size()));
  return flow;
}

/// A client that gets no connection tries for as long as it would have used it.
sim::Task<> ServiceClients::open(Flow& flow) {
  const Time end = group_.now() + config_.flow_lifetime.sample_duration(lifetimes_);
  while (group_.now() < end) {
    const AddressList addresses = co_await resolve(flow.resolver);
    const std::size_t n = addresses.count;
    const std::size_t first = orders_.below(n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t node = LoadBalancer::node_of(addresses.items[(first + i) % n]);
      const NetError error = co_await balancer_.connect(flow, node, config_.connect_timeout);
      if (error == NetError::none) {
        flow.end_of_life.arm(end - group_.now());
        established(flow);
        co_return;
      }
      ++stats_.flows_failed;
    }
    co_await sim::sleep_for(config_.reconnect_pause);
  }
  free_flows_.push_back(&flow);
}

sim::Task<AddressList> ServiceClients::resolve(std::size_t index) {
  if (group_.now() < resolvers_[index].expires) co_return resolvers_[index].addresses;
  const DnsAnswer answer = co_await balancer_.dns().query(group_, LoadBalancer::dns_name);
  Resolver& resolver = resolvers_[index];
  if (answer.status == DnsAnswer::Status::ok) {  // else the old answer has to do
    resolver.addresses = answer.addresses;
    resolver.expires = group_.now() + answer.ttl;
  }
  co_return resolver.addresses;
}

void ServiceClients::established(Flow& flow) {
  ++stats_.flows_opened;
  set_usable(flow, true);
}

void ServiceClients::set_usable(ServiceFlow& flow, bool usable) {
  if (flow.usable == usable) return;
  flow.usable = usable;
  if (usable) {
    flow.position = usable_.size();
    usable_.push_back(&flow);
    return;
  }
  usable_[flow.position] = usable_.back();
  usable_[flow.position]->position = flow.position;
  usable_.pop_back();
}

/// The client has no more use for it; what is under way comes to its end.
void ServiceClients::retire(Flow& flow) {
  flow.closing = true;
  set_usable(flow, false);
  if (flow.under_way == 0) end_flow(flow);
}

void ServiceClients::end_flow(Flow& flow) {
  set_usable(flow, false);
  flow.end_of_life.disarm();
  balancer_.close(flow);
  ++flow.life;
  free_flows_.push_back(&flow);
}

void ServiceClients::flow_broken(ServiceFlow& broken) {
  auto& flow = static_cast<Flow&>(broken);
  ++stats_.flows_broken;
  const bool replace = !flow.closing;
  flow.closing = false;
  set_usable(flow, false);
  while (!flow.requests.empty()) ended(*flow.requests.first(), RequestEnd::reset);
  end_flow(flow);
  if (replace) open_flow();
}

// ---- requests

void ServiceClients::arrive() {
  next_request_.arm(config_.between_requests.sample_duration(request_gaps_));
  ++arrived_;
  send(group_.now(), 0);
}

void ServiceClients::send(Time first_sent, std::uint8_t attempt) {
  if (usable_.empty()) {
    note_end(first_sent, no_target, RequestEnd::no_connection);
    return;
  }
  ServiceFlow& flow = *usable_[choices_.below(usable_.size())];
  ServiceRequest& request = take_request();
  request.flow = &flow;
  request.target = flow.target;
  request.first_sent = first_sent;
  request.sent = group_.now();
  request.attempt = attempt;
  flow.requests.append(request);
  ++flow.under_way;
  ++under_way_;
  if (!config_.multiplexed) set_usable(flow, false);
  by_age_.append(request);
  if (!oldest_.armed()) oldest_.arm(config_.request_timeout);
  balancer_.forward(request);
}

ServiceRequest& ServiceClients::take_request() {
  if (free_requests_.empty()) {
    requests_.push_back(std::make_unique<ServiceRequest>(*this));
    free_requests_.push_back(requests_.back().get());
  }
  ServiceRequest& request = *free_requests_.back();
  free_requests_.pop_back();
  return request;
}

void ServiceClients::recycle(ServiceRequest& request) {
  request.stage = Stage::with_client;
  request.process = nullptr;
  request.given_up = false;
  free_requests_.push_back(&request);
}

/// Takes the object back, or leaves it to whoever works on it.
void ServiceClients::release(ServiceRequest& request) {
  if (request.process != nullptr || request.stage == Stage::connecting) {
    request.given_up = true;
  } else {
    balancer_.abandon(request);
  }
}

void ServiceClients::ended(ServiceRequest& request, RequestEnd end) {
  auto& flow = static_cast<Flow&>(*request.flow);
  const Time first_sent = request.first_sent;
  const TargetId target = request.target;
  const std::uint8_t attempt = request.attempt;
  by_age_.remove(request);
  flow.requests.remove(request);
  request.flow = nullptr;
  --flow.under_way;
  --under_way_;
  release(request);
  if (flow.closing && flow.under_way == 0) {
    end_flow(flow);
  } else if (!config_.multiplexed && !flow.closing && flow.established &&
             end != RequestEnd::reset && end != RequestEnd::timeout) {
    set_usable(flow, true);
  }
  const bool again = end == RequestEnd::reset && attempt < config_.retries;
  if (!again) {
    note_end(first_sent, target, end);
    return;
  }
  ++stats_.retried;
  send(first_sent, static_cast<std::uint8_t>(attempt + 1));
}

/// The client's own limit: it drops the flow, with all that is on it, and opens another one.
void ServiceClients::expire() {
  const Time now = group_.now();
  while (!by_age_.empty() && by_age_.first()->sent + config_.request_timeout <= now) {
    ServiceRequest& request = *by_age_.first();
    auto& flow = static_cast<Flow&>(*request.flow);
    const bool replace = !flow.closing;
    flow.closing = false;
    ended(request, RequestEnd::timeout);
    set_usable(flow, false);
    while (!flow.requests.empty()) ended(*flow.requests.first(), RequestEnd::timeout);
    ++stats_.flows_broken;
    end_flow(flow);
    if (replace) open_flow();
  }
  if (!by_age_.empty()) oldest_.arm(by_age_.first()->sent + config_.request_timeout - now);
}

void ServiceClients::note_end(Time first_sent, TargetId target, RequestEnd end) {
  const Time now = group_.now();
  ++stats_.ends[static_cast<std::size_t>(end)];
  ++ends_in_all_[static_cast<std::size_t>(end)];
  if (observer_ != nullptr) observer_->on_request(first_sent, now, target, end);
  sim::Trace& trace = group_.simulation().trace();
  if (end == RequestEnd::answered) {
    stats_.response.add(now - first_sent);
    if (target != no_target) {
      if (target >= stats_.served.size()) stats_.served.resize(target + 1U);
      ++stats_.served[target];
    }
    if (failed_in_a_row_ > 0 && now - last_failure_ > calm) {
      trace.emit(now, entity_, service::serving, static_cast<std::int64_t>(failed_in_a_row_),
                 (last_failure_ - failing_since_).count());
      failed_in_a_row_ = 0;
    }
    return;
  }
  if (failed_in_a_row_++ == 0) {
    failing_since_ = now;
    trace.emit(now, entity_, service::failing, trace.name(to_text(end)));
  }
  last_failure_ = now;
}

}  // namespace predrill::models
