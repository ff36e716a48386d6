// What protects acknowledged rows: the copies that are there and keep up, and whether the rows
// themselves are lost. Looking is no event of the run.
#pragma once

#include <cstddef>

#include "harness/engine/faults.hpp"
#include "harness/engine/world.hpp"

namespace predrill::harness {

/// Who answers for the rows: the leader if it accepts writes, else any member that does.
models::MemberId writer_of(World& world);

class RedundancyWatch {
 public:
  RedundancyWatch(World& world, const FaultInjector& injector)
      : world_(world), injector_(injector) {}
  /// Members whose PostgreSQL is down, or more than a second of the load behind the one that is
  /// furthest; and one more where commits should wait for a standby and wait for none.
  std::size_t copies_lost() const;
  /// A new writer lacks acknowledged rows, or no directory that is left has them all.
  bool rows_lost();

 private:
  bool lacks_rows(models::MemberId member);

  World& world_;
  const FaultInjector& injector_;
  // Rows are lost at no other moments than these change.
  models::MemberId writer_ = models::nobody;
  models::Timeline timeline_ = 0;
  models::MemberSet gone_ = 0;
  bool lost_ = false;
};

}  // namespace predrill::harness
