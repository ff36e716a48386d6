// A topology as text and as JSON.
#pragma once

#include <string>

#include "harness/report/table.hpp"
#include "harness/topology/topology.hpp"

namespace predrill::harness {

std::string topology_text(const Topology& topology, const TextStyle& style);

/// One document; same system, same bytes.
std::string topology_json(const Topology& topology, const std::string& system);

/// What the loss of a component means, in a sentence: "pgbouncer-0 has no substitute: ...".
std::string why_it_matters(const Topology& topology, std::size_t component);

}  // namespace predrill::harness
