// What travels between a client and a PostgreSQL server (or a pooler in between): a small stand-in
// for the frontend/backend protocol. A statement says how much work it is; an answer carries the
// SQLSTATE that a client would see.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "models/lsn.hpp"
#include "sim/tcp.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// The codes that failovers produce (PostgreSQL docs, appendix "PostgreSQL Error Codes"), and
/// PgBouncer's own, which it sends as 08P01 or 58000 with a text.
enum class SqlState : std::uint8_t {
  ok,                    // 00000
  admin_shutdown,        // 57P01 fast or immediate stop, pg_terminate_backend
  crash_shutdown,        // 57P02 another backend crashed
  cannot_connect_now,    // 57P03 starting up, shutting down, in recovery
  too_many_connections,  // 53300
  disk_full,             // 53100
  read_only,             // 25006 a write on a standby
  query_canceled,        // 57014
  serialization,         // 40001 also recovery conflict
  lock_not_available,    // 55P03
  invalid_password,      // 28P01
  no_connection,         // 08001 could not be made; client side
  connection_failure,    // 08006 broke; client side, outcome unknown
  query_wait_timeout,    // PgBouncer: 08P01 "query_wait_timeout"
  pooler_error,          // PgBouncer: 08P01 other (no more connections allowed, shutting down, …)
};
constexpr std::size_t sql_states = 15;
constexpr std::array<std::string_view, sql_states> sql_state_codes = {
    "00000", "57P01", "57P02", "57P03", "53300", "53100", "25006",
    "57014", "40001", "55P03", "28P01", "08001", "08006", "08P01/query_wait_timeout",
    "08P01"};
constexpr std::string_view code(SqlState s) {
  return sql_state_codes[static_cast<std::size_t>(s)];
}

/// What a session asks for. `startup` comes first on each connection and is answered like a query.
enum class SqlOp : std::uint8_t {
  startup,    // authenticate; SqlAnswer says whether the server is in recovery
  read,       // one autocommit SELECT
  write,      // one autocommit write transaction
  begin,      // open a transaction block
  statement,  // inside a block
  commit,
  rollback,
  show_state,  // pg_is_in_recovery(), positions: monitoring, target_session_attrs
};

enum class SynchronousCommit : std::uint8_t { off, local, remote_write, on, remote_apply };

struct SqlRequest {
  SqlOp op = SqlOp::read;
  SynchronousCommit synchronous_commit = SynchronousCommit::on;
  bool session_read_write = false;  // startup: target_session_attrs=read-write is wanted
  std::uint8_t user = 0;            // pool key at a pooler: (user, database)
  std::uint8_t database = 0;
  std::uint32_t wal_bytes = 0;  // written by this statement
  sim::Duration work{};         // CPU and I/O time of the statement on an idle server
  std::uint64_t tag = 0;        // of the write, for the ledger; 0 = not followed
};

struct SqlAnswer {
  SqlState state = SqlState::ok;
  bool in_recovery = false;
  MemberId server = nobody;  // who answered (inet_server_addr())
  Timeline timeline = 0;
  Lsn lsn;                 // of the commit record, or the position read from
  sim::Time data_as_of{};  // reads: commit time of the newest data visible
  std::uint64_t tag = 0;   // of the request
};

using SqlListener = sim::Listener<SqlRequest, SqlAnswer>;
using SqlSocket = sim::Socket<SqlRequest, SqlAnswer>;        // the client's end
using SqlServerSocket = sim::Socket<SqlAnswer, SqlRequest>;  // the server's end

}  // namespace predrill::models
