#include "harness/live/lab_plan.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "harness/live/drill.hpp"
#include "harness/live/lab_files.hpp"
#include "harness/live/record.hpp"
#include "harness/load/load.hpp"

using namespace predrill::harness;
using namespace predrill::harness::live;
using namespace std::chrono_literals;

namespace {

SystemSpec lab_system(const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  const auto system = load_system(std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/lab",
                                  diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system);
  return *system;
}

LabPlan plan_of(const SystemSpec& system, const std::string& name = "x") {
  std::vector<std::string> problems;
  const auto plan = plan_lab(system, name, problems);
  CHECK(problems.empty());
  REQUIRE(plan);
  return *plan;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("live: the programs of a lab get the simulator's settings", "[live]") {
  const LabPlan plan = plan_of(lab_system({"patroni.ttl=25", "patroni.synchronous_mode=true",
                                           "pgbouncer.server_login_retry=3", "haproxy.inter=2s"}));
  CHECK(contains(plan.files.at("lab-1.yml"), "\"ttl\": 25,"));
  CHECK(contains(plan.files.at("lab-1.yml"), "\"synchronous_mode\": true,"));
  CHECK(contains(plan.files.at("pgbouncer.ini"), "server_login_retry = 3\n"));
  CHECK(contains(plan.files.at("haproxy.cfg"), "inter 2000ms fall 3 rise 2"));
  CHECK(plan.synchronous);
  CHECK(plan.database == "lab");
  CHECK(plan.of(HostKind::member).size() == 3);
  CHECK(plan.of(HostKind::etcd).size() == 3);
}

TEST_CASE("live: two labs share no namespace and no folder", "[live]") {
  const SystemSpec system = lab_system();
  const LabPlan a = plan_of(system, "a");
  const LabPlan b = plan_of(system, "b");
  CHECK(a.folder != b.folder);
  CHECK(a.hub != b.hub);
  for (const LabHost& host : a.hosts) CHECK(host.network != b.find(host.name)->network);
}

TEST_CASE("live: the members that a list leaves out, by their whole names", "[live]") {
  const LabPlan plan = plan_of(lab_system());
  const auto names = [&plan](const std::string& list) {
    std::vector<std::string> left;
    for (const LabHost* member : plan.members_except(list)) left.push_back(member->name);
    return left;
  };
  CHECK(names("") == std::vector<std::string>{"lab-1", "lab-2", "lab-3"});
  CHECK(names("lab-2") == std::vector<std::string>{"lab-1", "lab-3"});
  CHECK(names("lab-2,lab-3,") == std::vector<std::string>{"lab-1"});
  CHECK(names("lab-10,my-lab-1") == std::vector<std::string>{"lab-1", "lab-2", "lab-3"});
}

TEST_CASE("live: a program is found by its command line, not by one that mentions it", "[live]") {
  LabPlan plan = plan_of(lab_system());
  plan.patroni = "/opt/patroni/bin/patroni";
  const LabHost& host = *plan.find("lab-1");
  const Daemon daemon = daemon_of(plan, host);
  const std::string settings = (plan.folder / "lab-1.yml").string();
  CHECK(runs("/opt/patroni/bin/patroni " + settings + " ", daemon));
  CHECK(runs("/usr/bin/python3 /opt/patroni/bin/patroni " + settings + " ", daemon));
  // The namespace's init still has the words of the command that made it.
  CHECK_FALSE(runs("predrill lab up --patroni /opt/patroni/bin/patroni --name x ", daemon));
  CHECK_FALSE(runs("predrill lab up --patroni /opt/patroni/bin/patroni ", daemon));
  CHECK_FALSE(
      runs("/opt/patroni/bin/patroni " + (plan.folder / "lab-2.yml").string() + " ", daemon));
  CHECK_FALSE(runs("", daemon));
  CHECK_FALSE(runs("init ", Daemon{}));  // a machine without a program, such as the client
}

TEST_CASE("live: a plan on disk is read back as it was", "[live]") {
  LabPlan plan = plan_of(lab_system());
  plan.patroni = "/opt/patroni/bin/patroni";
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("predrill-plan-" + std::to_string(::getpid()));
  std::ofstream(file) << to_json(plan);
  const auto again = read_plan(file);
  std::filesystem::remove(file);
  REQUIRE(again);
  CHECK(to_json(*again) == to_json(plan));
  CHECK_FALSE(read_plan(file));  // there is none any more
}

TEST_CASE("live: a lab has the Patroni that its system means", "[live]") {
  SystemSpec system = lab_system();
  LabPlan plan = plan_of(system);
  const std::filesystem::path program =
      std::filesystem::temp_directory_path() / ("predrill-patroni-" + std::to_string(::getpid()));
  const auto says = [&](const std::string& text) {
    std::ofstream(program) << "#!/bin/sh\n" << text << "\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    return doubt_about_patroni(system, plan);
  };
  plan.patroni = program.string();
  CHECK(says("echo patroni 3.0.2") == "");
  CHECK(says("echo patroni 4.1.4") == program.string() +
                                          " is Patroni 4.1.4, the system means 3.0.2: add --set "
                                          "patroni.version=4.1.4");
  CHECK(says("echo patroni 9.0.0") ==
        program.string() + " is Patroni 9.0.0, which is not modelled");
  CHECK(says("exit 1") == program.string() + " --version does not answer");
  system.patroni.version = predrill::models::PatroniVersion::v4_1;
  CHECK(says("echo patroni 4.1.4") == "");
  std::filesystem::remove(program);
  CHECK(doubt_about_patroni(system, plan) == "there is no program " + program.string());
}

TEST_CASE("live: names that could reach beyond the lab's folder are refused", "[live]") {
  const SystemSpec system = lab_system();
  for (const char* name : {"", "..", "a/b", "A", "a b", "abcdefghijklmnopqrstuvwxyz"}) {
    std::vector<std::string> problems;
    CHECK_FALSE(plan_lab(system, name, problems));
    CHECK(problems.size() >= 1);
  }
}

TEST_CASE("live: lost is what was acknowledged and is not there; unknown fates are not", "[live]") {
  predrill::models::Journal journal;
  const std::uint16_t path = journal.path("direct");
  const auto add = [&](std::uint64_t tag, std::int64_t at, predrill::models::Outcome outcome) {
    predrill::models::Attempt attempt;
    attempt.path = path;
    attempt.tag = tag;
    attempt.finished = at;
    attempt.outcome = outcome;
    journal.attempts.push_back(attempt);
  };
  add(1, 1'000, predrill::models::Outcome::ok);
  add(2, 2'000, predrill::models::Outcome::ok);
  add(3, 3'000, predrill::models::Outcome::timeout);
  add(4, 4'000, predrill::models::Outcome::ok);
  const RunLoss loss = count_loss(journal, {1, 4}, predrill::sim::Duration(5'000));
  CHECK(loss.rows == 1);
  CHECK(loss.age == predrill::sim::Duration(3'000));
  CHECK(count_loss(journal, {1, 2, 4}, predrill::sim::Duration(5'000)).rows == 0);
}

TEST_CASE("live: the record of a drill is read back as it was", "[live]") {
  DrillRecord record;
  record.scenario = "scenarios/lab/node-loss.json";
  record.settings = {"patroni.ttl=20"};
  record.fault = "node_loss";
  record.started = "2026-11-21T02:15:01Z";
  record.proof = "14 processes ended";
  record.path = "pgbouncer";
  record.measures.fault = 7s;
  PathRun path;
  path.name = "pgbouncer";
  path.measures.rto = 30500ms;
  path.measures.outages = {{1s, 31500ms, false}, {40s, 50s, true}};
  path.errors = {{"08P01", 12, 12}};
  record.measures.paths.push_back(path);
  record.measures.stages_of_path = {25s, 2s, 1s, 2s, 500ms, 0s};
  record.measures.milestones = {{"key_expired", 25s}};
  record.measures.loss.rows = 2;
  record.predicted["rto:pgbouncer"] = {1, 2000, 3'000'000, 4'000'000'000, 5'000'000'000};
  record.predicted_lost = PredictedRange{0, 0, 3, 170, 284};
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("predrill-record-" + std::to_string(::getpid()));
  std::ofstream(file) << to_line(record) << "{\"format\": \"other\"}\n";
  std::vector<std::string> problems;
  const auto all = read_records({file.string()}, problems);
  std::filesystem::remove(file);
  REQUIRE(all.size() == 1);
  CHECK(to_line(all[0]) == to_line(record));
  CHECK(contains(to_line(record), "\"predicted_lost_rows\":{\"p5\":0,\"p25\":0,\"p50\":3,"));
  REQUIRE(problems.size() == 1);
  CHECK(contains(problems[0], ":2: no record of a drill"));
}
