#include "harness/measure/result_document.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "harness/input/schema.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
using nlohmann::json;
using sim::Duration;

namespace {

std::string schema() {
  std::ifstream file(PREDRILL_SOURCE_DIR "/scenarios/schema/result.schema.json");
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_valid(const std::string& document) {
  for (const Diagnostic& problem : validate_against_schema(document, schema())) {
    FAIL_CHECK(problem.text());
  }
}

RunMeasures run(std::uint64_t seed, Duration rto) {
  RunMeasures r;
  r.seed = seed;
  r.fingerprint = 0xabc + seed;
  r.fault = 60s;
  PathRun p;
  p.name = "pgbouncer";
  p.measures.rto = rto;
  p.measures.downtime = rto;
  p.measures.outages = {{59900ms, 60s + rto, false}};
  p.errors = {{"57P01", 3, 1}};
  r.paths = {p, {"database", {}, {}}};
  r.stages_of_path[0] = rto;
  r.loss = {2, 4096, 1500us};
  r.dual_writers = {1234567ns, 1};
  r.violations = {{"lost writes", true}};
  r.new_primary = "db-1";
  r.milestones = {{"elected", rto / 2}};
  r.pool = {{-1s, 1, 2, 3, 4}};
  return r;
}

}  // namespace

TEST_CASE("result: a single run", "[measure]") {
  const RunMeasures measures = run(17, 27412345678ns);
  Summary summary;
  summary.add(measures);
  std::vector<Observed> observed(1);
  observed[0].at = 4200ms;
  observed[0].event = "elected";
  observed[0].matches = "elected";
  ResultDocument document{"run", "0.1.0", "user-profile-db", 17, {}, {}};
  ResultEntry entry;
  entry.scenario = "node_loss";
  entry.summary = &summary;
  entry.judgements = {judge({"rto", 0.99, 10}, summary)};
  entry.verdict = overall(entry.judgements, summary);
  entry.setting = "ttl 30s";
  entry.varied = {{"patroni.ttl", "30s"}};
  entry.observed = observed;
  entry.run = &measures;
  document.results = {entry};
  document.timeline = {{0s, "fault", "node_loss", 1, 0}, {1500ns, "patroni", "not\xff", 2, 1}};
  const std::string text = to_json(document);
  check_valid(text);
  CHECK(text == to_json(document));
  CHECK(text.ends_with("}\n"));

  const json j = json::parse(text);
  CHECK(j["format"] == "predrill.result/1");
  CHECK(j["fingerprint"] == "0000000000000acd");
  const json& r = j["results"][0];
  CHECK(r["verdict"] == "missed");
  CHECK(r["rto_s"]["p50"] == 27.412346);
  CHECK(r["rto_s"]["p50_ci"].is_null());
  CHECK(text.find("27.412346") != std::string::npos);
  CHECK(r["dual_writer_ms"]["max"] == 1.235);
  CHECK(r["rpo"]["seconds"]["max"] == 0.0015);
  CHECK(r["stage_shares"]["detection"] == 1);
  CHECK(r["dominating_stage"] == "detection");
  CHECK(r["errors"]["57P01"]["p50"] == 3);
  CHECK(r["observed"][0]["simulated_s"]["p50"] == 13.706173);
  CHECK(r["outages"][0]["from_s"] == -0.1);
  CHECK(j["timeline"][1]["t_s"] == 0.000002);
  CHECK(j["timeline"][1]["event"] == "not\xef\xbf\xbd");
  CHECK(j["timeline"][1]["cause"] == 1);
}

TEST_CASE("result: many runs, in whatever order, to the byte", "[measure]") {
  std::vector<RunMeasures> runs;
  for (std::uint64_t i = 0; i < 200; ++i) {
    runs.push_back(run(i, i % 5 == 0 ? 4s + i * 1ms : 27s + i * 10ms));
  }
  runs[3].seed = std::numeric_limits<std::uint64_t>::max();
  runs[4].fault = sim::forever;
  const auto document_of = [](const Summary& summary) {
    ResultEntry entry;
    entry.scenario = "node_loss";
    entry.summary = &summary;
    return to_json({"rehearse", "0.1.0", "s", 0, {entry, entry}, {}});
  };
  Summary forwards;
  for (const RunMeasures& r : runs) forwards.add(r);
  Summary backwards;
  std::reverse(runs.begin(), runs.end());
  for (const RunMeasures& r : runs) backwards.add(r);
  const std::string text = document_of(forwards);
  check_valid(text);
  CHECK(text == document_of(backwards));
  const json j = json::parse(text);
  CHECK(j["runs"] == 200);
  CHECK(j["results"][0]["without_fault"] == 1);
  CHECK(j["results"][0]["modes"].size() == 2);
  CHECK(j["results"][0]["violations"][0]["runs"] == 200);
  CHECK(j["results"][0]["rto_s"]["p95_ci"].size() == 2);
}

TEST_CASE("result: a probability that splitting found", "[measure]") {
  ResultDocument document{"run", "0.1.0", "user-profile-db", 17, {}, {}};
  document.rare = RarePart{"pgbouncer", 10min, {2e-5, {1e-5, 3e-5}}, {0.5, 0.02}, 2000, {}};
  const std::string text = to_json(document);
  check_valid(text);
  const json rare = json::parse(text)["rare"];
  CHECK(rare["length_s"] == 600);
  CHECK(rare["probability"]["value"] == 2e-5);
  CHECK(rare["probability"]["ci"][1] == 3e-5);
  CHECK(rare["passed"] == json({0.5, 0.02}));
}

TEST_CASE("result: rows that may be lost", "[measure]") {
  ResultDocument document{"run", "0.1.0", "user-profile-db", 17, {}, {}};
  document.rare = RarePart{"", {}, {2e-5, {1e-5, 3e-5}}, {}, 2000, LossPart{}};
  LossPart& loss = *document.rare->loss;
  loss.events = 5'000'000;
  loss.events_of_counting = 2e12;
  loss.faults_per_year = 1.65;
  loss.per_year = {3e-5, {2e-5, 4e-5}};
  loss.cases.push_back({2, 7e-4, {0.02, {0.01, 0.03}}, {1, 0.5, 0.1}});
  const std::string text = to_json(document);
  check_valid(text);
  const json lost = json::parse(text)["rare"]["rows_lost"];
  CHECK(lost["per_year"]["value"] == 3e-5);
  CHECK(lost["cases"][0]["faults"] == 2);
  CHECK(lost["cases"][0]["passed"][2] == 0.1);
  loss.faults_per_year = 0;  // moments instead of rates: nothing is said of a year
  CHECK_FALSE(json::parse(to_json(document))["rare"]["rows_lost"].contains("per_year"));
}

TEST_CASE("result: without any run it is still a document", "[measure]") {
  const Summary summary;
  ResultEntry entry;
  entry.summary = &summary;
  check_valid(to_json({"run", "0.1.0", "s", 0, {entry}, {}}));
  check_valid(to_json({"run", "0.1.0", "s", 0, {}, {}}));
}

TEST_CASE("result: the schema refuses what is no result", "[measure]") {
  const Summary summary;
  ResultEntry entry;
  entry.summary = &summary;
  json j = json::parse(to_json({"run", "0.1.0", "s", 0, {entry}, {}}));
  const auto problems = [&] { return validate_against_schema(j.dump(), schema()).size(); };
  REQUIRE(problems() == 0);
  SECTION("another verdict") {
    j["results"][0]["verdict"] = "passed";
    CHECK(problems() > 0);
  }
  SECTION("a misspelt key") {
    j["results"][0]["rto"] = 1;
    CHECK(problems() > 0);
  }
  SECTION("a distribution without its median") {
    j["results"][0]["rto_s"].erase("p50");
    CHECK(problems() > 0);
  }
  SECTION("a stage is missing") {
    j["results"][0]["stages_s"].erase("election");
    CHECK(problems() > 0);
  }
  SECTION("an interval with one end") {
    j["results"][0]["rto_s"]["p50_ci"] = {1};
    CHECK(problems() > 0);
  }
}
