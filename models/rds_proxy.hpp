// RDS Proxy in front of a managed database: clients keep their connections through a failover.
//
// Real thing and version: Amazon RDS Proxy for Aurora PostgreSQL and RDS for PostgreSQL, user
//   guide of 2023-06.
// Modelled: a client's connection outlives the writer's; a statement waits for a connection to the
//   writer up to ConnectionBorrowTimeout; the proxy asks the control plane and not DNS who writes;
//   MaxConnectionsPercent of the instance's max_connections; what was under way on a connection
//   that broke is lost to its client, whose connection ends.
// Simplified (diverges from the real thing): one statement is one transaction; connections to the
//   instance are kept one per client session.
// Ignored: pinning, IAM authentication, read-only endpoints, several proxy nodes.
// Calibrated from: user guide and API (borrow time-out 120 s, 100 %); how soon the proxy learns of
//   a new writer is a model value.
#pragma once

#include <cstdint>
#include <vector>

#include "models/address.hpp"
#include "models/managed_database.hpp"
#include "models/sql.hpp"
#include "sim/distribution.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct RdsProxyConfig {
  sim::Duration connection_borrow_timeout = std::chrono::seconds(120);  // 0 to 300 s
  std::uint32_t max_connections_percent = 100;                          // 1 to 100
  sim::Distribution notice = sim::Distribution::uniform(
      std::chrono::milliseconds(0), std::chrono::seconds(1));  // of a new writer
};

/// What the API refuses, as sentences; each value is set to its default then.
std::vector<std::string> validate(RdsProxyConfig& config);

class RdsProxy {
 public:
  RdsProxy(sim::Host& host, AddressBook& book, ManagedDatabase& database, RdsProxyConfig config);
  ~RdsProxy();

  void start();
  SqlListener& listener() { return listener_; }
  std::size_t clients() const { return clients_; }
  std::uint64_t borrow_timeouts() const { return borrow_timeouts_; }

 private:
  struct Counted {
    explicit Counted(std::size_t& count_ref) : count(count_ref) { ++count; }
    ~Counted() { --count; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::size_t& count;
  };
  sim::Task<> accept();
  sim::Task<> serve(SqlServerSocket client);
  sim::Task<bool> borrow(SqlSocket& server, sim::Time deadline);
  sim::Task<bool> connect(SqlSocket& server, MemberId member);
  sim::Task<> watch_writer();

  RdsProxyConfig config_;
  AddressBook& book_;
  ManagedDatabase& database_;
  sim::Group group_;
  SqlListener listener_;
  sim::Stream notices_;
  sim::Semaphore slots_;
  MemberId writer_ = nobody;  // as the proxy knows it
  sim::Signal writer_changed_;
  std::size_t clients_ = 0;
  std::uint64_t borrow_timeouts_ = 0;
};

}  // namespace predrill::models
