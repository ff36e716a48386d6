#include "harness/cli/kept_runs.hpp"

#include <cstdio>
#include <system_error>
#include <utility>

#include "harness/cli/output_files.hpp"
#include "harness/gate/inputs.hpp"
#include "sim/random.hpp"

#ifndef PREDRILL_VERSION
#define PREDRILL_VERSION "0"
#endif

namespace predrill::harness {

KeptRuns KeptRuns::open(const std::string& folder, bool resume, const std::string& input,
                        const std::vector<std::string>& words) {
  KeptRuns kept;
  kept.folder_ = folder;
  if (folder.empty()) {
    kept.misused_ = resume;
    if (resume) kept.problem_ = "--resume wants the folder of --out";
    return kept;
  }
  const std::filesystem::path file = kept.folder_ / "runs.part";
  std::error_code none;
  if (!resume && std::filesystem::exists(file, none)) {
    kept.misused_ = true;
    kept.problem_ = file.string() +
                    " holds the runs of an interrupted attempt: go on with --resume, or remove it";
    return kept;
  }
  Diagnostics ignored;  // the input has been read already
  const auto values = input_values(input, ignored);
  std::uint64_t digest = digest_of(values, std::filesystem::path(input).parent_path());
  for (const std::string& word : words) digest = sim::mix(digest, sim::stable_hash(word));
  digest = sim::mix(digest, sim::stable_hash(PREDRILL_VERSION));
  kept.store_ = RunStore::open(file, digest, resume, kept.problem_);
  return kept;
}

bool KeptRuns::write(std::string document, bool interrupted) const {
  if (folder_.empty()) return true;
  if (interrupted) {
    std::fprintf(stderr, "predrill: the same command with --resume goes on\n");
    return true;
  }
  OutputFiles files;
  files.add(folder_ / "result.json", std::move(document));
  if (const auto failed = files.write()) {
    std::fprintf(stderr, "predrill: %s\n", failed->c_str());
    return false;
  }
  std::error_code ignored;
  std::filesystem::remove(folder_ / "runs.part", ignored);
  return true;
}

}  // namespace predrill::harness
