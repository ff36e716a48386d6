// What Network and Application Load Balancers share: a node in each enabled zone, the zones'
// addresses in DNS, a target group with the processes behind it, counters as in CloudWatch.
//
// Modelled: a zone's address leaves DNS when the target group fails dns_failover there (over all
//   zones with cross-zone), after Route 53's delay; if every zone fails, all addresses are served.
//   Clients go on using an address until the record's TTL is over.
// Simplified (diverges from the real thing): one listener and one target group.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/dns.hpp"
#include "models/service_flow.hpp"
#include "models/service_process.hpp"
#include "models/target_group.hpp"
#include "sim/host.hpp"
#include "sim/network.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct LoadBalancerConfig {
  std::string name = "nlb";                                  // LoadBalancerName
  std::vector<sim::ZoneId> zones;                            // AvailabilityZones
  bool cross_zone_enabled = false;                           // load_balancing.cross_zone.enabled
  sim::Duration idle_timeout = std::chrono::seconds(350);    // of flows; see the defaults below
  sim::Duration connect_timeout = std::chrono::seconds(10);  // application: to a target
  sim::Duration dns_ttl = std::chrono::seconds(60);
  sim::Distribution dns_health_delay;  // of a zone's address: to leave DNS, to come back

  /// tcp.idle_timeout.seconds 350; cross-zone off.
  static LoadBalancerConfig network_defaults();
  /// idle_timeout.timeout_seconds 60; cross-zone always on.
  static LoadBalancerConfig application_defaults();
};

/// Since the start of the run; names of CloudWatch where there are such.
struct LoadBalancerCounters {
  std::uint64_t new_flows = 0;                // NewFlowCount
  std::uint64_t active_flows = 0;             // ActiveFlowCount, now
  std::uint64_t elb_resets = 0;               // TCP_ELB_Reset_Count
  std::uint64_t target_resets = 0;            // TCP_Target_Reset_Count
  std::uint64_t unhealthy_routing_flows = 0;  // UnhealthyRoutingFlowCount
  std::uint64_t refused_flows = 0;            // no target, or the target refused
  std::uint64_t silent_flows = 0;             // SYNs that nobody answered
};

/// Why the load balancer answered a packet with RST.
enum class FlowCut : std::uint8_t { target_state, idle_timeout, unknown_flow };

/// Told of what passes through: for checks and measures.
class LoadBalancerObserver {
 public:
  /// A new flow goes to a target, whether that answers or not.
  virtual void on_flow(const ServiceFlow& /*flow*/, std::size_t /*node*/, TargetId /*target*/) {}
  /// A request has reached a target.
  virtual void on_delivered(const ServiceFlow& /*flow*/, TargetId /*target*/) {}
  virtual void on_cut(const ServiceFlow& /*flow*/, FlowCut /*why*/) {}
  /// A zone's address is to enter or to leave the record, after Route 53's delay.
  virtual void on_dns(std::size_t /*node*/, bool /*answered*/) {}

 protected:
  ~LoadBalancerObserver() = default;
};

namespace load_balancer {
inline constexpr sim::Kind dns_changed{"load_balancer.dns",
                                       "answers {0} of {1} zonal addresses, mask {2:x}"};
}  // namespace load_balancer

class LoadBalancer : public TargetGroupObserver {
 public:
  LoadBalancer(sim::Simulation& simulation, LoadBalancerConfig config, TargetGroupConfig group);
  virtual ~LoadBalancer();

  /// Makes a process known as a target, unregistered.
  TargetId add_target(ServiceProcess& process);
  TargetGroup& targets() { return *group_; }
  const TargetGroup& targets() const { return *group_; }
  ServiceProcess& process(TargetId target) const { return *processes_[target]; }

  std::size_t nodes() const { return nodes_.size(); }
  sim::Host& node(std::size_t index) const { return nodes_[index]->host; }
  /// The load balancer's name, for clients: addresses are numbers of nodes, from 1.
  DnsServer& dns() { return dns_; }
  static constexpr DnsName dns_name = DnsName{1};
  static std::size_t node_of(Address address) { return static_cast<std::size_t>(address) - 1; }
  /// Whether a zone's address is in the record, or will be after Route 53's delay.
  bool in_dns(std::size_t node) const { return in_dns_[node]; }

  const LoadBalancerConfig& config() const { return config_; }
  const LoadBalancerCounters& counters() const { return counters_; }
  void observe(LoadBalancerObserver& observer) { observers_.push_back(&observer); }
  sim::Simulation& simulation() const { return simulation_; }

  // For clients.

  /// Opens a connection through a node. On success the flow is established.
  virtual sim::Task<sim::NetError> connect(ServiceFlow& flow, std::size_t node,
                                           sim::Duration timeout) = 0;
  /// Sends a request on its flow. Its end is told to its client, now or later.
  virtual void forward(ServiceRequest& request) = 0;
  /// The client closes its flow.
  virtual void close(ServiceFlow& flow) = 0;
  /// The client has given up a request that is under way outside of a process.
  virtual void abandon(ServiceRequest& request) = 0;

  // For processes and requests.

  virtual void served(ServiceRequest& request) = 0;
  /// A process died with the request; `silent`: and its host too.
  virtual void lost(ServiceRequest& request, bool silent) = 0;
  virtual void try_again(ServiceRequest& request) = 0;

 protected:
  struct Node {
    Node(sim::Simulation& simulation, std::string name, sim::ZoneId zone)
        : host(simulation, std::move(name), zone), group(host, "load-balancer") {}
    sim::Host host;
    sim::Group group;
  };
  /// Not acknowledged: TCP sends it again after its time-out, which doubles.
  void stall(ServiceRequest& request, ServiceRequest::Stage stage);
  static void forget_stalls(ServiceRequest& request);
  sim::Group& node_group(std::size_t node) { return nodes_[node]->group; }
  /// Packets pass from the client to the node.
  bool reaches_node(const ServiceFlow& flow, std::size_t node) const;
  /// Packets pass both ways between node and target.
  bool reaches_target(std::size_t node, const ServiceProcess& process) const;

  sim::Simulation& simulation_;
  LoadBalancerConfig config_;
  sim::EntityId entity_;
  LoadBalancerCounters counters_;
  std::vector<LoadBalancerObserver*> observers_;
  std::vector<ServiceProcess*> processes_;

 private:
  void on_routing_change() override;

  std::vector<bool> in_dns_;
  sim::Host dns_host_;
  sim::Group dns_group_;
  DnsServer dns_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unique_ptr<TargetGroup> group_;
};

}  // namespace predrill::models
