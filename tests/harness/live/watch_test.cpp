#include "harness/live/watch.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

using namespace predrill::harness::live;
using namespace std::chrono_literals;

namespace {

std::int64_t milliseconds(std::string_view line) {
  const auto at = time_of_line(line);
  if (!at) return -1;
  return std::chrono::duration_cast<std::chrono::milliseconds>(at->time_since_epoch()).count();
}

// One host, and a folder for its log that the test removes.
LabPlan lab_of(HostKind kind, const std::string& host) {
  LabPlan plan;
  plan.folder = std::filesystem::temp_directory_path() /
                ("predrill-" + host + "-" + std::to_string(::getpid()));
  std::filesystem::create_directories(plan.folder);
  plan.hosts.push_back(
      {.kind = kind, .name = host, .network = {}, .port = {}, .address = {}, .mac = {}});
  return plan;
}

}  // namespace

TEST_CASE("live: the time stamps of the four programs are read alike", "[live]") {
  constexpr std::int64_t second = 1795226587;  // 2026-11-21 02:03:07 UTC
  CHECK(milliseconds("2026-11-21 02:03:07.324 UTC [24936] LOG:  received promote request") ==
        second * 1000 + 324);
  CHECK(milliseconds("2026-11-21 02:03:07,321 INFO: promoted self to leader") ==
        second * 1000 + 321);
  CHECK(milliseconds("2026-11-21T02:03:07.128035+00:00 Server primary/lab-3 is UP") ==
        second * 1000 + 128);
  CHECK(milliseconds("2026-11-21 02:03:07 UTC") == second * 1000);
  CHECK(milliseconds("Traceback (most recent call last):") == -1);
  CHECK(milliseconds("") == -1);
  CHECK(milliseconds("2026-11-21") == -1);
}

TEST_CASE("live: lines of logs are events of the models", "[live]") {
  const HostKind member = HostKind::member;
  CHECK(event_of_line(member, "x LOG:  database system is ready to accept connections") ==
        "postgres.promotion_finished");
  // A standby that is ready takes no writes.
  CHECK(event_of_line(member, "x LOG:  database system is ready to accept read-only connections") ==
        "postgres.ready_read_only");
  CHECK(event_of_line(member, "INFO: promoted self to leader by acquiring session lock") ==
        "patroni.promoting");
  CHECK(event_of_line(HostKind::haproxy, "Server primary/lab-3 is UP, reason: Layer7") ==
        "haproxy.server_up");
  CHECK(event_of_line(HostKind::pgbouncer, "S-0x5: lab/postgres new connection to server") ==
        "pgbouncer.server_connected");
  // The same words of another program are no event.
  CHECK(event_of_line(HostKind::etcd, "Server primary/lab-3 is UP, reason") == "");
  CHECK(event_of_line(member, "no action. I am (lab-3), the leader with the lock") == "");
}

TEST_CASE("live: the leader's last renewal before a moment is read from its log", "[live]") {
  const LabPlan plan = lab_of(HostKind::member, "lab-1");
  std::ofstream(plan.log(plan.hosts[0]))
      << "2026-11-21 02:03:07,321 INFO: no action. I am (lab-1), the leader with the lock\n"
         "2026-11-21 02:03:08,500 INFO: no action. I am (lab-1), a secondary, and following\n"
         "2026-11-21 02:03:17,300 INFO: no action. I am (lab-1), the leader with the lock\n"
         "2026-11-21 02:03:20,000 INFO: Lock owner: lab-1; I am lab-1\n"
         "2026-11-21 02:03:27,300 INFO: Assigning synchronous standby status to ['lab-2']\n"
         "2026-11-21 02:03:29,400 INFO: Synchronous standby status assigned to ['lab-2']\n"
         "2026-11-21 02:03:29,500 INFO: no action. I am (lab-1), the leader with the lock\n"
         "2026-11-21 02:03:37,300 INFO: no action. I am (lab-1), the leader with the lock\n";
  TimeBase base;
  base.wall = *time_of_line("2026-11-21 02:03:10,300");
  const LogWatch logs(plan, base);
  CHECK(logs.last_renewal("lab-1", 6s) == -2979ms);
  CHECK(logs.last_renewal("lab-1", 8s) == 7s);
  // The cycle that assigned a synchronous standby, inside of it and when it was over.
  CHECK(logs.last_renewal("lab-1", 18s) == 17s);
  CHECK(logs.last_renewal("lab-1", 22s) == 17s);
  CHECK(logs.last_renewal("lab-1", 28s) == 27s);
  CHECK(logs.last_renewal("lab-1", -5s) == std::nullopt);
  CHECK(logs.last_renewal("lab-2", 8s) == std::nullopt);
  std::filesystem::remove_all(plan.folder);
}

TEST_CASE("live: a connection of PgBouncer counts if its login was not refused", "[live]") {
  const LabPlan plan = lab_of(HostKind::pgbouncer, "pgbouncer");
  TimeBase base;
  base.wall = *time_of_line("2026-11-22 02:39:40.000");
  const std::string log = plan.log(plan.hosts[0]);
  std::ofstream(log).flush();
  const LogWatch logs(plan, base);
  const std::string one = " UTC [10633] LOG S-0x55ac1c0380a0: lab/postgres@10.78.0.31:5000 ";
  const std::string other = " UTC [10633] LOG S-0x55ac1c037e40: lab/postgres@10.78.0.31:5000 ";
  std::ofstream(log)
      << "2026-11-22 02:39:43.000" + one + "new connection to server (from 10.78.0.41:43868)\n"
      << "2026-11-22 02:39:43.289 UTC [10633] ERROR S: login failed: FATAL: shutting down\n"
      << "2026-11-22 02:39:43.290" + one + "closing because: login failed (age=0s)\n"
      << "2026-11-22 02:39:44.000" + other + "new connection to server (from 10.78.0.41:43884)\n"
      << "2026-11-22 02:39:45.000" + one + "new connection to server (from 10.78.0.41:43886)\n"
      << "2026-11-22 02:39:47.000" + one + "closing because: server conn crashed? (age=2s)\n"
      << "2026-11-22 02:39:48.000" + one + "new connection to server (from 10.78.0.41:43888)\n"
      << "2026-11-22 02:40:05.000" + other + "closing because: server conn crashed? (age=21s)\n"
      << "2026-11-22 02:40:06.000" + one + "closing because: server idle timeout (age=18s)\n";
  std::vector<predrill::sim::Duration> connected;
  for (const LiveEvent& event : logs.events()) {
    CHECK(event.kind == "pgbouncer.server_connected");
    connected.push_back(event.at);
  }
  CHECK(connected == std::vector<predrill::sim::Duration>{4s, 8s});
  std::filesystem::remove_all(plan.folder);
}
