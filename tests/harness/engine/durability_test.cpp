// What was acknowledged stays: in synchronous mode always, but for what is known to lose it; in
// asynchronous mode as much is lost as had not been sent.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "harness/engine/world.hpp"
#include "sim/parallel.hpp"
#include "tests/harness/engine/random_fault.hpp"

namespace predrill::harness::fixture {

using models::Invariant;
using models::Mechanism;
using namespace std::chrono_literals;

namespace {

struct Fate {
  std::string fault;
  std::string problem;
  std::string broken;
  std::uint64_t lost = 0;
  std::size_t unexplained = 0;
  std::string loss_mechanism;
};

Fate fate_of(const ScenarioSpec& scenario, std::uint64_t seed) {
  const RunOutcome outcome = run_once(scenario, {.seed = seed});
  Fate fate{.fault = scenario.name,
            .problem = outcome.problem,
            .broken = text_of(outcome.broken),
            .lost = outcome.measures.loss.rows,
            .unexplained = unexplained(outcome),
            .loss_mechanism = ""};
  for (const models::Violation& v : outcome.broken) {
    if (v.invariant == Invariant::synchronous_survives) fate.loss_mechanism = to_text(v.mechanism);
  }
  return fate;
}

// Runs with one random fault each, from a seed on; every broken rule and every loss is explained.
void many_single_faults(std::uint64_t first_seed, std::size_t runs, bool tell) {
  const SystemSpec system = example_system();
  REQUIRE(system.patroni.synchronous_mode);
  const RandomFaults faults(system);
  const auto fates = sim::parallel_results(runs, [&](std::size_t i) {
    return fate_of(faults.scenario(first_seed + i), first_seed + i);
  });
  std::map<std::string, std::size_t> losses, kinds, rules;
  for (std::size_t i = 0; i < runs; ++i) {
    const Fate& fate = *fates[i];
    ++kinds[fate.fault];
    if (!fate.broken.empty()) ++rules[fate.fault];
    INFO("seed " << first_seed + i << ", " << fate.fault << ", " << fate.lost << " rows lost\n"
                 << fate.broken);
    CHECK(fate.problem.empty());
    CHECK(fate.unexplained == 0);
    if (fate.lost == 0) continue;
    ++losses[fate.fault + ": " + fate.loss_mechanism];
    CHECK_FALSE(fate.loss_mechanism.empty());
    CHECK(fate.loss_mechanism != to_text(Mechanism::none));
  }
  CHECK(kinds.size() >= 18);
  if (!tell) return;
  for (const auto& [what, n] : losses) WARN(n << " runs lost rows: " << what);
  for (const auto& [what, n] : rules) WARN(n << " of " << kinds[what] << " broke a rule: " << what);
}

// W: bytes per second of the load's WAL, as it is simulated.
double wal_rate(const SystemSpec& system) {
  return system.workload.wal_bytes_per_second;
}

}  // namespace

TEST_CASE("durability: in synchronous mode single faults lose nothing unexplained", "[engine]") {
  many_single_faults(1, 500, false);
}

// PREDRILL_SEED begins elsewhere.
TEST_CASE("durability: ten thousand single faults", "[.slow]") {
  const char* seed = std::getenv("PREDRILL_SEED");
  many_single_faults(seed == nullptr ? 1000 : std::strtoull(seed, nullptr, 10), 10000, true);
}

TEST_CASE("durability: asynchronous loss is the load's rate times the time behind", "[engine]") {
  const SystemSpec system = example_system(false);
  ScenarioSpec scenario = scenario_of(system, "node_loss");
  // The standbys get half of the WAL for a second and a half; then the node dies.
  FaultSpec lag = scenario_of(system, "lag").faults.front();
  const double rate = wal_rate(system);
  lag.bytes_per_second = static_cast<std::uint64_t>(rate / 2);
  lag.at.delay = sim::Distribution::constant(sim::Duration(20s));
  lag.length = 60s;
  scenario.faults.front().at.delay = sim::Distribution::constant(sim::Duration(21500ms));
  scenario.faults.insert(scenario.faults.begin(), lag);
  const double writes = system.workload.transactions_per_second * (1 - system.workload.read_share);
  const double expected = writes * 1.5 / 2;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const RunOutcome outcome = run_once(scenario, {.seed = seed});
    INFO("seed " << seed << ", " << outcome.measures.loss.rows << " rows, expected " << expected
                 << "\n"
                 << text_of(outcome.broken));
    const auto rows = static_cast<double>(outcome.measures.loss.rows);
    CHECK(rows > 0.95 * expected);
    CHECK(rows < 1.05 * expected + 30);  // the probers' rows
    CHECK(has(outcome, Invariant::synchronous_survives, Mechanism::asynchronous));
    CHECK(unexplained(outcome) == 0);
  }
}

// Unsent WAL of a steady load is what the walsender has not put on the wire yet; what is on the
// wire arrives. Of two standbys the one that has more wins, so the shorter of two delays counts.
TEST_CASE("durability: a crash loses on average rate times unsent WAL", "[engine]") {
  SystemSpec system = example_system(false);
  for (const bool as_configured : {true, false}) {
    constexpr double longer = 40;
    double low = 50e-6, high = 500e-6;  // seconds, PostgresTimings::walsender_delay
    std::uint64_t runs = 1500;
    if (!as_configured) {
      low *= longer, high *= longer, runs = 150;
      system.postgres_timings.walsender_delay = sim::Distribution::uniform(2ms, 20ms);
    }
    const sim::Distribution& delay = system.postgres_timings.walsender_delay;
    REQUIRE(delay.min() == Approx(low * 1e9));
    REQUIRE(delay.max() == Approx(high * 1e9));
    const double unsent = low + (high - low) / 3;  // mean of the smaller of two uniform delays
    const double writes =
        system.workload.transactions_per_second * (1 - system.workload.read_share);
    ScenarioSpec scenario = scenario_of(system, "node_loss");
    scenario.run_for = 40s;
    const auto rows = sim::parallel_results(runs, [&](std::size_t i) {
      const RunOutcome outcome = run_once(scenario, {.seed = i + 1});
      return outcome.problem.empty() ? static_cast<double>(outcome.measures.loss.rows) : -1;
    });
    double sum = 0, squares = 0;
    for (const auto& of_run : rows) {
      REQUIRE(*of_run >= 0);
      sum += *of_run;
      squares += *of_run * *of_run;
    }
    const auto n = static_cast<double>(runs);
    const double mean = sum / n;
    const double error = std::sqrt((squares / n - mean * mean) / n);
    INFO(mean << " rows a run, standard error " << error << ", expected " << writes * unsent);
    CHECK(mean > writes * unsent - 3.3 * error);
    CHECK(mean < (writes + 10) * unsent + 3.3 * error);  // the probers write 10 rows a second
    CHECK(error < 0.15 * writes * unsent);
  }
}

}  // namespace predrill::harness::fixture
