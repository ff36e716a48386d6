// OpenMetrics text of a simulated failover. Whether a real Prometheus takes it is asked by
// tests/metrics/run.
#include <catch2/catch.hpp>

#include <set>
#include <sstream>

#include "harness/report/open_metrics.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

struct Sample {
  std::string series, value;
  std::int64_t at;
};

struct Parsed {
  std::vector<Sample> samples;
  std::vector<std::string> families;
  bool ended = false;

  std::string at(const std::string& series, std::int64_t time) const {
    for (const Sample& sample : samples) {
      if (sample.at == time && sample.series.find(series) == 0) return sample.value;
    }
    return "none";
  }
};

Parsed parse(const std::string& text) {
  Parsed parsed;
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line)) {
    REQUIRE_FALSE(parsed.ended);
    if (line == "# EOF") {
      parsed.ended = true;
    } else if (line.starts_with("# TYPE ")) {
      parsed.families.push_back(line.substr(7, line.find(' ', 7) - 7));
    } else if (!line.starts_with("#")) {
      const std::size_t end = line.rfind(' ');
      const std::size_t value = line.rfind(' ', end - 1);
      parsed.samples.push_back({line.substr(0, value), line.substr(value + 1, end - value - 1),
                                std::stoll(line.substr(end + 1))});
    }
  }
  return parsed;
}

}  // namespace

TEST_CASE("openmetrics: a failover under the exporters' names", "[report]") {
  const ScenarioSpec scenario = fixture::scenario_of(fixture::example_system(), "node_loss");
  MetricsRecorder recorder;
  const RunOutcome outcome = run_once(scenario, {.seed = 1, .sink = &recorder});
  REQUIRE(outcome.problem.empty());
  constexpr std::int64_t epoch = 1'000'000;
  const Parsed parsed = parse(recorder.text(scenario, outcome, epoch, 1s));
  CHECK(parsed.ended);
  CHECK(std::set<std::string>(parsed.families.begin(), parsed.families.end()).size() ==
        parsed.families.size());

  // Series are contiguous, and their samples in order of time.
  std::set<std::string> seen;
  std::string series;
  std::int64_t last = 0;
  for (const Sample& sample : parsed.samples) {
    if (sample.series != series) {
      series = sample.series;
      CHECK(seen.insert(series).second);
      last = 0;
    }
    CHECK(sample.at > last);
    last = sample.at;
  }

  const std::int64_t fault = epoch + outcome.measures.fault / 1s;
  const std::string old_primary = "{instance=\"" + outcome.old_primary + "\"";
  const std::string new_primary = "{instance=\"" + outcome.measures.new_primary + "\"";
  CHECK(parsed.at("patroni_primary" + old_primary, fault) == "1");
  CHECK(parsed.at("pg_up" + old_primary, fault) == "1");
  CHECK(parsed.at("pg_up" + old_primary, fault + 2) == "0");
  CHECK(parsed.at("pg_replication_is_replica" + old_primary, fault + 2) == "none");
  CHECK(parsed.at("patroni_primary" + new_primary, fault) == "0");
  CHECK(parsed.at("patroni_replica" + new_primary, fault) == "1");
  CHECK(parsed.at("patroni_primary" + new_primary, fault + 60) == "1");
  CHECK(parsed.at("probe_success{instance=\"direct\"", fault) == "1");
  CHECK(parsed.at("probe_success{instance=\"direct\"", fault + 5) == "0");
  CHECK(parsed.at("probe_success{instance=\"direct\"", fault + 60) == "1");
  CHECK(parsed.at("pgbouncer_pools_client_waiting_connections", fault + 15) != "none");
  CHECK(parsed.at("pgbouncer_pools_client_waiting_connections", fault + 15) != "0");
  CHECK(parsed.at("patroni_sync_standby" + new_primary, fault) == "1");
  CHECK(parsed.at("patroni_sync_standby" + new_primary, fault + 60) == "0");
  CHECK(parsed.at("patroni_postgres_streaming" + new_primary, fault) == "1");
  CHECK(parsed.at("patroni_postgres_streaming" + new_primary, fault + 60) == "0");
  CHECK(std::stoi(parsed.at("patroni_postgres_timeline" + new_primary, fault + 60)) ==
        1 + std::stoi(parsed.at("patroni_postgres_timeline" + new_primary, fault)));
  CHECK(parsed.at("patroni_dcs_last_seen" + new_primary, fault) == std::to_string(fault));
  CHECK(parsed.at("pg_settings_max_connections" + new_primary, fault) ==
        std::to_string(scenario.system.postgres.max_connections));
  CHECK(parsed.at("pgbouncer_config_max_client_connections", fault) ==
        std::to_string(scenario.system.pooler->config.max_client_conn));
}

TEST_CASE("openmetrics: a primary without its DCS", "[report]") {
  ScenarioSpec scenario = fixture::scenario_of(fixture::example_system(), "dcs_quorum_loss");
  for (const bool failsafe : {false, true}) {
    scenario.system.patroni.failsafe_mode = failsafe;
    MetricsRecorder recorder;
    const RunOutcome outcome = run_once(scenario, {.seed = 1, .sink = &recorder});
    REQUIRE(outcome.problem.empty());
    const Parsed parsed = parse(recorder.text(scenario, outcome, 0, 1s));
    const std::int64_t fault = outcome.measures.fault / 1s;
    const std::string primary = "{instance=\"" + outcome.old_primary + "\"";
    const std::int64_t seen = std::stoll(parsed.at("patroni_dcs_last_seen" + primary, fault + 50));
    CHECK(seen >= fault);
    CHECK(seen <= fault + 25);  // loop_wait, retry_timeout, and what a request takes
    CHECK(parsed.at("patroni_failsafe_mode_is_active" + primary, fault + 50) ==
          (failsafe ? "1" : "0"));
    CHECK(parsed.at("patroni_primary" + primary, fault + 50) == (failsafe ? "1" : "0"));
  }
}
