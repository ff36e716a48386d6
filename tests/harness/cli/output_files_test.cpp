// Files are written in full or not at all.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "harness/cli/output_files.hpp"

using namespace predrill::harness;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
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
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path), fs::directory_iterator{}));
  }
  fs::path path;
};

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("output files: written, with their folders, and nothing else") {
  const Folder folder;
  OutputFiles files;
  const std::string large(3000000, 'x');
  files.add(folder.path / "a/b/result.json", "{}\n");
  files.add(folder.path / "large", large);
  CHECK_FALSE(files.write().has_value());
  CHECK(content_of(folder.path / "a/b/result.json") == "{}\n");
  CHECK(content_of(folder.path / "large") == large);
  CHECK(folder.entries() == 2);
  OutputFiles again;
  again.add(folder.path / "large", "short");
  CHECK_FALSE(again.write().has_value());
  CHECK(content_of(folder.path / "large") == "short");
}

TEST_CASE("output files: what cannot be written leaves everything as it was") {
  const Folder folder;
  std::ofstream(folder.path / "result.json") << "old";
  std::ofstream(folder.path / "file") << "no folder";
  OutputFiles files;
  files.add(folder.path / "result.json", "new");
  files.add(folder.path / "file/events.jsonl", "new");
  const auto problem = files.write();
  REQUIRE(problem.has_value());
  CHECK(problem->find("cannot write " + (folder.path / "file/events.jsonl").string()) == 0);
  CHECK(problem->find("Not a directory") != std::string::npos);
  CHECK(content_of(folder.path / "result.json") == "old");
  CHECK(folder.entries() == 2);
}

TEST_CASE("output files: a link stays a link") {
  const Folder folder;
  std::ofstream(folder.path / "target") << "old";
  fs::create_symlink("target", folder.path / "link");
  OutputFiles files;
  files.add(folder.path / "link", "new");
  CHECK_FALSE(files.write().has_value());
  CHECK(fs::is_symlink(folder.path / "link"));
  CHECK(content_of(folder.path / "target") == "new");
  CHECK(folder.entries() == 2);
}

TEST_CASE("output files: what is no file of a disk is written to, not replaced") {
  const Folder folder;
  const fs::path pipe = folder.path / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  OutputFiles files;
  files.add(pipe, "through the pipe");
  CHECK_FALSE(files.write().has_value());
  std::string got(64, ' ');
  const ssize_t size = ::read(reader, got.data(), got.size());
  ::close(reader);
  REQUIRE(size > 0);
  got.resize(static_cast<std::size_t>(size));
  CHECK(got == "through the pipe");
  CHECK(fs::is_fifo(pipe));
  CHECK(folder.entries() == 1);

  OutputFiles full;
  full.add("/dev/full", "too much");
  const auto problem = full.write();
  REQUIRE(problem.has_value());
  CHECK(problem->find("No space left") != std::string::npos);
  CHECK(fs::is_character_file("/dev/full"));
}
