// Reads the sections of a system.json that describes a service behind a load balancer.
#pragma once

#include <memory>

#include "harness/input/reader.hpp"
#include "harness/kinds/gateway_spec.hpp"
#include "harness/load/load_context.hpp"

namespace predrill::harness {

/// Of use only if there are no errors in the diagnostics.
std::shared_ptr<const GatewaySpec> read_gateway(Reader& root, LoadContext& context);

}  // namespace predrill::harness
