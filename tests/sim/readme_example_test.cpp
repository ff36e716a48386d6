// The example of sim/README.md is compiled and does what it says.
#include "tests/sim/readme_example.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>

namespace {

std::string contents(const std::string& path) {
  std::ifstream file(std::string(PREDRILL_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("the example in the README is the one that is tested", "[readme]") {
  const std::string example = contents("tests/sim/readme_example.hpp");
  REQUIRE_FALSE(example.empty());
  CHECK(contents("sim/README.md").find("```cpp\n" + example + "```\n") != std::string::npos);
}

TEST_CASE("the example in the README does what it says", "[readme]") {
  Simulation sim({.seed = 1});
  Server server(sim);
  Client client(sim, server);
  sim.run_for(1h);
  // A question takes two round trips, of 100 µs each way, and a pause of 1 s.
  CHECK(client.answered == 3599);
  CHECK(client.failed_attempts == 0);
  sim.run_for(1min + 10s);
  // In a minute of silence: 3 attempts of 2 s and a pause of 1 s, over and over.
  CHECK(client.given_up == 8);
  CHECK(client.failed_attempts >= 3 * 8);
  CHECK(client.failed_attempts <= 3 * 8 + 3);
  const int answered = client.answered;
  sim.run_for(10min);
  CHECK(client.answered - answered > 590);
  sim.run_until(Time{} + 24h);
  CHECK(server.host.incarnation() == 23);  // a crash every 61 minutes
}
