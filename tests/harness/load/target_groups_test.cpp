// What `aws elbv2` prints becomes the settings of a target group. What is wrong in it:
// tests/harness/broken/elbv2-*.json.
#include "harness/load/target_groups.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "harness/input/overrides.hpp"

using namespace predrill::harness;
using namespace predrill::models;
using namespace std::chrono_literals;

namespace {

const std::string folder = PREDRILL_SOURCE_DIR "/scenarios/systems/payment-gateway/";

struct Read {
  explicit Read(const std::string& groups, const std::string& attributes = "",
                const std::string& name = "") {
    const auto document = parse_document(groups, "groups.json", Format::json, diagnostics);
    REQUIRE(document);
    config = read_target_groups(*document, name, context);
    if (config && !attributes.empty()) {
      const auto more = parse_document(attributes, "attributes.json", Format::json, diagnostics);
      REQUIRE(more);
      read_target_group_attributes(*more, *config, context);
    }
    if (config && !diagnostics.has_errors()) check_target_group(*config, context);
  }
  std::string said() const { return diagnostics.text(); }
  Diagnostics diagnostics;
  LoadContext context{diagnostics};
  std::optional<TargetGroupConfig> config;
};

std::string one_group(const std::string& fields) {
  return "{\"TargetGroups\": [\n{\"TargetGroupName\": \"tg\", \"Protocol\": \"TCP\",\n" + fields +
         "}]}";
}

}  // namespace

TEST_CASE("target groups: the payment gateway's as the CLI prints them", "[load][target-group]") {
  Diagnostics diagnostics;
  LoadContext context(diagnostics);
  const auto groups = load_document(folder + "target-groups.json", diagnostics);
  const auto attributes = load_document(folder + "target-group-attributes.json", diagnostics);
  REQUIRE(groups);
  REQUIRE(attributes);
  auto config = read_target_groups(*groups, "tg-payment-gateway-prod", context);
  REQUIRE(config);
  read_target_group_attributes(*attributes, *config, context);
  check_target_group(*config, context);
  CHECK(diagnostics.text().empty());
  CHECK(config->name == "tg-payment-gateway-prod");
  CHECK(config->balancer == BalancerType::network);
  CHECK(config->target_type == TargetType::ip);
  CHECK(config->health_check_protocol == TargetProtocol::tcp);
  CHECK(config->health_check_interval == 10s);
  CHECK(config->health_check_timeout == 10s);
  CHECK(config->healthy_threshold_count == 3);
  CHECK(config->unhealthy_threshold_count == 2);
  CHECK(config->deregistration_delay_timeout == 300s);
  CHECK(config->unhealthy_connection_termination_enabled);
  CHECK(config->dns_failover.count == 1);
  CHECK(config->dns_failover.percentage == 0);
  CHECK(config->load_balancing_cross_zone_enabled == CrossZone::use_load_balancer_configuration);
  CHECK_FALSE(config->registration_delay.source().empty());
  CHECK(context.origins.at("target_group.UnhealthyThresholdCount").line == 15);
}

TEST_CASE("target groups: an application load balancer's", "[load][target-group]") {
  const Read read(R"({"TargetGroups": [
{"TargetGroupName": "web", "Protocol": "HTTP", "Port": 80, "HealthCheckProtocol": "HTTP",
 "HealthCheckPath": "/healthz", "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5,
 "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2, "Matcher": {"HttpCode": "200,202-204"},
 "LoadBalancerArns": ["arn:aws:elasticloadbalancing:x:1:loadbalancer/app/web/1"]}]})",
                  R"({"Attributes": [
{"Key": "slow_start.duration_seconds", "Value": "60"},
{"Key": "load_balancing.algorithm.type", "Value": "round_robin"},
{"Key": "load_balancing.cross_zone.enabled", "Value": "false"},
{"Key": "stickiness.enabled", "Value": "true"}]})");
  CHECK(read.said() ==
        "attributes.json:5:40: warning: target_group.stickiness.enabled: not modelled; flows go to "
        "targets at random\n");
  REQUIRE(read.config);
  CHECK(read.config->balancer == BalancerType::application);
  CHECK(read.config->health_check_path == "/healthz");
  REQUIRE(read.config->matcher.size() == 2);
  CHECK(read.config->matcher[1].from == 202);
  CHECK(read.config->matcher[1].to == 204);
  CHECK(read.config->slow_start_duration == 60s);
  CHECK(read.config->load_balancing_cross_zone_enabled == CrossZone::off);
}

TEST_CASE("target groups: rules between settings", "[load][target-group]") {
  const Read read(one_group("\"Port\": 80"), R"({"Attributes": [
{"Key": "target_health_state.unhealthy.draining_interval_seconds", "Value": "60"}]})");
  CHECK(read.said() ==
        "attributes.json:2:77: error: "
        "target_group.target_health_state.unhealthy.draining_interval_seconds: tg: "
        "target_health_state.unhealthy.draining_interval_seconds needs "
        "target_health_state.unhealthy.connection_termination.enabled = false\n");
}

TEST_CASE("target groups: which of several, and what is no such file", "[load][target-group]") {
  const std::string two =
      R"({"TargetGroups": [{"TargetGroupName": "blue"}, {"TargetGroupName": "green"}]})";
  CHECK(Read(two, "", "green").config->name == "green");
  CHECK(Read(two).said() ==
        "groups.json:1:18: error: TargetGroups: 2 target groups where one is needed; name one of: "
        "blue, green\n");
  CHECK(Read(two, "", "gren").said() ==
        "groups.json:1:18: error: TargetGroups: there is no target group \"gren\"; did you mean "
        "\"green\"?\n");
  CHECK(Read(R"({"Targets": []})").said() ==
        "groups.json:1:1: error: this is not what `aws elbv2 describe-target-groups` prints: a "
        "list \"TargetGroups\" should stand here; save it with --output json\n");
  CHECK(Read(one_group("\"Port\": 80"), R"({"Attributes": {}})")
            .said()
            .find("describe-target-group-attributes") != std::string::npos);
}

TEST_CASE("target groups: settings of our own and from the command line", "[load][target-group]") {
  Read read(one_group("\"UnhealthyThresholdCount\": 2"));
  REQUIRE(read.config);
  const auto own = parse_document(
      R"({"UnhealthyThresholdCount": 3, "checkers": 3, "quorum": 2, "schedule": "fixed_delay",
"deregistration_delay": {"timeout_seconds": 30}, "load_balancing.cross_zone.enabled": true,
"registration_delay": {"uniform": ["5s", "30s"]}})",
      "own.json", Format::json, read.diagnostics);
  REQUIRE(own);
  read_target_group_settings(own->root(), *read.config, read.context);
  CHECK(read.said().empty());
  CHECK(read.config->unhealthy_threshold_count == 3);
  CHECK(read.config->checkers == 3);
  CHECK(read.config->quorum == 2);
  CHECK(read.config->schedule == CheckSchedule::fixed_delay);
  CHECK(read.config->deregistration_delay_timeout == 30s);
  CHECK(read.config->load_balancing_cross_zone_enabled == CrossZone::on);
  CHECK(read.config->registration_delay.max() == 30e9);
}
