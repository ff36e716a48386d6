#include "harness/live/pg.hpp"

#include <catch2/catch.hpp>

#include <chrono>

#include "tests/harness/live/silent_server.hpp"

using namespace predrill::harness::live;
using namespace std::chrono_literals;
using predrill::models::Outcome;
using predrill::models::SqlState;

TEST_CASE("live: what libpq says becomes the outcome that the journal knows", "[live]") {
  const auto outcome = [](const char* text, const char* state) {
    return classify(text, state).outcome;
  };
  CHECK(outcome("connection to server at \"10.0.0.1\", port 5432 failed: Connection refused", "") ==
        Outcome::refused);
  CHECK(outcome("connection to server failed: timeout expired", "") == Outcome::timeout);
  CHECK(outcome("server closed the connection unexpectedly\n\tThis probably means", "") ==
        Outcome::closed);
  CHECK(outcome("could not receive data from server: Connection reset by peer", "") ==
        Outcome::reset);
  CHECK(classify("FATAL:  the database system is starting up", "").state ==
        SqlState::cannot_connect_now);
  CHECK(classify("ERROR:  cannot execute INSERT in a read-only transaction", "25006").state ==
        SqlState::read_only);
  CHECK(classify("terminating connection due to administrator command", "57P01").state ==
        SqlState::admin_shutdown);
  // Of several hosts, the last that was asked decides.
  CHECK(outcome("at \"10.0.0.1\" failed: timeout expired\nat \"10.0.0.2\" failed: Connection "
                "refused",
                "") == Outcome::refused);
}

TEST_CASE("live: a closed port is refused at once, a silent server is given up in time", "[live]") {
  SilentServer server;
  PgClient client(server.connection());
  const auto begin = std::chrono::steady_clock::now();
  const SqlEnd refused = client.execute("select 1", 2s);
  CHECK(refused.outcome == Outcome::refused);
  CHECK_FALSE(refused.in_flight);
  CHECK(std::chrono::steady_clock::now() - begin < 1s);

  server.listen();
  const auto again = std::chrono::steady_clock::now();
  const SqlEnd silent = client.execute("select 1", 2s);
  CHECK(silent.outcome == Outcome::timeout);
  CHECK(std::chrono::steady_clock::now() - again < 4s);
}
