// The journal of a prober: one record per attempt, the same for a simulated and a real drill.
// Times are nanoseconds since the start of the observation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/lsn.hpp"
#include "models/sql.hpp"

namespace predrill::models {

enum class Outcome : std::uint8_t {
  ok,
  sql_error,  // the server answered with the SQLSTATE in `state`
  refused,    // nobody listens
  reset,      // the connection broke: RST
  closed,     // the connection broke: "server closed the connection unexpectedly"
  timeout,    // no answer within the prober's own limit
};
std::string_view to_text(Outcome outcome);

struct Attempt {
  std::int64_t sent = 0;
  std::int64_t finished = 0;
  std::int64_t data_as_of = 0;  // reads: commit time of the newest data seen
  Lsn position;                 // of the commit record, or read from; zero if not known
  std::uint64_t tag = 0;        // sequence number of the write
  std::uint16_t path = 0;       // index into Journal::paths
  bool write = true;
  bool in_flight = false;  // the statement had been sent when it failed: its fate is unknown
  Outcome outcome = Outcome::ok;
  SqlState state = SqlState::ok;
  MemberId server = nobody;  // who answered
  std::uint8_t number = 1;   // of the attempt, where a client tries again
};

struct Journal {
  std::vector<std::string> paths;  // "pgbouncer", "haproxy", "direct", "read:user-profile-db-2"
  std::vector<Attempt> attempts;   // in the order in which they finished
  std::int64_t observed_until = 0;

  std::uint16_t path(std::string_view name);  // added if new
};

}  // namespace predrill::models
