#include "harness/live/prober.hpp"

#include <catch2/catch.hpp>

using namespace predrill;
using namespace predrill::harness::live;
using namespace std::chrono_literals;

TEST_CASE("live: a pause of all probers is one of the machine that observes", "[live]") {
  models::Journal journal;
  const auto send = [&journal](sim::Duration at, std::string_view path) {
    models::Attempt attempt;
    attempt.path = journal.path(path);
    attempt.sent = at.count();
    journal.attempts.push_back(attempt);
  };
  CHECK(longest_pause(journal, 0s) == 0s);
  // One path waits for a dead server; the other goes on.
  send(1s, "direct");
  for (int i = 0; i < 20; ++i) send(1s + i * 200ms, "read");
  send(4s, "direct");
  CHECK(longest_pause(journal, 1s) == 200ms);
  for (int i = 0; i < 3; ++i) send(6s + i * 200ms, "read");
  CHECK(longest_pause(journal, 1s) == 1200ms);  // from 4.8 s
  CHECK(longest_pause(journal, 5s) == 200ms);   // before the fault it does not matter
}
