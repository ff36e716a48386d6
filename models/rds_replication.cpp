#include "models/rds_replication.hpp"

#include <algorithm>

namespace predrill::models {

RdsReplication::RdsReplication(sim::Simulation& simulation, const RdsConfig& config,
                               const RdsTimings& timings)
    : simulation_(simulation),
      deployment_(config.deployment),
      timings_(timings),
      local_(simulation.stream(config.identifier, "local write")),
      remote_(simulation.stream(config.identifier, "remote write")),
      copies_(config.members.size()) {
  for (Copy& one : copies_) one.received = end_;
}

Lsn RdsReplication::received(MemberId member) {
  Copy& copy = copies_[member];
  while (!copy.under_way.empty() && copy.under_way.front().at <= simulation_.now()) {
    copy.received = std::max(copy.received, copy.under_way.front().end);
    copy.under_way.pop_front();
  }
  return copy.received;
}

bool RdsReplication::acknowledged(MemberId writer, Lsn end) {
  if (received(writer) < end) return false;
  bool waits_for_one = false;
  bool one_has_it = false;
  const auto members = static_cast<MemberId>(copies_.size());
  for (MemberId member = 0; member < members; ++member) {
    if (member == writer || !copies_[member].in_sync) continue;
    const bool has_it = received(member) >= end;
    if (deployment_ == RdsDeployment::multi_az_instance && !has_it) return false;
    waits_for_one = true;
    one_has_it = one_has_it || has_it;
  }
  if (deployment_ != RdsDeployment::multi_az_cluster) return true;
  return waits_for_one && one_has_it;
}

sim::Task<Lsn> RdsReplication::commit(MemberId writer, std::uint32_t bytes) {
  end_ = end_ + bytes;
  const Lsn end = end_;
  const sim::Time now = simulation_.now();
  const auto members = static_cast<MemberId>(copies_.size());
  for (MemberId member = 0; member < members; ++member) {
    Copy& copy = copies_[member];
    const bool own = member == writer;
    const sim::Duration latency = own ? timings_.local_write.sample_duration(local_)
                                      : timings_.remote_write.sample_duration(remote_);
    if (!own && (!copy.up || !copy.in_sync)) continue;
    copy.last_arrival = std::max(copy.last_arrival, now + latency);
    copy.under_way.push_back({end, copy.last_arrival});
  }
  while (!acknowledged(writer, end)) {
    // The next arrival may be the one that was missing; without any, a change has to come.
    sim::Time next = sim::time_max;
    for (const Copy& copy : copies_) {
      for (const Arrival& one : copy.under_way) {
        if (one.end >= end && one.at > simulation_.now()) next = std::min(next, one.at);
      }
    }
    if (next == sim::time_max) {
      co_await changed_.wait();
    } else {
      co_await changed_.wait_for(next - simulation_.now());
    }
  }
  co_return end;
}

void RdsReplication::attach(MemberId member) {
  Copy& copy = copies_[member];
  copy.up = copy.in_sync = true;
  copy.under_way.clear();
  copy.received = end_;
  changed_.notify_all();
}

void RdsReplication::lose(MemberId member) {
  Copy& copy = copies_[member];
  copy.up = false;
  received(member);
  copy.under_way.clear();
  // A reader of a cluster that is gone counts no longer; a mirror does until it is given up.
  if (deployment_ == RdsDeployment::multi_az_cluster) copy.in_sync = false;
  changed_.notify_all();
}

void RdsReplication::give_up(MemberId member) {
  copies_[member].in_sync = false;
  changed_.notify_all();
}

void RdsReplication::promote(MemberId member) {
  received(member);
  end_ = copies_[member].received;
  for (Copy& copy : copies_) {
    copy.under_way.clear();
    copy.received = std::min(copy.received, end_);
  }
  promotions_.push_back({simulation_.now(), end_});
}

}  // namespace predrill::models
