// Whole runs of the example system. What they have to reach is CPU time: a rehearsal of thousands
// of runs in seconds, and single transactions at many times real time.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "harness/engine/rehearsal.hpp"
#include "harness/engine/run.hpp"
#include "harness/load/load.hpp"

namespace {

using namespace predrill;
using namespace std::chrono_literals;

harness::ScenarioSpec node_loss(std::vector<std::string> settings) {
  harness::Diagnostics diagnostics;
  const auto system = harness::load_system(PREDRILL_SOURCE_DIR "/scenarios/systems/user-profile-db",
                                           diagnostics, settings);
  if (!system) {
    std::fputs(diagnostics.text().c_str(), stderr);
    std::exit(1);
  }
  return harness::rehearsal_scenarios(*system, {"node_loss"}, {}).front();
}

void simulate(benchmark::State& state, const harness::ScenarioSpec& scenario) {
  std::uint64_t seed = 0;
  std::uint64_t events = 0;
  double simulated = 0;
  for (auto _ : state) {
    const harness::RunOutcome outcome = harness::run_once(scenario, {.seed = ++seed});
    events += outcome.events;
    simulated += sim::seconds(outcome.measures.fault + scenario.run_for);
  }
  state.counters["events"] =
      benchmark::Counter(static_cast<double>(events), benchmark::Counter::kAvgIterations);
  state.counters["simulated_s_per_s"] = benchmark::Counter(simulated, benchmark::Counter::kIsRate);
}

// Three simulated minutes with probers alone; the workload is a rate.
void node_loss_probers(benchmark::State& state) {
  simulate(state, node_loss({}));
}
BENCHMARK(node_loss_probers)->Unit(benchmark::kMillisecond);

// The same with each of the 4,200 transactions a second simulated.
void node_loss_transactions(benchmark::State& state) {
  simulate(state, node_loss({"workload.single_transactions=true"}));
}
BENCHMARK(node_loss_transactions)->Unit(benchmark::kMillisecond);

}  // namespace
