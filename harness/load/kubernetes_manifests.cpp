#include "harness/load/kubernetes_manifests.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "harness/input/nearest.hpp"
#include "harness/load/kubernetes_pods.hpp"
#include "harness/load/target_groups.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::ControllerKind;
using models::PodWorkloadConfig;
using models::TargetGroupConfig;

namespace {

using Keys = std::span<const std::string_view>;

constexpr std::array<std::pair<std::string_view, ControllerKind>, 3> workload_kinds = {
    {{"Deployment", ControllerKind::deployment},
     {"StatefulSet", ControllerKind::stateful_set},
     {"DaemonSet", ControllerKind::daemon_set}}};
constexpr std::array<std::string_view, 9> metadata_keys = {
    "annotations", "labels",        "resourceVersion", "uid", "creationTimestamp", "generation",
    "selfLink",    "managedFields", "ownerReferences"};
constexpr std::array<std::string_view, 4> spec_keys = {"selector", "revisionHistoryLimit",
                                                       "progressDeadlineSeconds", "serviceName"};
constexpr std::array<std::string_view, 6> spec_not_modelled = {
    "minReadySeconds", "paused",
    "ordinals",        "persistentVolumeClaimRetentionPolicy",
    "updateStrategy",  "podManagementPolicy"};

std::map<std::string, std::string> words(const Value& value) {
  std::map<std::string, std::string> out;
  if (!value.exists()) return out;
  for (const auto& [key, item] : value.entries()) {
    if (const auto text = item.text()) out[key] = *text;
  }
  return out;
}

std::string read_name(Reader& resource) {
  const Value metadata = resource.required("metadata");
  if (!metadata.exists()) return "";
  Reader reader(metadata, {"Kubernetes", {}});
  for (const std::string_view key : metadata_keys) reader.ignore(key);
  reader.ignore("namespace");
  return reader.required("name").text().value_or("");
}

class Manifests {
 public:
  Manifests(KubernetesManifests& manifests, LoadContext& context)
      : manifests_(manifests), context_(context) {}

  void read_workload(const Node& part, ControllerKind kind) {
    Reader resource(node_value(part, "", context_.diagnostics), {"Kubernetes", {}});
    for (const std::string_view key : {"apiVersion", "kind", "status"}) resource.ignore(key);
    KubernetesManifests::Workload workload;
    workload.place = part.place;
    workload.config.kind = kind;
    workload.config.name = read_name(resource);
    const Value spec = resource.required("spec");
    if (!spec.exists()) return;
    Reader reader(spec, {"Kubernetes", spec_not_modelled});
    for (const std::string_view key : spec_keys) reader.ignore(key);
    if (kind == ControllerKind::stateful_set) reader.ignore("volumeClaimTemplates");
    if (kind != ControllerKind::daemon_set) {
      read(reader, "replicas",
           [&](const Value& value) { assign(workload.config.replicas, value.integer(0, 5000)); });
    }
    if (kind == ControllerKind::deployment) {
      read_strategy(reader.optional("strategy"), workload.config);
    }
    const Value pod = reader.required("template");
    if (pod.exists()) {
      Reader pod_reader(pod, {"Kubernetes", {}});
      if (const Value metadata = pod_reader.optional("metadata"); metadata.exists()) {
        Reader labels(metadata, {"Kubernetes", {}});
        for (const std::string_view key : metadata_keys) labels.ignore(key);
        labels.ignore("name");
        workload.labels = words(labels.optional("labels"));
      }
      read_pod_spec(pod_reader.required("spec"), workload.config, context_);
    }
    const bool twice = manifests_.find_workload(workload.config.name) != nullptr;
    if (twice) spec.error("the workload " + in_quotes(workload.config.name) + " is given twice");
    manifests_.workloads.push_back(std::move(workload));
  }

  void read_service(const Node& part) {
    Reader resource(node_value(part, "", context_.diagnostics), {"Kubernetes", {}});
    for (const std::string_view key : {"apiVersion", "kind", "status"}) resource.ignore(key);
    KubernetesManifests::Service service;
    service.place = part.place;
    service.name = read_name(resource);
    service.target_group = TargetGroupConfig::controller_defaults();
    service.target_group.name = service.name;
    const Value spec = resource.required("spec");
    if (!spec.exists()) return;
    constexpr std::array<std::string_view, 16> harmless = {"clusterIP",
                                                           "clusterIPs",
                                                           "ipFamilies",
                                                           "ipFamilyPolicy",
                                                           "sessionAffinity",
                                                           "loadBalancerClass",
                                                           "loadBalancerSourceRanges",
                                                           "allocateLoadBalancerNodePorts",
                                                           "internalTrafficPolicy",
                                                           "loadBalancerIP",
                                                           "externalName",
                                                           "externalIPs",
                                                           "healthCheckNodePort",
                                                           "sessionAffinityConfig",
                                                           "trafficDistribution",
                                                           "publishNotReadyAddresses"};
    constexpr std::array<std::string_view, 1> not_modelled = {"externalTrafficPolicy"};
    Reader reader(spec, {"Kubernetes", not_modelled});
    for (const std::string_view key : harmless) reader.ignore(key);
    service.selector = words(reader.optional("selector"));
    service.load_balancer = reader.optional("type").text().value_or("") == "LoadBalancer";
    for (const Value& port : reader.optional("ports").items()) {
      Reader fields(port, {"Kubernetes", {}});
      for (const std::string_view key : {"name", "protocol", "nodePort", "appProtocol"}) {
        fields.ignore(key);
      }
      const Value target = fields.optional("targetPort");
      const Value number = fields.optional("port");
      const bool numeric = target.exists() &&
                           target.node()->text.find_first_not_of("0123456789") == std::string::npos;
      assign(service.target_group.port, (numeric ? target : number).quoted_integer(1, 65535));
    }
    read_annotations(part, service);
    manifests_.services.push_back(std::move(service));
  }

 private:
  template <class Read>
  void read(Reader& reader, std::string_view key, Read how) {
    const Value value = reader.optional(key);
    if (!value.exists()) return;
    how(value);
    context_.record(value.path(), value.place(), key);
  }

  // apps/v1 DeploymentStrategy; a number is absolute, text a percentage.
  void read_strategy(const Value& value, PodWorkloadConfig& config) {
    if (!value.exists()) return;
    Reader reader(value, {"Kubernetes", {}});
    const Value type = reader.optional("type");
    if (const auto name = type.text(); name && *name != "RollingUpdate") {
      type.warning("not modelled", "pods are replaced as by RollingUpdate");
    }
    const Value rolling = reader.optional("rollingUpdate");
    if (!rolling.exists()) return;
    Reader limits(rolling, {"Kubernetes", {}});
    read_limit(limits.optional("maxSurge"), config.max_surge, config.max_surge_percent);
    read_limit(limits.optional("maxUnavailable"), config.max_unavailable,
               config.max_unavailable_percent);
  }

  static void read_limit(const Value& value, std::int32_t& pods, std::int32_t& percent) {
    const bool share =
        value.exists() && value.node()->is_scalar() && value.node()->text.ends_with('%');
    if (!share) {
      assign(pods, value.integer(0, 5000));
      return;
    }
    if (const auto ratio = value.ratio(10)) {
      percent = static_cast<std::int32_t>(ratio->numerator * 100 / ratio->denominator);
    }
  }

  // docs/guide/service/annotations.md of the controller.
  void read_annotations(const Node& part, KubernetesManifests::Service& service) {
    const Node* metadata = part.find("metadata");
    const Node* annotations = metadata == nullptr ? nullptr : metadata->find("annotations");
    if (annotations == nullptr || !annotations->is_map()) return;
    constexpr std::string_view prefix = "service.beta.kubernetes.io/aws-load-balancer-";
    TargetGroupConfig& group = service.target_group;
    for (const Member& member : annotations->members) {
      if (!member.key.starts_with(prefix)) continue;
      const std::string key = member.key.substr(prefix.size());
      const Value value =
          node_value(member.value, "metadata.annotations." + member.key, context_.diagnostics);
      const auto seconds = [&](sim::Duration& to, int low, int high) {
        if (const auto n = value.quoted_integer(low, high)) to = std::chrono::seconds(*n);
      };
      if (key == "healthcheck-interval") {
        seconds(group.health_check_interval, 5, 300);
      } else if (key == "healthcheck-timeout") {
        seconds(group.health_check_timeout, 2, 120);
      } else if (key == "healthcheck-healthy-threshold") {
        assign(group.healthy_threshold_count, value.quoted_integer(2, 10));
      } else if (key == "healthcheck-unhealthy-threshold") {
        assign(group.unhealthy_threshold_count, value.quoted_integer(2, 10));
      } else if (key == "nlb-target-type") {
        using Mode = models::LoadBalancerControllerConfig::TargetMode;
        constexpr std::array<std::pair<std::string_view, Mode>, 2> modes = {
            {{"ip", Mode::ip}, {"instance", Mode::instance}}};
        assign(service.target_type, value.choice("a target type", modes));
        service.load_balancer = true;
      } else if (key == "type") {
        service.load_balancer = true;
      } else if (key == "target-group-attributes" || key == "attributes") {
        read_attributes(member.value, value, service);
      } else if (!is_harmless(key)) {
        context_.diagnostics.warning(member.place, value.path(), "not modelled",
                                     "it has no effect on the run");
      }
      context_.record(value.path(), value.place(), key);
    }
  }

  static bool is_harmless(std::string_view key) {
    constexpr std::array<std::string_view, 9> keys = {"scheme",
                                                      "name",
                                                      "subnets",
                                                      "ssl-cert",
                                                      "ssl-ports",
                                                      "internal",
                                                      "eip-allocations",
                                                      "security-groups",
                                                      "additional-resource-tags"};
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  }

  // "key=value,key=value"
  void read_attributes(const Node& node, const Value& value,
                       KubernetesManifests::Service& service) {
    const auto text = value.text();
    if (!text) return;
    Node settings = empty_map(node.place);
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t end = std::min(text->find(',', at), text->size());
      const std::string item = text->substr(at, end - at);
      const std::size_t equals = item.find('=');
      at = end + 1;
      if (equals == std::string::npos) {
        value.error(in_quotes(item) + " is not of the form key=value");
        continue;
      }
      Node setting;
      setting.kind = NodeKind::text;
      setting.text = item.substr(equals + 1);
      setting.place = node.place;
      if (item.substr(0, equals) == "load_balancing.cross_zone.enabled") {
        service.cross_zone = setting.text == "true";
        continue;
      }
      settings.members.push_back({item.substr(0, equals), node.place, std::move(setting)});
    }
    read_target_group_settings(settings, service.target_group, context_);
  }

  KubernetesManifests& manifests_;
  LoadContext& context_;
};

}  // namespace

const KubernetesManifests::Workload* KubernetesManifests::find_workload(
    std::string_view name) const {
  const auto found = std::find_if(workloads.begin(), workloads.end(),
                                  [&](const Workload& w) { return w.config.name == name; });
  return found == workloads.end() ? nullptr : &*found;
}

const KubernetesManifests::Service* KubernetesManifests::service_of(
    const Workload& workload) const {
  for (const Service& service : services) {
    const bool meets =
        std::all_of(service.selector.begin(), service.selector.end(), [&](const auto& wanted) {
          const auto label = workload.labels.find(wanted.first);
          return label != workload.labels.end() && label->second == wanted.second;
        });
    if (service.load_balancer && !service.selector.empty() && meets) return &service;
  }
  return nullptr;
}

bool has_kubernetes_workloads(const Document& document) {
  return document.find_kind("Service") != nullptr ||
         std::any_of(workload_kinds.begin(), workload_kinds.end(),
                     [&](const auto& kind) { return document.find_kind(kind.first) != nullptr; });
}

void read_kubernetes_manifests(const Document& document, KubernetesManifests& manifests,
                               LoadContext& context) {
  Manifests reader(manifests, context);
  for (const Node& part : document.parts) {
    if (part.kind == NodeKind::null) continue;
    const Node* kind = part.is_map() ? part.find("kind") : nullptr;
    if (kind == nullptr) {
      context.diagnostics.error(part.place, "kind", "a resource of Kubernetes has a kind");
      continue;
    }
    const auto workload = std::find_if(workload_kinds.begin(), workload_kinds.end(),
                                       [&](const auto& one) { return one.first == kind->text; });
    if (workload != workload_kinds.end()) {
      reader.read_workload(part, workload->second);
    } else if (kind->text == "Service") {
      reader.read_service(part);
    } else {
      context.diagnostics.warning(kind->place, "kind", in_quotes(kind->text) + " is not modelled",
                                  "it has no effect on the run");
    }
  }
}

}  // namespace predrill::harness
