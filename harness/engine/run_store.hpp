// Finished runs on disk while a campaign is under way, so that a campaign that was interrupted or
// killed goes on where it was.
#pragma once

#include <compare>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "harness/measure/measures.hpp"

namespace predrill::harness {

/// Which run of a campaign; `part` tells the scenarios of one campaign apart.
struct RunKey {
  std::uint64_t part = 0;
  std::uint64_t seed = 0;
  friend auto operator<=>(const RunKey&, const RunKey&) = default;
};

struct StoredRun {
  RunMeasures measures;  // of the readings of the pool the fullest alone: summaries have none
  std::string problem;   // why there is no result
};

/// Every field of a run as bytes, and back; nullopt if the bytes are not those of a run.
std::string to_bytes(const StoredRun& run);
std::optional<StoredRun> run_from_bytes(std::string_view bytes);

class RunStore {
 public:
  /// Opens the file for a campaign. `digest` stands for all that decides its runs: version, files,
  /// settings. With `resume` the runs that are there already are read; a file of another campaign
  /// is refused. A record that was cut off in the middle, by a crash or a full disk, is dropped.
  /// Null if that fails, with the reason in `problem`.
  static std::unique_ptr<RunStore> open(const std::filesystem::path& file, std::uint64_t digest,
                                        bool resume, std::string& problem);
  ~RunStore();
  RunStore(const RunStore&) = delete;
  RunStore& operator=(const RunStore&) = delete;

  /// Null if this one has not been run.
  const StoredRun* find(RunKey key) const;
  std::size_t size() const { return runs_.size(); }
  /// Appends a run. May be called by several threads. A failure to write is remembered.
  void add(RunKey key, const StoredRun& run);
  /// Why runs could not be kept; empty if all were.
  const std::string& problem() const { return problem_; }

 private:
  RunStore(std::filesystem::path file, std::FILE* out) : file_(std::move(file)), out_(out) {}

  std::filesystem::path file_;
  std::FILE* out_;
  std::map<RunKey, StoredRun> runs_;  // that were there when it was opened
  std::mutex mutex_;
  std::string problem_;
};

}  // namespace predrill::harness
