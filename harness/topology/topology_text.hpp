// A topology as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "harness/report/table.hpp"
#include "harness/topology/topology.hpp"

namespace predrill::harness {

std::string topology_text(const Topology& topology, const TextStyle& style);

/// One document; same system, same bytes.
std::string topology_json(const Topology& topology, const std::string& system);

/// What the loss of a component means, in a sentence: "pgbouncer-0 has no substitute: ...".
std::string why_it_matters(const Topology& topology, std::size_t component);

/// Why the faults of a rehearsal matter to this system: a line for each part that they strike, with
/// their names; faults that strike no single part are left out.
std::string why_faults_matter(const Topology& topology, const SystemSpec& system,
                              const std::vector<std::string>& faults, const TextStyle& style);

}  // namespace predrill::harness
