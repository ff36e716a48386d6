#include "harness/kinds/aurora_faults.hpp"

#include <array>

namespace predrill::harness {

using namespace std::chrono_literals;
using models::MemberId;
using sim::Duration;

namespace {

constexpr std::array<FaultType, 6> faults = {{
    {"failover", "a managed failover is called", "FailoverDBCluster: a reader becomes the writer"},
    {"engine_crash", "the engine of an instance crashes",
     "it restarts in place; nobody is promoted, as with aurora_inject_crash"},
    {"host_loss", "the host of the writer is lost",
     "silence on its sockets; a reader is promoted, or a new instance made where there is none"},
    {"reader_loss", "the host of a reader is lost",
     "the reader endpoint leaves it out once that is noticed"},
    {"az_loss", "an Availability Zone is lost",
     "two of six storage segments and the instances there, which come back with the zone"},
    {"reboot", "an instance is rebooted",
     "RebootDBInstance: in place, without a failover, readers stay up on recent versions"},
}};

constexpr std::string_view zone_prefix = "zone-";

MemberId first_reader(models::AuroraCluster& cluster) {
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const auto member = static_cast<MemberId>(i);
    if (member != cluster.writer() && cluster.instance(member).running()) return member;
  }
  return models::nobody;
}

MemberId member_named(models::AuroraCluster& cluster, const std::string& name) {
  if (name == "writer") return cluster.writer();
  if (name == "reader") return first_reader(cluster);
  return cluster.find(name);
}

std::size_t zone_named(models::AuroraCluster& cluster, const std::string& name) {
  if (name.starts_with(zone_prefix)) return static_cast<std::size_t>(name.back() - '0');
  const MemberId writer = cluster.writer();
  return writer == models::nobody ? 0 : cluster.instance(writer).config().zone;
}

sim::Task<> restore_later(models::AuroraCluster& cluster, const std::size_t zone,
                          const Duration length) {
  co_await sim::sleep_for(length);
  cluster.restore_zone(zone);
}

void strike_one(AuroraWorld& world, const FaultSpec& fault, const std::string& name) {
  models::AuroraCluster& cluster = world.cluster();
  if (fault.name == "failover") {
    cluster.failover_db_cluster(name == "cluster" ? std::string_view() : std::string_view(name));
    return;
  }
  if (fault.name == "az_loss") {
    const std::size_t zone = zone_named(cluster, name);
    cluster.lose_zone(zone);
    if (fault.length) world.sim().world().spawn(restore_later(cluster, zone, *fault.length));
    return;
  }
  const MemberId member = member_named(cluster, name);
  if (member == models::nobody) return;
  if (fault.name == "reboot") {
    cluster.reboot_db_instance(cluster.instance(member).name());
  } else if (!cluster.instance(member).running()) {
    return;  // what is down already cannot be lost
  } else if (fault.name == "engine_crash") {
    cluster.crash_engine(member);
  } else {
    cluster.lose_host(member);
  }
}

}  // namespace

std::span<const FaultType> aurora_faults() {
  return faults;
}

std::vector<std::string> aurora_targets(const AuroraSpec& spec, const FaultType& fault) {
  std::vector<std::string> names;
  const auto& instances = spec.config.instances;
  if (fault.name == "az_loss") {
    names = {"writer_zone"};
    for (std::size_t zone = 0; zone < models::AuroraStorage::zones; ++zone) {
      names.push_back(std::string(zone_prefix) + std::to_string(zone));
    }
    return names;
  }
  if (fault.name == "failover") {
    names = {"cluster"};
  } else if (fault.name == "reader_loss") {
    names = {"reader"};
  } else {
    names = {"writer", "reader"};
  }
  for (const models::AuroraInstanceConfig& one : instances) names.push_back(one.name);
  return names;
}

std::vector<FaultSpec> aurora_usual_faults(const AuroraSpec& spec) {
  std::vector<FaultSpec> all;
  for (const FaultType& type : faults) {
    const bool needs_reader = type.name == "failover" || type.name == "reader_loss";
    if (needs_reader && spec.config.instances.size() < 2) continue;
    FaultSpec fault;
    fault.name = type.name;
    fault.at.delay = sim::Distribution::uniform(Duration(30s), Duration(40s));
    fault.targets = {aurora_targets(spec, type).front()};
    if (type.name == "az_loss") fault.length = 30min;
    all.push_back(std::move(fault));
  }
  return all;
}

void strike_aurora(AuroraWorld& world, const FaultSpec& fault) {
  for (const std::string& name : fault.targets) strike_one(world, fault, name);
}

}  // namespace predrill::harness
