#include "harness/kinds/deployment_kinds.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "harness/kinds/capacity_watch.hpp"
#include "harness/kinds/fault_schedule.hpp"
#include "harness/load/read_distribution.hpp"
#include "models/ecs_service.hpp"
#include "models/rollout.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;
using sim::Time;

namespace {

struct EcsSystem : KindSpec {
  std::string service;
  models::EcsServiceConfig config;
};

struct DeploymentSystem : KindSpec {
  std::string name;
  models::RolloutConfig config;
  std::vector<bool> needs_database;  // of the init containers
  std::optional<Duration> secret_refresh;
};

constexpr std::array<ArgumentForm, 1> kill_arguments = {
    {{"tasks", ArgumentType::count, "so many at once (default 1)"}}};
constexpr std::array<ArgumentForm, 1> scale_arguments = {
    {{"desired", ArgumentType::count, "the new desired count", true}}};
constexpr std::array<FaultType, 4> ecs_faults = {{
    {"deploy", "a new task definition is deployed", "tasks are replaced within both bounds", {}},
    {"bad_deploy",
     "a task definition that fails its health check is deployed",
     "it is tried until the circuit breaker opens; old tasks go as far as the minimum lets them",
     {}},
    {"task_kill", "tasks die", "each is replaced by a new one", kill_arguments},
    {"scale", "the desired count changes", "tasks are started or drained", scale_arguments},
}};
constexpr std::array<FaultType, 3> rollout_faults = {{
    {"rollout",
     "a rolling update",
     "new pods run their init containers, old ones go as they do",
     {}},
    {"database_unready",
     "an init container's check fails",
     "pods loop in Init:CrashLoopBackOff; with for it passes again",
     {}},
    {"secret_stored",
     "the value arrives in the secret's store",
     "the ExternalSecret finds it at its next look; pods that run never read it",
     {}},
}};

constexpr std::array<Milestone, 5> ecs_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"task_healthy", "ecs.task_healthy", "a new task is healthy"},
    {"task_failed", "ecs.task_failed", "a task fails its health check"},
    {"circuit_breaker", "ecs.circuit_breaker", "the deployment is given up"},
    {"steady", "ecs.steady", "the service has reached a steady state"},
}};
constexpr std::array<Milestone, 6> rollout_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"pod_ready", "rollout.pod_ready", "a new pod is ready"},
    {"init_failed", "rollout.init_failed", "an init container fails"},
    {"secret_synced", "rollout.secret_synced", "the secret is in the cluster"},
    {"rolled_out", "rollout.complete", "successfully rolled out"},
    {"stuck", "rollout.stuck", "the progress deadline has passed"},
}};
constexpr std::array<std::string_view, 2> ecs_paths = {"requests", "capacity"};
constexpr std::array<std::string_view, 3> rollout_paths = {"requests", "capacity", "secret"};

FaultSpec usual(std::string_view name, const std::string& target) {
  FaultSpec fault;
  fault.name = name;
  fault.targets = {target};
  fault.at.delay = Distribution::uniform(Duration(30s), Duration(40s));
  return fault;
}

// Runs the schedule for the length that the scenario wants; false: no fault struck.
bool drive(const ScenarioSpec& scenario, FaultSchedule& faults, CapacityWatch& watch,
           RunOutcome& outcome, const RunOptions& options) {
  RunMeasures& run = outcome.measures;
  run.seed = options.seed;
  run.of_database = false;
  watch.start();
  if (!faults.observe(scenario, outcome)) return false;
  run.paths = watch.measure(faults.first_fault());
  faults.tell(outcome, options);
  return true;
}

class EcsKind final : public SystemKind {
 public:
  EcsKind() : SystemKind({"ecs", "ecs_service", ecs_faults, ecs_milestones, ecs_paths}) {}
  Duration observation() const override { return 60min; }
  std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const override;
  std::vector<std::string> targets(const SystemSpec& system, const FaultType&) const override {
    return {static_cast<const EcsSystem&>(*system.of_kind).service};
  }
  std::vector<FaultSpec> usual_faults(const SystemSpec& system) const override {
    const auto& spec = static_cast<const EcsSystem&>(*system.of_kind);
    return {usual("deploy", spec.service), usual("bad_deploy", spec.service),
            usual("task_kill", spec.service)};
  }
  std::optional<MeasureUnit> unit_of(std::string_view value) const override {
    const bool known = value == "tasks.missing_most" || value == "tasks.failed" ||
                       value == "deployment.rolled_back" || value == "deployment.not_steady";
    return known ? std::optional(MeasureUnit::count) : std::nullopt;
  }
  RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const override;
};

std::shared_ptr<const KindSpec> EcsKind::read(Reader& root, LoadContext&) const {
  auto spec = std::make_shared<EcsSystem>();
  const Value section = root.required("ecs_service");
  Reader reader(section);
  models::EcsServiceConfig& config = spec->config;
  assign(spec->service, reader.required("serviceName").text());
  assign(config.desired, reader.required("desiredCount").integer(1, 5000));
  assign(config.minimum_healthy_percent, reader.optional("minimumHealthyPercent").integer(0, 100));
  assign(config.maximum_percent, reader.optional("maximumPercent").integer(100, 200));
  assign(config.circuit_breaker, reader.optional("deploymentCircuitBreaker").boolean());
  assign(config.rollback, reader.optional("rollback").boolean());
  assign(config.deregistration_delay, reader.optional("deregistration_delay").duration(0s, 1h));
  assign(config.stop_timeout, reader.optional("stopTimeout").duration(0s, 2min));
  read_into(config.launch, reader.optional("launch"));
  read_into(config.until_healthy, reader.optional("until_healthy"));
  for (const std::string& problem : models::validate(config)) section.warning(problem);
  return spec;
}

RunOutcome EcsKind::run(const ScenarioSpec& scenario, const RunOptions& options) const {
  const auto& spec = static_cast<const EcsSystem&>(*scenario.system.of_kind);
  RunOutcome outcome;
  sim::Simulation sim({.seed = options.seed, .shuffle_ties = options.shuffle_ties});
  if (options.sink != nullptr) sim.trace().attach(*options.sink);
  sim::Host host(sim, spec.service);
  models::EcsService service(host, spec.config);
  std::uint32_t desired = spec.config.desired;
  FaultSchedule faults(sim, scenario.faults, ecs_milestones, [&](const FaultSpec& fault) {
    if (fault.name == "task_kill") {
      const auto* count = fault.argument<std::int64_t>("tasks");
      for (std::int64_t i = 0; i < (count == nullptr ? 1 : *count); ++i) service.kill_task();
    } else if (fault.name == "scale") {
      desired = static_cast<std::uint32_t>(*fault.argument<std::int64_t>("desired"));
      service.set_desired(desired);
    } else {
      service.deploy(fault.name == "deploy");
    }
  });
  // The load balancer fails open to tasks that do not answer either: only healthy ones serve.
  CapacityWatch watch(sim, {{"requests", [&] { return service.healthy() == 0; }},
                            {"capacity", [&] { return service.healthy() < desired; }}});
  service.start();
  if (drive(scenario, faults, watch, outcome, options)) {
    const auto missing = static_cast<std::int64_t>(desired) - service.least_healthy();
    outcome.measures.values = {
        {"tasks.missing_most", MeasureUnit::count, std::max<std::int64_t>(missing, 0)},
        {"tasks.failed", MeasureUnit::count, service.failed()},
        {"deployment.rolled_back", MeasureUnit::count, service.rolled_back() ? 1 : 0},
        {"deployment.not_steady", MeasureUnit::count, service.steady() ? 0 : 1}};
  }
  sim.shut_down();
  return outcome;
}

class RolloutKind final : public SystemKind {
 public:
  RolloutKind()
      : SystemKind({"rollout", "deployment", rollout_faults, rollout_milestones, rollout_paths}) {}
  Duration observation() const override { return 60min; }
  std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const override;
  std::vector<std::string> targets(const SystemSpec& system, const FaultType&) const override {
    return {static_cast<const DeploymentSystem&>(*system.of_kind).name};
  }
  std::vector<FaultSpec> usual_faults(const SystemSpec& system) const override {
    return {usual("rollout", static_cast<const DeploymentSystem&>(*system.of_kind).name)};
  }
  std::optional<MeasureUnit> unit_of(std::string_view value) const override {
    const bool known = value == "pods.missing_most" || value == "pods.without_secret" ||
                       value == "init.failures" || value == "rollout.stuck";
    return known ? std::optional(MeasureUnit::count) : std::nullopt;
  }
  RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const override;
};

std::shared_ptr<const KindSpec> RolloutKind::read(Reader& root, LoadContext&) const {
  auto spec = std::make_shared<DeploymentSystem>();
  Reader reader(root.required("deployment"));
  models::RolloutConfig& config = spec->config;
  assign(spec->name, reader.required("name").text());
  assign(config.replicas, reader.required("replicas").integer(1, 5000));
  assign(config.max_surge_percent, reader.optional("max_surge_percent").integer(0, 100));
  assign(config.max_unavailable_percent,
         reader.optional("max_unavailable_percent").integer(0, 100));
  assign(config.progress_deadline, reader.optional("progressDeadlineSeconds").duration(1s, 24h));
  read_into(config.pod_start, reader.required("pod_start"));
  read_into(config.until_ready, reader.required("until_ready"));
  for (const Value& item : reader.optional("init_containers").items()) {
    Reader one(item);
    models::InitContainer container;
    assign(container.name, one.required("name").text());
    read_into(container.takes, one.required("takes"));
    config.init_containers.push_back(std::move(container));
    bool needs = false;
    assign(needs, one.optional("needs_database").boolean());
    spec->needs_database.push_back(needs);
  }
  const Value secret = reader.optional("external_secret");
  if (secret.exists()) {
    spec->secret_refresh = 1h;
    Reader settings(secret);
    assign(*spec->secret_refresh, settings.optional("refreshInterval").duration(1s, 24h));
  }
  return spec;
}

sim::Task<> ready_later(bool& database, const Duration length) {
  co_await sim::sleep_for(length);
  database = true;
}

RunOutcome RolloutKind::run(const ScenarioSpec& scenario, const RunOptions& options) const {
  const auto& spec = static_cast<const DeploymentSystem&>(*scenario.system.of_kind);
  RunOutcome outcome;
  sim::Simulation sim({.seed = options.seed, .shuffle_ties = options.shuffle_ties});
  if (options.sink != nullptr) sim.trace().attach(*options.sink);
  sim::Host host(sim, spec.name);
  bool database = true;
  models::RolloutConfig config = spec.config;
  for (std::size_t i = 0; i < config.init_containers.size(); ++i) {
    if (!spec.needs_database[i]) continue;
    config.init_containers[i].check = [&database] { return database; };
  }
  std::unique_ptr<models::ExternalSecret> secret;
  if (spec.secret_refresh) {
    secret = std::make_unique<models::ExternalSecret>(host, *spec.secret_refresh);
    secret->start();
  }
  models::RollingDeployment deployment(host, config, secret.get());
  FaultSchedule faults(sim, scenario.faults, rollout_milestones, [&](const FaultSpec& fault) {
    if (fault.name == "rollout") {
      deployment.roll_out();
    } else if (fault.name == "database_unready") {
      database = false;
      if (fault.length) sim.world().spawn(ready_later(database, *fault.length));
    } else if (secret) {
      secret->store_value();
    }
  });
  CapacityWatch watch(
      sim, {{"requests", [&] { return deployment.ready() == 0; }},
            {"capacity", [&] { return deployment.ready() < config.replicas; }},
            {"secret", [&] { return secret && deployment.with_secret() < deployment.ready(); }}});
  deployment.start();
  if (drive(scenario, faults, watch, outcome, options)) {
    const auto missing = static_cast<std::int64_t>(config.replicas) - deployment.least_ready();
    const auto without = static_cast<std::int64_t>(deployment.ready()) - deployment.with_secret();
    outcome.measures.values = {
        {"pods.missing_most", MeasureUnit::count, std::max<std::int64_t>(missing, 0)},
        {"pods.without_secret", MeasureUnit::count, secret ? without : 0},
        {"init.failures", MeasureUnit::count, deployment.init_failures()},
        {"rollout.stuck", MeasureUnit::count, deployment.stuck() ? 1 : 0}};
  }
  sim.shut_down();
  return outcome;
}

}  // namespace

const SystemKind& ecs_kind() {
  static const EcsKind kind;
  return kind;
}

const SystemKind& rollout_kind() {
  static const RolloutKind kind;
  return kind;
}

}  // namespace predrill::harness
