// Kubernetes manifests as far as timing matters: Deployment, StatefulSet and DaemonSet with their
// pod template, and the annotations of a Service from which the AWS Load Balancer Controller makes
// a target group. Every key that is not read is reported with its line.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/load/load_context.hpp"
#include "models/kube_api.hpp"
#include "models/load_balancer_controller.hpp"
#include "models/target_group_config.hpp"

namespace predrill::harness {

struct KubernetesManifests {
  struct Workload {
    models::PodWorkloadConfig config;
    std::map<std::string, std::string> labels;  // of its pods
    Place place;
  };
  struct Service {
    std::string name;
    std::map<std::string, std::string> selector;
    bool load_balancer = false;  // type LoadBalancer, or an annotation of the controller
    /// As the controller makes it: its own defaults, then the annotations.
    models::TargetGroupConfig target_group;
    std::optional<bool> cross_zone;
    models::LoadBalancerControllerConfig::TargetMode target_type =
        models::LoadBalancerControllerConfig::TargetMode::instance;
    Place place;
  };
  std::vector<Workload> workloads;
  std::vector<Service> services;

  const Workload* find_workload(std::string_view name) const;
  /// The first Service with a load balancer whose selector these labels meet.
  const Service* service_of(const Workload& workload) const;
};

/// True for a file with one of the kinds that are read here.
bool has_kubernetes_workloads(const Document& document);

/// Adds what a file says. Other kinds of resources in it are reported as not modelled.
void read_kubernetes_manifests(const Document& document, KubernetesManifests& manifests,
                               LoadContext& context);

}  // namespace predrill::harness
