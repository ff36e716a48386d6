#include "harness/load/target_groups.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "harness/input/nearest.hpp"
#include "harness/load/read_distribution.hpp"

namespace predrill::harness {

using models::BalancerType;
using models::CheckSchedule;
using models::CrossZone;
using models::RoutingAlgorithm;
using models::StatusRange;
using models::TargetGroupConfig;
using models::TargetProtocol;
using models::TargetType;

namespace {

using Group = TargetGroupConfig;

constexpr std::array<std::pair<std::string_view, TargetProtocol>, 6> protocols = {
    {{"TCP", TargetProtocol::tcp},
     {"TLS", TargetProtocol::tls},
     {"UDP", TargetProtocol::udp},
     {"TCP_UDP", TargetProtocol::tcp_udp},
     {"HTTP", TargetProtocol::http},
     {"HTTPS", TargetProtocol::https}}};
constexpr std::array<std::pair<std::string_view, TargetProtocol>, 3> check_protocols = {
    {{"TCP", TargetProtocol::tcp},
     {"HTTP", TargetProtocol::http},
     {"HTTPS", TargetProtocol::https}}};
constexpr std::array<std::pair<std::string_view, TargetType>, 2> target_types = {
    {{"instance", TargetType::instance}, {"ip", TargetType::ip}}};
constexpr std::array<std::pair<std::string_view, CrossZone>, 3> cross_zone = {
    {{"true", CrossZone::on},
     {"false", CrossZone::off},
     {"use_load_balancer_configuration", CrossZone::use_load_balancer_configuration}}};
constexpr std::array<std::pair<std::string_view, bool>, 2> switches = {
    {{"true", true}, {"false", false}}};
constexpr std::array<std::pair<std::string_view, CheckSchedule>, 2> schedules = {
    {{"fixed_rate", CheckSchedule::fixed_rate}, {"fixed_delay", CheckSchedule::fixed_delay}}};
constexpr std::array<std::pair<std::string_view, RoutingAlgorithm>, 2> algorithms = {
    {{"round_robin", RoutingAlgorithm::round_robin},
     {"least_outstanding_requests", RoutingAlgorithm::least_outstanding_requests}}};

// A whole number of seconds; the range is the API's.
template <auto member, int low, int high>
void time(const Value& value, Group& group) {
  if (const auto s = value.quoted_integer(low, high)) group.*member = std::chrono::seconds(*s);
}
template <auto member, int low, int high>
void integer(const Value& value, Group& group) {
  assign(group.*member, value.quoted_integer(low, high));
}
// Attributes are text, --set gives true and false as well.
std::optional<bool> truth(const Value& value) {
  if (value.exists() && value.node()->kind == NodeKind::boolean) return value.boolean();
  return value.choice("a truth value of AWS", switches);
}
template <auto member>
void boolean(const Value& value, Group& group) {
  assign(group.*member, truth(value));
}
template <auto member>
void distribution(const Value& value, Group& group) {
  read_into(group.*member, value);
}
template <auto member, auto part>
void threshold(const Value& value, Group& group) {
  const auto text = value.text();
  if (text && *text == "off") {
    group.*member.*part = 0;
    return;
  }
  assign(group.*member.*part, value.quoted_integer(1, 1000));
}

// "200", "200,202", "200-399"
void matcher(const Value& value, Group& group) {
  const auto text = value.text();
  if (!text) return;
  std::vector<StatusRange> ranges;
  bool good = !text->empty();
  std::size_t at = 0;
  const auto code = [&] {
    std::uint16_t number = 0;
    std::size_t digits = 0;
    while (at < text->size() && (*text)[at] >= '0' && (*text)[at] <= '9' && digits < 4) {
      number = static_cast<std::uint16_t>(number * 10 + ((*text)[at++] - '0'));
      ++digits;
    }
    good = good && digits == 3 && number >= 200 && number <= 599;
    return number;
  };
  while (good && at < text->size()) {
    StatusRange range;
    range.from = range.to = code();
    if (at < text->size() && (*text)[at] == '-') {
      ++at;
      range.to = code();
    }
    good = good && range.to >= range.from;
    ranges.push_back(range);
    if (at < text->size() && ((*text)[at++] != ',' || at == text->size())) good = false;
  }
  if (good) {
    group.matcher = std::move(ranges);
    return;
  }
  value.error(in_quotes(*text) + " is not a list of HTTP codes",
              R"(write "200", "200,202" or "200-399")");
}

using Entry = Setting<Group>;

constexpr std::array<Entry, 35> table = {{
    {"TargetGroupName",
     [](const Value& v, Group& g) {
       if (const auto name = v.text()) g.name = *name;
     }},
    {"Protocol",
     [](const Value& v, Group& g) { assign(g.protocol, v.choice("a protocol", protocols)); }},
    {"Port", integer<&Group::port, 1, 65535>},
    {"TargetType",
     [](const Value& v, Group& g) {
       assign(g.target_type, v.choice("a type of targets", target_types));
     }},
    {"HealthCheckProtocol",
     [](const Value& v, Group& g) {
       assign(g.health_check_protocol, v.choice("a protocol of checks", check_protocols));
     }},
    {"HealthCheckIntervalSeconds", time<&Group::health_check_interval, 5, 300>},
    {"HealthCheckTimeoutSeconds", time<&Group::health_check_timeout, 2, 120>},
    {"HealthyThresholdCount", integer<&Group::healthy_threshold_count, 2, 10>},
    {"UnhealthyThresholdCount", integer<&Group::unhealthy_threshold_count, 2, 10>},
    {"HealthCheckPath",
     [](const Value& v, Group& g) {
       if (const auto path = v.text()) g.health_check_path = *path;
     }},
    {"Matcher.HttpCode", matcher},
    {"HealthCheckEnabled",
     [](const Value& v, Group&) {
       const auto on = truth(v);
       if (on && !*on) v.error("health checks are switched off", "only Lambda targets allow that");
     }},
    {"HealthCheckPort",
     [](const Value& v, Group&) {
       const auto text = v.text();
       if (text && *text != "traffic-port") v.quoted_integer(1, 65535);
     }},
    {"deregistration_delay.timeout_seconds", time<&Group::deregistration_delay_timeout, 0, 3600>},
    {"deregistration_delay.connection_termination.enabled",
     boolean<&Group::deregistration_delay_connection_termination_enabled>},
    {"load_balancing.cross_zone.enabled",
     [](const Value& v, Group& g) {
       if (v.exists() && v.node()->kind == NodeKind::boolean) {
         g.load_balancing_cross_zone_enabled =
             v.boolean().value_or(false) ? CrossZone::on : CrossZone::off;
       } else {
         assign(g.load_balancing_cross_zone_enabled, v.choice("a cross-zone setting", cross_zone));
       }
     }},
    {"target_group_health.dns_failover.minimum_healthy_targets.count",
     threshold<&Group::dns_failover, &models::MinimumHealthyTargets::count>},
    {"target_group_health.dns_failover.minimum_healthy_targets.percentage",
     threshold<&Group::dns_failover, &models::MinimumHealthyTargets::percentage>},
    {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
     threshold<&Group::unhealthy_state_routing, &models::MinimumHealthyTargets::count>},
    {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
     threshold<&Group::unhealthy_state_routing, &models::MinimumHealthyTargets::percentage>},
    {"target_health_state.unhealthy.connection_termination.enabled",
     boolean<&Group::unhealthy_connection_termination_enabled>},
    {"target_health_state.unhealthy.draining_interval_seconds",
     time<&Group::unhealthy_draining_interval, 0, 360000>},
    {"slow_start.duration_seconds", time<&Group::slow_start_duration, 0, 900>},
    {"load_balancing.algorithm.type",
     [](const Value& v, Group& g) {
       assign(g.load_balancing_algorithm, v.choice("an algorithm", algorithms));
     }},
    {"stickiness.enabled",
     [](const Value& v, Group&) {
       const auto on = truth(v);
       if (on && *on) v.warning("not modelled", "flows go to targets at random");
     }},
    {"schedule",
     [](const Value& v, Group& g) { assign(g.schedule, v.choice("a schedule", schedules)); }},
    {"checkers", integer<&Group::checkers, 1, 64>},
    {"quorum", integer<&Group::quorum, 1, 64>},
    {"initial_successes", integer<&Group::initial_successes, 1, 10>},
    {"registration_delay", distribution<&Group::registration_delay>},
    {"deregistration_propagation", distribution<&Group::deregistration_propagation>},
    {"health_propagation", distribution<&Group::health_propagation>},
    {"passive_detection", boolean<&Group::passive_detection>},
    {"passive_detection_delay", distribution<&Group::passive_detection_delay>},
    {"LoadBalancerArns", [](const Value&, Group&) {}},
}};

constexpr std::array<std::string_view, 17> irrelevant = {
    "TargetGroupArn",
    "VpcId",
    "IpAddressType",
    "ProtocolVersion",
    "Matcher.GrpcCode",
    "TargetControlPort",
    "stickiness.type",
    "stickiness.app_cookie.cookie_name",
    "stickiness.app_cookie.duration_seconds",
    "stickiness.lb_cookie.duration_seconds",
    "preserve_client_ip.enabled",
    "proxy_protocol_v2.enabled",
    "load_balancing.algorithm.anomaly_mitigation",
    "target_failover.on_deregistration",
    "target_failover.on_unhealthy",
    "lambda.multi_value_headers.enabled",
    "tags"};

constexpr SettingGroup group_of_settings = {
    "target_group", "Elastic Load Balancing", irrelevant, {}};

bool is_setting(std::string_view key) {
  return std::any_of(table.begin(), table.end(), [&](const Entry& e) { return e.key == key; });
}

/// Maps within the map become keys with dots, as the attributes are written.
void flatten(const Node& map, const std::string& prefix, Node& flat) {
  for (const Member& member : map.members) {
    const std::string key = prefix + member.key;
    if (member.value.is_map() && !is_setting(key)) {
      flatten(member.value, key + ".", flat);
    } else {
      flat.members.push_back({key, member.place, member.value});
    }
  }
}

void read_flat(const Node& flat, Group& group, LoadContext& context) {
  read_settings(flat, group_of_settings, table, group, context);
}

/// The list behind a key of the document's root, with an error if there is none.
const Node* list_of(const Document& document, std::string_view key, std::string_view command,
                    LoadContext& context) {
  const Node& root = document.root();
  const Node* list = root.is_map() ? root.find(key) : nullptr;
  if (list != nullptr && list->is_list()) return list;
  context.diagnostics.error(list != nullptr ? list->place : root.place, "",
                            "this is not what `aws elbv2 " + std::string(command) +
                                "` prints: a list " + in_quotes(key) + " should stand here",
                            "save it with --output json");
  return nullptr;
}

std::string name_of(const Node& group) {
  const Node* name = group.is_map() ? group.find("TargetGroupName") : nullptr;
  return name != nullptr ? name->text : std::string();
}

bool is_application(const Node& group) {
  if (const Node* arns = group.find("LoadBalancerArns"); arns != nullptr && arns->is_list()) {
    for (const Node& arn : arns->items) {
      if (arn.text.find("loadbalancer/app/") != std::string::npos) return true;
      if (arn.text.find("loadbalancer/net/") != std::string::npos) return false;
    }
  }
  const Node* protocol = group.find("Protocol");
  return protocol != nullptr && protocol->text.substr(0, 4) == "HTTP";
}

const Node* choose_group(const Node& list, std::string_view name, LoadContext& context) {
  std::vector<std::string> names;
  for (const Node& group : list.items) {
    if (!name.empty() && name_of(group) == name) return &group;
    names.push_back(name_of(group));
  }
  if (name.empty() && list.items.size() == 1) return list.items.data();
  if (name.empty()) {
    std::string all;
    for (const std::string& each : names) all += (all.empty() ? "" : ", ") + each;
    context.diagnostics.error(list.place, "TargetGroups",
                              std::to_string(names.size()) + " target groups where one is needed",
                              names.empty() ? "" : "name one of: " + all);
  } else {
    context.diagnostics.error(list.place, "TargetGroups",
                              "there is no target group " + in_quotes(name),
                              did_you_mean(name, names));
  }
  return nullptr;
}

}  // namespace

std::optional<Group> read_target_groups(const Document& document, std::string_view name,
                                        LoadContext& context) {
  const Node* list = list_of(document, "TargetGroups", "describe-target-groups", context);
  const Node* chosen = list == nullptr ? nullptr : choose_group(*list, name, context);
  if (chosen == nullptr) return std::nullopt;
  if (!chosen->is_map()) {
    context.diagnostics.error(
        chosen->place, "TargetGroups",
        "found " + std::string(kind_text(chosen->kind)) + " where a target group should stand");
    return std::nullopt;
  }
  Group group = is_application(*chosen) ? Group::application_defaults() : Group::network_defaults();
  Node flat = empty_map(chosen->place);
  flatten(*chosen, "", flat);
  read_flat(flat, group, context);
  return group;
}

void read_target_group_attributes(const Document& document, Group& group, LoadContext& context) {
  const Node* list = list_of(document, "Attributes", "describe-target-group-attributes", context);
  if (list == nullptr) return;
  Node flat = empty_map(list->place);
  for (const Node& item : list->items) {
    const Node* key = item.is_map() ? item.find("Key") : nullptr;
    const Node* value = item.is_map() ? item.find("Value") : nullptr;
    if (key == nullptr || value == nullptr || !key->is_scalar()) {
      context.diagnostics.error(item.place, "Attributes", "an attribute has a Key and a Value");
      continue;
    }
    flat.members.push_back({key->text, key->place, *value});
  }
  read_flat(flat, group, context);
}

void read_target_group_settings(const Node& map, Group& group, LoadContext& context) {
  Node flat = empty_map(map.place);
  flatten(map, "", flat);
  read_flat(flat, group, context);
}

void check_target_group(const Group& group, LoadContext& context) {
  for (std::string& sentence : validate(group)) {
    // The setting that the sentence begins with after the group's name, if it was given.
    const std::size_t begin = group.name.size() + 2;
    const std::string subject = sentence.substr(begin, sentence.find(' ', begin) - begin);
    Diagnostic problem{Severity::error, context.system_place, "target_group", sentence, ""};
    for (const auto& [path, place] : context.places) {
      const std::size_t dot = path.find('.');
      if (path.substr(0, dot) != "target_group") continue;
      const std::string key = path.substr(dot + 1);
      if (key.compare(0, subject.size(), subject) != 0) continue;
      problem.place = place;
      problem.path = path;
    }
    context.diagnostics.add(std::move(problem));
  }
}

}  // namespace predrill::harness
