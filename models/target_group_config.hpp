// Settings of an Elastic Load Balancing target group: fields of the API's TargetGroup and keys of
// describe-target-group-attributes (in comments), with the defaults of each kind of load balancer.
// Sources: ELB API reference 2015-12-01; user guides of Network and Application Load Balancers,
// target-group-health-checks and load-balancer-target-groups.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::models {

enum class BalancerType : std::uint8_t { network, application };
enum class TargetProtocol : std::uint8_t { tcp, tls, udp, tcp_udp, http, https };
enum class TargetType : std::uint8_t { instance, ip };

/// Of HTTP checks: Matcher.HttpCode "200-399" or "200,202".
struct StatusRange {
  std::uint16_t from = 200;
  std::uint16_t to = 399;
};

/// target_group_health.*.minimum_healthy_targets: either threshold, when breached, has the effect.
struct MinimumHealthyTargets {
  std::int32_t count = 0;       // 0: "off"
  std::int32_t percentage = 0;  // 0: "off"
};

enum class CrossZone : std::uint8_t { use_load_balancer_configuration, off, on };

/// When a checker asks again: `interval` after the last question or after the last answer.
enum class CheckSchedule : std::uint8_t { fixed_rate, fixed_delay };

enum class RoutingAlgorithm : std::uint8_t { round_robin, least_outstanding_requests };

struct TargetGroupConfig {
  std::string name = "target-group";  // TargetGroupName
  BalancerType balancer = BalancerType::network;
  TargetType target_type = TargetType::ip;        // TargetType
  TargetProtocol protocol = TargetProtocol::tcp;  // Protocol
  std::int32_t port = 443;                        // Port

  TargetProtocol health_check_protocol = TargetProtocol::tcp;      // HealthCheckProtocol
  sim::Duration health_check_interval = std::chrono::seconds(30);  // HealthCheckIntervalSeconds
  sim::Duration health_check_timeout = std::chrono::seconds(10);   // HealthCheckTimeoutSeconds
  std::int32_t healthy_threshold_count = 5;                        // HealthyThresholdCount
  std::int32_t unhealthy_threshold_count = 2;                      // UnhealthyThresholdCount
  std::string health_check_path = "/";                             // HealthCheckPath
  std::vector<StatusRange> matcher{{200, 399}};                    // Matcher.HttpCode

  // deregistration_delay.timeout_seconds, .connection_termination.enabled
  sim::Duration deregistration_delay_timeout = std::chrono::seconds(300);
  bool deregistration_delay_connection_termination_enabled = false;
  // load_balancing.cross_zone.enabled
  CrossZone load_balancing_cross_zone_enabled = CrossZone::use_load_balancer_configuration;
  // target_group_health.dns_failover.minimum_healthy_targets.*; both off: at least one
  MinimumHealthyTargets dns_failover;
  // target_group_health.unhealthy_state_routing.minimum_healthy_targets.*
  MinimumHealthyTargets unhealthy_state_routing{1, 0};
  // target_health_state.unhealthy.connection_termination.enabled, .draining_interval_seconds
  bool unhealthy_connection_termination_enabled = true;
  sim::Duration unhealthy_draining_interval{};
  // Application Load Balancer: slow_start.duration_seconds, load_balancing.algorithm.type
  sim::Duration slow_start_duration{};
  RoutingAlgorithm load_balancing_algorithm = RoutingAlgorithm::round_robin;

  // What AWS does not publish: assumptions, to be replaced by what is measured at a site.
  CheckSchedule schedule = CheckSchedule::fixed_rate;  // documented for application balancers
  std::int32_t checkers = 1;                           // that ask each target independently
  std::int32_t quorum = 1;                             // so many must find it unhealthy
  std::int32_t initial_successes = 1;    // "initial" ends after one passed check (user guides)
  sim::Distribution registration_delay;  // RegisterTargets until the first check
  sim::Distribution deregistration_propagation;  // DeregisterTargets until no new flow arrives
  sim::Distribution health_propagation;          // a new state until the nodes route by it
  bool passive_detection = false;                // by the failures of real connections
  sim::Distribution passive_detection_delay;

  /// The API's defaults for a group of this kind, with the delays seen in practice.
  static TargetGroupConfig network_defaults();
  static TargetGroupConfig application_defaults();
  /// What the AWS Load Balancer Controller makes of a Service without annotations.
  static TargetGroupConfig controller_defaults();
};

/// What CreateTargetGroup and ModifyTargetGroupAttributes reject, as sentences.
std::vector<std::string> validate(const TargetGroupConfig& config);

}  // namespace predrill::models
