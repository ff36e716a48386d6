// Recoveries against objectives: which disasters of a handbook hold, what archiving loses, what a
// killed repack leaves, what a switchover and the way back cost.
#include "harness/recovery/recovery.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "harness/report/table.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

RecoverySpec load(const std::string& name, const std::vector<std::string>& settings = {}) {
  Diagnostics diagnostics;
  auto spec = load_recovery(PREDRILL_SOURCE_DIR "/scenarios/incidents/" + name + ".json", settings,
                            diagnostics);
  INFO(diagnostics.text());
  REQUIRE(diagnostics.empty());
  REQUIRE(spec.has_value());
  return std::move(*spec);
}

RecoveryCaseResult result_of(const RecoverySpec& spec, const std::string& name,
                             std::size_t count = 200) {
  RecoveryCaseResult result;
  for (const RecoveryCase& one : spec.cases) {
    if (one.name != name) continue;
    result.of = &one;
    for (std::size_t i = 0; i < count; ++i) result.runs.push_back(run_recovery(one, i + 1));
  }
  REQUIRE(result.of != nullptr);
  return result;
}

bool case_holds(const RecoverySpec& spec, const std::string& name) {
  return holds(spec, result_of(spec, name));
}

sim::Duration largest(const RecoveryCaseResult& result, sim::Duration RecoveryOutcome::*member) {
  sim::Duration most{};
  for (const RecoveryOutcome& run : result.runs) most = std::max(most, run.*member);
  return most;
}

}  // namespace

TEST_CASE("recovery: RTO 30 min and RPO 5 min hold for some disasters only", "[recovery]") {
  const RecoverySpec spec = load("rds-recovery-prj-sde-001");
  CHECK(spec.rto == 30min);
  CHECK(case_holds(spec, "instance fails, Multi-AZ"));
  CHECK(case_holds(spec, "Availability Zone lost"));
  CHECK(case_holds(spec, "terraform destroy, deletion_protection on"));
  CHECK_FALSE(case_holds(spec, "data destroyed, as the handbook says: latest snapshot"));
  CHECK_FALSE(case_holds(spec, "region lost, nothing copied"));
  CHECK_FALSE(case_holds(spec, "terraform destroy, last manual snapshot"));
  // The point in time meets the RPO always, the RTO unless people take long.
  const auto pitr = result_of(spec, "data destroyed, point-in-time recovery");
  CHECK(pitr.within_rpo(spec.rpo) == pitr.runs.size());
  CHECK(pitr.within_rto(spec.rto) > pitr.runs.size() / 2);
  CHECK(pitr.within_rto(spec.rto) < pitr.runs.size());
}

TEST_CASE("recovery: continuous archiving is no RPO of zero", "[recovery]") {
  const RecoverySpec spec = load("wal-g-restore-user-profile-db");
  const auto busy = result_of(spec, "disk and standbys lost, busy");
  CHECK(busy.within_rpo(0s) == 0);
  CHECK(largest(busy, &RecoveryOutcome::rpo) <= 36s);
  const auto quiet = result_of(spec, "disk and standbys lost, quiet hours", 100);
  CHECK(largest(quiet, &RecoveryOutcome::rpo) > 25min);
  CHECK(largest(quiet, &RecoveryOutcome::rpo) <= 30min + 2s);
}

TEST_CASE("recovery: a primary killed in the middle of a repack", "[recovery]") {
  const RecoverySpec spec = load("wal-g-restore-user-profile-db");
  const auto usual = result_of(spec, "disk and standbys lost, busy", 60);
  const auto killed = result_of(spec, "primary killed in the middle of the repack", 60);
  std::size_t with_leftovers = 0;
  double wal = 0;
  for (const RecoveryOutcome& run : killed.runs) {
    if (!run.left.empty()) ++with_leftovers;
    if (!run.left.empty()) CHECK_THAT(run.left, Catch::Contains("log table"));
    wal = std::max(wal, run.extra_wal);
  }
  CHECK(with_leftovers > 50);
  CHECK(wal > 120e9);
  CHECK(wal < 170e9);
  CHECK(largest(killed, &RecoveryOutcome::rto) > largest(usual, &RecoveryOutcome::rto) + 15min);
  // The swap waits for a report; whoever comes later waits behind it, at most the wait-timeout.
  CHECK(largest(killed, &RecoveryOutcome::stall) <= 61s);
}

TEST_CASE("recovery: switchover, its guardrail, and the way back", "[recovery]") {
  const RecoverySpec spec = load("blue-green-orders");
  CHECK(case_holds(spec, "managed, replication caught up"));
  const auto backlog = result_of(spec, "managed, 890 MiB not applied");
  CHECK(largest(backlog, &RecoveryOutcome::read_only) > 50s);
  const auto refused = result_of(spec, "managed, long transaction on blue", 10);
  CHECK_THAT(refused.runs.front().refused, Catch::Contains("long-running"));
  const auto planned = result_of(spec, "by hand, as planned: read-only T-5 to T+2", 20);
  CHECK(planned.runs.front().read_only == 7min);
  const auto back = result_of(spec, "by hand, back after an hour", 20);
  CHECK(back.runs.front().lost_rows > 22167);
  CHECK(back.runs.front().rpo > 1h);
  CHECK(back.runs.front().rpo < 1h + 6min);  // five of them to decide
  const auto mirrored = result_of(spec, "by hand, back after an hour, replicated back", 20);
  CHECK(mirrored.runs.front().lost_rows == 0);
}

TEST_CASE("recovery: a publisher of its own is refused by validation", "[recovery]") {
  Diagnostics diagnostics;
  const std::vector<std::string> settings = {
      "recovery.cases[0].blue_green.own_logical_publisher=true"};
  const auto spec = load_recovery(PREDRILL_SOURCE_DIR "/scenarios/incidents/blue-green-orders.json",
                                  settings, diagnostics);
  CHECK_FALSE(spec.has_value());
  CHECK_THAT(diagnostics.text(), Catch::Contains("self-managed logical publisher"));
}

TEST_CASE("recovery: the same seed gives the same recovery", "[recovery]") {
  const RecoverySpec spec = load("wal-g-restore-user-profile-db");
  for (const RecoveryCase& one : spec.cases) {
    const RecoveryOutcome first = run_recovery(one, 5);
    const RecoveryOutcome again = run_recovery(one, 5);
    CHECK(first.rto == again.rto);
    CHECK(first.rpo == again.rpo);
    CHECK(first.left == again.left);
  }
}
