// Clients of a service: an open loop of requests over flows that come and go.
//
// Real thing and version: applications on the internet with keep-alive connections, such as the
//   callers of a payment gateway.
// Modelled: flows that are opened at random and live for a random time, independent of requests;
//   requests that arrive whatever the service does, each on a flow chosen at random; HTTP/1.1 (one
//   request at a time on a flow) or multiplexing; names resolved and kept for the TTL, one address
//   after the other on silence; time-outs, after which a client drops the flow; a broken flow that
//   is replaced at once, and again after a pause; retries.
// Simplified (diverges from the real thing): a request that finds no usable flow fails at once.
// Ignored: TLS handshakes, proxies, back-pressure on the callers' callers.
// Calibrated from: the incident log of 2025-09-14: 1,240 requests/s, 620 new flows a minute, 4,200
//   flows at a time, hence 406 s a flow.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/load_balancer.hpp"
#include "models/service_flow.hpp"
#include "sim/distribution.hpp"
#include "sim/histogram.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct ServiceClientsConfig {
  std::string name = "clients";
  sim::Distribution between_requests;
  sim::Distribution between_flows;
  sim::Distribution flow_lifetime;
  std::size_t flows = 0;  // at the start
  bool multiplexed = true;
  std::size_t resolvers = 20;  // that keep DNS answers of their own
  sim::Duration connect_timeout = std::chrono::seconds(5);
  sim::Duration request_timeout = std::chrono::seconds(30);
  sim::Duration reconnect_pause = std::chrono::seconds(1);
  std::int32_t retries = 0;  // of a request that was reset or got no connection

  /// Poisson requests and flows in equilibrium: `flows` = new flows per second times lifetime.
  static ServiceClientsConfig open_loop(std::int64_t requests_per_second,
                                        std::int64_t flows_per_minute, std::size_t flows);
};

/// What was measured since restart_stats().
struct ServiceClientsStats {
  std::array<std::uint64_t, request_ends> ends{};
  sim::Histogram response;            // of answered requests, from the first attempt
  std::vector<std::uint64_t> served;  // by target
  std::uint64_t flows_opened = 0;
  std::uint64_t flows_broken = 0;
  std::uint64_t flows_failed = 0;  // connection attempts
  std::uint64_t retried = 0;
  std::uint64_t answered() const { return ends[0]; }
  std::uint64_t failed() const;
};

/// Told of each request's end: for journals and checks.
class ServiceObserver {
 public:
  virtual void on_request(sim::Time sent, sim::Time ended, TargetId target, RequestEnd end) = 0;

 protected:
  ~ServiceObserver() = default;
};

namespace service {
inline constexpr sim::Kind failing{"service.failing", "requests fail: {0:n}"};
inline constexpr sim::Kind serving{"service.serving", "{0} requests failed in {1:d}; none since"};
}  // namespace service

class ServiceClients {
 public:
  /// The host is where the clients are; what cuts it off from the load balancer cuts them all off.
  ServiceClients(sim::Host& host, LoadBalancer& balancer, ServiceClientsConfig config);
  ~ServiceClients();

  void start();
  /// Another rate from the next request on.
  void set_between_requests(const sim::Distribution& between) {
    config_.between_requests = between;
  }

  const ServiceClientsStats& stats() const { return stats_; }
  void restart_stats();
  // Since the start of the run.
  std::uint64_t arrived() const { return arrived_; }
  const std::array<std::uint64_t, request_ends>& ends_in_all() const { return ends_in_all_; }
  std::size_t under_way() const { return under_way_; }
  std::size_t usable_flows() const { return usable_.size(); }
  /// Established flows to a target.
  std::size_t flows_to(TargetId target) const;
  sim::Host& host() const { return group_.host(); }
  const ServiceClientsConfig& config() const { return config_; }
  void observe(ServiceObserver& observer) { observer_ = &observer; }

  // For load balancers.

  void ended(ServiceRequest& request, RequestEnd end);
  /// A request that was given up has left its process.
  void recycle(ServiceRequest& request);
  void flow_broken(ServiceFlow& flow);

 private:
  struct Resolver {
    AddressList addresses;
    sim::Time expires{};
  };
  struct Flow : ServiceFlow {
    Flow(ServiceClients& clients_ref, sim::Group& group)
        : ServiceFlow(clients_ref), end_of_life(*this, group) {}
    void old_age() { clients.retire(*this); }
    sim::Timer<Flow, &Flow::old_age> end_of_life;
  };
  void arrive();
  void new_flow_arrives();
  Flow& take_flow();
  void open_flow();
  sim::Task<> open(Flow& flow);
  sim::Task<AddressList> resolve(std::size_t resolver);
  void established(Flow& flow);
  void retire(Flow& flow);
  void end_flow(Flow& flow);
  void set_usable(ServiceFlow& flow, bool usable);
  void send(sim::Time first_sent, std::uint8_t attempt);
  ServiceRequest& take_request();
  void release(ServiceRequest& request);
  void expire();
  void note_end(sim::Time first_sent, TargetId target, RequestEnd end);

  ServiceClientsConfig config_;
  LoadBalancer& balancer_;
  sim::EntityId entity_;
  ServiceObserver* observer_ = nullptr;
  ServiceClientsStats stats_;
  std::uint64_t arrived_ = 0;
  std::array<std::uint64_t, request_ends> ends_in_all_{};
  std::size_t under_way_ = 0;
  std::uint64_t failed_in_a_row_ = 0;  // since service::failing
  sim::Time failing_since_{};
  sim::Time last_failure_{};
  sim::Stream request_gaps_;
  sim::Stream flow_gaps_;
  sim::Stream lifetimes_;
  sim::Stream choices_;
  sim::Stream orders_;
  std::vector<Resolver> resolvers_;
  std::vector<std::unique_ptr<ServiceRequest>> requests_;
  std::vector<ServiceRequest*> free_requests_;
  RequestList<&ServiceRequest::older, &ServiceRequest::newer> by_age_;
  sim::Group group_;
  std::vector<std::unique_ptr<Flow>> flows_;
  std::vector<Flow*> free_flows_;
  std::vector<ServiceFlow*> usable_;
  sim::Timer<ServiceClients, &ServiceClients::arrive> next_request_;
  sim::Timer<ServiceClients, &ServiceClients::new_flow_arrives> next_flow_;
  sim::Timer<ServiceClients, &ServiceClients::expire> oldest_;
};

}  // namespace predrill::models
