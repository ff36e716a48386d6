#include "harness/live/delays.hpp"

#include <catch2/catch.hpp>

#include <sstream>

using namespace predrill::harness::live;
using namespace std::chrono_literals;

TEST_CASE("delays: a crash, as the logs of PostgreSQL 15 and Patroni 3.0 tell it", "[live]") {
  std::istringstream log(R"(2026-11-21 15:51:46,132 WARNING: Postgresql is not running.
2026-11-21 15:51:46,132 INFO: Lock owner: lab-2; I am lab-2
2026-11-21 15:51:46,178 INFO: pg_controldata:
  Time of latest checkpoint: Sat Nov 21 15:51:46 2026
2026-11-21 15:51:46,245 INFO: doing crash recovery in a single user mode
2026-11-21 15:51:46,400 INFO: doing crash recovery in a single user mode in progress
2026-11-21 15:51:46,570 WARNING: Postgresql is not running.
2026-11-21 15:51:46,570 INFO: Lock owner: lab-2; I am lab-2
2026-11-21 15:51:46,627 INFO: starting as readonly because i had the session lock
2026-11-21 15:51:46.888 UTC [30892] LOG:  starting PostgreSQL 15.20 (Debian 15.20-0+deb12u1)
2026-11-21 15:51:46.897 UTC [30895] LOG:  database system was shut down at 2026-11-21 15:51:46 UTC
2026-11-21 15:51:46.903 UTC [30892] LOG:  database system is ready to accept read-only connections
2026-11-21 15:51:46,929 INFO: postmaster pid=30892
2026-11-21 15:51:46,960 INFO: Lock owner: lab-1; I am lab-2
2026-11-21 15:51:46,995 INFO: Lock owner: lab-2; I am lab-2
2026-11-21 15:51:47,221 INFO: promoted self to leader because I had the session lock
2026-11-21 15:51:47.224 UTC [30895] LOG:  received promote request
2026-11-21 15:51:47.275 UTC [30892] LOG:  database system is ready to accept connections
2026-11-21 15:52:57.000 UTC [30892] LOG:  received fast shutdown request
2026-11-21 15:52:57.031 UTC [30893] LOG:  shutting down
2026-11-21 15:52:57.081 UTC [30892] LOG:  database system is shut down
)");
  Delays found;
  add_delays(log, found);
  const Delays expected = {
      {"patroni.after_start", {66ms}},       {"patroni.pid_file", {41ms}},
      {"patroni.promote_command", {3ms}},

      {"patroni.single_user_mode", {325ms}}, {"patroni.start_command", {261ms}},
      {"postgresql.promotion", {51ms}},      {"postgresql.shutdown_checkpoint", {50ms}},
      {"postgresql.start", {9ms}},           {"postgresql.stop_sessions", {31ms}},
  };
  CHECK(found == expected);
}

TEST_CASE("delays: lines that do not belong together are no delay", "[live]") {
  std::istringstream log(
      "2026-11-21 15:51:46,000 INFO: postmaster pid=30892\n"
      "2026-11-21 15:51:47,100 INFO: Lock owner: lab-2; I am lab-2\n"  // looked again after 1 s
      "2026-11-21 15:52:00,000 INFO: starting as a secondary\n"        // and never started
      "2026-11-21 15:53:00,000 INFO: starting as a secondary\n"
      "2026-11-21 15:53:00.300 UTC [1] LOG:  starting PostgreSQL 15.20\n");
  Delays found;
  add_delays(log, found);
  CHECK(found == Delays{{"patroni.start_command", {300ms}}});
}
