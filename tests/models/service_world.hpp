// The payment gateway of the incident of 2025-09-14, for tests: six processes in three zones, two
// on each machine, a Network Load Balancer, clients that send 1,240 requests/s over 4,200 flows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/nlb.hpp"
#include "models/service_clients.hpp"
#include "models/service_process.hpp"
#include "sim/host.hpp"
#include "sim/simulation.hpp"

namespace predrill::models::testing {

inline TargetGroupConfig payment_gateway_group() {  // tg-payment-gateway-prod
  TargetGroupConfig c = TargetGroupConfig::network_defaults();
  c.name = "tg-payment-gateway-prod";
  c.port = 8443;
  c.health_check_interval = std::chrono::seconds(10);
  c.healthy_threshold_count = 3;
  return c;
}

struct ServiceWorldOptions {
  TargetGroupConfig group = payment_gateway_group();
  bool cross_zone = true;
  ServiceConfig service = {24, ServiceConfig::logged_service_time(), 0, 4096, 0, 0, {}};
  ServiceClientsConfig clients = ServiceClientsConfig::open_loop(1240, 620, 4200);
  std::size_t zones = 3;
  std::size_t per_machine = 2;
  std::uint64_t seed = 1;
};

template <class Balancer = Nlb>
struct ServiceWorld {
  explicit ServiceWorld(const ServiceWorldOptions& options = {}) : sim({.seed = options.seed}) {
    LoadBalancerConfig lb = std::is_same_v<Balancer, Nlb>
                                ? LoadBalancerConfig::network_defaults()
                                : LoadBalancerConfig::application_defaults();
    lb.cross_zone_enabled = options.cross_zone;
    for (std::size_t z = 0; z < options.zones; ++z) {
      lb.zones.push_back(sim.network().zone("us-east-1" + std::string(1, char('a' + z))));
    }
    balancer = std::make_unique<Balancer>(sim, lb, options.group);
    for (std::size_t z = 0; z < options.zones; ++z) {
      machines.push_back(
          std::make_unique<sim::Host>(sim, "node-" + std::to_string(z), lb.zones[z]));
      for (std::size_t i = 0; i < options.per_machine; ++i) {
        groups.push_back(std::make_unique<sim::Group>(*machines.back(), "payment-gateway"));
        const std::string name = "payment-gateway-" + std::to_string(groups.size() - 1);
        processes.push_back(
            std::make_unique<ServiceProcess>(*groups.back(), name, options.service));
        processes.back()->start();
        balancer->targets().begin_healthy(balancer->add_target(*processes.back()));
      }
    }
    clients = std::make_unique<ServiceClients>(client_host, *balancer, options.clients);
    clients->start();
  }
  void until(sim::Duration t) { sim.run_until(sim::Time{} + t); }
  void run_for(sim::Duration t) { sim.run_for(t); }
  TargetState state(std::size_t i) { return balancer->targets().state(static_cast<TargetId>(i)); }
  std::uint64_t ends(RequestEnd end) const {
    return clients->stats().ends[static_cast<std::size_t>(end)];
  }
  void restart_stats() {
    clients->restart_stats();
    for (const auto& process : processes) process->restart_stats();
  }

  sim::Simulation sim;
  sim::Host client_host{sim, "clients", sim.network().zone("internet")};
  std::unique_ptr<Balancer> balancer;
  std::vector<std::unique_ptr<sim::Host>> machines;
  std::vector<std::unique_ptr<sim::Group>> groups;
  std::vector<std::unique_ptr<ServiceProcess>> processes;
  std::unique_ptr<ServiceClients> clients;
};

}  // namespace predrill::models::testing
