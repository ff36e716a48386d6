#include "harness/kinds/gateway_sections.hpp"

#include <array>
#include <string_view>
#include <utility>
#include <variant>

#include "harness/load/read_distribution.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;

namespace {

// One row per key: how it is read, and into which member.
template <class Config>
struct Field {
  std::string_view key;
  std::variant<Duration Config::*, std::int32_t Config::*, bool Config::*, double Config::*,
               Distribution Config::*>
      member;
};

// Not inline: with the members known g++ 12 warns of branches that no field takes.
template <class Config>
[[gnu::noinline]] void read_field(const Value& value, const Field<Config>& field, Config& config) {
  if (const auto* time = std::get_if<Duration Config::*>(&field.member)) {
    assign(config.*(*time), value.duration());
  } else if (const auto* whole = std::get_if<std::int32_t Config::*>(&field.member)) {
    assign(config.*(*whole), value.integer(0, 1'000'000));
  } else if (const auto* flag = std::get_if<bool Config::*>(&field.member)) {
    assign(config.*(*flag), value.boolean());
  } else if (const auto* number = std::get_if<double Config::*>(&field.member)) {
    assign(config.*(*number), value.number(0));
  } else if (const auto* random = std::get_if<Distribution Config::*>(&field.member)) {
    if (auto found = read_distribution(value)) config.*(*random) = std::move(*found);
  }
}

template <class Config, std::size_t n>
void read_fields(Reader& reader, const std::array<Field<Config>, n>& fields, Config& config,
                 LoadContext& context) {
  for (const Field<Config>& field : fields) {
    const Value value = reader.optional(field.key);
    if (!value.exists()) continue;
    read_field(value, field, config);
    context.record(value.path(), value.place(), field.key);
  }
}

template <class Config>
void report_problems(const Value& value, const Config& config) {
  for (const std::string& problem : config.validate()) value.error(problem);
}

using models::ContainerdConfig;
using models::FlowSharesConfig;
using models::KubeletConfig;
using models::LoadBalancerConfig;
using models::LoadBalancerControllerConfig;
using models::LoadBalancerControllerTimings;
using models::NodeLifecycleConfig;
using models::NodeTimings;
using models::PodWorkloadConfig;
using models::ProbeConfig;
using models::ServiceConfig;
using models::TargetGroupConfig;
using models::WorkloadTimings;

constexpr std::array<Field<KubeletConfig>, 13> kubelet_fields = {{
    {"relist_period", &KubeletConfig::relist_period},
    {"relist_threshold", &KubeletConfig::relist_threshold},
    {"evented_pleg", &KubeletConfig::evented_pleg},
    {"runtime_request_timeout", &KubeletConfig::runtime_request_timeout},
    {"runtime_status_period", &KubeletConfig::runtime_status_period},
    {"runtime_down", &KubeletConfig::runtime_down},
    {"node_status_update_frequency", &KubeletConfig::node_status_update_frequency},
    {"node_status_report_frequency", &KubeletConfig::node_status_report_frequency},
    {"node_lease_duration", &KubeletConfig::node_lease_duration},
    {"sync_loop_limit", &KubeletConfig::sync_loop_limit},
    {"shutdown_grace_period", &KubeletConfig::shutdown_grace_period},
    {"shutdown_grace_period_critical_pods", &KubeletConfig::shutdown_grace_period_critical_pods},
    {"restart", &KubeletConfig::restart},
}};
constexpr std::array<Field<NodeTimings>, 4> node_fields = {{
    {"stop_services", &NodeTimings::stop_services},
    {"firmware", &NodeTimings::firmware},
    {"os_boot", &NodeTimings::os_boot},
    {"kubelet_ready", &NodeTimings::kubelet_ready},
}};
constexpr std::array<Field<ContainerdConfig>, 3> containerd_fields = {{
    {"restart", &ContainerdConfig::restart},
    {"lock_per_exit_pair", &ContainerdConfig::lock_per_exit_pair},
    {"exit_window", &ContainerdConfig::exit_window},
}};
constexpr std::array<Field<NodeLifecycleConfig>, 6> lifecycle_fields = {{
    {"node_monitor_period", &NodeLifecycleConfig::node_monitor_period},
    {"node_monitor_grace_period", &NodeLifecycleConfig::node_monitor_grace_period},
    {"node_eviction_rate", &NodeLifecycleConfig::node_eviction_rate},
    {"secondary_node_eviction_rate", &NodeLifecycleConfig::secondary_node_eviction_rate},
    {"unhealthy_zone_threshold", &NodeLifecycleConfig::unhealthy_zone_threshold},
    {"large_cluster_size_threshold", &NodeLifecycleConfig::large_cluster_size_threshold},
}};
constexpr std::array<Field<WorkloadTimings>, 2> controller_fields = {{
    {"controller", &WorkloadTimings::controller},
    {"scheduling", &WorkloadTimings::scheduling},
}};
constexpr std::array<Field<LoadBalancerControllerConfig>, 2> lbc_fields = {{
    {"endpoints_fail_open", &LoadBalancerControllerConfig::endpoints_fail_open},
    {"requeue_duration", &LoadBalancerControllerConfig::requeue_duration},
}};
constexpr std::array<Field<LoadBalancerControllerTimings>, 2> lbc_timing_fields = {{
    {"endpoints", &LoadBalancerControllerTimings::endpoints},
    {"reconcile", &LoadBalancerControllerTimings::reconcile},
}};
constexpr std::array<Field<LoadBalancerConfig>, 4> balancer_fields = {{
    {"cross_zone_enabled", &LoadBalancerConfig::cross_zone_enabled},
    {"idle_timeout", &LoadBalancerConfig::idle_timeout},
    {"dns_ttl", &LoadBalancerConfig::dns_ttl},
    {"dns_health_delay", &LoadBalancerConfig::dns_health_delay},
}};
constexpr std::array<Field<TargetGroupConfig>, 16> group_fields = {{
    {"health_check_interval", &TargetGroupConfig::health_check_interval},
    {"health_check_timeout", &TargetGroupConfig::health_check_timeout},
    {"healthy_threshold_count", &TargetGroupConfig::healthy_threshold_count},
    {"unhealthy_threshold_count", &TargetGroupConfig::unhealthy_threshold_count},
    {"deregistration_delay_timeout", &TargetGroupConfig::deregistration_delay_timeout},
    {"deregistration_delay_connection_termination_enabled",
     &TargetGroupConfig::deregistration_delay_connection_termination_enabled},
    {"unhealthy_connection_termination_enabled",
     &TargetGroupConfig::unhealthy_connection_termination_enabled},
    {"unhealthy_draining_interval", &TargetGroupConfig::unhealthy_draining_interval},
    {"checkers", &TargetGroupConfig::checkers},
    {"quorum", &TargetGroupConfig::quorum},
    {"initial_successes", &TargetGroupConfig::initial_successes},
    {"registration_delay", &TargetGroupConfig::registration_delay},
    {"deregistration_propagation", &TargetGroupConfig::deregistration_propagation},
    {"health_propagation", &TargetGroupConfig::health_propagation},
    {"passive_detection", &TargetGroupConfig::passive_detection},
    {"passive_detection_delay", &TargetGroupConfig::passive_detection_delay},
}};
constexpr std::array<Field<FlowSharesConfig>, 4> load_fields = {{
    {"requests_per_second", &FlowSharesConfig::requests_per_second},
    {"flows", &FlowSharesConfig::flows},
    {"new_flows_per_minute", &FlowSharesConfig::new_flows_per_minute},
    {"request_timeout", &FlowSharesConfig::request_timeout},
}};
constexpr std::array<Field<ServiceConfig>, 3> process_fields = {{
    {"workers", &ServiceConfig::workers},
    {"queue_max", &ServiceConfig::queue_max},
    {"service_time", &ServiceConfig::service_time},
}};
constexpr std::array<Field<ProbeConfig>, 5> probe_fields = {{
    {"initial_delay", &ProbeConfig::initial_delay},
    {"period", &ProbeConfig::period},
    {"timeout", &ProbeConfig::timeout},
    {"success_threshold", &ProbeConfig::success_threshold},
    {"failure_threshold", &ProbeConfig::failure_threshold},
}};
constexpr std::array<Field<PodWorkloadConfig>, 13> pod_fields = {{
    {"replicas", &PodWorkloadConfig::replicas},
    {"termination_grace_period", &PodWorkloadConfig::termination_grace_period},
    {"pre_stop", &PodWorkloadConfig::pre_stop},
    {"readiness_gate", &PodWorkloadConfig::readiness_gate},
    {"critical", &PodWorkloadConfig::critical},
    {"spread_zones", &PodWorkloadConfig::spread_zones},
    {"max_surge_percent", &PodWorkloadConfig::max_surge_percent},
    {"max_unavailable_percent", &PodWorkloadConfig::max_unavailable_percent},
    {"max_surge", &PodWorkloadConfig::max_surge},
    {"max_unavailable", &PodWorkloadConfig::max_unavailable},
    {"start", &PodWorkloadConfig::start},
    {"pull", &PodWorkloadConfig::pull},
    {"stop", &PodWorkloadConfig::stop},
}};

void read_probe(const Value& value, std::optional<ProbeConfig>& to, LoadContext& context) {
  if (!value.exists()) return;
  Reader reader(value);
  ProbeConfig probe = to.value_or(ProbeConfig{});
  constexpr std::array<std::pair<std::string_view, ProbeConfig::Handler>, 3> handlers = {
      {{"tcp_socket", ProbeConfig::Handler::tcp_socket},
       {"http_get", ProbeConfig::Handler::http_get},
       {"exec", ProbeConfig::Handler::exec}}};
  assign(probe.handler, reader.optional("handler").choice("a handler", handlers));
  read_fields(reader, probe_fields, probe, context);
  if (probe.period <= 0s || probe.success_threshold < 1 || probe.failure_threshold < 1) {
    value.error("period and thresholds must be positive");
  }
  to = probe;
}

// "300s", or "forever" for a toleration without tolerationSeconds.
void read_toleration(const Value& value, Duration& to, LoadContext& context) {
  if (!value.exists()) return;
  context.record(value.path(), value.place(), value.path());
  if (value.node()->text == "forever") {
    to = sim::forever;
  } else {
    assign(to, value.duration());
  }
}

}  // namespace

void read_into(Distribution& to, const Value& value, LoadContext& context) {
  if (auto found = read_distribution(value)) {
    to = std::move(*found);
    context.record(value.path(), value.place(), value.path());
  }
}

void read_kubernetes(const Value& value, GatewaySpec& spec, LoadContext& context) {
  if (!value.exists()) return;
  Reader reader(value);
  const auto section = [&](std::string_view key, const auto& fields, auto& config) {
    const Value part = reader.optional(key);
    if (!part.exists()) return;
    Reader fields_of(part);
    read_fields(fields_of, fields, config, context);
    if constexpr (requires { config.validate(); }) report_problems(part, config);
  };
  section("kubelet", kubelet_fields, spec.kubelet);
  section("node", node_fields, spec.node_timings);
  section("containerd", containerd_fields, spec.containerd);
  section("node_lifecycle", lifecycle_fields, spec.lifecycle);
  section("controllers", controller_fields, spec.workload_timings);
  const Value controller = reader.optional("load_balancer_controller");
  if (!controller.exists()) return;
  Reader lbc(controller);
  using Mode = LoadBalancerControllerConfig::TargetMode;
  constexpr std::array<std::pair<std::string_view, Mode>, 2> modes = {
      {{"ip", Mode::ip}, {"instance", Mode::instance}}};
  assign(spec.controller.target_type, lbc.optional("target_type").choice("a target type", modes));
  read_fields(lbc, lbc_fields, spec.controller, context);
  read_fields(lbc, lbc_timing_fields, spec.controller_timings, context);
}

void read_load_balancer(const Value& value, bool known, GatewaySpec& spec, LoadContext& context) {
  if (!value.exists()) return;
  Reader reader(value);
  assign(spec.balancer.name, reader.optional("name").text());
  read_fields(reader, balancer_fields, spec.balancer, context);
  const Value group = known ? reader.optional("target_group") : reader.required("target_group");
  if (!group.exists()) {
    for (const std::string& problem : models::validate(spec.target_group)) value.error(problem);
    return;
  }
  Reader fields(group);
  assign(spec.target_group.name, fields.optional("name").text());
  assign(spec.target_group.port, fields.optional("port").integer(1, 65535));
  read_fields(fields, group_fields, spec.target_group, context);
  for (const std::string& problem : models::validate(spec.target_group)) group.error(problem);
}

void read_pod_template(Reader& reader, PodWorkloadConfig& config, LoadContext& context) {
  constexpr std::array<std::pair<std::string_view, models::ControllerKind>, 3> kinds = {
      {{"deployment", models::ControllerKind::deployment},
       {"stateful_set", models::ControllerKind::stateful_set},
       {"daemon_set", models::ControllerKind::daemon_set}}};
  assign(config.kind, reader.optional("kind").choice("a kind of workload", kinds));
  if (config.kind == models::ControllerKind::daemon_set) {  // as its controller does
    config.not_ready_toleration = config.unreachable_toleration = sim::forever;
  }
  read_fields(reader, pod_fields, config, context);
  read_toleration(reader.optional("not_ready_toleration"), config.not_ready_toleration, context);
  read_toleration(reader.optional("unreachable_toleration"), config.unreachable_toleration,
                  context);
  read_probe(reader.optional("readiness"), config.readiness, context);
  read_probe(reader.optional("liveness"), config.liveness, context);
  read_probe(reader.optional("startup"), config.startup, context);
}

void read_load(Reader& reader, GatewaySpec& spec, LoadContext& context) {
  spec.process.service_time = ServiceConfig::logged_service_time();
  read_fields(reader, load_fields, spec.load, context);
  read_fields(reader, process_fields, spec.process, context);
  assign(spec.single_requests, reader.optional("single_requests").boolean());
  if (spec.load.flows <= 0 || spec.load.new_flows_per_minute <= 0) {
    reader.value().error("flows and new_flows_per_minute must be positive");
  }
}

void read_alert_rule(Reader& reader, models::AlertRule& rule) {
  using Source = models::AlertRule::Source;
  constexpr std::array<std::pair<std::string_view, Source>, 3> sources = {
      {{"prometheus", Source::prometheus},
       {"cloudwatch", Source::cloudwatch},
       {"event", Source::event}}};
  assign(rule.source, reader.required("source").choice("a source", sources));
  assign(rule.scrape_interval, reader.optional("scrape_interval").duration(1s));
  assign(rule.evaluation_interval, reader.optional("evaluation_interval").duration(1s));
  assign(rule.hold, reader.optional("for").duration());
  assign(rule.group_wait, reader.optional("group_wait").duration());
  assign(rule.period, reader.optional("period").duration(1s));
  assign(rule.datapoints, reader.optional("datapoints").integer(1, 1000));
  if (auto lag = read_distribution(reader.optional("publish_lag"))) rule.publish_lag = *lag;
  if (auto delivery = read_distribution(reader.optional("delivery"))) rule.delivery = *delivery;
}

}  // namespace predrill::harness
