// The system as a graph of what needs what: who suffers when a part is gone, which parts have no
// substitute, how many must fail together before nobody can write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/system.hpp"

namespace predrill::harness {

/// A part that can fail. Zones, nodes and members contain each other; a pooler stands in a zone.
struct Component {
  enum class Kind : std::uint8_t { zone, node, member, dcs_member, pooler, haproxy };
  Kind kind = Kind::member;
  std::string name;
  std::vector<std::size_t> inside;  // components that go with it when it is lost
};
std::string_view to_text(Component::Kind kind);

/// What is left for clients once some components are gone for good and every automatic failover
/// has ended. True: it works.
struct Reach {
  bool writes = true;         // by the path of the clients
  bool direct_writes = true;  // to the primary itself, past pooler and balancer
  bool reads = true;          // by a member of one's choice
  bool leader_kept = true;    // the primary is not touched: nobody has to take over
};

struct BlastRadius {
  std::size_t component = 0;
  std::vector<std::size_t> lost;  // with it: what it contains
  Reach reach;
};

/// What either side of a split zone can do: the zone cut off from all others.
struct Split {
  std::string zone;
  bool has_quorum = false;      // the DCS keeps its majority inside of the zone
  bool rest_has_quorum = true;  // outside of it
  std::vector<std::size_t> primaries_inside, primaries_outside;  // members that may lead there
  bool clients_inside = false;                                   // where the probers stand
  bool clients_write = true;                                     // once the failover has ended
};

class Topology {
 public:
  explicit Topology(const SystemSpec& system);

  const std::vector<Component>& components() const { return components_; }
  /// The components that are gone, and all that goes with them: what is left. A name that is
  /// unknown counts for nothing.
  Reach without(const std::vector<std::size_t>& gone) const;
  std::vector<BlastRadius> blast_radii() const;
  /// Components whose loss alone ends writes by the clients' path for good: the dominators of a
  /// writable primary, seen from the clients (Lengauer & Tarjan 1979), and the zones and nodes that
  /// contain one.
  std::vector<std::size_t> single_points_of_failure() const;
  /// The same as articulation points of the undirected graph (Tarjan 1972), as a check: a part
  /// whose loss separates the clients from the primary.
  std::vector<std::size_t> articulation_points() const;
  /// The fewest parts (no zones, no nodes) that cut the clients off from every writable primary:
  /// the maximum flow of vertex-disjoint ways (Edmonds & Karp 1972).
  std::size_t minimum_cut() const;
  /// Every smallest set of components, up to three, whose loss ends writes for good.
  std::vector<std::vector<std::size_t>> minimal_cuts(std::size_t most = 3) const;
  std::vector<Split> zone_splits() const;
  /// For Graphviz.
  std::string dot() const;

  std::size_t index_of(std::string_view name) const;  // components().size() if there is none

 private:
  struct Graph;  // of Boost
  Graph data_path() const;
  std::vector<bool> closure(const std::vector<std::size_t>& gone) const;
  bool dcs_has_quorum(const std::vector<bool>& gone) const;
  Reach reach(const std::vector<bool>& gone) const;

  const SystemSpec& system_;
  std::vector<Component> components_;
  std::vector<std::size_t> members_, dcs_, poolers_, haproxies_;
};

}  // namespace predrill::harness
