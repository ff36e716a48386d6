#include "harness/audit/features.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "harness/engine/faults.hpp"
#include "harness/engine/world.hpp"
#include "harness/load/fault_forms.hpp"

namespace predrill::harness {

using namespace std::chrono_literals;
using models::MemberId;
using sim::Duration;
using sim::Time;

namespace {

constexpr std::string_view writes_stopped = "writes_stopped";
constexpr std::string_view writes_resumed = "writes_resumed";
constexpr std::string_view failover = "failover";

// Keeps the first time of each milestone since the fault.
class Watcher : public sim::TraceSink {
 public:
  explicit Watcher(const FaultInjector& injector) : injector_(injector) {
    for (const Milestone& milestone : milestones()) {
      watched_.push_back({milestone.kind, milestone.of_old_primary});
    }
    features.at.assign(feature_names().size(), sim::forever);
  }

  void on_record(const sim::Trace& trace, const sim::Record& record) override {
    const Time fault = injector_.clock().first();
    if (fault == sim::time_max) return;
    // Whoever gave it up may have been killed before it could say so.
    if (record.kind->name == "dcs.leader_key_deleted" && !key_lost) features.key_released = true;
    key_lost |= record.kind->name == "dcs.leader_key_expired" || features.key_released;
    if (key_lost && lost_at == sim::forever) lost_at = record.at - fault;
    for (FeatureId id = 0; id < watched_.size(); ++id) {
      if (features.has(id) || record.kind->name != watched_[id].kind) continue;
      if (watched_[id].of_old_primary && !is_old_primary(trace, record)) continue;
      features.at[id] = record.at - fault;
    }
  }

  RunFeatures features;
  bool key_lost = false;
  Duration lost_at = sim::forever;
  std::string old_primary;  // set once the fault has struck

 private:
  struct Watched {
    std::string_view kind;
    bool of_old_primary;
  };

  bool is_old_primary(const sim::Trace& trace, const sim::Record& record) const {
    return !old_primary.empty() &&
           trace.entity_name(record.entity).find(old_primary) != std::string::npos;
  }

  const FaultInjector& injector_;
  std::vector<Watched> watched_;
};

// A world whose fault is about to strike.
struct StruckWorld {
  StruckWorld(const ScenarioSpec& scenario, std::uint64_t seed)
      : world(scenario.system, {.seed = seed}),
        ready(world.settle()),
        injector(world, scenario.faults),
        watcher(injector) {
    if (!ready) return;
    sim::Simulation& sim = world.sim();
    sim.trace().attach(watcher);
    injector.clock().start();
    old_primary = world.leader();
    if (old_primary != models::nobody) watcher.old_primary = world.member(old_primary).host.name();
    sim.run_until(injector.clock().earliest());
    ready = injector.clock().first() != sim::time_max;
  }
  ~StruckWorld() { world.sim().trace().detach(watcher); }
  StruckWorld(const StruckWorld&) = delete;
  StruckWorld& operator=(const StruckWorld&) = delete;

  World world;
  bool ready;
  FaultInjector injector;
  Watcher watcher;
  MemberId old_primary = models::nobody;
};

// Stretches without an acknowledged write, from the ledger: exact, and independent of any client.
void observe_writes(StruckWorld& stage, Time fault, Time until) {
  World& world = stage.world;
  for (MemberId id = 0; id < world.members(); ++id) world.member(id).postgres.settle_ledger();
  std::vector<models::AcknowledgedFlow> flows = world.ledger().flows();
  std::sort(flows.begin(), flows.end(),
            [](const auto& a, const auto& b) { return a.from < b.from; });
  constexpr Duration shortest = 100ms;
  Duration& stopped = stage.watcher.features.at[*find_feature(writes_stopped)];
  Duration& resumed = stage.watcher.features.at[*find_feature(writes_resumed)];
  Time covered = fault;
  for (const models::AcknowledgedFlow& flow : flows) {
    if (flow.to <= covered) continue;
    if (flow.from > covered + shortest) {
      if (stopped == sim::forever) stopped = covered - fault;
      resumed = flow.from - fault;
    }
    covered = flow.to;
  }
  if (until > covered + shortest) {
    if (stopped == sim::forever) stopped = covered - fault;
    resumed = sim::forever;  // still out at the end
  }
}

}  // namespace

const std::vector<std::string_view>& feature_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const Milestone& milestone : milestones()) all.push_back(milestone.name);
    all.insert(all.end(), {writes_stopped, writes_resumed, failover});
    return all;
  }();
  return names;
}

std::optional<FeatureId> find_feature(std::string_view name) {
  const auto& names = feature_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<FeatureId>(found - names.begin());
}

DrillRecord record_of(const ScenarioSpec& scenario) {
  DrillRecord record;
  record.window = 60s;
  for (std::size_t i = 0; i < scenario.observed.size(); ++i) {
    const Observed& line = scenario.observed[i];
    if (line.at) record.window = std::max(record.window, *line.at + 2 * line.precision);
    const auto feature = find_feature(line.matches);
    if (!line.at || !feature || line.matches == "fault") continue;
    record.readings.push_back({*feature, line.at, line.precision, i});
  }
  return record;
}

std::optional<RunFeatures> observe_run(const ScenarioSpec& scenario, std::uint64_t seed,
                                       Duration window) {
  StruckWorld stage(scenario, seed);
  if (!stage.ready) return std::nullopt;
  const Time fault = stage.injector.clock().first();
  const Time until = fault + window;
  stage.world.sim().run_until(until);
  observe_writes(stage, fault, until);
  RunFeatures features = std::move(stage.watcher.features);
  const MemberId leader = stage.world.leader();
  if (leader != stage.old_primary && leader != models::nobody) {
    features.at[*find_feature(failover)] = Duration{};
  }
  return features;
}

std::optional<Duration> observe_key_loss(const ScenarioSpec& scenario, std::uint64_t seed,
                                         Duration window) {
  StruckWorld stage(scenario, seed);
  if (!stage.ready) return std::nullopt;
  const Time end = stage.injector.clock().first() + window;
  constexpr Duration slice = 1s;
  while (!stage.watcher.key_lost && stage.world.sim().now() < end) {
    stage.world.sim().run_until(std::min(end, stage.world.sim().now() + slice));
  }
  return stage.watcher.lost_at;
}

}  // namespace predrill::harness
