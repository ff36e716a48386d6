#include "harness/topology/gateway_topology.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "harness/report/number.hpp"

namespace predrill::harness {

using Kind = GatewayTopology::Component::Kind;

GatewayTopology::GatewayTopology(const GatewaySpec& spec) : spec_(spec) {
  const auto add = [&](Kind kind, const std::string& name, std::size_t zone) {
    components_.push_back({kind, name, {}});
    zone_of_.push_back(zone);
    if (kind != Kind::zone) components_[zone].inside.push_back(components_.size() - 1);
    return components_.size() - 1;
  };
  const auto zone_index = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(spec.zones.begin(), spec.zones.end(), name) -
                                    spec.zones.begin());
  };
  for (std::size_t zone = 0; zone < spec.zones.size(); ++zone) {
    add(Kind::zone, spec.zones[zone], zone);
  }
  for (std::size_t zone = 0; zone < spec.zones.size(); ++zone) {
    add(Kind::load_balancer_node, spec.balancer.name + "/" + spec.zones[zone], zone);
  }
  for (std::size_t node = 0; node < spec.nodes.size(); ++node) {
    const bool hosts = std::any_of(spec.pods.begin(), spec.pods.end(), [&](const GatewayPod& pod) {
      return pod.workload == spec.served && pod.node == node;
    });
    if (!hosts) continue;
    const std::size_t zone = zone_index(spec.nodes[node].zone);
    const std::size_t index = add(Kind::node, spec.nodes[node].name, zone);
    for (const GatewayPod& pod : spec.pods) {
      if (pod.workload != spec.served || pod.node != node) continue;
      const std::size_t pod_index = add(Kind::pod, pod.name, zone);
      components_[index].inside.push_back(pod_index);
    }
  }
}

std::size_t GatewayTopology::index_of(std::string_view name) const {
  const auto found = std::find_if(components_.begin(), components_.end(),
                                  [&](const Component& c) { return c.name == name; });
  return static_cast<std::size_t>(found - components_.begin());
}

// New flows go evenly to the zonal addresses that DNS still answers: those whose node of the load
// balancer lives and, with cross-zone off, whose zone has a healthy target; if none has, to all.
GatewayTopology::Reach GatewayTopology::without(const std::vector<std::size_t>& gone) const {
  std::vector<bool> lost(components_.size());
  for (const std::size_t index : gone) {
    if (index >= components_.size()) continue;
    lost[index] = true;
    for (const std::size_t inside : components_[index].inside) lost[inside] = true;
  }
  std::vector<std::size_t> targets(spec_.zones.size());
  std::vector<bool> answers(spec_.zones.size());
  std::size_t all = 0;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (lost[i]) continue;
    if (components_[i].kind == Kind::pod) ++targets[zone_of_[i]], ++all;
    if (components_[i].kind == Kind::load_balancer_node) answers[zone_of_[i]] = true;
  }
  const auto setting = spec_.target_group.load_balancing_cross_zone_enabled;
  const bool cross_zone = setting == models::CrossZone::use_load_balancer_configuration
                              ? spec_.balancer.cross_zone_enabled
                              : setting == models::CrossZone::on;
  if (!cross_zone) {
    for (std::size_t zone = 0; zone < targets.size(); ++zone) {
      answers[zone] = answers[zone] && targets[zone] > 0;
    }
  }
  const auto zones = static_cast<double>(std::count(answers.begin(), answers.end(), true));
  Reach reach;
  reach.targets = all;
  reach.serves = all > 0 && zones > 0;
  reach.unserved = reach.serves ? 0 : 1;
  if (!reach.serves) return reach;
  const double tps = spec_.load.requests_per_second;
  for (std::size_t zone = 0; zone < targets.size(); ++zone) {
    if (targets[zone] == 0) continue;
    const double share = cross_zone      ? 1.0 / static_cast<double>(all)
                         : answers[zone] ? 1.0 / zones / static_cast<double>(targets[zone])
                                         : 0;
    reach.busiest_tps = std::max(reach.busiest_tps, tps * share);
  }
  reach.utilisation =
      reach.busiest_tps * spec_.process.service_time.mean() / 1e9 / spec_.process.workers;
  return reach;
}

std::vector<GatewayTopology::BlastRadius> GatewayTopology::blast_radii() const {
  std::vector<BlastRadius> all;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    all.push_back({i, components_[i].inside, without({i})});
  }
  return all;
}

std::vector<std::size_t> GatewayTopology::single_points_of_failure() const {
  std::vector<std::size_t> points;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (!without({i}).serves) points.push_back(i);
  }
  return points;
}

std::vector<std::size_t> GatewayTopology::single_points_of_overload() const {
  std::vector<std::size_t> points;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (!without({i}).carries_load()) points.push_back(i);
  }
  return points;
}

// With one service time for all, the nodes with most pods go first; with cross-zone off those of
// one zone do.
std::size_t GatewayTopology::nodes_to_overload() const {
  if (!without({}).carries_load()) return 0;
  std::vector<std::size_t> nodes;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    if (components_[i].kind == Kind::node) nodes.push_back(i);
  }
  std::vector<std::size_t> gone;
  while (!nodes.empty()) {
    const auto worst =
        std::max_element(nodes.begin(), nodes.end(), [&](std::size_t a, std::size_t b) {
          std::vector<std::size_t> with_a = gone;
          std::vector<std::size_t> with_b = gone;
          with_a.push_back(a);
          with_b.push_back(b);
          const Reach one = without(with_a);
          const Reach other = without(with_b);
          if (one.serves != other.serves) return !other.serves;
          return one.utilisation < other.utilisation;
        });
    gone.push_back(*worst);
    nodes.erase(worst);
    if (!without(gone).carries_load()) return gone.size();
  }
  return gone.size();
}

std::string to_text(Kind kind) {
  switch (kind) {
    case Kind::zone:
      return "zone";
    case Kind::node:
      return "node";
    case Kind::pod:
      return "pod";
    case Kind::load_balancer_node:
      return "load balancer";
  }
  return "?";
}

namespace {

std::string list_of(const GatewayTopology& topology, const std::vector<std::size_t>& points) {
  std::string text;
  for (const std::size_t i : points) {
    text += (text.empty() ? "" : ", ") + topology.components()[i].name;
  }
  return text.empty() ? "none" : text;
}

std::string tenths(double value) {
  return measure_text(MeasureUnit::thousandth, static_cast<std::int64_t>(value * 1000 + 0.5));
}

}  // namespace

std::string gateway_topology_text(const GatewayTopology& topology, const GatewaySpec& spec,
                                  const TextStyle& style) {
  using Align = Table::Align;
  Table table({{"lost"},
               {"kind"},
               {"goes with it", Align::left, true},
               {"targets left", Align::right},
               {"requests/s each", Align::right},
               {"utilisation", Align::right},
               {"service"}});
  for (const GatewayTopology::BlastRadius& radius : topology.blast_radii()) {
    const auto& component = topology.components()[radius.component];
    const GatewayTopology::Reach& reach = radius.reach;
    const bool carries = reach.carries_load();
    table.add({component.name,
               to_text(component.kind),
               radius.lost.empty() ? "" : list_of(topology, radius.lost),
               grouped(static_cast<std::int64_t>(reach.targets)),
               reach.serves ? tenths(reach.busiest_tps) : "",
               reach.serves ? percent_text(reach.utilisation) : "",
               {carries        ? "goes on"
                : reach.serves ? "overloaded"
                               : "DOWN",
                carries ? Colour::plain : Colour::red}});
  }
  std::string text = table.text(style);
  const auto say = [&](const std::string& sentence) {
    for (const std::string& line : wrap(sentence, style.width)) text += line + "\n";
  };
  text += "\n";
  say("Single points of failure: " + list_of(topology, topology.single_points_of_failure()));
  say("Whose loss alone leaves too few workers: " +
      list_of(topology, topology.single_points_of_overload()));
  say("Nodes that must be lost, the worst first, until the load is too much: " +
      std::to_string(topology.nodes_to_overload()));
  say("After the health checks have noticed, before anything is replaced; " +
      tenths(spec.load.requests_per_second) + " requests/s. Until then the lost share fails.");
  return text;
}

std::string gateway_topology_json(const GatewayTopology& topology, const std::string& system) {
  using Json = nlohmann::ordered_json;
  const auto names = [&](const std::vector<std::size_t>& points) {
    Json list = Json::array();
    for (const std::size_t i : points) list.push_back(topology.components()[i].name);
    return list;
  };
  Json json;
  json["format"] = "predrill.topology/1";
  json["system"] = system;
  json["blast_radius"] = Json::array();
  for (const GatewayTopology::BlastRadius& radius : topology.blast_radii()) {
    const auto& component = topology.components()[radius.component];
    Json one;
    one["component"] = component.name;
    one["kind"] = to_text(component.kind);
    one["lost_with_it"] = names(radius.lost);
    one["serves"] = radius.reach.serves;
    one["targets"] = radius.reach.targets;
    one["busiest_tps"] = radius.reach.busiest_tps;
    one["utilisation"] = radius.reach.utilisation;
    json["blast_radius"].push_back(std::move(one));
  }
  json["single_points_of_failure"] = names(topology.single_points_of_failure());
  json["single_points_of_overload"] = names(topology.single_points_of_overload());
  json["nodes_to_overload"] = topology.nodes_to_overload();
  return json.dump(2) + "\n";
}

std::string gateway_topology_dot(const GatewayTopology& topology) {
  std::string text = "digraph service {\n  rankdir=LR;\n";
  for (const GatewayTopology::Component& component : topology.components()) {
    if (component.kind != Kind::node) continue;
    text +=
        "  subgraph \"cluster_" + component.name + "\" {\n    label=\"" + component.name + "\";\n";
    for (const std::size_t pod : component.inside) {
      text += "    \"" + topology.components()[pod].name + "\";\n";
    }
    text += "  }\n";
  }
  for (const GatewayTopology::Component& from : topology.components()) {
    if (from.kind != Kind::load_balancer_node) continue;
    text += "  \"clients\" -> \"" + from.name + "\";\n";
    for (const GatewayTopology::Component& to : topology.components()) {
      if (to.kind == Kind::pod) text += "  \"" + from.name + "\" -> \"" + to.name + "\";\n";
    }
  }
  return text + "}\n";
}

}  // namespace predrill::harness
