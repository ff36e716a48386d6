// An Application Load Balancer: it ends the clients' connections and routes each request.
//
// Real thing and version: AWS Application Load Balancer, user guide of 2023.
// Modelled: round robin and least outstanding requests; slow start with its linear ramp; a pool of
//   connections to each target, a new one where none is idle, with what its SYN meets; 502 for a
//   target that refuses, resets or dies with the request, or whose deregistration delay is over;
//   503 without registered targets; 504 for silence at connection (10 s) or for an answer that
//   does not come within the idle time-out (60 s).
// Simplified (diverges from the real thing): the transit of a request that meets no obstacle costs
//   no time. Connections to targets are counted, not held.
// Ignored: several target groups and rules, stickiness, weights, WebSockets, HTTP/2 to targets,
//   anomaly mitigation.
#pragma once

#include <cstdint>
#include <vector>

#include "models/load_balancer.hpp"

namespace predrill::models {

class Alb final : public LoadBalancer {
 public:
  Alb(sim::Simulation& simulation, LoadBalancerConfig config, TargetGroupConfig group);
  ~Alb() override;

  sim::Task<sim::NetError> connect(ServiceFlow& flow, std::size_t node,
                                   sim::Duration timeout) override;
  void forward(ServiceRequest& request) override;
  void close(ServiceFlow& flow) override;
  void abandon(ServiceRequest& request) override;
  void served(ServiceRequest& request) override;
  void lost(ServiceRequest& request, bool silent) override;
  void try_again(ServiceRequest& request) override;

  /// Requests that a target has not answered yet.
  std::uint32_t outstanding(TargetId target) const { return pools_[target].outstanding; }

 private:
  /// Connections to a target.
  struct Pool {
    std::uint32_t outstanding = 0;
    std::uint32_t idle = 0;
    std::uint32_t life = 0;       // ServiceProcess::life when they were made
    std::uint32_t host_life = 0;  // Host::incarnation
  };
  void on_target_state(TargetId target, TargetState from, TargetState to,
                       TargetReason why) override;
  Pool& pool(TargetId target);
  TargetId choose(std::size_t node);
  TargetId least_outstanding(const std::vector<TargetId>& routable);
  /// In thousandths: 1000 is a full share.
  std::int64_t share(TargetId target, const std::vector<TargetId>& routable) const;
  bool ramping(TargetId target) const;
  void route(ServiceRequest& request, TargetId target);
  sim::Task<> open(ServiceRequest& request, TargetId target, std::size_t node);
  void deliver(ServiceRequest& request);
  void leave(ServiceRequest& request);
  void end(ServiceRequest& request, RequestEnd how);
  void expire();

  std::vector<Pool> pools_;
  std::vector<std::size_t> turns_;  // per node
  sim::Stream ramps_;
  RequestList<&ServiceRequest::balancer_previous, &ServiceRequest::balancer_next> by_age_;
  sim::Timer<Alb, &Alb::expire> oldest_;
};

}  // namespace predrill::models
