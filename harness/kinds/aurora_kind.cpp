#include "harness/kinds/aurora_kind.hpp"

#include <algorithm>
#include <array>

#include "harness/kinds/aurora_faults.hpp"
#include "harness/kinds/fault_schedule.hpp"
#include "harness/kinds/managed_kind.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

constexpr std::array<Milestone, 14> aurora_milestones = {{
    {"fault", "fault.injected", "the fault strikes"},
    {"api_call", "aurora.api_call", "a call to the API is answered"},
    {"cluster_status", "aurora.cluster_status", "Status of the cluster changes"},
    {"instance_status", "aurora.instance_status", "DBInstanceStatus of an instance changes"},
    {"writer_closed", "aurora.writer_closed", "the old writer takes no more statements"},
    {"writer_flipped", "aurora.writer_flipped", "IsClusterWriter changes"},
    {"endpoint_moved", "aurora.endpoint_moved", "the cluster endpoint answers another address"},
    {"no_target", "aurora.no_target", "no reader can be promoted"},
    {"engine_stopped", "aurora.engine_stopped", "the engine of an instance ends"},
    {"engine_started", "aurora.engine_started", "an engine accepts connections"},
    {"fenced", "aurora.fenced", "the storage refuses an old writer"},
    {"pool_evicted", "hikari.evicted", "the pool drops a broken connection"},
    {"pool_connected", "hikari.connected", "the pool adds a connection"},
    {"pool_timed_out", "hikari.timed_out", "a borrower waited for connectionTimeout in vain"},
}};
constexpr std::array<std::string_view, 4> aurora_paths = {
    AuroraWorld::paths.direct, ClientPaths::hikari, ClientPaths::proxy, AuroraWorld::paths.reader};

// Writes that were acknowledged and that the volume lacks.
RunLoss loss_of(const models::Journal& journal, const models::Lsn& durable, Duration fault) {
  RunLoss loss;
  for (const models::Attempt& one : journal.attempts) {
    if (!one.write || one.outcome != models::Outcome::ok || !(durable < one.position)) continue;
    ++loss.rows;
    loss.age = std::max(loss.age, fault - Duration(one.finished));
  }
  return loss;
}

std::int64_t flips_of(const std::vector<sim::Record>& records) {
  return std::ranges::count(records, &models::aurora::writer_flipped, &sim::Record::kind);
}

constexpr std::array<const sim::Kind*, 2> statuses = {&models::aurora::cluster_status,
                                                      &models::aurora::instance_status};

Milestones stages_at(const std::vector<sim::Record>& records, Duration fault) {
  Milestones at;
  at.fault = fault;
  const auto first = [&](const sim::Kind& kind) { return first_of(records, kind); };
  namespace aurora = models::aurora;
  at.detected = first(aurora::writer_closed);
  if (at.detected == sim::forever) {
    at.detected = std::min(first(aurora::cluster_status), first(aurora::instance_status));
  }
  if (at.detected == sim::forever) at.detected = fault;  // an engine restarts by itself
  at.elected = at.detected;
  at.writable = std::min(first(aurora::writer_flipped), first(aurora::engine_started));
  at.routed = std::max(at.writable, first(aurora::endpoint_moved));
  if (first(aurora::writer_flipped) == sim::forever) at.routed = at.writable;
  return at;
}

class AuroraKind final : public SystemKind {
 public:
  AuroraKind()
      : SystemKind({"aurora", "aurora", aurora_faults(), aurora_milestones, aurora_paths}) {}
  std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const override {
    auto system = std::make_shared<AuroraSystem>();
    read_aurora(root.required("aurora"), system->aurora);
    read_managed_sections(root, "aurora", context, system->aurora.clients);
    system->aurora.clients.reads = true;
    return system;
  }
  std::vector<std::string> targets(const SystemSpec& system,
                                   const FaultType& fault) const override {
    return aurora_targets(aurora_of(system), fault);
  }
  std::vector<FaultSpec> usual_faults(const SystemSpec& system) const override {
    return aurora_usual_faults(aurora_of(system));
  }
  std::optional<MeasureUnit> unit_of(std::string_view value) const override {
    return managed_unit_of(value);
  }
  RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const override;
  std::string setting_behind(const ScenarioSpec& scenario, const Summary& summary) const override;
};

RunOutcome AuroraKind::run(const ScenarioSpec& scenario, const RunOptions& options) const {
  RunOutcome outcome;
  RunMeasures& run = outcome.measures;
  run.seed = options.seed;
  const AuroraSpec& spec = aurora_of(scenario.system);
  AuroraWorld world(spec, options.seed, options.shuffle_ties);
  sim::Simulation& sim = world.sim();
  if (options.sink != nullptr) sim.trace().attach(*options.sink);
  FaultSchedule faults(sim, scenario.faults, aurora_milestones,
                       [&](const FaultSpec& fault) { strike_aurora(world, fault); });
  world.start();
  if (!faults.observe(scenario, outcome)) return outcome;
  const models::MemberId writer = 0;
  outcome.old_primary = spec.config.instances[writer].name;
  measure_clients(world.journal(), spec.clients, sim.now(), outcome);
  const models::Journal& journal = outcome.journal;
  const PathRun* judged = run.find_path(scenario.path);
  const Duration rto = judged == nullptr ? Duration{} : judged->measures.rto;
  run.stages_of_path = cut(stages_at(faults.records(), run.fault), rto);
  const models::MemberId now = world.cluster().writer();
  if (now != writer) run.new_primary = spec.config.instances[now].name;
  run.loss = loss_of(journal, world.cluster().storage().durable(), run.fault);
  if (run.loss.rows > 0) {
    run.violations.push_back(
        {"the volume lacks " + std::to_string(run.loss.rows) + " acknowledged writes", false});
  }
  // Two writers at a time would take turns more often than the control plane has changed them.
  if (changes_of_writer(journal) > flips_of(faults.records())) {
    run.violations.push_back({"two instances acknowledged writes at one time", false});
  }
  run.values.push_back(
      {"api.available_again", MeasureUnit::time,
       api_time(sim.trace(), faults.records(), faults.first_fault(), statuses).count()});
  faults.tell(outcome, options);
  return outcome;
}

std::string AuroraKind::setting_behind(const ScenarioSpec& scenario, const Summary& summary) const {
  const auto stage = summary.dominating_stage();
  if (!stage || scenario.faults.empty()) return "";
  const AuroraSpec& spec = aurora_of(scenario.system);
  const bool in_place =
      scenario.faults.front().name == "engine_crash" || scenario.faults.front().name == "reboot";
  switch (*stage) {
    case Stage::detection:
      return scenario.faults.front().name == "failover" ? "Aurora closes the old writer"
                                                        : "Aurora notices that the host is gone";
    case Stage::election:
    case Stage::promotion:
      return in_place ? "the engine's restart" : "Aurora's promotion of a reader";
    case Stage::routing:
      return "Aurora's update of the endpoint";
    case Stage::reconnection:
    case Stage::first_commit:
      break;
  }
  return setting_of_clients(scenario, spec.clients, "aurora.dns_ttl", spec.config.dns_ttl);
}

}  // namespace

const AuroraSpec& aurora_of(const SystemSpec& system) {
  return static_cast<const AuroraSystem&>(*system.of_kind).aurora;
}

const SystemKind& aurora_kind() {
  static const AuroraKind kind;
  return kind;
}

}  // namespace predrill::harness
