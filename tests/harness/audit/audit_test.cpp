// Audits of drills whose fault is known: the right mechanism must come first wherever the record
// can tell it, and where it cannot, the audit must say so.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "harness/audit/audit.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/load/load.hpp"
#include "sim/parallel.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

constexpr sim::Duration window = 70s;
constexpr sim::Duration clock_noise = 500ms;

SystemSpec example() {
  Diagnostics diagnostics;
  auto system = load_system(PREDRILL_SOURCE_DIR "/scenarios/systems/user-profile-db", diagnostics);
  REQUIRE(system);
  return std::move(*system);
}

std::vector<RunFeatures> simulate(const ScenarioSpec& scenario, std::uint64_t first_seed,
                                  std::size_t n) {
  const auto runs = sim::parallel_results(
      n, [&](std::size_t i) { return observe_run(scenario, first_seed + i, window); });
  std::vector<RunFeatures> result;
  for (const auto& run : runs) {
    if (run && *run) result.push_back(**run);
  }
  return result;
}

std::vector<const RunFeatures*> pool(const std::vector<RunFeatures>& runs) {
  std::vector<const RunFeatures*> pointers;
  for (const RunFeatures& run : runs) pointers.push_back(&run);
  return pointers;
}

std::vector<FeatureId> features(const std::vector<std::string_view>& names) {
  std::vector<FeatureId> ids;
  for (const std::string_view name : names) {
    const auto id = find_feature(name);
    REQUIRE(id);
    ids.push_back(*id);
  }
  return ids;
}

constexpr std::array<const char*, 6> classes = {"patroni_stop", "node_loss", "postmaster_kill",
                                                "patroni_dead", "partition", "dcs_quorum_loss"};
constexpr std::size_t n_classes = classes.size();
using Matrix = std::array<std::array<int, n_classes>, n_classes>;

void print(const char* title, const Matrix& matrix) {
  std::printf("%s\n%-17s", title, "");
  for (const char* name : classes) std::printf("%17s", name);
  std::printf("\n");
  for (std::size_t a = 0; a < n_classes; ++a) {
    std::printf("%-17s", classes[a]);
    for (std::size_t b = 0; b < n_classes; ++b) std::printf("%17d", matrix[a][b]);
    std::printf("\n");
  }
}

struct Outcome {
  Matrix first{};  // true class, class that ranks first
  Matrix told{};   // per cent of the true class's runs that are expected to be told from the other
  Matrix undecided{};  // drills of the true class that cannot be told from the other
  int separable = 0;   // pairs (drill, other class) of separable classes
  int right = 0;       // of them: the true class ranks before the other
  int inseparable = 0;
  int declared = 0;  // of them: within 20:1, said to be indistinguishable
  int wrong = 0;     // the other class is decisively preferred
};

// A pair is separable if 95 % of the runs of either class are told from the other, and inseparable
// if hardly any is.
Outcome audit_known_drills(const std::vector<std::vector<RunFeatures>>& models,
                           const std::vector<std::vector<RunFeatures>>& drills,
                           const std::vector<FeatureId>& seen, std::uint64_t seed) {
  Outcome outcome;
  for (std::size_t a = 0; a < n_classes; ++a) {
    for (std::size_t b = 0; b < n_classes; ++b) {
      if (a == b) continue;
      outcome.told[a][b] = static_cast<int>(
          100 * share_told_apart(models[a], models[b], seen, clock_noise, window, seed));
    }
  }
  for (std::size_t a = 0; a < n_classes; ++a) {
    for (std::size_t i = 0; i < drills[a].size(); ++i) {
      const DrillRecord record =
          read_with_errors(drills[a][i], seen, clock_noise, window, seed + 1000 * a + i);
      std::vector<Likelihood> likelihoods;
      for (const auto& runs : models) likelihoods.push_back(likelihood(record, pool(runs)));
      std::size_t best = 0;
      for (std::size_t b = 0; b < n_classes; ++b) {
        if (likelihoods[b].value > likelihoods[best].value) best = b;
      }
      ++outcome.first[a][best];
      for (std::size_t b = 0; b < n_classes; ++b) {
        if (b == a) continue;
        const double ratio = likelihoods[a].value / likelihoods[b].value;
        const bool open = ratio < decisive_ratio && ratio > 1 / decisive_ratio;
        outcome.undecided[a][b] += open ? 1 : 0;
        outcome.wrong += ratio <= 1 / decisive_ratio ? 1 : 0;
        const int told = std::min(outcome.told[a][b], outcome.told[b][a]);
        if (told >= 95) {
          ++outcome.separable;
          outcome.right += ratio > 1 ? 1 : 0;
        } else if (std::max(outcome.told[a][b], outcome.told[b][a]) <= 5) {
          ++outcome.inseparable;
          outcome.declared += open ? 1 : 0;
        }
      }
    }
  }
  return outcome;
}

void print(const char* title, const Outcome& outcome) {
  std::printf("\n=== %s\n", title);
  print("drills by true class (rows) and class that ranks first (columns)", outcome.first);
  print("told apart, % of runs (row from column)", outcome.told);
  print("drills that cannot be told from the class of the column", outcome.undecided);
  std::printf(
      "separable: %d of %d rank the true class before the other; "
      "inseparable: %d of %d declared; decisively wrong: %d\n",
      outcome.right, outcome.separable, outcome.declared, outcome.inseparable, outcome.wrong);
}

}  // namespace

TEST_CASE("audit: 600 synthetic drills of six faults are recognised, or said to be alike",
          "[audit]") {
  constexpr std::uint64_t model_seed = 1;
  constexpr std::uint64_t drill_seed = 900001;
  constexpr std::size_t model_runs = 400;
  constexpr std::size_t drill_runs = 100;
  std::printf("audit: models from seeds %llu.., drills from seeds %llu.., noise %s\n",
              static_cast<unsigned long long>(model_seed),
              static_cast<unsigned long long>(drill_seed), sim::to_text(clock_noise).c_str());
  const SystemSpec system = example();
  std::vector<std::vector<RunFeatures>> models;
  std::vector<std::vector<RunFeatures>> drills;
  for (const char* name : classes) {
    const auto scenarios = rehearsal_scenarios(system, {name}, {});
    REQUIRE(scenarios.size() == 1);
    models.push_back(simulate(scenarios.front(), model_seed, model_runs));
    drills.push_back(simulate(scenarios.front(), drill_seed, drill_runs));
    REQUIRE(models.back().size() == model_runs);
    REQUIRE(drills.back().size() == drill_runs);
  }

  SECTION("by an observer of the whole cluster") {
    const auto seen = features({"leader_gone", "promotion_finished", "writes_stopped",
                                "writes_resumed", "failover", "old_primary_streaming"});
    const Outcome outcome = audit_known_drills(models, drills, seen, 77);
    print("leader gone, promotion, writes, failover, return of the old primary", outcome);
    CHECK(outcome.separable >= 2000);
    CHECK(outcome.right >= 0.95 * outcome.separable);
    CHECK(outcome.declared >= 0.95 * outcome.inseparable);
    CHECK(outcome.wrong <= 0.01 * 3000);
  }
  SECTION("by an observer of the leader key and the promotion alone") {
    // Whether a node died or was cut off shows in neither: the key expires, a standby promotes.
    const auto seen = features({"leader_gone", "promotion_finished"});
    const Outcome outcome = audit_known_drills(models, drills, seen, 78);
    print("leader gone and promotion alone", outcome);
    CHECK(outcome.separable >= 1000);
    CHECK(outcome.inseparable >= 200);
    CHECK(outcome.right >= 0.95 * outcome.separable);
    CHECK(outcome.declared >= 0.95 * outcome.inseparable);
    CHECK(outcome.wrong <= 0.01 * 3000);
  }
}

TEST_CASE("audit: the density of a reading integrates to one and has its bounds", "[audit]") {
  RunFeatures run;
  run.at.assign(feature_names().size(), sim::forever);
  const FeatureId feature = *find_feature("leader_gone");
  run.at[feature] = 30s;
  for (const sim::Duration precision :
       {sim::Duration(0), sim::Duration(100ms), sim::Duration(1s)}) {
    double sum = 0;
    constexpr sim::Duration step = 1ms;
    for (sim::Duration at = 500us; at < 60s; at += step) {
      sum += density({feature, at, precision, 0}, run, 60s) * sim::seconds(step);
    }
    CHECK(sum == Approx(1).margin(1e-6));
    CHECK(agrees({feature, 30s + precision, precision, 0}, run));
    CHECK_FALSE(agrees({feature, 30s + precision + slack(precision) + 1ns, precision, 0}, run));
  }
  // Known not to have happened, or happened although it never does in the run.
  CHECK(density({feature, std::nullopt, 1s, 0}, run, 60s) == Approx(wrong_line));
  run.at[feature] = sim::forever;
  CHECK(density({feature, std::nullopt, 1s, 0}, run, 60s) == Approx(1 - wrong_line));
  CHECK(density({feature, 2s, 1s, 0}, run, 50s) == Approx(wrong_line / 50));
  CHECK(agrees({feature, std::nullopt, 1s, 0}, run));
}

TEST_CASE("audit: posteriors add up, ratios have intervals", "[audit]") {
  const FeatureId feature = *find_feature("leader_gone");
  std::vector<RunFeatures> early(100);
  std::vector<RunFeatures> late(100);
  for (std::size_t i = 0; i < 100; ++i) {
    early[i].at.assign(feature_names().size(), sim::forever);
    late[i].at = early[i].at;
    early[i].at[feature] = 2s + i * 10ms;
    late[i].at[feature] = 20s + i * 100ms;
  }
  DrillRecord record;
  record.window = 60s;
  record.readings.push_back({feature, 2500ms, 500ms, 0});
  const std::vector<Likelihood> both = {likelihood(record, pool(early)),
                                        likelihood(record, pool(late))};
  CHECK(both[1].value == Approx(wrong_line / 60));
  const auto posterior = posteriors(both);
  CHECK(posterior[0].value + posterior[1].value == Approx(1));
  CHECK(posterior[0].low > 0.99);
  const Estimate times = ratio(both[0], both[1]);
  CHECK(times.low <= times.value);
  CHECK(times.value <= times.high);
  CHECK(times.low > decisive_ratio);
  // The same runs cannot be told apart, whatever the errors.
  CHECK(share_told_apart(early, early, std::vector<FeatureId>{feature}, 500ms, 60s, 5) == 0);
  CHECK(share_told_apart(early, late, std::vector<FeatureId>{feature}, 500ms, 60s, 5) == 1);
}

TEST_CASE("audit: the drill of 2025-10-09 was a release, not a crash", "[audit]") {
  Diagnostics diagnostics;
  const auto scenario = load_scenario(
      PREDRILL_SOURCE_DIR "/scenarios/drills/user-profile-db-2025-10-09.json", {}, diagnostics);
  REQUIRE(scenario);
  AuditOptions options;
  options.runs = 100;
  options.crash_runs = 500;
  const AuditReport report = run_audit(*scenario, options);
  CHECK(report.verdict == AuditVerdict::incompatible);
  CHECK(report.claimed == Mechanism::crash_expiry);
  REQUIRE_FALSE(report.mechanisms.empty());
  CHECK(report.mechanisms.front().mechanism == Mechanism::graceful_release);
  CHECK(report.mechanisms.front().possible);
  CHECK(report.mechanisms.front().posterior.low > 0.95);
  for (std::size_t i = 1; i < report.mechanisms.size(); ++i) {
    CHECK_FALSE(report.mechanisms[i].possible);
  }
  REQUIRE(report.key);
  CHECK(report.key->bound == 20s);
  CHECK(report.key->threshold == 18s);
  CHECK(report.key->before_threshold.successes() == 0);
  CHECK(report.key->before_threshold.trials() == 500);
  CHECK(report.key->by_claim.successes() == 0);
  CHECK(report.key->earliest > 19s);
  CHECK(report.key->earliest < 22s);
  const std::string text = audit_text(*scenario, report, options, {.width = 5000});
  CHECK(text.find("INCOMPATIBLE") != std::string::npos);
  CHECK(text.find("0 of 500 simulated crashes lose the key") != std::string::npos);
  CHECK(text.find("--grace-period=0 without --force as 1 s") != std::string::npos);
  CHECK(text.find("node-loss.json --runs 1000") != std::string::npos);
  const std::string json = audit_json(*scenario, report, options);
  CHECK(json.find("\"verdict\": \"incompatible\"") != std::string::npos);
  CHECK(json.find("\"threshold_s\": 18.0") != std::string::npos);
  // Held against its own command instead, the record is what that command may do.
  options.claim = "pod_delete";
  options.crash_runs = 0;
  const AuditReport own = run_audit(*scenario, options);
  CHECK(own.verdict == AuditVerdict::compatible);
}

TEST_CASE("audit: a crash on record is compatible with a crash, an unknown claim is refused",
          "[audit]") {
  Diagnostics diagnostics;
  auto scenario =
      load_scenario(PREDRILL_SOURCE_DIR "/scenarios/drills/patroni-stop.json", {}, diagnostics);
  REQUIRE(scenario);
  // What a node loss looks like, in a scenario that claims an orderly stop.
  const auto crash = rehearsal_scenarios(scenario->system, {"node_loss"}, {}).front();
  const auto run = observe_run(crash, 4242, window);
  REQUIRE(run);
  for (const char* name : {"leader_gone", "promotion_finished", "writes_stopped"}) {
    Observed line;
    line.matches = name;
    line.at = run->at[*find_feature(name)];
    line.precision = 500ms;
    scenario->observed.push_back(line);
  }
  AuditOptions options;
  options.runs = 60;
  CHECK(run_audit(*scenario, options).verdict == AuditVerdict::incompatible);
  options.claim = "node_loss";
  const AuditReport report = run_audit(*scenario, options);
  CHECK(report.verdict != AuditVerdict::incompatible);
  CHECK(report.claimed == Mechanism::crash_expiry);
  options.claim = "node_lost";
  const AuditReport refused = run_audit(*scenario, options);
  CHECK(refused.mechanisms.empty());
  CHECK(refused.problems.size() == 1);
}
