#include "harness/topology/topology.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "harness/engine/world.hpp"
#include "harness/input/schema.hpp"
#include "harness/topology/topology_text.hpp"
#include "tests/harness/engine/example.hpp"

using namespace predrill;
using namespace predrill::harness;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> names(const Topology& topology, const std::vector<std::size_t>& list) {
  std::vector<std::string> out;
  for (const std::size_t i : list) out.push_back(topology.components()[i].name);
  return out;
}

struct Observation {
  bool pooled = false, direct = false, reads = false;
};

// The component's hosts lose power for good; five minutes later: what was answered in the last
// minute?
Observation remove(const SystemSpec& system, const Topology& topology, std::size_t component) {
  World world(system, {.seed = 1});
  REQUIRE(world.settle());
  world.start_clients();
  world.sim().run_for(10s);
  std::vector<std::size_t> gone = {component};
  for (std::size_t i = 0; i < gone.size(); ++i) {
    for (const std::size_t inner : topology.components()[gone[i]].inside) gone.push_back(inner);
  }
  for (const std::size_t i : gone) {
    if (sim::Host* host = world.sim().find_host(topology.components()[i].name)) host->crash();
  }
  world.sim().run_for(5min);
  const sim::Duration since = world.sim().now() - sim::Time{} - 1min;
  Observation seen;
  const models::Journal& journal = world.journal();
  for (const models::Attempt& attempt : journal.attempts) {
    if (attempt.finished < since.count() || attempt.outcome != models::Outcome::ok) continue;
    const std::string& path = journal.paths[attempt.path];
    if (path == "pgbouncer") seen.pooled = true;
    if (path == "direct") seen.direct = true;
    if (path.starts_with("read")) seen.reads = true;
  }
  return seen;
}

}  // namespace

TEST_CASE("topology: user-profile-db", "[topology]") {
  const SystemSpec system = fixture::example_system();
  const Topology topology(system);
  CHECK(names(topology, topology.single_points_of_failure()) ==
        std::vector<std::string>{"us-east-1a", "pgbouncer-0"});
  CHECK(names(topology, topology.articulation_points()) == std::vector<std::string>{"pgbouncer-0"});
  CHECK(topology.minimum_cut() == 1);
  const Reach primary = topology.without({topology.index_of("user-profile-db-0")});
  CHECK(primary.writes);
  CHECK_FALSE(primary.leader_kept);
  CHECK_FALSE(topology.without({topology.index_of("etcd-prod-0"), topology.index_of("etcd-prod-1")})
                  .writes);
  const auto cuts = topology.minimal_cuts();
  CHECK(std::count_if(cuts.begin(), cuts.end(), [](const auto& c) { return c.size() == 1; }) == 2);
  CHECK(topology.dot().find("\"clients\" -> \"pgbouncer-0\"") != std::string::npos);
  CHECK(topology_text(topology, {}).find("has no substitute on the clients' path") !=
        std::string::npos);
}

TEST_CASE("topology: a rehearsal says why its faults matter", "[topology]") {
  const SystemSpec system = fixture::example_system();
  const Topology topology(system);
  const std::string why = why_faults_matter(
      topology, system, {"node_loss", "freeze", "pgbouncer_kill", "switchover"}, {});
  CHECK(why.find("node_loss, freeze: user-profile-db-0 (member): holds the primary") !=
        std::string::npos);
  CHECK(why.find("pgbouncer_kill: pgbouncer-0 (PgBouncer): has no substitute") !=
        std::string::npos);
  CHECK(why.find("switchover") == std::string::npos);
}

TEST_CASE("topology: two poolers are no single point", "[topology]") {
  const SystemSpec system = fixture::example_system(
      std::vector<std::string>{R"(pooler.zones=["us-east-1a","us-east-1b"])"});
  const Topology topology(system);
  CHECK(topology.single_points_of_failure().empty());
  CHECK(topology.minimum_cut() == 2);  // both poolers, or two members of etcd
}

TEST_CASE("topology: a zone that is cut off", "[topology]") {
  const SystemSpec system = fixture::example_system();
  const auto splits = Topology(system).zone_splits();
  REQUIRE(splits.size() == 3);
  for (const Split& split : splits) {
    INFO(split.zone);
    CHECK_FALSE(split.has_quorum);
    CHECK(split.rest_has_quorum);
    CHECK(split.primaries_inside.empty());
    CHECK(split.primaries_outside.size() == 2);
    // Clients and pooler stand in us-east-1a: behind a cut they reach no leader.
    CHECK(split.clients_write == (split.zone != "us-east-1a"));
  }
}

TEST_CASE("topology: agrees with the simulation when each component is removed", "[topology]") {
  const SystemSpec system = fixture::example_system();
  const Topology topology(system);
  std::size_t tried = 0;
  for (const BlastRadius& radius : topology.blast_radii()) {
    const Component& one = topology.components()[radius.component];
    // The prober itself stands in the zone: it is no part of the system and lives on.
    const Observation seen = remove(system, topology, radius.component);
    INFO(one.name);
    CHECK(seen.pooled == radius.reach.writes);
    CHECK(seen.direct == radius.reach.direct_writes);
    CHECK(seen.reads == radius.reach.reads);
    ++tried;
  }
  CHECK(tried == 13);  // three zones, nodes, members, members of etcd, and PgBouncer
}

TEST_CASE("topology: its document is as its schema says", "[topology]") {
  std::ifstream file(PREDRILL_SOURCE_DIR "/scenarios/schema/topology.schema.json");
  const std::string schema{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  REQUIRE_FALSE(schema.empty());
  const SystemSpec system = fixture::example_system();
  const std::string document = topology_json(Topology(system), system.name);
  for (const auto& problem : validate_against_schema(document, schema)) {
    FAIL_CHECK(problem.text());
  }
  const auto problems = validate_against_schema("{}", schema);
  CHECK_FALSE(problems.empty());
}
