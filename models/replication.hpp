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
  enum class Op : std::uint8_t { start_replication, identify_system, status };
  Op op = Op::start_replication;
  MemberId member = nobody;
  bool slot = false;  // uses its own slot
};

/// Walsender to walreceiver.
struct ReplicationReply {
  enum class Op : std::uint8_t {
    streaming,    // accepted
    not_ready,    // 57P03
    in_recovery,  // a standby: cascading replication is not modelled
    no_slot,      // replication slot "…" does not exist
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

}  // namespace predrill::models
