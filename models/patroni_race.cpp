#include "models/patroni_race.hpp"

#include <algorithm>

namespace predrill::models {

std::string_view to_text(Obstacle obstacle) {
  static constexpr std::array<std::string_view, 13> texts = {
      "none",
      "backoff: skip leader race after pre_promote script failure",
      "my timeline is behind last known cluster timeline",
      "paused",
      "I am not allowed to promote",
      "watchdog device is not usable",
      "not listed in /failsafe",
      "not listed in /sync",
      "my wal position exceeds maximum replication lag",
      "another candidate was chosen",
      "primary is still alive",
      "wal position of another member is ahead of mine",
      "another member has an equal wal position and a higher priority"};
  return texts[static_cast<std::size_t>(obstacle)];
}

bool sync_mode_is_active(const PatroniConfig& config, const ClusterView& view) {
  return config.synchronous_mode && !view.sync.is_empty();
}

Obstacle own_obstacle(const PatroniConfig& config, const RaceSelf& self, const ClusterView& view,
                      bool* manual) {
  *manual = false;
  if (self.backoff) return Obstacle::backoff;
  if (view.pause && !config.nofailover() && view.failover.present) {
    *manual = true;
    return Obstacle::none;
  }
  if (self.is_primary) {
    const bool stale =
        features(config.version).own_timeline_check && self.timeline < view.history_timeline;
    return stale && !view.pause ? Obstacle::timeline_behind : Obstacle::none;
  }
  if (view.pause) return Obstacle::paused;
  if (config.nofailover()) return Obstacle::nofailover;
  if (view.failover.present) {
    const bool excluded = view.failover.leader != nobody && sync_mode_is_active(config, view) &&
                          !view.sync.matches(self.member);
    if (excluded) return Obstacle::not_in_sync;
    *manual = true;
    return Obstacle::none;
  }
  if (!self.watchdog_usable) return Obstacle::watchdog_unusable;
  if (config.failsafe_mode && view.failsafe != 0 && !contains(view.failsafe, self.member)) {
    return Obstacle::not_in_failsafe;
  }
  if (sync_mode_is_active(config, view) && !view.sync.matches(self.member)) {
    return Obstacle::not_in_sync;
  }
  return Obstacle::none;
}

bool is_lagging(const PatroniConfig& config, const ClusterView& view, Lsn position) {
  return view.status_lsn - position > config.maximum_lag_on_failover;
}

Obstacle replica_obstacle(const PatroniConfig& config, const RaceSelf& self,
                          const ClusterView& view, bool check_lag) {
  if (check_lag && is_lagging(config, view, self.wal_position)) return Obstacle::lagging;
  if (config.check_timeline && self.timeline < view.history_timeline) {
    return Obstacle::timeline_behind;
  }
  return Obstacle::none;
}

MemberSet race_peers(const PatroniConfig& config, MemberId self, const ClusterView& now,
                     const ClusterView& last_healthy) {
  MemberSet known = now.present | last_healthy.present;
  if (config.failsafe_mode) known |= now.failsafe;
  MemberSet peers = 0;
  for (MemberId id = 0; id < members_max; ++id) {
    if (id == self || !contains(known, id)) continue;
    if (sync_mode_is_active(config, now) && !now.sync.matches(id)) continue;
    const ClusterView& source = contains(now.present, id) ? now : last_healthy;
    if (contains(source.present, id) && source.members[id].nofailover) continue;
    peers |= only(id);
  }
  return peers;
}

Obstacle peer_obstacle(const PatroniConfig& config, const RaceSelf& self, const ClusterView& view,
                       const PeerStatuses& peers, MemberId* who) {
  const PatroniFeatures version = features(config.version);
  for (std::size_t i = 0; i < peers.count; ++i) {
    const PeerStatus& peer = peers.of[i];
    if (!peer.may_lead()) continue;
    *who = peer.member;
    if (!peer.in_recovery && version.alive_veto) return Obstacle::primary_alive;
    const bool former_leader = sync_mode_is_active(config, view) && view.sync.leader == peer.member;
    if (self.wal_position < peer.wal_position && !former_leader) return Obstacle::behind_peer;
    if (version.failover_priority && self.wal_position == peer.wal_position &&
        config.tags.failover_priority < peer.failover_priority &&
        (version.former_leader_priority || !former_leader)) {
      return Obstacle::peer_priority;
    }
  }
  *who = nobody;
  return Obstacle::none;
}

bool failover_possible(const PatroniConfig& config, const ClusterView& view,
                       const PeerStatuses& peers, Lsn cluster_lsn) {
  for (std::size_t i = 0; i < peers.count; ++i) {
    const PeerStatus& peer = peers.of[i];
    if (!peer.may_lead()) continue;
    if (cluster_lsn != Lsn{} && peer.wal_position < cluster_lsn) continue;
    if (cluster_lsn == Lsn{} && is_lagging(config, view, peer.wal_position)) continue;
    if (config.check_timeline && peer.timeline < view.history_timeline) continue;
    return true;
  }
  return false;
}

MemberSet failover_candidates(const PatroniConfig& config, MemberId self, const ClusterView& view,
                              bool exclude_candidate) {
  const FailoverRequest& wanted = view.failover;
  // A manual failover (no leader named) may go to a member outside /sync.
  const bool only_sync = sync_mode_is_active(config, view) &&
                         !(wanted.present && wanted.leader == nobody && wanted.candidate != nobody);
  MemberSet candidates = 0;
  for (MemberId id = 0; id < members_max; ++id) {
    if (id == self || !contains(view.present, id) || view.members[id].nofailover) continue;
    if (only_sync && !contains(view.sync.sync_standby, id)) continue;
    if (wanted.present && wanted.candidate != nobody) {
      if (exclude_candidate ? id == wanted.candidate : id != wanted.candidate) continue;
    }
    candidates |= only(id);
  }
  return candidates;
}

SyncChoice pick_sync(const PatroniConfig& config, const ClusterView& view,
                     const SyncCandidates& eligible, MemberSet ready, Lsn own_position) {
  SyncCandidates sorted = eligible;
  const auto end = sorted.of.begin() + static_cast<std::ptrdiff_t>(sorted.count);
  Lsn max_position = own_position;
  if (sorted.count > 1) {
    max_position = {};
    for (std::size_t i = 0; i < sorted.count; ++i) {
      max_position = std::max(max_position, sorted.of[i].position);
    }
  }
  // By (sync_state, position), highest first; then, stable, those that may lead before others.
  std::stable_sort(sorted.of.begin(), end, [](const SyncCandidate& a, const SyncCandidate& b) {
    if (a.is_sync != b.is_sync) return a.is_sync;
    return a.position > b.position;
  });
  std::stable_sort(sorted.of.begin(), end, [&](const SyncCandidate& a, const SyncCandidate& b) {
    return !view.members[a.member].nofailover && view.members[b.member].nofailover;
  });
  SyncChoice choice;
  std::int32_t taken = 0;
  for (std::size_t i = 0; i < sorted.count; ++i) {
    const SyncCandidate& candidate = sorted.of[i];
    const bool near = config.maximum_lag_on_syncnode <= 0 ||
                      max_position - candidate.position <=
                          static_cast<std::uint64_t>(config.maximum_lag_on_syncnode);
    if (near) {
      choice.picked |= only(candidate.member);
      ++taken;
      if (candidate.is_sync && contains(ready, candidate.member)) {
        choice.allow_promote |= only(candidate.member);
      }
    }
    if (taken >= config.synchronous_node_count) break;
  }
  return choice;
}

}  // namespace predrill::models
