#include "models/rds_config.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;

namespace {

constexpr std::size_t rds_read_replicas_max = 15;
constexpr std::uint64_t least_headroom_percent = 10;  // of MaxAllocatedStorage

}  // namespace

std::vector<std::string> validate(const RdsConfig& config) {
  std::vector<std::string> problems;
  for (const auto* list : {&config.members, &config.read_replicas}) {
    for (const RdsInstanceConfig& one : *list) {
      if (find_instance_class(one.instance_class) == nullptr) {
        problems.push_back(one.name + ": instance class " + one.instance_class + " is not known");
      }
    }
  }
  const auto& members = config.members;
  for (std::size_t i = 1; i < members.size(); ++i) {
    const bool same = std::any_of(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(i),
                                  [&](const auto& other) { return other.zone == members[i].zone; });
    if (same) {
      problems.push_back(members[i].name +
                         ": a Multi-AZ deployment keeps each copy in another "
                         "Availability Zone");
    }
  }
  if (config.read_replicas.size() > rds_read_replicas_max) {
    problems.push_back(std::to_string(config.read_replicas.size()) +
                       " read replicas: RDS for PostgreSQL takes 15");
  }
  const RdsVolumeConfig& storage = config.storage;
  const std::uint64_t least =
      storage.allocated_storage + storage.allocated_storage * least_headroom_percent / 100;
  if (storage.max_allocated_storage != 0 && storage.max_allocated_storage < least) {
    problems.emplace_back(
        "Invalid max storage size: MaxAllocatedStorage has to be at least 10 % more than "
        "AllocatedStorage");
  }
  if (storage.free_storage_space > storage.allocated_storage) {
    problems.emplace_back("FreeStorageSpace is more than AllocatedStorage");
  }
  return problems;
}

RdsTimings RdsTimings::defaults() {
  const RdsFailoverConfig failover = RdsFailoverConfig::defaults();
  RdsTimings t;
  t.detect = failover.detect;
  t.attach = failover.attach;
  t.zone_shown =
      Distribution::uniform(1min, 5min)
          .with_source(
              "assumption; user guide, USER_RebootInstance: the console may lag several minutes");
  t.cluster_failover = Distribution::uniform(15s, 35s).with_source(
      "user guide, multi-az-db-clusters-concepts: typically under 35 s; the lower end is assumed");
  t.dns_publish = failover.dns;
  t.writer_closes =
      Distribution::uniform(2s, 10s).with_source("assumption: as in a managed failover of Aurora");
  t.reboot = Distribution::uniform(15s, 60s).with_source("model: stop and start of an engine");
  t.engine_start = Distribution::uniform(3s, 10s).with_source("model: process start, no redo");
  t.replace_host = Distribution::uniform(240s, 600s)
                       .with_source(
                           "assumption: as long as Aurora needs for an instance, typically less "
                           "than 10 minutes");
  t.resync = Distribution::uniform(10min, 60min)
                 .with_source("model: depends on how much has changed on the other side");
  t.mirror_given_up = Distribution::uniform(5s, 15s).with_source(
      "model; AWS Database Blog, Amazon RDS Under the Hood: Multi-AZ, names the observer that "
      "decides and no figure");
  const std::string ebs = "model: a write to EBS, in the other zone with 1 to 2 ms of network";
  t.local_write = Distribution::lognormal_percentiles(0.5, 800us, 0.99, 5ms).with_source(ebs);
  t.remote_write = Distribution::lognormal_percentiles(0.5, 1800us, 0.99, 9ms).with_source(ebs);
  t.login = Distribution::lognormal_percentiles(0.5, 8ms, 0.99, 40ms)
                .with_source("model: TLS and SCRAM on an idle instance");
  t.replica_lag = Distribution::lognormal_percentiles(0.5, 12ms, 0.99, 500ms)
                      .with_source("operations log of 2025-10-09: 12 ms; the tail is assumed");
  t.apply_lag = Distribution::lognormal_percentiles(0.5, 50ms, 0.99, 5s)
                    .with_source("model: readers that keep up");
  t.storage_response =
      Distribution::uniform(5min, 20min)
          .with_source(
              "assumption: an alarm on FreeStorageSpace pages somebody who runs aws rds "
              "modify-db-instance --allocated-storage");
  t.storage_modify =
      Distribution::uniform(2min, 10min)
          .with_source("model: a change of an EBS volume takes effect within minutes");
  t.storage_optimization = Distribution::uniform(1h, 6h).with_source(
      "assumption; user guide: storage-optimization may take hours, the instance is operational");
  return t;
}

}  // namespace predrill::models
