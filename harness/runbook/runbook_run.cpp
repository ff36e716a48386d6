#include "harness/runbook/runbook_run.hpp"

#include <algorithm>
#include <utility>

#include "harness/aurora/aurora_world.hpp"
#include "harness/measure/outage.hpp"
#include "models/aws_cli.hpp"
#include "sim/sync.hpp"
#include "sim/trace_sinks.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;

namespace {

using models::RdsFault;
using models::WaiterVerdict;
using Kind = RunbookCommand::Kind;

constexpr sim::Kind step_begun{"runbook.step", "step {0:n} begins: {1:n}"};
constexpr sim::Kind step_failed{"runbook.step_failed", "step {0:n} failed"};
constexpr sim::Kind step_done{"runbook.step_done", "step {0:n} is done"};
constexpr sim::Kind no_go{"runbook.no_go", "no go before step {0:n}"};
constexpr sim::Kind command_begun{"runbook.command", "$ {0:n}"};
constexpr sim::Kind wait_success{"runbook.wait_success", "the wait ends in success, polls: {0}"};
constexpr sim::Kind wait_race{"runbook.race",
                              "RACE: the wait has ended, the operation it was meant for has not"};

constexpr sim::Duration run_max = 48h;
constexpr sim::Duration observed_after = 5min;
constexpr sim::Duration disturbance_window = 10min;

class ClusterAvailable final : public models::Describable {
 public:
  explicit ClusterAvailable(const models::AuroraCluster& cluster) : cluster_(cluster) {}
  WaiterVerdict describe() const override {
    const bool available = cluster_.status() == models::ClusterStatus::available;
    return available ? WaiterVerdict::success : WaiterVerdict::retry;
  }

 private:
  const models::AuroraCluster& cluster_;
};

class InstanceIsAvailable final : public models::Describable {
 public:
  InstanceIsAvailable(const models::AuroraCluster& cluster, const std::string& name)
      : cluster_(cluster), name_(name) {}
  WaiterVerdict describe() const override {
    const auto status = cluster_.instance_status(name_);
    if (!status || *status == models::InstanceStatus::failed) return WaiterVerdict::failure;
    const bool available = *status == models::InstanceStatus::available;
    return available ? WaiterVerdict::success : WaiterVerdict::retry;
  }

 private:
  const models::AuroraCluster& cluster_;
  const std::string& name_;
};

class SnapshotIsAvailable final : public models::Describable {
 public:
  SnapshotIsAvailable(const models::AuroraCluster& cluster, const std::string& name)
      : cluster_(cluster), name_(name) {}
  WaiterVerdict describe() const override {
    const auto status = cluster_.snapshot_status(name_);
    if (!status) return WaiterVerdict::failure;
    const bool available = *status == models::SnapshotStatus::available;
    return available ? WaiterVerdict::success : WaiterVerdict::retry;
  }

 private:
  const models::AuroraCluster& cluster_;
  const std::string& name_;
};

class Run {
 public:
  Run(const RunbookSpec& spec, const RunbookRunOptions& options)
      : spec_(spec),
        world_(spec.aurora, options.seed, options.shuffle_ties),
        entity_(world_.sim().trace().entity("operator")),
        people_(world_.operator_host(), "people"),
        human_(world_.operator_host().stream("human")),
        cli_(world_.operator_host().stream("cli")),
        commands_(world_.operator_host().stream("commands")) {
    outcome_.seed = options.seed;
    world_.sim().trace().attach(records_);
    if (options.sink != nullptr) world_.sim().trace().attach(*options.sink);
  }

  RunbookOutcome run(bool timeline);

 private:
  sim::Task<> drive();
  sim::Task<bool> attempt(const RunbookStep* step);
  sim::Task<bool> execute(const RunbookStep* step, const RunbookCommand* command);
  sim::Task<bool> execute_aws(const RunbookStep* step, const RunbookCommand* command);
  sim::Task<bool> wait_for(const RunbookStep* step, const RunbookCommand* command);
  sim::Task<bool> cloudformation_reboot(const RunbookCommand* command);
  sim::Task<bool> poll_cluster(const RunbookCommand* command);
  sim::Task<bool> poll_instance(const RunbookCommand* command);

  RdsFault call(const AwsCommand& aws);
  void note_disturbance(std::string what);
  void mark(const std::string& name);
  void mark_once(const std::string& name);
  void measure();
  void measure(Interruption& one, sim::Duration until);
  void complete_races();
  void write_timeline();
  sim::Duration since_start() { return world_.sim().now() - start_; }
  template <class... Values>
  void emit(const sim::Kind& kind, Values... values) {
    world_.sim().trace().emit(world_.sim().now(), entity_, kind, values...);
  }
  std::int64_t name(std::string_view text) { return world_.sim().trace().name(text); }
  models::AuroraCluster& cluster() { return world_.cluster(); }

  const RunbookSpec& spec_;
  AuroraWorld world_;
  sim::EntityId entity_;
  sim::Group people_;
  sim::Stream human_, cli_, commands_;
  sim::RecordCollector records_;
  RunbookOutcome outcome_;
  sim::Time start_{};
  sim::Time last_call_{};
  bool done_ = false;
};

void Run::mark(const std::string& name) {
  outcome_.marks.emplace_back(name, since_start());
}

void Run::mark_once(const std::string& name) {
  if (outcome_.find_mark(name) == nullptr) mark(name);
}

RunbookOutcome Run::run(bool timeline) {
  world_.start();
  start_ = world_.sim().now();
  people_.spawn(drive());
  while (!done_ && since_start() < run_max) world_.sim().run_for(1min);
  world_.sim().run_for(observed_after);
  outcome_.fingerprint = world_.sim().fingerprint();
  outcome_.events = world_.sim().events_executed();
  complete_races();
  measure();
  if (timeline) write_timeline();
  world_.sim().trace().detach(records_);
  return std::move(outcome_);
}

// ---- people

sim::Task<> Run::drive() {
  for (const RunbookStep& step : spec_.steps) {
    const sim::Distribution& before = step.before ? *step.before : spec_.human;
    const sim::Duration pause = before.sample_duration(human_);
    co_await sim::sleep_for(pause);
    if (human_.chance(step.no_go)) {
      emit(no_go, name(step.name));
      outcome_.stopped_at = step.name;
      break;
    }
    mark(step.name + ".begin");
    emit(step_begun, name(step.name), name(step.title));
    bool good = false;
    for (std::uint32_t i = 0; i < step.attempts && !good; ++i) {
      if (i > 0) {
        const sim::Duration again = step.retry_pause.sample_duration(human_);
        co_await sim::sleep_for(again);
      }
      good = co_await attempt(&step);
    }
    mark(step.name + ".end");
    emit(good ? step_done : step_failed, name(step.name));
    if (good) continue;
    outcome_.failed_steps.push_back(step.name);
    if (step.on_failure == RunbookStep::Failure::go_on) continue;
    outcome_.stopped_at = step.name;
    break;
  }
  outcome_.completed = outcome_.stopped_at.empty();
  outcome_.length = since_start();
  done_ = true;
}

sim::Task<bool> Run::attempt(const RunbookStep* step) {
  for (const RunbookCommand& command : step->commands) {
    if (!command.mark.empty()) mark(command.mark + ".begin");
    emit(command_begun, name(command.text));
    const bool good = co_await execute(step, &command);
    if (!command.mark.empty()) mark(command.mark);
    if (!good) co_return false;
  }
  co_return true;
}

sim::Task<bool> Run::execute(const RunbookStep* step, const RunbookCommand* command) {
  bool good = true;
  switch (command->kind) {
    case Kind::aws:
      good = co_await execute_aws(step, command);
      break;
    case Kind::takes: {
      const sim::Duration length = command->takes.sample_duration(commands_);
      co_await sim::sleep_for(length);
      good = !commands_.chance(command->fails);
      break;
    }
    case Kind::attach_parameters:
      good = cluster().attach_parameter_group(command->parameters, command->apply_immediately) ==
             RdsFault::none;
      break;
    case Kind::cloudformation_reboot:
      good = co_await cloudformation_reboot(command);
      break;
    case Kind::poll_cluster:
      good = co_await poll_cluster(command);
      break;
    case Kind::poll_instance:
      good = co_await poll_instance(command);
      break;
    case Kind::check_writer: {
      const sim::Duration length = spec_.cli.call.sample_duration(cli_);
      co_await sim::sleep_for(length);
      good = cluster().writer() == cluster().find(command->instance);
      break;
    }
    case Kind::check_parameter: {
      const models::MemberId member = command->instance.empty() ? cluster().accepting_writes()
                                                                : cluster().find(command->instance);
      const bool reachable = member != models::nobody && cluster().instance(member).running();
      good = reachable && cluster().instance(member).show(command->parameter) == command->value;
      break;
    }
  }
  co_return good;
}

// ---- commands

void Run::note_disturbance(std::string what) {
  Interruption one;
  one.what = std::move(what);
  one.at = since_start();
  outcome_.disturbances.push_back(std::move(one));
}

RdsFault Run::call(const AwsCommand& aws) {
  switch (aws.verb) {
    case AwsVerb::create_db_cluster_snapshot:
      return cluster().create_db_cluster_snapshot(aws.snapshot);
    case AwsVerb::delete_db_cluster_snapshot:
      return cluster().delete_db_cluster_snapshot(aws.snapshot);
    case AwsVerb::reboot_db_instance: {
      // ForceFailover is for Multi-AZ instances; on Aurora it is refused.
      if (aws.force_failover) return RdsFault::invalid_parameter_combination;
      const bool writer = cluster().find(aws.instance) == cluster().writer();
      const RdsFault fault = cluster().reboot_db_instance(aws.instance);
      if (fault == RdsFault::none && writer) note_disturbance("writer reboot");
      return fault;
    }
    case AwsVerb::modify_db_instance:
      return cluster().modify_db_instance(aws.instance, aws.instance_class, aws.apply_immediately);
    case AwsVerb::modify_db_cluster:
      if (aws.insights_mode.empty()) return RdsFault::none;
      return cluster().modify_insights(aws.insights_mode == "advanced", 7);
    case AwsVerb::failover_db_cluster: {
      const RdsFault fault = cluster().failover_db_cluster(aws.instance);
      if (fault == RdsFault::none) note_disturbance("failover");
      return fault;
    }
    case AwsVerb::wait_instance_available:
    case AwsVerb::wait_cluster_available:
    case AwsVerb::wait_snapshot_available:
    case AwsVerb::describe:
      break;
  }
  return RdsFault::none;
}

sim::Task<bool> Run::execute_aws(const RunbookStep* step, const RunbookCommand* command) {
  const AwsVerb verb = command->aws.verb;
  const bool waits = verb == AwsVerb::wait_instance_available ||
                     verb == AwsVerb::wait_cluster_available ||
                     verb == AwsVerb::wait_snapshot_available;
  if (waits) {
    const bool good = co_await wait_for(step, command);
    co_return good;
  }
  const sim::Duration length = spec_.cli.call.sample_duration(cli_);
  co_await sim::sleep_for(length);
  last_call_ = world_.sim().now();
  co_return call(command->aws) == RdsFault::none;
}

sim::Task<bool> Run::wait_for(const RunbookStep* step, const RunbookCommand* command) {
  ClusterAvailable of_cluster(cluster());
  InstanceIsAvailable of_instance(cluster(), command->aws.instance);
  SnapshotIsAvailable of_snapshot(cluster(), command->aws.snapshot);
  models::Describable* target = &of_cluster;
  if (command->aws.verb == AwsVerb::wait_instance_available) target = &of_instance;
  if (command->aws.verb == AwsVerb::wait_snapshot_available) target = &of_snapshot;
  const models::WaitOutcome waited =
      co_await models::aws_wait(*target, &spec_.cli, models::AwsWaiterConfig{}, &cli_);
  if (waited.end != models::WaitEnd::success) co_return false;
  emit(wait_success, waited.polls);
  if (cluster().operation_under_way()) {
    emit(wait_race);
    WaitRace race;
    race.step = step->name;
    race.command = command->text;
    race.called = last_call_ - start_;
    race.returned = since_start();
    outcome_.races.push_back(std::move(race));
  }
  co_return true;
}

// CloudFormation reboots the instance and asks every 30 s, as `aws rds wait` does.
sim::Task<bool> Run::cloudformation_reboot(const RunbookCommand* command) {
  AwsCommand reboot;
  reboot.verb = AwsVerb::reboot_db_instance;
  reboot.instance = command->instance;
  if (call(reboot) != RdsFault::none) co_return false;
  const sim::Duration own = spec_.cloudformation.sample_duration(commands_);
  const InstanceIsAvailable target(cluster(), command->instance);
  const models::AwsWaiterConfig waiter;
  for (int i = 0; i < waiter.attempts; ++i) {
    if (target.describe() == WaiterVerdict::success) {
      co_await sim::sleep_for(own);
      co_return true;
    }
    co_await sim::sleep_for(waiter.interval);
  }
  co_return false;
}

sim::Task<bool> Run::poll_cluster(const RunbookCommand* command) {
  const sim::Time deadline = world_.sim().now() + command->limit;
  const models::MemberId first_writer = cluster().writer();
  while (world_.sim().now() < deadline) {
    const sim::Duration length = spec_.cli.call.sample_duration(cli_);
    co_await sim::sleep_for(length);
    mark_once(command->mark + ".polled");
    const models::ClusterStatus status = cluster().status();
    if (status == models::ClusterStatus::failing_over) mark_once(command->mark + ".failing_over");
    if (cluster().writer() != first_writer) mark_once(command->mark + ".flipped");
    const bool named =
        command->value.empty() || cluster().writer() == cluster().find(command->value);
    if (named && cluster().all_available()) co_return true;
    co_await sim::sleep_for(command->every);
  }
  co_return false;
}

sim::Task<bool> Run::poll_instance(const RunbookCommand* command) {
  const sim::Time deadline = world_.sim().now() + command->limit;
  const models::AuroraInstance& one = cluster().instance(cluster().find(command->instance));
  while (world_.sim().now() < deadline) {
    const sim::Duration length = spec_.cli.call.sample_duration(cli_);
    co_await sim::sleep_for(length);
    using models::InstanceStatus;
    if (one.status == InstanceStatus::modifying) mark_once(command->mark + ".modifying");
    if (one.status == InstanceStatus::configuring_enhanced_monitoring) {
      mark_once(command->mark + ".class");
    }
    const bool pending = !one.pending_class.empty();
    if (one.status == InstanceStatus::available && !pending) co_return true;
    co_await sim::sleep_for(command->every);
  }
  co_return false;
}

// ---- what it came to

void Run::complete_races() {
  for (WaitRace& race : outcome_.races) {
    for (const sim::Record& record : records_.records()) {
      const sim::Duration at = record.at - start_;
      if (at < race.returned) continue;
      if (record.kind == &models::aurora::writer_flipped && race.flipped == sim::forever) {
        race.flipped = at;
      }
      const bool available = record.kind == &models::aurora::cluster_status &&
                             record.values[0] == world_.sim().trace().name("available");
      if (available && race.completed == sim::forever) race.completed = at;
    }
  }
}

void Run::measure() {
  for (std::size_t i = 0; i < outcome_.disturbances.size(); ++i) {
    Interruption& one = outcome_.disturbances[i];
    sim::Duration until = std::min(one.at + disturbance_window, since_start());
    if (i + 1 < outcome_.disturbances.size()) {
      until = std::min(until, outcome_.disturbances[i + 1].at);
    }
    measure(one, until);
  }
  const models::Lsn durable = cluster().storage().durable();
  for (const models::Attempt& one : world_.journal().attempts) {
    const bool lost = one.outcome == models::Outcome::ok && durable < one.position;
    if (lost) ++outcome_.lost;
  }
}

void Run::measure(Interruption& one, sim::Duration until) {
  sim::Trace& trace = world_.sim().trace();
  const bool failover = one.what == "failover";
  for (const sim::Record& record : records_.records()) {
    const sim::Duration at = record.at - start_;
    if (at < one.at || at > until) continue;
    if (record.kind == &models::aurora::writer_flipped && one.flip == 0s) one.flip = at - one.at;
    const bool of_api = record.kind == (failover ? &models::aurora::cluster_status
                                                 : &models::aurora::instance_status);
    const bool available = of_api && record.values[0] == trace.name("available");
    if (available && one.api == 0s) one.api = at - one.at;
  }
  models::Journal window;
  window.paths = world_.journal().paths;
  const std::int64_t origin = start_.time_since_epoch().count();
  const std::uint16_t hikari = window.path(ClientPaths::hikari);
  const std::uint16_t proxy = window.path(ClientPaths::proxy);
  for (const models::Attempt& attempt : world_.journal().attempts) {
    const sim::Duration sent(attempt.sent - origin);
    if (sent < one.at - 1min || sent > until) continue;
    window.attempts.push_back(attempt);
    if (attempt.state == models::SqlState::read_only) ++one.read_only;
    const sim::Duration wait(attempt.finished - attempt.sent);
    if (attempt.path == proxy) {
      one.proxy_wait = std::max(one.proxy_wait, wait);
      if (attempt.outcome != models::Outcome::ok) ++one.proxy_failed;
    }
    if (attempt.path != hikari) continue;
    if (attempt.state == models::SqlState::read_only) ++one.hikari_read_only;
    one.hikari_wait = std::max(one.hikari_wait, wait);
    if (attempt.outcome != models::Outcome::ok) ++one.hikari_failed;
  }
  window.observed_until = origin + until.count();
  const sim::Duration fault = sim::Duration(origin) + one.at;
  const PathMeasures direct = measure_path(window, window.path(AuroraWorld::paths.direct), fault,
                                           outage_threshold(spec_.aurora.clients.probe_interval));
  for (const Outage& outage : direct.outages) one.direct = std::max(one.direct, outage.length());
  one.first_commit = direct.rto;
}

void Run::write_timeline() {
  const sim::Trace& trace = world_.sim().trace();
  for (const sim::Record& record : records_.records()) {
    if (record.at < start_ || record.kind->name.starts_with("hikari.")) continue;
    outcome_.timeline.push_back({record.at - start_, trace.entity_name(record.entity),
                                 trace.describe(record), record.id, record.cause});
  }
}

}  // namespace

const sim::Duration* RunbookOutcome::find_mark(std::string_view name) const {
  const auto found = std::ranges::find(marks, name, &std::pair<std::string, sim::Duration>::first);
  return found == marks.end() ? nullptr : &found->second;
}

RunbookOutcome run_runbook(const RunbookSpec& spec, const RunbookRunOptions& options) {
  Run run(spec, options);
  return run.run(options.timeline);
}

}  // namespace predrill::harness
