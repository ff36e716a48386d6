#include "harness/engine/campaign.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/engine/run_store.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder()
      : path_(fs::temp_directory_path() / ("predrill-campaign-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path file() const { return path_ / "runs.part"; }

 private:
  fs::path path_;
};

ScenarioSpec backend_crash() {
  ScenarioSpec scenario = fixture::scenario_of(fixture::example_system(), "backend_crash");
  scenario.run_for = 30s;
  return scenario;
}

std::unique_ptr<RunStore> open(const fs::path& file, std::uint64_t digest, bool resume) {
  std::string problem;
  auto store = RunStore::open(file, digest, resume, problem);
  INFO(problem);
  REQUIRE(store);
  return store;
}

}  // namespace

TEST_CASE("campaign: a run survives the way to the disk", "[campaign]") {
  const ScenarioSpec scenario = backend_crash();
  RunOutcome outcome = run_once(scenario, {.seed = 3});
  outcome.measures.violations.push_back({"what for", true});
  outcome.measures.values.push_back({"capacity", MeasureUnit::thousandth, -5});
  outcome.measures.pool = {{1s, 9, 2, 40, 0}, {2s, 7, 5, 40, 1}, {3s, 9, 1, 39, 1}};
  const std::string bytes = to_bytes({outcome.measures, "p"});
  const auto back = run_from_bytes(bytes);
  REQUIRE(back);
  CHECK(to_bytes(*back) == bytes);
  CHECK(back->problem == "p");
  CHECK(back->measures.values.back().value == -5);
  REQUIRE(back->measures.pool.size() == 1);  // the fullest
  CHECK(back->measures.pool[0].cl_waiting == 5);
  Summary a(scenario.path), b(scenario.path);
  a.add(outcome.measures);
  b.add(back->measures);
  CHECK(a == b);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 97) {
    CHECK_FALSE(run_from_bytes(std::string_view(bytes).substr(0, cut)));
  }
}

TEST_CASE("campaign: what was finished is not run again, whatever cut it off", "[campaign]") {
  const ScenarioSpec scenario = backend_crash();
  const Folder folder;
  const CampaignResult whole = run_campaign(scenario, {.runs = 40});
  {
    const auto store = open(folder.file(), 7, false);
    run_campaign(scenario, {.runs = 25, .store = store.get()});
  }
  // As a SIGKILL in the middle of a record leaves it.
  fs::resize_file(folder.file(), fs::file_size(folder.file()) - 11);
  const auto store = open(folder.file(), 7, true);
  CHECK(store->size() == 24);
  const CampaignResult resumed =
      run_campaign(scenario, {.runs = 40, .jobs = 2, .store = store.get()});
  CHECK(resumed.all == whole.all);
  CHECK(resumed.all.fingerprint() == whole.all.fingerprint());
  CHECK(open(folder.file(), 7, true)->size() == 40);
}

TEST_CASE("campaign: runs of another campaign are refused", "[campaign]") {
  const Folder folder;
  open(folder.file(), 7, false);
  std::string problem;
  CHECK_FALSE(RunStore::open(folder.file(), 8, true, problem));
  CHECK(problem.find("belongs to another campaign") != std::string::npos);
  std::ofstream(folder.file()) << "something else";
  CHECK_FALSE(RunStore::open(folder.file(), 7, true, problem));
  CHECK(problem.find("holds no runs") != std::string::npos);
  CHECK_FALSE(RunStore::open("/proc/no/such/file", 7, false, problem));
  CHECK(problem.find("cannot write") == 0);
}

TEST_CASE("campaign: stop rules are read, and what is wrong is said", "[campaign]") {
  std::string problem;
  const auto precision = parse_stop_rule("rto.p95=500ms", problem);
  REQUIRE(precision);
  CHECK(precision->kind == StopRule::Kind::precision);
  CHECK(precision->p == 0.95);
  CHECK(precision->bound == 500ms);
  CHECK(parse_stop_rule("rto.p99<=30s", problem)->kind == StopRule::Kind::sequential);
  CHECK_FALSE(parse_stop_rule("rto.p98=1s", problem));
  CHECK_FALSE(parse_stop_rule("rto.p99<=soon", problem));
  CHECK(problem.starts_with("\"rto.p99<=soon\" is no stop rule"));
}

TEST_CASE("campaign: stop rules end it at the same run with any number of threads",
          "[campaign][parallel]") {
  const ScenarioSpec scenario = backend_crash();
  std::string problem;
  for (const char* text : {"rto.p50=2s", "rto.p50<=20s", "rto.p90<=1s"}) {
    const auto rule = parse_stop_rule(text, problem);
    REQUIRE(rule);
    const CampaignResult one = run_campaign(scenario, {.runs = 2000, .jobs = 1, .until = rule});
    const CampaignResult two = run_campaign(scenario, {.runs = 2000, .jobs = 3, .until = rule});
    INFO(text << ": " << one.ended);
    CHECK(one.all == two.all);
    CHECK(one.ended == two.ended);
    CHECK(one.all.runs() < 2000);
  }
}
