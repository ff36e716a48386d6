#include "harness/kinds/gateway_kind.hpp"

#include <algorithm>
#include <array>

#include "harness/kinds/fault_schedule.hpp"
#include "harness/kinds/gateway_faults.hpp"
#include "harness/kinds/gateway_latency.hpp"
#include "harness/kinds/gateway_reader.hpp"
#include "harness/kinds/gateway_world.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

namespace {

constexpr std::array<Milestone, 32> gateway_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"pleg_unhealthy", "kubelet.pleg_unhealthy", "the kubelet says that PLEG is not healthy"},
    {"pleg_healthy", "kubelet.pleg_healthy", "relists succeed again"},
    {"healthz_failed", "kubelet.healthz_failed", "the kubelet's /healthz fails"},
    {"node_not_ready", "node.not_ready", "the kubelet posts Ready=False"},
    {"node_unknown", "node.unknown", "the node controller writes Ready=Unknown"},
    {"node_ready", "node.ready", "the node is Ready again"},
    {"node_tainted", "node.tainted", "NoExecute taint"},
    {"pods_marked", "node.pods_marked", "the node controller marks the node's pods not ready"},
    {"node_rebooting", "node.rebooting", "a reboot begins"},
    {"node_powered_off", "node.powered_off", "the machine is off"},
    {"kubelet_started", "kubelet.started", "the kubelet starts"},
    {"pod_evicted", "pod.evicted", "a pod is evicted by a taint"},
    {"pod_leaves", "service_pod.leaves", "a pod of the service is being deleted"},
    {"pod_running", "service_pod.running", "a pod of the service runs again"},
    {"pod_ready", "service_pod.ready", "a pod of the service is Ready again"},
    {"data_path", "service_pod.data_path", "the data path to a pod changes"},
    {"target_unhealthy", "target.unhealthy", "a target becomes unhealthy"},
    {"target_draining", "target.draining", "a target is deregistered"},
    {"target_initial", "target.initial", "a target is registered"},
    {"target_healthy", "target.healthy", "a target becomes healthy"},
    {"all_targets_healthy", "targets.all_healthy", "as many targets as replicas are healthy"},
    {"fail_open", "target_group.fail_open", "the load balancer routes to all targets"},
    {"requests_failing", "service.requests_failing", "the share of failing requests changes"},
    {"requests_served", "service.requests_served", "all requests are served again"},
    {"alert_firing", "alert.firing", "an alert fires"},
    {"paged", "alert.paged", "the on-call person's device rings"},
    {"acknowledged", "responder.acknowledged", "somebody acknowledges"},
    {"step_done", "responder.step_done", "a step of the runbook is done"},
    {"command_sent", "responder.command_sent", "a command is sent"},
    {"command_executed", "responder.command_executed", "a command takes effect"},
    {"runbook_done", "responder.finished", "the runbook is done"},
}};
constexpr std::array<std::string_view, 2> gateway_paths = {"requests", "capacity"};

const GatewaySpec& spec_of(const SystemSpec& system) {
  return static_cast<const GatewaySpec&>(*system.of_kind);
}

Duration since_start(Time t) {
  return t - Time{};
}

// Times of trouble as outages of a path. The last one may still last.
PathMeasures measures_of(const std::vector<std::pair<Time, Time>>& troubles, Time fault, Time until,
                         bool open) {
  PathMeasures measures;
  for (const auto& trouble : troubles) {
    const bool lasts = &trouble == &troubles.back() && open;
    const Time end = lasts ? until : std::min(trouble.second, until);
    if (end <= fault) continue;
    measures.outages.push_back({since_start(trouble.first), since_start(end), lasts});
    measures.downtime += end - std::max(trouble.first, fault);
    measures.rto = end - fault;
    measures.censored = lasts;
  }
  return measures;
}

std::int64_t thousandths(double value) {
  return static_cast<std::int64_t>(value * 1000 + 0.5);
}

std::uint64_t whole(double value) {
  return static_cast<std::uint64_t>(value + 0.5);
}

// Of the busiest target, by the closed form of its worker queue; without a steady state none.
void add_latencies(const GatewaySpec& spec, std::string_view when, double tps, RunMeasures& run) {
  for (const auto& [name, p] : {std::pair{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}) {
    const auto latency = response_quantile(spec.process, tps, p);
    if (!latency) continue;
    run.values.push_back(
        {"latency." + std::string(when) + "." + name, MeasureUnit::time, latency->count()});
  }
}

// Of the requests that were answered, where each is simulated.
void add_measured_latencies(const models::ServiceClients& clients, RunMeasures& run) {
  for (const auto& [name, p] : {std::pair{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}}) {
    const auto latency = clients.stats().response.quantile(p);
    if (!latency) continue;
    run.values.push_back({"latency.measured." + std::string(name), MeasureUnit::time, *latency});
  }
}

void measure(GatewayWorld& world, Time fault, double tps_before, RunMeasures& run) {
  const Time until = world.sim().now();
  models::FlowShares& shares = world.shares();
  const models::FlowShares::Stats& stats = shares.stats();
  PathRun requests{"requests", {}, {}};
  const bool failing = shares.served_share() < 1 - 1e-3;
  requests.measures = measures_of(stats.failing, fault, until, failing);
  requests.measures.failures = whole(stats.failed_requests);
  run.paths.push_back(std::move(requests));
  PathRun capacity{"capacity", {}, {}};
  const auto reduced = world.reduced_capacity();
  const bool open = !reduced.empty() && reduced.back().second == sim::time_max;
  capacity.measures = measures_of(reduced, fault, until, open);
  run.paths.push_back(std::move(capacity));

  const GatewaySpec& spec = world.spec();
  const double capacity_of_one =
      spec.process.workers / (spec.process.service_time.mean() / 1e9);  // workers / mean service
  run.values = {
      {"flows.cut", MeasureUnit::count, static_cast<std::int64_t>(whole(stats.cut_flows))},
      {"flows.unanswered", MeasureUnit::count,
       static_cast<std::int64_t>(whole(stats.failed_flows))},
      {"requests.failed", MeasureUnit::count,
       static_cast<std::int64_t>(whole(stats.failed_requests))},
      {"targets.least_healthy", MeasureUnit::count,
       static_cast<std::int64_t>(world.least_healthy())},
      {"targets.most_unhealthy", MeasureUnit::count,
       static_cast<std::int64_t>(world.most_unhealthy())},
      {"throughput.least_tps", MeasureUnit::thousandth, thousandths(stats.least_served_tps)},
      {"tps_per_target.before", MeasureUnit::thousandth, thousandths(tps_before)},
      {"tps_per_target.max", MeasureUnit::thousandth, thousandths(stats.most_tps_per_target)},
      {"utilisation.max_percent", MeasureUnit::thousandth,
       thousandths(100 * stats.most_tps_per_target / capacity_of_one)}};
  add_latencies(spec, "before", tps_before, run);
  add_latencies(spec, "busiest", stats.most_tps_per_target, run);
  if (world.clients() != nullptr) add_measured_latencies(*world.clients(), run);
  run.values.push_back({"targets.false_alarms", MeasureUnit::count, world.false_alarms()});
  if (world.slowest_detection() >= Duration{}) {
    run.values.push_back(
        {"targets.slowest_detection", MeasureUnit::time, world.slowest_detection().count()});
  }
  for (std::size_t i = 0; i < spec.rules.size(); ++i) {
    run.values.push_back(
        {"pages." + spec.rules[i].rule.name, MeasureUnit::count, world.pages()[i]});
  }
}

class GatewayKind final : public SystemKind {
 public:
  GatewayKind()
      : SystemKind(
            {"gateway", "load_balancer", gateway_faults(), gateway_milestones, gateway_paths}) {}
  std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const override {
    return read_gateway(root, context);
  }
  std::vector<std::string> targets(const SystemSpec& system,
                                   const FaultType& fault) const override {
    return gateway_targets(spec_of(system), fault);
  }
  std::vector<FaultSpec> usual_faults(const SystemSpec& system) const override {
    return gateway_usual_faults(spec_of(system));
  }
  Duration observation() const override { return 20min; }
  std::optional<MeasureUnit> unit_of(std::string_view value) const override;
  std::vector<std::string> usual_measures() const override {
    return {"rto.p50", "own.targets.slowest_detection.p50", "own.requests.failed.mean",
            "own.targets.false_alarms.mean", "own.targets.least_healthy.min"};
  }
  RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const override;
};

std::optional<MeasureUnit> GatewayKind::unit_of(std::string_view value) const {
  if (value.empty()) return std::nullopt;
  if (value == "targets.slowest_detection" || value.starts_with("latency.")) {
    return MeasureUnit::time;
  }
  const bool fixed_point = value.starts_with("tps_per_target.") ||
                           value == "throughput.least_tps" || value == "utilisation.max_percent";
  return fixed_point ? MeasureUnit::thousandth : MeasureUnit::count;
}

RunOutcome GatewayKind::run(const ScenarioSpec& scenario, const RunOptions& options) const {
  RunOutcome outcome;
  RunMeasures& run = outcome.measures;
  run.seed = options.seed;
  run.of_database = false;
  GatewayWorld world(spec_of(scenario.system), options.seed, options.shuffle_ties);
  sim::Simulation& sim = world.sim();
  if (options.sink != nullptr) sim.trace().attach(*options.sink);
  world.start();
  FaultSchedule faults(sim, scenario.faults, gateway_milestones, [&](const FaultSpec& fault) {
    world.declare_fault();
    strike_gateway(world, fault);
  });
  faults.start();
  // Just before the first fault; where each waits for an event, until that has come.
  constexpr Duration patience = 24h;
  const Time first = std::min(faults.earliest(), sim.now() + patience);
  sim.run_until(first - 1ns);
  world.start_measuring();
  const double tps_before = world.shares().tps(0);
  sim.run_until(first);
  const Time fault = faults.first_fault();
  if (fault == sim::time_max) {
    outcome.problem = "no fault was injected";
    return outcome;
  }
  run.fault = since_start(fault);
  sim.run_until(fault + scenario.run_for);
  measure(world, fault, tps_before, run);
  run.milestones = faults.named_times();
  for (std::string& broken : world.broken_invariants()) {
    run.violations.push_back({std::move(broken), false});
  }
  if (options.timeline) outcome.timeline = faults.timeline();
  run.fingerprint = sim.fingerprint();
  outcome.events = sim.events_executed();
  return outcome;
}

}  // namespace

const SystemKind& gateway_kind() {
  static const GatewayKind kind;
  return kind;
}

}  // namespace predrill::harness
