#include "models/flow_invariants.hpp"

#include <algorithm>
#include <cmath>

namespace predrill::models {

namespace {

constexpr double rounding = 1e-6;  // relative; and requests that no window needs to show
constexpr double hidden_share = 0.0005;

std::string whole(double requests) {
  return std::to_string(std::llround(requests));
}

}  // namespace

double FlowChecker::failing_share() const {
  double all = 0;
  double lost = 0;
  for (const FlowShares::Target& target : shares_.targets()) {
    all += target.flows;
    lost += target.serves ? 0 : target.flows;
  }
  return all > 0 ? lost / all : 1;
}

void FlowChecker::on_restart() {
  least_ = most_ = 0;
  failing_ = failing_share();
}

// All flows approach their equilibrium with one time constant, so the share that fails is a ratio
// of two lines in exp(-t / lifetime): between two changes it only rises or only falls.
void FlowChecker::on_interval(sim::Duration length) {
  const double before = failing_;
  const double after = failing_share();
  const double requests = shares_.config().requests_per_second * sim::seconds(length);
  least_ += requests * std::min(before, after);
  most_ += requests * std::max(before, after);
  failing_ = after;
}

void FlowChecker::on_change() {
  failing_ = failing_share();
}

void FlowChecker::finish(sim::Time at, const FlowShares::Stats& reported) {
  const double slack = 1 + rounding * most_;
  if (reported.failed_requests < least_ - slack || reported.failed_requests > most_ + slack) {
    broken_.push_back({at, "K27 " + whole(reported.failed_requests) +
                               " failed requests are reported, and the times of trouble have " +
                               whole(least_) + " to " + whole(most_)});
  }
  sim::Duration trouble{};
  for (const auto& [from, to] : reported.failing) trouble += to - from;
  const double rate = shares_.config().requests_per_second;
  const double hidden = hidden_share * rate * sim::seconds(at - sim::Time{});
  if (reported.failed_requests > rate * sim::seconds(trouble) + hidden + slack) {
    broken_.push_back({at, "K27 " + whole(reported.failed_requests) +
                               " requests failed, more than came in the times of trouble"});
  }
}

}  // namespace predrill::models
