#include "tests/harness/load/load_test.hpp"

using namespace predrill::harness;
using namespace std::chrono_literals;

TEST_CASE("load: members that share a machine share its name", "[load]") {
  Folder folder;
  const std::string members = R"({"name": "x", "zones": ["z"], "cluster": {"members": [
    {"name": "a", "zone": "z", "address": "10.0.0.1"},
    {"name": "b", "zone": "z", "address": "10.0.0.2"}])";
  folder.write("system.json", members + R"(, "one_machine": true}})");
  const auto one = folder.load();
  INFO(folder.said);
  REQUIRE(one);
  CHECK_FALSE(one->patroni.machine.empty());
  CHECK(one->postgres.machine == one->patroni.machine);
  folder.write("system.json", members + "}}");
  const auto several = folder.load();
  REQUIRE(several);
  CHECK(several->patroni.machine.empty());
}

TEST_CASE("load: how often PgBouncer's console is asked, never by default", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("probe": {"show_pools": "15s"})"));
  auto system = folder.load();
  INFO(folder.said);
  REQUIRE(system);
  CHECK(system->probe.show_pools == 15s);
  folder.write("system.json", two_members(R"("probe": {})"));
  system = folder.load();
  REQUIRE(system);
  CHECK(system->probe.show_pools == 0s);
}
