// Each rule is broken once on purpose, and kept once.
#include <catch2/catch.hpp>

#include "models/invariants.hpp"

using namespace predrill;
using namespace predrill::models;
using namespace std::chrono_literals;
using Key = InvariantChecker::KeyChange;
using Life = InvariantChecker::Life;

namespace {

sim::Time at(sim::Duration d) {
  return sim::Time{} + d;
}

PatroniConfig synchronous() {
  PatroniConfig config;
  config.synchronous_mode = true;
  return config;
}

/// Member 0 leads and writes.
InvariantChecker led(const PatroniConfig& config = {}) {
  InvariantChecker c(config);
  c.on_key(at(0s), 0, Key::created);
  c.on_timeline(at(1s), 0, 1, 2);
  c.on_names(at(1s), 0, only(1));
  c.on_writable(at(1s), 0, true);
  c.on_sync_key(at(2s), 0, only(1));
  c.on_cycle(at(9s), 0);
  c.on_cycle(at(20s), 0);
  REQUIRE(c.violations().empty());
  return c;
}

bool only_one(const InvariantChecker& c, Invariant invariant,
              Mechanism mechanism = Mechanism::none) {
  CAPTURE(c.violations().size(), to_text(invariant));
  for (const Violation& v : c.violations()) UNSCOPED_INFO(to_text(v.invariant));
  return c.violations().size() == 1 && c.violations()[0].invariant == invariant &&
         c.violations()[0].mechanism == mechanism &&
         c.unexplained() == (mechanism == Mechanism::none ? 1U : 0U);
}

AcknowledgedFlow flow(MemberId member, sim::Duration from, sim::Duration to, Branch branch,
                      std::uint64_t from_lsn, std::uint64_t to_lsn) {
  AcknowledgedFlow f;
  f.member = member;
  f.from = at(from);
  f.to = at(to);
  f.from_lsn = {from_lsn};
  f.to_lsn = {to_lsn};
  f.branch = branch;
  f.rows_per_kilosecond = 1000000;
  return f;
}

}  // namespace

TEST_CASE("invariants: an orderly failover breaks nothing") {
  InvariantChecker c = led();
  c.on_writable(at(100s), 0, false);
  c.on_key(at(110s), 0, Key::expired);
  c.on_key(at(112s), 1, Key::created);
  c.on_promote(at(112s), 1, {0});
  c.on_timeline(at(113s), 1, 2, 3);
  c.on_writable(at(113s), 1, true);
  c.on_rejoin(at(130s), 0, {500}, {500});
  CHECK(c.violations().empty());
}

TEST_CASE("invariants: I1, I2") {
  InvariantChecker c = led();
  SECTION("two holders") {
    c.on_key(at(3s), 1, Key::created);
    CHECK(only_one(c, Invariant::one_key_holder));
  }
  SECTION("before 3.1 a leader that lost its lease overwrites the key") {
    PatroniConfig old;
    old.version = PatroniVersion::v3_0_2;
    InvariantChecker d = led(old);
    d.on_key(at(3s), 1, Key::overwritten);
    CHECK(only_one(d, Invariant::one_key_holder, Mechanism::unconditional_reput));
  }
  SECTION("promotion without the key") {
    c.on_promote(at(3s), 1, {0});
    CHECK(only_one(c, Invariant::promotes_with_key));
  }
  SECTION("promotion by hand") {
    c.on_promote(at(3s), 1, {0}, true);
    CHECK(only_one(c, Invariant::promotes_with_key, Mechanism::manual));
  }
}

TEST_CASE("invariants: I3, two members acknowledge") {
  Ledger ledger;
  ledger.acknowledge(flow(0, 1s, 40s, 0, 0, 400));
  ledger.acknowledge(flow(1, 35s, 60s, 1, 400, 600));
  WalHistory history;
  history.fork({2, 1, {400}});
  InvariantChecker c = led();
  SECTION("unexplained") {
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {400});
    CHECK(only_one(c, Invariant::one_writer));
  }
  SECTION("Patroni was dead") {
    c.on_patroni(at(5s), 0, Life::dead);
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {400});
    CHECK(only_one(c, Invariant::one_writer, Mechanism::patroni_dead));
  }
}

TEST_CASE("invariants: I4, I12, timelines") {
  InvariantChecker c = led();
  SECTION("one timeline twice") {
    c.on_timeline(at(3s), 1, 1, 2);
    CHECK(only_one(c, Invariant::own_timeline));
  }
  SECTION("twice because nobody could read the history") {
    c.on_timeline(at(3s), 1, 1, 2, false);
    CHECK(only_one(c, Invariant::own_timeline, Mechanism::history_lost));
  }
  SECTION("back") {
    c.on_timeline(at(3s), 1, 4, 5);
    c.on_timeline(at(4s), 0, 2, 3);
    CHECK(only_one(c, Invariant::timeline_grows));
  }
  SECTION("back on a replica without check_timeline") {
    c.on_timeline(at(3s), 1, 4, 5);
    c.on_timeline(at(4s), 2, 2, 3);
    CHECK(only_one(c, Invariant::timeline_grows, Mechanism::timeline_unchecked));
  }
}

TEST_CASE("invariants: I5, I6, what was acknowledged survives") {
  Ledger ledger;
  ledger.acknowledge(flow(0, 1s, 40s, 0, 0, 400));
  WalHistory history;
  history.fork({2, 1, {300}});
  SECTION("synchronous") {
    InvariantChecker c = led(synchronous());
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {300});
    CHECK(only_one(c, Invariant::synchronous_survives));
  }
  SECTION("synchronous, names emptied by the start of Patroni") {
    InvariantChecker c = led(synchronous());
    c.on_sync_key(at(3s), 1, 0);
    c.on_names(at(30s), 0, 0, true);
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {300});
    CHECK(only_one(c, Invariant::synchronous_survives, Mechanism::names_reset));
  }
  SECTION("asynchronous, within what was not received") {
    InvariantChecker c = led();
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {300});
    CHECK(only_one(c, Invariant::synchronous_survives, Mechanism::asynchronous));
  }
  SECTION("asynchronous, but more is gone") {
    InvariantChecker c = led();
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {350});
    REQUIRE(c.violations().size() == 2);
    CHECK(c.violations()[0].mechanism == Mechanism::asynchronous);
    CHECK(c.violations()[1].invariant == Invariant::loss_bounded);
    CHECK(c.unexplained() == 1);
  }
  SECTION("synchronous, but the writers do not wait") {
    InvariantChecker c(synchronous(), false);
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {300});
    CHECK(only_one(c, Invariant::synchronous_survives, Mechanism::asynchronous));
  }
  SECTION("names that were empty too late explain nothing") {
    InvariantChecker c = led(synchronous());
    c.on_sync_key(at(3s), 1, 0);
    c.on_names(at(35s), 0, 0);
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {300});
    CHECK(only_one(c, Invariant::synchronous_survives));
  }
  SECTION("names that were empty when all of it was acknowledged explain it") {
    InvariantChecker c = led(synchronous());
    c.on_sync_key(at(3s), 1, 0);
    c.on_names(at(20s), 0, 0);
    c.finish(at(60s), ledger, 1, history, {600}, {400}, {300});
    CHECK(only_one(c, Invariant::synchronous_survives, Mechanism::names_empty));
  }
}

TEST_CASE("invariants: I7, I8, synchronous bookkeeping") {
  InvariantChecker c = led(synchronous());
  SECTION("/sync lists a member that is not named") {
    c.on_sync_key(at(3s), 0, only(1) | only(2));
    CHECK(only_one(c, Invariant::sync_key_is_true));
  }
  SECTION("names go before /sync does") {
    c.on_names(at(3s), 0, only(2));
    CHECK(only_one(c, Invariant::sync_key_is_true));
  }
  SECTION("names reset by the start of Patroni") {
    c.on_names(at(3s), 0, 0, true);
    CHECK(only_one(c, Invariant::sync_key_is_true, Mechanism::names_reset));
  }
  SECTION("a member outside /sync is promoted") {
    c.on_writable(at(3s), 0, false);
    c.on_key(at(4s), 0, Key::deleted);
    c.on_key(at(4s), 2, Key::created);
    c.on_promote(at(5s), 2, {0});
    CHECK(only_one(c, Invariant::sync_member_promotes));
  }
}

TEST_CASE("invariants: I9, I10, the key and the right to write") {
  InvariantChecker c = led();
  SECTION("the key expires under a writer") {
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry));
  }
  SECTION("it was stopped") {
    c.on_patroni(at(10s), 0, Life::frozen);
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry, Mechanism::frozen));
  }
  SECTION("somebody takes the key although failsafe mode keeps the leader") {
    c.on_failsafe(at(20s), 0, true);
    c.on_key(at(40s), 0, Key::expired);
    c.on_key(at(42s), 1, Key::created);
    REQUIRE(c.violations().size() == 2);
    CHECK(c.violations()[0].mechanism == Mechanism::failsafe);
    CHECK(c.violations()[1].invariant == Invariant::failsafe_alone);
    CHECK(c.unexplained() == 1);
  }
}

TEST_CASE("invariants: I9, the demotion waited for its thread") {
  InvariantChecker c = led();
  c.on_demotion(0);
  SECTION("past the end of the lease") {
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry, Mechanism::demotion_waits));
  }
  SECTION("it had been carried out, and the member led again") {
    c.on_writable(at(20s), 0, false);
    c.on_writable(at(25s), 0, true);
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry));
  }
}

TEST_CASE("invariants: I9, when the cycle before the end of the lease began") {
  // ttl 30 s, loop_wait 10 s: the lease that expires at 40 s was renewed at 10 s.
  InvariantChecker c = led();
  SECTION("before the renewal: it has waited for other requests since") {
    c.on_cycle(at(9950ms), 0);
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry, Mechanism::cycle_overran));
  }
  SECTION("in time: it should have demoted") {
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry));
  }
  SECTION("one after the other: one of them should have") {
    c.on_cycle(at(30s), 0);
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry));
  }
  SECTION("late: the one before it had waited") {
    c.on_cycle(at(9950ms), 0);
    c.on_cycle(at(30s), 0);
    c.on_key(at(40s), 0, Key::expired);
    CHECK(only_one(c, Invariant::stops_before_expiry, Mechanism::cycle_overran));
  }
}

TEST_CASE("invariants: I11, a laggard wins") {
  InvariantChecker c = led();
  c.on_status({10000000});
  c.on_writable(at(3s), 0, false);
  c.on_key(at(4s), 0, Key::deleted);
  c.on_key(at(5s), 1, Key::created);
  SECTION("within the limit") {
    c.on_promote(at(5s), 1, {10000000 - 1048576});
    CHECK(c.violations().empty());
  }
  SECTION("beyond it") {
    c.on_promote(at(5s), 1, {10000000 - 1048577});
    CHECK(only_one(c, Invariant::laggard_stays));
  }
}

TEST_CASE("invariants: I13, I14, I16") {
  InvariantChecker c = led();
  SECTION("a rejoin that keeps too much") {
    c.on_rejoin(at(9s), 1, {500}, {600});
    CHECK(only_one(c, Invariant::rejoin_exact));
  }
  SECTION("half a transaction") {
    c.on_transaction(at(9s), 1, 3, 3);
    c.on_transaction(at(9s), 1, 3, 0);
    CHECK(c.violations().empty());
    c.on_transaction(at(9s), 1, 3, 2);
    CHECK(only_one(c, Invariant::atomic));
  }
  SECTION("an acknowledged transaction that nobody knows of") {
    c.on_transaction(at(9s), 1, 1, 0, true);
    CHECK(only_one(c, Invariant::atomic));
  }
  SECTION("a read that goes back") {
    c.on_read(at(9s), 1, {500});
    c.on_read(at(9s), 1, {500});
    c.on_read(at(10s), 2, {400});
    CHECK(c.violations().empty());
    c.on_read(at(11s), 1, {499});
    CHECK(only_one(c, Invariant::reads_go_forward));
  }
  SECTION("a read after a rewind") {
    c.on_read(at(9s), 1, {500});
    c.on_rejoin(at(10s), 1, {450}, {450});
    c.on_read(at(11s), 1, {450});
    CHECK(only_one(c, Invariant::reads_go_forward, Mechanism::rewound));
  }
}

TEST_CASE("invariants: I15, no leader for too long") {
  InvariantChecker c = led();
  c.on_writable(at(10s), 0, false);
  SECTION("30 + 0.5 + 2 + 10 + 2 s are allowed") {
    c.on_writable(at(54s), 1, true);
    CHECK(c.violations().empty());
  }
  SECTION("more are not") {
    c.on_writable(at(55s), 1, true);
    CHECK(only_one(c, Invariant::leader_in_time));
  }
  SECTION("a leader that was found in time may replay for long") {
    c.on_key(at(53s), 0, Key::deleted);
    c.on_key(at(53s), 1, Key::created);
    c.on_promote(at(54s), 1, Lsn{});
    c.on_writable(at(90s), 1, true);
    CHECK(c.violations().empty());
  }
  SECTION("unless there were vetoes") {
    c.on_veto();
    c.on_writable(at(65s), 1, true);
    CHECK(only_one(c, Invariant::leader_in_time, Mechanism::vetoed));
  }
  SECTION("or nobody could lead") {
    c.on_candidates(at(11s), false);
    c.on_writable(at(300s), 1, true);
    CHECK(c.violations().empty());
  }
  SECTION("time without a candidate does not count") {
    c.on_candidates(at(11s), false);
    c.on_candidates(at(200s), true);
    c.on_writable(at(244s), 1, true);
    CHECK(c.violations().empty());
  }
  SECTION("but the time after it does") {
    c.on_candidates(at(11s), false);
    c.on_candidates(at(200s), true);
    c.on_writable(at(245s), 1, true);
    CHECK(only_one(c, Invariant::leader_in_time));
  }
  SECTION("never at all") {
    c.finish(at(300s), Ledger{}, nobody, WalHistory{}, {}, {}, {});
    CHECK(only_one(c, Invariant::leader_in_time));
  }
}
