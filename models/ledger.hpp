// What was promised to clients: every acknowledged write with its place in the WAL. After the run
// it says what a surviving history lacks (RPO), and whether two members acknowledged at one time.
// Counts single writes and a steady background of writes alike.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/lsn.hpp"
#include "models/wal.hpp"
#include "sim/time.hpp"

namespace predrill::models {

struct AcknowledgedWrite {
  sim::Time at;
  Lsn lsn;  // end of its commit record
  Branch branch = 0;
  Timeline timeline = 1;
  MemberId member = nobody;
  std::uint32_t rows = 1;
  std::uint64_t tag = 0;
};

/// Writes acknowledged at a steady rate: row n, counted from 1, n intervals after `from` and at
/// positions evenly between `from_lsn` and `to_lsn`. What follows the last whole row until `to` was
/// never acknowledged.
struct AcknowledgedFlow {
  sim::Time from;
  sim::Time to;
  Lsn from_lsn;
  Lsn to_lsn;
  std::uint64_t rows_per_kilosecond = 0;  // 1000 times the rows per second
  Branch branch = 0;
  Timeline timeline = 1;
  MemberId member = nobody;
};

/// What a surviving directory lacks.
struct Loss {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;           // WAL from the divergence to the last acknowledged lost write
  sim::Time oldest = sim::time_max;  // when the oldest lost write was acknowledged
  sim::Time newest{};
  /// Age of the oldest lost write at an instant (the fault): RPO as a time.
  sim::Duration age_at(sim::Time fault) const {
    return rows == 0 || oldest > fault ? sim::Duration{} : fault - oldest;
  }
};

struct DualWriters {
  sim::Duration overlap{};   // time in which at least two members acknowledged
  std::uint64_t writes = 0;  // acknowledged in that time, by any of them
  sim::Time first = sim::time_max;
};

class Ledger {
 public:
  void acknowledge(const AcknowledgedWrite& write);
  void acknowledge(const AcknowledgedFlow& flow);

  /// Rows acknowledged in all.
  std::uint64_t acknowledged() const;
  const std::vector<AcknowledgedWrite>& writes() const { return writes_; }
  const std::vector<AcknowledgedFlow>& flows() const { return flows_; }

  /// What a directory with this history and end lacks, of writes acknowledged in [from, to].
  Loss lost(const WalHistory& survivor, Lsn survivor_end, sim::Time from = sim::Time{},
            sim::Time to = sim::time_max) const;
  /// Tags of lost single writes, in the order of acknowledgement.
  std::vector<std::uint64_t> lost_tags(const WalHistory& survivor, Lsn survivor_end) const;
  /// Acknowledgements of one member no further apart than `gap` count as one stretch of time.
  DualWriters dual_writers(sim::Duration gap = std::chrono::seconds(1)) const;

 private:
  std::vector<AcknowledgedWrite> writes_;
  std::vector<AcknowledgedFlow> flows_;
};

}  // namespace predrill::models
