#include "harness/kinds/gateway_reader.hpp"

#include <algorithm>
#include <array>

#include "harness/input/nearest.hpp"
#include "harness/kinds/gateway_sections.hpp"
#include "harness/load/kubernetes_manifests.hpp"
#include "harness/load/target_groups.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

constexpr std::array<SightName, 8> sights = {{{Sight::unhealthy_targets, "unhealthy_targets"},
                                              {Sight::all_targets_healthy, "all_targets_healthy"},
                                              {Sight::requests_failing, "requests_failing"},
                                              {Sight::node_not_ready, "node_not_ready"},
                                              {Sight::nodes_ready, "nodes_ready"},
                                              {Sight::pleg_unhealthy, "pleg_unhealthy"},
                                              {Sight::pods_running, "pods_running"},
                                              {Sight::pods_ready, "pods_ready"}}};

constexpr std::array<CommandName, 8> commands = {
    {{Command::reboot_node, "reboot_node"},
     {Command::reboot_node_forced, "reboot_node_forced"},
     {Command::restart_containerd, "restart_containerd"},
     {Command::restart_kubelet, "restart_kubelet"},
     {Command::cordon_node, "cordon_node"},
     {Command::delete_pods, "delete_pods"},
     {Command::delete_pods_grace_0, "delete_pods_grace_0"},
     {Command::delete_pods_forced, "delete_pods_forced"}}};

// Reads everything that names something else: zones, nodes, workloads, pods.
class GatewayReader {
 public:
  GatewayReader(LoadContext& context, GatewaySpec& spec) : context_(context), spec_(spec) {}

  void read(Reader& root) {
    read_zones(root.required("zones"));
    const Value nodes = root.required("nodes");
    for (const Value& node : nodes.items()) read_nodes(node);
    if (spec_.nodes.empty() && nodes.exists()) nodes.error("there is no node");
    const Value load_balancer = root.required("load_balancer");
    read_files(root.optional("files"), load_balancer);
    const Value workloads =
        manifests_.workloads.empty() ? root.required("workloads") : root.optional("workloads");
    if (workloads.exists()) {
      for (const Value& workload : workloads.items()) read_workload(workload);
    }
    place_the_rest();
    read_service(root.required("service"));
    if (!group_file_) take_from_service();
    read_kubernetes(root.optional("kubernetes"), spec_, context_);
    read_load_balancer(load_balancer, group_file_, spec_, context_);
    for (const Value& rule : root.optional("monitoring").items()) read_rule(rule);
    read_responders(root.optional("responders"));
  }

 private:
  // Manifests of Kubernetes and what the AWS CLI prints of the target group; what stands in
  // system.json itself wins over them.
  void read_files(const Value& files, const Value& load_balancer) {
    if (!files.exists()) return;
    Reader reader(files);
    const Value manifests = reader.optional("manifests");
    if (manifests.exists()) {
      for (const Value& name : manifests.items()) read_manifest(name);
    }
    read_target_group_files(reader.optional("target_groups"),
                            reader.optional("target_group_attributes"), load_balancer);
  }

  std::optional<Document> file_of(const Value& name, Format format) {
    if (!name.text()) return std::nullopt;
    return load_named_file(*name.node(), name.path(), context_.folder, format,
                           context_.diagnostics);
  }

  void read_manifest(const Value& name) {
    const auto document = file_of(name, Format::yaml);
    if (document) read_kubernetes_manifests(*document, manifests_, context_);
  }

  void read_target_group_files(const Value& groups, const Value& attributes,
                               const Value& load_balancer) {
    if (const auto document = file_of(groups, Format::json)) {
      const Node* section =
          load_balancer.exists() ? load_balancer.node()->find("target_group") : nullptr;
      const Node* name = section == nullptr ? nullptr : section->find("name");
      const auto group = read_target_groups(*document, name == nullptr ? "" : name->text, context_);
      if (!group) return;
      spec_.target_group = *group;
      spec_.controller.target_type =
          group->target_type == models::TargetType::ip
              ? models::LoadBalancerControllerConfig::TargetMode::ip
              : models::LoadBalancerControllerConfig::TargetMode::instance;
      group_file_ = true;
      if (group->balancer != models::BalancerType::network) {
        groups.error("the target group is that of an Application Load Balancer",
                     "systems of this kind stand behind a Network Load Balancer");
      }
    }
    const auto document = file_of(attributes, Format::json);
    if (document) read_target_group_attributes(*document, spec_.target_group, context_);
  }

  // What the controller would make of the Service that selects the workload.
  void take_from_service() {
    const auto* workload = manifests_.find_workload(spec_.served_name());
    const auto* service = workload == nullptr ? nullptr : manifests_.service_of(*workload);
    if (service == nullptr) return;
    spec_.target_group = service->target_group;
    spec_.controller.target_type = service->target_type;
    if (service->cross_zone) spec_.balancer.cross_zone_enabled = *service->cross_zone;
    group_file_ = true;
  }

  void place_the_rest() {
    for (const KubernetesManifests::Workload& workload : manifests_.workloads) {
      const bool listed =
          std::any_of(spec_.workloads.begin(), spec_.workloads.end(),
                      [&](const auto& other) { return other.name == workload.config.name; });
      if (listed) continue;
      models::PodWorkloadConfig config = workload.config;
      place(config, spec_.workloads.size());
      spec_.workloads.push_back(std::move(config));
    }
  }

  void read_zones(const Value& zones) {
    for (const Value& item : zones.items()) {
      const auto name = item.text();
      if (!name) continue;
      if (std::find(spec_.zones.begin(), spec_.zones.end(), *name) != spec_.zones.end()) {
        item.error("the zone " + in_quotes(*name) + " is given twice");
      }
      spec_.zones.push_back(*name);
    }
    if (zones.exists() && spec_.zones.empty()) zones.error("there is no zone");
  }

  // {"name": ..., "zone": ...}, or {"prefix": ..., "count": n} spread over the zones.
  void read_nodes(const Value& value) {
    Reader reader(value);
    const double churn = reader.optional("exits_per_10min").number(0, 1e6).value_or(0);
    if (reader.has("prefix")) {
      const auto prefix = reader.required("prefix").text();
      const auto count = reader.required("count").integer(1, 5000);
      const std::vector<std::string> zones = zone_list(reader.optional("zones"));
      for (std::int64_t i = 0; prefix && count && i < *count && !zones.empty(); ++i) {
        add_node(value, *prefix + std::to_string(i),
                 zones[static_cast<std::size_t>(i) % zones.size()], churn);
      }
      return;
    }
    const auto name = reader.required("name").text();
    const Value zone = reader.required("zone");
    const auto where = zone.text();
    if (where && !known(spec_.zones, *where)) {
      zone.error("there is no zone " + in_quotes(*where), did_you_mean(*where, spec_.zones));
    }
    if (name) add_node(value, *name, where.value_or(""), churn);
  }

  std::vector<std::string> zone_list(const Value& value) {
    if (!value.exists()) return spec_.zones;
    std::vector<std::string> zones;
    for (const Value& item : value.items()) {
      const auto name = item.text();
      if (!name) continue;
      if (!known(spec_.zones, *name)) {
        item.error("there is no zone " + in_quotes(*name), did_you_mean(*name, spec_.zones));
      }
      zones.push_back(*name);
    }
    return zones;
  }

  void add_node(const Value& value, std::string name, std::string zone, double churn) {
    if (spec_.find_node(name) < spec_.nodes.size()) {
      value.error("the node " + in_quotes(name) + " is given twice");
    }
    spec_.nodes.push_back({std::move(name), std::move(zone)});
    spec_.churn.push_back(churn);
  }

  void read_workload(const Value& value) {
    Reader reader(value);
    models::PodWorkloadConfig config;
    assign(config.name, reader.required("name").text());
    const auto* manifest = manifests_.find_workload(config.name);
    if (manifest != nullptr) config = manifest->config;
    read_pod_template(reader, config, context_);
    const Value pods = reader.optional("pods");
    const auto index = spec_.workloads.size();
    std::int32_t placed = 0;
    if (pods.exists()) {
      for (const Value& item : pods.items()) {
        Reader pod(item);
        const auto name = pod.required("name").text();
        const Value node = pod.required("node");
        const auto on = find(node, node.text());
        if (name && on) spec_.pods.push_back({*name, index, *on});
        ++placed;
      }
      if (!reader.has("replicas") && manifest == nullptr) config.replicas = placed;
      if (placed != config.replicas) {
        pods.error("there are " + std::to_string(placed) + " pods, and replicas is " +
                   std::to_string(config.replicas));
      }
    } else {
      place(config, index);
    }
    spec_.workloads.push_back(std::move(config));
  }

  // Evenly over the nodes; a DaemonSet on each.
  void place(models::PodWorkloadConfig& config, std::size_t workload) {
    const std::size_t nodes = spec_.nodes.size();
    if (nodes == 0) return;
    if (config.kind == models::ControllerKind::daemon_set) {
      config.replicas = static_cast<std::int32_t>(nodes);
    }
    for (std::int32_t i = 0; i < config.replicas; ++i) {
      const std::size_t node = (next_node_ + static_cast<std::size_t>(i)) % nodes;
      spec_.pods.push_back({config.name + "-" + std::to_string(i), workload, node});
    }
    next_node_ = (next_node_ + static_cast<std::size_t>(config.replicas)) % nodes;
  }

  std::optional<std::size_t> find(const Value& value, const std::optional<std::string>& name) {
    if (!name) return std::nullopt;
    const std::size_t node = spec_.find_node(*name);
    if (node < spec_.nodes.size()) return node;
    std::vector<std::string> names;
    for (const GatewayNode& other : spec_.nodes) names.push_back(other.name);
    value.error("there is no node " + in_quotes(*name), did_you_mean(*name, names));
    return std::nullopt;
  }

  void read_service(const Value& value) {
    Reader reader(value);
    const Value workload = reader.required("workload");
    if (const auto name = workload.text()) {
      std::vector<std::string> names;
      for (const models::PodWorkloadConfig& config : spec_.workloads) names.push_back(config.name);
      const auto found = std::find(names.begin(), names.end(), *name);
      if (found == names.end()) {
        workload.error("there is no workload " + in_quotes(*name), did_you_mean(*name, names));
      } else {
        spec_.served = static_cast<std::size_t>(found - names.begin());
      }
    }
    read_load(reader, spec_, context_);
  }

  void read_rule(const Value& value) {
    Reader reader(value);
    GatewayRule rule;
    assign(rule.rule.name, reader.required("name").text());
    const Value condition = reader.required("condition");
    if (const auto sight = read_sight(condition)) rule.condition = *sight;
    read_alert_rule(reader, rule.rule);
    for (const std::string& problem : rule.rule.validate()) value.error(problem);
    spec_.rules.push_back(std::move(rule));
  }

  std::optional<Sight> read_sight(const Value& value) {
    std::vector<std::string_view> names;
    for (const SightName& sight : sights) names.push_back(sight.name);
    const auto index = value.choice_index("a condition", names);
    if (!index) return std::nullopt;
    return sights[*index].sight;
  }

  void read_responders(const Value& value) {
    if (!value.exists()) return;
    Reader reader(value);
    models::ResponderConfig& people = spec_.responders;
    assign(people.escalation_delay, reader.optional("escalation_delay").duration());
    for (const Value& item : reader.required("on_call").items()) {
      Reader level(item);
      models::OnCallLevel person;
      person.acknowledge = models::ResponderConfig::usual_acknowledgement();
      assign(person.who, level.required("who").text());
      read_into(person.acknowledge, level.optional("acknowledge"), context_);
      people.levels.push_back(std::move(person));
    }
    for (const Value& item : reader.optional("runbook").items()) read_step(item);
  }

  void read_step(const Value& value) {
    Reader reader(value);
    models::RunbookStep step;
    step.takes = models::ResponderConfig::usual_step();
    assign(step.name, reader.required("step").text());
    read_into(step.takes, reader.optional("takes"), context_);
    for (const auto& [key, to] : {std::pair<std::string_view, std::string*>{"when", &step.when},
                                  {"wait_for", &step.wait_for}}) {
      const Value condition = reader.optional(key);
      if (condition.exists() && read_sight(condition)) assign(*to, condition.text());
    }
    assign(step.look_again, reader.optional("look_again").duration(1s));
    const Value command = reader.optional("command");
    std::vector<std::string_view> names;
    for (const CommandName& known_command : commands) names.push_back(known_command.name);
    if (const auto index = command.choice_index("a command", names)) step.command = names[*index];
    read_into(step.execution, reader.optional("execution"), context_);
    spec_.responders.runbook.push_back(std::move(step));
  }

  static bool known(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  LoadContext& context_;
  GatewaySpec& spec_;
  KubernetesManifests manifests_;
  bool group_file_ = false;  // a file says what the target group is
  std::size_t next_node_ = 0;
};

}  // namespace

std::span<const SightName> sight_names() {
  return sights;
}

std::span<const CommandName> command_names() {
  return commands;
}

std::shared_ptr<const GatewaySpec> read_gateway(Reader& root, LoadContext& context) {
  auto spec = std::make_shared<GatewaySpec>();
  GatewayReader(context, *spec).read(root);
  return spec;
}

std::size_t GatewaySpec::find_node(std::string_view name) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const GatewayNode& node) { return node.name == name; });
  return static_cast<std::size_t>(found - nodes.begin());
}

std::size_t GatewaySpec::find_pod(std::string_view name) const {
  const auto found = std::find_if(pods.begin(), pods.end(),
                                  [&](const GatewayPod& pod) { return pod.name == name; });
  return static_cast<std::size_t>(found - pods.begin());
}

std::size_t GatewaySpec::busiest_node() const {
  std::vector<std::size_t> count(nodes.size());
  for (const GatewayPod& pod : pods) {
    if (pod.workload == served) ++count[pod.node];
  }
  return static_cast<std::size_t>(std::max_element(count.begin(), count.end()) - count.begin());
}

}  // namespace predrill::harness
