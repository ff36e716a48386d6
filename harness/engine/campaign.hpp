// Many runs of one scenario, on all processors; the result depends on the seeds alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/measure/summary.hpp"
#include "harness/scenario.hpp"

namespace predrill::harness {

class RunStore;
class World;

/// When a campaign may end before its last run. Looked at after every batch of runs, in the order
/// of their seeds, so that it ends at the same run whatever the number of threads.
struct StopRule {
  enum class Kind : std::uint8_t {
    precision,   // the 95 % interval of the RTO's quantile is at most `bound` wide
    sequential,  // Wald's test: a share `p` of the runs recovers within `bound`, or fewer do
  };
  Kind kind = Kind::precision;
  double p = 0.99;
  sim::Duration bound{};
};

/// "rto.p99=2s" (precision), "rto.p99<=30s" (sequential test). On a mistake nullopt and, in
/// `problem`, a sentence.
std::optional<StopRule> parse_stop_rule(std::string_view text, std::string& problem);

constexpr std::size_t campaign_batch = 250;

struct CampaignOptions {
  std::uint64_t first_seed = 1;
  std::size_t runs = 1000;                  // with a stop rule: at most
  std::size_t jobs = 0;                     // 0 = one per processor
  const std::atomic<bool>* stop = nullptr;  // Ctrl-C: finish what was begun
  std::function<void(std::size_t done, std::size_t all)> progress{};
  /// Told after every batch, with all runs so far.
  std::function<void(const Summary&)> batch{};
  /// Told of every run that has a result, in the order of their seeds.
  std::function<void(const RunMeasures&)> each{};
  std::optional<StopRule> until{};
  RunStore* store = nullptr;  // keeps finished runs, and has those of an earlier attempt
  std::uint64_t part = 0;     // of the store
  /// Called in each run once its world has settled, by the run's thread.
  std::function<void(World&)> settled{};
};

struct CampaignResult {
  Summary all;
  /// The same runs by what became of the leader key: released by the old primary, or not.
  Summary released;
  Summary not_released;
  std::size_t wanted = 0;
  bool stopped = false;
  std::vector<std::string> problems{};  // of runs that have no result, distinct
  std::string ended{};                  // what the stop rule found; empty without one
};

CampaignResult run_campaign(const ScenarioSpec& scenario, const CampaignOptions& options);

}  // namespace predrill::harness
