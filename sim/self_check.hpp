// Seeds are worth nothing unless a run can be repeated. This runs a scenario twice and, where the
// two differ, names the first event at which they do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/parallel.hpp"
#include "sim/simulation.hpp"

namespace predrill::sim {

/// Builds a world in the simulation and runs it. Everything that it builds dies inside.
using Scenario = std::function<void(Simulation&)>;

/// Where two runs part. `event` counts from 1 (0: before the first event); a run that has ended by
/// then has no time, and a text is empty where that run emitted no further record.
struct Difference {
  std::uint64_t event = 0;
  std::optional<Time> first_at;
  std::optional<Time> second_at;
  std::string first_record;  // the first record that differs, as a line of the timeline
  std::string second_record;
  /// One sentence for a report.
  std::string describe() const;
};

/// Runs the scenario twice with the same options and compares event by event and record by record:
/// nothing if the runs are the same. Takes 16 bytes per event.
std::optional<Difference> first_difference(const SimulationOptions& options,
                                           const Scenario& scenario);

struct Seeds {
  std::uint64_t first = 1;
  std::size_t count = 1;
  std::size_t check_every = 0;  // every so manieth run is made twice and compared; 0: none
};

struct SeedOutcome {
  std::uint64_t seed = 0;
  std::uint64_t fingerprint = 0;
  std::optional<Difference> difference;
};

/// One run per seed, in the order of the seeds; nothing for those that a stop left out. `options`
/// holds for all of them but for the seed. The scenario is called by several threads at once.
std::vector<std::optional<SeedOutcome>> run_seeds(const Seeds& seeds, SimulationOptions options,
                                                  const Scenario& scenario,
                                                  const ParallelOptions& parallel = {});

}  // namespace predrill::sim
