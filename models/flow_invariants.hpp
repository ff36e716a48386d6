// What must hold for the load of a service as rates over flows, computed beside FlowShares from the
// flows of each target alone: the failed requests of a run are the sum over the times of trouble of
// the rate times the share that failed, neither more nor less, and none without such a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/flow_shares.hpp"
#include "sim/time.hpp"

namespace predrill::models {

class FlowChecker final : public FlowSharesObserver {
 public:
  /// From now on; it must outlive the checker's use of it.
  explicit FlowChecker(const FlowShares& shares) : shares_(shares) {}

  void on_restart() override;
  void on_interval(sim::Duration length) override;
  void on_change() override;
  /// At the end, with what the run reports.
  void finish(sim::Time at, const FlowShares::Stats& reported);

  struct Broken {
    sim::Time at{};
    std::string text;  // "K27 ..."
  };
  const std::vector<Broken>& broken() const { return broken_; }

 private:
  double failing_share() const;

  const FlowShares& shares_;
  double failing_ = 0;  // share of the requests, after the last change
  double least_ = 0;    // failed requests since the restart, at least and at most
  double most_ = 0;
  std::vector<Broken> broken_;
};

}  // namespace predrill::models
