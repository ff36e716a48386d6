// Streaming replication: what a walsender and a walreceiver say to each other, and how far a
// standby has come. While the stream flows nothing is sent: positions are a function of time.
// Sources: PostgreSQL 15, src/backend/replication/walsender.c, walreceiver.c, syncrep.c.
#pragma once

#include <cstdint>

#include "models/lsn.hpp"
#include "models/wal.hpp"
#include "sim/tcp.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// Walreceiver to walsender.
struct ReplicationRequest {
  enum class Op : std::uint8_t {
    start_replication,
    identify_system,
    reply,   // to a keepalive, and the first one
    status,  // unasked, every wal_receiver_status_interval
  };
  Op op = Op::start_replication;
  MemberId member = nobody;
  bool slot = false;  // uses its own slot
};

/// Walsender to walreceiver.
struct ReplicationReply {
  enum class Op : std::uint8_t {
    streaming,    // accepted
    not_ready,    // 57P03
    in_recovery,  // a standby: accepted, but sends nothing before its promotion
    no_slot,      // replication slot "…" does not exist
    slot_active,  // replication slot "…" is active for PID …
    wal_removed,  // requested WAL segment has already been removed
    ahead,        // requested starting point is ahead of the WAL flush position
    diverged,     // new timeline forked off before current recovery point
    behind,       // highest timeline of the primary is behind recovery timeline
    keepalive,    // asks for a status
    end_of_wal,   // the primary has shut down and everything has been sent
  };
  Op op = Op::streaming;
  Timeline timeline = 0;
  Lsn position;
};

using ReplicationListener = sim::Listener<ReplicationRequest, ReplicationReply>;
using WalReceiverSocket = sim::Socket<ReplicationRequest, ReplicationReply>;
using WalSenderSocket = sim::Socket<ReplicationReply, ReplicationRequest>;

/// How far a standby's write-ahead log has come: received, flushed, replayed. Connected, each stage
/// follows the primary's curve at its delay and below its rate; disconnected, replay goes on to the
/// end of what was received.
class StandbyFlow {
 public:
  struct Path {
    sim::Duration send{};                // flush on the primary until on the wire
    sim::Duration travel{};              // on the wire
    sim::Duration flush{};               // received until flushed
    std::uint64_t bytes_per_second = 0;  // 0 = unlimited
  };

  void reset(sim::Time now, Lsn received, Lsn replayed, std::uint64_t replay_bytes_per_second);
  /// `upstream` stays where it is until disconnect().
  void connect(sim::Time now, const WalCurve& upstream, const Path& path);
  /// What is on the wire still arrives (counted as if at once) unless the receiver has died.
  void disconnect(sim::Time now, bool receiver_lives = true);
  /// Call before the upstream's rate or position changes by other than its own growth.
  void settle(sim::Time now);
  void set_travel(sim::Time now, sim::Duration travel);
  void set_bandwidth(sim::Time now, std::uint64_t bytes_per_second);
  void set_replay_paused(sim::Time now, bool paused);
  /// The standby's disk does not finish flushes.
  void set_stalled(sim::Time now, bool stalled);

  Lsn received(sim::Time now) const;
  Lsn flushed(sim::Time now) const;
  Lsn replayed(sim::Time now) const;
  /// The end of the last record that is flushed whole: a walsender sends what has been committed.
  Lsn whole_records(sim::Time now) const;
  /// Everything committed on the primary up to this instant is visible here.
  sim::Time data_as_of(sim::Time now) const;
  /// Has been, or is, within one delay of the primary (state "streaming" instead of "catchup").
  bool caught_up(sim::Time now);
  bool connected() const { return upstream_ != nullptr; }
  bool stalled() const { return stalled_; }
  bool replay_paused() const { return paused_; }
  const Path& path() const { return path_; }
  std::uint64_t replay_rate() const { return replay_rate_; }
  /// Time to replay what has been received.
  sim::Duration replay_backlog(sim::Time now) const {
    return time_for(received(now) - replayed(now), replay_rate_);
  }

 private:
  sim::Duration delay() const { return path_.send + path_.travel; }
  sim::Time as_of(Lsn position, sim::Time now) const;

  const WalCurve* upstream_ = nullptr;
  Path path_;
  std::uint64_t replay_rate_ = 1;
  bool paused_ = false;
  bool stalled_ = false;
  bool caught_up_ = false;
  sim::Time since_{};  // of the positions below
  Lsn received_;
  Lsn flushed_;
  Lsn replayed_;
  Lsn whole_;                   // when disconnected
  sim::Time received_as_of_{};  // commit times of the data up to the positions, when disconnected
  sim::Time replayed_as_of_{};
  Lsn as_of_from_;  // replayed_as_of_ belongs to this position
};

}  // namespace predrill::models
