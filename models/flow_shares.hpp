// The load of a service as rates over flows: which share of the flows each target holds, hence
// which share of the requests, without an event per request.
//
// Real thing and version: clients with keep-alive connections behind a Network Load Balancer, which
//   routes flows and not requests.
// Modelled: flows that end by age and are replaced where new flows go, so that a target that
// returns
//   fills up with 1 - exp(-t / lifetime); flows that are cut and come back at once; flows on a
//   target that has fallen silent, given up after the clients' time-out; a target that takes no new
//   connections while those it has are served.
// Simplified (diverges from the real thing): numbers of flows are real numbers; requests choose
// among
//   established flows evenly; a flow that finds no target that answers is retried without delay.
// Ignored: retries of requests, differences between clients, DNS.
// Calibrated from: the incident log of 2025-09-14: 4,200 flows, 620 new ones a minute, 1,240
//   requests/s, hence 406 s a flow.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/host.hpp"
#include "sim/simulation.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

struct FlowSharesConfig {
  double requests_per_second = 0;
  double flows = 0;  // at a time
  double new_flows_per_minute = 0;
  /// After which a client drops its flow. Assumption: between OkHttp's 10 s (readTimeout) and 100 s
  /// of .NET's HttpClient.Timeout; java.net.http and Go's net/http wait for ever unless told.
  sim::Duration request_timeout = std::chrono::seconds(30);
};

namespace flow_kinds {
inline constexpr sim::Kind failing{"service.requests_failing", "{0} of 1000 requests fail"};
inline constexpr sim::Kind served{"service.requests_served", "all requests are served"};
inline constexpr sim::Kind cut{"service.flows_cut", "{0} flows of {1:n} end and come back"};
}  // namespace flow_kinds

/// Told how the flows go, for checks.
class FlowSharesObserver {
 public:
  virtual void on_restart() {}
  /// The flows have gone their way for so long, up to now.
  virtual void on_interval(sim::Duration /*length*/) {}
  /// Something else has changed at this instant.
  virtual void on_change() {}

 protected:
  ~FlowSharesObserver() = default;
};

class FlowShares {
 public:
  using Index = std::size_t;
  struct Target {
    std::string name;
    double flows = 0;
    double weight = 0;  // of new flows that are sent here
    bool connects = true;
    bool serves = true;
    std::uint32_t silence = 0;  // goes up when the target falls silent
    double tps_max = 0;
  };

  FlowShares(sim::Simulation& simulation, FlowSharesConfig config);
  FlowShares(const FlowShares&) = delete;
  FlowShares& operator=(const FlowShares&) = delete;

  Index add(std::string name);
  /// Shares of new flows by target, 0 where it is not routed to; the flows are where these say.
  void begin(const std::vector<double>& weights);
  /// From now on new flows go by these.
  void route(const std::vector<double>& weights);
  /// The target takes no new connections; requests on those it has are not served.
  void set_path(Index target, bool connects, bool serves);
  /// Its flows are told at once that they have ended (RST, FIN): they come back elsewhere.
  void cut(Index target);

  /// Of the requests, now: 0 to 1.
  double served_share();
  double tps(Index target);
  const std::vector<Target>& targets() const { return targets_; }
  const FlowSharesConfig& config() const { return config_; }

  /// Since begin() or restart_stats().
  struct Stats {
    double failed_requests = 0;
    double failed_flows = 0;  // connection attempts that no target answered
    double cut_flows = 0;
    double least_served_tps = 0;
    double most_tps_per_target = 0;
    std::int64_t least_serving = 0;  // targets that are routed to and serve
    /// Times in which requests failed; the last one may last until now.
    std::vector<std::pair<sim::Time, sim::Time>> failing;
  };
  const Stats& stats();
  void restart_stats();
  void observe(FlowSharesObserver& observer) { observer_ = &observer; }

 private:
  void advance();
  void after_change();
  void spread(double flows);
  double total() const;
  double served_now() const;
  sim::Task<> drop_after_timeout(const Index target, const std::uint32_t silence);

  sim::Simulation& simulation_;
  FlowSharesConfig config_;
  double lifetime_ = 1;  // seconds
  std::vector<Target> targets_;
  FlowSharesObserver* observer_ = nullptr;
  Stats stats_;
  sim::Time at_{};
  std::int64_t failing_permille_ = 0;
  sim::EntityId entity_;
  sim::Group group_;
};

}  // namespace predrill::models
