// The published schemas: they accept every file that ships, refuse what the reader refuses, and
// name the same faults and milestones as the tables of the program.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "harness/input/document.hpp"
#include "harness/input/schema.hpp"
#include "harness/kinds/system_kind.hpp"
#include "harness/load/catalogue.hpp"
#include "harness/load/chaos_experiment.hpp"
#include "harness/recovery/recovery.hpp"
#include "harness/runbook/runbook.hpp"

using namespace predrill::harness;

namespace {

const std::filesystem::path scenarios = std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios";

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string problems(const std::string& text, const std::string& schema) {
  std::string all;
  for (const Diagnostic& problem :
       validate_against_schema(text, content(scenarios / "schema" / (schema + ".schema.json")))) {
    all += problem.text() + "\n";
  }
  return all;
}

// The schema that a file names: "../schema/system.schema.json" is "system".
std::string named_schema(const std::filesystem::path& path) {
  Diagnostics diagnostics;
  const auto document = load_document(path, diagnostics);
  const Node* schema = document ? document->root().find("$schema") : nullptr;
  if (schema == nullptr) return "none";
  const std::string name = std::filesystem::path(schema->text).filename().string();
  return name.substr(0, name.find('.'));
}

std::vector<std::string> words(const Node& list) {
  std::vector<std::string> out;
  for (const Node& item : list.items) out.push_back(item.text);
  return out;
}

}  // namespace

TEST_CASE("schema: every file that ships is valid", "[load]") {
  std::size_t systems = 0;
  std::size_t drills = 0;
  std::size_t baselines = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scenarios)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".json" || path.parent_path().filename() == "schema") continue;
    // What the AWS CLI prints, beside the system that refers to it.
    if (path.filename().string().starts_with("target-group")) continue;
    INFO(path);
    // Delays that were fitted to drills: read and checked with the system that refers to them.
    if (content(path).find("predrill.calibration/1") != std::string::npos) continue;
    if (is_runbook_file(path) || is_calibration_file(path)) {
      CHECK(problems(content(path), is_runbook_file(path) ? "runbook" : "calibration") == "");
      continue;
    }
    if (is_recovery_file(path)) {
      CHECK(problems(content(path), "recovery") == "");
      continue;
    }
    if (is_chaos_experiment(path)) continue;  // Chaos Toolkit's schema: chaos_experiment_test.cpp
    const bool is_system = path.filename() == "system.json";
    const bool is_baseline = path.parent_path().filename() == "baselines";
    (is_system ? systems : is_baseline ? baselines : drills) += 1;
    CHECK(problems(content(path), is_baseline ? "baseline" : named_schema(path)) == "");
  }
  CHECK(systems >= 1);
  CHECK(drills >= 11);
  CHECK(baselines >= 11);
}

TEST_CASE("schema: mistakes are found", "[load]") {
  const auto scenario = [](const std::string& fault) {
    return problems(R"({"name": "x", "system": "y", "faults": [)" + fault + "]}", "scenario");
  };
  CHECK(scenario(R"({"at": "60s", "inject": "node_loss"})").empty());
  CHECK_FALSE(scenario(R"({"at": "60s", "inject": "node_los"})").empty());
  CHECK_FALSE(scenario(R"({"at": "60", "inject": "node_loss"})").empty());
  CHECK_FALSE(scenario(R"({"at": {"uniform": ["60s"]}, "inject": "node_loss"})").empty());
  CHECK_FALSE(scenario(R"({"at": {"source": "x"}, "inject": "node_loss"})").empty());
  CHECK_FALSE(scenario(R"({"at": "60s", "inject": "node_loss", "fro": "x"})").empty());
  CHECK_FALSE(problems(R"({"name": "x", "zones": []})", "system").empty());
  CHECK_FALSE(
      problems(R"({"name": "x", "zones": ["a"], "workload": {"wal_rate": "1GB"}})", "system")
          .empty());
  CHECK(problems(R"({"name": "x", "zones": ["a"], "patroni": {"ttl": 30}})", "system").empty());
}

TEST_CASE("schema: faults and milestones are those of the program", "[load]") {
  Diagnostics diagnostics;
  const auto schema = load_document(scenarios / "schema/scenario.schema.json", diagnostics);
  REQUIRE(schema.has_value());
  const Node* fault =
      schema->root().find("properties")->find("faults")->find("items")->find("properties");
  REQUIRE(fault != nullptr);
  std::vector<std::string> faults;
  std::vector<std::string> keys = {"inject", "at", "after", "per_year", "on"};
  for (const FaultForm& form : fault_forms()) {
    CHECK(&form == &form_of(form.kind));
    CHECK((form.roles >> static_cast<unsigned>(form.on) & 1U) == 1);
    faults.emplace_back(form.name);
    for (const std::string_view key : keys_of(form)) keys.emplace_back(key);
  }
  CHECK(words(*fault->find("inject")->find("enum")) == faults);
  std::vector<std::string> names;
  for (const Milestone& milestone : milestones()) names.emplace_back(milestone.name);
  CHECK(words(*fault->find("after")->find("enum")) == names);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<std::string> documented;
  for (const Member& member : fault->members) documented.push_back(member.key);
  std::sort(documented.begin(), documented.end());
  CHECK(documented == keys);
}

TEST_CASE("schema: faults and milestones of each kind are those of the program", "[load]") {
  CHECK(system_kinds().size() >= 1);
  for (const SystemKind* kind : system_kinds()) {
    INFO(kind->name());
    Diagnostics diagnostics;
    const std::string file = std::string(kind->name()) + "-scenario.schema.json";
    const auto schema = load_document(scenarios / "schema" / file, diagnostics);
    REQUIRE(schema.has_value());
    const Node* fault =
        schema->root().find("properties")->find("faults")->find("items")->find("properties");
    REQUIRE(fault != nullptr);
    std::vector<std::string> faults;
    std::set<std::string> keys = {"inject", "at", "after", "on", "for"};
    for (const FaultType& type : kind->faults()) {
      faults.emplace_back(type.name);
      for (const ArgumentForm& form : type.arguments) keys.emplace(form.key);
    }
    CHECK(words(*fault->find("inject")->find("enum")) == faults);
    std::vector<std::string> names;
    for (const Milestone& milestone : kind->milestones()) names.emplace_back(milestone.name);
    CHECK(words(*fault->find("after")->find("anyOf")->items[0].find("enum")) == names);
    std::set<std::string> documented;
    for (const Member& member : fault->members) documented.insert(member.key);
    CHECK(documented == keys);
  }
}

TEST_CASE("list: the scenarios that ship", "[load]") {
  const auto all = list_scenarios(scenarios);
  REQUIRE(all.size() >= 11);
  CHECK(std::is_sorted(all.begin(), all.end(),
                       [](const auto& a, const auto& b) { return a.path < b.path; }));
  const auto found = std::find_if(all.begin(), all.end(),
                                  [](const ListedScenario& s) { return s.name == "node-loss"; });
  REQUIRE(found != all.end());
  CHECK(found->title == "user-profile-db: the primary's node loses power");
  CHECK(found->system == "../systems/user-profile-db/system.json");
  CHECK(list_scenarios(scenarios / "no such folder").empty());
}
