#include "models/kubelet.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

// wait.JitterUntil with factor 0.04 (kubelet.go Run; component-helpers lease/controller.go).
Duration jittered(Duration period, sim::Stream& stream) {
  return period + stream.uniform(Duration{}, period / 25);
}

constexpr Duration version_cache = 1min;    // versionCacheTTL
constexpr Duration fast_status = 100ms;     // fastStatusUpdateOnce
constexpr Duration fast_status_end = 2min;  // nodeReadyGracePeriod

}  // namespace

std::vector<std::string> KubeletConfig::validate() const {
  std::vector<std::string> problems;
  const auto positive = [&](Duration value, const char* name) {
    if (value <= 0s) problems.push_back(std::string(name) + " must be greater than 0");
  };
  positive(relist_period, "relist_period");
  positive(relist_threshold, "relist_threshold");
  positive(runtime_request_timeout, "runtime_request_timeout");
  positive(node_status_update_frequency, "node_status_update_frequency");
  positive(node_lease_duration, "node_lease_duration");
  // pkg/kubelet/apis/config/validation: the critical part lies within the whole.
  if (shutdown_grace_period_critical_pods > shutdown_grace_period) {
    problems.emplace_back(
        "shutdown_grace_period_critical_pods must not exceed shutdown_grace_period");
  }
  return problems;
}

NodeTimings::NodeTimings()
    : stop_services(Distribution::uniform(Duration(2s), Duration(20s))
                        .with_source("assumption: systemd waits for each unit up to 90 s")),
      firmware(Distribution::uniform(Duration(6s), Duration(12s))
                   .with_source("log of 2025-09-14, section 10: 8 s; the spread is an assumption")),
      os_boot(Distribution::uniform(Duration(18s), Duration(30s))
                  .with_source("log of 2025-09-14, section 10: 22 s; the spread is an assumption")),
      kubelet_ready(Distribution::uniform(Duration(20s), Duration(40s))
                        .with_source("log of 2025-09-14: 24 s in section 2, 38 s in section 10")) {}

Kubelet::Kubelet(sim::Host& host, KubeApi& api, NodeId node, PodProcess& processes,
                 KubeletConfig config, NodeTimings timings, ContainerdConfig containerd)
    : host_(host),
      api_(api),
      node_(node),
      processes_(processes),
      config_(config),
      timings_(std::move(timings)),
      containerd_(host, containerd),
      phases_(host.stream("kubelet.phase")),
      starts_(host.stream("kubelet.start_pod")),
      pulls_(host.stream("kubelet.pull")),
      stops_(host.stream("kubelet.stop_pod")),
      boots_(host.stream("node.boot")),
      lease_jitter_(host.stream("kubelet.lease")),
      status_jitter_(host.stream("kubelet.status")),
      group_(host, "kubelet"),
      operator_(host.simulation().world().host(), "node") {}

void Kubelet::emit(const sim::Kind& kind, std::int64_t a) {
  api_.simulation().trace().emit(now(), api_.node(node_).entity, kind, a);
}

void Kubelet::emit_pod(PodId pod, const sim::Kind& kind) {
  api_.simulation().trace().emit(now(), api_.pod(pod).entity, kind);
}

Duration Kubelet::threshold() const {
  return config_.evented_pleg ? Duration(600s) : config_.relist_threshold;
}

Duration Kubelet::period() const {
  return config_.evented_pleg ? Duration(300s) : config_.relist_period;
}

// ---- life of the process ------------------------------------------------------------------------

void Kubelet::begin_running(PodId pod) {
  containers_[pod] = {true, 1};
  Worker& worker = workers_[pod];
  worker.announced = true;
  worker.seen = 1;
  processes_.start(pod);
  api_.set_running(pod, false);
  api_.set_containers_ready(pod, true);
}

void Kubelet::forget() {
  workers_.clear();
  last_listed_.reset();
  runtime_ok_.reset();
  shutting_down_ = false;
  pleg_was_healthy_ = true;
  healthz_told_ = false;
}

void Kubelet::start(bool settled) {
  started_ = last_loop_ = now();
  settled_ = settled;
  alive_ = true;
  if (settled) {
    last_listed_ = runtime_ok_ = last_relist_ = now();
  } else {
    forget();
    emit(kubelet_kinds::started);
  }
  if (observer_ != nullptr) observer_->on_kubelet(node_, true);
  group_.spawn(relist());
  group_.spawn(watch_runtime());
  group_.spawn(report_status());
  group_.spawn(renew_lease());
  group_.spawn(sync_loop());
  if (settled) return;
  // Containers that outlived the last kubelet: their readiness is unknown until a probe succeeds.
  for (const auto& [pod, container] : containers_) {
    const PodObject& object = api_.pod(pod);
    if (!container.running || object.gone || !api_.workload_of(pod).readiness) continue;
    api_.set_containers_ready(pod, false);
  }
}

void Kubelet::crash(bool restarts) {
  if (!alive_) return;
  alive_ = false;
  group_.kill();
  emit(kubelet_kinds::killed);
  if (observer_ != nullptr) observer_->on_kubelet(node_, false);
  if (restarts) operator_.spawn(systemd_restart());
}

Task<> Kubelet::systemd_restart() {
  co_await sim::sleep_for(config_.restart);
  if (host_.up()) start(false);
}

void Kubelet::end_containers(bool silently) {
  for (auto& [pod, container] : containers_) {
    if (!container.running) continue;
    container.running = false;
    ++container.generation;
    if (silently) {
      processes_.power_off(pod);
    } else {
      processes_.kill(pod);
    }
  }
}

void Kubelet::power_off() {
  operator_.kill();
  booting_ = false;
  if (!host_.up()) return;
  emit(kubelet_kinds::powered_off);
  alive_ = false;
  if (observer_ != nullptr) observer_->on_kubelet(node_, false);
  host_.crash();
  end_containers(true);
}

void Kubelet::power_on() {
  if (host_.up() || booting_) return;
  booting_ = true;
  operator_.spawn(boot());
}

Task<> Kubelet::boot() {
  Duration until_kubelet = timings_.os_boot.sample_duration(boots_);
  until_kubelet += timings_.firmware.sample_duration(boots_);
  co_await sim::sleep_for(until_kubelet);
  booting_ = false;
  host_.restart();
  containerd_.restart_process();
  start(false);
}

void Kubelet::reboot(bool forced) {
  if (!host_.up()) return;  // nobody there to take the command, or on its way up already
  operator_.kill();
  operator_.spawn(do_reboot(forced));
}

Task<> Kubelet::do_reboot(const bool forced) {
  emit(kubelet_kinds::rebooting);
  if (!forced && alive_) {
    if (config_.shutdown_grace_period > 0s) {
      co_await shut_down_pods();
    }
    const Duration stopping = timings_.stop_services.sample_duration(boots_);
    if (alive_) {
      alive_ = false;
      group_.kill();
      if (observer_ != nullptr) observer_->on_kubelet(node_, false);
    }
    end_containers(false);
    co_await sim::sleep_for(stopping);
  }
  alive_ = false;
  if (host_.up()) {
    emit(kubelet_kinds::powered_off);
    if (observer_ != nullptr) observer_->on_kubelet(node_, false);
    host_.crash();
    end_containers(true);
  }
  booting_ = true;
  for (auto& [pod, container] : containers_) processes_.power_off(pod);
  co_await boot();
}

// nodeshutdown: the node says NotReady, regular pods first, then critical ones; with a runtime that
// hangs each group takes its whole time.
Task<> Kubelet::shut_down_pods() {
  shutting_down_ = true;
  api_.heartbeat(node_);
  api_.set_node_ready(node_, ConditionStatus::is_false, NotReadyReason::shutting_down);
  const Duration critical = config_.shutdown_grace_period_critical_pods;
  const Duration regular = config_.shutdown_grace_period - critical;
  for (const bool is_critical : {false, true}) {
    const Duration limit = is_critical ? critical : regular;
    const Time end = now() + limit;
    const std::vector<PodId> pods = api_.pods_on(node_);
    for (const PodId pod : pods) {
      if (api_.workload_of(pod).critical != is_critical || workers_[pod].terminating) continue;
      const Duration grace = std::min(api_.workload_of(pod).termination_grace_period, limit);
      workers_[pod].terminating = true;
      group_.spawn(stop_pod(pod, grace, false));
    }
    const auto still_running = [&] {
      return std::any_of(pods.begin(), pods.end(), [&](PodId pod) {
        return runs(pod) && api_.workload_of(pod).critical == is_critical;
      });
    };
    while (now() < end && still_running()) {
      co_await sim::sleep_for(100ms);
    }
  }
}

void Kubelet::strike(CriFault fault, std::vector<PodId> stuck) {
  for (const PodId pod : stuck) ++containers_[pod].generation;  // something changed: inspect it
  containerd_.strike(fault, std::move(stuck));
}

void Kubelet::container_exited(PodId pod) {
  Container& container = containers_[pod];
  if (!container.running) return;
  container.running = false;
  ++container.generation;
  containerd_.note_exit();
}

bool Kubelet::runs(PodId pod) const {
  const auto found = containers_.find(pod);
  return found != containers_.end() && found->second.running;
}

// ---- PLEG, runtime, status, lease ---------------------------------------------------------------

bool Kubelet::pleg_healthy() const {
  return last_listed_ && now() - *last_listed_ <= threshold();
}

NotReadyReason Kubelet::runtime_error() const {
  if (shutting_down_) return NotReadyReason::shutting_down;
  if (!runtime_ok_) return NotReadyReason::kubelet_starting;
  if (now() - *runtime_ok_ > config_.runtime_down) return NotReadyReason::container_runtime_down;
  if (!pleg_healthy()) return NotReadyReason::pleg_not_healthy;
  return NotReadyReason::none;
}

void Kubelet::check_pleg() {
  const bool healthy = pleg_healthy();
  if (healthy == pleg_was_healthy_ || !last_listed_) return;
  pleg_was_healthy_ = healthy;
  if (healthy) {
    emit(kubelet_kinds::pleg_healthy);
  } else {
    emit(kubelet_kinds::pleg_unhealthy, (now() - *last_listed_).count());
  }
  if (observer_ != nullptr) observer_->on_pleg(node_, healthy, *last_listed_);
}

Task<> Kubelet::relist() {
  if (settled_) {
    const Duration phase = phases_.uniform(Duration{}, config_.relist_period);
    co_await sim::sleep_for(phase);
  }
  for (;;) {
    const Time start = now();
    const bool listed = co_await containerd_.list(config_.runtime_request_timeout);
    if (observer_ != nullptr) observer_->on_relist(node_, start, listed);
    if (listed) {
      last_listed_ = last_relist_ = start;
      check_pleg();
      bool events = false;
      // Inspected one after the other; events come out when all have been.
      for (auto& [pod, container] : containers_) {
        if (container.generation == workers_[pod].seen) continue;
        const std::uint32_t generation = container.generation;
        const bool inspected = co_await containerd_.inspect(pod, config_.runtime_request_timeout);
        if (!inspected) continue;
        workers_[pod].seen = generation;
        workers_[pod].changed = true;
        events = true;
      }
      if (events) work_.notify_all();
    }
    co_await sim::sleep_for(period());
  }
}

Task<> Kubelet::watch_runtime() {
  if (!settled_) {
    const Duration until_ready = timings_.kubelet_ready.sample_duration(boots_);
    const bool after_boot =
        containers_.empty() || !std::any_of(containers_.begin(), containers_.end(),
                                            [](auto& c) { return c.second.running; });
    // The CNI plugin's configuration is there unless the machine has just booted.
    if (after_boot) {
      co_await sim::sleep_for(until_ready);
    }
  }
  for (;;) {
    const bool answered = co_await containerd_.status(config_.runtime_request_timeout);
    if (answered) runtime_ok_ = now();
    co_await sim::sleep_for(config_.runtime_status_period);
  }
}

Task<> Kubelet::report_status() {
  if (settled_) {
    const Duration phase = phases_.uniform(Duration{}, config_.node_status_update_frequency);
    co_await sim::sleep_for(phase);
  }
  Time version_known = now();
  Time posted = now();
  for (;;) {
    if (now() - version_known > version_cache) {
      // VersionInfo: the setter waits for the runtime.
      const bool answered = co_await containerd_.status(config_.runtime_request_timeout);
      if (answered) version_known = now();
    }
    const NotReadyReason error = runtime_error();
    const ConditionStatus ready =
        error == NotReadyReason::none ? ConditionStatus::is_true : ConditionStatus::is_false;
    const NodeObject& node = api_.node(node_);
    const bool changed = node.ready != ready || node.reason != error;
    if (changed || now() - posted >= config_.node_status_report_frequency) {
      posted = now();
      api_.heartbeat(node_);
      api_.set_node_ready(node_, ready, error);
    }
    const bool fast = !settled_ && error == NotReadyReason::kubelet_starting &&
                      now() - started_ < fast_status_end;
    const Duration pause = fast ? Duration(fast_status)
                                : jittered(config_.node_status_update_frequency, status_jitter_);
    co_await sim::sleep_for(pause);
  }
}

Task<> Kubelet::renew_lease() {
  const Duration interval = config_.node_lease_duration / 4;
  if (settled_) {
    const Duration phase = phases_.uniform(Duration{}, interval);
    co_await sim::sleep_for(phase);
  }
  for (;;) {
    api_.renew_lease(node_);
    if (observer_ != nullptr) observer_->on_lease(node_);
    const Duration pause = jittered(interval, lease_jitter_);
    co_await sim::sleep_for(pause);
  }
}

}  // namespace predrill::models
