#include "harness/engine/campaign.hpp"

#include <algorithm>

#include "harness/engine/run.hpp"
#include "sim/parallel.hpp"

namespace predrill::harness {

CampaignResult run_campaign(const ScenarioSpec& scenario, const CampaignOptions& options) {
  CampaignResult result{.all = Summary(scenario.path),
                        .released = Summary(scenario.path),
                        .not_released = Summary(scenario.path),
                        .wanted = options.runs};
  struct Finished {
    RunMeasures measures;
    std::string problem;
  };
  const auto runs = sim::parallel_results(
      options.runs,
      [&](std::size_t i) {
        RunOutcome outcome = run_once(scenario, {.seed = options.first_seed + i});
        return Finished{std::move(outcome.measures), std::move(outcome.problem)};
      },
      {.jobs = options.jobs, .stop = options.stop, .progress = options.progress});
  for (const auto& run : runs) {
    if (!run) {
      result.stopped = true;
      continue;
    }
    if (!run->problem.empty()) {
      auto& problems = result.problems;
      if (std::find(problems.begin(), problems.end(), run->problem) == problems.end()) {
        problems.push_back(run->problem);
      }
      continue;
    }
    result.all.add(run->measures);
    (run->measures.key_released ? result.released : result.not_released).add(run->measures);
  }
  return result;
}

}  // namespace predrill::harness
