#include "harness/gate/arm.hpp"

#include <utility>

#include "harness/engine/run.hpp"
#include "sim/parallel.hpp"

namespace predrill::harness {

namespace {

SeedMeasure measure_of(const RunMeasures& run, const std::string& path) {
  SeedMeasure measure;
  measure.seed = run.seed;
  measure.fingerprint = run.fingerprint;
  measure.has_result = run.struck() && !run.paths.empty();
  if (!measure.has_result) return measure;
  const PathRun* judged = run.find_path(path);
  const PathMeasures& of_path = (judged != nullptr ? *judged : run.paths.back()).measures;
  measure.recovered = !of_path.censored;
  measure.rto_ms = milliseconds(of_path.rto);
  for (std::size_t i = 0; i < stages; ++i) {
    measure.stages_ms[i] = milliseconds(run.stages_of_path[i]);
  }
  measure.lost_rows = static_cast<std::int64_t>(run.loss.rows);
  return measure;
}

}  // namespace

std::int64_t milliseconds(sim::Duration time) {
  return (time.count() + 500'000) / 1'000'000;
}

void extend(Arm& arm, const ScenarioSpec& scenario, std::uint64_t first_seed, std::size_t runs,
            const ArmOptions& options) {
  const std::size_t done = arm.runs.size();
  if (done >= runs || arm.stopped) return;
  const std::uint64_t next = done == 0 ? first_seed : arm.runs.back().seed + 1;
  struct Finished {
    RunMeasures measures;
    std::string problem;
  };
  const auto finished = sim::parallel_results(
      runs - done,
      [&](std::size_t i) {
        RunOutcome outcome = run_once(scenario, {.seed = next + i});
        return Finished{std::move(outcome.measures), std::move(outcome.problem)};
      },
      {.jobs = options.jobs, .stop = options.stop, .progress = [&](std::size_t, std::size_t) {
         if (options.on_run) options.on_run();
       }});
  for (const auto& run : finished) {
    if (!run) {
      arm.stopped = true;  // what came after it would leave a gap
      return;
    }
    if (run->problem.empty()) {
      arm.summary.add(run->measures);
      for (const Violation& violation : run->measures.violations) {
        if (!violation.explained) arm.violations.insert(violation.text);
      }
      arm.runs.push_back(measure_of(run->measures, scenario.path));
    } else {
      arm.problems.insert(run->problem);
      SeedMeasure none;
      none.seed = run->measures.seed;
      arm.runs.push_back(none);
    }
  }
}

std::uint64_t fingerprint_of(std::span<const SeedMeasure> runs) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;  // FNV-1a over the bytes, lowest first
  for (const SeedMeasure& run : runs) {
    for (const std::uint64_t word : {run.seed, run.fingerprint}) {
      for (int shift = 0; shift < 64; shift += 8) {
        digest = (digest ^ ((word >> shift) & 0xffU)) * 0x100000001b3ULL;
      }
    }
  }
  return digest;
}

}  // namespace predrill::harness
