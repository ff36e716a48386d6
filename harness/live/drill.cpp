#include "harness/live/drill.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "harness/cli/output_files.hpp"
#include "harness/engine/campaign.hpp"
#include "harness/live/console.hpp"
#include "harness/live/lab_faults.hpp"
#include "harness/live/network_namespace.hpp"
#include "harness/live/pg.hpp"
#include "harness/live/prober.hpp"
#include "harness/live/watch.hpp"
#include "harness/load/fault_forms.hpp"
#include "harness/measure/milestones.hpp"

namespace predrill::harness::live {

using namespace std::chrono_literals;
using sim::Duration;

namespace {

// Of measurement before the fault, so that each path is known to have worked.
constexpr Duration before_fault = 5s;
// So long without a failure, and the observation may end.
constexpr Duration quiet = 12s;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm date{};
  ::gmtime_r(&now, &date);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &date);
  return text;
}

std::string first_line(const std::vector<std::string>& argv) {
  const std::string output = run_command(argv, "", 5s).output;
  return output.substr(0, output.find('\n'));
}

void describe_machine(const LabPlan& plan, DrillRecord& record) {
  utsname name{};
  ::uname(&name);
  double load[3] = {};
  ::getloadavg(load, 3);
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", load[0]);
  record.machine = {{"kernel", name.release},
                    {"processors", std::to_string(std::thread::hardware_concurrency())},
                    {"load_average", text}};
  static const std::map<std::string, std::string> versions = {
      {"patroni", first_line({plan.patroni, "--version"})},
      {"postgresql", first_line({"/usr/lib/postgresql/15/bin/postgres", "--version"})},
      {"etcd", first_line({"etcd", "--version"})},
      {"haproxy", first_line({"/usr/sbin/haproxy", "-v"})},
      {"pgbouncer", first_line({"/usr/sbin/pgbouncer", "--version"})}};
  record.software = versions;
}

PredictedRange range_of(const sim::Sample& sample) {
  return {sample.quantile(0.05).value_or(0), sample.quantile(0.25).value_or(0),
          sample.quantile(0.5).value_or(0), sample.quantile(0.75).value_or(0),
          sample.quantile(0.95).value_or(0)};
}

// Now that it is known who leads: the order of hosts matters to clients.
void predict(ScenarioSpec scenario, const LabState& state, const DrillOptions& options,
             DrillRecord& record) {
  SystemSpec& system = scenario.system;
  system.sync.reset();
  for (std::size_t i = 0; i < system.members.size(); ++i) {
    if (system.members[i].name == state.leader) system.primary = i;
    if (system.members[i].name == state.sync) system.sync = i;
  }
  const CampaignResult result = run_campaign(
      scenario, {.first_seed = options.seed, .runs = options.predicted_runs, .stop = options.stop});
  record.predicted_runs = static_cast<std::uint64_t>(result.all.runs());
  for (const auto& [name, path] : result.all.paths()) {
    if (name == "database" || name.starts_with("read:")) continue;
    record.predicted["rto:" + name] = range_of(path.rto);
  }
  for (std::size_t i = 0; i < stages; ++i) {
    record.predicted["stage:" + std::string(stage_names[i])] =
        range_of(result.all.stage_samples()[i]);
  }
  record.predicted_lost = range_of(result.all.rpo_rows());
}

// Everything that watches while it happens.
class Observation {
 public:
  Observation(const Lab& lab, const ScenarioSpec& scenario, std::uint64_t run)
      : lab_(lab),
        scenario_(scenario),
        logs_(lab.plan(), base_),
        key_(lab.plan(), base_),
        probers_(base_, addresses(lab.plan())) {
    start_probers(run);
    sampler_ = std::jthread([this](const std::stop_token& stop) { sample(stop); });
  }

  Duration now() const { return base_.now(); }
  const Probers& probers() const { return probers_; }

  /// Each writing path has just worked.
  bool all_well() const {
    const std::vector<std::int64_t> last = probers_.last_success();
    const std::int64_t since = (now() - Duration(1s)).count();
    return std::all_of(last.begin(), last.end(), [since](auto at) { return at > since; });
  }

  models::Journal end() {
    sampler_ = {};
    models::Journal journal = probers_.journal();
    probers_.stop();
    return journal;
  }
  std::vector<LiveEvent> events() const {
    std::vector<LiveEvent> all = logs_.events();
    for (LiveEvent& event : key_.events()) all.push_back(std::move(event));
    std::stable_sort(all.begin(), all.end(),
                     [](const LiveEvent& a, const LiveEvent& b) { return a.at < b.at; });
    return all;
  }
  /// How far the loop of the leader's Patroni is.
  std::optional<Duration> phase(const std::string& leader, Duration at) const {
    const std::optional<Duration> last = logs_.last_renewal(leader, at);
    return last ? std::optional(at - *last) : std::nullopt;
  }
  Delays delays() const { return logs_.delays(); }
  const std::vector<PoolReading>& pool() const { return pool_; }

 private:
  static std::vector<std::string> addresses(const LabPlan& plan) {
    std::vector<std::string> all;
    for (const LabHost* member : plan.of(HostKind::member)) all.push_back(member->address);
    return all;
  }

  void start_probers(std::uint64_t run) {
    const LabPlan& plan = lab_.plan();
    const std::vector<std::string> members = addresses(plan);
    LiveProbe probe;
    probe.interval = scenario_.system.probe.interval;
    probe.timeout = scenario_.system.probe.timeout;
    probe.run = run;
    if (const LabHost* host = plan.find("pgbouncer")) {
      probe.path = "pgbouncer";
      probe.connection = connection_text({host->address}, pgbouncer_port, plan.database, false);
      probers_.start(probe);
    }
    if (const LabHost* host = plan.find("haproxy")) {
      probe.path = "haproxy";
      probe.connection = connection_text({host->address}, haproxy_port, "postgres", false);
      probers_.start(probe);
    }
    probe.path = "direct";
    probe.connection = connection_text(members, postgres_port, "postgres", members.size() > 1);
    // Each host may take its connection time-out before the last one is asked.
    probe.timeout = scenario_.system.probe.timeout * static_cast<std::int64_t>(members.size());
    probers_.start(probe);
    probe.timeout = scenario_.system.probe.timeout;
    probe.write = false;
    for (const LabHost* member : plan.of(HostKind::member)) {
      probe.path = "read:" + member->name;
      probe.connection = connection_text({member->address}, postgres_port, "postgres", false);
      probers_.start(probe);
    }
  }

  void sample(const std::stop_token& stop) {
    const Duration interval = scenario_.system.probe.show_pools;
    const LabHost* host = lab_.plan().find("pgbouncer");
    if (host == nullptr || interval == 0s) return;
    Console console(connection_text({host->address}, pgbouncer_port, "pgbouncer", false));
    while (!stop.stop_requested()) {
      for (const ConsolePool& pool : console.show_pools(1s).value_or(std::vector<ConsolePool>{})) {
        if (pool.database != lab_.plan().database) continue;
        pool_.push_back({now(), pool.cl_active, pool.cl_waiting, pool.sv_active, pool.sv_idle});
      }
      constexpr Duration step = 100ms;
      for (Duration slept{}; slept < interval && !stop.stop_requested(); slept += step) {
        std::this_thread::sleep_for(std::min<Duration>(step, interval - slept));
      }
    }
  }

  const Lab& lab_;
  const ScenarioSpec& scenario_;
  TimeBase base_;
  LogWatch logs_;
  KeyWatch key_;
  Probers probers_;
  std::vector<PoolReading> pool_;
  std::jthread sampler_;
};

// One drill under way.
class Drill {
 public:
  Drill(Lab& lab, const ScenarioSpec& scenario, const DrillOptions& options)
      : lab_(lab), scenario_(scenario), options_(options) {}

  DrillOutcome run() {
    DrillRecord& record = outcome_.record;
    record.scenario = scenario_.file;
    record.settings = options_.settings;
    record.fault = form_of(scenario_.faults[0].kind).name;
    record.path = scenario_.path;
    if (Problem problem = prepare()) {
      outcome_.refused = problem;
      return std::move(outcome_);
    }
    record.started = utc_now();
    describe_machine(lab_.plan(), record);
    if (Problem problem = options_.keep_prediction(record)) {
      outcome_.refused = problem;
      return std::move(outcome_);
    }
    lab_.as_client([this] { break_and_watch(); });
    mend();
    return std::move(outcome_);
  }

 private:
  bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }

  Problem prepare() {
    options_.tell("waiting for a steady cluster");
    before_ = lab_.wait_steady(180s);
    if (!before_.steady())
      return "the cluster is not steady before the fault: " + before_.problems[0];
    outcome_.record.primary = before_.leader;
    outcome_.record.sync = before_.sync;
    run_ = static_cast<std::uint64_t>(std::time(nullptr));
    Problem problem;
    lab_.as_client([&] {
      PgClient primary(connection_text({lab_.plan().find(before_.leader)->address}, postgres_port,
                                       "postgres", false));
      const std::string table(probe_table);
      const SqlEnd end = primary.execute("create table if not exists " + table +
                                             " (run bigint not null, tag bigint not null, "
                                             "at timestamptz not null default clock_timestamp())",
                                         5s);
      if (!end.ok()) problem = "cannot create the probers' table: " + end.text;
    });
    if (problem) return problem;
    options_.tell("predicting");
    predict(scenario_, before_, options_, outcome_.record);
    return std::nullopt;
  }

  void break_and_watch() {
    const FaultSpec& spec = scenario_.faults[0];
    Observation observation(lab_, scenario_, run_);
    std::random_device device;
    const Duration at = std::max<Duration>(
        spec.at.delay.duration_from_draw(std::uint64_t{device()} << 32 | device()), before_fault);
    while (observation.now() < at && !stopped()) std::this_thread::sleep_for(5ms);
    if (stopped() || !observation.all_well()) {
      outcome_.record.problem =
          stopped() ? "interrupted" : "not every path worked before the fault";
      outcome_.journal = observation.end();
      return;
    }
    OutputFiles undo;
    nlohmann::json note = {{"fault", outcome_.record.fault}, {"on", before_.leader}};
    undo.add(undo_file(lab_.plan()), note.dump() + "\n");
    if (Problem problem = undo.write()) {
      outcome_.record.problem = *problem;
      outcome_.journal = observation.end();
      return;
    }
    options_.tell(outcome_.record.fault + " on " + before_.leader);
    LabFault fault(lab_, spec, before_);
    fault_at_ = observation.now();
    outcome_.record.phase = observation.phase(before_.leader, fault_at_);
    if (Problem problem = fault.inject()) outcome_.record.problem = *problem;
    watch(observation, fault, spec);
    outcome_.journal = observation.end();
    // Logs are written a moment after what they tell.
    std::this_thread::sleep_for(200ms);
    measure(observation);
    doubt_the_observer();
  }

  void watch(Observation& observation, LabFault& fault, const FaultSpec& spec) {
    const Duration end = fault_at_ + scenario_.run_for;
    const SystemSpec& system = scenario_.system;
    const Duration slowest = system.patroni.ttl + system.patroni.loop_wait + 5s;
    std::optional<std::string> proof;
    Duration undone = spec.length ? sim::forever : Duration{};
    while (observation.now() < end && !stopped() && outcome_.record.problem.empty()) {
      std::this_thread::sleep_for(20ms);
      if (Problem problem = fault.step()) outcome_.record.problem = *problem;
      if (!proof && (!spec.length || observation.now() < fault_at_ + *spec.length)) {
        proof = fault.proof();
      }
      if (undone == sim::forever && observation.now() >= fault_at_ + *spec.length) {
        if (Problem problem = fault.undo()) outcome_.record.problem = *problem;
        undone = observation.now();
      }
      if (undone == sim::forever || !observation.all_well()) continue;
      const std::int64_t failure = observation.probers().last_failure();
      const bool nothing_yet = failure < fault_at_.count();
      const Duration since = std::max({undone, fault_at_, Duration(failure)});
      if (observation.now() - since > (nothing_yet ? std::max(slowest, quiet) : quiet)) break;
    }
    outcome_.record.proof = proof.value_or("");
    if (stopped()) outcome_.record.problem = "interrupted";
  }

  // A machine that stands still breaks connections of its own, and sees no others break.
  void doubt_the_observer() {
    constexpr Duration longest = 500ms;
    const Duration pause = longest_pause(outcome_.journal, fault_at_);
    if (pause < longest || !outcome_.record.problem.empty()) return;
    outcome_.record.problem = "this machine stood still for " + sim::to_text(pause);
  }

  void measure(const Observation& observation) {
    RunMeasures& run = outcome_.record.measures;
    run.fault = fault_at_;
    const models::Journal& journal = outcome_.journal;
    const Duration threshold = outage_threshold(scenario_.system.probe.interval);
    for (std::size_t i = 0; i < journal.paths.size(); ++i) {
      const auto path = static_cast<std::uint16_t>(i);
      run.paths.push_back({journal.paths[i], measure_path(journal, path, fault_at_, threshold),
                           count_errors(journal, path, fault_at_)});
    }
    const std::vector<LiveEvent> all = observation.events();
    std::vector<TimedEvent> events;
    // A machine that loses power writes no last words; the lab's processes die one after another.
    const bool silent = scenario_.faults[0].kind == FaultKind::node_loss;
    for (const LiveEvent& event : all) {
      if (silent && event.host == before_.leader) continue;
      if (event.at >= fault_at_) events.push_back({event.at, event.kind, event.host});
    }
    outcome_.record.delays = observation.delays();
    run.milestones = named_milestones(events, fault_at_, before_.leader);
    run.key_released = std::any_of(run.milestones.begin(), run.milestones.end(),
                                   [](const NamedTime& m) { return m.name == "key_released"; });
    const PathRun* judged = run.find_path(scenario_.path);
    const Duration rto = judged == nullptr ? Duration{} : judged->measures.rto;
    run.stages_of_path = cut(milestones_of(events, fault_at_, rto), rto);
    for (PoolReading reading : observation.pool()) {
      reading.at -= fault_at_;
      run.pool.push_back(reading);
    }
  }

  // Whatever happened: everything comes back, and what was lost is counted.
  void mend() {
    options_.tell("mending");
    if (Problem problem = recover(lab_)) {
      outcome_.refused = "the lab is not steady after the drill: " + *problem;
      return;
    }
    const LabState after = lab_.state();
    if (after.leader != before_.leader) outcome_.record.measures.new_primary = after.leader;
    lab_.as_client([&] { count_rows(after.leader); });
  }

  void count_rows(const std::string& leader) {
    PgClient client(
        connection_text({lab_.plan().find(leader)->address}, postgres_port, "postgres", false));
    const std::string table(probe_table);
    const SqlEnd end = client.execute(
        "select tag from " + table + " where run = " + std::to_string(run_) + " order by tag", 10s);
    if (!end.ok()) {
      outcome_.record.problem = "the surviving rows cannot be read: " + end.text;
      return;
    }
    std::vector<std::uint64_t> tags;
    for (const auto& row : end.rows) tags.push_back(std::strtoull(row[0].c_str(), nullptr, 10));
    DrillRecord& record = outcome_.record;
    record.measures.loss = count_loss(outcome_.journal, tags, fault_at_);
    for (const models::Attempt& attempt : outcome_.journal.attempts) {
      if (!attempt.write) continue;
      const bool there = std::binary_search(tags.begin(), tags.end(), attempt.tag);
      if (attempt.outcome == models::Outcome::ok) ++record.acknowledged;
      if (attempt.outcome != models::Outcome::ok && there) ++record.unknown_present;
    }
    client.execute("truncate " + table, 5s);
  }

  Lab& lab_;
  const ScenarioSpec& scenario_;
  const DrillOptions& options_;
  LabState before_;
  std::uint64_t run_ = 0;
  Duration fault_at_{};
  DrillOutcome outcome_;
};

}  // namespace

RunLoss count_loss(const models::Journal& journal, const std::vector<std::uint64_t>& tags,
                   Duration fault) {
  RunLoss loss;
  for (const models::Attempt& attempt : journal.attempts) {
    if (!attempt.write || attempt.outcome != models::Outcome::ok) continue;
    if (std::binary_search(tags.begin(), tags.end(), attempt.tag)) continue;
    ++loss.rows;
    loss.age = std::max(loss.age, fault - Duration(attempt.finished));
  }
  return loss;
}

std::filesystem::path undo_file(const LabPlan& plan) {
  return plan.folder / "drill.json";
}

Problem recover(Lab& lab) {
  // Whoever is just ending (SIGTERM of pod_delete and patroni_stop) still runs at the first look,
  // in a cluster that still is steady.
  LabState state;
  int steady = 0;
  for (int look = 0; look < 4 && steady < 2; ++look) {
    if (look > 0) std::this_thread::sleep_for(2s);
    if (Problem problem = lab.heal()) return problem;
    state = lab.wait_steady(30s);
    steady = state.steady() ? steady + 1 : 0;
  }
  if (!state.steady()) {
    lab.mend_replication(state);
    state = lab.wait_steady(90s);
  }
  if (!state.steady()) return state.problems[0];
  std::error_code ignored;
  std::filesystem::remove(undo_file(lab.plan()), ignored);
  return std::nullopt;
}

DrillOutcome run_drill(Lab& lab, const ScenarioSpec& scenario, const DrillOptions& options) {
  return Drill(lab, scenario, options).run();
}

}  // namespace predrill::harness::live
