// The sections of a gateway's system.json that are settings of one model each.
#pragma once

#include "harness/input/reader.hpp"
#include "harness/kinds/gateway_spec.hpp"
#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// Reads a distribution where there is one, and records where it stood.
void read_into(sim::Distribution& to, const Value& value, LoadContext& context);
void read_kubernetes(const Value& value, GatewaySpec& spec, LoadContext& context);
/// `known`: a file has said what the target group is.
void read_load_balancer(const Value& value, bool known, GatewaySpec& spec, LoadContext& context);
/// replicas, probes, grace periods, tolerations, strategy: what a pod template says.
void read_pod_template(Reader& reader, models::PodWorkloadConfig& config, LoadContext& context);
void read_load(Reader& reader, GatewaySpec& spec, LoadContext& context);
void read_alert_rule(Reader& reader, models::AlertRule& rule);

}  // namespace predrill::harness
