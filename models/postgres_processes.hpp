// The child processes of a postmaster, as objects inside their coroutines. Used by postgres_*.cpp
// alone.
#pragma once

#include "models/postgres.hpp"

namespace predrill::models {

/// const sim::ProcessId me = co_await this_process();
struct [[nodiscard]] this_process {
  sim::ProcessId id;
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> h) {
    id = h.promise().process->id();
    return false;
  }
  sim::ProcessId await_resume() const noexcept { return id; }
};

/// A backend and its client.
class Session {
 public:
  Session(PostgresServer& server, SqlServerSocket& socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  void unlink();

  PostgresServer& server;
  SqlServerSocket& socket;
  sim::ProcessId process;
  bool counted = false;       // holds one of max_connections
  bool waiting_sync = false;  // committed here, not yet acknowledged
  bool in_block = false;
  SqlState failed = SqlState::ok;  // of the block
  std::uint64_t block_bytes = 0;
  Session* newer = nullptr;
  Session* older = nullptr;

 private:
  bool linked_ = true;
};

/// The primary's end of a stream.
class Walsender {
 public:
  Walsender(PostgresServer& server, WalSenderSocket& socket, MemberId member);
  ~Walsender();
  Walsender(const Walsender&) = delete;
  Walsender& operator=(const Walsender&) = delete;

  /// Something about the path or the two processes has changed.
  void refresh();
  /// The walreceiver has spoken. As a reply to what was sent to it: the stream flows if the path is
  /// whole.
  void on_status(bool reply);
  /// The group went on after a stop: what has arrived meanwhile counts as heard now.
  void thawed();
  /// The walreceiver's process is about to be gone; its host may be.
  void receiver_gone();
  bool flowing() const { return flowing_; }
  StandbyFlow& standby_flow() const;  // while flowing
  bool streaming() const;
  /// When the standby's confirmation of `lsn` gets here, if nothing happens; time_max if it does
  /// not.
  sim::Time confirmation(Lsn lsn, SynchronousCommit level);
  /// Commit until confirmation, of the steady stream.
  sim::Duration round_trip(SynchronousCommit level) const;
  Lsn confirmed_flush() const;

  WalSenderSocket& socket;
  const MemberId member;
  sim::ProcessId process;
  Walreceiver* receiver = nullptr;

 private:
  bool path_is_whole() const;
  void break_flow();
  void stop_flowing();
  void ask();
  void start_clock(sim::Time last_reply);
  sim::Time last_reply() const;
  void timed_out();

  PostgresServer& server_;
  PostgresServer& standby_;
  bool flowing_ = false;
  bool asked_ = false;
  bool streaming_ = false;  // when it last flowed
  Lsn confirmed_;           // when it last flowed
  sim::Time connected_;
  sim::Duration back_{};
  sim::Timer<Walsender, &Walsender::timed_out> timeout_;
};

/// The standby's end.
class Walreceiver {
 public:
  Walreceiver(PostgresServer& server, PostgresServer& primary, WalReceiverSocket& socket);
  ~Walreceiver();
  Walreceiver(const Walreceiver&) = delete;
  Walreceiver& operator=(const Walreceiver&) = delete;
  /// Nothing has been received since.
  void start_clock(sim::Time last_receipt);
  /// Until the stream flows: a status every wal_receiver_status_interval, of which the last was
  /// sent then.
  void start_reporting(sim::Time last);
  void stop_clocks() {
    timeout_.disarm();
    report_.disarm();
  }
  void thawed();

  PostgresServer& server;
  PostgresServer& primary;
  WalReceiverSocket& socket;
  Walsender* sender = nullptr;
  const sim::Time connected;

 private:
  void timed_out();
  void report();
  sim::Timer<Walreceiver, &Walreceiver::timed_out> timeout_;
  sim::Timer<Walreceiver, &Walreceiver::report> report_;
};

}  // namespace predrill::models
