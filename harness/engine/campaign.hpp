// Many runs of one scenario, on all processors; the result depends on the seeds alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

struct CampaignOptions {
  std::uint64_t first_seed = 1;
  std::size_t runs = 1000;
  std::size_t jobs = 0;                     // 0 = one per processor
  const std::atomic<bool>* stop = nullptr;  // Ctrl-C: finish what was begun
  std::function<void(std::size_t done, std::size_t all)> progress{};
};

struct CampaignResult {
  Summary all;
  /// The same runs by what became of the leader key: released by the old primary, or not.
  Summary released;
  Summary not_released;
  std::size_t wanted = 0;
  bool stopped = false;
  std::vector<std::string> problems{};  // of runs that have no result, distinct
};

CampaignResult run_campaign(const ScenarioSpec& scenario, const CampaignOptions& options);

}  // namespace predrill::harness
