#include "harness/engine/run.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "harness/engine/faults.hpp"
#include "harness/engine/invariant_watch.hpp"
#include "harness/engine/redundancy.hpp"
#include "harness/engine/world.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/measure/milestones.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::MemberId;
using sim::Duration;
using sim::Time;

namespace {

Duration since_start(Time t) {
  return t - Time{};
}

// Keeps what happens from the fault on.
class Collector : public sim::TraceSink {
 public:
  explicit Collector(const FaultInjector& injector) : injector_(injector) {}
  void on_record(const sim::Trace&, const sim::Record& record) override {
    if (injector_.clock().first() != sim::time_max) records.push_back(record);
  }
  std::vector<sim::Record> records;

 private:
  const FaultInjector& injector_;
};

// As the measures want to have them.
std::vector<TimedEvent> events_of(const sim::Trace& trace,
                                  const std::vector<sim::Record>& records) {
  std::vector<TimedEvent> events;
  events.reserve(records.size());
  for (const sim::Record& record : records) {
    events.push_back({since_start(record.at), record.kind->name, trace.entity_name(record.entity)});
  }
  return events;
}

// What the application keeps while it cannot pass it on, looked at once a second. Looking is no
// event: the run is the same.
struct Backlog {
  models::WorkloadStats before;  // when the fault struck
  std::size_t most = 0;
  Time last{};  // when it was last not empty
};

Backlog run_and_watch(World& world, Time until) {
  models::Workload& load = *world.workload();
  load.watch_connections();
  Backlog backlog{load.stats(), 0, world.sim().now()};
  while (world.sim().now() < until) {
    world.sim().run_until(std::min(until, world.sim().now() + 1s));
    backlog.most = std::max(backlog.most, load.queued());
    if (load.queued() > 0) backlog.last = world.sim().now();
  }
  return backlog;
}

void measure_load(RunMeasures& run, const models::Workload& load, const Backlog& backlog,
                  Time fault, Time until) {
  const auto count = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  const models::WorkloadStats& stats = load.stats();
  run.values.push_back({"backlog.max", MeasureUnit::count, count(backlog.most)});
  run.values.push_back({"backlog.end", MeasureUnit::count, count(load.queued())});
  run.values.push_back({"backlog.lasts", MeasureUnit::time, (backlog.last - fault).count()});
  run.values.push_back({"transactions.completed", MeasureUnit::count,
                        count(stats.completed - backlog.before.completed)});
  run.values.push_back(
      {"transactions.failed", MeasureUnit::count, count(stats.failed - backlog.before.failed)});
  // Of the connections that the applications' pools hold. Those that are still missing at the end
  // were so until then at least.
  const bool back = load.connected_again() != sim::time_max;
  const Time again = back ? load.connected_again() : until;
  run.values.push_back({"connections.back", MeasureUnit::time, (again - fault).count()});
  run.values.push_back({"connections.end", MeasureUnit::count, count(load.connected())});
  run.values.push_back({"connections.refused", MeasureUnit::count,
                        count(stats.refused_connects - backlog.before.refused_connects)});
  if (stats.response.count() == 0) return;
  run.values.push_back(
      {"response.mean", MeasureUnit::time, static_cast<std::int64_t>(*stats.response.mean())});
  run.values.push_back({"response.p99", MeasureUnit::time, *stats.response.quantile(0.99)});
}

void measure_loss(RunMeasures& run, World& world, Time fault) {
  const MemberId survivor = writer_of(world);
  if (survivor != models::nobody) {
    models::PostgresServer& server = world.member(survivor).postgres;
    const models::Loss loss = world.ledger().lost(server.history(), server.flushed());
    run.loss = {loss.rows, loss.bytes, loss.age_at(fault)};
  }
  const models::DualWriters dual = world.ledger().dual_writers(1ms);
  run.dual_writers = {dual.overlap, dual.writes};
}

void measure(RunOutcome& outcome, World& world, const ScenarioSpec& scenario, Time fault,
             MemberId old_primary, const std::vector<TimedEvent>& events) {
  RunMeasures& run = outcome.measures;
  const Time until = world.sim().now();
  models::Journal& journal = outcome.journal;
  journal = std::move(world.journal());
  journal.observed_until = since_start(until).count();
  const Duration threshold = outage_threshold(scenario.system.probe.interval);
  for (std::size_t i = 0; i < journal.paths.size(); ++i) {
    const auto path = static_cast<std::uint16_t>(i);
    run.paths.push_back({journal.paths[i],
                         measure_path(journal, path, since_start(fault), threshold),
                         count_errors(journal, path, since_start(fault))});
  }
  for (MemberId id = 0; id < world.members(); ++id) world.member(id).postgres.settle_ledger();
  if (const auto database = measure_flows(world.ledger().flows(), fault, until)) {
    run.paths.push_back({"database", *database, {}});
  }
  const PathRun* judged = run.find_path(scenario.path);
  if (judged == nullptr && !run.paths.empty()) judged = &run.paths.back();
  const Duration rto = judged == nullptr ? Duration{} : judged->measures.rto;
  run.stages_of_path = cut(milestones_of(events, since_start(fault), rto), rto);
  const MemberId leader = world.leader();
  if (leader != old_primary && leader != models::nobody) {
    run.new_primary = scenario.system.members[leader].name;
  }
  measure_loss(run, world, fault);
  if (world.pgbouncer() == nullptr) return;
  for (const models::PgbouncerPoolSample& sample : world.pgbouncer()->samples()) {
    run.pool.push_back({sample.at - fault, sample.row.cl_active, sample.row.cl_waiting,
                        sample.row.sv_active, sample.row.sv_idle});
  }
}

}  // namespace

RunOutcome run_once(const ScenarioSpec& scenario, const RunOptions& options) {
  if (scenario.system.kind != nullptr) return scenario.system.kind->run(scenario, options);
  RunOutcome outcome;
  outcome.measures.seed = options.seed;
  World world(scenario.system, {.seed = options.seed, .shuffle_ties = options.shuffle_ties});
  sim::Simulation& sim = world.sim();
  if (options.sink != nullptr) sim.trace().attach(*options.sink);
  InvariantWatch watch(world);
  if (!world.settle()) {
    outcome.problem = "the system does not settle before the fault";
    return outcome;
  }
  if (options.meddle) options.meddle(world);
  FaultInjector injector(world, scenario.faults);
  Collector collector(injector);
  sim.trace().attach(collector);
  injector.clock().start();
  constexpr Duration before = 5s;  // of measurement, so that the path is known to have worked
  sim.run_until(std::max(sim.now(), injector.clock().earliest() - before));
  world.start_clients();
  for (auto& pooler : world.poolers()) pooler->record_samples(1s);
  sim.run_until(injector.clock().earliest());
  const Time fault = injector.clock().first();
  if (fault == sim::time_max) {
    outcome.problem = "no fault was injected";
    return outcome;
  }
  RunMeasures& run = outcome.measures;
  run.fault = since_start(fault);
  const MemberId old_primary = injector.primary_before();
  if (old_primary != models::nobody) {
    outcome.old_primary = scenario.system.members[old_primary].name;
  }
  std::optional<Backlog> backlog;
  if (world.workload() != nullptr) backlog = run_and_watch(world, fault + scenario.run_for);
  sim.run_until(fault + scenario.run_for);
  sim.trace().detach(collector);
  watch.finish(writer_of(world));
  run.violations = watch.violations();
  if (injector.nodes() != nullptr) {
    for (std::string& broken : injector.nodes()->broken()) {
      run.violations.push_back({std::move(broken), false});
    }
  }
  outcome.broken = watch.checker().violations();

  const std::vector<TimedEvent> events = events_of(sim.trace(), collector.records);
  run.milestones = named_milestones(events, since_start(fault), outcome.old_primary);
  run.key_released = std::any_of(run.milestones.begin(), run.milestones.end(),
                                 [](const NamedTime& m) { return m.name == "key_released"; });
  measure(outcome, world, scenario, fault, old_primary, events);
  if (backlog) measure_load(run, *world.workload(), *backlog, fault, sim.now());
  if (options.timeline) {
    for (const sim::Record& record : collector.records) {
      outcome.timeline.push_back({record.at - fault, sim.trace().entity_name(record.entity),
                                  sim.trace().describe(record), record.id, record.cause});
    }
  }
  run.fingerprint = sim.fingerprint();
  outcome.events = sim.events_executed();
  return outcome;
}

}  // namespace predrill::harness
