// Servers behind a load balancer, for tests: one host each, a port that answers checks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/http.hpp"
#include "models/target_group.hpp"
#include "sim/host.hpp"
#include "sim/simulation.hpp"
#include "sim/task.hpp"

namespace predrill::models::testing {

/// A server that accepts everything and answers checks with its status.
class FakeTarget {
 public:
  FakeTarget(sim::Simulation& sim, const std::string& name, sim::ZoneId zone = 0,
             std::size_t backlog = 128)
      : host(sim, name, zone), group(host, "server"), port(group, "8443", backlog) {
    host.on_boot([this] { start(); });
    host.boot();
  }
  void start() {
    port.open();
    group.spawn(accept());
  }
  sim::Host host;
  sim::Group group;
  HttpListener port;
  std::uint16_t status = 200;

 private:
  sim::Task<> accept() {
    for (;;) {
      HttpServerSocket socket = co_await port.accept();
      group.spawn(serve(std::move(socket)));
    }
  }
  sim::Task<> serve(HttpServerSocket socket) {
    for (;;) {
      const auto request = co_await socket.receive();
      if (!request) co_return;
      socket.send({status});
    }
  }
};

/// The states that targets went through.
class StateLog final : public TargetGroupObserver {
 public:
  struct Entry {
    sim::Time at;
    TargetId target;
    TargetState from;
    TargetState to;
    TargetReason why;
  };
  explicit StateLog(TargetGroup& watched) : group(watched) { watched.observe(*this); }
  void on_target_state(TargetId target, TargetState from, TargetState to,
                       TargetReason why) override {
    entries.push_back({group.simulation().now(), target, from, to, why});
  }
  /// From `since` on, until the target entered the state; forever if it has not.
  sim::Duration entered(TargetId target, TargetState state, sim::Time since) const {
    for (const Entry& e : entries) {
      if (e.target == target && e.to == state && e.at >= since) return e.at - since;
    }
    return sim::forever;
  }
  TargetGroup& group;
  std::vector<Entry> entries;
};

/// A target group with servers of which each runs on a host of its own.
struct GroupWorld {
  GroupWorld(TargetGroupConfig config, std::size_t servers, std::size_t zones = 1,
             bool cross_zone = false, std::uint64_t seed = 1)
      : sim({.seed = seed}) {
    for (std::size_t z = 0; z < zones; ++z) {
      const auto zone = sim.network().zone("zone-" + std::to_string(z));
      node_hosts.push_back(std::make_unique<sim::Host>(sim, "lb-" + std::to_string(z), zone));
      nodes.push_back(node_hosts.back().get());
    }
    for (std::size_t i = 0; i < servers; ++i) {
      const std::string name = "target-" + std::to_string(i);
      fakes.push_back(std::make_unique<FakeTarget>(sim, name, nodes[i % zones]->zone()));
    }
    group = std::make_unique<TargetGroup>(sim, std::move(config), nodes, cross_zone);
    log = std::make_unique<StateLog>(*group);
    for (const auto& fake : fakes) group->add({fake->host.name(), &fake->port});
  }
  void all_healthy() {
    for (std::size_t i = 0; i < fakes.size(); ++i) group->begin_healthy(static_cast<TargetId>(i));
  }
  void until(sim::Duration t) { sim.run_until(sim::Time{} + t); }
  TargetState state(std::size_t i) const { return group->state(static_cast<TargetId>(i)); }

  sim::Simulation sim;
  std::vector<std::unique_ptr<sim::Host>> node_hosts;
  std::vector<sim::Host*> nodes;
  std::vector<std::unique_ptr<FakeTarget>> fakes;
  std::unique_ptr<TargetGroup> group;
  std::unique_ptr<StateLog> log;
};

}  // namespace predrill::models::testing
