// Transactions of applications, one by one: an open loop (they arrive whatever the database does)
// or a closed one (each session thinks, then asks again), with the applications' own retries.
//
// Real thing and version: application servers with a fixed number of connections.
// Modelled: arrivals at random or at a fixed distance, a queue before the sessions, reads and
//   writes with their work, transaction blocks with thinking in between, retries with back-off,
//   writes in doubt, sessions that reconnect, pools that hold their connections open.
// Simplified (diverges from the real thing): a session keeps its connection and gives it up only
//   when it breaks; there is no validation before use.
// Ignored: several statements per round trip, prepared statements, results by size.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/journal.hpp"
#include "models/sql_client.hpp"
#include "sim/distribution.hpp"
#include "sim/histogram.hpp"
#include "sim/host.hpp"
#include "sim/random.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct WorkloadConfig {
  std::string name = "workload";  // path in the journal, random streams
  LibpqConfig target;
  std::size_t sessions = 100;
  /// All of them are open from the start, within 3 s, used or not, and one that breaks is opened
  /// again at once, after refusals with the pauses of `retry`: HikariCP whose minimumIdle is its
  /// maximumPoolSize (the default). Else each is opened by the first transaction that needs it.
  bool hold_connections = false;
  /// Open loop: time between arrivals. Closed loop: time that a session thinks.
  bool closed_loop = false;
  sim::Distribution between = sim::Distribution::constant(sim::Duration(std::chrono::seconds(1)));
  std::uint32_t read_permille = 0;
  sim::Distribution read_time;  // work on an idle server, per statement
  sim::Distribution write_time;
  std::uint32_t wal_bytes = 0;   // per write
  std::uint32_t statements = 1;  // 1 = autocommit; more = BEGIN, statements, COMMIT
  sim::Distribution think;       // between the statements of a block
  sim::Duration timeout{};       // of an attempt; 0 = none, as libpq
  RetryPolicy retry;
  std::size_t queue_max = 1'000'000;  // arrivals beyond it are dropped
  bool journal = false;               // one record per attempt
  bool follow_writes = false;         // give each write a tag, for the ledger
};

struct WorkloadStats {
  std::uint64_t arrived = 0;
  std::uint64_t completed = 0;  // transactions
  std::uint64_t failed = 0;     // given up
  std::uint64_t dropped = 0;    // queue_max
  std::uint64_t attempts = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t in_doubt = 0;          // attempts whose outcome is unknown
  std::uint64_t refused_connects = 0;  // hold_connections: tries to open one that failed
  std::size_t queue_longest = 0;
  sim::Histogram response;  // arrival until completed
};

class Workload {
 public:
  /// `journal` may be null if the configuration does not ask for one.
  Workload(sim::Host& host, AddressBook& book, DnsServer* resolver, WorkloadConfig config,
           Journal* journal = nullptr);
  ~Workload();

  void start();
  void stop() { group_.kill(); }
  /// Another rate from the next arrival on.
  void set_between(const sim::Distribution& between) { config_.between = between; }

  const WorkloadStats& stats() const { return stats_; }
  std::size_t queued() const { return queue_tail_ - queue_head_; }

  // With hold_connections:
  std::size_t connected() const { return connected_; }
  /// From now on: when was the number of open connections what it is now?
  void watch_connections();
  /// Time since when it has been so again; time_max while connections are missing.
  sim::Time connected_again() const { return connected_again_; }

  sim::Group& group() { return group_; }

 private:
  struct Session {
    SqlSocket socket;
    sim::Signal work;
    bool counted = false;  // in connected_
  };
  sim::Task<> arrivals();
  sim::Task<> serve(Session& session);
  sim::Task<> open(Session& session);
  sim::Task<> rest(Session& session);
  sim::Task<> work_for(Session& session);
  sim::Task<> end_of(Session& session);
  sim::Task<StatementResult> transact(Session& session, bool write, std::uint64_t tag,
                                      sim::Time deadline);
  sim::Task<bool> retry(Session& session, bool write, std::uint64_t tag, StatementResult result);
  SqlRequest statement(SqlOp op, bool write, std::uint64_t tag);
  void note(sim::Time sent, bool write, std::uint64_t tag, std::uint32_t number,
            const StatementResult& result);
  void arrive();
  void wake_one();
  sim::Duration start_delay();
  void count(Session& session);
  sim::Time deadline() const;

  WorkloadConfig config_;
  Journal* journal_;
  std::uint16_t path_ = 0;
  std::uint64_t first_tag_ = 0;  // without a journal: tags of no path
  WorkloadStats stats_;
  sim::Stream arrival_stream_;
  sim::Stream kind_stream_;
  sim::Stream work_stream_;
  sim::Stream retry_stream_;
  std::uint64_t sequence_ = 0;
  std::vector<sim::Time> queue_;  // of arrivals; a ring
  std::size_t queue_head_ = 0;
  std::size_t queue_tail_ = 0;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Session*> idle_;
  std::size_t connected_ = 0;
  std::size_t watched_ = 0;
  sim::Time connected_again_{};
  sim::Group group_;
  Libpq libpq_;
};

}  // namespace predrill::models
