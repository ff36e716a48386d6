// Services that are deployed: tasks of ECS behind a load balancer, a Deployment of Kubernetes with
// init containers and an ExternalSecret.
#pragma once

#include "harness/kinds/system_kind.hpp"

namespace predrill::harness {

/// The section "ecs_service".
const SystemKind& ecs_kind();
/// The section "deployment".
const SystemKind& rollout_kind();

}  // namespace predrill::harness
