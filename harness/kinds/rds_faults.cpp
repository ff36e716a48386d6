#include "harness/kinds/rds_faults.hpp"

#include <algorithm>
#include <array>

#include "models/wal.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::MemberId;
using models::RdsDeployment;
using sim::Duration;

namespace {

constexpr std::array<ArgumentForm, 1> fill_arguments = {
    {{"within", ArgumentType::duration, "until no space is left (default 10m)"}}};

constexpr std::array<FaultType, 8> rds_fault_types = {{
    {"failover",
     "a failover is called",
     "RebootDBInstance with ForceFailover, or FailoverDBCluster",
     {}},
    {"host_loss",
     "the host of the writer is lost",
     "silence on its sockets; the standby or a reader takes over, or the host is replaced",
     {}},
    {"engine_crash",
     "the engine of an instance crashes",
     "it restarts in place and redoes the WAL since the last checkpoint",
     {}},
    {"reboot",
     "the instance is rebooted",
     "RebootDBInstance without failover: the engine stops and starts",
     {}},
    {"standby_loss",
     "the standby of a Multi-AZ instance is lost",
     "commits wait until the mirror is given up, then nothing else can take over",
     {}},
    {"reader_loss",
     "the host of a reader or a read replica is lost",
     "reads meet silence until the endpoint leaves it out",
     {}},
    {"az_loss", "an Availability Zone is lost", "every instance in it, until the zone is back", {}},
    {"storage_fill", "something fills the volume",
     "a bulk load, or a replication slot that nobody reads: PANIC and storage-full, unless "
     "autoscaling or somebody is faster",
     fill_arguments},
}};

bool has_standby(const RdsSpec& spec) {
  return spec.config.deployment == RdsDeployment::multi_az_instance;
}
bool is_cluster(const RdsSpec& spec) {
  return spec.config.deployment == RdsDeployment::multi_az_cluster;
}

std::vector<std::string> readers_of(const RdsSpec& spec) {
  std::vector<std::string> names;
  const auto& members = spec.config.members;
  for (std::size_t i = 1; is_cluster(spec) && i < members.size(); ++i) {
    names.push_back(members[i].name);
  }
  for (const auto& one : spec.config.read_replicas) names.push_back(one.name);
  return names;
}

MemberId rds_member(models::RdsDatabase& database, const std::string& name) {
  return name == "writer" ? database.writer() : database.find(name);
}

sim::Task<> restore_zone_later(models::RdsDatabase& database, const std::size_t zone,
                               const Duration length) {
  co_await sim::sleep_for(length);
  database.restore_zone(zone);
}

sim::Task<> stop_filling_later(models::RdsDatabase& database, const Duration length) {
  co_await sim::sleep_for(length);
  database.fill_storage(0);
}

void call_failover(models::RdsDatabase& database, const std::string& name) {
  if (database.config().deployment != RdsDeployment::multi_az_cluster) {
    database.reboot_db_instance(true);
    return;
  }
  const bool any = name == database.config().identifier;
  database.failover_db_cluster(any ? std::string_view() : std::string_view(name));
}

void strike_zone(RdsWorld& world, const FaultSpec& fault, const std::string& name) {
  models::RdsDatabase& database = world.database();
  const auto& zones = world.spec().zones;
  const auto found = std::ranges::find(zones, name);
  const std::size_t zone = found == zones.end() ? database.instance(database.writer()).zone()
                                                : static_cast<std::size_t>(found - zones.begin());
  database.lose_zone(zone);
  if (fault.length) {
    world.sim().world().spawn(restore_zone_later(database, zone, *fault.length));
  }
}

void fill(RdsWorld& world, const FaultSpec& fault) {
  models::RdsDatabase& database = world.database();
  const auto* within = fault.argument<Duration>("within");
  const Duration length = within == nullptr ? Duration(10min) : *within;
  const std::uint64_t free = database.volume().free(world.sim().now());
  const auto seconds = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(length / 1s));
  database.fill_storage((free + seconds - 1) / seconds);
  if (fault.length) world.sim().world().spawn(stop_filling_later(database, *fault.length));
}

}  // namespace

std::span<const FaultType> rds_faults() {
  return rds_fault_types;
}

std::vector<std::string> rds_targets(const RdsSpec& spec, const FaultType& fault) {
  const bool fails_over = has_standby(spec) || is_cluster(spec);
  std::vector<std::string> names;
  if (fault.name == "failover") {
    if (fails_over) names.push_back(spec.config.identifier);
    if (is_cluster(spec)) {
      for (std::size_t i = 1; i < spec.config.members.size(); ++i) {
        names.push_back(spec.config.members[i].name);
      }
    }
  } else if (fault.name == "standby_loss") {
    if (has_standby(spec)) names.push_back(spec.config.members[1].name);
  } else if (fault.name == "reader_loss") {
    names = readers_of(spec);
  } else if (fault.name == "az_loss") {
    names.emplace_back("writer_zone");
    names.insert(names.end(), spec.zones.begin(), spec.zones.end());
  } else if (fault.name == "storage_fill" || fault.name == "reboot") {
    names.push_back(spec.config.identifier);
  } else {
    names.emplace_back("writer");
    names.push_back(spec.config.members.front().name);
    for (std::string& reader : readers_of(spec)) names.push_back(std::move(reader));
  }
  return names;
}

std::vector<FaultSpec> rds_usual_faults(const RdsSpec& spec) {
  std::vector<FaultSpec> all;
  for (const FaultType& type : rds_fault_types) {
    const std::vector<std::string> targets = rds_targets(spec, type);
    if (targets.empty()) continue;
    FaultSpec fault;
    fault.name = type.name;
    fault.at.delay = sim::Distribution::uniform(Duration(30s), Duration(40s));
    fault.targets = {targets.front()};
    if (type.name == "az_loss") fault.length = 30min;
    all.push_back(std::move(fault));
  }
  return all;
}

void strike_rds(RdsWorld& world, const FaultSpec& fault) {
  models::RdsDatabase& database = world.database();
  for (const std::string& name : fault.targets) {
    if (fault.name == "failover") {
      call_failover(database, name);
    } else if (fault.name == "az_loss") {
      strike_zone(world, fault, name);
    } else if (fault.name == "storage_fill") {
      fill(world, fault);
    } else if (fault.name == "reboot") {
      database.reboot_db_instance(false);
    } else if (fault.name == "engine_crash") {
      database.crash_engine(rds_member(database, name));
    } else {
      database.lose_host(rds_member(database, name));
    }
  }
}

}  // namespace predrill::harness
