// Broken files of every kind, each with the messages that it must give in a text beside it.
// PREDRILL_BLESS=1 writes the texts anew.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

#include "harness/load/validate.hpp"

using namespace predrill::harness;

namespace {

const std::filesystem::path root = PREDRILL_SOURCE_DIR;

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string without_root(std::string text) {
  const std::string prefix = root.string() + "/";
  for (std::size_t at = 0; (at = text.find(prefix, at)) != std::string::npos;) {
    text.erase(at, prefix.size());
  }
  return text;
}

std::vector<std::filesystem::path> broken_files() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(root / "tests/harness/broken")) {
    if (entry.path().extension() != ".txt") all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// A file that lives as long as the test.
class Temporary {
 public:
  explicit Temporary(const std::string& name)
      : path(std::filesystem::temp_directory_path() /
             ("predrill-" + std::to_string(::getpid()) + "-" + name)) {}
  ~Temporary() { std::filesystem::remove(path); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const std::filesystem::path path;
};

}  // namespace

TEST_CASE("broken files: each problem is told, and nothing else happens", "[load]") {
  const bool bless = std::getenv("PREDRILL_BLESS") != nullptr;
  const auto files = broken_files();
  CHECK(files.size() >= 40);
  for (const std::filesystem::path& path : files) {
    const Validation found = validate_files(std::vector{path});
    const std::string text = without_root(found.text);
    const std::filesystem::path golden = path.string() + ".txt";
    INFO(path.filename());
    if (bless) std::ofstream(golden, std::ios::binary) << text;
    CHECK(text == content(golden));
    // A line of its own for the outcome, and at least one problem before it.
    CHECK(std::count(text.begin(), text.end(), '\n') >= 2);
    CHECK((found.exit_status == 2) == (text.find(": error: ") != std::string::npos));
  }
}

TEST_CASE("broken files: a hundred megabytes of junk are refused unread", "[load]") {
  for (const char* name : {"junk.json", "junk.yaml", "junk.ini", "junk.cfg"}) {
    const Temporary file(name);
    {
      std::ofstream out(file.path, std::ios::binary);
      std::string block(1 << 20, '\0');
      for (std::size_t i = 0; i < block.size(); ++i) {
        block[i] = static_cast<char>((i * 2654435761U) >> 13);
      }
      for (int i = 0; i < 100; ++i) out << block;
    }
    const Validation found = validate_files(std::vector{file.path});
    CHECK(found.exit_status == 2);
    CHECK_THAT(found.text, Catch::Contains("error"));
    CHECK(found.text.size() < 1000);
  }
}

TEST_CASE("broken files: what is no file is a problem like any other", "[load]") {
  const Validation found = validate_files(std::vector<std::filesystem::path>{
      "no-such-file.json", "no-such-folder", root / "tests", "x.unknown", ""});
  CHECK(found.exit_status == 2);
  CHECK_THAT(found.text, Catch::Contains("no-such-file.json"));
  CHECK_THAT(found.text, Catch::Contains("x.unknown"));
  CHECK(validate_files({}).exit_status == 0);
}

TEST_CASE("validate: good files of every kind", "[load]") {
  const std::filesystem::path system = root / "scenarios/systems/user-profile-db";
  const Validation found =
      validate_files(std::vector{system, system / "system.json", system / "postgresql.yaml",
                                 system / "pgbouncer.ini", root / "scenarios/drills/freeze.json"});
  CHECK(found.exit_status == 0);
  CHECK(without_root(found.text) ==
        "scenarios/systems/user-profile-db: good\n"
        "scenarios/systems/user-profile-db/system.json: good\n"
        "scenarios/systems/user-profile-db/postgresql.yaml: good\n"
        "scenarios/systems/user-profile-db/pgbouncer.ini: good\n"
        "scenarios/drills/freeze.json: good\n");
}
