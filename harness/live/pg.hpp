// PostgreSQL through libpqxx, with limits that a hung server cannot exceed.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/journal.hpp"

namespace predrill::harness::live {

/// How a statement ended: as the journal says it.
struct SqlEnd {
  models::Outcome outcome = models::Outcome::ok;
  models::SqlState state = models::SqlState::ok;
  bool in_flight = false;  // it had been sent: its fate is unknown
  std::string text;        // what the server or libpq said
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  bool ok() const { return outcome == models::Outcome::ok; }
};

/// The outcome behind a message of libpq, of the server or of PgBouncer.
SqlEnd classify(const std::string& message, const std::string& sqlstate);

/// A connection that is opened when it is first used and after each failure. One thread uses it.
class PgClient {
 public:
  explicit PgClient(std::string connection);
  ~PgClient();
  PgClient(const PgClient&) = delete;
  PgClient& operator=(const PgClient&) = delete;
  /// Connecting takes at most 2 s for each host (libpq's shortest limit); the statement is cut off
  /// when `limit` has passed since the call.
  SqlEnd execute(const std::string& statement, std::chrono::milliseconds limit);
  void close();

 private:
  struct Connection;
  std::string connection_text_;
  std::unique_ptr<Connection> connection_;
};

/// The first field of the first row; nullopt: no answer in time.
std::optional<std::string> ask_one(const std::string& connection, const std::string& query,
                                   std::chrono::milliseconds limit);

}  // namespace predrill::harness::live
