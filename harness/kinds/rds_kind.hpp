// An RDS for PostgreSQL database with its clients, as a system that is rehearsed.
#pragma once

#include "harness/kinds/system_kind.hpp"
#include "harness/rds/rds_spec.hpp"

namespace predrill::harness {

struct RdsSystem : KindSpec {
  RdsSpec rds;
};

const RdsSpec& rds_of(const SystemSpec& system);
const SystemKind& rds_kind();

}  // namespace predrill::harness
