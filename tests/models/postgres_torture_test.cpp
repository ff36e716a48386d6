// Random faults and random orders to three servers: whatever happens, positions stay in order,
// nothing that a synchronous standby confirmed is lost with it, and nobody trips.
#include "tests/models/postgres_lab.hpp"

using namespace predrill::models;
using namespace predrill::models::testing;

namespace {

struct Torture {
  explicit Torture(std::uint64_t seed) : lab({}, PostgresTimings{}, seed) {
    lab.start_cluster_slowly();
    for (auto& m : lab.members) m->server.set_slots(0x7);
    lab.load(500, 2000);
    for (MemberId id = 1; id < 3; ++id) lab.server(id).set_background(lab.server(0).background());
  }

  MemberId any() { return static_cast<MemberId>(dice.below(3)); }

  void step() {
    const MemberId id = any();
    PostgresServer& server = lab.server(id);
    Host& host = lab.host(id);
    switch (dice.below(20)) {
      case 0:
        server.kill_postmaster(dice.chance(0.3));
        break;
      case 1:
        if (dice.chance(0.3)) host.crash();
        break;
      case 2:
      case 3:
      case 4:
        if (!host.up()) host.restart();
        break;
      case 5:
        host.freeze();
        break;
      case 6:
      case 7:
        host.thaw();
        break;
      case 8:
        cuts.push_back(lab.sim.network().cut(
            {&host}, {&lab.host(any())},
            dice.chance(0.5) ? predrill::sim::Direction::both : predrill::sim::Direction::forward));
        break;
      case 9:
      case 10:
        for (const auto cut : cuts) lab.sim.network().heal(cut);
        cuts.clear();
        break;
      case 11:
        server.promote();
        break;
      case 12:
      case 13:
        server.start(StartAs::standby, any());
        break;
      case 14:
        server.start(server.standby_signal() ? StartAs::standby : StartAs::primary);
        break;
      case 15:
        server.stop(static_cast<StopMode>(dice.below(3)));
        break;
      case 16:
        server.crash_backend();
        break;
      case 17:
        if (lab.disk(id).healthy()) {
          lab.disk(id).stall();
        } else {
          lab.disk(id).resume();
          lab.disk(id).set_full(false);
        }
        if (dice.chance(0.1)) lab.disk(id).set_full(true);
        break;
      case 18: {
        SynchronousStandbyNames names;
        names.method = static_cast<SynchronousStandbyNames::Method>(dice.below(3));
        names.members = static_cast<MemberSet>(dice.below(8));
        names.count = static_cast<std::uint8_t>(1 + dice.below(2));
        server.set_synchronous_standby_names(names);
        server.follow(any());
        break;
      }
      case 19:
        server.set_replay_paused(dice.chance(0.5));
        server.set_replication_bandwidth(dice.chance(0.5) ? 0 : 500'000);
        break;
    }
    if (dice.chance(0.3) && host.up()) {
      answers.emplace_back();
      lab.spawn_client(id, {Lab::write(1), Lab::read(), Lab::write(2)}, answers.back());
    }
  }

  void check() {
    for (auto& m : lab.members) {
      PostgresServer& s = m->server;
      CHECK(s.replayed() <= s.flushed());
      CHECK(s.flushed() >= s.controldata().redo);
      CHECK(s.history().begin() <= std::max(s.flushed(), s.history().begin()));
      const ReplicationView view = s.pg_stat_replication();
      for (std::size_t i = 0; i < view.count; ++i) {
        CHECK(view.rows[i].flushed <= s.flushed());
        CHECK(view.rows[i].replayed <= view.rows[i].sent);
      }
    }
  }

  Lab lab;
  predrill::sim::Stream dice = lab.sim.stream("torture", "dice");
  std::vector<predrill::sim::FaultId> cuts;
  std::deque<Lab::Answers> answers;
};

}  // namespace

TEST_CASE("postgres: torture", "[postgres][torture]") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    Torture torture(seed);
    for (int i = 0; i < 300; ++i) {
      torture.step();
      torture.lab.run(torture.dice.uniform(0s, 4s));
      torture.check();
    }
    for (auto& m : torture.lab.members) m->server.settle_ledger();
    const std::uint64_t acknowledged = torture.lab.ledger.acknowledged();
    CHECK(acknowledged > 0);
    for (MemberId id = 0; id < 3; ++id) CHECK(torture.lab.lost(id).rows <= acknowledged);
  }
}

TEST_CASE("replication: at whatever instant the primary dies, a synchronous standby has it all",
          "[postgres][torture]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Lab lab({}, PostgresTimings{}, seed);
    lab.start_cluster_slowly();
    SynchronousStandbyNames names;
    names.method = SynchronousStandbyNames::Method::first;
    names.members = only(1);
    lab.server(0).set_synchronous_standby_names(names);
    lab.run(1s);
    lab.load(700, 3000);
    std::deque<Lab::Answers> answers;
    for (int i = 0; i < 5; ++i) {
      answers.emplace_back();
      lab.spawn_client(0, std::vector<SqlRequest>(200, Lab::write(1)), answers.back());
    }
    auto dice = lab.sim.stream("torture", "dice");
    lab.run(dice.uniform(100ms, 800ms));
    switch (dice.below(4)) {
      case 0:
        lab.host(0).crash();
        break;
      case 1:
        lab.server(0).kill_postmaster();
        break;
      case 2:  // both at once: what the standby had flushed comes back with it
        lab.host(0).crash();
        lab.host(1).crash();
        lab.host(1).restart();
        lab.server(1).start(StartAs::standby);
        lab.run(5s);
        break;
      case 3:  // cut off, goes on alone: nothing more may be acknowledged
        lab.sim.network().cut({&lab.host(0)}, {&lab.host(1), &lab.host(2)});
        lab.run(30s);
        break;
    }
    REQUIRE(lab.server(1).promote());
    lab.run(10s);
    CHECK(lab.lost(1).rows == 0);
    CHECK(lab.ledger.acknowledged() > 50);
  }
}

TEST_CASE("replication: the loss does not depend on the order of equal times",
          "[postgres][torture]") {
  PostgresTimings timings = quick();
  timings.walsender_delay = Distribution::constant(Duration(50ms));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Lab lab({}, timings, seed, true);
    lab.start_cluster();
    lab.load(1000, 1000);
    lab.run(10s);
    lab.host(0).crash();
    lab.server(1).promote();
    lab.run(2s);
    CHECK(lab.lost(1).rows == 50);
  }
}
