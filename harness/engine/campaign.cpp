#include "harness/engine/campaign.hpp"

#include <algorithm>
#include <cmath>

#include "harness/engine/run.hpp"
#include "harness/engine/run_store.hpp"
#include "harness/input/diagnostics.hpp"
#include "harness/report/number.hpp"
#include "sim/parallel.hpp"
#include "sim/sequential.hpp"

namespace predrill::harness {

namespace {

StoredRun run_or_find(const ScenarioSpec& scenario, std::uint64_t seed,
                      const CampaignOptions& options) {
  RunStore* store = options.store;
  if (store != nullptr) {
    if (const StoredRun* found = store->find({options.part, seed})) return *found;
  }
  RunOutcome outcome = run_once(scenario, {.seed = seed, .meddle = options.settled});
  StoredRun run{std::move(outcome.measures), std::move(outcome.problem)};
  run.measures.seed = seed;
  if (store != nullptr) store->add({options.part, seed}, run);
  return run;
}

void add(const StoredRun& run, CampaignResult& result) {
  if (!run.problem.empty()) {
    auto& problems = result.problems;
    if (std::find(problems.begin(), problems.end(), run.problem) == problems.end()) {
      problems.push_back(run.problem);
    }
    return;
  }
  result.all.add(run.measures);
  (run.measures.key_released ? result.released : result.not_released).add(run.measures);
}

// The state of a stop rule over the batches.
class Ending {
 public:
  explicit Ending(const StopRule& rule) : rule_(rule) {
    if (rule.kind != StopRule::Kind::sequential) return;
    // Half as many failures as allowed against twice as many: what lies between is undecided.
    const double misses = 1 - rule.p;
    test_ = sim::SequentialTest::make(1 - misses / 2, 1 - std::min(2 * misses, 0.99), 0.05, 0.05);
  }

  void add(const RunMeasures& run, const std::string& path) {
    if (!test_) return;
    const PathRun* judged = run.find_path(path);
    if (judged == nullptr) return;
    const PathMeasures& measures = judged->measures;
    test_->add(!measures.censored && measures.rto <= rule_.bound);
  }

  // What was found, or empty: go on.
  std::string decision(const Summary& all) const {
    const std::string name = quantile_name(rule_.p);
    const std::string bound = sim::to_text(rule_.bound);
    if (rule_.kind == StopRule::Kind::precision) {
      const auto interval = all.rto().quantile_interval(rule_.p);
      if (!interval || interval->high - interval->low > rule_.bound.count()) return "";
      return "the interval of the " + name + " is " +
             sim::to_text(sim::Duration(interval->high - interval->low)) + " wide, wanted " + bound;
    }
    if (!test_ || test_->decision() == sim::SequentialTest::Decision::go_on) return "";
    const bool yes = test_->decision() == sim::SequentialTest::Decision::accept;
    return "sequential test: the " + name + " is " + (yes ? "within " : "beyond ") + bound + " (" +
           grouped(test_->failures()) + " of " + grouped(test_->runs()) +
           " runs beyond; wrong in at most 5 % of such decisions)";
  }

 private:
  StopRule rule_;
  std::optional<sim::SequentialTest> test_;
};

}  // namespace

std::optional<StopRule> parse_stop_rule(std::string_view text, std::string& problem) {
  const auto wrong = [&] {
    problem = in_quotes(text) + " is no stop rule; write rto.p99=2s (until its interval is 2 s " +
              "wide) or rto.p99<=30s (until a sequential test decides)";
    return std::nullopt;
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return wrong();
  StopRule rule;
  const bool at_most = text[equals - 1] == '<';
  rule.kind = at_most ? StopRule::Kind::sequential : StopRule::Kind::precision;
  const std::string_view measure = text.substr(0, equals - (at_most ? 1 : 0));
  const std::string_view quantiles[] = {"rto.p50", "rto.p90", "rto.p95", "rto.p99", "rto.p99.9"};
  const double values[] = {0.5, 0.9, 0.95, 0.99, 0.999};
  bool known = false;
  for (std::size_t i = 0; i < std::size(quantiles); ++i) {
    if (measure != quantiles[i]) continue;
    rule.p = values[i];
    known = true;
  }
  const auto bound = sim::parse_duration(text.substr(equals + 1));
  if (!known || !bound || *bound <= sim::Duration{}) return wrong();
  rule.bound = *bound;
  return rule;
}

CampaignResult run_campaign(const ScenarioSpec& scenario, const CampaignOptions& options) {
  CampaignResult result{.all = Summary(scenario.path),
                        .released = Summary(scenario.path),
                        .not_released = Summary(scenario.path),
                        .wanted = options.runs};
  std::optional<Ending> ending;
  if (options.until) ending.emplace(*options.until);
  for (std::size_t begin = 0; begin < options.runs && !result.stopped; begin += campaign_batch) {
    const std::size_t size = std::min(campaign_batch, options.runs - begin);
    std::function<void(std::size_t, std::size_t)> progress;
    if (options.progress) {
      progress = [&](std::size_t done, std::size_t) {
        options.progress(begin + done, options.runs);
      };
    }
    const auto runs = sim::parallel_results(
        size,
        [&](std::size_t i) {
          return run_or_find(scenario, options.first_seed + begin + i, options);
        },
        {.jobs = options.jobs, .stop = options.stop, .progress = progress});
    for (const auto& run : runs) {
      if (!run) {
        result.stopped = true;
        continue;
      }
      add(*run, result);
      if (options.each && run->problem.empty()) options.each(run->measures);
      if (ending && run->problem.empty()) ending->add(run->measures, scenario.path);
    }
    if (options.batch) options.batch(result.all);
    if (!ending || result.stopped) continue;
    result.ended = ending->decision(result.all);
    if (!result.ended.empty()) break;
  }
  if (ending && result.ended.empty() && !result.stopped) {
    result.ended =
        "no decision within " + grouped(static_cast<std::int64_t>(options.runs)) + " runs";
  }
  return result;
}

}  // namespace predrill::harness
