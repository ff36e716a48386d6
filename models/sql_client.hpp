// How an application reaches a server: libpq's connection rules, and what a program does about
// failures.
//
// Real thing and version: libpq 15 (fe-connect.c); retry formulas of the AWS Architecture Blog,
//   "Exponential Backoff and Jitter".
// Modelled: several hosts in order or at random, every address of a name, connect_timeout that
//   starts again for each address (1 s counts as 2 s, 0 waits for TCP), target_session_attrs with
//   the second pass of prefer-standby, 57P03 tries the next host while other refusals end the
//   attempt, keep-alive and user time-out, no limit on queries; that an idle session has ended is
//   told by the query that uses it; retries with back-off and jitter.
// Simplified (diverges from the real thing): the role of a server is known from its answer to the
//   startup packet, as from PostgreSQL 14 on.
// Ignored: TLS, GSS, service files, pipelines, cancel requests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/address.hpp"
#include "models/dns.hpp"
#include "models/journal.hpp"
#include "models/sql.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"
#include "sim/tcp.hpp"

namespace predrill::models {

enum class TargetSessionAttrs : std::uint8_t {
  any,
  read_write,
  read_only,
  primary,
  standby,
  prefer_standby
};

/// A connection string: names and defaults of libpq 15.
struct LibpqConfig {
  std::vector<HostSpec> host;
  sim::Duration connect_timeout{};  // per address; 0 = wait for TCP
  TargetSessionAttrs target_session_attrs = TargetSessionAttrs::any;
  bool load_balance_hosts = false;  // random order (16+)
  bool keepalives = true;
  sim::Duration keepalives_idle{};      // 0 = the kernel's 7200 s
  sim::Duration keepalives_interval{};  // 0 = the kernel's 75 s
  std::int32_t keepalives_count = 0;    // 0 = the kernel's 9
  sim::Duration tcp_user_timeout{};
  std::uint8_t user = 0;
  std::uint8_t database = 0;
};

/// What libpq clamps or refuses, as sentences; clamps like it.
std::vector<std::string> validate(LibpqConfig& config);

/// When a program tries again. Attempt numbers count from 1.
struct RetryPolicy {
  std::uint32_t attempts = 1;  // in all; 1 = never again
  enum class Backoff : std::uint8_t { exponential, drawn };
  enum class Jitter : std::uint8_t { none, full, equal, decorrelated };
  Backoff backoff = Backoff::exponential;
  sim::Duration base = std::chrono::milliseconds(100);
  sim::Duration cap = std::chrono::seconds(10);
  Jitter jitter = Jitter::full;
  sim::Distribution pause;             // Backoff::drawn
  bool retry_in_doubt = true;          // also a write whose outcome is unknown
  bool reconnect_if_read_only = true;  // 25006: leave that server

  /// Pause after the failed attempt number `attempt`; `last` is the pause before it.
  sim::Duration wait(std::uint32_t attempt, sim::Duration last, sim::Stream& stream) const;
};

/// How one statement went.
struct StatementResult {
  Outcome outcome = Outcome::ok;
  SqlState state = SqlState::ok;
  bool in_flight = false;  // sent, and its fate is not known
  MemberId server = nobody;
  sim::Time data_as_of{};
  Lsn position{};  // of the commit record, or read from
  bool ok() const { return outcome == Outcome::ok; }
};
/// What a journal says of a statement that took from `sent` to `finished`; path and tag are left.
Attempt attempt_of(const StatementResult& result, sim::Time sent, sim::Time finished);
/// The result that a network error means to the program.
StatementResult failed(sim::NetError error, bool in_flight);
/// The result that an answer means.
StatementResult answered(const SqlAnswer& answer);
/// The connection is of no use after this answer: FATAL, or the pooler's last words.
bool ends_connection(SqlState state);

/// PQconnectdb of a program on a host.
class Libpq {
 public:
  Libpq(sim::Group& group, AddressBook& book, DnsServer* resolver, LibpqConfig config,
        std::string_view stream_name);

  /// Connects and logs in; the connection in `socket`. Ends at `deadline` at the latest.
  sim::Task<StatementResult> connect(SqlSocket& socket, sim::Time deadline);
  /// One statement over `socket`, which is opened first if necessary and closed if it broke or
  /// `deadline` passed.
  sim::Task<StatementResult> execute(SqlSocket& socket, SqlRequest request, sim::Time deadline);

  const LibpqConfig& config() const { return config_; }
  sim::Group& group() const { return group_; }
  std::uint64_t connects() const { return connects_; }  // addresses tried

 private:
  sim::Task<StatementResult> try_hosts(SqlSocket& socket, sim::Time deadline, bool any_role);
  sim::Task<StatementResult> try_address(SqlSocket& socket, Address address, sim::Time deadline,
                                         bool any_role);
  bool suits(const SqlAnswer& hello) const;

  sim::Group& group_;
  AddressBook& book_;
  DnsServer* resolver_;
  LibpqConfig config_;
  sim::TcpOptions tcp_;
  sim::Stream order_;
  std::uint64_t connects_ = 0;
  bool next_host_ = false;  // the last address failed in a way that lets libpq go on
};

}  // namespace predrill::models
