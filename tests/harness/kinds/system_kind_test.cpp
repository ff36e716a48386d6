// A kind of system made for this test, through everything that looks at runs: a lamp that fails and
// is replaced.
#include <catch2/catch.hpp>

#include <array>
#include <string>

#include "harness/engine/campaign.hpp"
#include "harness/engine/rehearsal.hpp"
#include "harness/input/document.hpp"
#include "harness/kinds/fault_schedule.hpp"
#include "harness/kinds/scenario_parts.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/measure/result_document.hpp"
#include "harness/measure/verdict.hpp"
#include "harness/report/text.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

constexpr sim::Kind lamp_out{"lamp.out", "the lamp goes out"};
constexpr sim::Kind lamp_on{"lamp.on", "the lamp is replaced after {0:d}"};

constexpr std::array<ArgumentForm, 2> break_arguments = {
    {{"repair", ArgumentType::distribution, "until it is replaced", true},
     {"bulbs", ArgumentType::count, "so many burn out"}}};
constexpr std::array<FaultType, 2> lamp_faults = {
    {{"burn_out", "the lamp burns out", "the filament breaks", break_arguments},
     {"unplug", "somebody pulls the plug", "no current"}}};
constexpr std::array<Milestone, 2> lamp_milestones = {
    {{"out", "lamp.out", "darkness"}, {"on", "lamp.on", "light"}}};
constexpr std::array<std::string_view, 1> lamp_paths = {"light"};

sim::Task<> darkness(sim::Simulation& sim, const sim::Duration repair) {
  sim.trace().emit(sim.now(), sim.trace().entity("lamp"), lamp_out);
  co_await sim::sleep_for(repair);
  sim.trace().emit(sim.now(), sim.trace().entity("lamp"), lamp_on, repair.count());
}

class LampKind final : public SystemKind {
 public:
  LampKind() : SystemKind({"lamp", "lamp", lamp_faults, lamp_milestones, lamp_paths}) {}
  std::shared_ptr<const KindSpec> read(Reader&, LoadContext&) const override { return nullptr; }
  std::vector<std::string> targets(const SystemSpec&, const FaultType&) const override {
    return {"hall", "cellar"};
  }
  RunOutcome run(const ScenarioSpec& scenario, const RunOptions& options) const override {
    RunOutcome outcome;
    sim::Simulation sim({.seed = options.seed});
    FaultSchedule faults(sim, scenario.faults, lamp_milestones, [&](const FaultSpec& fault) {
      const auto* repair = fault.argument<sim::Distribution>("repair");
      sim::Stream stream = sim.stream("lamp", "repair");
      sim.world().spawn(
          darkness(sim, repair == nullptr ? sim::Duration(1s) : repair->sample_duration(stream)));
    });
    faults.start();
    sim.run_until(faults.earliest());
    sim.run_for(scenario.run_for);
    RunMeasures& run = outcome.measures;
    run.seed = options.seed;
    run.fingerprint = sim.fingerprint();
    run.fault = faults.first_fault() - sim::Time{};
    run.of_database = false;
    run.milestones = faults.named_times();
    PathRun light{"light", {}, {}};
    for (const NamedTime& m : run.milestones) {
      if (m.name == "on") light.measures.rto = light.measures.downtime = m.at;
    }
    run.paths.push_back(light);
    run.values = {{"bulbs", MeasureUnit::count, 1},
                  {"lux.lost", MeasureUnit::thousandth, 12'500},
                  {"darkness", MeasureUnit::time, light.measures.rto.count()}};
    if (options.timeline) outcome.timeline = faults.timeline();
    return outcome;
  }
  std::vector<FaultSpec> usual_faults(const SystemSpec&) const override {
    FaultSpec fault;
    fault.name = "burn_out";
    fault.targets = {"hall"};
    fault.at.delay = sim::Distribution::constant(sim::Duration(10s));
    fault.arguments.emplace("repair",
                            sim::Distribution::uniform(sim::Duration(20s), sim::Duration(40s)));
    return {fault};
  }
};

SystemSpec lamp_system() {
  static const LampKind kind;
  SystemSpec system;
  system.name = "house";
  system.kind = &kind;
  return system;
}

// The scenario that these faults make, and what is wrong with them.
std::pair<ScenarioSpec, std::string> read(const std::string& fault) {
  Diagnostics diagnostics;
  const auto document = parse_document(fault, "x.json", Format::json, diagnostics);
  ScenarioSpec spec;
  spec.system = lamp_system();
  read_kind_fault(root_value(*document, diagnostics), *spec.system.kind, spec, true);
  return {spec, diagnostics.text()};
}

}  // namespace

TEST_CASE("kinds: a kind of its own runs, is summed up, judged and reported", "[kinds]") {
  const auto scenarios = rehearsal_scenarios(lamp_system(), {"burn_out"}, {{"rto", 0.95, 60}});
  REQUIRE(scenarios.size() == 1);
  CHECK(scenarios[0].path == "light");
  const CampaignResult result = run_campaign(scenarios[0], {.runs = 100, .jobs = 1});
  const Summary& all = result.all;
  CHECK(all.runs() == 100);
  CHECK_FALSE(all.of_database());
  CHECK(all.rpo_rows().empty());
  CHECK(all.failover().trials() == 0);
  CHECK(*all.rto().min() >= 20'000'000'000);
  CHECK(*all.rto().max() <= 40'000'000'000);
  CHECK(all.values().at("lux.lost").unit == MeasureUnit::thousandth);
  CHECK(judge({"rto", 0.95, 60}, all).verdict == Verdict::met);
  CHECK(judge({"lux.lost", 0.5, 12.5}, all).verdict == Verdict::met);
  CHECK(judge({"lux.lost", 0.5, 12.4}, all).verdict == Verdict::missed);
  CHECK(judge({"darkness", 0.5, 10}, all).verdict == Verdict::missed);
  CHECK(judge({"no such", 0.5, 10}, all).reason == "there is no measure no such");
  CHECK_THAT(judge({"lux.lost", 0.5, 12.5}, all).reason, Catch::StartsWith("p50 is 12.5"));

  const std::string text = distribution_text(all, {});
  CHECK_THAT(text, Catch::Contains("lux.lost"));
  CHECK_THAT(text, !Catch::Contains("RPO") && !Catch::Contains("failover"));
  ResultDocument document;
  document.command = "rehearse";
  document.results.emplace_back();
  document.results[0].scenario = "burn_out";
  document.results[0].summary = &all;
  CHECK_THAT(to_json(document), Catch::Contains(R"("lux.lost")") && Catch::Contains("12.5"));

  Summary halves(scenarios[0].path);
  for (const std::uint64_t first : {51U, 1U}) {
    halves.merge(run_campaign(scenarios[0], {.first_seed = first, .runs = 50, .jobs = 1}).all);
  }
  CHECK(halves == all);
}

TEST_CASE("kinds: a fault may wait for an event", "[kinds]") {
  ScenarioSpec scenario = rehearsal_scenarios(lamp_system(), {}, {}).front();
  FaultSpec second = scenario.faults.front();
  second.at = {sim::Distribution::constant(sim::Duration(5s)), "on"};
  scenario.faults.push_back(second);
  const RunOutcome outcome = run_once(scenario, {.seed = 3, .timeline = true});
  const auto at = [&](std::string_view name) {
    for (const NamedTime& m : outcome.measures.milestones) {
      if (m.name == name) return m.at;
    }
    return sim::forever;
  };
  CHECK(at("out") == sim::Duration(0));
  CHECK(at("out#2") == at("on") + 5s);
  REQUIRE(outcome.timeline.size() == 6);  // two of the schedule, four of the lamp
  CHECK(outcome.timeline[0].component == "fault");
  CHECK(outcome.timeline[0].event == "FAULT burn_out on hall");
}

TEST_CASE("kinds: faults are read by the kind's table", "[kinds]") {
  const auto [spec, no_problem] = read(
      R"({"at": "1m", "inject": "burn_out", "on": ["cellar", "hall"], "repair": "3s", "bulbs": 2})");
  CHECK(no_problem.empty());
  REQUIRE(spec.faults.size() == 1);
  CHECK(spec.faults[0].targets == std::vector<std::string>{"cellar", "hall"});
  REQUIRE(spec.faults[0].argument<std::int64_t>("bulbs") != nullptr);
  CHECK(*spec.faults[0].argument<std::int64_t>("bulbs") == 2);
  CHECK(spec.faults[0].argument<bool>("bulbs") == nullptr);
  CHECK(spec.faults[0].argument<sim::Distribution>("repair")->min() == 3e9);
  CHECK(read(R"({"after": "on#2", "inject": "unplug"})").second.empty());
  CHECK(read(R"({"at": "1s", "inject": "unplug"})").first.faults.at(0).targets ==
        std::vector<std::string>{"hall"});

  const auto problem = [](const std::string& fault) { return read(fault).second; };
  CHECK_THAT(problem(R"({"at": "1m", "inject": "burnout"})"),
             Catch::Contains("\"burnout\" is not a fault of such a system") &&
                 Catch::Contains("burn_out"));
  CHECK_THAT(problem(R"({"at": "1m", "inject": "burn_out"})"), Catch::Contains("repair"));
  CHECK_THAT(problem(R"({"inject": "unplug"})"), Catch::Contains("neither \"at\" nor \"after\""));
  CHECK_THAT(problem(R"({"at": "1m", "inject": "unplug", "on": "attic"})"),
             Catch::Contains("unplug cannot strike \"attic\"") &&
                 Catch::Contains("it strikes hall, cellar"));
  CHECK_THAT(problem(R"({"after": "onn", "inject": "unplug"})"), Catch::Contains("on"));
  CHECK_THAT(problem(R"({"at": "1m", "inject": "unplug", "bulbs": 2})"), Catch::Contains("bulbs"));
}
