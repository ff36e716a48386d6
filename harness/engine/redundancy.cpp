#include "harness/engine/redundancy.hpp"

#include <algorithm>

namespace predrill::harness {

using models::MemberId;

MemberId writer_of(World& world) {
  const MemberId leader = world.leader();
  if (leader != models::nobody && world.member(leader).postgres.accepts_writes()) return leader;
  for (MemberId id = 0; id < world.members(); ++id) {
    if (world.member(id).postgres.accepts_writes()) return id;
  }
  return models::nobody;
}

std::size_t RedundancyWatch::copies_lost() const {
  models::Lsn furthest;
  std::uint64_t second = 0;
  for (MemberId id = 0; id < world_.members(); ++id) {
    const models::PostgresServer& server = world_.member(id).postgres;
    furthest = std::max(furthest, server.flushed());
    second = std::max(second, server.background().bytes_per_second());
  }
  std::size_t lost = 0;
  for (MemberId id = 0; id < world_.members(); ++id) {
    const SimulatedMember& member = world_.member(id);
    const bool there = member.host.up() && member.postgres.is_running();
    const bool near = furthest - member.postgres.flushed() <= second;
    lost += there && near ? 0U : 1U;
  }
  const bool alone = world_.system().patroni.synchronous_mode && world_.sync_standbys() == 0;
  return lost + (alone ? 1U : 0U);
}

bool RedundancyWatch::rows_lost() {
  const MemberId writer = writer_of(world_);
  const models::Timeline timeline =
      writer == models::nobody ? timeline_ : world_.member(writer).postgres.timeline();
  if (lost_ || (writer == writer_ && timeline == timeline_ && injector_.gone() == gone_)) {
    return lost_;
  }
  writer_ = writer;
  timeline_ = timeline;
  gone_ = injector_.gone();
  for (MemberId id = 0; id < world_.members(); ++id) world_.member(id).postgres.settle_ledger();
  if (writer != models::nobody) return lost_ = lacks_rows(writer);
  lost_ = true;
  for (MemberId id = 0; id < world_.members(); ++id) {
    lost_ = lost_ && (models::contains(gone_, id) || lacks_rows(id));
  }
  return lost_;
}

bool RedundancyWatch::lacks_rows(MemberId member) {
  models::PostgresServer& server = world_.member(member).postgres;
  return world_.ledger().lost(server.history(), server.flushed()).rows > 0;
}

}  // namespace predrill::harness
