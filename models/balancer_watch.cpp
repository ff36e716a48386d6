#include "models/balancer_watch.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration poll_interval = 10s;

}  // namespace

BalancerWatch::BalancerWatch(LoadBalancer& balancer, ServiceClients* clients)
    : balancer_(balancer),
      clients_(clients),
      checker_(balancer.targets().config(), balancer.config()),
      next_poll_(*this, balancer.simulation().world()) {
  meet_new_targets();
  balancer_.targets().observe(*this);
  balancer_.observe(*this);
  next_poll_.arm(poll_interval);
}

void BalancerWatch::meet_new_targets() {
  const TargetGroup& group = balancer_.targets();
  while (received_before_.size() < group.targets()) {
    const auto id = static_cast<TargetId>(received_before_.size());
    checker_.on_target(now(), id, balancer_.process(id).host().zone(), group.state(id));
    received_before_.push_back(balancer_.process(id).received_in_all());
  }
}

void BalancerWatch::on_check(TargetId target, std::int32_t checker, sim::Time sent, bool passed) {
  checker_.on_check(now(), target, checker, sent, passed);
}

void BalancerWatch::on_target_state(TargetId target, TargetState from, TargetState to,
                                    TargetReason why) {
  if (target >= received_before_.size()) {  // registered for the first time
    const sim::ZoneId zone = balancer_.process(target).host().zone();
    meet_new_targets();
    checker_.on_target(now(), target, zone, from);
  }
  checker_.on_state(now(), target, from, to, why);
}

void BalancerWatch::on_routing_change() {
  for (std::size_t node = 0; node < balancer_.nodes(); ++node) {
    checker_.on_routing(now(), node, balancer_.targets().fails_open(node));
  }
}

void BalancerWatch::on_flow(const ServiceFlow& /*flow*/, std::size_t node, TargetId target) {
  checker_.on_flow(now(), node, target);
}

void BalancerWatch::on_delivered(const ServiceFlow& flow, TargetId target) {
  if (balancer_.targets().config().balancer == BalancerType::application) {
    checker_.on_single_request(target);
    return;
  }
  checker_.on_delivered(now(), flow.number, flow.life, flow.node, target);
}

void BalancerWatch::on_cut(const ServiceFlow& flow, FlowCut why) {
  checker_.on_cut(now(), flow.node, flow.target, why);
}

void BalancerWatch::on_dns(std::size_t node, bool answered) {
  checker_.on_dns(now(), node, answered);
}

void BalancerWatch::poll() {
  next_poll_.arm(poll_interval);
  on_routing_change();
  for (std::size_t node = 0; clients_ == nullptr && node < balancer_.nodes(); ++node) {
    if (!balancer_.in_dns(node) || !balancer_.node(node).up()) continue;
    for (const TargetId target : balancer_.targets().routable(node)) {
      checker_.on_flow(now(), node, target);
    }
  }
  check_work();
}

void BalancerWatch::check_work() {
  meet_new_targets();
  for (std::size_t i = 0; i < received_before_.size(); ++i) {
    const auto id = static_cast<TargetId>(i);
    ServiceProcess& process = balancer_.process(id);
    const ServiceStats stats = process.stats();
    checker_.on_work(now(), id, stats.received, stats.served, stats.rejected, stats.lost,
                     process.present());
    // What the load balancer has delivered is what the process has received.
    checker_.on_work(now(), id, checker_.delivered(id),
                     process.received_in_all() - received_before_[i], 0, 0, 0);
    checker_.on_load(now(), id, process.waiting());
  }
}

void BalancerWatch::finish() {
  check_work();
  if (clients_ == nullptr) return;
  const auto& ends = clients_->ends_in_all();
  std::uint64_t failed = 0;
  for (std::size_t i = 1; i < ends.size(); ++i) failed += ends[i];
  checker_.finish(now(), clients_->arrived(), ends[0], failed, clients_->under_way());
}

}  // namespace predrill::models
