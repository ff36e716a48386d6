#include "harness/live/delays.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "harness/live/watch.hpp"

namespace predrill::harness::live {

using namespace std::chrono_literals;
using models::PatroniTimings;
using models::PostgresTimings;
using sim::Distribution;

namespace {

constexpr std::string_view own_lock = "Lock owner: ";

// Patroni writes the line of a cycle after the cycle's write to etcd, while what the line announces
// runs already. Where both lines wait for such a write it cancels out.
constexpr std::array<LineDelay, 10> delays = {{
    {"postgresql.promotion",
     {"received promote request", ""},
     "database system is ready to accept connections",
     10s,
     "promote request until \"ready to accept connections\""},
    {"postgresql.start",
     {"LOG:  starting PostgreSQL", ""},
     "LOG:  database system was",
     10s,
     "\"starting PostgreSQL\" until \"database system was\""},
    {"postgresql.stop_sessions",
     {"received fast shutdown request", ""},
     "LOG:  shutting down",
     10s,
     "\"received fast shutdown request\" until \"shutting down\""},
    {"postgresql.shutdown_checkpoint",
     {"LOG:  shutting down", ""},
     "database system is shut down",
     60s,
     "\"shutting down\" until \"database system is shut down\""},
    {"postgresql.rewind",
     {"running pg_rewind from dbname", ""},
     "pg_rewind exit code=0",
     600s,
     "\"running pg_rewind\" until its exit code"},
    // Beyond it the thread had lost the lock to another cycle.
    {"patroni.promote_command",
     {"promoted self to leader", ""},
     "received promote request",
     40ms,
     "\"promoted self to leader\" until \"received promote request\""},
    {"patroni.single_user_mode",
     {"doing crash recovery in a single user mode", ""},
     "Postgresql is not running",
     600s,
     "\"doing crash recovery in a single user mode\" until the next cycle's \"Postgresql is not "
     "running\""},
    {"patroni.start_command",
     {"starting as readonly", "starting as a secondary"},
     "LOG:  starting PostgreSQL",
     10s,
     "\"starting as …\" until \"starting PostgreSQL\""},
    {"patroni.pid_file",
     {"LOG:  starting PostgreSQL", ""},
     "postmaster pid=",
     10s,
     "\"starting PostgreSQL\" until Patroni's \"postmaster pid\""},
    // Beyond it the next cycle waited for the DCS, or for PostgreSQL, which it asks each second.
    {"patroni.after_start",
     {"postmaster pid=", ""},
     own_lock,
     300ms,
     "\"postmaster pid\" until the leader's next \"Lock owner\""},
}};

// "Lock owner: lab-1; I am lab-1". A standby's next cycle is not woken by its start: it comes when
// it is due.
bool owns_lock(std::string_view line) {
  constexpr std::string_view me = "; I am ";
  const std::size_t owner = line.find(own_lock);
  const std::size_t self = line.find(me);
  if (owner == line.npos || self == line.npos) return false;
  const std::size_t name = owner + own_lock.size();
  return self >= name && line.substr(name, self - name) == line.substr(self + me.size());
}

bool ends(const LineDelay& delay, std::string_view line) {
  return delay.to == own_lock ? owns_lock(line) : line.find(delay.to) != line.npos;
}

bool begins(const LineDelay& delay, std::string_view line) {
  if (line.ends_with(" in progress")) return false;  // it began earlier
  return std::any_of(delay.from.begin(), delay.from.end(), [line](std::string_view text) {
    return !text.empty() && line.find(text) != std::string_view::npos;
  });
}

}  // namespace

std::span<const LineDelay> line_delays() {
  return delays;
}

void add_delays(std::istream& log, Delays& to) {
  std::array<std::optional<std::chrono::system_clock::time_point>, delays.size()> begun;
  std::string line;
  while (std::getline(log, line)) {
    const auto at = time_of_line(line);
    if (!at) continue;
    for (std::size_t i = 0; i < delays.size(); ++i) {
      if (begins(delays[i], line)) {
        begun[i] = at;
      } else if (begun[i] && ends(delays[i], line)) {
        const sim::Duration took = *at - *begun[i];
        if (took >= 0s && took <= delays[i].longest)
          to[std::string(delays[i].name)].push_back(took);
        begun[i].reset();
      }
    }
  }
}

Distribution& timing_of(SystemSpec& system, std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Distribution PostgresTimings::*>, 5> postgres = {
      {{"postgresql.promotion", &PostgresTimings::promotion},
       {"postgresql.start", &PostgresTimings::start},
       {"postgresql.stop_sessions", &PostgresTimings::stop_sessions},
       {"postgresql.shutdown_checkpoint", &PostgresTimings::shutdown_checkpoint},
       {"postgresql.rewind", &PostgresTimings::rewind}}};
  constexpr std::array<std::pair<std::string_view, Distribution PatroniTimings::*>, 5> patroni = {
      {{"patroni.promote_command", &PatroniTimings::promote_command},
       {"patroni.single_user_mode", &PatroniTimings::single_user_mode},
       {"patroni.start_command", &PatroniTimings::start_command},
       {"patroni.pid_file", &PatroniTimings::pid_file},
       {"patroni.after_start", &PatroniTimings::after_start}}};
  for (const auto& [key, member] : postgres) {
    if (key == name) return system.postgres_timings.*member;
  }
  for (const auto& [key, member] : patroni) {
    if (key == name) return system.patroni_timings.*member;
  }
  std::abort();  // a name that line_delays() does not have
}

}  // namespace predrill::harness::live
