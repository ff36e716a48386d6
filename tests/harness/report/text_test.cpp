// Golden texts: what a person sees, letter by letter.
#include "harness/report/text.hpp"

#include <catch2/catch.hpp>

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;
using sim::Duration;

namespace {

const TextStyle plain{.width = 100};

RunMeasures node_loss() {
  RunMeasures r;
  r.seed = 17;
  r.fault = 60s;
  PathRun pgbouncer;
  pgbouncer.name = "pgbouncer";
  pgbouncer.measures.outages = {{59900ms, 87400ms, false}, {90s, 92s, false}};
  pgbouncer.measures.rto = 32s;
  pgbouncer.measures.downtime = 29400ms;
  pgbouncer.errors = {{"57P01", 12, 3}, {"timeout", 20500, 20500}};
  PathRun read;
  read.name = "read:db-1";
  PathRun direct;
  direct.name = "direct";
  direct.measures.outages = {{59950ms, 360s, true}};
  direct.measures.rto = 300s;
  direct.measures.downtime = 300s;
  direct.measures.censored = true;
  direct.errors = {{"refused", 1, 1}};
  r.paths = {pgbouncer, read, direct};
  r.stages_of_path = {20s, 4s, 1s, 3s, 3500ms, 500ms};
  r.loss = {42, 1536, 350ms};
  r.dual_writers = {1200ms, 17};
  return r;
}

// 81 runs from 26 to 34 s, 19 from 3.9 to 5.7 s.
Summary two_modes() {
  Summary summary;
  for (std::uint64_t i = 0; i < 100; ++i) {
    RunMeasures r;
    r.seed = i;
    r.fault = 60s;
    r.paths.resize(2);
    r.paths[0].name = "pgbouncer";
    r.paths[0].measures.rto = i < 81 ? 26s + i * 100ms : 3900ms + (i - 81) * 100ms;
    r.paths[0].measures.downtime = r.paths[0].measures.rto;
    if (i % 2 == 0) r.paths[0].errors = {{"57P01", i, 1}};
    r.paths[1].name = "direct";
    r.paths[1].measures.rto = 300s;
    r.paths[1].measures.downtime = 300s;
    r.paths[1].measures.censored = true;
    r.stages_of_path[0] = r.paths[0].measures.rto * 3 / 4;
    r.stages_of_path[1] = r.paths[0].measures.rto / 4;
    r.loss.rows = i == 5 ? 3 : 0;
    r.loss.age = i == 5 ? 250ms : 0ms;
    r.new_primary = "db-1";
    r.milestones = {{"key_expired", r.stages_of_path[0]}};
    if (i < 90) r.milestones.push_back({"rejoined", 100s + i * 1s});
    if (i >= 98) r.violations = {{"a synchronous commit was lost", false}};
    summary.add(r);
  }
  return summary;
}

}  // namespace

TEST_CASE("text: a timeline folds what repeats", "[report]") {
  const std::vector<TimelineEntry> timeline = {
      {0s, "fault", "node_loss on user-profile-db-0"},
      {1200ms, "pgbouncer", "login failed"},
      {2200ms, "pgbouncer", "login failed"},
      {3200ms, "pgbouncer", "login failed"},
      {27412345us, "patroni/user-profile-db-1", "promoted itself to leader by acquiring the key"},
  };
  CHECK(timeline_text(timeline, {.width = 80}) ==
        "since fault [s]  component                  event\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "              0  fault                      node_loss on user-profile-db-0\n"
        "         +1.200  pgbouncer                  login failed (3 times, the last at\n"
        "                                            +3.200)\n"
        "        +27.412  patroni/user-profile-db-1  promoted itself to leader by\n"
        "                                            acquiring the key\n");
  CHECK(timeline_text({}, plain).empty());
}

TEST_CASE("text: outages, stages, RPO and errors of one run", "[report]") {
  const RunMeasures run = node_loss();
  CHECK(outages_text(run, plain) ==
        "path       from [s]   to [s]   outage  downtime      RTO\n"
        "────────────────────────────────────────────────────────\n"
        "pgbouncer    -0.100  +27.400   27.5 s    29.4 s     32 s\n"
        "            +30.000  +32.000      2 s\n"
        "read:db-1                        none       0 s      0 s\n"
        "direct       -0.050     open  ≥ 5 min   ≥ 5 min  ≥ 5 min\n");
  CHECK(stages_text(run, "pgbouncer", plain) ==
        "RTO of pgbouncer: 32 s\n"
        "  stage         seconds  share\n"
        "  ─────────────────────────────────────────────────\n"
        "  detection      20.000   63 %  ███████████████████\n"
        "  election        4.000   12 %  ████\n"
        "  promotion       1.000    3 %  █\n"
        "  routing         3.000    9 %  ███\n"
        "  reconnection    3.500   11 %  ███\n"
        "  first_commit    0.500    2 %\n");
  CHECK(
      rpo_text(run, plain) ==
      "RPO: 42 rows, 1.5 KiB of WAL, the oldest acknowledged 350 ms before the fault; two members\n"
      "acknowledged writes for 1.2 s (17 writes)\n");
  CHECK(errors_text(run, plain) ==
        "path       error    attempts  not retried\n"
        "─────────────────────────────────────────\n"
        "pgbouncer  57P01          12            3\n"
        "           timeout    20,500       20,500\n"
        "direct     refused         1            1\n");
}

TEST_CASE("text: pools", "[report]") {
  RunMeasures run;
  run.pool = {{-20s, 1, 1, 1, 1}, {-1s, 10, 0, 4, 36}, {0s, 10, 0, 4, 36},
              {1s, 4, 6, 40, 0},  {2s, 0, 60, 0, 0},   {90s, 10, 0, 4, 36}};
  CHECK(pool_text(run, plain) ==
        "since fault [s]  cl_active  cl_waiting  sv_active  sv_idle\n"
        "──────────────────────────────────────────────────────────\n"
        "           -1.0         10           0          4       36\n"
        "           +1.0          4           6         40        0\n"
        "           +2.0          0          60          0        0\n");
  CHECK(pool_text(run, plain, 2) ==
        "since fault [s]  cl_active  cl_waiting  sv_active  sv_idle\n"
        "──────────────────────────────────────────────────────────\n"
        "           -1.0         10           0          4       36\n"
        "           +2.0          0          60          0        0\n");
}

TEST_CASE("text: many runs", "[report]") {
  CHECK(
      distribution_text(two_modes(), plain) ==
      "100 runs; times in seconds, 95 % intervals in brackets\n"
      "path                      RTO p50                     p95      p99      max  downtime p50\n"
      "─────────────────────────────────────────────────────────────────────────────────────────\n"
      "pgbouncer       29.0 [28.0, 30.0]       33.5 [33.1, 34.0]     33.9     34.0          29.0\n"
      "direct     ≥ 300.0 [300.0, 300.0]  ≥ 300.0 [300.0, 300.0]  ≥ 300.0  ≥ 300.0         300.0\n"
      "two modes: 81 % [72, 87] at 26.0–34.0 s (--seed 40), 19 % [13, 28] at 3.9–5.7 s (--seed "
      "90)\n"
      "the longest: --seed 80\n"
      "\n"
      "stages of pgbouncer, means in seconds\n"
      "  stage         mean  share\n"
      "  ──────────────────────────────────────────────────\n"
      "  detection     18.9   75 %  ███████████████████████\n"
      "  election       6.3   25 %  ███████\n"
      "  promotion        0    0 %\n"
      "  routing          0    0 %\n"
      "  reconnection     0    0 %\n"
      "  first_commit     0    0 %\n"
      "\n"
      "RPO: rows p50 0, p99 0, max 3; age of the oldest p50 0 s, max 250 ms\n"
      "failover in 100 % [96, 100] of the runs\n"
      "\n"
      "path       error  per run p50  max\n"
      "──────────────────────────────────\n"
      "pgbouncer  57P01            0   98\n"
      "VIOLATED: a synchronous commit was lost (2 of 100 runs, --seed 98, 99)\n");
}

TEST_CASE("text: a rehearsal", "[report]") {
  const Summary summary = two_modes();
  const std::vector<RehearsalRow> rows = {
      {"node_loss", &summary, "ttl 30s", Verdict::missed},
      {"pod_delete", &summary, "", Verdict::met},
  };
  CHECK(rehearsal_text(rows, {.width = 120}) ==
        "fault       RTO p50   p95   p99   max  down p50  lost p50  max  errors  dominated by      "
        "       verdict\n"
        "──────────────────────────────────────────────────────────────────────────────────────────"
        "──────────────\n"
        "node_loss      29.0  33.5  33.9  34.0      29.0         0    3       0  detection 75 %: "
        "ttl 30s  MISSED\n"
        "pod_delete     29.0  33.5  33.9  34.0      29.0         0    3       0  detection 75 %    "
        "       MET\n"
        "RTO and downtime in seconds; lost: acknowledged rows; errors: median per run that the "
        "client did not retry.\n");
}

TEST_CASE("text: why a rehearsal is undecided, once for all faults with the reason", "[report]") {
  const Summary summary = two_modes();
  Judgement few;
  few.objective.measure = "rto";
  few.reason = "100 runs are too few";
  Judgement met = few;
  met.verdict = Verdict::met;
  const std::vector<RehearsalRow> rows = {
      {"node_loss", &summary, "", Verdict::undecided, {few, met}},
      {"freeze", &summary, "", Verdict::met, {met}},
      {"pod_delete", &summary, "", Verdict::undecided, {few}},
  };
  CHECK(undecided_text(rows, plain) == "node_loss, pod_delete: rto 100 runs are too few\n");
  CHECK(undecided_text(std::span(rows).subspan(1, 1), plain).empty());
}

TEST_CASE("text: verdicts", "[report]") {
  const Summary summary = two_modes();
  const std::vector<Judgement> judgements = {judge({"rto", 0.5, 40}, summary),
                                             judge({"rpo.rows", 1, 0}, summary)};
  CHECK(verdict_text(judgements, overall(judgements, summary), plain) ==
        "MET     rto       p50 is 29.0 s [28.0, 30.0], bound 40 s\n"
        "MISSED  rpo.rows  beyond 0 rows in 1 of 100 runs, the worst with 3 rows\n"
        "verdict: MISSED\n");
}

TEST_CASE("text: an observed incident beside the simulated one", "[report]") {
  std::vector<Observed> observed(3);
  observed[0].at = 0s;
  observed[0].event = "SIGTERM to the primary's pod";
  observed[1].at = 4200ms;
  observed[1].event = "leader key free";
  observed[1].matches = "key_expired";
  observed[1].remark = "only because the pod had time to give the key up";
  observed[2].at = 130s;
  observed[2].event = "old primary follows";
  observed[2].matches = "rejoined";
  CHECK(observed_text(observed, two_modes(), plain) ==
        "logged [s]  event                             simulated [s]  difference  remark\n"
        "──────────────────────────────────────────────────────────────────────────────────────────"
        "──────────\n"
        "         0  SIGTERM to the primary's\n"
        "            pod\n"
        "      +4.2  leader key free                 21.8 [3.2–25.1]       -17.6  only because the "
        "pod had\n"
        "                                                                         time to give the "
        "key up\n"
        "    +130.0  old primary follows         144.0 [104.0–185.0]       -14.0  simulated in 90 "
        "of 100 runs\n"
        "Simulated: median [p5–p95]; difference: logged minus simulated.\n");
}
