// What happens to a world, and its undoing. Each fault takes the path of the real thing: what is
// killed, what is told, what stays. Sources: reference of Patroni, PostgreSQL, Kubernetes as named
// at the rules.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/node_plane.hpp"
#include "harness/engine/world.hpp"
#include "harness/scenario.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

/// Injects the faults of a scenario into a world, each at its time.
class FaultInjector final : public sim::TraceSink {
 public:
  FaultInjector(World& world, const std::vector<FaultSpec>& faults);
  ~FaultInjector() override;
  FaultInjector(const FaultInjector&) = delete;
  FaultInjector& operator=(const FaultInjector&) = delete;
  /// Draws the times and starts; `from` is the instant that a fault's time counts from. Those tied
  /// to an event wait for it.
  void start(sim::Time from);
  /// When the first fault will strike that waits for no event.
  sim::Time earliest() const { return earliest_; }
  /// When the first fault struck; time_max if none has yet.
  sim::Time first_fault() const { return first_; }
  /// The primary when the first fault struck.
  models::MemberId primary_before() const { return primary_before_; }
  void on_record(const sim::Trace& trace, const sim::Record& record) override;
  /// The Kubernetes nodes, if a fault struck one; else null.
  const NodePlane* nodes() const { return nodes_.get(); }

 private:
  sim::Duration delay_of(std::size_t index) const;
  sim::Task<> inject_at(const std::size_t index, const sim::Duration delay);
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
  void boot(sim::Host& host);

  World& world_;
  std::unique_ptr<NodePlane> nodes_;
  const std::vector<FaultSpec>& faults_;
  sim::Group& group_;
  std::vector<std::size_t> waiting_;  // for an event
  sim::Time first_ = sim::time_max;
  sim::Time earliest_ = sim::time_max;
  models::MemberId primary_before_ = models::nobody;
  sim::Stream times_;
  sim::Stream delays_;
  sim::Stream choices_;
};

namespace fault_kinds {
inline constexpr sim::Kind injected{"fault.injected", "FAULT {0:n} on {1:n}"};
inline constexpr sim::Kind undone{"fault.undone", "fault {0:n} ends"};
}  // namespace fault_kinds

}  // namespace predrill::harness
