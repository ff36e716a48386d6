#include "harness/kinds/gateway_import.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "harness/load/kubernetes_manifests.hpp"

namespace predrill::harness {

namespace {

using Json = nlohmann::ordered_json;

// Lists that no target group or manifest gives are kept to one line each by dump() of parts.
Json example_nodes() {
  Json nodes = Json::array();
  nodes.push_back({{"prefix", "node-"}, {"count", 3}});
  return nodes;
}

}  // namespace

bool is_gateway_file(const std::string& file) {
  if (format_of(file) == Format::yaml) return true;
  Diagnostics quiet;
  const auto document = load_document(file, quiet, Format::json);
  if (!document || !document->root().is_map()) return false;
  return document->root().find("TargetGroups") != nullptr ||
         document->root().find("Attributes") != nullptr;
}

ImportedGateway import_gateway(std::span<const std::string> files, Diagnostics& diagnostics) {
  ImportedGateway out;
  KubernetesManifests manifests;
  LoadContext context(diagnostics);
  Json names = Json::object();
  Json yaml = Json::array();
  std::string group_name = "tg";
  for (const std::string& file : files) {
    const auto document = load_document(file, diagnostics);
    if (!document) continue;
    const std::string name = std::filesystem::path(file).filename().string();
    if (document->format == Format::yaml) {
      read_kubernetes_manifests(*document, manifests, context);
      yaml.push_back(name);
    } else if (document->root().find("TargetGroups") != nullptr) {
      names["target_groups"] = name;
    } else if (document->root().find("Attributes") != nullptr) {
      names["target_group_attributes"] = name;
    } else {
      diagnostics.error(document->root().place, "",
                        "neither TargetGroups nor Attributes stands in the file");
    }
  }
  if (!yaml.empty()) names["manifests"] = yaml;
  if (manifests.workloads.empty()) {
    diagnostics.error({}, "", "no Deployment, StatefulSet or DaemonSet stands in the files",
                      "predrill import deployment.yaml service.yaml target-groups.json");
    return out;
  }
  // The one that a Service with a load balancer selects, else the first.
  const KubernetesManifests::Workload* served = &manifests.workloads.front();
  for (const KubernetesManifests::Workload& workload : manifests.workloads) {
    if (manifests.service_of(workload) != nullptr) served = &workload;
  }
  const bool has_group =
      names.contains("target_groups") || manifests.service_of(*served) != nullptr;
  Json json;
  json["name"] = served->config.name;
  json["files"] = names;
  json["zones"] = {"zone-a", "zone-b", "zone-c"};
  json["nodes"] = example_nodes();
  json["load_balancer"] = Json::object();
  if (!has_group) json["load_balancer"]["target_group"] = {{"name", served->config.name}};
  json["service"] = {{"workload", served->config.name},
                     {"requests_per_second", 100},
                     {"flows", 500},
                     {"new_flows_per_minute", 100}};
  out.json = json.dump(2) + "\n";
  out.unfilled = {"zones and nodes: kubectl get nodes -L topology.kubernetes.io/zone",
                  "load_balancer.cross_zone_enabled: aws elbv2 describe-load-balancer-attributes",
                  "service: requests per second, flows at a time (ActiveFlowCount) and new ones "
                  "per minute (NewFlowCount)"};
  if (!has_group) {
    out.unfilled.push_back("the target group: aws elbv2 describe-target-groups --output json");
  }
  return out;
}

}  // namespace predrill::harness
