// The simulator against the drills that were measured in the lab, without needing the lab.
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "harness/live/compare.hpp"

using namespace predrill::harness;
using namespace predrill::harness::live;

namespace {

std::vector<DrillRecord> measured(const std::string& part) {
  std::vector<std::string> files;
  const std::filesystem::path folder =
      std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/lab/measured";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".jsonl") && path.find(part) != std::string::npos &&
        path.find("journal") == std::string::npos) {
      files.push_back(path);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> problems;
  std::vector<DrillRecord> records = read_records(files, problems);
  CHECK(problems.empty());
  for (DrillRecord& record : records) {
    record.scenario = (std::filesystem::path(PREDRILL_SOURCE_DIR) / record.scenario).string();
  }
  return records;
}

}  // namespace

TEST_CASE("measured: the loss of a node is predicted in every configuration", "[compare]") {
  const std::vector<DrillRecord> records = measured("node-loss");
  CHECK(records.size() >= 40);
  CompareOptions options;
  options.runs = 300;
  const std::vector<Cell> cells = compare(records, options);
  CHECK(cells.size() == 4);
  for (const Cell& cell : cells) {
    INFO(cell.name() << cell.problem);
    CHECK(cell.drills >= 8);
    CHECK(cell.without_proof == 0);
    CHECK(cell.lost_rows_max == 0);
    CHECK(cell.rto.size() == 3);
    for (const Comparison& path : cell.rto) {
      INFO(path.what << ": measured " << path.measured_median << " ns, predicted "
                     << path.predicted_median << " ns, inside 90 %: " << path.inside_90);
      CHECK(fidelity(path).holds());
    }
  }
}

TEST_CASE("measured: a synchronous cluster lost rows only where the key was stolen back",
          "[compare]") {
  std::size_t synchronous = 0;
  for (const DrillRecord& record : measured("sync-")) {
    const bool is_synchronous = std::find(record.settings.begin(), record.settings.end(),
                                          "patroni.synchronous_mode=true") != record.settings.end();
    if (!is_synchronous) continue;
    ++synchronous;
    INFO(record.fault << " at " << record.started);
    // Patroni 3.0.2 on etcd v3: a thawed primary puts its key back without a comparison.
    if (record.fault == "freeze") continue;
    CHECK(record.measures.loss.rows == 0);
  }
  CHECK(synchronous >= 40);
}
