#include "harness/what_if/false_failover.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "harness/engine/faults.hpp"
#include "harness/engine/run.hpp"
#include "harness/engine/world.hpp"
#include "harness/load/fault_forms.hpp"
#include "models/patroni_config.hpp"
#include "sim/tally.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

// Ends the run at the first record that says that the primary has lost its role.
class RoleWatch : public sim::TraceSink {
 public:
  void on_record(const sim::Trace&, const sim::Record& record) override {
    const std::string_view kind = record.kind->name;
    if (kind == fault_kinds::injected.name) struck_ = record.at;
    if (!struck_ || lost_) return;
    if (kind == "dcs.leader_key_expired" || kind == "dcs.leader_key_deleted" ||
        kind == "patroni.lock_lost" || kind == "patroni.demoted" ||
        kind.starts_with("patroni.demoting")) {
      lost_ = record.at;
      if (sim_ != nullptr) sim_->stop();
    }
  }
  void attend(sim::Simulation& sim) { sim_ = &sim; }
  std::optional<Duration> lost() const {
    return lost_ ? std::optional(*lost_ - *struck_) : std::nullopt;
  }

 private:
  sim::Simulation* sim_ = nullptr;
  std::optional<sim::Time> struck_, lost_;
};

// When the role is lost after a disturbance of this length, since its beginning.
std::optional<Duration> role_lost(const ScenarioSpec& scenario, const Disturbance& disturbance,
                                  std::uint64_t seed, Duration length) {
  const models::PatroniConfig& patroni = scenario.system.patroni;
  ScenarioSpec run = scenario;
  run.faults = {disturbance.fault};
  run.system.workload.single_transactions = false;  // it does not matter to the lease
  ProbeSpec& probe = run.system.probe;              // nor do probes
  probe.pgbouncer = probe.haproxy = probe.direct = probe.read = false;
  // At a random phase of the HA loop.
  run.faults[0].at.after.clear();
  run.faults[0].at.delay = sim::Distribution::uniform(Duration(10s), 10s + patroni.loop_wait);
  run.faults[0].length = length;
  run.run_for = length + patroni.loop_wait + patroni.retry_timeout + 5s;
  RoleWatch watch;
  RunOptions options;
  options.seed = seed;
  options.sink = &watch;
  options.meddle = [&watch](World& world) { watch.attend(world.sim()); };
  const RunOutcome outcome = run_once(run, options);
  static_cast<void>(outcome);  // what counts is what the watch saw
  return watch.lost();
}

}  // namespace

Duration failover_threshold(const ScenarioSpec& scenario, const Disturbance& disturbance,
                            std::uint64_t seed, Duration resolution) {
  models::PatroniConfig patroni = scenario.system.patroni;
  models::adjust(patroni);
  const Duration longest =
      patroni.ttl + 2 * patroni.loop_wait + 2 * patroni.retry_timeout + Duration(10s);
  const auto latest = role_lost(scenario, disturbance, seed, longest);
  if (!latest) return sim::forever;
  // A disturbance that ends before that moment may come too late for it all the same.
  Duration high = std::min(*latest, longest);
  Duration step = 1s;
  Duration low = high;
  while (low > Duration{}) {
    low = std::max(Duration{}, high - step);
    if (low == Duration{} || !role_lost(scenario, disturbance, seed, low)) break;
    high = low;
    step *= 2;
  }
  while (high - low > resolution) {
    const Duration middle = low + (high - low) / 2;
    (role_lost(scenario, disturbance, seed, middle) ? high : low) = middle;
  }
  return low + (high - low) / 2;
}

FalseFailovers false_failovers(const std::vector<Disturbance>& disturbances,
                               const std::vector<std::vector<Duration>>& thresholds) {
  FalseFailovers result;
  const std::size_t seeds = thresholds.empty() ? 0 : thresholds.front().size();
  std::vector<sim::Tally> events(disturbances.size());
  sim::Tally year;
  for (std::size_t s = 0; s < seeds; ++s) {
    double rate = 0;
    for (std::size_t d = 0; d < disturbances.size(); ++d) {
      const Duration threshold = thresholds[d][s];
      const double tail =
          threshold == sim::forever
              ? 0
              : 1 - disturbances[d].length.cdf(static_cast<double>(threshold.count()));
      events[d].add(tail);
      rate += disturbances[d].per_year * tail;
    }
    year.add(rate);
    result.by_seed.push_back(rate);
  }
  const auto estimate = [](const sim::Tally& tally) {
    sim::Estimate e = tally.mean_estimate().value_or(
        sim::Estimate{tally.mean().value_or(0), {0, std::numeric_limits<double>::infinity()}});
    e.interval.low = std::max(0.0, e.interval.low);
    return e;
  };
  for (const sim::Tally& tally : events) result.per_event.push_back(estimate(tally));
  result.per_year = estimate(year);
  return result;
}

std::vector<Disturbance> usual_disturbances() {
  Disturbance pause;
  pause.fault.kind = FaultKind::freeze;
  pause.per_year = 12;
  pause.length =
      sim::Distribution::lognormal_percentiles(0.5, Duration(1s), 0.99, Duration(15s))
          .with_source("assumption: pauses by live migration or an overcommitted machine");
  Disturbance cut;
  cut.fault.kind = FaultKind::partition;
  cut.fault.from = Target{Target::Role::dcs, ""};
  cut.per_year = 24;
  cut.length = sim::Distribution::lognormal_percentiles(0.5, Duration(2s), 0.99, Duration(40s))
                   .with_source("assumption: switches and routes that converge anew");
  Disturbance silence;
  silence.fault.kind = FaultKind::dcs_quorum_loss;
  silence.fault.on.role = Target::Role::dcs;
  silence.per_year = 12;
  silence.length =
      sim::Distribution::lognormal_percentiles(0.5, Duration(1s), 0.99, Duration(20s))
          .with_source("assumption: latency of etcd's disks, defragmentation, rolling upgrades");
  return {pause, cut, silence};
}

std::string describe(const Disturbance& disturbance) {
  char rate[32];
  std::snprintf(rate, sizeof rate, "%.4g", disturbance.per_year);
  std::string text(form_of(disturbance.fault.kind).name);
  text += ", " + std::string(rate) + " a year, " + disturbance.length.describe();
  if (!disturbance.length.source().empty()) text += " (" + disturbance.length.source() + ")";
  return text;
}

}  // namespace predrill::harness
