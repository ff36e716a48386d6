#include "harness/what_if/rare_outage.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "harness/engine/faults.hpp"
#include "harness/engine/run.hpp"
#include "harness/engine/world.hpp"
#include "sim/parallel.hpp"
#include "sim/task.hpp"

namespace predrill::harness {

using sim::Duration;

namespace {

struct Fork {
  Duration after{};  // since the fault
  std::uint64_t salt = 0;
};

// A run is its seed and the moments at which it was given another future.
struct Trajectory {
  std::uint64_t seed = 0;
  std::vector<Fork> forks;
};

sim::Task<> fork_at(sim::Simulation& sim, std::vector<Fork> forks) {
  const sim::Time fault = sim.now();
  for (const Fork& fork : forks) {
    const Duration left = fault + fork.after - sim.now();
    co_await sim::sleep_for(left);
    sim.fork(fork.salt);
  }
}

// Starts the forks when the first fault strikes.
class Forker : public sim::TraceSink {
 public:
  explicit Forker(const std::vector<Fork>& forks) : forks_(forks) {}
  void attend(sim::Simulation& sim) { sim_ = &sim; }
  void on_record(const sim::Trace&, const sim::Record& record) override {
    if (begun_ || sim_ == nullptr || record.kind->name != fault_kinds::injected.name) return;
    begun_ = true;
    sim_->world().spawn(fork_at(*sim_, forks_));
  }

 private:
  const std::vector<Fork>& forks_;
  sim::Simulation* sim_ = nullptr;
  bool begun_ = false;
};

bool is_down_at(const RunMeasures& run, const std::string& path, Duration after) {
  const PathRun* judged = run.find_path(path);
  if (judged == nullptr || !run.struck()) return false;
  const Duration at = run.fault + after;
  return std::any_of(judged->measures.outages.begin(), judged->measures.outages.end(),
                     [at](const Outage& outage) {
                       return outage.begin + std::chrono::seconds(1) <= at && outage.end > at;
                     });
}

}  // namespace

std::optional<sim::SplittingResult> rare_outage(const ScenarioSpec& scenario, Duration length,
                                                const RareOutageOptions& options) {
  const auto moment = [&](std::size_t level) {
    return length * static_cast<std::int64_t>(level + 1) /
           static_cast<std::int64_t>(options.levels);
  };
  std::mutex progress;
  const auto start = [](sim::Stream& stream) { return Trajectory{stream.next(), {}}; };
  const auto pass = [&](Trajectory trajectory, std::size_t level,
                        sim::Stream& stream) -> std::optional<Trajectory> {
    if (options.stop != nullptr && *options.stop) return std::nullopt;
    if (level > 0) trajectory.forks.push_back({moment(level - 1), stream.next() | 1U});
    ScenarioSpec run = scenario;
    run.run_for = moment(level) + std::chrono::seconds(1);
    Forker forker(trajectory.forks);
    RunOptions how;
    how.seed = trajectory.seed;
    how.sink = &forker;
    how.meddle = [&forker](World& world) { forker.attend(world.sim()); };
    const RunOutcome outcome = run_once(run, how);
    if (options.progress) {
      const std::lock_guard lock(progress);
      options.progress();
    }
    const bool down =
        outcome.problem.empty() && is_down_at(outcome.measures, scenario.path, moment(level));
    return down ? std::optional(std::move(trajectory)) : std::nullopt;
  };
  const sim::SplittingOptions splitting{
      .levels = options.levels, .effort = options.effort, .replicates = options.replicates};
  const auto replicates = sim::parallel_results(
      options.replicates,
      [&](std::size_t r) { return sim::split_once(splitting, options.seed, r, start, pass); },
      {.jobs = options.jobs, .stop = options.stop, .progress = {}});
  if (options.stop != nullptr && *options.stop) return std::nullopt;
  std::vector<sim::SplittingReplicate> all;
  for (const auto& one : replicates) all.push_back(*one);
  return sim::gather(splitting, all);
}

}  // namespace predrill::harness
