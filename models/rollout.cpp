#include "models/rollout.hpp"

#include <algorithm>
#include <utility>

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr sim::Duration back_off_first = 10s;
constexpr sim::Duration back_off_max = 5min;
constexpr std::uint32_t whole_percent = 100;

}  // namespace

Fenceposts resolve_fenceposts(const RolloutConfig& config) {
  Fenceposts posts;
  posts.surge = (config.max_surge_percent * config.replicas + whole_percent - 1) / whole_percent;
  posts.unavailable = config.max_unavailable_percent * config.replicas / whole_percent;
  if (posts.surge == 0 && posts.unavailable == 0) posts.unavailable = 1;
  return posts;
}

ExternalSecret::ExternalSecret(sim::Host& host, sim::Duration refresh_interval)
    : refresh_interval_(refresh_interval), group_(host, "external secrets") {}

ExternalSecret::~ExternalSecret() {
  group_.kill();
}

void ExternalSecret::start() {
  group_.spawn(run());
}

sim::Task<> ExternalSecret::run() {
  while (!ready_) {
    if (stored_) {
      ready_ = true;
      group_.simulation().trace().emit(group_.now(), group_.host().entity(),
                                       rollout::secret_synced);
      break;
    }
    co_await sim::sleep_for(refresh_interval_);
  }
}

RollingDeployment::RollingDeployment(sim::Host& host, RolloutConfig config,
                                     const ExternalSecret* secret)
    : config_(std::move(config)),
      secret_(secret),
      group_(host, "deployment"),
      delays_(host.stream("rollout")) {}

RollingDeployment::~RollingDeployment() {
  group_.kill();
}

void RollingDeployment::start() {
  for (std::uint32_t i = 0; i < config_.replicas; ++i) {
    pods_.push_back(std::make_unique<Pod>());
    pods_.back()->ready = true;
    pods_.back()->has_secret = secret_ == nullptr || secret_->ready();
  }
  least_ready_ = config_.replicas;
}

std::uint32_t RollingDeployment::ready() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(pods_, [](const std::unique_ptr<Pod>& pod) { return pod->ready; }));
}

std::uint32_t RollingDeployment::with_secret() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      pods_, [](const std::unique_ptr<Pod>& pod) { return pod->ready && pod->has_secret; }));
}

std::uint32_t RollingDeployment::ready_of(std::uint32_t revision) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      pods_,
      [&](const std::unique_ptr<Pod>& pod) { return pod->ready && pod->revision == revision; }));
}

std::uint32_t RollingDeployment::old_pods() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      pods_, [&](const std::unique_ptr<Pod>& pod) { return pod->revision != revision_; }));
}

void RollingDeployment::add_pod() {
  pods_.push_back(std::make_unique<Pod>());
  Pod& pod = *pods_.back();
  pod.revision = revision_;
  pod.process = group_.spawn(run_pod(&pod));
}

bool RollingDeployment::remove_old(bool ready_ones) {
  for (auto it = pods_.begin(); it != pods_.end(); ++it) {
    Pod& pod = **it;
    if (pod.revision == revision_ || pod.ready != ready_ones) continue;
    group_.kill(pod.process);
    pods_.erase(it);
    least_ready_ = std::min(least_ready_, ready());
    return true;
  }
  return false;
}

void RollingDeployment::roll_out() {
  ++revision_;
  stuck_ = false;
  group_.spawn(controller(revision_));
}

// Adds new pods up to replicas + surge, takes old ones away while enough are ready.
sim::Task<> RollingDeployment::controller(std::uint32_t revision) {
  const Fenceposts posts = resolve_fenceposts(config_);
  const std::uint32_t most = config_.replicas + posts.surge;
  const std::uint32_t least = config_.replicas - std::min(config_.replicas, posts.unavailable);
  sim::Time progress = group_.now();
  std::uint32_t ready_before = 0;
  while (revision == revision_ && !complete()) {
    while (remove_old(false)) {
    }
    while (ready() > least && old_pods() > 0 && remove_old(true)) {
    }
    const auto of_revision = static_cast<std::uint32_t>(pods_.size()) - old_pods();
    if (pods_.size() < most && of_revision < config_.replicas) {
      add_pod();
      continue;
    }
    if (complete()) break;
    if (ready_of(revision_) > ready_before) {
      ready_before = ready_of(revision_);
      progress = group_.now();
    }
    const sim::Duration left = progress + config_.progress_deadline - group_.now();
    const bool in_time = co_await changed_.wait_for(left);
    if (in_time || revision != revision_) continue;
    stuck_ = true;
    group_.simulation().trace().emit(group_.now(), group_.host().entity(), rollout::stuck);
    co_return;
  }
  if (revision != revision_) co_return;
  group_.simulation().trace().emit(group_.now(), group_.host().entity(), rollout::complete);
}

sim::Task<> RollingDeployment::run_pod(Pod* pod) {
  const sim::Duration start = config_.pod_start.sample_duration(delays_);
  co_await sim::sleep_for(start);
  sim::Trace& trace = group_.simulation().trace();
  sim::Duration back_off = back_off_first;
  for (std::size_t i = 0; i < config_.init_containers.size();) {
    const InitContainer& init = config_.init_containers[i];
    const sim::Duration length = init.takes.sample_duration(delays_);
    co_await sim::sleep_for(length);
    const bool good = !init.check || init.check();
    if (good) {
      ++i;
      continue;
    }
    ++init_failures_;
    trace.emit(group_.now(), group_.host().entity(), rollout::init_failed, back_off.count());
    co_await sim::sleep_for(back_off);
    back_off = std::min(2 * back_off, back_off_max);
  }
  pod->has_secret = secret_ == nullptr || secret_->ready();  // read once, at the start
  const sim::Duration ready_after = config_.until_ready.sample_duration(delays_);
  co_await sim::sleep_for(ready_after);
  pod->ready = true;
  trace.emit(group_.now(), group_.host().entity(), rollout::pod_ready, pod->revision);
  changed_.notify_all();
}

}  // namespace predrill::models
