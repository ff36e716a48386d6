// The sync loop of the kubelet and what it does to pods: start, stop, restart, probes.
#include <algorithm>

#include "models/kubelet.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

constexpr Duration sync_period = 1s;  // syncLoop's sync ticker

}  // namespace

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
  bool by_itself = false;
  if (processes_.ended(pod)) {
    const Time deadline = now() + left;
    while (now() < deadline && !processes_.ended(pod).value_or(true)) {
      co_await sim::sleep_for(std::min<Duration>(100ms, deadline - now()));
    }
    by_itself = processes_.ended(pod).value_or(true);
  } else {
    const Duration ending = config.stop.sample_duration(stops_);
    by_itself = ending <= left;
    co_await sim::sleep_for(std::min(ending, left));
  }
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
