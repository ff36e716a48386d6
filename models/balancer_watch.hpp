// Watches a load balancer, its processes and its clients during a run and reports to the
// BalancerChecker.
#pragma once

#include <vector>

#include "models/balancer_invariants.hpp"
#include "models/load_balancer.hpp"
#include "models/service_clients.hpp"
#include "sim/sync.hpp"

namespace predrill::models {

class BalancerWatch final : public TargetGroupObserver, public LoadBalancerObserver {
 public:
  /// Watches from now on; they outlive it. Construct before the first request. Without clients the
  /// load is a rate, whose flows go to every target that a node may choose.
  BalancerWatch(LoadBalancer& balancer, ServiceClients* clients);

  BalancerChecker& checker() { return checker_; }
  /// At the end of the run.
  void finish();

 private:
  void on_check(TargetId target, std::int32_t checker, sim::Time sent, bool passed) override;
  void on_target_state(TargetId target, TargetState from, TargetState to,
                       TargetReason why) override;
  void on_routing_change() override;
  void on_flow(const ServiceFlow& flow, std::size_t node, TargetId target) override;
  void on_delivered(const ServiceFlow& flow, TargetId target) override;
  void on_cut(const ServiceFlow& flow, FlowCut why) override;
  void on_dns(std::size_t node, bool answered) override;
  sim::Time now() const { return balancer_.simulation().now(); }
  void meet_new_targets();
  void poll();
  void check_work();

  LoadBalancer& balancer_;
  ServiceClients* clients_;
  BalancerChecker checker_;
  std::vector<std::uint64_t> received_before_;  // by each process, when it became known
  sim::Timer<BalancerWatch, &BalancerWatch::poll> next_poll_;
};

}  // namespace predrill::models
