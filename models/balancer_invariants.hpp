// What must hold for a load balancer and the service behind it, checked while a run goes on. It
// computes from settings, checks and state changes alone, apart from the models that it watches;
// balancer_watch.hpp reports to it. B1 to B11: routing, fail-open, thresholds, detection, flows,
// draining, conservation, zones, DNS, recovery, availability.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/load_balancer.hpp"
#include "models/target_group_config.hpp"
#include "models/target_health.hpp"
#include "sim/time.hpp"

namespace predrill::models {

enum class BalancerInvariant : std::uint8_t {
  serving_targets_only,  // B1: new flows go to healthy targets, or the group is failing open
  fail_open_exact,       // B2: failing open if and only if too few targets are healthy
  thresholds_met,        // B3: a state changes after so many checks in a row, by legal ways only
  detected_in_time,      // B4: checks come each interval; so many failures change the state at once
  flow_keeps_target,     // B5: a flow has one target; it is cut if and only if the rules say so
  draining_exact,        // B6: draining lasts as long as configured and takes no new flow
  work_conserved,        // B7: what goes in comes out, is lost or is still there; capacity is kept
  zone_isolated,         // B8: with cross-zone off a zone's node uses the zone's targets
  dns_follows_health,    // B9: a zone's address is answered if its targets are healthy enough
  recovery_not_early,    // B10: no healthy state before registration and checks are done
  availability_adds_up   // B11: arrived = answered + failed + under way
};
constexpr std::size_t balancer_invariants = 11;
std::string_view to_text(BalancerInvariant invariant);

struct BalancerViolation {
  BalancerInvariant invariant = BalancerInvariant::serving_targets_only;
  sim::Time at{};
  TargetId target = no_target;
};

class BalancerChecker {
 public:
  /// `nodes`: the zone of each node of the load balancer.
  BalancerChecker(const TargetGroupConfig& group, const LoadBalancerConfig& balancer);

  /// A target became known, in this state.
  void on_target(sim::Time at, TargetId target, sim::ZoneId zone, TargetState state);
  void on_check(sim::Time at, TargetId target, std::int32_t checker, sim::Time sent, bool passed);
  void on_state(sim::Time at, TargetId target, TargetState from, TargetState to, TargetReason why);
  /// What a node does from now on.
  void on_routing(sim::Time at, std::size_t node, bool fails_open);
  void on_flow(sim::Time at, std::size_t node, TargetId target);
  /// A flow (number, life) was given this target; later, a request on it reached one.
  void on_established(std::uint32_t flow, std::uint32_t life, TargetId target);
  void on_delivered(sim::Time at, std::uint32_t flow, std::uint32_t life, std::size_t node,
                    TargetId target);
  /// A request reached a target that an application load balancer had chosen for it alone.
  void on_single_request(TargetId target) { ++targets_[target].delivered; }
  void on_cut(sim::Time at, std::size_t node, TargetId target, FlowCut why);
  void on_dns(sim::Time at, std::size_t node, bool answered);

  /// At least so many healthy targets are needed, but for times of declared faults. 0: none.
  void set_least_healthy(std::size_t targets) { least_healthy_ = targets; }
  void declare_fault(bool present) { fault_declared_ = present; }

  /// A process, now: requests received, and what became of them.
  void on_work(sim::Time at, TargetId target, std::uint64_t received, std::uint64_t served,
               std::uint64_t rejected, std::uint64_t lost, std::uint64_t present);
  /// A target's load: whether its queue has grown for a minute. Asked every few seconds.
  void on_load(sim::Time at, TargetId target, std::uint64_t waiting);
  /// At the end: requests of the clients, and those that reached processes.
  void finish(sim::Time at, std::uint64_t arrived, std::uint64_t answered, std::uint64_t failed,
              std::uint64_t under_way);

  const std::vector<BalancerViolation>& violations() const { return violations_; }
  /// Targets whose queue grew without bound at some time: no violation, but the end of the
  /// service if it goes on.
  const std::vector<TargetId>& overloaded() const { return overloaded_; }
  std::uint64_t delivered(TargetId target) const { return targets_[target].delivered; }

 private:
  struct Run {  // of one checker's results
    std::int32_t failures = 0;
    std::int32_t successes = 0;
    bool down = false;
    sim::Time last_sent = sim::time_max;
  };
  struct Target {
    bool known = false;
    sim::ZoneId zone = 0;
    TargetState state = TargetState::unused;
    sim::Time since{};
    sim::Time left = sim::time_max;  // began to drain
    bool left_unhealthy = false;
    std::vector<Run> runs;
    sim::Time due_down = sim::time_max;  // the checks say unhealthy; the state must follow
    std::uint64_t delivered = 0;
    std::uint64_t waiting = 0;
    sim::Time growing_since = sim::time_max;
  };
  struct Flow {
    std::uint32_t life = 0;
    TargetId target = no_target;
  };
  void report(BalancerInvariant invariant, sim::Time at, TargetId target);
  bool in_scope(std::size_t node, const Target& target) const;
  bool few_healthy(std::size_t node, const MinimumHealthyTargets& least) const;
  bool settled(sim::Time at) const;
  bool failing_open(std::size_t node) const;
  bool has_failed_open(std::size_t node, sim::Time at) const;
  bool was_failing_open(std::size_t node, sim::Time at) const;
  void note_fail_open(sim::Time at);
  std::int32_t down(const Target& target) const;
  void check_transition(sim::Time at, TargetId id, TargetState from, TargetState to,
                        TargetReason why);
  void check_recovery(sim::Time at, TargetId id);
  void overdue(sim::Time at);

  TargetGroupConfig group_;
  LoadBalancerConfig balancer_;
  bool cross_zone_;
  sim::Duration propagation_;  // of a health state, at most
  sim::Duration dereg_;        // of a deregistration, at most
  sim::Duration dns_;          // until clients have forgotten an address, at most
  std::vector<Target> targets_;
  std::vector<Flow> flows_;
  std::vector<sim::Time> open_until_;  // per node: failing open was last justified
  std::vector<sim::Time> open_from_;   // per node: since when it was
  std::vector<sim::Time> dns_failed_;  // per node: since when its zone fails for DNS
  std::vector<BalancerViolation> violations_;
  std::vector<TargetId> overloaded_;
  std::size_t least_healthy_ = 0;
  bool fault_declared_ = false;
};

}  // namespace predrill::models
