#include "models/balancer_invariants.hpp"

#include <algorithm>
#include <array>

namespace predrill::models {

using namespace std::chrono_literals;
using Rule = BalancerInvariant;
using sim::Duration;
using sim::Time;
using sim::time_max;

namespace {

Duration longest(const sim::Distribution& d) {
  return Duration(static_cast<std::int64_t>(d.max()));
}

bool down_state(TargetState state) {
  return state == TargetState::unhealthy || state == TargetState::unhealthy_draining;
}

/// A queue that grows so long is not a fluctuation.
constexpr Duration growing_for = 60s;

}  // namespace

std::string_view to_text(BalancerInvariant invariant) {
  static constexpr std::array<std::string_view, balancer_invariants> texts = {
      "B1 new flows go to healthy targets unless failing open",
      "B2 failing open if and only if too few targets are healthy",
      "B3 a target changes its state after so many checks in a row",
      "B4 failures are detected within the interval and the thresholds",
      "B5 a flow keeps its target and is cut by the rules alone",
      "B6 draining lasts as configured and takes no new flow",
      "B7 requests are neither created nor lost, capacity is kept",
      "B8 with cross-zone off zones are isolated",
      "B9 DNS follows the health of zones",
      "B10 no target is healthy before its registration and checks are done",
      "B11 arrived requests are answered, failed or under way"};
  return texts[static_cast<std::size_t>(invariant)];
}

BalancerChecker::BalancerChecker(const TargetGroupConfig& group, const LoadBalancerConfig& balancer)
    : group_(group),
      balancer_(balancer),
      cross_zone_(
          group.load_balancing_cross_zone_enabled == CrossZone::on ||
          (group.load_balancing_cross_zone_enabled == CrossZone::use_load_balancer_configuration &&
           balancer.cross_zone_enabled)),
      propagation_(longest(group.health_propagation)),
      dereg_(longest(group.deregistration_propagation)),
      // An answer may be taken to a client's attempts at the other addresses.
      dns_(longest(balancer.dns_health_delay) + balancer.dns_ttl + Duration(60s)),
      open_until_(balancer.zones.size()),
      open_from_(balancer.zones.size()),
      dns_failed_(balancer.zones.size(), time_max) {}

void BalancerChecker::report(BalancerInvariant invariant, Time at, TargetId target) {
  violations_.push_back({invariant, at, target});
}

void BalancerChecker::on_target(Time at, TargetId id, sim::ZoneId zone, TargetState state) {
  if (id >= targets_.size()) targets_.resize(id + std::size_t{1});
  Target& target = targets_[id];
  target.known = true;
  target.zone = zone;
  target.state = state;
  target.since = at;
  target.runs.assign(static_cast<std::size_t>(group_.checkers), {});
  note_fail_open(at);
}

// ---- who is healthy

bool BalancerChecker::in_scope(std::size_t node, const Target& target) const {
  return target.known && (cross_zone_ || target.zone == balancer_.zones[node]);
}

bool BalancerChecker::few_healthy(std::size_t node, const MinimumHealthyTargets& least) const {
  std::int64_t healthy = 0;
  std::int64_t members = 0;
  for (const Target& target : targets_) {
    if (!in_scope(node, target)) continue;
    healthy += target.state == TargetState::healthy ? 1 : 0;
    members += target.state != TargetState::unused && target.state != TargetState::draining ? 1 : 0;
  }
  return healthy < std::max(least.count, 1) || healthy * 100 < members * least.percentage;
}

bool BalancerChecker::failing_open(std::size_t node) const {
  return few_healthy(node, group_.unhealthy_state_routing);
}

/// For so long that the node knows.
bool BalancerChecker::has_failed_open(std::size_t node, Time at) const {
  return failing_open(node) && at - open_from_[node] > propagation_;
}

bool BalancerChecker::was_failing_open(std::size_t node, Time at) const {
  return failing_open(node) || at - open_until_[node] <= propagation_;
}

/// All nodes know all states. Without a delay they do at once.
bool BalancerChecker::settled(Time at) const {
  for (const Target& target : targets_) {
    if (target.state == TargetState::initial) return false;  // perhaps not a member yet
    if (target.left != time_max && at - target.left <= dereg_) return false;
    if (propagation_ > Duration{} && at - target.since <= propagation_) return false;
  }
  return true;
}

void BalancerChecker::note_fail_open(Time at) {
  bool any_passes = false;
  for (std::size_t node = 0; node < open_until_.size(); ++node) {
    if (failing_open(node) && open_until_[node] != time_max) {
      open_until_[node] = time_max;
      open_from_[node] = at;
    }
    if (!failing_open(node) && open_until_[node] == time_max) open_until_[node] = at;
    any_passes = any_passes || !few_healthy(node, group_.dns_failover);
  }
  for (std::size_t node = 0; node < dns_failed_.size(); ++node) {
    const bool fails = any_passes && few_healthy(node, group_.dns_failover);
    if (!fails) dns_failed_[node] = time_max;
    if (fails && dns_failed_[node] == time_max) dns_failed_[node] = at;
  }
}

// ---- checks and states

void BalancerChecker::on_check(Time at, TargetId id, std::int32_t checker, Time sent, bool passed) {
  overdue(at);
  Target& target = targets_[id];
  Run& run = target.runs[static_cast<std::size_t>(checker)];
  if (run.last_sent != time_max) {
    const Duration gap = sent - run.last_sent;
    const Duration interval = group_.health_check_interval;
    const bool on_time = group_.schedule == CheckSchedule::fixed_rate ? gap % interval == Duration{}
                                                                      : gap >= interval;
    if (!on_time) report(Rule::detected_in_time, at, id);
  }
  run.last_sent = sent;
  run.successes = passed ? run.successes + 1 : 0;
  run.failures = passed ? 0 : run.failures + 1;
  if (run.failures >= group_.unhealthy_threshold_count) run.down = true;
  if (run.successes >= group_.healthy_threshold_count) run.down = false;
  const bool falls = target.state == TargetState::healthy && down(target) >= group_.quorum;
  target.due_down = falls ? at : time_max;
}

std::int32_t BalancerChecker::down(const Target& target) const {
  return static_cast<std::int32_t>(
      std::count_if(target.runs.begin(), target.runs.end(), [](const Run& r) { return r.down; }));
}

/// A state that should have followed its checks and has not.
void BalancerChecker::overdue(Time at) {
  for (std::size_t id = 0; id < targets_.size(); ++id) {
    Target& target = targets_[id];
    if (target.due_down == time_max || target.due_down >= at) continue;
    target.due_down = time_max;
    report(Rule::detected_in_time, at, static_cast<TargetId>(id));
  }
}

void BalancerChecker::on_state(Time at, TargetId id, TargetState from, TargetState to,
                               TargetReason why) {
  Target& target = targets_[id];
  if (from != target.state) report(Rule::thresholds_met, at, id);
  check_transition(at, id, from, to, why);
  if (to == TargetState::healthy) check_recovery(at, id);
  if (from == TargetState::draining && to == TargetState::unused &&
      at - target.since != group_.deregistration_delay_timeout) {
    report(Rule::draining_exact, at, id);
  }
  if (to == TargetState::draining) {
    target.left = at;
    target.left_unhealthy = down_state(from);
  }
  if (to == TargetState::initial) {
    target.left = time_max;
    target.runs.assign(static_cast<std::size_t>(group_.checkers), {});
  }
  if (why == TargetReason::passive_detection) {
    for (Run& run : target.runs) run.down = true;
  }
  target.due_down = time_max;
  target.state = to;
  target.since = at;
  note_fail_open(at);
  std::size_t healthy = 0;
  for (const Target& each : targets_) healthy += each.state == TargetState::healthy ? 1 : 0;
  if (from == TargetState::healthy && healthy < least_healthy_ && !fault_declared_) {
    report(Rule::work_conserved, at, id);
  }
}

void BalancerChecker::check_transition(Time at, TargetId id, TargetState from, TargetState to,
                                       TargetReason why) {
  const Target& target = targets_[id];
  bool legal = true;
  switch (to) {
    case TargetState::initial:
      legal = from == TargetState::unused || from == TargetState::draining;
      break;
    case TargetState::unhealthy:
    case TargetState::unhealthy_draining: {
      const bool passive = why == TargetReason::passive_detection && group_.passive_detection;
      const bool expired = from == TargetState::unhealthy_draining;
      const bool from_checked = from == TargetState::healthy || from == TargetState::initial;
      legal = expired || (from_checked && (passive || down(target) >= group_.quorum));
      break;
    }
    case TargetState::healthy:
      if (from == TargetState::initial) {
        const auto up = std::count_if(target.runs.begin(), target.runs.end(), [&](const Run& r) {
          return r.successes >= group_.initial_successes;
        });
        legal = up > group_.checkers - group_.quorum;
      } else {
        legal = down_state(from) && down(target) < group_.quorum;
      }
      break;
    case TargetState::draining:
      legal = from != TargetState::unused;
      break;
    case TargetState::unused:
      legal = from == TargetState::draining;
      break;
  }
  if (!legal) report(Rule::thresholds_met, at, id);
}

void BalancerChecker::check_recovery(Time at, TargetId id) {
  const Target& target = targets_[id];
  const Duration passed = at - target.since;
  if (target.state == TargetState::initial) {
    const auto least = Duration(static_cast<std::int64_t>(group_.registration_delay.min()));
    if (passed < least) report(Rule::recovery_not_early, at, id);
  }
  // With one checker: the check that made it unhealthy began at most T before.
  if (down_state(target.state) && group_.checkers == 1) {
    const Duration overlap =
        std::max(Duration{}, group_.health_check_timeout - group_.health_check_interval);
    const Duration least =
        group_.health_check_interval * (group_.healthy_threshold_count - 1) - overlap;
    const bool drained =
        target.state == TargetState::unhealthy && group_.unhealthy_draining_interval > Duration{};
    if (!drained && passed < least) report(Rule::recovery_not_early, at, id);
  }
}

void BalancerChecker::on_routing(Time at, std::size_t node, bool fails_open) {
  if (settled(at) && fails_open != failing_open(node)) {
    report(Rule::fail_open_exact, at, no_target);
  }
}

// ---- flows

void BalancerChecker::on_flow(Time at, std::size_t node, TargetId id) {
  const Target& target = targets_[id];
  const Duration in_state = at - target.since;
  if (!cross_zone_ && target.zone != balancer_.zones[node]) report(Rule::zone_isolated, at, id);
  if (target.state == TargetState::draining || target.state == TargetState::unused) {
    if (target.left == time_max || at - target.left > dereg_) {
      report(Rule::draining_exact, at, id);
    }
  } else if (target.state != TargetState::healthy && in_state > propagation_ &&
             !was_failing_open(node, at)) {
    report(Rule::serving_targets_only, at, id);
  }
  if (dns_failed_[node] != time_max && at - dns_failed_[node] > dns_) {
    report(Rule::dns_follows_health, at, id);
  }
}

void BalancerChecker::on_established(std::uint32_t flow, std::uint32_t life, TargetId target) {
  if (flow >= flows_.size()) flows_.resize(flow + std::size_t{1});
  flows_[flow] = {life, target};
}

void BalancerChecker::on_delivered(Time at, std::uint32_t flow, std::uint32_t life,
                                   std::size_t node, TargetId id) {
  if (flow >= flows_.size() || flows_[flow].life != life || flows_[flow].target == no_target) {
    on_established(flow, life, id);
  } else if (flows_[flow].target != id) {
    report(Rule::flow_keeps_target, at, id);
  }
  Target& target = targets_[id];
  ++target.delivered;
  if (!cross_zone_ && target.zone != balancer_.zones[node]) report(Rule::zone_isolated, at, id);
  const bool cut =
      target.state == TargetState::unhealthy && (group_.unhealthy_connection_termination_enabled ||
                                                 group_.unhealthy_draining_interval > Duration{});
  if (cut && at - target.since > propagation_ && !was_failing_open(node, at)) {
    report(Rule::flow_keeps_target, at, id);
  }
}

void BalancerChecker::on_cut(Time at, std::size_t node, TargetId id, FlowCut why) {
  if (why != FlowCut::target_state) return;
  const Target& target = targets_[id];
  const bool recently = at - target.since <= propagation_;
  const bool terminates = group_.unhealthy_connection_termination_enabled ||
                          group_.unhealthy_draining_interval > Duration{};
  const bool unhealthy = (target.state == TargetState::unhealthy || recently) && terminates &&
                         (!has_failed_open(node, at) || recently);
  // The nodes do not know yet that it has been deregistered.
  const bool leaves = target.state == TargetState::draining || target.state == TargetState::unused;
  const bool left_unhealthy =
      leaves && target.left_unhealthy && terminates && at - target.left <= dereg_;
  const bool not_there = target.state == TargetState::unused ||
                         (target.state == TargetState::initial &&
                          at - target.since <= longest(group_.registration_delay));
  const bool gone = not_there && group_.deregistration_delay_connection_termination_enabled;
  if (!unhealthy && !left_unhealthy && !gone) report(Rule::flow_keeps_target, at, id);
}

void BalancerChecker::on_dns(Time at, std::size_t node, bool answered) {
  if (!settled(at)) return;
  const bool expected = dns_failed_[node] == time_max;
  if (answered != expected) report(Rule::dns_follows_health, at, no_target);
}

// ---- work

void BalancerChecker::on_work(Time at, TargetId id, std::uint64_t received, std::uint64_t served,
                              std::uint64_t rejected, std::uint64_t lost, std::uint64_t present) {
  if (received != served + rejected + lost + present) report(Rule::work_conserved, at, id);
}

void BalancerChecker::on_load(Time at, TargetId id, std::uint64_t waiting) {
  Target& target = targets_[id];
  const bool grows = waiting > 0 && waiting >= target.waiting;
  if (!grows) target.growing_since = time_max;
  if (grows && target.growing_since == time_max) target.growing_since = at;
  target.waiting = waiting;
  if (target.growing_since == time_max || at - target.growing_since < growing_for) return;
  if (std::find(overloaded_.begin(), overloaded_.end(), id) == overloaded_.end()) {
    overloaded_.push_back(id);
  }
}

void BalancerChecker::finish(Time at, std::uint64_t arrived, std::uint64_t answered,
                             std::uint64_t failed, std::uint64_t under_way) {
  overdue(at);
  if (arrived != answered + failed + under_way) report(Rule::availability_adds_up, at, no_target);
}

}  // namespace predrill::models
