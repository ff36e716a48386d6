// An Aurora PostgreSQL cluster with its clients, as a system that is rehearsed.
#pragma once

#include "harness/aurora/aurora_spec.hpp"
#include "harness/kinds/system_kind.hpp"

namespace predrill::harness {

struct AuroraSystem : KindSpec {
  AuroraSpec aurora;
};

const AuroraSpec& aurora_of(const SystemSpec& system);
const SystemKind& aurora_kind();

}  // namespace predrill::harness
