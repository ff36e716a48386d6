// An Aurora cluster of a writer and readers with its endpoints in DNS, and clients on one host.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/aurora.hpp"
#include "models/aws_cli.hpp"
#include "models/prober.hpp"
#include "sim/network.hpp"
#include "sim/simulation.hpp"

namespace predrill::models::testing {

inline AuroraConfig two_instances() {
  AuroraConfig config;
  config.cluster = "prod";
  config.instances = {{"writer", "db.t3.medium", 0, 1}, {"reader1", "db.t3.medium", 1, 1}};
  return config;
}

struct AuroraWorld {
  explicit AuroraWorld(std::uint64_t seed = 1, AuroraConfig config = two_instances(),
                       AuroraTimings timings = AuroraTimings::defaults())
      : sim({.seed = seed}),
        cluster(sim, book, zone, {static_cast<DnsName>(1), static_cast<DnsName>(2)},
                std::move(config), std::move(timings)) {
    cluster.start();
    sim.run_for(std::chrono::seconds(1));
  }

  /// A new connection and an insert each second through the cluster endpoint.
  void probe() {
    ProberConfig config;
    config.path = "cluster endpoint";
    config.target.host = {HostSpec::of(cluster.endpoints().writer)};
    config.target.connect_timeout = std::chrono::seconds(2);
    config.interval = std::chrono::seconds(1);
    config.timeout = std::chrono::seconds(3);
    config.keep_connection = false;
    prober = std::make_unique<Prober>(client_host, book, &zone, config, journal);
    prober->start();
  }
  /// From the first failed attempt to the first success after the last failure; zero if none.
  sim::Duration outage() const {
    std::int64_t first_failure = 0;
    std::int64_t end = 0;
    for (const Attempt& one : journal.attempts) {
      if (one.outcome != Outcome::ok) {
        if (first_failure == 0) first_failure = one.sent;
        end = 0;
      } else if (first_failure != 0 && end == 0) {
        end = one.finished;
      }
    }
    return sim::Duration(end - first_failure);
  }

  sim::Simulation sim;
  AddressBook book;
  sim::Host dns_host{sim, "route53"};
  sim::Group dns_group{dns_host, "dns"};
  DnsServer zone{dns_group, {.name = "rds.amazonaws.com"}};
  AuroraCluster cluster;
  sim::Host client_host{sim, "client"};
  Journal journal;
  std::unique_ptr<Prober> prober;
};

/// `aws rds wait db-instance-available`.
class InstanceAvailable final : public Describable {
 public:
  InstanceAvailable(const AuroraCluster& cluster, std::string name)
      : cluster_(cluster), name_(std::move(name)) {}
  WaiterVerdict describe() const override {
    const auto status = cluster_.instance_status(name_);
    if (!status) return WaiterVerdict::failure;
    return *status == InstanceStatus::available ? WaiterVerdict::success : WaiterVerdict::retry;
  }

 private:
  const AuroraCluster& cluster_;
  std::string name_;
};

}  // namespace predrill::models::testing
