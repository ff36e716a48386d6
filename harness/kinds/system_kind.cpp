#include "harness/kinds/system_kind.hpp"

#include <algorithm>

#include "harness/kinds/aurora_kind.hpp"
#include "harness/kinds/deployment_kinds.hpp"
#include "harness/kinds/gateway_kind.hpp"
#include "harness/kinds/rds_kind.hpp"

namespace predrill::harness {

std::string SystemKind::setting_behind(const ScenarioSpec&, const Summary&) const {
  return "";
}

const FaultType* SystemKind::find_fault(std::string_view fault) const {
  const auto all = faults();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const FaultType& f) { return f.name == fault; });
  return found == all.end() ? nullptr : &*found;
}

std::span<const SystemKind* const> system_kinds() {
  static const std::vector<const SystemKind*> kinds = {&gateway_kind(), &aurora_kind(), &rds_kind(),
                                                       &ecs_kind(), &rollout_kind()};
  return kinds;
}

const SystemKind* kind_of(const Node& root) {
  for (const SystemKind* kind : system_kinds()) {
    if (root.find(kind->section()) != nullptr) return kind;
  }
  return nullptr;
}

}  // namespace predrill::harness
