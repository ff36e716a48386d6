#include "harness/what_if/capacity.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>

#include "harness/engine/run.hpp"
#include "harness/load/load.hpp"
#include "harness/what_if/knee.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

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
  // 120 s of blocked writes at 210 transactions a second of 153.4 ms: 25,200 wait. 40 connections
  // leave some 50 a second to work them off, the 10 of the reserve 65 more. A prober waits behind
  // 244 clients at most.
  for (const bool reserve : {false, true}) {
    const ScenarioSpec blocked =
        scenario("pool-under-window.json",
                 {"faults[0].for=120s", "run_for=15m", "workload.transactions_per_second=210",
                  std::string("pgbouncer.reserve_pool_size=") + (reserve ? "10" : "0")});
    const auto forms = pool_forms(blocked);
    REQUIRE(forms);
    REQUIRE(forms->blocks);
    CHECK(forms->hold == Approx(0.155).epsilon(0.005));  // with its commit and the way there
    CHECK(forms->waiting_most == 244);
    CHECK(forms->waiting_drain == Approx(0.94).epsilon(0.02));
    CHECK(forms->outage.customers == Approx(25'200));
    const RunOutcome run = run_once(blocked, {.seed = 5});
    const PathRun* pgbouncer = run.measures.find_path("pgbouncer");
    REQUIRE(pgbouncer != nullptr);
    CHECK(sim::seconds(pgbouncer->measures.rto) < 120 + 10);
    const double backlog = static_cast<double>(value(run, "backlog.max"));
    CHECK(backlog == Approx(forms->outage.customers).epsilon(0.05));
    const double lasts = static_cast<double>(value(run, "backlog.lasts")) / 1e9;
    const double drain = reserve ? forms->with_reserve.drain : forms->outage.drain;
    INFO("worked off " << lasts - 120 << " s after the window, closed form " << drain);
    CHECK(lasts - 120 == Approx(drain).epsilon(0.15));
    CHECK(value(run, "backlog.end") == 0);
  }
}

TEST_CASE("capacity: the pool's response is that of M/M/c with its hold time",
          "[what-if][capacity]") {
  sim::Sample responses;
  const ScenarioSpec steady = scenario("pool-knee.json", {"workload.transactions_per_second=235"});
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    responses.add(value(run_once(steady, {.seed = seed}), "response.mean"));
  }
  const auto forms = pool_forms(steady);
  REQUIRE(forms);
  CHECK_FALSE(forms->blocks);  // the primary goes on
  const double expected = forms->queue.response * 1e9;
  const auto simulated = responses.mean_estimate(0.99);
  REQUIRE(simulated);
  INFO("seeds 1 to 16: " << simulated->value << " [" << simulated->interval.low << ", "
                         << simulated->interval.high << "], M/M/c " << expected);
  CHECK(expected > simulated->interval.low);
  CHECK(expected < simulated->interval.high);
}

TEST_CASE("capacity: a read-only window refuses what a blocking one keeps", "[what-if][capacity]") {
  const ScenarioSpec window = scenario(
      "pool-under-window.json", {"faults[0].inject=read_only", "faults[0].for=60s", "run_for=90s"});
  CHECK_FALSE(pool_forms(window)->blocks);
  const RunOutcome run = run_once(window, {.seed = 3});
  // 247.8 a second for 60 s, a few of them under way at either end.
  CHECK(static_cast<double>(value(run, "transactions.failed")) == Approx(14'868).epsilon(0.03));
  CHECK(value(run, "backlog.max") == 0);
  std::uint32_t waiting = 0;
  for (const PoolReading& reading : run.measures.pool) {
    const bool inside = reading.at > 1s && reading.at < 60s;
    if (inside) waiting = std::max(waiting, reading.cl_waiting);
  }
  CHECK(waiting == 0);
  CHECK(sim::seconds(run.measures.find_path("pgbouncer")->measures.rto) == Approx(60).margin(6));
}

TEST_CASE("capacity: 284 clients log in again, and PgBouncer's thread is what they wait for",
          "[what-if][capacity]") {
  const std::vector<std::string> passwords = {"pooler.auth_file=passwords"};
  for (const auto& settings : {std::vector<std::string>{}, passwords}) {
    const ScenarioSpec storm = scenario("reconnect-storm.json", settings);
    const auto forms = pool_forms(storm);
    REQUIRE(forms);
    CHECK(forms->logins == Approx(settings.empty() ? 284 * 0.27e-3 : 284 * 3.73e-3));
    const RunOutcome run = run_once(storm, {.seed = 1});
    CHECK(value(run, "connections.end") == 284);
    CHECK(value(run, "connections.refused") >= 284);
    // Away for 2 s; a client tries every 50 to 150 ms, and is let in by then or in its turn.
    const double back = static_cast<double>(value(run, "connections.back")) / 1e9 - 2;
    INFO("back after " << back << " s, closed form " << forms->logins << " s");
    CHECK(back >= forms->logins);
    CHECK(back <= forms->logins + 0.16);
  }
}

TEST_CASE("capacity: max_client_conn turns away who comes last", "[what-if][capacity]") {
  const ScenarioSpec many = scenario("client-connections.json", {"workload.connections=700"});
  CHECK(pool_forms(many)->clients == 600);
  const RunOutcome run = run_once(many, {.seed = 1});
  // Probes take a place or two of the 600.
  CHECK(value(run, "connections.end") <= 600);
  CHECK(value(run, "connections.end") >= 590);
  CHECK(value(run, "connections.refused") > 10'000);  // a hundred, ten times a second each
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
