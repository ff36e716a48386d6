// The pod template of a Kubernetes workload: probes, grace periods, preStop, tolerations, spread.
#pragma once

#include "harness/input/reader.hpp"
#include "harness/load/load_context.hpp"
#include "models/kube_api.hpp"

namespace predrill::harness {

/// Of core/v1 PodSpec. A pod is one container here: the first; what others have is reported.
void read_pod_spec(const Value& spec, models::PodWorkloadConfig& config, LoadContext& context);

}  // namespace predrill::harness
