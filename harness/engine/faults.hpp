// What happens to a world, and its undoing. Each fault takes the path of the real thing: what is
// killed, what is told, what stays. Sources: reference of Patroni, PostgreSQL, Kubernetes as named
// at the rules.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/fault_clock.hpp"
#include "harness/engine/node_plane.hpp"
#include "harness/engine/world.hpp"
#include "harness/scenario.hpp"
#include "sim/task.hpp"

namespace predrill::harness {

/// Injects the faults of a scenario into a world, each at its time.
class FaultInjector {
 public:
  FaultInjector(World& world, const std::vector<FaultSpec>& faults);
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;
  /// When they strike; start() it.
  FaultClock& clock() { return clock_; }
  const FaultClock& clock() const { return clock_; }
  /// The primary when the first fault struck.
  models::MemberId primary_before() const { return primary_before_; }
  /// Members whose machine does not come back: its disk is gone with it.
  models::MemberSet gone() const { return gone_; }
  /// The Kubernetes nodes, if a fault struck one; else null.
  const NodePlane* nodes() const { return nodes_.get(); }

 private:
  void strike(const FaultSpec& fault);
  sim::Task<> inject(const FaultSpec fault);
  sim::Task<> pod_delete(const FaultSpec fault, SimulatedMember& member);
  sim::Task<> node_reboot(const FaultSpec fault, SimulatedMember& member);
  sim::Task<> recreate_pod(SimulatedMember& member);
  sim::Task<> bring_back(const FaultSpec fault, const sim::HostSet hosts);
  sim::Task<> switchover(const FaultSpec fault);
  sim::Task<> kill_patroni(const FaultSpec fault, const std::vector<SimulatedMember*> members);
  sim::Task<> stop_patroni(const FaultSpec fault, const std::vector<SimulatedMember*> members);
  sim::Task<> freeze(const FaultSpec fault, const std::vector<SimulatedMember*> members);
  sim::Task<> disturb_network(const FaultSpec fault);
  sim::Task<> disturb_dcs(const FaultSpec fault);
  sim::Task<> disturb_disks(const FaultSpec fault, const std::vector<SimulatedMember*> members);
  sim::Task<> az_loss(const FaultSpec fault);
  sim::Task<> lag(const FaultSpec fault);
  sim::Task<> lock_containerd(const FaultSpec fault, const models::MemberSet members);
  models::MemberSet members_of(const Target& target);
  sim::HostSet hosts_of(const Target& target);
  void note(const FaultSpec& fault, std::string_view whom);
  sim::Task<> lasts(FaultKind kind, sim::Duration length);
  void boot(sim::Host& host);

  World& world_;
  std::unique_ptr<NodePlane> nodes_;
  sim::Group& group_;
  bool struck_ = false;
  models::MemberId primary_before_ = models::nobody;
  models::MemberSet gone_ = 0;
  sim::Stream delays_;
  sim::Stream choices_;
  FaultClock clock_;
};

}  // namespace predrill::harness
