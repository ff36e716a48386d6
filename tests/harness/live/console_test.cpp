// With a real PgBouncer it is tested by tests/live/run.
#include "harness/live/console.hpp"

#include <catch2/catch.hpp>

#include <chrono>

#include "tests/harness/live/silent_server.hpp"

using namespace predrill::harness::live;
using namespace std::chrono_literals;

TEST_CASE("live: a console that refuses, or says nothing, is given up in time", "[live]") {
  SilentServer server;
  Console console(server.connection());
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(console.show_pools(2s));  // the port is closed
  CHECK(std::chrono::steady_clock::now() - begin < 1s);

  server.listen();
  const auto again = std::chrono::steady_clock::now();
  CHECK_FALSE(console.show_pools(300ms));
  CHECK(std::chrono::steady_clock::now() - again >= 250ms);
  CHECK(std::chrono::steady_clock::now() - again < 2s);
}
