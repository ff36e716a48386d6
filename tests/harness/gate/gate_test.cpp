// A folder of baselines against a system whose files change.
#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "harness/gate/gate.hpp"
#include "harness/gate/gate_text.hpp"
#include "harness/input/schema.hpp"
#include "tests/harness/load/load_test.hpp"

using namespace predrill::harness;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A copy of the example system with one scenario and its baseline.
class Site {
 public:
  explicit Site(std::size_t runs = 120, const std::string& path = "pgbouncer") {
    const fs::path scenarios = PREDRILL_SOURCE_DIR "/scenarios";
    fs::copy(scenarios / "systems", folder_ / "systems", fs::copy_options::recursive);
    fs::create_directories(folder_ / "drills");
    fs::create_directories(folder_ / "baselines");
    std::string drill = content(scenarios / "drills/node-loss.json");
    drill.insert(drill.rfind('}'), R"(, "path": ")" + path + "\"\n");
    folder_.write("drills/node-loss.json", drill);
    Diagnostics diagnostics;
    const auto baseline = make_baseline(baseline_file().string(), folder_ / "drills/node-loss.json",
                                        1, runs, {}, diagnostics);
    CAPTURE(diagnostics.text());
    REQUIRE(baseline.has_value());
    std::ofstream(baseline_file()) << to_json(*baseline);
  }
  fs::path baseline_file() const { return folder_ / "baselines/node-loss.json"; }
  fs::path file(const std::string& name) const {
    return folder_ / ("systems/user-profile-db/" + name);
  }
  void replace(const std::string& name, const std::string& from, const std::string& to) {
    std::string text = content(file(name));
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    std::ofstream(file(name), std::ios::binary) << text;
  }
  std::vector<std::unique_ptr<GateFinding>> gate(const GateRunOptions& options = {}) {
    Diagnostics diagnostics;
    std::vector<std::unique_ptr<GateFinding>> findings;
    for (const Baseline& baseline : load_baselines(folder_ / "baselines", diagnostics)) {
      findings.push_back(run_gate(baseline, options, diagnostics));
    }
    CAPTURE(diagnostics.text());
    REQUIRE(findings.size() == 1);
    REQUIRE(findings[0] != nullptr);
    return findings;
  }

 private:
  Folder folder_;
};

}  // namespace

TEST_CASE("gate: an unchanged scenario passes by its first fingerprints", "[gate]") {
  Site site;
  const auto findings = site.gate();
  CHECK(findings[0]->verdict == GateVerdict::pass);
  CHECK(findings[0]->how == GateFinding::How::first_seeds);
  CHECK(findings[0]->arm.runs.size() == baseline_quick_runs);
  GateRunOptions all;
  all.all_seeds = true;
  CHECK(site.gate(all)[0]->how == GateFinding::How::all_seeds);
}

TEST_CASE("gate: a baseline is read as it was written", "[gate]") {
  Site site;
  Diagnostics diagnostics;
  const auto baseline = load_baseline(site.baseline_file(), diagnostics);
  REQUIRE(baseline.has_value());
  CHECK(to_json(*baseline) == content(site.baseline_file()));
  CHECK(baseline->scenario == "../drills/node-loss.json");
  CHECK(baseline->runs.size() == 120);
}

TEST_CASE("gate: a comment is no change; a value without effect passes by all fingerprints",
          "[gate]") {
  Site site;
  site.replace("pgbouncer.ini", "[pgbouncer]", "; a remark\n[pgbouncer]");
  CHECK(site.gate()[0]->how == GateFinding::How::first_seeds);
  site.replace("postgresql.yaml", "work_mem: 64MB", "work_mem: 65MB");
  const auto findings = site.gate();
  CHECK(findings[0]->how == GateFinding::How::all_seeds);
  CHECK(findings[0]->verdict == GateVerdict::pass);
  CHECK(findings[0]->changed.size() == 1);
}

TEST_CASE("gate: a longer ttl fails with the key at its file and line", "[gate]") {
  Site site;
  site.replace("postgresql.yaml", "    ttl: 30", "    ttl: 40");
  const auto findings = site.gate();
  const GateFinding& finding = *findings[0];
  CHECK(finding.verdict == GateVerdict::fail);
  CHECK(stage_text(finding) == "detection");
  REQUIRE(finding.key.has_value());
  CHECK(finding.key->line == 93);
  CHECK(fs::path(finding.key->file).filename() == "postgresql.yaml");
  CHECK(change_text(*finding.key) == "postgresql.spec.patroni.ttl: 30 -> 40");
  CHECK(finding.key_ms > 5000);

  const auto sarif = nlohmann::json::parse(gate_sarif(findings, "0.1.0"));
  const auto& result = sarif.at("runs").at(0).at("results").at(0);
  CHECK(result.at("ruleId") == "gate/slower");
  const auto& place = result.at("locations").at(0).at("physicalLocation");
  CHECK(place.at("region").at("startLine") == 93);
  CHECK(place.at("artifactLocation").at("uri").get<std::string>().ends_with("postgresql.yaml"));
  const std::string markdown = gate_markdown(findings);
  CHECK(markdown.find("### Failover gate: 1 failed, 0 undecided, 0 passed") == 0);
  CHECK(markdown.find("postgresql.yaml:93` postgresql.spec.patroni.ttl: 30 -> 40 |") !=
        std::string::npos);
  const std::string junit = gate_junit(findings, "baselines");
  CHECK(junit.find("tests=\"1\" failures=\"1\" errors=\"0\"") != std::string::npos);
  CHECK(junit.find("<failure message=\"the mean of the RTO grew by ") != std::string::npos);
}

TEST_CASE("gate: of several changes the one that matters is blamed", "[gate]") {
  Site site;
  site.replace("pgbouncer.ini", "server_idle_timeout = 600", "server_idle_timeout = 500");
  site.replace("postgresql.yaml", "    ttl: 30", "    ttl: 40");
  site.replace("postgresql.yaml", "work_mem: 64MB", "work_mem: 65MB");
  site.replace("system.json", "\"0.15ms\"", "\"0.16ms\"");
  const auto findings = site.gate();
  CHECK(findings[0]->verdict == GateVerdict::fail);
  CHECK(findings[0]->changed.size() == 4);
  REQUIRE(findings[0]->key.has_value());
  CHECK(findings[0]->key->key == "postgresql.spec.patroni.ttl");
}

TEST_CASE("gate: --set counts as a change", "[gate]") {
  Site site;
  GateRunOptions options;
  options.settings = {"patroni.ttl=40"};
  const auto findings = site.gate(options);
  CHECK(findings[0]->verdict == GateVerdict::fail);
  REQUIRE(findings[0]->key.has_value());
  CHECK(place_text(*findings[0]->key) == "--set patroni.ttl=40");
}

TEST_CASE("gate: a real second more of promotion is blamed on promotion", "[gate]") {
  // The whole way: another distribution in system.json, simulated, compared, blamed.
  // PgBouncer's steps of 15 s would hide most of it, so it is measured beside PgBouncer. The
  // difference of a pair varies by 3.5 s (retries of clients): the mean of 600 is known to 0.14 s.
  Site site(600, "direct");
  site.replace("system.json", "\"timings\": {", R"("timings": {
    "postgresql": { "promotion": { "constant": "1.4s", "source": "planted" } },)");
  const auto findings = site.gate();
  CHECK(findings[0]->verdict == GateVerdict::fail);
  CHECK(stage_text(*findings[0]) == "promotion");
}

TEST_CASE("gate: what is no baseline is said, with the way to make one", "[gate]") {
  Folder folder;
  folder.write("a.json", "{");
  folder.write("b.json", "{\"format\": \"predrill.result/1\"}");
  folder.write("c.json", "{\"format\": \"predrill.baseline/1\"}");
  Diagnostics diagnostics;
  CHECK(load_baselines(folder / "", diagnostics).empty());
  CHECK(diagnostics.errors() == 3);
  CHECK(diagnostics.text().find("predrill gate DIR --update") != std::string::npos);
  Diagnostics none;
  CHECK(load_baselines(folder / "nowhere", none).empty());
}
