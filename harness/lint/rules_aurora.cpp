// Rules about Aurora clusters. Facts: Amazon Aurora User Guide (Concepts.AuroraHighAvailability).
#include <algorithm>
#include <array>
#include <memory>

#include "harness/aurora/aurora_world.hpp"
#include "harness/kinds/aurora_kind.hpp"
#include "harness/lint/lint.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using Hit = std::optional<LintHit>;

namespace {

template <class Change>
void change(SystemSpec& system, Change how) {
  auto copy = std::make_shared<AuroraSystem>(static_cast<const AuroraSystem&>(*system.of_kind));
  how(copy->aurora);
  system.of_kind = std::move(copy);
}

// The path that shows it; everything else as in a rehearsal.
void judge_reads(ScenarioSpec& scenario) {
  scenario.path = AuroraWorld::paths.reader;
}

Hit no_reader(const SystemSpec& system) {
  if (aurora_of(system).config.instances.size() > 1) return std::nullopt;
  return LintHit{"aurora.instances",
                 "one instance: nobody can be promoted, a new instance has to be made",
                 "a reader in another zone"};
}
void add_reader(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) {
    models::AuroraInstanceConfig reader = spec.config.instances.front();
    reader.name += "-reader";
    reader.zone = (reader.zone + 1) % models::AuroraStorage::zones;
    spec.config.instances.push_back(std::move(reader));
  });
}

Hit one_zone(const SystemSpec& system) {
  const auto& instances = aurora_of(system).config.instances;
  const bool spread = std::ranges::any_of(
      instances, [&](const auto& one) { return one.zone != instances.front().zone; });
  if (spread || instances.size() < 2) return std::nullopt;
  return LintHit{"aurora.instances",
                 "every instance is in one Availability Zone: with it the whole cluster is down, "
                 "though its volume lives on in the two others",
                 "instances in other zones"};
}
void spread_zones(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) {
    std::size_t zone = spec.config.instances.front().zone;
    for (auto& one : spec.config.instances) one.zone = zone++ % models::AuroraStorage::zones;
  });
}

Hit readers_restart(const SystemSpec& system) {
  const models::AuroraConfig& config = aurora_of(system).config;
  if (config.instances.size() < 2) return std::nullopt;
  if (models::readers_survive_writer_restart(config.engine_version)) return std::nullopt;
  return LintHit{"aurora.engine_version",
                 "engine_version " + config.engine_version +
                     ": when the writer restarts every reader restarts too",
                 "engine_version 14.7, 15.2 or later"};
}
void keep_readers(SystemSpec& system) {
  change(system, [](AuroraSpec& spec) { spec.config.engine_version = "16.4"; });
}

constexpr auto note = LintSeverity::note;
constexpr auto warning = LintSeverity::warning;

constexpr std::array<LintRule, 3> rules = {{
    {"aurora/no-reader", warning, "No reader to promote",
     "Without a replica the instance is made anew, typically in less than 10 minutes (user guide).",
     "host_loss", &cost_rto, no_reader, add_reader},
    {"aurora/one-zone", warning, "Every instance in one Availability Zone",
     "After an AZ outage an operator has to make an instance elsewhere (user guide).", "az_loss",
     &cost_rto, one_zone, spread_zones},
    {"aurora/readers-restart", note, "Readers restart with the writer",
     "Before 12.14, 13.10, 14.7, 15.2 a reboot of the writer reboots every reader (user guide).",
     "reboot", &cost_rto, readers_restart, keep_readers, judge_reads},
}};

}  // namespace

std::span<const LintRule> aurora_rules() {
  return rules;
}

}  // namespace predrill::harness
