#include "harness/kinds/aurora_kind.hpp"

#include <algorithm>
#include <array>

#include "harness/kinds/aurora_faults.hpp"
#include "harness/kinds/fault_schedule.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

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
    AuroraWorld::direct_path, AuroraWorld::hikari_path, AuroraWorld::proxy_path,
    AuroraWorld::reader_path};

Duration since_start(Time t) {
  return t - Time{};
}

// Where every single value of the sections was read, for messages and comparisons.
void record_values(const Node& node, const std::string& path, LoadContext& context) {
  for (const Member& member : node.members) {
    const std::string below = path + "." + member.key;
    context.record(below, member.value.place, member.key);
    if (member.value.is_map()) record_values(member.value, below, context);
  }
}

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

// How often another instance acknowledges writes than the one before.
std::int64_t changes_of_writer(const models::Journal& journal) {
  std::int64_t changes = 0;
  models::MemberId last = models::nobody;
  for (const models::Attempt& one : journal.attempts) {
    if (!one.write || one.outcome != models::Outcome::ok || one.server == models::nobody) continue;
    if (last != models::nobody && one.server != last) ++changes;
    last = one.server;
  }
  return changes;
}

std::int64_t flips_of(const std::vector<sim::Record>& records) {
  return std::ranges::count(records, &models::aurora::writer_flipped, &sim::Record::kind);
}

Milestones stages_at(const std::vector<sim::Record>& records, Duration fault) {
  Milestones at;
  at.fault = fault;
  const auto first = [&](const sim::Kind& kind) {
    for (const sim::Record& record : records) {
      if (record.kind == &kind) return since_start(record.at);
    }
    return sim::forever;
  };
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

void measure_clients(const models::Journal& journal, Duration fault, RunMeasures& run) {
  struct Client {
    std::string_view path;
    std::string name;
  };
  const std::array<Client, 2> clients = {
      {{AuroraWorld::hikari_path, "hikari"}, {AuroraWorld::proxy_path, "proxy"}}};
  for (const Client& client : clients) {
    const auto found = std::ranges::find(journal.paths, client.path);
    if (found == journal.paths.end()) continue;
    const auto path = static_cast<std::uint16_t>(found - journal.paths.begin());
    std::int64_t failed = 0;
    std::int64_t read_only = 0;
    Duration longest{};
    for (const models::Attempt& one : journal.attempts) {
      if (one.path != path || Duration(one.finished) < fault) continue;
      longest = std::max(longest, Duration(one.finished - one.sent));
      if (one.outcome != models::Outcome::ok) ++failed;
      if (one.state == models::SqlState::read_only) ++read_only;
    }
    run.values.push_back({client.name + ".failed", MeasureUnit::count, failed});
    run.values.push_back({client.name + ".read_only_25006", MeasureUnit::count, read_only});
    run.values.push_back({client.name + ".longest_wait", MeasureUnit::time, longest.count()});
  }
}

const std::string& name_of(const sim::Trace& trace, std::int64_t value) {
  return trace.entity_name(static_cast<sim::EntityId>(value));
}

// From the fault until Status and every DBInstanceStatus have said available; zero: they said
// nothing else. What an operator's script waits for, and no outage.
Duration api_time(const sim::Trace& trace, const std::vector<sim::Record>& records, Time fault) {
  Duration last{};
  for (const sim::Record& record : records) {
    const bool status = record.kind == &models::aurora::cluster_status ||
                        record.kind == &models::aurora::instance_status;
    if (status && name_of(trace, record.values[0]) == "available") last = record.at - fault;
  }
  return last;
}

class AuroraKind final : public SystemKind {
 public:
  std::string_view name() const override { return "aurora"; }
  std::string_view section() const override { return "aurora"; }
  std::span<const FaultType> faults() const override { return aurora_faults(); }
  std::span<const Milestone> milestones() const override { return aurora_milestones; }
  std::span<const std::string_view> paths() const override { return aurora_paths; }
  std::shared_ptr<const KindSpec> read(Reader& root, LoadContext& context) const override {
    auto system = std::make_shared<AuroraSystem>();
    const Value cluster = root.required("aurora");
    const Value clients = root.optional("clients");
    read_aurora(cluster, system->aurora);
    read_aurora_clients(clients, system->aurora.clients);
    system->aurora.clients.reads = true;
    for (const Value* section : {&cluster, &clients}) {
      if (!section->exists()) continue;
      record_values(*section->node(), section == &cluster ? "aurora" : "clients", context);
    }
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
    if (value == "api.available_again" || value.ends_with(".longest_wait")) {
      return MeasureUnit::time;
    }
    const bool known = value.ends_with(".failed") || value.ends_with(".read_only_25006");
    return known ? std::optional(MeasureUnit::count) : std::nullopt;
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
  faults.start();
  constexpr Duration patience = 24h;  // where each fault waits for an event
  sim.run_until(std::min(faults.earliest(), sim.now() + patience));
  const Time fault = faults.first_fault();
  if (fault == sim::time_max) {
    outcome.problem = "no fault was injected";
    return outcome;
  }
  run.fault = since_start(fault);
  const models::MemberId writer = 0;
  outcome.old_primary = spec.config.instances[writer].name;
  sim.run_until(fault + scenario.run_for);

  models::Journal& journal = outcome.journal;
  journal = std::move(world.journal());
  journal.observed_until = since_start(sim.now()).count();
  for (std::size_t i = 0; i < journal.paths.size(); ++i) {
    const auto path = static_cast<std::uint16_t>(i);
    const bool pool = journal.paths[i] == AuroraWorld::hikari_path;
    const Duration interval = pool ? spec.clients.request_interval : spec.clients.probe_interval;
    run.paths.push_back({journal.paths[i],
                         measure_path(journal, path, run.fault, outage_threshold(interval)),
                         count_errors(journal, path, run.fault)});
  }
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
  run.values.push_back({"api.available_again", MeasureUnit::time,
                        api_time(sim.trace(), faults.records(), fault).count()});
  measure_clients(journal, run.fault, run);
  run.milestones = faults.named_times();
  if (options.timeline) outcome.timeline = faults.timeline();
  run.fingerprint = sim.fingerprint();
  outcome.events = sim.events_executed();
  return outcome;
}

std::string AuroraKind::setting_behind(const ScenarioSpec& scenario, const Summary& summary) const {
  const auto stage = summary.dominating_stage();
  if (!stage || scenario.faults.empty()) return "";
  const AuroraSpec& spec = aurora_of(scenario.system);
  const auto with_line = [&](const std::string& path, const std::string& text) {
    const auto origin = scenario.system.origins.find(path);
    if (origin == scenario.system.origins.end() || origin->second.line == 0) {
      return text + " (default)";
    }
    const std::string& file = origin->second.file;
    return text + " (" + file.substr(file.rfind('/') + 1) + ":" +
           std::to_string(origin->second.line) + ")";
  };
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
  if (scenario.path == AuroraWorld::hikari_path) {
    return with_line("clients.networkaddress.cache.ttl",
                     "networkaddress.cache.ttl " + sim::to_text(spec.clients.jvm_dns_ttl));
  }
  if (scenario.path == AuroraWorld::proxy_path) return "RDS Proxy's notice of the new writer";
  return "the client's own pace";  // it asks the zone itself, without a cache
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
