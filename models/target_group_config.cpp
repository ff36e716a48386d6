#include "models/target_group_config.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;

namespace {

std::string whole_seconds(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

class Problems {
 public:
  explicit Problems(const std::string& group) : group_(group) {}
  void outside(const char* name, Duration value, Duration low, Duration high) {
    if (value >= low && value <= high) return;
    add(std::string(name) + " is " + whole_seconds(value) + ", allowed are " + whole_seconds(low) +
        " to " + whole_seconds(high));
  }
  void outside(const char* name, std::int32_t value, std::int32_t low, std::int32_t high) {
    if (value >= low && value <= high) return;
    add(std::string(name) + " is " + std::to_string(value) + ", allowed are " +
        std::to_string(low) + " to " + std::to_string(high));
  }
  void add(const std::string& sentence) { list.push_back(group_ + ": " + sentence); }
  std::vector<std::string> list;

 private:
  const std::string& group_;
};

/// A threshold of 0 is off, hence below all others.
bool below(std::int32_t dns, std::int32_t routing) {
  return dns != 0 && dns < routing;
}

}  // namespace

TargetGroupConfig TargetGroupConfig::network_defaults() {
  TargetGroupConfig c;
  c.registration_delay =
      Distribution::uniform(Duration(90s), Duration(180s))
          .with_source(
              "AWS Load Balancer Controller issues 1834 and 1786: registration of IP "
              "targets takes 90 to 180 s; faster since 2024 by reports without numbers");
  c.deregistration_propagation =
      Distribution::uniform(Duration(0s), Duration(120s))
          .with_source(
              "AWS Load Balancer Controller issues 2366 and 3270: new connections arrive "
              "for up to 120 s after DeregisterTargets");
  c.health_propagation =
      Distribution::constant(Duration(0s))
          .with_source("not published; assumed to be short against the interval");
  c.passive_detection_delay =
      Distribution::uniform(Duration(1s), Duration(10s))
          .with_source("not published; assumed: faster than one interval of active checks");
  return c;
}

// pkg/service/model_builder.go: defaultHealthCheck*.
TargetGroupConfig TargetGroupConfig::controller_defaults() {
  TargetGroupConfig c = network_defaults();
  c.health_check_interval = 10s;
  c.health_check_timeout = 10s;
  c.healthy_threshold_count = 3;
  c.unhealthy_threshold_count = 3;
  return c;
}

TargetGroupConfig TargetGroupConfig::application_defaults() {
  TargetGroupConfig c;
  c.balancer = BalancerType::application;
  c.protocol = TargetProtocol::http;
  c.port = 80;
  c.health_check_protocol = TargetProtocol::http;
  c.health_check_timeout = 5s;
  c.matcher = {{200, 200}};
  c.registration_delay =
      Distribution::uniform(Duration(0s), Duration(10s))
          .with_source(
              "AWS Load Balancer Controller issue 1834: an ALB target is healthy about "
              "one interval after its registration");
  c.deregistration_propagation =
      Distribution::uniform(Duration(0s), Duration(5s))
          .with_source("not published; assumed: a few seconds, as for its registration");
  c.health_propagation =
      Distribution::constant(Duration(0s))
          .with_source("not published; assumed to be short against the interval");
  return c;
}

std::vector<std::string> validate(const TargetGroupConfig& c) {
  Problems problems(c.name);
  const bool application = c.balancer == BalancerType::application;
  problems.outside("HealthCheckIntervalSeconds", c.health_check_interval, 5s, 300s);
  problems.outside("HealthCheckTimeoutSeconds", c.health_check_timeout, 2s, 120s);
  problems.outside("HealthyThresholdCount", c.healthy_threshold_count, 2, 10);
  problems.outside("UnhealthyThresholdCount", c.unhealthy_threshold_count, 2, 10);
  problems.outside("Port", c.port, 1, 65535);
  problems.outside("deregistration_delay.timeout_seconds", c.deregistration_delay_timeout, 0s,
                   3600s);
  problems.outside("target_health_state.unhealthy.draining_interval_seconds",
                   c.unhealthy_draining_interval, 0s, 360000s);
  if (c.unhealthy_connection_termination_enabled && c.unhealthy_draining_interval > 0s) {
    problems.add(
        "target_health_state.unhealthy.draining_interval_seconds needs "
        "target_health_state.unhealthy.connection_termination.enabled = false");
  }
  if (below(c.dns_failover.count, c.unhealthy_state_routing.count) ||
      below(c.dns_failover.percentage, c.unhealthy_state_routing.percentage)) {
    problems.add(
        "target_group_health.dns_failover.minimum_healthy_targets must be at least "
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets");
  }
  problems.outside("target_group_health.dns_failover.minimum_healthy_targets.percentage",
                   c.dns_failover.percentage, 0, 100);
  problems.outside("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
                   c.unhealthy_state_routing.percentage, 0, 100);
  if (application && c.slow_start_duration != 0s) {
    problems.outside("slow_start.duration_seconds", c.slow_start_duration, 30s, 900s);
  }
  if (!application && c.slow_start_duration != 0s) {
    problems.add("slow_start.duration_seconds belongs to Application Load Balancers");
  }
  if (application && c.slow_start_duration != 0s &&
      c.load_balancing_algorithm == RoutingAlgorithm::least_outstanding_requests) {
    problems.add("slow_start.duration_seconds excludes least_outstanding_requests");
  }
  const bool http = c.protocol == TargetProtocol::http || c.protocol == TargetProtocol::https;
  if (http != application) {
    problems.add(application ? "Protocol of an Application Load Balancer is HTTP or HTTPS"
                             : "Protocol of a Network Load Balancer is TCP, TLS, UDP or TCP_UDP");
  }
  problems.outside("checkers", c.checkers, 1, 64);
  problems.outside("quorum", c.quorum, 1, c.checkers);
  problems.outside("initial_successes", c.initial_successes, 1, 10);
  return problems.list;
}

}  // namespace predrill::models
