#include "harness/live/compare.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "harness/live/calibrate.hpp"

using namespace predrill::harness;
using namespace predrill::harness::live;
using namespace std::chrono_literals;
using predrill::sim::Duration;

namespace {

// A drill of the lab's node_loss with this RTO on the path through PgBouncer.
DrillRecord drill(Duration rto, const std::string& primary = "lab-1") {
  DrillRecord record;
  record.scenario =
      (std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/lab/node-loss.json").string();
  record.fault = "node_loss";
  record.path = "pgbouncer";
  record.primary = primary;
  record.proof = "14 processes ended";
  record.measures.fault = 7s;
  PathRun path;
  path.name = "pgbouncer";
  path.measures.rto = rto;
  record.measures.paths.push_back(path);
  record.measures.milestones = {{"promotion_decided", 25s},
                                {"promotion_started", 25050ms},
                                {"promotion_finished", 25050ms + rto / 100}};
  return record;
}

CompareOptions quick() {
  CompareOptions options;
  options.runs = 100;
  return options;
}

}  // namespace

TEST_CASE("compare: measurements like the prediction hold, others do not", "[compare]") {
  std::vector<DrillRecord> like;
  std::vector<DrillRecord> late;
  // node_loss at ttl 30 is predicted between 28 and 38 s through PgBouncer, p50 32.5 s.
  for (int i = 0; i < 8; ++i) {
    like.push_back(drill(Duration(29s) + i * Duration(1s), i % 2 == 0 ? "lab-1" : "lab-2"));
    late.push_back(drill(Duration(45s) + i * Duration(1s)));
  }
  const std::vector<Cell> good = compare(like, quick());
  REQUIRE(good.size() == 1);
  REQUIRE(good[0].rto.size() == 1);
  CHECK(good[0].rto[0].what == "pgbouncer");
  CHECK(good[0].rto[0].drills == 8);
  CHECK(fidelity(good[0].rto[0]).holds());
  const std::vector<Cell> bad = compare(late, quick());
  REQUIRE(bad[0].rto.size() == 1);
  const Fidelity f = fidelity(bad[0].rto[0]);
  CHECK_FALSE(f.median);
  CHECK_FALSE(f.coverage);
  CHECK_FALSE(f.distribution);
  CHECK(bad[0].rto[0].inside_90 == 0);
  // All beyond the prediction: the last fifth.
  CHECK(bad[0].rto[0].pit[pit_bins - 1] == 8);
}

// Another value falls into each of the n + 1 gaps between n predictions equally often.
TEST_CASE("compare: a prediction interval has its share of the gaps", "[compare]") {
  const auto n = GENERATE(19, 99, 199, 999);
  std::vector<std::int64_t> values;
  for (int i = 1; i <= n; ++i) values.push_back(2 * i);
  const auto inside = [&](double share) {
    const PredictionInterval interval = prediction_interval(predrill::sim::Sample(values), share);
    int gaps = 0;
    for (int gap = 0; gap <= n; ++gap) gaps += interval.has(2 * gap + 1) ? 1 : 0;
    return static_cast<double>(gaps) / (n + 1);
  };
  CHECK(inside(0.9) == Approx(0.9));
  CHECK(inside(0.5) == Approx(0.5));
  CHECK(inside(0) == 0);
}

TEST_CASE("compare: a single prediction foretells only itself", "[compare]") {
  const PredictionInterval interval =
      prediction_interval(predrill::sim::Sample(std::vector<std::int64_t>{5}), 0.9);
  CHECK(interval.low == 5);
  CHECK(interval.high == 5);
}

// A crashed postmaster is found by the next cycle: with a loop of 10 s the phase is most of the
// RTO.
TEST_CASE("compare: a drill is predicted at the phase at which it struck", "[compare]") {
  const auto at = [](std::optional<Duration> phase) {
    DrillRecord record = drill(5s);
    const std::filesystem::path lab = std::filesystem::path(record.scenario).parent_path();
    record.scenario = (lab / "postmaster-kill.json").string();
    record.phase = phase;
    const std::vector<Cell> cells = compare({record}, quick());
    REQUIRE(cells.size() == 1);
    REQUIRE(cells[0].problem.empty());
    return cells[0].rto.at(0);
  };
  constexpr std::int64_t second = 1'000'000'000;
  const Comparison early = at(1s);
  const Comparison late = at(8s);
  const Comparison any = at(std::nullopt);
  CHECK(early.predicted_median - late.predicted_median > 13 * second / 2);
  CHECK(early.predicted_median - late.predicted_median < 15 * second / 2);
  CHECK(early.predicted_p95 - early.predicted_p5 < 4 * second);
  CHECK(any.predicted_p95 - any.predicted_p5 > 8 * second);
  // A phase beyond the loop is the phase of the next one.
  CHECK(at(11s).predicted_median == early.predicted_median);
}

TEST_CASE("compare: drills that cannot show their fault say nothing", "[compare]") {
  std::vector<DrillRecord> records = {drill(30s), drill(31s)};
  records[1].proof.clear();
  CompareOptions options = quick();
  int told = 0;
  options.progress = [&told] { ++told; };
  const std::vector<Cell> cells = compare(records, options);
  REQUIRE(cells.size() == 1);
  CHECK(cells[0].drills == 1);
  CHECK(cells[0].without_proof == 1);
  CHECK(told == 2);
}

TEST_CASE("calibrate: a delay is fitted to all drills and checked on a half that had no part in it",
          "[compare]") {
  std::vector<DrillRecord> records;
  for (int i = 0; i < 20; ++i) records.push_back(drill(Duration(29s) + i * Duration(400ms)));
  for (DrillRecord& record : records) record.delays["patroni.start_command"] = {500ms};
  records[3].delays.clear();  // an older one: its milestones tell the promotion
  records[4].delays.clear();
  const Calibration calibration = calibrate(records, quick());
  CHECK(calibration.drills == 20);
  REQUIRE(calibration.delays.size() == 1);
  CHECK(calibration.delays[0].name == "patroni.start_command");
  CHECK(calibration.delays[0].values == std::vector<std::int64_t>(18, 500'000'000));
  CHECK(calibration.too_few.size() == line_delays().size() - 1);
  CHECK(calibration.too_few[0] == "postgresql.promotion: 2 times");
  REQUIRE(calibration.after.size() == 1);
  CHECK(calibration.after[0].drills == 10);
  REQUIRE(calibration.all.size() == 1);
  CHECK(calibration.all[0].drills == 20);
  const std::string json = calibration_json(calibration, records, {"drills.jsonl"});
  CHECK(json.find("\"format\": \"predrill.calibration/1\"") != std::string::npos);
  CHECK(json.find("\"start_command\"") != std::string::npos);
  // Too few drills fit nothing.
  records.resize(6);
  CHECK(calibrate(records, quick()).delays.empty());
}

TEST_CASE("calibrate: each delay is a timing of the models and lasts in the record", "[compare]") {
  SystemSpec system;
  std::vector<const predrill::sim::Distribution*> all;
  for (const LineDelay& delay : line_delays()) all.push_back(&timing_of(system, delay.name));
  std::sort(all.begin(), all.end());
  CHECK(std::unique(all.begin(), all.end()) == all.end());

  DrillRecord record = drill(30s);
  record.delays["postgresql.start"] = {21ms, 8ms};
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("predrill-record-" + std::to_string(::getpid()));
  std::ofstream(file) << to_line(record);
  std::vector<std::string> problems;
  const std::vector<DrillRecord> back = read_records({file.string()}, problems);
  std::filesystem::remove(file);
  REQUIRE(back.size() == 1);
  CHECK(back[0].delays == record.delays);
}
