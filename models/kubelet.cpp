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

constexpr Duration sync_period = 1s;        // syncLoop's sync ticker
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
      config_(std::move(config)),
      timings_(std::move(timings)),
      containerd_(host, std::move(containerd)),
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

// ---- sync loop ----------------------------------------------------------------------------------

Task<> Kubelet::sync_loop() {
  Duration back_off = 100ms;
  for (;;) {
    check_pleg();
    if (runtime_error() != NotReadyReason::none) {
      if (now() - last_loop_ > config_.sync_loop_limit && !healthz_told_) {
        healthz_told_ = true;
        emit(kubelet_kinds::healthz_failed, (now() - last_loop_).count());
      }
      co_await sim::sleep_for(back_off);
      back_off = std::min(2 * back_off, Duration(5s));
      continue;
    }
    back_off = 100ms;
    last_loop_ = now();
    healthz_told_ = false;
    sync_pods();
    co_await work_.wait_for(sync_period);
  }
}

void Kubelet::sync_pods() {
  const std::vector<PodId> pods = api_.pods_on(node_);
  for (const PodId pod : pods) sync_pod(pod);
  // Removed from the API by force: the kubelet cleans up with the shortest grace period.
  for (auto& [pod, container] : containers_) {
    Worker& worker = workers_[pod];
    if (!api_.pod(pod).gone || !container.running || worker.terminating) continue;
    worker.terminating = true;
    group_.spawn(stop_pod(pod, 1s, true));
  }
}

void Kubelet::sync_pod(PodId pod) {
  const PodObject& object = api_.pod(pod);
  Worker& worker = workers_[pod];
  if (object.failed) return;
  if (object.deleted) {
    if (worker.terminating) return;
    worker.terminating = true;
    group_.spawn(stop_pod(pod, object.grace, true));
    return;
  }
  if (worker.terminating) return;
  if (!runs(pod)) {
    if (worker.starting) return;
    worker.starting = true;
    if (object.running) api_.set_stopped(pod);
    group_.spawn(start_pod(pod));
    return;
  }
  const bool found_running = !worker.announced && worker.seen == containers_[pod].generation;
  if (worker.changed || found_running) announce(pod, worker);
  if (!worker.probing && worker.announced) {
    worker.probing = true;
    const PodWorkloadConfig& config = api_.workload_of(pod);
    if (config.readiness) group_.spawn(probe_readiness(pod));
    if (config.liveness) group_.spawn(probe_liveness(pod));
  }
  const bool always_ready = worker.announced && !api_.workload_of(pod).readiness;
  if (always_ready && !object.ready && object.gate) worker.readiness = true;
  if (worker.readiness) {
    const bool ready = *worker.readiness;
    worker.readiness.reset();
    if (ready != object.containers_ready || ready != object.ready) {
      api_.set_containers_ready(pod, ready);
    }
  }
}

// PLEG has seen the containers: the status goes to the API.
void Kubelet::announce(PodId pod, Worker& worker) {
  worker.changed = false;
  if (worker.announced) return;
  worker.announced = true;
  const PodObject& object = api_.pod(pod);
  if (!object.running) api_.set_running(pod, object.address > 0);
}

Task<> Kubelet::start_pod(const PodId pod) {
  const PodWorkloadConfig& config = api_.workload_of(pod);
  if (api_.pod(pod).address == 0) {
    const Duration pull = config.pull.sample_duration(pulls_);
    co_await sim::sleep_for(pull);
  }
  const Duration starting = config.start.sample_duration(starts_);
  co_await sim::sleep_for(starting);
  const bool created = co_await containerd_.change(pod, config_.runtime_request_timeout);
  if (!created) {
    // Image and container back-off: 10 s doubling to 5 min.
    const std::int32_t failures = std::min(workers_[pod].failed_starts++, 5);
    const Duration back_off = std::min(Duration(10s) * (1 << failures), Duration(300s));
    co_await sim::sleep_for(back_off);
    workers_[pod].starting = false;
    co_return;
  }
  Worker& worker = workers_[pod];
  worker.starting = false;
  worker.failed_starts = 0;
  const PodObject& object = api_.pod(pod);
  if (object.gone || object.deleted || object.failed || worker.terminating) {
    work_.notify_all();
    co_return;
  }
  Container& container = containers_[pod];
  container.running = true;
  ++container.generation;
  worker.announced = false;
  worker.probing = false;
  processes_.start(pod);
}

Task<> Kubelet::stop_pod(const PodId pod, const Duration grace, const bool remove) {
  if (runs(pod)) {
    co_await stop_container(pod, grace);
  }
  if (remove) {
    api_.finish(pod);
  } else {
    api_.set_failed(pod);
  }
}

// killContainer: preStop counts against the grace period, at least 2 s are left; then SIGTERM, and
// SIGKILL at its end. A runtime that hangs lets StopContainer fail after grace + 2 min.
Task<> Kubelet::stop_container(const PodId pod, const Duration grace) {
  for (;;) {
    const bool reached = co_await containerd_.change(pod, grace + config_.runtime_request_timeout);
    if (reached) break;
    const Duration pause = phases_.uniform(5s, 15s);  // backOffPeriod 10 s, jittered
    co_await sim::sleep_for(pause);
  }
  const PodWorkloadConfig& config = api_.workload_of(pod);
  const Duration hook = std::min(config.pre_stop, grace);
  if (hook > 0s) {
    co_await sim::sleep_for(hook);
  }
  emit_pod(pod, kubelet_kinds::sigterm);
  if (observer_ != nullptr) observer_->on_sigterm(pod);
  processes_.terminate(pod);
  const Duration left = std::max(grace - hook, Duration(2s));
  const Duration ending = config.stop.sample_duration(stops_);
  const bool by_itself = ending <= left;
  co_await sim::sleep_for(std::min(ending, left));
  if (!by_itself && observer_ != nullptr) observer_->on_sigkill(pod, left);
  processes_.kill(pod);
  Container& container = containers_[pod];
  container.running = false;
  ++container.generation;
  emit_pod(pod, kubelet_kinds::container_ended);
  containerd_.note_exit();
}

Task<> Kubelet::restart_container(const PodId pod) {
  api_.set_containers_ready(pod, false);
  co_await stop_container(pod, api_.workload_of(pod).termination_grace_period);
  workers_[pod].terminating = false;
  work_.notify_all();
}

// ---- probes -------------------------------------------------------------------------------------

// prober/worker.go: within one period of the kubelet's start the workers spread out; else the first
// probe follows at once.
Duration Kubelet::first_probe(PodId pod, const ProbeConfig& probe, bool settled) {
  const bool just_started = settled || now() - started_ < probe.period;
  const Duration spread = just_started ? phases_.uniform(Duration{}, probe.period) : Duration{};
  const PodWorkloadConfig& config = api_.workload_of(pod);
  const Duration startup = config.startup ? config.startup->initial_delay : Duration{};
  return std::max(probe.initial_delay, startup) + spread;
}

Task<bool> Kubelet::probe_once(const PodId pod, const ProbeConfig probe) {
  if (probe.handler == ProbeConfig::Handler::exec) {
    const bool reached =
        co_await containerd_.change(pod, probe.timeout + config_.runtime_request_timeout);
    if (!reached) co_return false;
  }
  const PodProcess::Answer answer = processes_.probe(pod, probe.handler);
  if (answer == PodProcess::Answer::silent) {
    co_await sim::sleep_for(probe.timeout);
  }
  co_return answer == PodProcess::Answer::success;
}

Task<> Kubelet::probe_readiness(const PodId pod) {
  const ProbeConfig probe = *api_.workload_of(pod).readiness;
  const std::uint32_t generation = containers_[pod].generation;
  const Duration wait = first_probe(pod, probe, settled_ && started_ == now());
  std::int32_t successes = 0;
  std::int32_t failures = 0;
  bool ready = api_.pod(pod).containers_ready;
  co_await sim::sleep_for(wait);
  while (runs(pod) && containers_[pod].generation == generation && !workers_[pod].terminating) {
    const Time tick = now();
    const bool passed = co_await probe_once(pod, probe);
    successes = passed ? successes + 1 : 0;
    failures = passed ? 0 : failures + 1;
    const bool becomes_ready = !ready && successes >= probe.success_threshold;
    const bool becomes_unready = ready && failures >= probe.failure_threshold;
    // A pod that the node controller has marked not ready is put right by the next result.
    const bool was_marked = ready && passed && !api_.pod(pod).ready && api_.pod(pod).gate;
    if (becomes_ready || becomes_unready || was_marked) {
      ready = becomes_ready || was_marked;
      workers_[pod].readiness = ready;
      work_.notify_all();
    }
    co_await sim::sleep_until(tick + probe.period);
  }
}

Task<> Kubelet::probe_liveness(const PodId pod) {
  const ProbeConfig probe = *api_.workload_of(pod).liveness;
  const std::uint32_t generation = containers_[pod].generation;
  const Duration wait = first_probe(pod, probe, settled_ && started_ == now());
  std::int32_t failures = 0;
  co_await sim::sleep_for(wait);
  while (runs(pod) && containers_[pod].generation == generation && !workers_[pod].terminating) {
    const Time tick = now();
    const bool passed = co_await probe_once(pod, probe);
    failures = passed ? 0 : failures + 1;
    // The result is consumed by the sync loop, so nothing happens while that is skipped.
    const bool kills = failures >= probe.failure_threshold;
    if (kills && runtime_error() == NotReadyReason::none && !workers_[pod].terminating) {
      workers_[pod].terminating = true;
      group_.spawn(restart_container(pod));
      co_return;
    }
    co_await sim::sleep_until(tick + probe.period);
  }
}

}  // namespace predrill::models
