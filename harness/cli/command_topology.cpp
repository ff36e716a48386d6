#include <cstdio>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/load/load.hpp"
#include "harness/topology/gateway_topology.hpp"
#include "harness/topology/topology.hpp"
#include "harness/topology/topology_text.hpp"

namespace predrill::harness {

namespace {

// Exit status; writes the graph where one is wanted.
int write_dot(const std::string& file, const std::string& dot) {
  if (file.empty()) return exit_met;
  OutputFiles files;
  files.add(file, dot);
  const auto problem = files.write();
  if (!problem) return exit_met;
  std::fprintf(stderr, "predrill: %s\n", problem->c_str());
  return exit_internal;
}

int service_topology(const TopologyCommand& command, const GatewaySpec& spec,
                     const std::string& name) {
  const GatewayTopology topology(spec);
  if (const int status = write_dot(command.dot, gateway_topology_dot(topology));
      status != exit_met) {
    return status;
  }
  std::fputs((command.format == "json" ? gateway_topology_json(topology, name)
                                       : gateway_topology_text(topology, spec, style_of_output()))
                 .c_str(),
             stdout);
  return exit_met;
}

}  // namespace

int command_topology(const TopologyCommand& command) {
  Diagnostics diagnostics;
  const auto system = load_system(command.system, diagnostics, command.settings);
  if (!report(diagnostics) || !system) return exit_usage;
  if (const auto* gateway = dynamic_cast<const GatewaySpec*>(system->of_kind.get())) {
    return service_topology(command, *gateway, system->name);
  }
  if (system->kind != nullptr || system->members.empty()) {
    std::fprintf(stderr,
                 "%s: error: the topology of systems that are no Patroni cluster is not "
                 "known yet\n",
                 system->file.c_str());
    return exit_usage;
  }
  const Topology topology(*system);
  if (const int status = write_dot(command.dot, topology.dot()); status != exit_met) {
    return status;
  }
  if (command.format == "json") {
    std::fputs(topology_json(topology, system->name).c_str(), stdout);
  } else {
    std::fputs(topology_text(topology, style_of_output()).c_str(), stdout);
  }
  return exit_met;
}

}  // namespace predrill::harness
