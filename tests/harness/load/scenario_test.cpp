// Scenarios: faults with their keys, objectives, and settings that reach into the system.
#include "tests/harness/load/load_test.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

class ScenarioFolder : public Folder {
 public:
  ScenarioFolder() { write("system.json", two_members(R"("kubernetes": {"present": true})")); }

  Loaded<ScenarioSpec> read(const std::string& faults, const std::string& more = "",
                            const std::vector<std::string>& settings = {}) {
    write("s.json", R"({"name": "a title", "system": ".", "faults": [)" + faults + "]" +
                        (more.empty() ? "" : ",\n" + more) + "}\n");
    Diagnostics diagnostics;
    auto scenario = load_scenario(*this / "s.json", settings, diagnostics);
    said = diagnostics.text();
    return scenario;
  }

  FaultSpec fault(const std::string& text) {
    const auto scenario = read(text);
    INFO(text << "\n" << said);
    REQUIRE(scenario.has_value());
    REQUIRE(scenario->faults.size() == 1);
    return scenario->faults[0];
  }
};

}  // namespace

TEST_CASE("scenario: faults and their keys", "[load]") {
  ScenarioFolder folder;
  FaultSpec fault = folder.fault(R"({"at": "65s", "inject": "node_loss", "for": "5m"})");
  CHECK(fault.kind == FaultKind::node_loss);
  CHECK(fault.at.delay.mean() == 65e9);
  CHECK(fault.at.after.empty());
  CHECK(fault.on.role == Target::Role::primary);
  CHECK(fault.length == std::optional<sim::Duration>(5min));

  fault = folder.fault(R"({"at": "1s", "inject": "partition", "on": "b", "from": "dcs",
                           "one_way": true})");
  CHECK(fault.on.role == Target::Role::named);
  CHECK(fault.on.name == "b");
  REQUIRE(fault.from.has_value());
  CHECK(fault.from->role == Target::Role::dcs);
  CHECK(fault.one_way);

  fault = folder.fault(R"({"at": "1s", "inject": "az_loss", "on": "z2"})");
  CHECK(fault.on.role == Target::Role::zone);
  CHECK(fault.on.name == "z2");
  fault = folder.fault(R"({"at": "1s", "inject": "clock_jump", "jump": "-30s"})");
  CHECK(fault.jump == -30s);
  fault = folder.fault(R"({"at": "1s", "inject": "packet_loss", "loss": "3%"})");
  CHECK(fault.probability == 0.03);
  fault = folder.fault(R"({"at": "1s", "inject": "lag", "bandwidth": "1MB"})");
  CHECK(fault.bytes_per_second == 1048576);
  CHECK(fault.on.role == Target::Role::all_standbys);
  fault = folder.fault(R"({"at": "1s", "inject": "switchover", "candidate": "b"})");
  CHECK(fault.candidate == "b");
  fault = folder.fault(R"({"at": "1s", "inject": "freeze", "scope": "patroni", "for": "45s"})");
  CHECK(fault.scope == FaultSpec::Scope::patroni);
  fault = folder.fault(R"({"at": "1s", "inject": "dcs_slow", "delay": {"exponential": "1s"}})");
  CHECK(fault.extra.mean() == 1e9);

  const std::string tied = R"({"after": "promotion_started", "inject": "dcs_leader_kill"})";
  CHECK_FALSE(folder.read(tied).has_value());
  CHECK_THAT(folder.said, Catch::Contains("every fault waits for an event"));
  const auto both = folder.read(R"({"at": "1s", "inject": "node_loss"}, )" + tied);
  REQUIRE(both.has_value());
  CHECK(both->faults[1].at.after == "promotion_started");
  CHECK(both->faults[1].at.delay.max() == 0);

  fault = folder.fault(R"({"at": "1s", "inject": "patroni_kill", "restart": "3s"})");
  REQUIRE(fault.restart.has_value());
  CHECK(fault.restart->mean() == 3e9);
}

TEST_CASE("scenario: kubectl's grace period", "[load]") {
  ScenarioFolder folder;
  const auto grace = [&](const std::string& keys) {
    return folder.fault(R"({"at": "1s", "inject": "pod_delete")" + keys + "}").grace_period;
  };
  CHECK(grace("") < 0s);
  CHECK(grace(R"(, "grace_period": "0s")") == 1s);
  CHECK(grace(R"(, "grace_period": "1s")") == 1s);
  CHECK(grace(R"(, "grace_period": "30s")") == 30s);
  CHECK(grace(R"(, "grace_period": "0s", "force": true)") == 0s);
  CHECK(grace(R"(, "force": true)") == 0s);
}

TEST_CASE("scenario: objectives, path, observations", "[load]") {
  ScenarioFolder folder;
  const auto scenario = folder.read(R"({"at": "1s", "inject": "node_loss"})",
                                    R"("run_for": "2m", "path": "read",
  "objectives": {"rto": {"p99": "10s", "max": "30s"}, "rpo": {"rows": 0, "bytes": "1kB"}},
  "observed": [{"at": "4.2s", "precision": "100ms", "event": "x", "matches": "promotion_finished",
                "remark": "3: y"}, {"event": "z"}],
  "remarks": ["one"])");
  INFO(folder.said);
  REQUIRE(scenario.has_value());
  CHECK(scenario->name == "s");
  CHECK(scenario->title == "a title");
  CHECK(scenario->run_for == 2min);
  CHECK(scenario->path == "read");
  REQUIRE(scenario->objectives.size() == 4);
  CHECK(scenario->objectives[0].measure == "rto");
  CHECK(scenario->objectives[0].quantile == 0.99);
  CHECK(scenario->objectives[0].bound == 10);
  CHECK(scenario->objectives[1].quantile == 1);
  CHECK(scenario->objectives[2].measure == "rpo.rows");
  CHECK(scenario->objectives[3].bound == 1024);
  REQUIRE(scenario->observed.size() == 2);
  CHECK(scenario->observed[0].at == std::optional<sim::Duration>(4200ms));
  CHECK(scenario->observed[0].precision == 100ms);
  CHECK(scenario->observed[0].matches == "promotion_finished");
  CHECK_FALSE(scenario->observed[1].at.has_value());
  CHECK(scenario->remarks == std::vector<std::string>{"one"});
}

TEST_CASE("scenario: without a pooler the direct path is judged", "[load]") {
  ScenarioFolder folder;
  const auto scenario = folder.read(R"({"at": "1s", "inject": "node_loss"})");
  REQUIRE(scenario.has_value());
  CHECK(scenario->path == "direct");
}

TEST_CASE("scenario: settings reach scenario and system", "[load]") {
  ScenarioFolder folder;
  const auto scenario =
      folder.read(R"({"at": "1s", "inject": "node_loss"})", "",
                  {"faults[0].at=65s", "run_for=2m", "patroni.ttl=25", "system.patroni.loop_wait=5",
                   "system.workload.connections=9", "cluster.members[1].tags={\"nosync\": true}",
                   "faults[0].for=1m"});
  INFO(folder.said);
  REQUIRE(scenario.has_value());
  CHECK(scenario->faults[0].at.delay.mean() == 65e9);
  CHECK(scenario->faults[0].length == std::optional<sim::Duration>(1min));
  CHECK(scenario->run_for == 2min);
  CHECK(scenario->system.patroni.ttl == 25s);
  CHECK(scenario->system.patroni.loop_wait == 5s);
  CHECK(scenario->system.workload.connections == 9);
  CHECK(scenario->system.members[1].tags.nosync);
  CHECK_FALSE(
      folder.read(R"({"at": "1s", "inject": "node_loss"})", "", {"faults[1].at=1s"}).has_value());
  CHECK_THAT(folder.said, Catch::Contains("the last one is [0]"));
}

TEST_CASE("scenario: problems of system and scenario are told together", "[load]") {
  ScenarioFolder folder;
  folder.write("system.json", two_members(R"("workload": {"attempts": 0})"));
  CHECK_FALSE(folder.read(R"({"at": "1", "inject": "node_loss", "on": "c"})").has_value());
  CHECK_THAT(folder.said, Catch::Contains("workload.attempts"));
  CHECK_THAT(folder.said, Catch::Contains("faults[0].at"));
  // Whether a name exists is not judged by a system that could not be read.
  CHECK_THAT(folder.said, !Catch::Contains("faults[0].on"));
}

TEST_CASE("distributions: every form", "[load]") {
  ScenarioFolder folder;
  const auto at = [&](const std::string& text) {
    return folder.fault(R"({"inject": "node_loss", "at": )" + text + "}").at.delay;
  };
  CHECK(at(R"({"constant": "2s"})").mean() == 2e9);
  CHECK(at(R"({"uniform": ["60s", "70s"], "source": "the log"})").source() == "the log");
  CHECK(at(R"({"uniform": ["60s", "70s"]})").mean() == Approx(65e9));
  CHECK(at(R"({"exponential": "5s"})").mean() == Approx(5e9));
  CHECK(at(R"({"normal": {"mean": "5s", "deviation": "1s"}})").quantile(0.5) == Approx(5e9));
  const auto lognormal = at(R"({"lognormal": {"p50": "12ms", "p99": "80ms"}})");
  CHECK(lognormal.quantile(0.5) == Approx(12e6));
  CHECK(lognormal.quantile(0.99) == Approx(80e6));
  CHECK(at(R"({"lognormal": {"p99.9": "80ms", "p10": "12ms"}})").quantile(0.999) == Approx(80e6));
  CHECK(at(R"({"weibull": {"shape": 1, "scale": "2s"}})").mean() == Approx(2e9));
  CHECK(at(R"({"gamma": {"shape": 2, "scale": "2s"}})").mean() == Approx(4e9));
  CHECK(at(R"({"pareto": {"shape": 2, "low": "1s"}})").min() == Approx(1e9));
  CHECK(at(R"({"triangular": ["1s", "2s", "6s"]})").mean() == Approx(3e9));
  CHECK(at(R"({"empirical": ["1s", "3s"]})").mean() == Approx(2e9));
  CHECK(at(R"({"quantiles": {"p0": "1s", "p50": "2s", "p100": "9s"}})").quantile(0.5) == 2e9);
  CHECK(
      at(R"({"mixture": [{"weight": 3, "of": "1s"}, {"weight": 1, "of": {"exponential": "5s"}}]})")
          .mean() == Approx(2e9));
  CHECK(at(R"({"exponential": "5s", "shifted": "1s"})").min() == Approx(1e9));
  CHECK(at(R"({"exponential": "5s", "truncated": ["1s", "2s"]})").max() == Approx(2e9));
}
