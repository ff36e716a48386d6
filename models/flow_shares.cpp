#include "models/flow_shares.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/portable_math.hpp"

namespace predrill::models {

using sim::Task;
using sim::Time;

FlowShares::FlowShares(sim::Simulation& simulation, FlowSharesConfig config)
    : simulation_(simulation),
      config_(config),
      entity_(simulation.trace().entity("service")),
      group_(simulation.world().host(), "flow-shares") {
  // Little: flows at a time = rate of new ones times lifetime.
  if (config_.new_flows_per_minute > 0) {
    lifetime_ = config_.flows / config_.new_flows_per_minute * 60;
  }
}

FlowShares::Index FlowShares::add(std::string name) {
  Target target;
  target.name = std::move(name);
  targets_.push_back(std::move(target));
  return targets_.size() - 1;
}

double FlowShares::total() const {
  double sum = 0;
  for (const Target& target : targets_) sum += target.flows;
  return sum;
}

// Integrates up to now: the number of flows of each target goes to its equilibrium exponentially.
void FlowShares::advance() {
  const Time now = simulation_.now();
  if (now == at_) return;
  const Time since = at_;
  const double dt = sim::seconds(now - since);
  const double decay = sim::portable::exp(-dt / lifetime_);
  const double arriving = config_.new_flows_per_minute / 60;
  const double before = served_now();
  double lost_flows = 0;
  for (Target& target : targets_) {
    const double equilibrium = target.connects ? arriving * lifetime_ * target.weight : 0;
    target.flows = equilibrium + (target.flows - equilibrium) * decay;
    if (!target.connects) lost_flows += arriving * target.weight * dt;
  }
  at_ = now;
  const double after = served_now();
  // The share changes slowly between two changes: trapezium.
  const double failing = 1 - (before + after) / 2;
  stats_.failed_requests += config_.requests_per_second * failing * dt;
  stats_.failed_flows += lost_flows;
  if (failing_permille_ > 0 && !stats_.failing.empty()) stats_.failing.back().second = now;
  if (observer_ != nullptr) observer_->on_interval(now - since);
}

double FlowShares::served_share() {
  advance();
  return served_now();
}

double FlowShares::served_now() const {
  const double sum = total();
  if (sum <= 0) return 0;
  double served = 0;
  for (const Target& target : targets_) served += target.serves ? target.flows : 0;
  return served / sum;
}

double FlowShares::tps(Index target) {
  advance();
  const double sum = total();
  return sum <= 0 ? 0 : config_.requests_per_second * targets_[target].flows / sum;
}

void FlowShares::after_change() {
  if (observer_ != nullptr) observer_->on_change();
  const double served = served_now();
  stats_.least_served_tps = std::min(stats_.least_served_tps, config_.requests_per_second * served);
  const double sum = total();
  std::int64_t serving = 0;
  for (Target& target : targets_) {
    serving += target.serves && target.connects && target.weight > 0 ? 1 : 0;
    if (!target.serves || sum <= 0) continue;
    const double tps = config_.requests_per_second * target.flows / sum;
    target.tps_max = std::max(target.tps_max, tps);
    stats_.most_tps_per_target = std::max(stats_.most_tps_per_target, tps);
  }
  stats_.least_serving = std::min(stats_.least_serving, serving);
  const auto permille = std::int64_t{std::llround((1 - served) * 1000)};
  if (permille == failing_permille_) return;
  const bool over = permille == 0;
  if (failing_permille_ == 0) stats_.failing.emplace_back(simulation_.now(), simulation_.now());
  failing_permille_ = permille;
  simulation_.trace().emit(simulation_.now(), entity_,
                           over ? flow_kinds::served : flow_kinds::failing, permille);
}

void FlowShares::begin(const std::vector<double>& weights) {
  at_ = simulation_.now();
  for (Index i = 0; i < targets_.size(); ++i) {
    targets_[i].weight = i < weights.size() ? weights[i] : 0;
    targets_[i].flows = config_.flows * targets_[i].weight;
  }
  restart_stats();
}

void FlowShares::restart_stats() {
  advance();
  stats_ = {};
  stats_.least_served_tps = config_.requests_per_second;
  stats_.least_serving = static_cast<std::int64_t>(targets_.size());
  for (Target& target : targets_) target.tps_max = 0;
  if (observer_ != nullptr) observer_->on_restart();
  after_change();
}

void FlowShares::route(const std::vector<double>& weights) {
  advance();
  for (Index i = 0; i < targets_.size(); ++i) {
    targets_[i].weight = i < weights.size() ? weights[i] : 0;
  }
  // Clients without any flow open theirs as soon as somebody takes them.
  const double missing = config_.flows - total();
  if (total() <= 1e-9 * config_.flows) spread(missing);
  after_change();
}

void FlowShares::set_path(Index index, bool connects, bool serves) {
  advance();
  Target& target = targets_[index];
  const bool falls_silent = target.serves && !serves;
  target.connects = connects;
  target.serves = serves;
  if (falls_silent) {
    ++target.silence;
    group_.spawn(drop_after_timeout(index, target.silence));
  }
  if (connects && total() <= 1e-9 * config_.flows) spread(config_.flows);
  after_change();
}

Task<> FlowShares::drop_after_timeout(const Index index, const std::uint32_t silence) {
  co_await sim::sleep_for(config_.request_timeout);
  if (targets_[index].silence == silence && !targets_[index].serves) cut(index);
}

void FlowShares::cut(Index index) {
  advance();
  Target& target = targets_[index];
  const double flows = target.flows;
  if (flows < 0.5) return;
  target.flows = 0;
  stats_.cut_flows += flows;
  simulation_.trace().emit(simulation_.now(), entity_, flow_kinds::cut,
                           std::int64_t{std::llround(flows)},
                           simulation_.trace().name(target.name));
  spread(flows);
  after_change();
}

// New flows in place of broken ones; those that meet a target that does not answer try again.
void FlowShares::spread(double flows) {
  double weight = 0;
  double lost = 0;
  for (const Target& target : targets_) {
    (target.connects ? weight : lost) += target.weight;
  }
  if (weight <= 0) return;
  for (Target& target : targets_) {
    if (target.connects) target.flows += flows * target.weight / weight;
  }
  stats_.failed_flows += flows * lost / weight;
}

const FlowShares::Stats& FlowShares::stats() {
  advance();
  after_change();
  return stats_;
}

}  // namespace predrill::models
