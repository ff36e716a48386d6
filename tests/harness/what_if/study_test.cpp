#include "harness/what_if/study.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

#include "harness/load/load.hpp"
#include "harness/what_if/optimise.hpp"
#include "harness/what_if/study_text.hpp"

using namespace predrill;
using namespace predrill::harness;

namespace {

const std::string node_loss = PREDRILL_SOURCE_DIR "/scenarios/drills/node-loss.json";

StudyPlan plan(const std::vector<std::string>& vary,
               const std::vector<std::string>& settings = {}) {
  std::vector<VaryAxis> axes;
  std::string problem;
  for (const std::string& text : vary) axes.push_back(*parse_axis(text, problem));
  Diagnostics diagnostics;
  auto planned = plan_study(node_loss, settings, std::move(axes), diagnostics);
  INFO(diagnostics.text());
  REQUIRE(planned);
  return std::move(*planned);
}

StudyMeasure measure(const std::string& text) {
  std::string problem;
  const auto parsed = parse_measure(text, problem);
  INFO(problem);
  REQUIRE(parsed);
  return *parsed;
}

std::string problem_of(const std::string& text) {
  std::string problem;
  CHECK_FALSE(parse_measure(text, problem));
  return problem;
}

}  // namespace

TEST_CASE("what-if: measures by name", "[what-if]") {
  CHECK(measure("rto").p == 0.5);
  CHECK(measure("rto.p99.9").p == Approx(0.999));
  CHECK(measure("haproxy.downtime.mean").path == "haproxy");
  CHECK(measure("rpo.rows.max").what == StudyMeasure::What::rpo_rows);
  CHECK(measure("detection.p95").what == StudyMeasure::What::stage);
  CHECK(problem_of("rtoo.p99").find("\"rtoo.p99\" is not a measure; write one of rto,") == 0);
  CHECK_FALSE(problem_of("rto.p101").empty());
  CHECK(problem_of("direct.rpo.rows") == "\"direct.rpo.rows\": rpo.rows belongs to no path");
}

TEST_CASE("what-if: points that Patroni would not run as written are left out", "[what-if]") {
  const StudyPlan planned = plan({"patroni.ttl=20,30", "patroni.loop_wait=5,10"});
  REQUIRE(planned.points.size() == 2);
  CHECK(planned.points[0].scenario.system.patroni.loop_wait == std::chrono::seconds(5));
  REQUIRE(planned.left_out.size() == 2);
  CHECK(planned.left_out[0].values[0].second == "20");
  CHECK(planned.left_out_because.find("loop_wait + 2*retry_timeout <= ttl is violated") == 0);
}

TEST_CASE("what-if: what is wrong with a point is an error with its place", "[what-if]") {
  std::string problem;
  Diagnostics diagnostics;
  CHECK_FALSE(plan_study(node_loss, {}, {*parse_axis("patroni.tttl=20,30", problem)}, diagnostics));
  CHECK(diagnostics.errors() == 2);
  CHECK(diagnostics.text().find("--set patroni.tttl=20") != std::string::npos);
}

TEST_CASE("what-if: the same bits with any number of threads", "[what-if][parallel]") {
  const StudyPlan planned = plan({"patroni.ttl=30,40"});
  const std::vector<StudyMeasure> measures = {measure("rto.p50"), measure("direct.rto.mean")};
  const StudyResult one = run_study(planned, measures, {.runs = 12, .jobs = 1});
  const StudyResult two = run_study(planned, measures, {.runs = 12, .jobs = 3});
  const TextStyle style;
  CHECK(study_text(planned, one, {}, style) == study_text(planned, two, {}, style));
  // A point that says what is written already is the current configuration, run by run.
  CHECK(one.points[0].summary == one.current.summary);
  CHECK(one.points[0].differences[1].value == 0.0);
  CHECK(one.points[1].summary.fingerprint() != one.current.summary.fingerprint());
}

TEST_CASE("what-if: the table keeps to the terminal and leaves nothing out", "[what-if]") {
  const StudyPlan planned = plan({"patroni.ttl=30,40"});
  const std::vector<StudyMeasure> measures = {measure("rto.p50"), measure("direct.rto.p50"),
                                              measure("direct.rto.mean")};
  const StudyResult result = run_study(planned, measures, {.runs = 12, .jobs = 1});
  std::size_t tables = 0;
  for (const std::size_t width : {200U, 100U, 60U}) {
    const std::string text = study_text(planned, result, {{"closed form", "1", {"2", "3"}}},
                                        {.width = width, .colour = width == 60});
    INFO("width " << width << "\n" << text);
    std::size_t found = 0;
    for (const StudyMeasure& one : measures) {
      CHECK(text.find(one.name) != std::string::npos);
    }
    CHECK(text.find("closed form") != std::string::npos);
    for (std::size_t at = text.find("ttl"); at != std::string::npos;
         at = text.find("ttl", at + 1)) {
      ++found;
    }
    CHECK(found >= tables);  // more of them where there is less room
    tables = found;
    if (width == 60) continue;  // with codes for colours
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      CHECK(display_width(text.substr(at, text.find('\n', at) - at)) <= width);
    }
  }
  CHECK(tables > 1);
}

TEST_CASE("what-if: common seeds leave a fifth of the variance, or less", "[what-if]") {
  // ttl 30 against 29: the lease ends one second earlier, everything else is as it was.
  const StudyPlan planned = plan({"patroni.ttl=29"}, {"patroni.retry_timeout=9"});
  const StudyMeasure rto = measure("direct.rto.mean");
  const StudyResult result = run_study(planned, {rto}, {.runs = 400});
  sim::PairedSample pairs;
  for (std::size_t run = 0; run < 400; ++run) {
    pairs.add(result.current.values[0][run], result.points[0].values[0][run]);
  }
  INFO("variance reduction " << pairs.variance_reduction().value_or(0) << ", difference "
                             << *result.points[0].differences[0].value / 1e9 << " s");
  CHECK(*pairs.variance_reduction() >= 5);
  CHECK(*result.points[0].differences[0].value / 1e9 == Approx(-1).margin(0.2));
}

TEST_CASE("what-if: a longer lease is a longer detection and nothing else", "[what-if]") {
  const StudyPlan planned = plan({"patroni.ttl=30,40"}, {"path=direct"});
  const StudyResult result = run_study(planned, {measure("rto.mean")}, {.runs = 200});
  const std::vector<Elasticity> all = elasticities(planned, result);
  REQUIRE(all.size() == 1);
  CHECK(all[0].path == "patroni.ttl");
  // Ten seconds more of a mean of about 35 s, for 10/35 of the setting.
  const double detection = all[0].by_stage[0].value;
  CHECK(detection == Approx(1).margin(0.25));
  double sum = 0;
  for (const sim::Estimate& stage : all[0].by_stage) sum += stage.value;
  CHECK(sum == Approx(all[0].whole.value).margin(1e-9));
  CHECK(all[0].whole.interval.contains(all[0].whole.value));
}

TEST_CASE("what-if: paths that nobody asks are not probed, and the others hear nothing of it",
          "[what-if]") {
  const auto summary = [](const std::vector<std::string>& settings) {
    const StudyPlan planned = plan({"patroni.ttl=30"}, settings);
    return run_study(planned, {measure("direct.rto.mean")}, {.runs = 20}).current.summary;
  };
  const Summary all = summary({"path=direct"});
  const Summary one = summary({"path=direct", "probe.paths=direct"});
  CHECK(all.paths().size() > 2);
  REQUIRE(one.paths().size() == 2);
  CHECK(one.paths().contains("database"));
  CHECK(std::abs(*all.rto().mean() - *one.rto().mean()) < 0.3e9);
  Diagnostics diagnostics;
  CHECK_FALSE(plan_study(node_loss, {"probe.paths=direct"}, {}, diagnostics));
  CHECK(diagnostics.text().find("nobody probes \"pgbouncer\", the path that is judged") !=
        std::string::npos);
}

TEST_CASE("what-if: what the scenarios ask by themselves can be asked") {
  const std::filesystem::path folder = PREDRILL_SOURCE_DIR "/scenarios/what-if";
  std::size_t asked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    CAPTURE(entry.path().string());
    Diagnostics diagnostics;
    const auto scenario = load_scenario(entry.path(), {}, diagnostics);
    REQUIRE(scenario);
    if (scenario->what_if.vary.empty()) continue;
    ++asked;
    std::string problem;
    std::vector<VaryAxis> axes;
    for (const std::string& text : scenario->what_if.vary) {
      auto axis = parse_axis(text, problem);
      INFO(text << ": " << problem);
      REQUIRE(axis);
      axes.push_back(std::move(*axis));
    }
    for (const std::string& text : scenario->what_if.measure) measure(text);
    if (!scenario->what_if.optimise.empty()) {
      CHECK(parse_goals(scenario->what_if.optimise, problem));
    }
    const auto planned = plan_study(entry.path(), {}, std::move(axes), diagnostics);
    INFO(diagnostics.text());
    REQUIRE(planned);
    CHECK_FALSE(planned->points.empty());
  }
  CHECK(asked >= 10);
}
