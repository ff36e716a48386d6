// The kubelet of one node: PLEG, sync loop, node status and lease, probes, and the pods it starts,
// restarts and stops.
//
// Real thing and version: Kubernetes 1.32 (pkg/kubelet: kubelet.go, pleg/generic.go, prober,
//   nodestatus/setters.go, pod_workers.go, kuberuntime_container.go, nodeshutdown).
// Modelled: relist with its sliding period, the time of the last good list, inspection of changed
//   pods one after the other; the sync loop that skips its iterations while the runtime is in
//   error, so that pods neither start nor stop nor change their readiness; the Ready condition with
//   its reasons; the lease, which knows nothing of PLEG; readiness and liveness probes; preStop,
//   SIGTERM, SIGKILL; a restart of the kubelet (readiness is forgotten, containers live on), of the
//   node (containers start again in place), graceful node shutdown.
// Simplified (diverges from the real thing): a pod is one container; a shorter grace period that
//   arrives during a termination is not taken up; images are pulled when a pod first comes to a
//   node.
// Ignored: static pods, volumes, cgroups, evictions by the kubelet for lack of memory or disk,
//   startup probes other than by delaying the others.
// Calibrated from: KubeletConfig holds upstream's defaults; NodeTimings names its sources.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "models/containerd.hpp"
#include "models/kube_api.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

struct KubeletConfig {
  sim::Duration relist_period = std::chrono::seconds(1);       // genericPlegRelistPeriod
  sim::Duration relist_threshold = std::chrono::seconds(180);  // genericPlegRelistThreshold
  bool evented_pleg = false;                                   // EventedPLEG: 300 s and 600 s
  sim::Duration runtime_request_timeout = std::chrono::seconds(120);
  sim::Duration runtime_status_period = std::chrono::seconds(5);
  sim::Duration runtime_down = std::chrono::seconds(30);  // maxWaitForContainerRuntime
  sim::Duration node_status_update_frequency = std::chrono::seconds(10);
  sim::Duration node_status_report_frequency = std::chrono::minutes(5);
  sim::Duration node_lease_duration = std::chrono::seconds(40);  // renewed at a quarter of it
  sim::Duration sync_loop_limit = std::chrono::seconds(300);     // SyncLoopHealthCheck
  sim::Duration shutdown_grace_period{};                         // of all pods together; 0: off
  sim::Duration shutdown_grace_period_critical_pods{};           // part of it
  sim::Duration restart = std::chrono::seconds(5);               // RestartSec of its unit

  /// What the kubelet rejects, as sentences.
  std::vector<std::string> validate() const;
};

/// What configuration does not fix, with sources.
struct NodeTimings {
  NodeTimings();
  sim::Distribution stop_services;  // systemd stops its units before a reboot
  sim::Distribution firmware;       // power-on self-test
  sim::Distribution os_boot;        // until systemd starts the kubelet
  sim::Distribution kubelet_ready;  // kubelet's start until runtime and CNI are ready
};

/// What runs in a pod, as its kernel and its clients see it.
class PodProcess {
 public:
  enum class Answer : std::uint8_t { success, refused, silent };
  virtual ~PodProcess() = default;
  /// The containers run and listen, at a new address.
  virtual void start(PodId pod) = 0;
  /// SIGTERM: takes no more connections.
  virtual void terminate(PodId pod) = 0;
  /// Gone; the kernel of the pod lives on and refuses connections.
  virtual void kill(PodId pod) = 0;
  /// Gone with the whole machine: silence.
  virtual void power_off(PodId pod) = 0;
  /// After terminate(): whether its processes have ended; nullopt where the workload's "stop"
  /// says how long that takes.
  virtual std::optional<bool> ended(PodId /*pod*/) { return std::nullopt; }
  /// What a probe from the node meets.
  virtual Answer probe(PodId pod, ProbeConfig::Handler handler) = 0;
};

namespace kubelet_kinds {
inline constexpr sim::Kind started{"kubelet.started", "kubelet starts"};
inline constexpr sim::Kind pleg_unhealthy{"kubelet.pleg_unhealthy",
                                          "PLEG is not healthy: last seen active {0:d} ago"};
inline constexpr sim::Kind pleg_healthy{"kubelet.pleg_healthy", "PLEG is healthy again"};
inline constexpr sim::Kind healthz_failed{"kubelet.healthz_failed",
                                          "/healthz fails: no sync loop for {0:d}"};
inline constexpr sim::Kind killed{"kubelet.killed", "kubelet is gone"};
inline constexpr sim::Kind rebooting{"node.rebooting", "reboot begins"};
inline constexpr sim::Kind powered_off{"node.powered_off", "power off"};
inline constexpr sim::Kind sigterm{"pod.sigterm", "SIGTERM"};
inline constexpr sim::Kind container_ended{"pod.ended", "its processes have ended"};
}  // namespace kubelet_kinds

/// Told what a kubelet does, for checks.
class KubeletObserver {
 public:
  virtual void on_relist(NodeId /*node*/, sim::Time /*start*/, bool /*listed*/) {}
  virtual void on_pleg(NodeId /*node*/, bool /*healthy*/, sim::Time /*last_relist*/) {}
  virtual void on_lease(NodeId /*node*/) {}
  virtual void on_kubelet(NodeId /*node*/, bool /*alive*/) {}
  virtual void on_sigterm(PodId /*pod*/) {}
  virtual void on_sigkill(PodId /*pod*/, sim::Duration /*after_sigterm*/) {}

 protected:
  ~KubeletObserver() = default;
};

class Kubelet {
 public:
  Kubelet(sim::Host& host, KubeApi& api, NodeId node, PodProcess& processes, KubeletConfig config,
          NodeTimings timings, ContainerdConfig containerd = {});
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  /// A pod that has run here for long: how a run begins. Before start().
  void begin_running(PodId pod);
  /// Starts as if it had run for long (`settled`), or afresh.
  void start(bool settled);

  /// SIGKILL; `restarts`: systemd starts it again.
  void crash(bool restarts);
  /// No power: silence, until power_on().
  void power_off();
  void power_on();
  /// An orderly reboot, or one without any stop (`forced`: reboot -f, a stop of the instance).
  void reboot(bool forced);
  /// Containers of these pods hang when they are inspected.
  void strike(CriFault fault, std::vector<PodId> stuck = {});

  /// The processes of a pod have ended by themselves; it is restarted in place.
  void container_exited(PodId pod);

  bool alive() const { return alive_; }
  bool pleg_healthy() const;
  /// What keeps the sync loop from running; none if nothing does.
  NotReadyReason runtime_error() const;
  sim::Time last_relist() const { return last_relist_; }
  bool runs(PodId pod) const;
  sim::Host& host() const { return host_; }
  NodeId node() const { return node_; }
  Containerd& containerd() { return containerd_; }
  const KubeletConfig& config() const { return config_; }
  void observe(KubeletObserver& observer) { observer_ = &observer; }
  /// Something about a pod of this node has changed in the API.
  void wake() { work_.notify_all(); }

 private:
  struct Container {  // of the runtime: survives the kubelet
    bool running = false;
    std::uint32_t generation = 0;  // goes up at each change
  };
  struct Worker {  // memory of the kubelet
    bool starting = false;
    bool terminating = false;
    bool announced = false;  // running, and the API knows
    bool changed = false;    // PLEG has seen something new
    bool probing = false;
    std::uint32_t seen = 0;  // generation that PLEG knows
    std::int32_t failed_starts = 0;
    std::optional<bool> readiness;  // to be told to the API
  };

  sim::Task<> relist();
  sim::Task<> watch_runtime();
  sim::Task<> report_status();
  sim::Task<> renew_lease();
  sim::Task<> sync_loop();
  void sync_pods();
  void sync_pod(PodId pod);
  void announce(PodId pod, Worker& worker);
  sim::Task<> start_pod(const PodId pod);
  sim::Task<> stop_pod(const PodId pod, const sim::Duration grace, const bool remove);
  sim::Task<> stop_container(const PodId pod, const sim::Duration grace);
  sim::Task<> restart_container(const PodId pod);
  sim::Task<> probe_readiness(const PodId pod);
  sim::Task<> probe_liveness(const PodId pod);
  sim::Task<bool> probe_once(const PodId pod, const ProbeConfig probe);
  sim::Duration first_probe(PodId pod, const ProbeConfig& probe, bool settled);
  sim::Task<> systemd_restart();
  sim::Task<> do_reboot(const bool forced);
  sim::Task<> boot();
  sim::Task<> shut_down_pods();
  void forget();
  void end_containers(bool silently);
  void check_pleg();
  sim::Duration threshold() const;
  sim::Duration period() const;
  sim::Time now() const { return api_.simulation().now(); }
  void emit(const sim::Kind& kind, std::int64_t a = 0);
  void emit_pod(PodId pod, const sim::Kind& kind);

  sim::Host& host_;
  KubeApi& api_;
  NodeId node_;
  PodProcess& processes_;
  KubeletConfig config_;
  NodeTimings timings_;
  KubeletObserver* observer_ = nullptr;
  Containerd containerd_;
  std::map<PodId, Container> containers_;

  // Memory of the process.
  std::map<PodId, Worker> workers_;
  bool alive_ = false;
  bool booting_ = false;
  bool settled_ = false;  // ran long before this run
  bool shutting_down_ = false;
  bool pleg_was_healthy_ = true;
  sim::Time started_{};
  std::optional<sim::Time> last_listed_;
  sim::Time last_relist_{};
  std::optional<sim::Time> runtime_ok_;
  sim::Time last_loop_{};
  bool healthz_told_ = false;

  sim::Stream phases_, starts_, pulls_, stops_, boots_, lease_jitter_, status_jitter_;
  sim::Signal work_;
  sim::Group group_;
  sim::Group operator_;  // systemd and the machine; outlives the kubelet
};

}  // namespace predrill::models
