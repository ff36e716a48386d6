#include "harness/what_if/capacity.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>

#include "harness/engine/run.hpp"
#include "harness/load/load.hpp"
#include "harness/what_if/knee.hpp"

using namespace predrill;
using namespace predrill::harness;

namespace {

const std::string what_if = PREDRILL_SOURCE_DIR "/scenarios/what-if/";

ScenarioSpec scenario(const std::string& file, const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto loaded = load_scenario(what_if + file, settings, diagnostics);
  INFO(diagnostics.text());
  REQUIRE(loaded);
  return std::move(*loaded);
}

std::int64_t value(const RunOutcome& run, const std::string& name) {
  const auto found = std::find_if(run.measures.values.begin(), run.measures.values.end(),
                                  [&](const NamedValue& v) { return v.name == name; });
  REQUIRE(found != run.measures.values.end());
  return found->value;
}

}  // namespace

TEST_CASE("capacity: a blocked pool is back at once, the backlog of its clients is not",
          "[what-if][capacity]") {
  // 120 s of blocked writes at 210 transactions a second and 40 connections of 153.4 ms: 25,200
  // wait, 50.8 a second are left to work them off: 496 s by the fluid limit, less what
  // query_wait_timeout took away. A prober waits behind 244 clients at most.
  const ScenarioSpec blocked =
      scenario("pool-under-window.json",
               {"faults[0].for=120s", "run_for=15m", "workload.transactions_per_second=210"});
  const auto forms = pool_forms(blocked);
  REQUIRE(forms);
  CHECK(forms->waiting_most == 244);
  CHECK(forms->waiting_drain == Approx(0.936).epsilon(0.01));
  CHECK(forms->outage.customers == Approx(25'200));
  CHECK(forms->outage.drain == Approx(496.4).epsilon(0.01));
  const RunOutcome run = run_once(blocked, {.seed = 5});
  const PathRun* pgbouncer = run.measures.find_path("pgbouncer");
  REQUIRE(pgbouncer != nullptr);
  CHECK(sim::seconds(pgbouncer->measures.rto) < 120 + 10);
  const double backlog = static_cast<double>(value(run, "backlog.max"));
  CHECK(backlog == Approx(forms->outage.customers).epsilon(0.05));
  const double lasts = static_cast<double>(value(run, "backlog.lasts")) / 1e9;
  INFO("worked off " << lasts - 120 << " s after the window, seed 5");
  CHECK(lasts - 120 > 0.5 * forms->outage.drain);
  CHECK(lasts - 120 < 1.3 * forms->outage.drain);
  CHECK(value(run, "backlog.end") == 0);
}

TEST_CASE("capacity: five targets carry what six did", "[what-if][capacity]") {
  const ScenarioSpec lost = scenario("payment-gateway-n-1.json");
  const RunOutcome run = run_once(lost, {.seed = 1});
  CHECK(value(run, "tps_per_target.before") == Approx(206'667).margin(1));
  CHECK(value(run, "tps_per_target.max") == 248'000);
  StudyPlan plan;
  plan.current = lost;
  const std::string text = target_text(plan, {});
  CHECK(text.find("5 of 6") != std::string::npos);
  CHECK(text.find("248.0") != std::string::npos);
  CHECK(target_text(StudyPlan{.axes = {},
                              .current = scenario("reconnect-storm.json"),
                              .points = {},
                              .left_out = {},
                              .left_out_because = {}},
                    {})
            .empty());
}

TEST_CASE("capacity: the knee of a curve", "[what-if][capacity]") {
  const std::array<double, 6> load = {100, 150, 200, 220, 240, 250};
  std::array<double, 6> wait{};
  for (std::size_t i = 0; i < load.size(); ++i) wait[i] = 1 / (260 - load[i]);  // M/M/1
  CHECK(knee_of(load, wait) == std::size_t{3});
  const std::array<double, 6> straight = {1, 1.5, 2, 2.2, 2.4, 2.5};
  CHECK_FALSE(knee_of(load, straight));
  const std::array<double, 6> falling = {6, 5, 4, 3, 2, 1};
  CHECK_FALSE(knee_of(load, falling));
  CHECK_FALSE(knee_of(std::span(load).first(3), std::span(wait).first(3)));
}
