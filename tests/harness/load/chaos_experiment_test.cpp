// Experiments of Chaos Toolkit: which faults their actions are, when they strike, what is said of
// what cannot be simulated, and the journal that comes back.
#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "harness/engine/run.hpp"
#include "harness/input/schema.hpp"
#include "harness/load/chaos_actions.hpp"
#include "harness/load/chaos_experiment.hpp"
#include "harness/load/load.hpp"
#include "harness/report/chaos_toolkit.hpp"
#include "harness/runbook/aws_command.hpp"
#include "tests/harness/load/load_test.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

const std::string example = PREDRILL_SOURCE_DIR "/scenarios/drills/chaos-toolkit-experiment.json";
const std::string schemas = PREDRILL_SOURCE_DIR "/tests/harness/report/schemas";

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "pod_delete on=primary grace_period=30s", "" for none.
std::string fault_text(const std::string& command) {
  const auto fault = fault_of_command(shell_words(command));
  std::string text;
  if (!fault) return text;
  for (const auto& [key, value] : *fault) {
    text += (text.empty() ? "" : " ") + (key == "inject" ? value : key + "=" + value);
  }
  return text;
}

std::string problems_of(const std::string& experiment, ChaosUse use) {
  Diagnostics diagnostics;
  const auto document = parse_document(experiment, "e.json", Format::json, diagnostics);
  REQUIRE(document.has_value());
  scenario_of_experiment(*document, use, diagnostics);
  return diagnostics.text();
}

nlohmann::json journal_of(const ScenarioSpec& scenario, const RunOutcome& outcome) {
  Summary summary(scenario.path);
  summary.add(outcome.measures);
  std::vector<Judgement> judgements;
  for (const Objective& one : scenario.objectives) judgements.push_back(judge(one, summary));
  return nlohmann::json::parse(chaos_journal(scenario, outcome, judgements,
                                             overall(judgements, summary), 1767225600, "0.1.0"));
}

}  // namespace

TEST_CASE("chaos experiment: the commands that people type are faults", "[load][chaos]") {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"kubectl delete pod db-0 -n prod --grace-period=0 --force", "pod_delete on=db-0 force=true"},
      {"kubectl -n prod delete pod/db-0 --grace-period 5", "pod_delete on=db-0 grace_period=5s"},
      {"kubectl delete pods -l cluster-name=x,spilo-role=replica", "pod_delete on=any_standby"},
      {"kubectl delete pod -l role=primary --now", "pod_delete on=primary grace_period=1s"},
      {"kubectl get pods", ""},
      {"kubectl delete service db", ""},
      {"patronictl -c /etc/patroni.yml switchover db --candidate db-1 --force",
       "switchover candidate=db-1"},
      {"patronictl restart db", ""},
      {"sudo systemctl stop patroni", "patroni_stop"},
      {"ssh root@db-0 sudo systemctl kill -s SIGKILL patroni", "patroni_kill on=db-0"},
      {"ssh -i key db-0 'pkill -9 postgres'", "postmaster_kill on=db-0"},
      {"pkill postgres", ""},  // SIGTERM to every process: none of the faults
      {"kubectl exec -n prod db-0 -c postgres -- killall -KILL patroni", "patroni_kill on=db-0"},
      {"kubectl exec deploy/pgbouncer -- pkill -9 pgbouncer", "pgbouncer_kill"},
      {"bash -c 'sudo tc qdisc add dev eth0 root netem delay 100msec'", "latency delay=100ms"},
      {"tc qdisc add dev eth0 root netem loss 10%", "packet_loss loss=10%"},
      {"tc qdisc add dev eth0 root netem loss random 100%", "partition"},
      {"tc qdisc del dev eth0 root", ""},
      {"iptables -A INPUT -j DROP", "partition"},
      {"iptables -A INPUT -p tcp --dport 5432 -j DROP", ""},
      {"reboot -f", "node_reboot"},
      {"systemctl reboot --force --force", "node_reboot"},
      {"systemctl reboot", ""}};
  for (const auto& [command, fault] : expected) {
    CAPTURE(command);
    CHECK(fault_text(command) == fault);
  }
}

TEST_CASE("chaos experiment: the example is a scenario, its times and values at their lines",
          "[load][chaos]") {
  Diagnostics diagnostics;
  const auto scenario = load_scenario(example, {}, diagnostics);
  CAPTURE(diagnostics.text());
  REQUIRE(scenario.has_value());
  CHECK(scenario->title.starts_with("user-profile-db: writes survive"));
  REQUIRE(scenario->faults.size() == 2);
  CHECK(scenario->faults[0].kind == FaultKind::pod_delete);
  CHECK(scenario->faults[0].on.role == Target::Role::primary);
  CHECK(scenario->faults[0].grace_period == 30s);  // the default of a variable of the environment
  CHECK(scenario->faults[1].kind == FaultKind::pgbouncer_kill);
  CHECK(scenario->faults[1].at.after == "fault");
  CHECK(scenario->run_for == 3min);

  const std::vector<std::string> settings = {"faults[0].grace_period=x"};
  CHECK_FALSE(load_scenario(example, settings, diagnostics).has_value());
  CHECK(diagnostics.text().find("faults[0].grace_period") != std::string::npos);
}

TEST_CASE("chaos experiment: experiments in YAML are the same", "[load][chaos]") {
  Folder folder;
  folder.write("e.yaml",
               "title: t\ndescription: d\nmethod:\n- type: action\n  name: stop\n"
               "  provider: {type: process, path: systemctl, arguments: [stop, patroni]}\n"
               "  pauses: {before: 2.5}\nextensions:\n- name: predrill\n  system: " +
                   std::string(PREDRILL_SOURCE_DIR "/scenarios/systems/user-profile-db") +
                   "\n  run_for: 2m\n");
  Diagnostics diagnostics;
  const auto scenario = load_scenario(folder / "e.yaml", {}, diagnostics);
  CAPTURE(diagnostics.text());
  REQUIRE(scenario.has_value());
  REQUIRE(scenario->faults.size() == 1);
  CHECK(scenario->faults[0].kind == FaultKind::patroni_stop);
  folder.write("s.yaml", "name: x\nsystem: y\n");
  CHECK_FALSE(load_scenario(folder / "s.yaml", {}, diagnostics).has_value());
  CHECK(diagnostics.text().find("scenarios are written in JSON") != std::string::npos);
}

TEST_CASE("chaos experiment: what cannot be simulated is said with its line", "[load][chaos]") {
  const std::string experiment = R"({
  "title": "t",
  "method": [
    { "type": "action", "name": "melt", "provider": { "type": "process", "path": "melt" } },
    { "type": "actoin", "name": "x", "provider": {} },
    { "type": "probe", "provider": { "type": "http", "url": "http://x" } },
    { "ref": "nobody" },
    { "type": "action", "name": "y", "provider": { "type": "process", "path": "reboot" },
      "pauses": { "after": "soon" } }
  ]
})";
  const std::string problems = problems_of(experiment, ChaosUse::run);
  CAPTURE(problems);
  for (const char* line :
       {"e.json:1:1: error: description: an experiment requires a description",
        "e.json:1:1: error: extensions: an experiment does not say which system",
        "e.json:4:33: error: method[0]: what \"melt\" does is no known fault",
        "e.json:5:15: error: method[1].type: found \"actoin\"; \"probe\" or \"action\"",
        "e.json:6:5: error: method[2]: an activity must have a name",
        "e.json:7:14: error: method[3].ref: there is no activity \"nobody\"",
        "e.json:9:28: error: method[4].pauses.after: found \"soon\"; a number of seconds"}) {
    CHECK(problems.find(line) != std::string::npos);
  }
  CHECK(problems_of(experiment, ChaosUse::skeleton).find("e.json:4:33: note: ") !=
        std::string::npos);
}

TEST_CASE("chaos experiment: its own words for an action win; null leaves it out",
          "[load][chaos]") {
  Diagnostics diagnostics;
  const auto document = parse_document(R"({
  "title": "t", "description": "d",
  "method": [
    { "type": "action", "name": "melt", "provider": { "type": "process", "path": "melt" } },
    { "type": "action", "name": "tell", "provider": { "type": "http", "url": "http://x" } }
  ],
  "extensions": [{ "name": "predrill", "system": "s",
    "faults": { "melt": { "inject": "freeze", "for": "45s" }, "tell": null } }]
})",
                                       "e.json", Format::json, diagnostics);
  REQUIRE(document.has_value());
  const auto scenario = scenario_of_experiment(*document, ChaosUse::run, diagnostics);
  CAPTURE(diagnostics.text());
  REQUIRE(scenario.has_value());
  CHECK(json_of(scenario->root()) ==
        R"({"name": "t", "description": "d", "system": "s", "faults": [{"inject": "freeze", )"
        R"("for": "45s", "at": {"uniform": ["60s", "70s"]}}]})");
}

TEST_CASE("chaos experiment: the journal has the experiment, and both have their structure",
          "[load][chaos]") {
  Diagnostics diagnostics;
  const auto scenario = load_scenario(example, {}, diagnostics);
  REQUIRE(scenario.has_value());
  const auto journal = journal_of(*scenario, run_once(*scenario, {.seed = 1}));
  CHECK(journal.at("experiment") == nlohmann::json::parse(content(example)));
  REQUIRE(journal.at("run").size() == 2);
  CHECK(journal.at("run")[0].at("activity").at("name") == "delete the primary's pod");
  CHECK(journal.at("run")[0].at("start") != journal.at("run")[1].at("start"));

  ScenarioSpec broken = *scenario;
  broken.faults[1].at.after = "rewound";  // never, in a run of one second
  broken.run_for = 1s;
  for (const nlohmann::json& one : {journal, journal_of(broken, run_once(broken, {.seed = 2}))}) {
    for (const auto& problem :
         validate_against_schema(one.dump(), content(schemas + "/chaos-journal.schema.json"))) {
      CHECK(problem.text() == "");
    }
    for (const auto& problem : validate_against_schema(
             one.at("experiment").dump(), content(schemas + "/chaos-experiment.schema.json"))) {
      CHECK(problem.text() == "");
    }
  }
  auto wrong = journal;
  wrong["status"] = "ended";
  CHECK_FALSE(validate_against_schema(wrong.dump(), content(schemas + "/chaos-journal.schema.json"))
                  .empty());
}
