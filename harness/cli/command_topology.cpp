#include <cstdio>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/load/load.hpp"
#include "harness/topology/topology.hpp"
#include "harness/topology/topology_text.hpp"

namespace predrill::harness {

int command_topology(const TopologyCommand& command) {
  Diagnostics diagnostics;
  const auto system = load_system(command.system, diagnostics, command.settings);
  if (!report(diagnostics) || !system) return exit_usage;
  if (system->kind != nullptr || system->members.empty()) {
    std::fprintf(stderr,
                 "%s: error: the topology of systems that are no Patroni cluster is not "
                 "known yet\n",
                 system->file.c_str());
    return exit_usage;
  }
  const Topology topology(*system);
  if (!command.dot.empty()) {
    OutputFiles files;
    files.add(command.dot, topology.dot());
    if (const auto problem = files.write()) {
      std::fprintf(stderr, "predrill: %s\n", problem->c_str());
      return exit_internal;
    }
  }
  if (command.format == "json") {
    std::fputs(topology_json(topology, system->name).c_str(), stdout);
  } else {
    std::fputs(topology_text(topology, style_of_output()).c_str(), stdout);
  }
  return exit_met;
}

}  // namespace predrill::harness
