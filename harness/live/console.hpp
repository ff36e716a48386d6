// PgBouncer's admin console. Through libpq itself: libpqxx refuses a server that calls itself
// 1.18.0, and leaves its connection open.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace predrill::harness::live {

/// A row of SHOW POOLS.
struct ConsolePool {
  std::string database;
  std::uint32_t cl_active = 0, cl_waiting = 0, sv_active = 0, sv_idle = 0;
};

/// A connection that is opened when it is first used and after each failure. One thread uses it.
class Console {
 public:
  explicit Console(std::string connection);
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  /// nullopt: no answer within `limit`, the connection included.
  std::optional<std::vector<ConsolePool>> show_pools(std::chrono::milliseconds limit);

 private:
  struct Connection;
  std::string connection_text_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace predrill::harness::live
