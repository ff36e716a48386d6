// A target group of a Network or Application Load Balancer: who is registered, who passes its
// health checks, and who takes new connections.
//
// Real thing and version: Elastic Load Balancing as documented in 2023 (user guides), with the
//   attributes of target health added since.
// Modelled: the states of describe-target-health; TCP and HTTP checks that meet what a listener, a
//   hung process, a dead host or a full accept queue answers; several checkers with a quorum;
//   fixed-rate and fixed-delay schedules; the delays of registration and deregistration; draining;
//   fail-open and its thresholds per zone or, with cross-zone, over all; which flows are cut.
// Simplified (diverges from the real thing): a checker counts for itself and the quorum is taken
//   of the verdicts; AWS publishes neither the number of checkers nor how they agree. A checker
//   whose node has died asks from another one. HTTPS costs what HTTP does.
// Ignored: stickiness, gRPC and Lambda targets, zonal shift, UDP, "unavailable".
// Calibrated from: nothing; what AWS does not publish is a setting (target_group_config.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/http.hpp"
#include "models/target_group_config.hpp"
#include "models/target_health.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace target_group {
inline constexpr sim::Kind state_changed{"target_group.state", "{0:n}: {1:n} to {2:n} ({3:n})"};
inline constexpr sim::Kind fail_open{"target_group.fail_open",
                                     "{0:n}: {1} of {2} targets healthy, routes to all"};
inline constexpr sim::Kind fail_open_ended{"target_group.fail_open_ended",
                                           "{0:n}: {1} of {2} targets healthy, routes to these"};
}  // namespace target_group

using TargetId = std::uint16_t;
constexpr TargetId no_target = 0xffff;

/// An IP address and port that can be registered; lives as long as the group.
struct TargetEndpoint {
  std::string name;
  HttpListener* traffic = nullptr;
  HttpListener* health_check = nullptr;  // null: traffic-port
};

/// Told at the instant of each change; must not register or deregister from within.
class TargetGroupObserver {
 public:
  /// A check has ended. `sent`: when it began.
  virtual void on_check(TargetId /*target*/, std::int32_t /*checker*/, sim::Time /*sent*/,
                        bool /*passed*/) {}
  virtual void on_target_state(TargetId /*target*/, TargetState /*from*/, TargetState /*to*/,
                               TargetReason /*why*/) {}
  /// Who takes new flows, or whose flows end, has changed.
  virtual void on_routing_change() {}

 protected:
  ~TargetGroupObserver() = default;
};

class TargetGroup {
 public:
  /// `nodes`: the load balancer's, one per enabled zone; they outlive the group. `cross_zone`: the
  /// load balancer's own attribute, which the group's may override.
  TargetGroup(sim::Simulation& simulation, TargetGroupConfig config,
              const std::vector<sim::Host*>& nodes, bool cross_zone);
  ~TargetGroup();

  /// Makes an address known, unregistered.
  TargetId add(TargetEndpoint endpoint);
  /// RegisterTargets; also of one that is draining.
  void register_target(TargetId target);
  /// Registered long ago and healthy: how a run begins.
  void begin_healthy(TargetId target);
  /// DeregisterTargets; nothing happens to a target that is unused or draining.
  void deregister_target(TargetId target);
  /// Real connections to the target failed or succeeded: passive detection, if it is on.
  void note_connection(TargetId target, bool established);

  TargetState state(TargetId target) const { return targets_[target]->state; }
  TargetReason reason(TargetId target) const { return targets_[target]->reason; }
  /// When the present state began.
  sim::Time since(TargetId target) const { return targets_[target]->since; }
  const TargetEndpoint& endpoint(TargetId target) const { return targets_[target]->endpoint; }
  std::size_t targets() const { return targets_.size(); }
  std::size_t count(TargetState state) const;
  bool registered(TargetId target) const;

  // What the nodes of the load balancer do; after propagation.

  /// Targets that new flows entering at this node go to.
  const std::vector<TargetId>& routable(std::size_t node) const { return scopes_[node].routable; }
  /// Fewer healthy targets in the node's scope than unhealthy_state_routing asks for.
  bool fails_open(std::size_t node) const { return scopes_[node].fails_open; }
  /// Fewer than dns_failover asks for: the zone's address should leave DNS.
  bool fails_dns(std::size_t node) const { return scopes_[node].fails_dns; }
  /// Packets of existing flows to this target are answered with RST.
  bool cuts_flows(TargetId target, std::size_t node) const;
  /// The state by which the nodes route.
  TargetState routed_state(TargetId target) const { return targets_[target]->routed; }
  bool in_scope(TargetId target, std::size_t node) const;

  bool cross_zone() const { return cross_zone_; }
  std::size_t nodes() const { return nodes_.size(); }
  sim::Host& node(std::size_t index) const { return *nodes_[index]; }
  const TargetGroupConfig& config() const { return config_; }
  sim::Simulation& simulation() const { return simulation_; }
  void observe(TargetGroupObserver& observer) { observers_.push_back(&observer); }

 private:
  struct Target;
  struct Checker {
    Checker(TargetGroup& group_ref, Target& target_ref, std::int32_t its_index);
    void due() { group.check_now(*this); }
    TargetGroup& group;
    Target& target;
    std::int32_t index;
    CheckerOpinion opinion;
    sim::Stream phases;
    sim::Timer<Checker, &Checker::due> timer;
  };
  struct Target {
    Target(TargetGroup& group_ref, TargetId its_id, TargetEndpoint its_endpoint);
    void registration_done() { group.begin_checks(*this); }
    void drained() { group.end_draining(*this); }
    void propagated() { group.route_by(*this, state); }
    void passively_failed() { group.fail_passively(*this); }
    TargetGroup& group;
    TargetId id;
    TargetEndpoint endpoint;
    std::int64_t label;
    TargetState state = TargetState::unused;
    TargetState routed = TargetState::unused;
    TargetReason reason = TargetReason::not_registered;
    TargetReason last_failure = TargetReason::failed_health_checks;
    sim::Time since{};
    std::uint32_t registration = 0;  // goes up at each: older checks count for nothing
    std::vector<std::unique_ptr<Checker>> checkers;
    sim::Stream delays;
    sim::Timer<Target, &Target::registration_done> registering;
    sim::Timer<Target, &Target::drained> draining;
    sim::Timer<Target, &Target::propagated> propagation;
    sim::Timer<Target, &Target::passively_failed> passive;
  };
  struct Scope {
    std::vector<TargetId> routable;
    bool fails_open = false;
    bool fails_dns = false;
  };

  void begin_checks(Target& target);
  void stop_checks(Target& target);
  void check_now(Checker& checker);
  sim::Task<> check(Checker& checker, std::size_t node);
  sim::Task<TargetReason> ask(sim::Group& from, HttpListener& port);
  void note(Checker& checker, sim::Time sent, TargetReason failure);
  void judge(Target& target);
  void end_draining(Target& target);
  void fail_passively(Target& target);
  void enter(Target& target, TargetState state, TargetReason reason);
  void propagate(Target& target);
  void route_by(Target& target, TargetState state);
  void reroute();
  Scope scope_of(std::size_t node) const;
  bool breached(const MinimumHealthyTargets& least, std::int64_t healthy,
                std::int64_t registered) const;
  void tell_fail_open(std::size_t node);

  sim::Simulation& simulation_;
  TargetGroupConfig config_;
  std::vector<sim::Host*> nodes_;
  bool cross_zone_;
  sim::EntityId entity_;
  std::vector<TargetGroupObserver*> observers_;
  std::vector<Scope> scopes_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::vector<std::unique_ptr<sim::Group>> probing_;  // one per node; its checks end first
};

}  // namespace predrill::models
