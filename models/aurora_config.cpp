#include "models/aurora_config.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;

namespace {

constexpr int tier_max = 15;
constexpr std::size_t replicas_max = 15;

/// "15.2" as {15, 2}.
std::pair<int, int> version_of(std::string_view text) {
  std::pair<int, int> version{0, 0};
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.first);
  if (major.ptr != end && *major.ptr == '.') std::from_chars(major.ptr + 1, end, version.second);
  return version;
}

}  // namespace

std::vector<std::string> validate(const AuroraConfig& config) {
  std::vector<std::string> problems;
  if (config.instances.empty()) problems.emplace_back("a cluster needs an instance");
  if (config.instances.size() > replicas_max + 1) {
    problems.push_back(std::to_string(config.instances.size()) +
                       " instances: a cluster has one writer and at most 15 readers");
  }
  for (const AuroraInstanceConfig& one : config.instances) {
    if (find_instance_class(one.instance_class) == nullptr) {
      problems.push_back(one.name + ": instance class " + one.instance_class + " is not known");
    }
    if (one.promotion_tier < 0 || one.promotion_tier > tier_max) {
      problems.push_back(one.name + ": PromotionTier " + std::to_string(one.promotion_tier) +
                         " is not within 0 to 15");
    }
    if (one.zone >= AuroraStorage::zones) {
      problems.push_back(one.name + ": an Aurora volume lies in three Availability Zones");
    }
  }
  if (config.cluster_cache_management) {
    bool pair = false;
    for (std::size_t i = 1; i < config.instances.size(); ++i) {
      const AuroraInstanceConfig& one = config.instances[i];
      pair = pair || (one.promotion_tier == 0 && config.instances[0].promotion_tier == 0 &&
                      one.instance_class == config.instances[0].instance_class);
    }
    if (!pair) {
      problems.emplace_back(
          "apg_ccm_enabled needs the writer and one reader in promotion tier 0 with the same "
          "instance class");
    }
  }
  return problems;
}

bool readers_survive_writer_restart(std::string_view engine_version) {
  static constexpr std::array<std::pair<int, int>, 4> first = {
      {{12, 14}, {13, 10}, {14, 7}, {15, 2}}};
  const auto [major, minor] = version_of(engine_version);
  for (const auto& [of_major, of_minor] : first) {
    if (major == of_major) return minor >= of_minor;
  }
  return major > first.back().first;
}

AuroraTimings AuroraTimings::defaults() {
  const std::string log = "rollout log of 2026-05-14, ";
  AuroraTimings t;
  t.failover_state = Distribution::uniform(3s, 13s).with_source(
      log + "failing-over seen 3 to 14 s after the accepted call (stage, prod)");
  t.writer_closes = Distribution::uniform(2s, 10s).with_source(
      "model: chosen so that the outage agrees with five failovers measured by a client "
      "(zatoima.github.io: 13, 11, 16, 10, 12 s)");
  t.writer_flips = Distribution::uniform(14s, 25s).with_source(
      log + "writer changed in (14,26] s (stage), (13,24] s (prod), within 31 s (dev)");
  t.settle = Distribution::mixture(
                 {{2, Distribution::uniform(9s, 13s)}, {1, Distribution::uniform(230s, 250s)}})
                 .with_source(log +
                              "available 12 s (stage), 11 s (prod), 242 s (dev) after the "
                              "writer had changed");
  t.dns_publish = Distribution::uniform(0s, 5s).with_source(
      "model; AWS JDBC wrapper guide: record updated 15 to 20 s after the failover begins");
  t.detect_host = Distribution::uniform(5s, 15s).with_source("model: no published figure");
  t.promote = Distribution::uniform(8s, 20s).with_source(
      "model; user guide: service typically restored in less than 60 s, often less than 30 s");
  t.engine_restart = Distribution::uniform(3s, 15s).with_source(
      "SIGMOD 2017 section 4.3: volume recovery generally under 10 s; process start on top");
  t.recreate_instance =
      Distribution::uniform(240s, 600s)
          .with_source("user guide: without a replica typically less than 10 minutes");
  t.reader_reboot = Distribution::uniform(33s, 60s).with_source(
      log + "63 s with a 30 s waiter (dev), 64 and 65 s with CloudFormation's");
  t.writer_reboot = Distribution::uniform(96s, 120s).with_source(
      log + "126 and 127 s with CloudFormation's polling (dev, stage, demo)");
  t.class_swap_start =
      Distribution::uniform(19s, 90s).with_source(log + "19 and 90 s (prod, two instances)");
  t.class_swap =
      Distribution::uniform(289s, 369s).with_source(log + "289 and 369 s (prod, two instances)");
  t.enhanced_monitoring =
      Distribution::uniform(62s, 66s).with_source(log + "63 and 64 s (prod, two instances)");
  t.parameters_live = Distribution::uniform(20s, 90s).with_source(
      "runbook of 2026-05-14: wait 90 s; live whenever it was checked, minutes later");
  t.snapshot = Distribution::uniform(183s, 338s)
                   .with_source(log + "213 to 338 s with a 30 s waiter, small volumes");
  t.insights_change =
      Distribution::uniform(112s, 180s)
          .with_source(log + "still configuring-enhanced-monitoring 112 s after the call (prod)");
  t.replica_lag = Distribution::lognormal_percentiles(0.5, 10ms, 0.99, 100ms)
                      .with_source(
                          "SIGMOD 2017 section 4.2.4: 20 ms or less; user guide: usually much less "
                          "than 100 ms");
  t.login = Distribution::lognormal_percentiles(0.5, 8ms, 0.99, 40ms)
                .with_source("model: TLS and SCRAM on an idle instance");
  return t;
}

std::size_t choose_promotion_target(const std::vector<PromotionCandidate>& candidates) {
  std::size_t best = candidates.size();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const PromotionCandidate& one = candidates[i];
    if (!one.ready) continue;
    if (best == candidates.size()) {
      best = i;
      continue;
    }
    const PromotionCandidate& other = candidates[best];
    if (one.tier < other.tier || (one.tier == other.tier && one.size > other.size)) best = i;
  }
  return best;
}

}  // namespace predrill::models
