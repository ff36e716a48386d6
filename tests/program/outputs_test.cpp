// The files of gate, lint and report: valid, and all there or none, whatever happens meanwhile.
#include <catch2/catch.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness/input/schema.hpp"
#include "tests/harness/load/load_test.hpp"
#include "tests/program/process.hpp"

namespace fs = std::filesystem;
using predrill::fixture::Process;

namespace {

const std::string scenarios = PREDRILL_SOURCE_DIR "/scenarios";
const std::string drill = scenarios + "/drills/node-loss.json";
const std::string system_folder = scenarios + "/systems/user-profile-db";
const std::string schemas = PREDRILL_SOURCE_DIR "/tests/harness/report/schemas";

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}

// A folder of baselines with one in it, of few runs.
std::string baselines(const Folder& folder) {
  const std::string path = folder / "baselines";
  Process program(PREDRILL_PROGRAM, {"gate", path, "--update", "--add", drill, "--runs", "40"});
  REQUIRE(program.wait() == 0);
  return path;
}

std::vector<std::string> gate_arguments(const Folder& folder, const std::string& path) {
  return {"gate",       path,
          "--set",      "patroni.ttl=60",
          "--markdown", folder / "out/gate.md",
          "--junit",    folder / "out/gate.xml",
          "--sarif",    folder / "out/gate.sarif"};
}

}  // namespace

TEST_CASE("program: gate fails on a longer ttl, and its files are valid", "[program]") {
  const Folder folder;
  const std::string path = baselines(folder);
  Process unchanged(PREDRILL_PROGRAM, {"gate", path});
  CHECK(unchanged.wait() == 0);
  Process program(PREDRILL_PROGRAM, gate_arguments(folder, path));
  CHECK(program.wait() == 1);
  CHECK(program.output.find("key: --set patroni.ttl=60") != std::string::npos);
  CHECK(entries(folder / "out") == 3);
  const auto problems = predrill::harness::validate_against_schema(
      content(folder / "out/gate.sarif"), content(schemas + "/sarif.schema.json"));
  for (const auto& problem : problems) UNSCOPED_INFO(problem.text());
  CHECK(problems.empty());
  Process xmllint("xmllint", {"--noout", "--schema", schemas + "/junit.xsd",
                              (folder / "out/gate.xml").string()});
  CHECK(xmllint.wait() == 0);
  INFO(xmllint.errors);
  CHECK(content(folder / "out/gate.xml").find("failures=\"1\"") != std::string::npos);
}

TEST_CASE("program: lint's SARIF is valid", "[program]") {
  const Folder folder;
  Process program(PREDRILL_PROGRAM, {"lint", system_folder, "--runs", "1", "--sarif",
                                     (folder / "lint.sarif").string()});
  CHECK(program.wait() == 0);
  const auto problems = predrill::harness::validate_against_schema(
      content(folder / "lint.sarif"), content(schemas + "/sarif.schema.json"));
  for (const auto& problem : problems) UNSCOPED_INFO(problem.text());
  CHECK(problems.empty());
  CHECK(content(folder / "lint.sarif").find("patroni/zero-margin") != std::string::npos);
}

TEST_CASE("program: Ctrl-C leaves no file behind", "[program]") {
  const Folder folder;
  const std::string path = baselines(folder);
  const fs::path baseline = folder / "baselines/node-loss.json";
  const std::string before = content(baseline);
  fs::create_directories(folder / "out");
  const std::vector<std::vector<std::string>> commands = {
      {"gate", path, "--update", "--runs", "1000000"},
      {"lint", system_folder, "--runs", "1000000", "--sarif", (folder / "out/x.sarif").string()},
      {"run", drill, "--runs", "1000000", "--out", (folder / "out/run").string()}};
  for (const auto& arguments : commands) {
    Process program(PREDRILL_PROGRAM, arguments);
    REQUIRE(program.wait_for_handler());
    program.interrupt();
    CHECK(program.wait() == 130);
    CHECK(program.errors.find("interrupted") != std::string::npos);
  }
  CHECK(content(baseline) == before);
  CHECK(entries(folder / "baselines") == 1);
  CHECK_FALSE(fs::exists(folder / "out/x.sarif"));
}

TEST_CASE("program: a disk that is full leaves what was there", "[program]") {
  // A limit on the size of files fails a write in its middle, as a full disk does.
  const Folder folder;
  const std::string path = baselines(folder);
  fs::create_directories(folder / "out");
  std::ofstream(folder / "out/gate.md") << "old";
  std::string line = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
  std::vector<std::string> arguments = {"-c", line, PREDRILL_PROGRAM};
  const auto gate = gate_arguments(folder, path);
  arguments.insert(arguments.end(), gate.begin(), gate.end());
  Process program("bash", arguments);
  CHECK(program.wait() == 70);
  CHECK(program.errors.find("predrill: cannot write ") != std::string::npos);
  CHECK(content(folder / "out/gate.md") == "old");
  CHECK(entries(folder / "out") == 1);

  Process update("bash", {"-c", line, PREDRILL_PROGRAM, "gate", path, "--update"});
  const std::string before = content(folder / "baselines/node-loss.json");
  CHECK(update.wait() == 70);
  CHECK(content(folder / "baselines/node-loss.json") == before);
  CHECK(entries(folder / "baselines") == 1);
}

TEST_CASE("program: a reader that goes away changes no file", "[program]") {
  const Folder folder;
  const std::string path = baselines(folder);
  std::vector<std::string> arguments = {"-c", "\"$0\" \"$@\" | true; echo status ${PIPESTATUS[0]}",
                                        PREDRILL_PROGRAM};
  const auto gate = gate_arguments(folder, path);
  arguments.insert(arguments.end(), gate.begin(), gate.end());
  Process program("bash", arguments);
  CHECK(program.wait() == 0);
  // It ends by SIGPIPE, or had finished before the reader left.
  CHECK((program.output == "status 141\n" || program.output == "status 1\n"));
  CHECK(entries(folder / "out") == 3);
}

TEST_CASE("program: report writes one file, or says what is missing", "[program]") {
  Folder folder;
  const std::string out = folder / "out";
  Process run(PREDRILL_PROGRAM, {"run", drill, "--out", out});
  CHECK(run.wait() == 1);
  folder.write("charts.js", "globalThis.echarts = null;");
  Process program(PREDRILL_PROGRAM,
                  {"report", out + "/result.json", out + "/journal.jsonl", "--charts",
                   (folder / "charts.js").string(), "-o", (folder / "report.html").string()});
  CHECK(program.wait() == 0);
  CHECK(content(folder / "report.html").find("predrill run ") != std::string::npos);
  Process nothing(PREDRILL_PROGRAM, {"report", drill, "--charts", (folder / "charts.js").string(),
                                     "-o", (folder / "none.html").string()});
  CHECK(nothing.wait() == 2);
  CHECK_FALSE(fs::exists(folder / "none.html"));
}
