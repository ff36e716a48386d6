// Finished runs beside a result that is under way: what --out and --resume want.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/engine/run_store.hpp"

namespace predrill::harness {

class KeptRuns {
 public:
  /// `words`: all that decides the runs besides the files of `input` (a scenario, or a
  /// system.json). Keeps nothing without a folder.
  static KeptRuns open(const std::string& folder, bool resume, const std::string& input,
                       const std::vector<std::string>& words);

  /// Null if nothing is kept.
  RunStore* store() const { return store_.get(); }
  /// What prevents the command, or what went wrong with keeping since; empty if nothing.
  std::string problem() const { return store_ ? store_->problem() : problem_; }
  /// The command cannot begin: --resume without a folder, runs of another campaign.
  bool failed() const { return !problem_.empty(); }
  bool misused() const { return misused_; }
  /// Writes result.json; the runs are not needed any more, unless the command was interrupted.
  /// False if that fails, which has been said.
  bool write(std::string document, bool interrupted) const;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<RunStore> store_;
  std::string problem_;
  bool misused_ = false;
};

}  // namespace predrill::harness
