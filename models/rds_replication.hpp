// Where the WAL of an RDS database has arrived, and when a commit may be acknowledged.
//
// Real thing and version: Amazon RDS for PostgreSQL, Multi-AZ instance (block replication between
//   two volumes) and Multi-AZ cluster (PostgreSQL's replication to two readers).
// Modelled: a commit of a Multi-AZ instance waits for both volumes; where the standby is gone it
//   waits until the mirror is given up and goes on without it, and from then on the standby is not
//   taken for a copy. A commit of a cluster waits for its own volume and one reader of those that
//   are up, and waits where none is. What had not arrived when a writer died is not there on the
//   other side: lost writes are counted, not assumed away.
// Simplified (diverges from the real thing): latencies of a commit are drawn one by one; what a
//   dead host had sent arrives.
// Ignored: the flow control's delays of commits, group commit.
// Calibrated from: RdsTimings.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "models/lsn.hpp"
#include "models/rds_config.hpp"
#include "sim/random.hpp"
#include "sim/simulation.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

class RdsReplication {
 public:
  /// A writer was replaced: acknowledged positions beyond `end` that are older are lost.
  struct Promotion {
    sim::Time at{};
    Lsn end;
  };

  RdsReplication(sim::Simulation& simulation, const RdsConfig& config, const RdsTimings& timings);

  /// Appends and waits until the commit may be acknowledged; its position.
  sim::Task<Lsn> commit(MemberId writer, std::uint32_t bytes);

  /// The member takes part in commits (again), with everything there is.
  void attach(MemberId member);
  /// The member is gone; commits that need it wait until give_up() or attach().
  void lose(MemberId member);
  /// Commits go on without it (Multi-AZ instance).
  void give_up(MemberId member);
  /// It holds everything that was ever acknowledged.
  bool in_sync(MemberId member) const { return copies_[member].in_sync; }
  /// What has arrived there by now.
  Lsn received(MemberId member);
  /// It becomes the writer with what it has.
  void promote(MemberId member);
  const std::vector<Promotion>& promotions() const { return promotions_; }

 private:
  struct Arrival {
    Lsn end;
    sim::Time at;
  };
  struct Copy {
    bool up = true;
    bool in_sync = true;
    Lsn received;
    sim::Time last_arrival{};
    std::deque<Arrival> under_way{};
  };
  bool acknowledged(MemberId writer, Lsn end);

  sim::Simulation& simulation_;
  RdsDeployment deployment_;
  const RdsTimings& timings_;
  sim::Stream local_;
  sim::Stream remote_;
  std::vector<Copy> copies_;
  std::vector<Promotion> promotions_;
  Lsn end_{0x1000000};
  sim::Signal changed_;
};

}  // namespace predrill::models
