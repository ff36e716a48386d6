// A service behind a load balancer as parts that can fail: what is left of it, and of its capacity,
// when zones, nodes, pods or nodes of the load balancer are gone. States what a run settles to
// after the health checks have noticed and before anything is replaced.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/kinds/gateway_spec.hpp"
#include "harness/report/table.hpp"

namespace predrill::harness {

class GatewayTopology {
 public:
  struct Component {
    enum class Kind : std::uint8_t { zone, node, pod, load_balancer_node };
    Kind kind = Kind::pod;
    std::string name;
    std::vector<std::size_t> inside;  // components that go with it
  };
  struct Reach {
    bool serves = true;       // every client finds a target
    double unserved = 0;      // share of new flows that find none: cross-zone off
    std::size_t targets = 0;  // left
    double busiest_tps = 0;   // of one target
    double utilisation = 0;   // of its workers
    bool carries_load() const { return serves && utilisation < 1; }
  };
  struct BlastRadius {
    std::size_t component = 0;
    std::vector<std::size_t> lost;  // with it
    Reach reach;
  };

  explicit GatewayTopology(const GatewaySpec& spec);

  const std::vector<Component>& components() const { return components_; }
  Reach without(const std::vector<std::size_t>& gone) const;
  /// Of the zones, nodes with pods of the service, pods, and nodes of the load balancer.
  std::vector<BlastRadius> blast_radii() const;
  /// Components whose loss alone leaves some client without a target.
  std::vector<std::size_t> single_points_of_failure() const;
  /// Components whose loss alone leaves too few workers for the load.
  std::vector<std::size_t> single_points_of_overload() const;
  /// The fewest nodes whose loss leaves too few workers for the load; 0 if there are too few now.
  std::size_t nodes_to_overload() const;

  std::size_t index_of(std::string_view name) const;  // components().size() if there is none

 private:
  const GatewaySpec& spec_;
  std::vector<Component> components_;
  std::vector<std::size_t> zone_of_;  // by component
};

std::string to_text(GatewayTopology::Component::Kind kind);
std::string gateway_topology_text(const GatewayTopology& topology, const GatewaySpec& spec,
                                  const TextStyle& style);
/// The same as one document.
std::string gateway_topology_json(const GatewayTopology& topology, const std::string& system);
/// For Graphviz.
std::string gateway_topology_dot(const GatewayTopology& topology);

}  // namespace predrill::harness
