// An Aurora cluster: its storage, its failovers as clients and as the API see them, its API.
#include "models/aurora.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "models/aws_cli.hpp"
#include "sim/simulation.hpp"
#include "sim/trace_sinks.hpp"
#include "tests/models/aurora_world.hpp"

using namespace predrill::sim;
using namespace predrill::models;
using namespace predrill::models::testing;
using namespace std::chrono_literals;

namespace {

Task<> wait_for(Describable& target, const AwsCliConfig* cli, Stream* stream, Time* returned,
                WaitOutcome* outcome, Group& group) {
  const WaitOutcome result = co_await aws_wait(target, cli, {}, stream);
  *outcome = result;
  *returned = group.now();
}

double at_quantile(std::vector<double> values, double p) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
}

}  // namespace

TEST_CASE("aurora: writes need four of six copies, repair needs three", "[aurora]") {
  Simulation sim;
  AuroraStorage storage(sim, AuroraStorageTimings::defaults());
  CHECK(storage.available() == 6);
  storage.lose_zone(2);
  CHECK(storage.writable());
  storage.lose_segment(0);  // AZ + 1: data kept, writes stop
  CHECK_FALSE(storage.writable());
  CHECK(storage.repairable());
  CHECK_FALSE(storage.quorum().is_open());
  sim.run_for(13s);  // the segment is repaired from its peers within 12 s
  CHECK(storage.writable());
  CHECK(storage.quorum().is_open());
}

TEST_CASE("aurora: a commit is the fourth answer of six; with an AZ gone the last of four",
          "[aurora]") {
  Simulation sim;
  AuroraStorageTimings timings;
  timings.local_segment = Distribution::constant(1ms);
  timings.remote_segment = Distribution::constant(4ms);
  timings.repair = Distribution::constant(10s);
  AuroraStorage storage(sim, timings);
  CHECK(storage.commit_latency(0) == 4ms);  // two local, four remote: the fourth is remote
  AuroraStorage real(sim, AuroraStorageTimings::defaults());
  Duration before{};
  for (int i = 0; i < 1000; ++i) before += real.commit_latency(0);
  real.lose_zone(2);
  Duration after{};
  for (int i = 0; i < 1000; ++i) after += real.commit_latency(0);
  CHECK(after > before);
}

TEST_CASE("aurora: an old epoch writes nothing", "[aurora]") {
  Simulation sim;
  AuroraStorage storage(sim, AuroraStorageTimings::defaults());
  const std::uint32_t old_epoch = storage.raise_epoch();
  const std::uint32_t new_epoch = storage.raise_epoch();
  Lsn end;
  CHECK(storage.append(new_epoch, 100, &end));
  const Lsn durable = storage.durable();
  CHECK_FALSE(storage.append(old_epoch, 100, &end));
  CHECK(storage.durable() == durable);
}

TEST_CASE("aurora: the new writer is the lowest tier, then the largest class", "[aurora]") {
  using List = std::vector<PromotionCandidate>;
  CHECK(choose_promotion_target(List{{0, 1, 4, true}, {1, 0, 1, true}}) == 1);
  CHECK(choose_promotion_target(List{{0, 1, 1, true}, {1, 1, 4, true}}) == 1);
  CHECK(choose_promotion_target(List{{0, 1, 4, true}, {1, 1, 4, true}}) == 0);
  CHECK(choose_promotion_target(List{{0, 0, 9, false}, {1, 15, 1, true}}) == 1);
  CHECK(choose_promotion_target(List{{0, 0, 9, false}}) == 1);  // nobody
}

TEST_CASE("aurora: max_connections follows the memory of the class", "[aurora]") {
  CHECK(default_max_connections(*find_instance_class("db.t3.medium")) == 401);
  CHECK(default_max_connections(*find_instance_class("db.r7g.large")) == 1722);
  CHECK(default_max_connections(*find_instance_class("db.r6g.4xlarge")) == 5000);
  CHECK(find_instance_class("db.t3.mediun") == nullptr);
}

TEST_CASE("aurora: readers survive a writer's restart from 15.2, 14.7, 13.10, 12.14 on",
          "[aurora]") {
  CHECK(readers_survive_writer_restart("16.4"));
  CHECK(readers_survive_writer_restart("15.2"));
  CHECK_FALSE(readers_survive_writer_restart("14.6"));
  CHECK(readers_survive_writer_restart("13.10"));
  CHECK_FALSE(readers_survive_writer_restart("13.9"));
  CHECK_FALSE(readers_survive_writer_restart("11.21"));
}

TEST_CASE("aurora: validation says what a cluster cannot be", "[aurora]") {
  AuroraConfig config = two_instances();
  CHECK(validate(config).empty());
  config.cluster_cache_management = true;
  config.instances[1].promotion_tier = 16;
  config.instances[1].instance_class = "db.big";
  const auto problems = validate(config);
  CHECK(problems.size() == 3);
}

TEST_CASE("aurora: a managed failover flips once, after Status says so, and loses nothing",
          "[aurora]") {
  AuroraWorld world;
  RecordCollector records;
  world.sim.trace().attach(records);
  world.probe();
  world.sim.run_for(5s);
  const Time call = world.sim.now();
  REQUIRE(world.cluster.failover_db_cluster("reader1") == RdsFault::none);
  CHECK(world.cluster.status() == ClusterStatus::available);  // the API lags
  CHECK(world.cluster.failover_db_cluster("reader1") == RdsFault::invalid_db_cluster_state);
  world.sim.run_for(5min);
  CHECK(world.cluster.status() == ClusterStatus::available);
  CHECK(world.cluster.writer() == world.cluster.find("reader1"));
  CHECK(world.cluster.accepting_writes() == world.cluster.writer());
  const auto flips = records.of(aurora::writer_flipped);
  REQUIRE(flips.size() == 1);
  const auto states = records.of(aurora::cluster_status);
  REQUIRE(states.size() == 2);
  CHECK(states[0].at < flips[0].at);
  CHECK(flips[0].at - call >= 14s);
  CHECK(flips[0].at - call <= 25s);
  // Every acknowledged write is in the one volume.
  const Lsn acknowledged = std::max(world.cluster.instance(0).acknowledged_to(),
                                    world.cluster.instance(1).acknowledged_to());
  CHECK(acknowledged <= world.cluster.storage().durable());
  CHECK(world.cluster.instance(0).acknowledged() > 0);
  CHECK(world.cluster.instance(1).acknowledged() > 0);
  world.sim.trace().detach(records);
}

TEST_CASE("aurora: the client's outage of a managed failover agrees with five measured ones",
          "[aurora]") {
  // zatoima.github.io: a new connection and an insert each second, 10 to 16 s, mean 12.4 s. The
  // model's formula gives 4 to 23 s between closing and flipping, and up to 5 s of DNS on top.
  std::vector<double> outages;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    AuroraWorld world(seed);
    world.probe();
    world.sim.run_for(2s);
    REQUIRE(world.cluster.failover_db_cluster() == RdsFault::none);
    world.sim.run_for(60s);
    outages.push_back(seconds(world.outage()));
  }
  CHECK(at_quantile(outages, 0) >= 4 - 1);
  CHECK(at_quantile(outages, 1) <= 23 + 5 + 5 + 3);
  // The least and the most of the five lie within the middle 90 %; a probe each second tells 10 s
  // from 11 s only.
  CHECK(at_quantile(outages, 0.05) < 10 + 1);
  CHECK(at_quantile(outages, 0.95) >= 16);
}

TEST_CASE("aurora: who follows stale DNS reaches the demoted writer and gets 25006", "[aurora]") {
  AuroraTimings timings = AuroraTimings::defaults();
  timings.engine_restart = Distribution::constant(3s);
  timings.writer_closes = Distribution::constant(2s);
  timings.writer_flips = Distribution::constant(25s);
  timings.dns_publish = Distribution::constant(5s);
  AuroraWorld world(1, two_instances(), timings);
  world.probe();
  world.sim.run_for(2s);
  REQUIRE(world.cluster.failover_db_cluster() == RdsFault::none);
  world.sim.run_for(60s);
  const auto read_only =
      std::ranges::count(world.journal.attempts, SqlState::read_only, &Attempt::state);
  // It has restarted by 5 s, but has no writer to read from before 25 s; the name moves at 30 s.
  CHECK(read_only >= 4);
  CHECK(read_only <= 6);
}

TEST_CASE("aurora: a crash of the engine restarts in place and promotes nobody", "[aurora]") {
  AuroraWorld world;
  world.cluster.crash_engine(0);
  CHECK(world.cluster.accepting_writes() == nobody);
  world.sim.run_for(16s);
  CHECK(world.cluster.accepting_writes() == 0);
  CHECK(world.cluster.writer() == 0);
  CHECK(world.cluster.instance(1).running());
}

TEST_CASE("aurora: below 14.7 a crash of the writer takes the readers with it", "[aurora]") {
  AuroraConfig config = two_instances();
  config.engine_version = "14.6";
  AuroraWorld world(1, config);
  world.cluster.crash_engine(0);
  world.sim.run_for(1s);
  CHECK_FALSE(world.cluster.instance(1).running());
  world.sim.run_for(15s);
  CHECK(world.cluster.instance(0).running());
  CHECK(world.cluster.instance(1).running());
}

TEST_CASE("aurora: a lost host is replaced by a reader in seconds, without one in minutes",
          "[aurora]") {
  AuroraWorld with_reader;
  with_reader.cluster.lose_host(0);
  with_reader.sim.run_for(35s);
  CHECK(with_reader.cluster.accepting_writes() == 1);

  AuroraConfig alone = two_instances();
  alone.instances.pop_back();
  AuroraWorld without(1, alone);
  without.cluster.lose_host(0);
  without.sim.run_for(240s);
  CHECK(without.cluster.accepting_writes() == nobody);
  without.sim.run_for(600s);
  CHECK(without.cluster.accepting_writes() == 0);
}

TEST_CASE("aurora: a lost AZ stops no writer elsewhere", "[aurora]") {
  AuroraWorld world;
  world.cluster.lose_zone(1);  // of the reader
  world.sim.run_for(5s);
  CHECK(world.cluster.accepting_writes() == 0);
  CHECK(world.cluster.storage().writable());
  CHECK_FALSE(world.cluster.instance(1).running());
}

TEST_CASE("aurora: a static parameter waits for the instance's own restart", "[aurora]") {
  AuroraWorld world;
  const std::vector<DbParameter> group = {{"log_min_duration_statement", "500ms", false},
                                          {"max_connections", "500", true}};
  REQUIRE(world.cluster.attach_parameter_group(group, true) == RdsFault::none);
  world.sim.run_for(90s);
  AuroraInstance& reader = world.cluster.instance(1);
  CHECK(reader.show("log_min_duration_statement") == "500ms");
  CHECK(reader.show("max_connections").empty());
  CHECK(reader.max_connections() == 401);
  CHECK(reader.parameter_status == ParameterApplyStatus::pending_reboot);
  REQUIRE(world.cluster.reboot_db_instance("reader1") == RdsFault::none);
  world.sim.run_for(65s);
  CHECK(reader.max_connections() == 500);
  CHECK(reader.parameter_status == ParameterApplyStatus::in_sync);
  CHECK(world.cluster.instance(0).max_connections() == 401);
}

TEST_CASE("aurora: attached without ApplyImmediately, in-sync is no proof", "[aurora]") {
  AuroraWorld world;
  REQUIRE(world.cluster.attach_parameter_group({{"max_connections", "500", true}}, false) ==
          RdsFault::none);
  world.sim.run_for(90s);
  CHECK(world.cluster.instance(0).parameter_status == ParameterApplyStatus::in_sync);
  CHECK(world.cluster.instance(0).max_connections() == 401);
}

TEST_CASE("aurora: a class change waits for ApplyImmediately; a failover does not flush it",
          "[aurora]") {
  AuroraWorld world;
  REQUIRE(world.cluster.modify_db_instance("writer", "db.r7g.large", false) == RdsFault::none);
  REQUIRE(world.cluster.failover_db_cluster("reader1") == RdsFault::none);
  world.sim.run_for(5min);
  AuroraInstance& demoted = world.cluster.instance(0);
  CHECK(demoted.config().instance_class == "db.t3.medium");
  CHECK(demoted.pending_class == "db.r7g.large");
  // A later call that names no change applies it.
  REQUIRE(world.cluster.modify_db_instance("writer", "", true) == RdsFault::none);
  world.sim.run_for(100s);
  CHECK(demoted.status == InstanceStatus::modifying);
  CHECK(world.cluster.modify_db_instance("writer", "", true) ==
        RdsFault::invalid_db_instance_state);
  // No healthy target for a failover meanwhile.
  CHECK(world.cluster.failover_db_cluster() == RdsFault::invalid_db_cluster_state);
  world.sim.run_for(7min);
  CHECK(demoted.status == InstanceStatus::available);
  CHECK(demoted.config().instance_class == "db.r7g.large");
  CHECK(demoted.max_connections() == 1722);
}

TEST_CASE("aurora: snapshots have one name each and need an available cluster", "[aurora]") {
  AuroraWorld world;
  REQUIRE(world.cluster.create_db_cluster_snapshot("before") == RdsFault::none);
  CHECK(world.cluster.create_db_cluster_snapshot("before") ==
        RdsFault::db_cluster_snapshot_already_exists);
  CHECK(world.cluster.delete_db_cluster_snapshot("before") == RdsFault::invalid_db_cluster_state);
  world.sim.run_for(6min);
  CHECK(world.cluster.snapshot_status("before") == SnapshotStatus::available);
  CHECK(world.cluster.delete_db_cluster_snapshot("before") == RdsFault::none);
  CHECK(world.cluster.delete_db_cluster_snapshot("before") ==
        RdsFault::db_cluster_snapshot_not_found);
}

TEST_CASE("aurora: advanced insights need 465 days, and a change blocks the cluster", "[aurora]") {
  AuroraWorld world;
  CHECK(world.cluster.modify_insights(true, 7) == RdsFault::invalid_parameter_combination);
  REQUIRE(world.cluster.modify_insights(false, 7) == RdsFault::none);
  CHECK(world.cluster.create_db_cluster_snapshot("s") == RdsFault::invalid_db_cluster_state);
  world.sim.run_for(181s);
  CHECK(world.cluster.create_db_cluster_snapshot("s") == RdsFault::none);
}

TEST_CASE("aws rds wait: at once after the failover call, thirty seconds apart after a reboot",
          "[aurora][waiter]") {
  AuroraWorld world;
  Group operator_group(world.client_host, "operator");
  const AwsCliConfig cli{Distribution::constant(Duration(500ms))};
  Stream stream = world.client_host.stream("cli");
  InstanceAvailable reader(world.cluster, "reader1");
  Time returned{};
  WaitOutcome outcome;

  SECTION("the race") {
    const Time call = world.sim.now();
    REQUIRE(world.cluster.failover_db_cluster("reader1") == RdsFault::none);
    operator_group.spawn(wait_for(reader, &cli, &stream, &returned, &outcome, operator_group));
    world.sim.run_for(2s);
    CHECK(outcome.end == WaitEnd::success);
    CHECK(returned - call == 500ms);
    CHECK(world.cluster.writer() == 0);  // nothing has happened yet
  }
  SECTION("quantised") {
    const Time call = world.sim.now();
    REQUIRE(world.cluster.reboot_db_instance("reader1") == RdsFault::none);
    operator_group.spawn(wait_for(reader, &cli, &stream, &returned, &outcome, operator_group));
    world.sim.run_for(3min);
    CHECK(outcome.end == WaitEnd::success);
    CHECK(outcome.polls == 3);  // the reboot takes 33 to 60 s
    CHECK(returned - call == 500ms + 60s);
  }
}
