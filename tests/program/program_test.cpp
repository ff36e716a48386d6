// The program as a user runs it: what it prints where, and how it ends.
#include <catch2/catch.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "harness/input/schema.hpp"

#include "tests/program/process.hpp"

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

const std::string system_folder = PREDRILL_SOURCE_DIR "/scenarios/systems/user-profile-db";
const std::string drill = PREDRILL_SOURCE_DIR "/scenarios/drills/node-loss.json";

class Program : public predrill::fixture::Process {
 public:
  explicit Program(std::vector<std::string> arguments, const char* out = nullptr)
      : Process(PREDRILL_PROGRAM, std::move(arguments), out) {}
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t lines(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::size_t n = 0;
  while (std::getline(in, line)) {
    ++n;
    REQUIRE_NOTHROW(Json::parse(line));
  }
  return n;
}

Json parsed(const fs::path& file) {
  std::ifstream in(file);
  return Json::parse(in);
}

struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "predrill-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

}  // namespace

TEST_CASE("program: Ctrl-C during a rehearsal prints what was finished", "[program]") {
  const bool json = GENERATE(false, true);
  std::vector<std::string> arguments = {"rehearse", system_folder, "--runs", "100000"};
  if (json) arguments.insert(arguments.end(), {"--format", "json"});
  Program program(arguments);
  REQUIRE(program.wait_for_handler());
  std::this_thread::sleep_for(500ms);  // it should have done something; nothing depends on it
  const auto asked = std::chrono::steady_clock::now();
  program.interrupt();
  CHECK(program.wait() == 130);
  // Less than a second where it has a processor; a hang is what must not be.
  CHECK(std::chrono::steady_clock::now() - asked < 60s);
  CHECK(contains(program.errors, "interrupted"));
  if (json) {
    const Json document = Json::parse(program.output);
    CHECK(document["command"] == "rehearse");
    CHECK(document["results"].size() == 1);
    CHECK(document["runs"] < 100000);
  } else {
    CHECK(contains(program.output, "pod_delete"));
    CHECK_FALSE(contains(program.output, "node_loss"));
  }
}

TEST_CASE("program: Ctrl-C during many runs of a scenario", "[program]") {
  Program program({"run", drill, "--runs", "1000000"});
  REQUIRE(program.wait_for_handler());
  program.interrupt();
  CHECK(program.wait() == 130);
  CHECK(contains(program.errors, "interrupted after"));
}

TEST_CASE("program: bad input ends with 2 and says so on standard error", "[program]") {
  const auto ends_with_2 = [](std::vector<std::string> arguments, const std::string& message) {
    Program program(std::move(arguments));
    CHECK(program.wait() == 2);
    CAPTURE(program.errors);
    CHECK(contains(program.errors, message));
    CHECK(program.output.empty());
  };
  ends_with_2({"run", "/nowhere/scenario.json"}, "/nowhere/scenario.json");
  ends_with_2({"run", drill, "--set", "patroni.tll=20"}, "ttl");
  ends_with_2({"run", drill, "--set", "ttl=20"}, "did you mean --set patroni.ttl=");
  ends_with_2({"run", drill, "--no-such-option"}, "--no-such-option");
  ends_with_2({"run", drill, "--format", "xml"}, "xml");
  ends_with_2({"run", drill, "--runs", "0"}, "runs");
  ends_with_2({"rehearse", system_folder, "--faults", "node_los"}, "did you mean \"node_loss\"?");
  ends_with_2({"rehearse", "/nowhere"}, "/nowhere");
  ends_with_2({"rehearse", system_folder, "--set", "probe.paths=direct"}, "nobody probes");
  ends_with_2({"nonsense"}, "nonsense");
}

TEST_CASE("program: the help of each command has examples of that command", "[program]") {
  Program whole({"--help"});
  REQUIRE(whole.wait() == 0);
  std::istringstream text(whole.output);
  std::string line;
  while (std::getline(text, line) && line != "Subcommands:") continue;
  std::size_t commands = 0;
  while (std::getline(text, line) && !line.empty()) {
    const std::string name = line.substr(2, line.find(' ', 2) - 2);
    Program help({name, "--help"});
    CHECK(help.wait() == 0);
    const std::size_t examples = help.output.find("\nExamples:\n");
    CAPTURE(name, help.output);
    REQUIRE(examples != std::string::npos);
    CHECK(contains(help.output.substr(examples), "  predrill " + name + " "));
    if (name != "rehearse") CHECK_FALSE(contains(help.output, "  predrill rehearse "));
    ++commands;
  }
  CHECK(commands >= 17);
}

TEST_CASE("program: what-if asks what the scenario asks, unless told otherwise", "[program]") {
  const std::string knee = PREDRILL_SOURCE_DIR "/scenarios/what-if/two-of-three-zones.json";
  Program program({"what-if", knee, "--runs", "1", "--format", "json"});
  program.wait();
  const Json own = Json::parse(program.output);
  CHECK(contains(own["reproduce"].get<std::string>(), "faults[0].on=us-east-1a,us-east-1b"));
  CHECK(own["runs"] == 1);
  Program none({"what-if", drill, "--runs", "1"});
  CHECK(none.wait() == 2);
  CHECK(contains(none.errors, "has no \"what_if\""));
}

TEST_CASE("program: --format json prints one document and nothing else", "[program]") {
  Program one({"run", drill, "--format", "json"});
  one.wait();
  const Json single = Json::parse(one.output);
  CHECK(single["format"] == "predrill.result/1");
  CHECK(single["results"].size() == 1);
  CHECK(single["results"][0]["scenario"] == "node-loss");
  CHECK(single["timeline"].size() > 5);

  Program many({"rehearse", system_folder, "--runs", "2", "--format", "json"});
  many.wait();
  const Json table = Json::parse(many.output);
  CHECK(table["results"].size() >= 18);
  CHECK(table["runs"] == 2);
  CHECK_FALSE(table.contains("timeline"));
}

TEST_CASE("program: --out and --trace write whole files", "[program]") {
  const Folder folder;
  const std::string out = (folder.path / "results/one").string();
  const std::string trace = (folder.path / "trace.json").string();
  Program program({"run", drill, "--out", out, "--trace", trace});
  program.wait();
  INFO(program.errors);
  CHECK(parsed(out + "/result.json")["command"] == "run");
  CHECK(lines(out + "/journal.jsonl") > 100);
  CHECK(lines(out + "/events.jsonl") > 50);
  const Json events = parsed(trace);
  CHECK((events.is_array() ? events : events["traceEvents"]).size() > 50);
  CHECK(std::distance(fs::directory_iterator(out), fs::directory_iterator{}) == 3);
}

TEST_CASE("program: results that cannot be written are an error of its own", "[program]") {
  Program folder({"run", drill, "--out", "/proc/nowhere"});
  CHECK(folder.wait() == 70);
  CHECK(contains(folder.errors, "cannot write /proc/nowhere/"));
  Program full({"run", drill, "--format", "json"}, "/dev/full");
  CHECK(full.wait() == 70);
  CHECK(contains(full.errors, "could not be written"));
}

TEST_CASE("program: a campaign that is killed goes on and writes the same file", "[program]") {
  const Folder folder;
  const std::string whole = (folder.path / "whole").string();
  const std::string killed = (folder.path / "killed").string();
  const std::vector<std::string> run = {"run", drill, "--runs", "120"};
  const auto with = [&run](std::vector<std::string> more) {
    more.insert(more.begin(), run.begin(), run.end());
    return more;
  };
  Program undisturbed(with({"--out", whole, "--jobs", "1"}));
  undisturbed.wait();
  {
    const Program doomed(with({"--out", killed, "--jobs", "1"}));
    std::error_code none_yet;
    for (int i = 0; i < 6000; ++i) {
      const auto size = fs::file_size(killed + "/runs.part", none_yet);
      if (!none_yet && size > 5000) break;
      std::this_thread::sleep_for(5ms);
    }
  }  // SIGKILL
  REQUIRE(fs::exists(killed + "/runs.part"));
  CHECK_FALSE(fs::exists(killed + "/result.json"));
  Program forgot(with({"--out", killed}));  // what was paid for is not thrown away
  CHECK(forgot.wait() == 2);
  CHECK(contains(forgot.errors, "go on with --resume"));
  Program resumed(with({"--out", killed, "--jobs", "2", "--resume"}));
  resumed.wait();
  INFO(resumed.errors);
  CHECK(parsed(killed + "/result.json") == parsed(whole + "/result.json"));
  CHECK(fs::file_size(killed + "/result.json") == fs::file_size(whole + "/result.json"));
  CHECK_FALSE(fs::exists(killed + "/runs.part"));
  Program other(with({"--out", killed, "--resume", "--until", "rto.p99"}));
  CHECK(other.wait() == 2);
  CHECK(contains(other.errors, "is no stop rule"));
}

TEST_CASE("program: a study and a rehearsal that are killed go on and write the same file",
          "[program]") {
  const std::vector<std::vector<std::string>> commands = {
      {"what-if", drill, "--vary", "patroni.ttl=25,30", "--runs", "60", "--measure",
       "rto.p50,waiting.max"},
      {"rehearse", system_folder, "--faults", "node_loss,patroni_stop", "--runs", "90"}};
  for (const auto& command : commands) {
    const Folder folder;
    const std::string whole = (folder.path / "whole").string();
    const std::string killed = (folder.path / "killed").string();
    const auto with = [&command](std::vector<std::string> more) {
      more.insert(more.begin(), command.begin(), command.end());
      return more;
    };
    Program undisturbed(with({"--out", whole, "--jobs", "1"}));
    undisturbed.wait();
    INFO(undisturbed.errors);
    {
      const Program doomed(with({"--out", killed, "--jobs", "1"}));
      std::error_code none_yet;
      for (int i = 0; i < 6000; ++i) {
        const auto size = fs::file_size(killed + "/runs.part", none_yet);
        if (!none_yet && size > 5000) break;
        std::this_thread::sleep_for(5ms);
      }
    }  // SIGKILL
    REQUIRE(fs::exists(killed + "/runs.part"));
    CHECK_FALSE(fs::exists(killed + "/result.json"));
    Program resumed(with({"--out", killed, "--jobs", "2", "--resume"}));
    resumed.wait();
    INFO(resumed.errors);
    CHECK(parsed(killed + "/result.json") == parsed(whole + "/result.json"));
    CHECK(fs::file_size(killed + "/result.json") == fs::file_size(whole + "/result.json"));
    CHECK_FALSE(fs::exists(killed + "/runs.part"));
  }
  Program nowhere({"rehearse", system_folder, "--resume"});
  CHECK(nowhere.wait() == 2);
  CHECK(contains(nowhere.errors, "--resume wants the folder of --out"));
}

TEST_CASE("program: availability answers with one document", "[program]") {
  Program program({"availability", system_folder, "--runs", "2", "--rate", "node_loss=2", "--with",
                   "patroni.ttl=20", "--set", "patroni.retry_timeout=5", "--format", "json"});
  program.wait();
  INFO(program.errors);
  const Json document = Json::parse(program.output);
  CHECK(document["command"] == "availability");
  REQUIRE(document["availability"]["years"].size() == 2);
  CHECK(document["availability"]["years"][1]["change"] == "patroni.ttl=20");
  const Json& failures = document["availability"]["years"][0]["failures"];
  CHECK(document["results"].size() == 2 * (failures.size() - 1));  // without "no member left"
  CHECK(document["availability"]["members"]["lost_per_year"] == 2.0);
  CHECK(failures[0]["lost_rows"]["value"].is_number());
  CHECK(document["availability"]["years"][1]["saved_s"]["ci"].size() == 2);
  std::ifstream schema(PREDRILL_SOURCE_DIR "/scenarios/schema/result.schema.json");
  const std::string text{std::istreambuf_iterator<char>(schema), std::istreambuf_iterator<char>()};
  for (const auto& problem : predrill::harness::validate_against_schema(program.output, text)) {
    FAIL_CHECK(problem.text());
  }
}

TEST_CASE("program: how often a service fails is not assumed", "[program]") {
  const std::string gateway = PREDRILL_SOURCE_DIR "/scenarios/systems/payment-gateway";
  Program nothing({"availability", gateway, "--runs", "2"});
  CHECK(nothing.wait() == 2);
  CHECK(contains(nothing.errors, "give FAULT=times a year for some of "));
  Program other({"availability", gateway, "--runs", "2", "--rate", "node_loss=1"});
  CHECK(other.wait() == 2);
  CHECK(contains(other.errors, "this system knows "));
  Program one(
      {"availability", gateway, "--runs", "2", "--rate", "node_power_loss=1", "--format", "json"});
  one.wait();
  INFO(one.errors);
  const Json document = Json::parse(one.output);
  CHECK_FALSE(document["availability"].contains("members"));
  CHECK(document["availability"]["years"][0]["failures"].size() == 1);
}

TEST_CASE("program: what-if answers with one document", "[program]") {
  Program program({"what-if", drill, "--vary", "patroni.ttl=20,30", "--vary",
                   "patroni.retry_timeout=5", "--runs", "3", "--optimise", "min rto.p50",
                   "--format", "json"});
  program.wait();
  INFO(program.errors);
  const Json document = Json::parse(program.output);
  CHECK(document["command"] == "what-if");
  REQUIRE(document["results"].size() == 3);
  CHECK(document["results"][1]["varied"]["patroni.ttl"] == "20");
  CHECK(document["results"][1]["measures"].contains("false_failovers.per_year"));
  CHECK(document["what_if"].contains("pareto"));
  std::ifstream schema(PREDRILL_SOURCE_DIR "/scenarios/schema/result.schema.json");
  const std::string text{std::istreambuf_iterator<char>(schema), std::istreambuf_iterator<char>()};
  for (const auto& problem : predrill::harness::validate_against_schema(program.output, text)) {
    FAIL_CHECK(problem.text());
  }
  Program wrong({"what-if", drill, "--vary", "patroni.ttl"});
  CHECK(wrong.wait() == 2);
  CHECK(contains(wrong.errors, "is not path=a,b,c"));
}
