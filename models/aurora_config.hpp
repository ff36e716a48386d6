// Settings and measured delays of an Aurora cluster. Knows no process and no network.
//
// Delays are those of the user guides where they give one, of published client measurements, and
// of the rollout log of 2026-05-14 (four clusters of two instances, db.t3.medium and
// db.r7g.large). Each names its source.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/aurora_storage.hpp"
#include "models/rds_api.hpp"
#include "sim/distribution.hpp"
#include "sim/time.hpp"

namespace predrill::models {

struct AuroraInstanceConfig {
  std::string name;
  std::string instance_class = "db.r6g.large";
  std::size_t zone = 0;    // 0, 1, 2: also that of the storage segments beside it
  int promotion_tier = 1;  // 0 to 15
};

struct AuroraConfig {
  std::string cluster = "aurora";
  std::string engine_version = "16.4";
  std::vector<AuroraInstanceConfig> instances;  // the first one is the writer
  sim::Duration dns_ttl = std::chrono::seconds(5);
  sim::Duration reader_dns_ttl = std::chrono::seconds(1);
  /// apg_ccm_enabled: the tier-0 reader keeps the writer's pages.
  bool cluster_cache_management = false;
  /// The old writer's sockets go silent at a failover instead of being closed.
  bool fenced_silently = false;
};

/// What the API refuses, and what will not work as its author expects, as sentences.
std::vector<std::string> validate(const AuroraConfig& config);

/// Readers stay up while the writer restarts: 16, 15.2, 14.7, 13.10, 12.14 and later.
bool readers_survive_writer_restart(std::string_view engine_version);

struct AuroraTimings {
  AuroraStorageTimings storage = AuroraStorageTimings::defaults();
  // FailoverDBCluster, from the accepted call
  sim::Distribution failover_state;  // until Status is failing-over
  sim::Distribution writer_closes;   // until the old writer takes no more statements
  sim::Distribution writer_flips;    // until the new writer takes writes
  sim::Distribution settle;          // from the flip until Status is available
  sim::Distribution dns_publish;     // from the flip until the zone answers the new address
  // what happens without an operator
  sim::Distribution detect_host;        // host gone until the control plane acts
  sim::Distribution promote;            // decision until the new writer takes writes
  sim::Distribution engine_restart;     // crashed or demoted engine until it accepts connections
  sim::Distribution recreate_instance;  // no reader left: a new instance in the same AZ
  // RebootDBInstance
  sim::Distribution reader_reboot;
  sim::Distribution writer_reboot;
  // ModifyDBInstance with another class
  sim::Distribution class_swap_start;     // call until `modifying`
  sim::Distribution class_swap;           // `modifying` until the new class is shown
  sim::Distribution enhanced_monitoring;  // until `available`
  // others
  sim::Distribution parameters_live;  // group attached until dynamic values are in force
  sim::Distribution snapshot;         // create until available
  sim::Distribution insights_change;  // cluster stays configuring-enhanced-monitoring
  sim::Distribution replica_lag;
  sim::Distribution login;
  // cache after a promotion: miss rate m(t) = m_ss + (m_0 - m_ss) exp(-t / tau)
  double miss_rate_steady = 0.008;
  double miss_rate_cold = 0.12;
  sim::Duration cache_tau = std::chrono::seconds(150);
  double blocks_per_statement = 20;
  sim::Duration block_read = std::chrono::microseconds(700);

  static AuroraTimings defaults();
};

/// A member as the choice of a new writer sees it.
struct PromotionCandidate {
  std::size_t index = 0;
  int tier = 1;
  std::uint32_t size = 0;  // InstanceClass::size
  bool ready = false;
};
/// The ready member of the lowest tier, the largest class among those, the first of the rest;
/// candidates.size() if none is ready.
std::size_t choose_promotion_target(const std::vector<PromotionCandidate>& candidates);

}  // namespace predrill::models
