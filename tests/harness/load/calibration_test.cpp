#include "tests/harness/load/load_test.hpp"

using namespace predrill::harness;
using namespace std::chrono_literals;

TEST_CASE("load: a calibration's timings count where system.json says nothing itself", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"calibration": "measured.json"},
    "timings": {"postgresql": {"promotion": "3s"}})"));
  folder.write("measured.json", R"({"format": "predrill.calibration/1", "timings": {
    "postgresql": {"promotion": "1s", "start": {"constant": "40ms", "source": "12 drills"}},
    "patroni": {"promote_command": "20ms"}}})");
  const auto system = folder.load();
  INFO(folder.said);
  REQUIRE(system);
  CHECK(system->postgres_timings.promotion.duration_from_draw(7) == 3s);
  CHECK(system->postgres_timings.start.duration_from_draw(7) == 40ms);
  CHECK(system->postgres_timings.start.source() == "12 drills");
  CHECK(system->patroni_timings.promote_command.duration_from_draw(7) == 20ms);
}

TEST_CASE("load: a calibration without timings, or one that is missing, is an error", "[load]") {
  Folder folder;
  folder.write("system.json", two_members(R"("files": {"calibration": "measured.json"})"));
  CHECK_FALSE(folder.load());
  CHECK(folder.said.find("there is no file") != std::string::npos);
  folder.write("measured.json", R"({"timing": {}})");
  CHECK_FALSE(folder.load());
  CHECK(folder.said.find("measured.json:1") != std::string::npos);
  CHECK(folder.said.find("a calibration has measured timings") != std::string::npos);
  // What it holds is read with the same care as system.json itself.
  folder.write("measured.json", R"({"timings": {"postgresql": {"promotoin": "1s"}}})");
  CHECK_FALSE(folder.load());
  CHECK(folder.said.find("promotoin") != std::string::npos);
}
