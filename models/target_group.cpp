#include "models/target_group.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;
using Verdict = CheckerOpinion::Verdict;

namespace {

bool is_http(TargetProtocol protocol) {
  return protocol == TargetProtocol::http || protocol == TargetProtocol::https;
}

/// Known to the nodes as a member of the group.
bool is_member(TargetState state) {
  return state == TargetState::initial || state == TargetState::healthy ||
         state == TargetState::unhealthy || state == TargetState::unhealthy_draining;
}

}  // namespace

std::string_view to_text(TargetState state) {
  switch (state) {
    case TargetState::unused:
      return "unused";
    case TargetState::initial:
      return "initial";
    case TargetState::healthy:
      return "healthy";
    case TargetState::unhealthy:
      return "unhealthy";
    case TargetState::unhealthy_draining:
      return "unhealthy.draining";
    case TargetState::draining:
      return "draining";
  }
  return "?";
}

std::string_view to_text(TargetReason reason) {
  switch (reason) {
    case TargetReason::none:
      return "no reason";
    case TargetReason::registration_in_progress:
      return "Elb.RegistrationInProgress";
    case TargetReason::initial_health_checking:
      return "Elb.InitialHealthChecking";
    case TargetReason::failed_health_checks:
      return "Target.FailedHealthChecks";
    case TargetReason::timeout:
      return "Target.Timeout";
    case TargetReason::response_code_mismatch:
      return "Target.ResponseCodeMismatch";
    case TargetReason::passive_detection:
      return "connections failed";
    case TargetReason::deregistration_in_progress:
      return "Target.DeregistrationInProgress";
    case TargetReason::not_registered:
      return "Target.NotRegistered";
  }
  return "?";
}

TargetGroup::Checker::Checker(TargetGroup& group_ref, Target& target_ref, std::int32_t its_index)
    : group(group_ref),
      target(target_ref),
      index(its_index),
      phases(group_ref.simulation_.stream(group_ref.config_.name + "/" + target_ref.endpoint.name,
                                          "check " + std::to_string(its_index))),
      timer(*this, group_ref.simulation_.world()) {}

TargetGroup::Target::Target(TargetGroup& group_ref, TargetId its_id, TargetEndpoint its_endpoint)
    : group(group_ref),
      id(its_id),
      endpoint(std::move(its_endpoint)),
      label(group_ref.simulation_.trace().name(endpoint.name)),
      delays(group_ref.simulation_.stream(group_ref.config_.name + "/" + endpoint.name, "delays")),
      registering(*this, group_ref.simulation_.world()),
      draining(*this, group_ref.simulation_.world()),
      propagation(*this, group_ref.simulation_.world()),
      passive(*this, group_ref.simulation_.world()) {}

TargetGroup::TargetGroup(sim::Simulation& simulation, TargetGroupConfig config,
                         const std::vector<sim::Host*>& nodes, bool cross_zone)
    : simulation_(simulation),
      config_(std::move(config)),
      nodes_(nodes),
      cross_zone_(config_.load_balancing_cross_zone_enabled == CrossZone::on ||
                  (config_.load_balancing_cross_zone_enabled ==
                       CrossZone::use_load_balancer_configuration &&
                   cross_zone)),
      entity_(simulation.trace().entity(config_.name)),
      scopes_(nodes.size()) {
  for (sim::Host* host : nodes_) {
    probing_.push_back(std::make_unique<sim::Group>(*host, "health-checks"));
  }
  reroute();
}

TargetGroup::~TargetGroup() = default;

TargetId TargetGroup::add(TargetEndpoint endpoint) {
  const auto id = static_cast<TargetId>(targets_.size());
  if (endpoint.health_check == nullptr) endpoint.health_check = endpoint.traffic;
  targets_.push_back(std::make_unique<Target>(*this, id, std::move(endpoint)));
  Target& target = *targets_.back();
  for (std::int32_t i = 0; i < config_.checkers; ++i) {
    target.checkers.push_back(std::make_unique<Checker>(*this, target, i));
  }
  return id;
}

void TargetGroup::register_target(TargetId id) {
  Target& target = *targets_[id];
  if (registered(id)) return;
  target.draining.disarm();
  target.propagation.disarm();
  ++target.registration;
  for (const auto& checker : target.checkers) checker->opinion = {};
  if (target.routed != TargetState::unused) route_by(target, TargetState::draining);
  enter(target, TargetState::initial, TargetReason::registration_in_progress);
  target.registering.arm(config_.registration_delay.sample_duration(target.delays));
}

void TargetGroup::begin_healthy(TargetId id) {
  Target& target = *targets_[id];
  ++target.registration;
  for (const auto& checker : target.checkers) checker->opinion = {Verdict::healthy, 0, 0};
  target.state = TargetState::healthy;
  target.reason = TargetReason::none;
  target.since = simulation_.now();
  begin_checks(target);
  route_by(target, target.state);
}

void TargetGroup::deregister_target(TargetId id) {
  Target& target = *targets_[id];
  if (!registered(id)) return;
  target.registering.disarm();
  stop_checks(target);
  enter(target, TargetState::draining, TargetReason::deregistration_in_progress);
  target.draining.arm(config_.deregistration_delay_timeout);
}

bool TargetGroup::registered(TargetId target) const {
  return is_member(targets_[target]->state);
}

std::size_t TargetGroup::count(TargetState state) const {
  return static_cast<std::size_t>(std::count_if(targets_.begin(), targets_.end(),
                                                [&](const auto& t) { return t->state == state; }));
}

// ---- checks

void TargetGroup::begin_checks(Target& target) {
  if (target.state == TargetState::initial) {
    target.reason = TargetReason::initial_health_checking;
    route_by(target, TargetState::initial);
  }
  for (const auto& checker : target.checkers) {
    checker->timer.arm(checker->phases.uniform(Duration{}, config_.health_check_interval));
  }
}

void TargetGroup::stop_checks(Target& target) {
  ++target.registration;
  for (const auto& checker : target.checkers) checker->timer.disarm();
  target.passive.disarm();
}

void TargetGroup::check_now(Checker& checker) {
  const Duration again =
      config_.schedule == CheckSchedule::fixed_rate
          ? config_.health_check_interval
          : config_.health_check_timeout + config_.health_check_interval;  // an answer re-arms
  checker.timer.arm(again);
  const std::size_t n = nodes_.size();
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t node = (checker.target.id + static_cast<std::size_t>(checker.index) + i) % n;
    if (!nodes_[node]->up()) continue;
    probing_[node]->spawn(check(checker, node));
    return;
  }
}

sim::Task<> TargetGroup::check(Checker& checker, std::size_t node) {
  const Time sent = simulation_.now();
  const std::uint32_t registration = checker.target.registration;
  const TargetReason failure = co_await ask(*probing_[node], *checker.target.endpoint.health_check);
  if (checker.target.registration != registration) co_return;
  if (config_.schedule == CheckSchedule::fixed_delay) {
    checker.timer.disarm();
    checker.timer.arm(config_.health_check_interval);
  }
  note(checker, sent, failure);
}

/// TargetReason::none: passed.
sim::Task<TargetReason> TargetGroup::ask(sim::Group& from, HttpListener& port) {
  const Time deadline = simulation_.now() + config_.health_check_timeout;
  auto socket = co_await sim::connect(from, port, config_.health_check_timeout);
  if (!socket) {
    const bool silent = socket.error() == sim::NetError::timeout;
    co_return silent ? TargetReason::timeout : TargetReason::failed_health_checks;
  }
  if (!is_http(config_.health_check_protocol)) co_return TargetReason::none;
  HttpRequest request;
  request.path = sim::stable_hash(config_.health_check_path);
  socket->send(request);
  const auto reply = co_await socket->receive_for(deadline - simulation_.now());
  if (!reply) {
    const bool silent = reply.error() == sim::NetError::timeout;
    co_return silent ? TargetReason::timeout : TargetReason::failed_health_checks;
  }
  const bool matches = std::any_of(
      config_.matcher.begin(), config_.matcher.end(),
      [&](const StatusRange& r) { return reply->status >= r.from && reply->status <= r.to; });
  co_return matches ? TargetReason::none : TargetReason::response_code_mismatch;
}

void TargetGroup::note(Checker& checker, Time sent, TargetReason failure) {
  const bool passed = failure == TargetReason::none;
  Target& target = checker.target;
  if (!passed) target.last_failure = failure;
  checker.opinion.note(passed, {config_.healthy_threshold_count, config_.unhealthy_threshold_count,
                                config_.initial_successes});
  for (TargetGroupObserver* observer : observers_) {
    observer->on_check(target.id, checker.index, sent, passed);
  }
  judge(target);
}

void TargetGroup::judge(Target& target) {
  std::int32_t healthy = 0;
  std::int32_t unhealthy = 0;
  for (const auto& checker : target.checkers) {
    healthy += checker->opinion.verdict == Verdict::healthy ? 1 : 0;
    unhealthy += checker->opinion.verdict == Verdict::unhealthy ? 1 : 0;
  }
  const TargetState next =
      judged(target.state, healthy, unhealthy, config_.checkers, config_.quorum);
  if (next == target.state) return;
  if (next == TargetState::healthy) {
    target.draining.disarm();
    enter(target, next, TargetReason::none);
    return;
  }
  const bool drains = target.state == TargetState::healthy &&
                      !config_.unhealthy_connection_termination_enabled &&
                      config_.unhealthy_draining_interval > 0s;
  enter(target, drains ? TargetState::unhealthy_draining : next, target.last_failure);
  if (drains) target.draining.arm(config_.unhealthy_draining_interval);
}

void TargetGroup::end_draining(Target& target) {
  if (target.state == TargetState::draining) {
    enter(target, TargetState::unused, TargetReason::not_registered);
  } else {
    enter(target, TargetState::unhealthy, target.reason);
  }
}

void TargetGroup::note_connection(TargetId id, bool established) {
  if (!config_.passive_detection) return;
  Target& target = *targets_[id];
  if (established) {
    target.passive.disarm();
  } else if (target.state == TargetState::healthy && !target.passive.armed()) {
    target.passive.arm(config_.passive_detection_delay.sample_duration(target.delays));
  }
}

void TargetGroup::fail_passively(Target& target) {
  if (target.state != TargetState::healthy) return;
  for (const auto& checker : target.checkers) checker->opinion = {Verdict::unhealthy, 0, 0};
  target.last_failure = TargetReason::passive_detection;
  judge(target);
}

// ---- states and routing

void TargetGroup::enter(Target& target, TargetState state, TargetReason reason) {
  const TargetState from = target.state;
  target.state = state;
  target.reason = reason;
  target.since = simulation_.now();
  sim::Trace& trace = simulation_.trace();
  trace.emit(simulation_.now(), entity_, target_group::state_changed, target.label,
             trace.name(to_text(from)), trace.name(to_text(state)), trace.name(to_text(reason)));
  for (TargetGroupObserver* observer : observers_) {
    observer->on_target_state(target.id, from, state, reason);
  }
  propagate(target);
}

void TargetGroup::propagate(Target& target) {
  if (target.state == TargetState::initial) return;  // known to the nodes when its checks begin
  const bool leaving = target.state == TargetState::unused;
  if (leaving && target.propagation.armed()) return;  // new flows arrive until it fires
  const sim::Distribution& delay = target.state == TargetState::draining
                                       ? config_.deregistration_propagation
                                       : config_.health_propagation;
  target.propagation.disarm();
  const Duration wait = leaving ? Duration{} : delay.sample_duration(target.delays);
  if (wait == 0s) {
    route_by(target, target.state);
  } else {
    target.propagation.arm(wait);
  }
}

void TargetGroup::route_by(Target& target, TargetState state) {
  target.routed = state;
  reroute();
}

bool TargetGroup::in_scope(TargetId target, std::size_t node) const {
  const sim::Host& host = targets_[target]->endpoint.traffic->host();
  return cross_zone_ || host.zone() == nodes_[node]->zone();
}

bool TargetGroup::cuts_flows(TargetId id, std::size_t node) const {
  const Target& target = *targets_[id];
  if (target.routed == TargetState::unused) {
    return config_.deregistration_delay_connection_termination_enabled;
  }
  if (target.routed != TargetState::unhealthy) return false;
  const bool terminates = config_.unhealthy_connection_termination_enabled ||
                          config_.unhealthy_draining_interval > 0s;  // which is over
  return terminates && !fails_open(node);
}

bool TargetGroup::breached(const MinimumHealthyTargets& least, std::int64_t healthy,
                           std::int64_t registered) const {
  return healthy < least.count || healthy * 100 < registered * least.percentage;
}

TargetGroup::Scope TargetGroup::scope_of(std::size_t node) const {
  Scope scope;
  std::int64_t healthy = 0;
  std::int64_t members = 0;
  for (const auto& target : targets_) {
    if (!is_member(target->routed) || !in_scope(target->id, node)) continue;
    ++members;
    healthy += target->routed == TargetState::healthy ? 1 : 0;
  }
  MinimumHealthyTargets routing = config_.unhealthy_state_routing;
  routing.count = std::max(routing.count, 1);
  MinimumHealthyTargets dns = config_.dns_failover;
  dns.count = std::max(dns.count, 1);  // off: at least one
  scope.fails_open = breached(routing, healthy, members);
  scope.fails_dns = breached(dns, healthy, members);
  for (const auto& target : targets_) {
    const bool takes =
        target->routed == TargetState::healthy || (scope.fails_open && is_member(target->routed));
    if (takes && in_scope(target->id, node)) scope.routable.push_back(target->id);
  }
  return scope;
}

void TargetGroup::reroute() {
  for (std::size_t node = 0; node < scopes_.size(); ++node) {
    const bool failed_open = scopes_[node].fails_open;
    scopes_[node] = scope_of(node);
    if (scopes_[node].fails_open != failed_open) tell_fail_open(node);
  }
  for (TargetGroupObserver* observer : observers_) observer->on_routing_change();
}

void TargetGroup::tell_fail_open(std::size_t node) {
  std::int64_t members = 0;
  std::int64_t healthy = 0;
  for (const auto& target : targets_) {
    if (!is_member(target->routed) || !in_scope(target->id, node)) continue;
    ++members;
    healthy += target->routed == TargetState::healthy ? 1 : 0;
  }
  if (members == 0) return;
  sim::Trace& trace = simulation_.trace();
  trace.emit(simulation_.now(), entity_,
             scopes_[node].fails_open ? target_group::fail_open : target_group::fail_open_ended,
             trace.name(nodes_[node]->name()), healthy, members);
}

}  // namespace predrill::models
