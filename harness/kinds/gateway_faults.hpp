// The faults of a service behind a load balancer: their names and keys, and how they strike.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/kinds/gateway_world.hpp"
#include "harness/kinds/system_kind.hpp"

namespace predrill::harness {

std::span<const FaultType> gateway_faults();
/// Whom a fault may name, the usual one first.
std::vector<std::string> gateway_targets(const GatewaySpec& spec, const FaultType& fault);
std::vector<FaultSpec> gateway_usual_faults(const GatewaySpec& spec);
/// Strikes at the present instant; what ends or comes later is spawned.
void strike_gateway(GatewayWorld& world, const FaultSpec& fault);

}  // namespace predrill::harness
