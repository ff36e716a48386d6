// The faults of an Aurora cluster: their names and targets, and how they strike.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/aurora/aurora_world.hpp"
#include "harness/kinds/system_kind.hpp"

namespace predrill::harness {

std::span<const FaultType> aurora_faults();
/// Whom a fault may name, the usual one first.
std::vector<std::string> aurora_targets(const AuroraSpec& spec, const FaultType& fault);
std::vector<FaultSpec> aurora_usual_faults(const AuroraSpec& spec);
/// Strikes at the present instant; what ends later is spawned.
void strike_aurora(AuroraWorld& world, const FaultSpec& fault);

}  // namespace predrill::harness
