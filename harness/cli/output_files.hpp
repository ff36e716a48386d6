// Files of results: all of them are there in full afterwards, or none is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace predrill::harness {

class OutputFiles {
 public:
  void add(std::filesystem::path path, std::string content);
  bool empty() const { return files_.empty(); }
  /// Writes each file beside its place and moves it there; makes missing folders. What is no file
  /// of a disk (/dev/stdout, a named pipe) is written to in place. If something fails: what failed
  /// and why ("cannot write out/result.json: No space left on device"), and no file has been begun
  /// or replaced unless a move itself, or what is written in place, failed.
  std::optional<std::string> write() const;

 private:
  std::vector<std::pair<std::filesystem::path, std::string>> files_;
};

}  // namespace predrill::harness
