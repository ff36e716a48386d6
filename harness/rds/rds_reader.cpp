#include <algorithm>
#include <array>

#include "harness/load/read_distribution.hpp"
#include "harness/rds/rds_spec.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::RdsDeployment;

namespace {

constexpr std::int64_t storage_gib_max = 65536;
constexpr std::uint64_t seconds_per_hour = 3600;
constexpr std::size_t cluster_members = 3;

struct RdsTiming {
  std::string_view name;
  sim::Distribution models::RdsTimings::*member;
};

constexpr std::array<RdsTiming, 16> rds_timing_names = {{
    {"detect", &models::RdsTimings::detect},
    {"attach", &models::RdsTimings::attach},
    {"zone_shown", &models::RdsTimings::zone_shown},
    {"cluster_failover", &models::RdsTimings::cluster_failover},
    {"dns_publish", &models::RdsTimings::dns_publish},
    {"writer_closes", &models::RdsTimings::writer_closes},
    {"reboot", &models::RdsTimings::reboot},
    {"engine_start", &models::RdsTimings::engine_start},
    {"replace_host", &models::RdsTimings::replace_host},
    {"resync", &models::RdsTimings::resync},
    {"mirror_given_up", &models::RdsTimings::mirror_given_up},
    {"replica_lag", &models::RdsTimings::replica_lag},
    {"apply_lag", &models::RdsTimings::apply_lag},
    {"storage_response", &models::RdsTimings::storage_response},
    {"storage_modify", &models::RdsTimings::storage_modify},
    {"storage_optimization", &models::RdsTimings::storage_optimization},
}};

// Parameters of a group that RDS knows and no run depends on.
constexpr std::array<std::string_view, 18> rds_parameters = {"autovacuum",
                                                             "effective_cache_size",
                                                             "hot_standby_feedback",
                                                             "log_lock_waits",
                                                             "log_min_duration_statement",
                                                             "log_statement",
                                                             "maintenance_work_mem",
                                                             "max_replication_slots",
                                                             "max_slot_wal_keep_size",
                                                             "max_wal_senders",
                                                             "max_wal_size",
                                                             "rds.force_ssl",
                                                             "rds.logical_replication",
                                                             "shared_buffers",
                                                             "shared_preload_libraries",
                                                             "synchronous_commit",
                                                             "wal_keep_size",
                                                             "work_mem"};

class RdsReader {
 public:
  RdsReader(const Value& section, RdsSpec& spec)
      : section_(section), reader_(section), spec_(spec), config_(spec.config) {}

  void read() {
    read_deployment();
    for (const Value& item : reader_.optional("read_replicas").items()) {
      config_.read_replicas.push_back(read_instance(item));
    }
    read_storage();
    read_parameters(reader_.optional("parameters"));
    assign(config_.engine_version, reader_.optional("EngineVersion").text());
    read_rate(reader_.optional("wal_per_hour"), config_.wal_bytes_per_second);
    assign(config_.dns_ttl, reader_.optional("dns_ttl").duration(0s, 1h));
    const Value timings = reader_.optional("timings");
    if (timings.exists()) {
      Reader settings(timings);
      for (const RdsTiming& one : rds_timing_names) {
        read_into(spec_.timings.*one.member, settings.optional(one.name));
      }
    }
    for (const std::string& problem : models::validate(config_)) section_.error(problem);
  }

 private:
  void read_deployment() {
    if (reader_.has("DBClusterIdentifier")) {
      read_cluster();
      return;
    }
    assign(config_.identifier, reader_.required("DBInstanceIdentifier").text());
    models::RdsInstanceConfig primary;
    primary.name = config_.identifier;
    read_class(reader_.required("DBInstanceClass"), primary);
    primary.zone = zone(reader_.optional("AvailabilityZone"), "AZ-a");
    bool multi_az = false;
    assign(multi_az, reader_.optional("MultiAZ").boolean());
    const Value secondary = reader_.optional("SecondaryAvailabilityZone");
    config_.members.push_back(primary);
    if (multi_az) {
      config_.deployment = RdsDeployment::multi_az_instance;
      primary.name += "-standby";
      primary.zone = zone(secondary, spec_.zones.front() == "AZ-b" ? "AZ-a" : "AZ-b");
      config_.members.push_back(primary);
    } else if (secondary.exists()) {
      secondary.warning("not used: an instance without MultiAZ has no standby");
    }
  }

  void read_cluster() {
    config_.deployment = RdsDeployment::multi_az_cluster;
    assign(config_.identifier, reader_.required("DBClusterIdentifier").text());
    models::RdsInstanceConfig one;
    read_class(reader_.required("DBClusterInstanceClass"), one);
    const Value members = reader_.required("DBClusterMembers");
    const std::vector<Value> items = members.items();
    if (members.exists() && items.size() != cluster_members) {
      members.error(std::to_string(items.size()) +
                        " members: a Multi-AZ DB cluster has a writer and two readers",
                    "three, the writer first");
    }
    for (const Value& item : items) {
      Reader member(item);
      assign(one.name, member.required("DBInstanceIdentifier").text());
      const std::string other = "AZ-" + std::string(1, "abc"[config_.members.size() % 3]);
      one.zone = zone(member.optional("AvailabilityZone"), other);
      config_.members.push_back(one);
    }
  }

  models::RdsInstanceConfig read_instance(const Value& item) {
    Reader reader(item);
    models::RdsInstanceConfig one;
    assign(one.name, reader.required("DBInstanceIdentifier").text());
    if (!config_.members.empty()) one.instance_class = config_.members.front().instance_class;
    read_class(reader.optional("DBInstanceClass"), one);
    one.zone = zone(reader.optional("AvailabilityZone"), "AZ-c");
    return one;
  }

  void read_storage() {
    models::RdsVolumeConfig& storage = config_.storage;
    const auto gib = [](const Value& value, std::uint64_t& to) {
      const auto read = value.integer(5, storage_gib_max);
      if (read) to = static_cast<std::uint64_t>(*read) * models::gibibyte;
    };
    gib(reader_.optional("AllocatedStorage"), storage.allocated_storage);
    gib(reader_.optional("MaxAllocatedStorage"), storage.max_allocated_storage);
    // As the API has it: the bound that is reached already turns autoscaling off.
    if (storage.max_allocated_storage == storage.allocated_storage) {
      storage.max_allocated_storage = 0;
    }
    storage.free_storage_space = storage.allocated_storage / 2;
    assign(storage.free_storage_space, reader_.optional("FreeStorageSpace").bytes());
    read_rate(reader_.optional("growth_per_hour"), storage.growth_bytes_per_second);
  }

  // The names of a DB parameter group, without units as there.
  void read_parameters(const Value& section) {
    if (!section.exists()) return;
    Reader group(section, {"RDS for PostgreSQL", rds_parameters});
    assign(config_.max_connections, group.optional("max_connections").quoted_integer(1, 8388607));
    read_seconds(group.optional("checkpoint_timeout"), 30, 86400, config_.checkpoint_timeout);
    read_seconds(group.optional("flow_control.target_standby_apply_lag"), 0, 86400,
                 config_.target_standby_apply_lag);
  }

  static void read_seconds(const Value& value, std::int64_t min, std::int64_t max,
                           sim::Duration& to) {
    const auto seconds = value.quoted_integer(min, max);
    if (seconds) to = std::chrono::seconds(*seconds);
  }
  static void read_rate(const Value& value, std::uint64_t& bytes_per_second) {
    const auto bytes = value.bytes();
    if (bytes) bytes_per_second = *bytes / seconds_per_hour;
  }
  static void read_class(const Value& value, models::RdsInstanceConfig& one) {
    const auto names = models::instance_class_names();
    const auto index = value.choice_index("an instance class of the table", names);
    if (index) one.instance_class = names[*index];
  }

  // Zones are numbered in the order in which they are named.
  std::size_t zone(const Value& value, const std::string& otherwise) {
    const std::string name = value.text().value_or(otherwise);
    const auto found = std::ranges::find(spec_.zones, name);
    if (found != spec_.zones.end()) return static_cast<std::size_t>(found - spec_.zones.begin());
    if (spec_.zones.size() == models::RdsConfig::zones) {
      value.error(in_quotes(name) + " is one Availability Zone too many",
                  "a simulated region has six");
      return 0;
    }
    spec_.zones.push_back(name);
    return spec_.zones.size() - 1;
  }

  const Value& section_;
  Reader reader_;
  RdsSpec& spec_;
  models::RdsConfig& config_;
};

}  // namespace

void read_rds(const Value& section, RdsSpec& spec) {
  if (!section.exists()) return;
  RdsReader(section, spec).read();
}

}  // namespace predrill::harness
