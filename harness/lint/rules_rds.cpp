// Rules about RDS for PostgreSQL. Facts: Amazon RDS User Guide (Concepts.MultiAZSingleStandby,
// USER_PIOPS.Autoscaling, CHAP_Troubleshooting).
#include <array>
#include <memory>

#include "harness/kinds/rds_kind.hpp"
#include "harness/lint/lint.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using Hit = std::optional<LintHit>;

namespace {

template <class Change>
void change_rds(SystemSpec& system, Change how) {
  auto copy = std::make_shared<RdsSystem>(static_cast<const RdsSystem&>(*system.of_kind));
  how(copy->rds.config);
  system.of_kind = std::move(copy);
}

Hit one_copy(const SystemSpec& system) {
  if (rds_of(system).config.deployment != models::RdsDeployment::single_az) return std::nullopt;
  return LintHit{"rds.MultiAZ",
                 "MultiAZ false: nobody takes over, the host or its zone has to come back",
                 "MultiAZ: true"};
}
void second_copy(SystemSpec& system) {
  change_rds(system, [](models::RdsConfig& config) {
    models::RdsInstanceConfig standby = config.members.front();
    standby.name += "-standby";
    standby.zone = (standby.zone + 1) % models::RdsConfig::zones;
    config.members.push_back(std::move(standby));
    config.deployment = models::RdsDeployment::multi_az_instance;
  });
}

Hit fixed_storage(const SystemSpec& system) {
  const models::RdsVolumeConfig& storage = rds_of(system).config.storage;
  if (storage.max_allocated_storage != 0) return std::nullopt;
  const auto gib = storage.allocated_storage / models::gibibyte;
  return LintHit{"rds.MaxAllocatedStorage",
                 "no MaxAllocatedStorage: the volume stays at " + std::to_string(gib) +
                     " GiB, and once it is full the engine stops until somebody has made room",
                 "MaxAllocatedStorage: " + std::to_string(gib * 2)};
}
void scaling_storage(SystemSpec& system) {
  change_rds(system, [](models::RdsConfig& config) {
    config.storage.max_allocated_storage = config.storage.allocated_storage * 2;
  });
}
// Slow enough for autoscaling: it wants five minutes at a tenth and then some for the change.
void fill_slowly(ScenarioSpec& scenario) {
  scenario.faults.front().arguments["within"] = sim::Duration(3h);
  scenario.run_for = 5h;
}

constexpr std::array<LintRule, 2> rules_of_rds = {{
    {"rds/single-az", LintSeverity::warning, "No standby",
     "A Single-AZ instance is unavailable until its host is replaced (user guide).", "host_loss",
     &cost_rto, one_copy, second_copy},
    {"rds/no-storage-autoscaling", LintSeverity::warning, "No storage autoscaling",
     "A full volume is the status storage-full: the instance is not available until it has been "
     "given more (user guide).",
     "storage_fill", &cost_downtime, fixed_storage, scaling_storage, fill_slowly},
}};

}  // namespace

std::span<const LintRule> rds_rules() {
  return rules_of_rds;
}

}  // namespace predrill::harness
