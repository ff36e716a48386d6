// A service behind a Network Load Balancer, as large as in the incident of 2025-09-14: 1,240
// requests/s one by one, over 4,200 flows to six targets of 24 workers, with their health checks.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "models/nlb.hpp"
#include "models/service_clients.hpp"
#include "models/service_process.hpp"
#include "sim/simulation.hpp"

namespace {

using namespace predrill;
using namespace predrill::models;
using namespace std::chrono_literals;

void payment_gateway(benchmark::State& state) {
  double simulated = 0;
  std::int64_t requests = 0;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    sim::Simulation sim({.seed = ++seed});
    sim::Host client_host(sim, "clients");
    LoadBalancerConfig lb = LoadBalancerConfig::network_defaults();
    lb.cross_zone_enabled = true;
    for (const char* zone : {"a", "b", "c"}) lb.zones.push_back(sim.network().zone(zone));
    TargetGroupConfig group = TargetGroupConfig::network_defaults();
    group.health_check_interval = 10s;
    group.healthy_threshold_count = 3;
    Nlb balancer(sim, lb, group);
    std::vector<std::unique_ptr<sim::Host>> machines;
    std::vector<std::unique_ptr<sim::Group>> groups;
    std::vector<std::unique_ptr<ServiceProcess>> processes;
    for (std::size_t i = 0; i < 6; ++i) {
      const std::string name = "payment-gateway-" + std::to_string(i);
      machines.push_back(std::make_unique<sim::Host>(sim, name, lb.zones[i / 2]));
      groups.push_back(std::make_unique<sim::Group>(*machines.back(), "payment-gateway"));
      ServiceConfig service;
      service.service_time = ServiceConfig::logged_service_time();
      processes.push_back(std::make_unique<ServiceProcess>(*groups.back(), name, service));
      processes.back()->start();
      balancer.targets().begin_healthy(balancer.add_target(*processes.back()));
    }
    ServiceClients clients(client_host, balancer, ServiceClientsConfig::open_loop(1240, 620, 4200));
    clients.start();
    sim.run_for(std::chrono::minutes(state.range(0)));
    simulated += 60.0 * static_cast<double>(state.range(0));
    requests += static_cast<std::int64_t>(clients.arrived());
  }
  state.SetItemsProcessed(requests);
  state.counters["simulated_s_per_s"] = benchmark::Counter(simulated, benchmark::Counter::kIsRate);
}
BENCHMARK(payment_gateway)->Name("payment_gateway_minutes")->Arg(20)->Unit(benchmark::kMillisecond);

}  // namespace
