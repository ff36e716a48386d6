#include "tests/harness/engine/example.hpp"

#include <filesystem>

#include "harness/load/load.hpp"

namespace predrill::harness::fixture {

SystemSpec example_system(const std::vector<std::string>& settings) {
  const auto folder = std::filesystem::path(PREDRILL_SOURCE_DIR) / "scenarios/systems";
  Diagnostics diagnostics;
  auto system = load_system(folder / "user-profile-db", diagnostics, settings);
  INFO(diagnostics.text());
  REQUIRE(system.has_value());
  return *system;
}

}  // namespace predrill::harness::fixture
