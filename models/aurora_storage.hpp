// The storage volume of an Aurora cluster: six copies, and the epoch that keeps an old writer out.
//
// Real thing and version: Aurora storage as of Verbitski et al., SIGMOD 2017 and SIGMOD 2018.
// Modelled: one protection group of six segments, two in each of three AZs; write quorum 4 of 6,
//   read quorum 3 of 6; the latency of a commit as the fourth answer of those that are up; repair
//   of a segment; the volume epoch that a new writer raises, so that what the old one still sends
//   is refused. A commit is acknowledged by the quorum alone: replicas play no part in it.
// Simplified (diverges from the real thing): one protection group stands for all; a commit waits
//   for nothing but its quorum; reads from storage always find a complete segment.
// Ignored: mixed quorum sets (full and tail segments), page reconstruction, volume growth.
// Calibrated from: SIGMOD 2017 section 2 (10 GB segment repaired in about 10 s); latencies of a
//   segment are those of the zones with a disk write on top.
#pragma once

#include <array>
#include <cstdint>

#include "models/lsn.hpp"
#include "sim/distribution.hpp"
#include "sim/random.hpp"
#include "sim/simulation.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct AuroraStorageTimings {
  sim::Distribution local_segment;   // request to acknowledgement, same AZ
  sim::Distribution remote_segment;  // another AZ
  sim::Distribution repair;          // of a lost segment, from a peer
  static AuroraStorageTimings defaults();
};

class AuroraStorage {
 public:
  static constexpr std::size_t segments = 6;
  static constexpr std::size_t zones = 3;
  static constexpr std::size_t write_quorum = 4;
  static constexpr std::size_t read_quorum = 3;

  AuroraStorage(sim::Simulation& simulation, AuroraStorageTimings timings);

  std::size_t available() const;
  bool writable() const { return available() >= write_quorum; }
  bool repairable() const { return available() >= read_quorum; }

  /// Two segments at once: those of an AZ (0, 1, 2).
  void lose_zone(std::size_t zone);
  void restore_zone(std::size_t zone);
  /// One segment; it is repaired from its peers if a read quorum is left by then.
  void lose_segment(std::size_t segment);
  void restore_segment(std::size_t segment);

  /// What a new writer does first: from now on requests with an older epoch are refused.
  std::uint32_t raise_epoch() { return ++epoch_; }
  std::uint32_t epoch() const { return epoch_; }

  /// Time until the write quorum has acknowledged, for a writer in this AZ. Needs writable().
  sim::Duration commit_latency(std::size_t writer_zone);
  /// Appends to the volume; the position is durable. False: the epoch is an old one.
  bool append(std::uint32_t epoch, std::uint32_t bytes, Lsn* end);
  Lsn durable() const { return durable_; }

  /// Open while writable(): a commit that has no quorum waits here.
  sim::Gate& quorum() { return quorum_; }

 private:
  void settle();
  sim::Task<> repair(std::size_t segment);

  sim::Simulation& simulation_;
  AuroraStorageTimings timings_;
  sim::Stream latency_;
  sim::Stream repairs_;
  std::array<bool, segments> up_;
  std::uint32_t epoch_ = 1;
  Lsn durable_{0x1000000};
  sim::Gate quorum_{true};
};

}  // namespace predrill::models
