#include "harness/topology/topology.hpp"

#include <algorithm>
#include <array>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/biconnected_components.hpp>
#include <boost/graph/dominator_tree.hpp>
#include <boost/graph/edmonds_karp_max_flow.hpp>
#include <map>
#include <utility>

namespace predrill::harness {

namespace {

using Kind = Component::Kind;

constexpr long unlimited = 1'000'000;

// The first database of the pooler is the one that rehearsals measure.
bool writes_by_haproxy(const SystemSpec& system) {
  if (!system.pooler) return system.haproxy.has_value();
  return !system.pooler->databases.empty() &&
         system.pooler->databases.front().target == PoolerDatabase::Target::haproxy;
}

}  // namespace

std::string_view to_text(Component::Kind kind) {
  constexpr std::array<std::string_view, 6> names = {"zone",       "node",      "member",
                                                     "DCS member", "PgBouncer", "HAProxy"};
  return names[static_cast<std::size_t>(kind)];
}

// The way of a write as vertices and edges: clients, pooler, balancer, member, DCS, written. The
// service is no part that fails: every node programs it for itself.
struct Topology::Graph {
  std::size_t clients = 0, written = 1, dcs = 2;
  std::size_t first = 3;  // of the components, by their index
  std::size_t size = 0;
  std::vector<std::pair<std::size_t, std::size_t>> edges;
};

Topology::Topology(const SystemSpec& system) : system_(system) {
  std::map<std::string, std::size_t> zones, nodes;
  const auto add = [this](Kind kind, const std::string& name) {
    components_.push_back({kind, name, {}});
    return components_.size() - 1;
  };
  const auto zone = [&](const std::string& name) {
    const auto [found, is_new] = zones.try_emplace(name, 0);
    if (is_new) found->second = add(Kind::zone, name);
    return found->second;
  };
  for (const MemberSpec& member : system.members) zone(member.zone);
  for (const auto& [name, where] : system.dcs.members) zone(where);
  for (const MemberSpec& member : system.members) {
    const std::size_t in_zone = zone(member.zone);
    std::size_t holder = in_zone;
    if (!member.node.empty()) {
      const auto [found, is_new] = nodes.try_emplace(member.node, 0);
      if (is_new) {
        found->second = add(Kind::node, member.node);
        components_[in_zone].inside.push_back(found->second);
      }
      holder = found->second;
    }
    members_.push_back(add(Kind::member, member.name));
    components_[holder].inside.push_back(members_.back());
  }
  for (const auto& [name, where] : system.dcs.members) {
    dcs_.push_back(add(Kind::dcs_member, name));
    components_[zone(where)].inside.push_back(dcs_.back());
  }
  const auto instances = [&](Kind kind, const std::string& name,
                             const std::vector<std::string>& where, std::vector<std::size_t>& to) {
    for (std::size_t i = 0; i < where.size(); ++i) {
      to.push_back(add(kind, name + "-" + std::to_string(i)));
      components_[zone(where[i])].inside.push_back(to.back());
    }
  };
  if (system.pooler) instances(Kind::pooler, "pgbouncer", system.pooler->zones, poolers_);
  if (system.haproxy) instances(Kind::haproxy, "haproxy", system.haproxy->zones, haproxies_);
}

std::size_t Topology::index_of(std::string_view name) const {
  const auto found = std::find_if(components_.begin(), components_.end(),
                                  [name](const Component& c) { return c.name == name; });
  return static_cast<std::size_t>(found - components_.begin());
}

std::vector<bool> Topology::closure(const std::vector<std::size_t>& gone) const {
  std::vector<bool> lost(components_.size(), false);
  std::vector<std::size_t> open = gone;
  while (!open.empty()) {
    const std::size_t one = open.back();
    open.pop_back();
    if (one >= lost.size() || lost[one]) continue;
    lost[one] = true;
    open.insert(open.end(), components_[one].inside.begin(), components_[one].inside.end());
  }
  return lost;
}

bool Topology::dcs_has_quorum(const std::vector<bool>& gone) const {
  if (dcs_.empty()) return true;  // Kubernetes: its control plane is no part of the system
  const auto left = static_cast<std::size_t>(
      std::count_if(dcs_.begin(), dcs_.end(), [&](std::size_t i) { return !gone[i]; }));
  return 2 * left > dcs_.size();
}

Reach Topology::reach(const std::vector<bool>& gone) const {
  const auto left = [&](std::size_t i) { return !gone[i]; };
  const bool quorum = dcs_has_quorum(gone);
  Reach reach;
  reach.leader_kept = left(members_[system_.primary]) && quorum;
  reach.reads = std::any_of(members_.begin(), members_.end(), left);
  // Without the DCS the primary gives its role up; with failsafe_mode it may keep it.
  bool writable = false;
  std::size_t members_left = 0;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (gone[members_[m]]) continue;
    ++members_left;
    const bool may_lead = m == system_.primary || !system_.members[m].tags.nofailover;
    writable = writable || may_lead;
  }
  if (!quorum) {
    // failsafe_mode keeps the primary as long as it reaches all the others.
    writable = system_.patroni.failsafe_mode && members_left == members_.size();
  }
  // Commits of a strict cluster wait for a synchronous standby.
  if (system_.patroni.synchronous_mode && system_.patroni.synchronous_mode_strict &&
      members_left < 2) {
    writable = false;
  }
  reach.direct_writes = writable;
  reach.writes = writable;
  if (!poolers_.empty()) {
    reach.writes = reach.writes && std::any_of(poolers_.begin(), poolers_.end(), left);
  }
  if (writes_by_haproxy(system_) && !haproxies_.empty()) {
    reach.writes = reach.writes && std::any_of(haproxies_.begin(), haproxies_.end(), left);
  }
  return reach;
}

Reach Topology::without(const std::vector<std::size_t>& gone) const {
  return reach(closure(gone));
}

std::vector<BlastRadius> Topology::blast_radii() const {
  std::vector<BlastRadius> all;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    const std::vector<bool> gone = closure({i});
    BlastRadius radius{i, {}, reach(gone)};
    for (std::size_t j = 0; j < gone.size(); ++j) {
      if (gone[j] && j != i) radius.lost.push_back(j);
    }
    all.push_back(std::move(radius));
  }
  return all;
}

Topology::Graph Topology::data_path() const {
  Graph graph;
  graph.size = graph.first + components_.size();
  const auto vertex = [&](std::size_t component) { return graph.first + component; };
  std::vector<std::size_t> from = {graph.clients};
  const auto layer = [&](const std::vector<std::size_t>& parts) {
    if (parts.empty()) return;
    for (const std::size_t a : from) {
      for (const std::size_t b : parts) graph.edges.emplace_back(a, vertex(b));
    }
    from.clear();
    for (const std::size_t b : parts) from.push_back(vertex(b));
  };
  layer(poolers_);
  if (writes_by_haproxy(system_)) layer(haproxies_);
  std::vector<std::size_t> candidates;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    if (m == system_.primary || !system_.members[m].tags.nofailover) {
      candidates.push_back(members_[m]);
    }
  }
  layer(candidates);
  // Whoever leads needs the majority of the DCS: one vertex that counts as many parts as must fail.
  for (const std::size_t a : from) {
    graph.edges.emplace_back(a, dcs_.empty() ? graph.written : graph.dcs);
  }
  if (!dcs_.empty()) graph.edges.emplace_back(graph.dcs, graph.written);
  return graph;
}

std::vector<std::size_t> Topology::single_points_of_failure() const {
  using Directed = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS>;
  const Graph path = data_path();
  Directed graph(path.size);
  for (const auto& [a, b] : path.edges) boost::add_edge(a, b, graph);
  std::vector<std::size_t> above(path.size, path.size);
  boost::lengauer_tarjan_dominator_tree(
      graph, path.clients,
      boost::make_iterator_property_map(above.begin(), boost::get(boost::vertex_index, graph)));
  std::vector<bool> alone(components_.size(), false);
  for (std::size_t v = above[path.written]; v < path.size && v != path.clients; v = above[v]) {
    if (v >= path.first) alone[v - path.first] = true;
  }
  if (dcs_.size() == 1 || dcs_.size() == 2) {  // no majority without each of them
    for (const std::size_t one : dcs_) alone[one] = true;
  }
  // What contains one, or so many that nothing is left.
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < components_.size(); ++i) {
    const bool holder = components_[i].kind == Kind::zone || components_[i].kind == Kind::node;
    if (holder ? !without({i}).writes : alone[i]) all.push_back(i);
  }
  return all;
}

std::vector<std::size_t> Topology::articulation_points() const {
  using Undirected = boost::adjacency_list<boost::setS, boost::vecS, boost::undirectedS>;
  const Graph path = data_path();
  Undirected graph(path.size);
  for (const auto& [a, b] : path.edges) boost::add_edge(a, b, graph);
  std::vector<std::size_t> points;
  boost::articulation_points(graph, std::back_inserter(points));
  std::vector<std::size_t> all;
  for (const std::size_t v : points) {
    if (v >= path.first) all.push_back(v - path.first);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::size_t Topology::minimum_cut() const {
  using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
  using Flow = boost::adjacency_list<
      boost::vecS, boost::vecS, boost::directedS, boost::no_property,
      boost::property<
          boost::edge_capacity_t, long,
          boost::property<boost::edge_residual_capacity_t, long,
                          boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>>;
  const Graph path = data_path();
  Flow graph(2 * path.size);  // every vertex once as its entry and once as its exit
  const auto join = [&](std::size_t from, std::size_t to, long capacity) {
    const auto there = boost::add_edge(from, to, graph).first;
    const auto back = boost::add_edge(to, from, graph).first;
    boost::put(boost::edge_capacity, graph, there, capacity);
    boost::put(boost::edge_capacity, graph, back, 0L);
    boost::put(boost::edge_reverse, graph, there, back);
    boost::put(boost::edge_reverse, graph, back, there);
  };
  for (std::size_t v = 0; v < path.size; ++v) {
    long capacity = v >= path.first ? 1 : unlimited;
    if (v == path.dcs) capacity = static_cast<long>((dcs_.size() + 1) / 2);
    join(2 * v, 2 * v + 1, capacity);
  }
  for (const auto& [a, b] : path.edges) join(2 * a + 1, 2 * b, unlimited);
  const long flow = boost::edmonds_karp_max_flow(graph, 2 * path.clients + 1, 2 * path.written);
  return static_cast<std::size_t>(flow);
}

std::vector<std::vector<std::size_t>> Topology::minimal_cuts(std::size_t most) const {
  std::vector<std::vector<std::size_t>> cuts;
  const auto has_smaller = [&](const std::vector<std::size_t>& set) {
    return std::any_of(cuts.begin(), cuts.end(), [&](const auto& cut) {
      return std::includes(set.begin(), set.end(), cut.begin(), cut.end());
    });
  };
  std::vector<std::vector<std::size_t>> sets = {{}};
  for (std::size_t size = 1; size <= most; ++size) {
    std::vector<std::vector<std::size_t>> larger;
    for (const auto& set : sets) {
      for (std::size_t i = set.empty() ? 0 : set.back() + 1; i < components_.size(); ++i) {
        std::vector<std::size_t> next = set;
        next.push_back(i);
        if (has_smaller(next)) continue;
        if (without(next).writes) {
          larger.push_back(std::move(next));
        } else {
          cuts.push_back(std::move(next));
        }
      }
    }
    sets = std::move(larger);
  }
  return cuts;
}

std::vector<Split> Topology::zone_splits() const {
  std::vector<Split> splits;
  for (std::size_t z = 0; z < components_.size(); ++z) {
    if (components_[z].kind != Kind::zone) continue;
    const std::vector<bool> inside = closure({z});
    std::vector<bool> outside = inside;
    outside.flip();
    Split split;
    split.zone = components_[z].name;
    split.has_quorum = !dcs_.empty() && dcs_has_quorum(outside);
    split.rest_has_quorum = dcs_has_quorum(inside);
    for (std::size_t m = 0; m < members_.size(); ++m) {
      if (m != system_.primary && system_.members[m].tags.nofailover) continue;
      auto& side = inside[members_[m]] ? split.primaries_inside : split.primaries_outside;
      const bool quorum = inside[members_[m]] ? split.has_quorum : split.rest_has_quorum;
      if (quorum) side.push_back(members_[m]);
    }
    split.clients_inside = system_.probe.zone == split.zone;
    // The clients need every layer of their path on their own side.
    split.clients_write = reach(split.clients_inside ? outside : inside).writes;
    splits.push_back(std::move(split));
  }
  return splits;
}

std::string Topology::dot() const {
  const Graph path = data_path();
  std::string out = "digraph \"" + system_.name + "\" {\n  rankdir=LR;\n  node [shape=box];\n";
  const std::vector<std::size_t> alone = single_points_of_failure();
  const auto name = [&](std::size_t v) -> std::string {
    if (v == path.clients) return "clients";
    if (v == path.written) return "written";
    if (v == path.dcs) return "DCS majority";
    return components_[v - path.first].name;
  };
  for (std::size_t z = 0; z < components_.size(); ++z) {
    if (components_[z].kind != Kind::zone) continue;
    out += "  subgraph \"cluster " + components_[z].name + "\" {\n    label=\"" +
           components_[z].name + "\";\n";
    const std::vector<bool> inside = closure({z});
    for (std::size_t i = 0; i < components_.size(); ++i) {
      const bool drawn = inside[i] && i != z && components_[i].kind != Kind::node;
      if (!drawn) continue;
      const bool single = std::find(alone.begin(), alone.end(), i) != alone.end();
      out += "    \"" + components_[i].name + "\"" + (single ? " [color=red]" : "") + ";\n";
    }
    out += "  }\n";
  }
  for (const auto& [a, b] : path.edges) out += "  \"" + name(a) + "\" -> \"" + name(b) + "\";\n";
  for (const std::size_t one : dcs_) {
    out += "  \"DCS majority\" -> \"" + components_[one].name + "\" [style=dashed];\n";
  }
  return out + "}\n";
}

}  // namespace predrill::harness
