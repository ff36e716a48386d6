// A Network Load Balancer: TCP flows that stay on one target for their life.
//
// Real thing and version: AWS Network Load Balancer, user guide of 2023 and later attributes.
// Modelled: a flow's target by hash, once; what a SYN meets (see sim/tcp.hpp); packets to a silent
//   target, sent again by TCP; RST to packets of flows whose target is unhealthy (termination on,
//   not failing open) or gone; the idle time-out, silent until the next packet; FIN and RST of the
//   target passed on.
// Simplified (diverges from the real thing): the transit of a request that meets no obstacle costs
//   no time. The hash is a random choice per flow. A flow through a node that died is RST when the
//   node is back.
// Ignored: UDP, TLS listeners, source-port exhaustion, hairpinning, stickiness, zonal shift.
#pragma once

#include <cstdint>
#include <string>

#include "models/load_balancer.hpp"

namespace predrill::models {

class Nlb final : public LoadBalancer {
 public:
  Nlb(sim::Simulation& simulation, LoadBalancerConfig config, TargetGroupConfig group);
  ~Nlb() override;

  sim::Task<sim::NetError> connect(ServiceFlow& flow, std::size_t node,
                                   sim::Duration timeout) override;
  void forward(ServiceRequest& request) override;
  void close(ServiceFlow& flow) override;
  void abandon(ServiceRequest& request) override;
  void served(ServiceRequest& request) override;
  void lost(ServiceRequest& request, bool silent) override;
  void try_again(ServiceRequest& request) override;

 private:
  enum class Passage : std::uint8_t {
    open,
    silent,
    cut,      // RST: the target's state
    idle,     // RST: the idle time-out is over
    unknown,  // RST: the node has restarted
    reset_by_target
  };
  Passage passage(const ServiceFlow& flow) const;
  bool lost_on_the_way(const ServiceFlow& flow);
  void deliver(ServiceRequest& request);
  void reset(ServiceFlow& flow, Passage why);
  sim::Task<> watch(ServiceFlow& flow, std::uint32_t life);

  sim::Stream hashes_;
};

}  // namespace predrill::models
