// The faults of an RDS database: their names and targets, and how they strike.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/kinds/system_kind.hpp"
#include "harness/rds/rds_world.hpp"

namespace predrill::harness {

std::span<const FaultType> rds_faults();
/// Whom a fault may name, the usual one first; none: the deployment cannot suffer it.
std::vector<std::string> rds_targets(const RdsSpec& spec, const FaultType& fault);
std::vector<FaultSpec> rds_usual_faults(const RdsSpec& spec);
/// Strikes at the present instant; what ends later is spawned.
void strike_rds(RdsWorld& world, const FaultSpec& fault);

}  // namespace predrill::harness
