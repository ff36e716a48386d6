// A folder of configuration files under test, removed at the end.
#pragma once

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "harness/load/load.hpp"

class Folder {
 public:
  Folder() {
    static std::atomic<int> count{0};
    path_ = std::filesystem::temp_directory_path() /
            ("predrill-load-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, std::string_view text) {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// Loads system.json; what was said is in `said`, with the bare names of files.
  predrill::harness::Loaded<predrill::harness::SystemSpec> load(
      const std::vector<std::string>& settings = {}) {
    predrill::harness::Diagnostics diagnostics;
    auto system = predrill::harness::load_system(path_, diagnostics, settings);
    said = diagnostics.text();
    const std::string prefix = path_.string() + "/";
    for (std::size_t at = 0; (at = said.find(prefix, at)) != std::string::npos;) {
      said.erase(at, prefix.size());
    }
    return system;
  }

  std::string said;

 private:
  std::filesystem::path path_;
};

/// A system.json of two members in two zones with more keys.
inline std::string two_members(const std::string& more) {
  return R"({"name": "x", "zones": ["z1", "z2"],
  "cluster": {"members": [{"name": "a", "zone": "z1", "address": "10.0.0.1"},
                          {"name": "b", "zone": "z2", "address": "10.0.0.2"}]})" +
         (more.empty() ? "" : ",\n" + more) + "}\n";
}
