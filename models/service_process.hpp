// The program in a pod behind a load balancer: a port, workers, a queue before them.
//
// Real thing and version: an HTTP server with a fixed number of workers (a thread pool), such as a
//   payment gateway in a container.
// Modelled: a first-come queue without bound or with one; a service time per request; a second
//   resource with fewer places that a share of the requests also needs while it holds its worker
//   (a database pool); health checks that are answered, or accepted only, or refused; kill, freeze
//   and loss of the host: queued work is lost, a hung process neither accepts nor serves.
// Simplified (diverges from the real thing): all workers are alike; connections cost nothing; a
//   request whose client has given up is served to its end.
// Ignored: CPU contention between pods, garbage collection, start-up after the port is open.
// Calibrated from: the incident log of 2025-09-14, p50 45 ms and p99 120 ms at 207 requests/s.
#pragma once

#include <cstdint>
#include <string>

#include "models/http.hpp"
#include "models/service_flow.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct ServiceConfig {
  std::int32_t workers = 24;
  sim::Distribution service_time;
  std::int32_t queue_max = 0;  // requests that may wait; 0 = any number, else HTTP 503
  std::size_t backlog = 4096;  // min(listen backlog, net.core.somaxconn)
  /// So many of 1000 requests also need one of `pool_size` places for `pool_time`.
  std::int32_t pooled_permille = 0;
  std::int32_t pool_size = 0;
  sim::Distribution pool_time;

  /// Service times of the log: lognormal, median 45 ms, p99 120 ms.
  static sim::Distribution logged_service_time();
};

struct ServiceStats {
  std::uint64_t received = 0;
  std::uint64_t served = 0;
  std::uint64_t waited = 0;    // for a worker
  std::uint64_t rejected = 0;  // queue_max
  std::uint64_t lost = 0;      // by the death of the process
  std::size_t queue_longest = 0;
  sim::Duration worker_time{};  // summed over workers
};

class ServiceProcess : sim::GroupResource {
 public:
  /// The group is the process: kill, freeze and crash are done to it. `name`: of traces and random
  /// streams.
  ServiceProcess(sim::Group& group, std::string name, ServiceConfig config);

  /// Opens the port. Again after a kill or a reboot.
  void start();
  /// SIGTERM: no more connections; requests on existing ones are still served.
  void stop_accepting() { port_.close(); }
  bool running() const { return running_; }
  /// What HTTP checks are told.
  void set_check_status(std::uint16_t status) { check_status_ = status; }

  /// A request has arrived on an established connection. False: rejected (queue_max).
  bool submit(ServiceRequest& request);

  /// Forgets a request that it has, as if it had never come.
  void withdraw(ServiceRequest& request);

  HttpListener& port() { return port_; }
  sim::Group& group() const { return group_; }
  sim::Host& host() const { return group_.host(); }
  const std::string& name() const { return name_; }
  const ServiceConfig& config() const { return config_; }
  /// Differs after each death of the process or its host.
  std::uint32_t life() const { return group_.incarnation() + host().incarnation(); }
  /// Queued or in service.
  std::size_t present() const { return queue_.count() + serving_.count() + pool_queue_.count(); }
  std::size_t waiting() const { return queue_.count(); }
  std::size_t in_service() const { return serving_.count(); }
  /// Up to now.
  ServiceStats stats();
  /// Since the start of the run.
  std::uint64_t received_in_all() const { return received_in_all_; }
  /// Counts start anew; what is in the process counts as received.
  void restart_stats();

 private:
  friend struct ServiceRequest;
  sim::Task<> accept();
  sim::Task<> serve(HttpServerSocket socket);
  void on_group_death() override;
  void on_group_freeze(bool frozen) override;
  void begin(ServiceRequest& request);
  void begin_next();
  void work_done(ServiceRequest& request);
  void enter_pool(ServiceRequest& request);
  void finish(ServiceRequest& request);
  void drop_all(StatList<ServiceRequest>& list, bool silent);
  void account();

  sim::Group& group_;
  std::string name_;
  ServiceConfig config_;
  HttpListener port_;
  std::uint16_t check_status_ = 200;
  bool running_ = false;
  std::int32_t pool_free_ = 0;
  StatList<ServiceRequest> queue_;
  StatList<ServiceRequest> serving_;     // has a worker; also while it waits for the pool
  StatList<ServiceRequest> pool_queue_;  // has a worker
  ServiceStats stats_;
  std::uint64_t received_in_all_ = 0;
  sim::Time accounted_{};
  sim::Stream services_;
  sim::Stream kinds_;
  sim::Stream pool_times_;
};

}  // namespace predrill::models
