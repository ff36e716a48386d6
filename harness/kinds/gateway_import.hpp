// A system.json for a service behind a load balancer, as a skeleton around the files that say most
// of it: Kubernetes manifests and what the AWS CLI prints of the target group.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

struct ImportedGateway {
  std::string json;
  std::vector<std::string> unfilled;  // what no file says, as sentences
};

/// True for a file that import_gateway() takes.
bool is_gateway_file(const std::string& file);

/// Of use only if there are no errors in the diagnostics. The files are named in the result as they
/// are named here: save it beside them.
ImportedGateway import_gateway(std::span<const std::string> files, Diagnostics& diagnostics);

}  // namespace predrill::harness
