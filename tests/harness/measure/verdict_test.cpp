#include "harness/measure/verdict.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
using sim::Duration;

namespace {

const Objective rto_p99{"rto", 0.99, 10};
const Objective no_rows{"rpo.rows", 1, 0};

void add(Summary& summary, Duration rto, bool censored = false, std::uint64_t rows = 0) {
  RunMeasures r;
  r.seed = static_cast<std::uint64_t>(summary.runs());
  r.fault = 60s;
  r.paths.resize(1);
  r.paths[0].name = "pgbouncer";
  r.paths[0].measures.rto = rto;
  r.paths[0].measures.censored = censored;
  r.loss.rows = rows;
  summary.add(r);
}

Summary of(int n, Duration rto) {
  Summary summary;
  for (int i = 0; i < n; ++i) add(summary, rto);
  return summary;
}

}  // namespace

TEST_CASE("verdict: one run speaks for itself alone", "[measure]") {
  const Judgement met = judge(rto_p99, of(1, 4200ms));
  CHECK(met.verdict == Verdict::met);
  CHECK(met.single_run);
  CHECK(met.value == 4.2);
  CHECK(met.reason == "4.2 s in this run, bound 10 s");
  CHECK(judge(rto_p99, of(1, 27s)).verdict == Verdict::missed);
  Summary censored;
  add(censored, 5s, true);
  CHECK(judge(rto_p99, censored).verdict == Verdict::undecided);
  Summary late;
  add(late, 300s, true);
  CHECK(judge(rto_p99, late).verdict == Verdict::missed);
}

TEST_CASE("verdict: 299 runs bound a p99, 298 do not", "[measure]") {
  CHECK(judge(rto_p99, of(299, 4s)).verdict == Verdict::met);
  const Judgement few = judge(rto_p99, of(298, 4s));
  CHECK(few.verdict == Verdict::undecided);
  CHECK(few.reason == "298 runs cannot bound the p99; it takes 299");
  // Two runs beyond the bound are evidence enough that more than 1 % are.
  CHECK(judge(rto_p99, of(2, 12s)).verdict == Verdict::missed);
  CHECK(judge(rto_p99, of(1000, 12s)).verdict == Verdict::missed);
}

TEST_CASE("verdict: an interval that straddles the bound decides nothing", "[measure]") {
  Summary summary = of(990, 4s);
  for (int i = 0; i < 10; ++i) add(summary, 12s);
  CHECK(judge(rto_p99, summary).verdict == Verdict::undecided);
  for (int i = 0; i < 20; ++i) add(summary, 12s);
  CHECK(judge(rto_p99, summary).verdict == Verdict::missed);
}

TEST_CASE("verdict: downtime and every form of loss are judged", "[measure]") {
  const auto summary_of = [](bool censored) {
    Summary summary;
    for (std::uint64_t seed = 0; seed < 299; ++seed) {
      RunMeasures r;
      r.seed = seed;
      r.fault = 60s;
      r.paths.resize(1);
      r.paths[0].name = "pgbouncer";
      r.paths[0].measures.rto = 4s;
      r.paths[0].measures.downtime = 9s;  // two outages
      r.paths[0].measures.censored = censored && seed < 5;
      r.loss = {3, 700, 2s};
      summary.add(r);
    }
    return summary;
  };
  const Summary all = summary_of(false);
  CHECK(judge({"downtime", 0.99, 10}, all).verdict == Verdict::met);
  const Judgement missed = judge({"downtime", 0.99, 8}, all);
  CHECK(missed.verdict == Verdict::missed);
  CHECK(missed.reason == "p99 is 9.00 s [9.00, 9.00], bound 8 s");
  // What was still open when the run ended may have taken any time.
  CHECK(judge({"downtime", 0.99, 10}, summary_of(true)).verdict == Verdict::undecided);
  CHECK(judge({"rpo.bytes", 1, 700}, all).verdict == Verdict::met);
  CHECK(judge({"rpo.bytes", 1, 699}, all).reason ==
        "beyond 699 bytes in 299 of 299 runs, the worst with 700 bytes");
  CHECK(judge({"rpo.seconds", 1, 2}, all).verdict == Verdict::met);
  CHECK(judge({"rpo.seconds", 1, 1}, all).verdict == Verdict::missed);
}

TEST_CASE("verdict: a wrong one is as rare as promised", "[measure]") {
  // RTO uniform on [0, 1): the true p95 is 0.95 s. A bound just below it is missed in truth, one
  // just above it is met.
  const std::uint32_t seed = 20251009;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr int trials = 1000;
  int wrongly_met = 0;
  int wrongly_missed = 0;
  for (int i = 0; i < trials; ++i) {
    Summary summary;
    const int n = 50 + 10 * (i % 20);
    for (int k = 0; k < n; ++k) add(summary, Duration(random() % 1'000'000'000));
    wrongly_met += judge({"rto", 0.95, 0.9499999}, summary).verdict == Verdict::met ? 1 : 0;
    wrongly_missed += judge({"rto", 0.95, 0.9500001}, summary).verdict == Verdict::missed ? 1 : 0;
  }
  // At most 5 % each; four standard errors are 2.8 %.
  CHECK(wrongly_met <= 78);
  CHECK(wrongly_missed <= 78);
  CHECK(wrongly_met + wrongly_missed > 0);
}

TEST_CASE("verdict: censored runs never help", "[measure]") {
  Summary summary = of(1000, 4s);
  for (int i = 0; i < 30; ++i) add(summary, 5s, true);  // at least 5 s, maybe more than 10 s
  const Judgement judgement = judge(rto_p99, summary);
  CHECK(judgement.verdict == Verdict::undecided);
  CHECK(judgement.reason == "p99 is 5.0 s [5.0, never], bound 10 s");
}

TEST_CASE("verdict: never means in no run", "[measure]") {
  CHECK(judge(no_rows, of(299, 4s)).verdict == Verdict::met);
  CHECK(judge(no_rows, of(299, 4s)).reason ==
        "within 0 rows in all of 299 runs; at most 1.0 % of all are not (95 %)");
  CHECK(judge(no_rows, of(298, 4s)).verdict == Verdict::undecided);
  Summary summary = of(999, 4s);
  add(summary, 4s, false, 12);
  CHECK(judge(no_rows, summary).verdict == Verdict::missed);
  CHECK(judge(no_rows, summary).reason ==
        "beyond 0 rows in 1 of 1000 runs, the worst with 12 rows");
}

TEST_CASE("verdict: of drills, never means in none of these", "[measure]") {
  const Objective worst{"rto", 1, 60};
  CHECK(judge(worst, of(3, 28s)).verdict == Verdict::undecided);
  CHECK(judge_drills(worst, of(3, 28s)).verdict == Verdict::met);
  // 1 - 0.05^(1/3)
  CHECK(judge_drills(worst, of(3, 28s)).reason ==
        "within 60 s in all of 3 drills; up to 63.2 % of all failovers may be beyond it (95 %)");
  Summary summary = of(3, 28s);
  add(summary, 61s, false);
  CHECK(judge_drills(worst, summary).verdict == Verdict::missed);
  CHECK(judge_drills(worst, of(0, 28s)).verdict == Verdict::undecided);
  Summary censored = of(3, 28s);
  add(censored, 30s, true);
  CHECK(judge_drills(worst, censored).verdict == Verdict::undecided);
  CHECK(judge_drills(rto_p99, of(3, 9s)).verdict == Verdict::undecided);
}

TEST_CASE("verdict: a fault that did not strike proves nothing", "[measure]") {
  Summary summary = of(300, 4s);
  RunMeasures idle;
  summary.add(idle);
  CHECK(judge(rto_p99, summary).verdict == Verdict::undecided);
  Summary none;
  none.add(idle);
  CHECK(judge(rto_p99, none).reason == "no fault struck");
  CHECK(overall({}, none) == Verdict::undecided);
  CHECK(judge({"latency", 0.5, 1}, summary).reason == "there is no measure latency");
}

TEST_CASE("verdict: of all objectives", "[measure]") {
  Summary summary = of(300, 4s);
  std::vector<Judgement> judgements(2);
  judgements[0].verdict = Verdict::met;
  judgements[1].verdict = Verdict::met;
  CHECK(overall(judgements, summary) == Verdict::met);
  CHECK(overall({}, summary) == Verdict::met);
  judgements[1].verdict = Verdict::undecided;
  CHECK(overall(judgements, summary) == Verdict::undecided);
  judgements[0].verdict = Verdict::missed;
  CHECK(overall(judgements, summary) == Verdict::missed);
  RunMeasures violated;
  violated.fault = 0s;
  violated.violations = {{"two primaries on one timeline", false}};
  summary.add(violated);
  CHECK(overall({}, summary) == Verdict::missed);
}
