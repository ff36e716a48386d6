#include "harness/live/remote.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace predrill::harness;
using namespace predrill::harness::live;

namespace {

// A folder at the front of PATH with stand-ins for kubectl, aws and curl: each writes down how it
// was called and answers what the test says.
class StandIns {
 public:
  StandIns() {
    folder_ = std::filesystem::temp_directory_path() /
              ("predrill-stand-ins-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.string() + ":" + path_).c_str(), 1);
  }
  ~StandIns() {
    ::setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;

  void program(const std::string& name, const std::string& body) {
    const std::filesystem::path file = folder_ / name;
    std::ofstream(file) << "#!/bin/sh\nprintf '%s\\n' \"" << name << " $*\" >>"
                        << (folder_ / "calls").string() << "\n"
                        << body << "\n";
    ::chmod(file.c_str(), 0755);
  }
  std::string calls() const {
    std::ifstream file(folder_ / "calls");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
  std::string path_;
};

FaultSpec fault_of(FaultKind kind) {
  FaultSpec fault;
  fault.kind = kind;
  return fault;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* one_pod =
    "case \"$*\" in *spilo-role=master*) echo "
    "'{\"items\": [{\"metadata\": {\"name\": \"db-1\"}}]}';; *) echo ok;; esac";

}  // namespace

TEST_CASE("remote: a dry run resolves the target and changes nothing", "[live]") {
  StandIns stand_ins;
  stand_ins.program("kubectl", one_pod);
  FaultSpec fault = fault_of(FaultKind::pod_delete);
  fault.grace_period = std::chrono::seconds(0);
  std::string problem;
  const auto plan = plan_remote("kubernetes:prod/db", fault, problem);
  INFO(problem);
  REQUIRE(plan);
  CHECK(plan->primary == "db-1");
  const std::string text = dry_run_text(*plan);
  CHECK(contains(text, "\n  kubectl -n prod delete pod db-1 --wait=false --grace-period=0\n"));
  CHECK(contains(text, "\n  kubectl -n prod auth can-i delete pods\n"));
  // Only the question who leads has been asked.
  CHECK(stand_ins.calls() ==
        "kubectl -n prod get pods -l cluster-name=db,spilo-role=master -o json\n");
}

TEST_CASE("remote: without the target's name typed out nothing is run", "[live]") {
  StandIns stand_ins;
  stand_ins.program("kubectl", one_pod);
  std::string problem;
  const auto plan = plan_remote("kubernetes:prod/db", fault_of(FaultKind::pod_delete), problem);
  REQUIRE(plan);
  const std::string before = stand_ins.calls();
  for (const char* confirm : {"", "db", "yes", "prod/db "}) {
    const RemoteOutcome outcome = execute(*plan, confirm, (stand_ins / "undo").string());
    CHECK(outcome.refused);
  }
  CHECK(stand_ins.calls() == before);
  CHECK_FALSE(std::filesystem::exists(stand_ins / "undo"));
}

TEST_CASE("remote: a cluster that is not well is not touched", "[live]") {
  StandIns stand_ins;
  stand_ins.program("kubectl", std::string("case \"$*\" in *wait*) exit 1;; esac\n") + one_pod);
  std::string problem;
  const auto plan = plan_remote("kubernetes:prod/db", fault_of(FaultKind::pod_delete), problem);
  REQUIRE(plan);
  const RemoteOutcome outcome = execute(*plan, "prod/db", (stand_ins / "undo").string());
  REQUIRE(outcome.refused);
  CHECK(contains(*outcome.refused, "not all is well"));
  CHECK_FALSE(contains(stand_ins.calls(), " delete pod "));
}

TEST_CASE("remote: hooks run in order, with their undoing on disk before the fault", "[live]") {
  StandIns stand_ins;
  const std::string undo = (stand_ins / "undo").string();
  const std::string state = (stand_ins / "state").string();
  stand_ins.program("check-db", "exit 0");
  stand_ins.program("break-db", "test -e " + undo + " || exit 9; echo broken >" + state);
  stand_ins.program("look-db", "cat " + state + " 2>/dev/null; true");
  stand_ins.program("mend-db", "rm " + state);
  const std::string hooks = (stand_ins / "hooks.json").string();
  std::ofstream(hooks) << R"({"name": "db", "check": ["check-db"], "inject": ["break-db", "now"],
                              "proof": ["look-db"], "undo": ["mend-db"]})";
  std::string problem;
  const auto plan = plan_remote("command:" + hooks, fault_of(FaultKind::node_loss), problem);
  INFO(problem);
  REQUIRE(plan);
  const RemoteOutcome outcome = execute(*plan, "db", undo);
  CHECK_FALSE(outcome.refused);
  CHECK(outcome.proved);
  CHECK_FALSE(outcome.left_over);
  CHECK(stand_ins.calls() == "check-db \nlook-db \nbreak-db now\nlook-db \nmend-db \ncheck-db \n");
  CHECK_FALSE(std::filesystem::exists(undo));
  CHECK_FALSE(std::filesystem::exists(state));
}

TEST_CASE("remote: the commands for Patroni and AWS name the leader of now", "[live]") {
  StandIns stand_ins;
  stand_ins.program(
      "curl",
      "echo '{\"scope\": \"db\", \"members\": [{\"name\": \"a\", \"role\": \"leader\", "
      "\"state\": \"running\", \"api_url\": \"http://10.0.0.1:8008/patroni\"}, "
      "{\"name\": \"b\", \"role\": \"replica\", \"state\": \"streaming\"}]}'");
  const std::string pair =
      "{\"DBInstanceIdentifier\": \"w\", \"IsClusterWriter\": true, "
      "\"DBInstanceStatus\": \"available\", \"AvailabilityZone\": \"a\"}, "
      "{\"DBInstanceIdentifier\": \"b\", \"IsClusterWriter\": false, "
      "\"DBInstanceStatus\": \"available\", \"AvailabilityZone\": \"b\"}";
  stand_ins.program("aws",
                    "case \"$*\" in *describe-db-clusters*) echo '{\"DBClusters\": [{\"Status\": "
                    "\"available\", \"DBClusterMembers\": [" +
                        pair + "]}]}';; *) echo '{\"DBInstances\": [" + pair + "]}';; esac");
  FaultSpec fault = fault_of(FaultKind::switchover);
  fault.candidate = "b";
  std::string problem;
  const auto patroni = plan_remote("patroni:http://10.0.0.2:8008", fault, problem);
  INFO(problem);
  REQUIRE(patroni);
  CHECK(patroni->target == "db");
  CHECK(contains(dry_run_text(*patroni),
                 "-X POST http://10.0.0.1:8008/switchover -d "
                 "'{\"candidate\":\"b\",\"leader\":\"a\"}'"));
  const auto aws = plan_remote("aws:prod", fault, problem);
  REQUIRE(aws);
  CHECK(aws->primary == "w");
  CHECK(contains(dry_run_text(*aws),
                 "aws rds failover-db-cluster --db-cluster-identifier prod --output json "
                 "--target-db-instance-identifier b\n"));
  CHECK(contains(dry_run_text(*aws), "--target-db-instance-identifier w\n"));  // the way back
  // What a target cannot do is refused with a reason.
  CHECK_FALSE(plan_remote("aws:prod", fault_of(FaultKind::node_loss), problem));
  CHECK(contains(problem, "node_loss"));
  CHECK_FALSE(plan_remote("nowhere:x", fault, problem));
  CHECK(contains(problem, "nowhere"));
}
