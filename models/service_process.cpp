#include "models/service_process.hpp"

#include <algorithm>
#include <utility>

#include "models/load_balancer.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using Stage = ServiceRequest::Stage;

sim::Distribution ServiceConfig::logged_service_time() {
  return sim::Distribution::lognormal_percentiles(0.5, sim::Duration(45ms), 0.99,
                                                  sim::Duration(120ms))
      .with_source("incident log of 2025-09-14: p50 45 ms, p99 120 ms at 207 requests/s per pod");
}

ServiceProcess::ServiceProcess(sim::Group& group, std::string name, ServiceConfig config)
    : group_(group),
      name_(std::move(name)),
      config_(std::move(config)),
      port_(group, "service", config_.backlog),
      services_(group.simulation().stream(name_, "service time")),
      kinds_(group.simulation().stream(name_, "kind of request")),
      pool_times_(group.simulation().stream(name_, "pool time")) {}

void ServiceProcess::start() {
  if (!group_.host().up() || running_) return;
  running_ = true;
  pool_free_ = config_.pool_size;
  accounted_ = group_.now();
  attach(group_);
  port_.open();
  group_.spawn(accept());
}

sim::Task<> ServiceProcess::accept() {
  for (;;) {
    HttpServerSocket socket = co_await port_.accept();
    group_.spawn(serve(std::move(socket)));
  }
}

/// Holds a connection until its peer closes it; answers checks.
sim::Task<> ServiceProcess::serve(HttpServerSocket socket) {
  for (;;) {
    const auto request = co_await socket.receive();
    if (!request) co_return;
    socket.send({check_status_});
  }
}

bool ServiceProcess::submit(ServiceRequest& request) {
  ++stats_.received;
  ++received_in_all_;
  const bool free = in_service() + pool_queue_.count() < static_cast<std::size_t>(config_.workers);
  const bool works = free && queue_.empty() && !group_.frozen();
  if (!works && config_.queue_max > 0 &&
      queue_.count() >= static_cast<std::size_t>(config_.queue_max)) {
    ++stats_.rejected;
    return false;
  }
  request.process = this;
  if (works) {
    begin(request);
    return true;
  }
  ++stats_.waited;
  request.stage = Stage::queued;
  queue_.append(request);
  stats_.queue_longest = std::max(stats_.queue_longest, queue_.count());
  return true;
}

void ServiceProcess::begin(ServiceRequest& request) {
  account();
  request.stage = Stage::serving;
  serving_.append(request);
  const sim::Duration work = config_.service_time.sample_duration(services_);
  group_.simulation().schedule(request, group_, group_.now() + work);
}

void ServiceProcess::begin_next() {
  const auto workers = static_cast<std::size_t>(config_.workers);
  while (!queue_.empty() && !group_.frozen() && in_service() + pool_queue_.count() < workers) {
    ServiceRequest& request = *queue_.first();
    queue_.remove(request);
    begin(request);
  }
}

void ServiceProcess::work_done(ServiceRequest& request) {
  if (request.stage == Stage::serving && config_.pooled_permille > 0 &&
      kinds_.below(1000) < static_cast<std::uint64_t>(config_.pooled_permille)) {
    serving_.remove(request);
    request.stage = Stage::pool_queued;
    pool_queue_.append(request);
    if (pool_free_ > 0) {
      --pool_free_;
      enter_pool(request);
    }
    return;
  }
  if (request.stage == Stage::pooled) {
    if (pool_queue_.empty()) {
      ++pool_free_;
    } else {
      enter_pool(*pool_queue_.first());
    }
  }
  finish(request);
}

void ServiceProcess::enter_pool(ServiceRequest& request) {
  pool_queue_.remove(request);
  serving_.append(request);
  request.stage = Stage::pooled;
  const sim::Duration work = config_.pool_time.sample_duration(pool_times_);
  group_.simulation().schedule(request, group_, group_.now() + work);
}

void ServiceProcess::finish(ServiceRequest& request) {
  account();
  serving_.remove(request);
  request.process = nullptr;
  ++stats_.served;
  begin_next();
  request.balancer->served(request);
}

void ServiceProcess::on_group_death() {
  account();
  running_ = false;
  const bool silent = !group_.host().up();
  drop_all(queue_, silent);
  drop_all(serving_, silent);
  drop_all(pool_queue_, silent);
}

void ServiceProcess::drop_all(StatList<ServiceRequest>& list, bool silent) {
  while (!list.empty()) {
    ServiceRequest& request = *list.first();
    list.remove(request);
    if (request.pending()) group_.simulation().cancel(request);
    request.process = nullptr;
    request.stage = Stage::lost;
    ++stats_.lost;
    request.balancer->lost(request, silent);
  }
}

void ServiceProcess::withdraw(ServiceRequest& request) {
  account();
  const bool queued = request.stage == Stage::queued;
  (queued ? queue_ : request.stage == Stage::pool_queued ? pool_queue_ : serving_).remove(request);
  if (request.pending()) group_.simulation().cancel(request);
  request.process = nullptr;
}

void ServiceProcess::on_group_freeze(bool frozen) {
  if (!frozen) begin_next();
}

void ServiceProcess::account() {
  const auto busy = static_cast<std::int64_t>(serving_.count() + pool_queue_.count());
  stats_.worker_time += busy * (group_.now() - accounted_);
  accounted_ = group_.now();
}

ServiceStats ServiceProcess::stats() {
  account();
  return stats_;
}

void ServiceProcess::restart_stats() {
  account();
  stats_ = {};
  stats_.queue_longest = queue_.count();
  stats_.received = queue_.count() + serving_.count() + pool_queue_.count();
}

}  // namespace predrill::models
