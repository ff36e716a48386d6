// Systems of the kind "gateway": a service in Kubernetes pods behind a Network Load Balancer.
#pragma once

#include "harness/kinds/system_kind.hpp"

namespace predrill::harness {

const SystemKind& gateway_kind();

}  // namespace predrill::harness
