// A Deployment that is rolled out while its database and its secret may not be ready: init
// containers, environment variables that are read once, an ExternalSecret that arrives late.
//
// Real thing and version: Kubernetes 1.32 Deployment (RollingUpdate) and External Secrets Operator.
// Modelled: maxSurge and maxUnavailable with their rounding; init containers one after another,
// each
//   with a check that may fail; CrashLoopBackOff from 10 s doubling to 5 min; readiness; a
//   container reads its secret at its start and never again; an ExternalSecret that looks each
//   refreshInterval; rollout restart; progressDeadlineSeconds.
// Simplified (diverges from the real thing): pods start without scheduling or image pulls beyond
//   the configured time; a pod that stops is gone at once.
// Ignored: nodes, probes beyond readiness, pod disruption budgets.
// Calibrated from: controller defaults; start times are configured.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

namespace rollout {
inline constexpr sim::Kind pod_ready{"rollout.pod_ready", "a pod of revision {0} is ready"};
inline constexpr sim::Kind init_failed{"rollout.init_failed",
                                       "Init:CrashLoopBackOff, next try in {0:d}"};
inline constexpr sim::Kind complete{"rollout.complete", "successfully rolled out"};
inline constexpr sim::Kind stuck{"rollout.stuck", "exceeded its progress deadline"};
inline constexpr sim::Kind secret_synced{"rollout.secret_synced", "SecretSynced"};
}  // namespace rollout

struct InitContainer {
  std::string name;
  sim::Distribution takes;
  std::function<bool()> check;  // empty: always good
};

struct RolloutConfig {
  std::uint32_t replicas = 2;
  std::uint32_t max_surge_percent = 25;        // rounded up
  std::uint32_t max_unavailable_percent = 25;  // rounded down
  std::vector<InitContainer> init_containers;
  sim::Distribution pod_start;  // until the first init container runs
  sim::Distribution until_ready;
  sim::Duration progress_deadline = std::chrono::seconds(600);
};

/// ResolveFenceposts of the controller: surge rounds up, unavailable down, not both zero.
struct Fenceposts {
  std::uint32_t surge = 0;
  std::uint32_t unavailable = 0;
};
Fenceposts resolve_fenceposts(const RolloutConfig& config);

/// A secret in the cluster that follows one in a store.
class ExternalSecret {
 public:
  ExternalSecret(sim::Host& host, sim::Duration refresh_interval);
  ~ExternalSecret();
  void start();
  /// The store has the value from now on.
  void store_value() { stored_ = true; }
  bool ready() const { return ready_; }

 private:
  sim::Task<> run();
  sim::Duration refresh_interval_;
  sim::Group group_;
  bool stored_ = false;
  bool ready_ = false;
};

class RollingDeployment {
 public:
  RollingDeployment(sim::Host& host, RolloutConfig config, const ExternalSecret* secret = nullptr);
  ~RollingDeployment();

  /// As found: `replicas` ready pods of revision 0.
  void start();
  /// A new revision, also for rollout restart. Ends when complete or past its deadline.
  void roll_out();

  bool complete() const { return ready_of(revision_) == config_.replicas && old_pods() == 0; }
  bool stuck() const { return stuck_; }
  std::uint32_t ready() const;
  /// Ready pods whose environment has the secret.
  std::uint32_t with_secret() const;
  std::uint32_t least_ready() const { return least_ready_; }
  std::uint32_t init_failures() const { return init_failures_; }

 private:
  struct Pod {
    std::uint32_t revision = 0;
    bool ready = false;
    bool has_secret = false;
    sim::ProcessId process;
  };
  sim::Task<> controller(std::uint32_t revision);
  sim::Task<> run_pod(Pod* pod);
  std::uint32_t ready_of(std::uint32_t revision) const;
  std::uint32_t old_pods() const;
  void add_pod();
  bool remove_old(bool ready_ones);

  RolloutConfig config_;
  const ExternalSecret* secret_;
  sim::Group group_;
  sim::Stream delays_;
  std::vector<std::unique_ptr<Pod>> pods_;
  sim::Signal changed_;
  std::uint32_t revision_ = 0;
  std::uint32_t least_ready_ = 0;
  std::uint32_t init_failures_ = 0;
  bool stuck_ = false;
};

}  // namespace predrill::models
