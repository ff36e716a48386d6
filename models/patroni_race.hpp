// Decisions of a Patroni member that need no waiting: may I take part in the leader race, does what
// the others say stop me, whom do I make a synchronous standby. Pure functions over what is known.
// Source: patroni/ha.py (is_healthiest_node, _is_healthiest_node, is_failover_possible) and
// patroni/postgresql/sync.py (SyncHandler.current_state) of 3.3.2.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "models/dcs.hpp"
#include "models/lsn.hpp"
#include "models/patroni_config.hpp"

namespace predrill::models {

/// Why a member does not try to take the leader key.
enum class Obstacle : std::uint8_t {
  none,
  backoff,          // released the key after a failed pre_promote less than ttl ago
  timeline_behind,  // my timeline is behind the last known cluster timeline
  paused,
  nofailover,
  watchdog_unusable,
  not_in_failsafe,     // /failsafe does not list me
  not_in_sync,         // /sync does not list me
  lagging,             // my position exceeds maximum_lag_on_failover
  candidate_is_other,  // a switchover names somebody else who is healthy
  primary_alive,       // "Primary (x) is still alive"
  behind_peer,         // "Wal position of x is ahead of my wal position"
  peer_priority,       // equal position and higher failover_priority
};
std::string_view to_text(Obstacle obstacle);

/// What GET /patroni of a member said (class _MemberStatus).
struct PeerStatus {
  MemberId member = nobody;
  bool reachable = false;  // answered, with a WAL position
  bool in_recovery = true;
  bool nofailover = false;
  bool watchdog_failed = false;
  std::int32_t failover_priority = 1;
  Timeline timeline = 0;
  Lsn wal_position;  // zero for a primary
  /// failover_limitation() is None
  bool may_lead() const { return reachable && !nofailover && !watchdog_failed; }
};
struct PeerStatuses {
  std::array<PeerStatus, members_max> of{};
  std::size_t count = 0;
  void add(const PeerStatus& status) { of[count++] = status; }
};

/// What a member knows about itself in a race.
struct RaceSelf {
  MemberId member = nobody;
  bool is_primary = false;  // PostgreSQL runs and is not in recovery
  Timeline timeline = 0;
  Lsn wal_position;  // max(received, replayed)
  bool backoff = false;
  bool watchdog_usable = true;
};

/// /sync is in use: the setting is on and the key is not empty.
bool sync_mode_is_active(const PatroniConfig& config, const ClusterView& view);

/// The checks before anybody is polled, in their order. `manual` is set if a /failover key decides
/// further (manual_failover_process_no_leader).
Obstacle own_obstacle(const PatroniConfig& config, const RaceSelf& self, const ClusterView& view,
                      bool* manual);

/// Whether a position is too far behind the last published one.
bool is_lagging(const PatroniConfig& config, const ClusterView& view, Lsn position);

/// Lag and timeline, the first part of _is_healthiest_node.
Obstacle replica_obstacle(const PatroniConfig& config, const RaceSelf& self,
                          const ClusterView& view, bool check_lag);

/// Whom an automatic race polls: in synchronous mode those of /sync (the former leader among them),
/// otherwise everybody known now or when the cluster was last healthy; not those with nofailover.
MemberSet race_peers(const PatroniConfig& config, MemberId self, const ClusterView& now,
                     const ClusterView& last_healthy);

/// What the answers mean; `who` gets the member that stands in the way.
Obstacle peer_obstacle(const PatroniConfig& config, const RaceSelf& self, const ClusterView& view,
                       const PeerStatuses& peers, MemberId* who);

/// At least one of the polled could take over (is_failover_possible). `cluster_lsn` zero: by
/// maximum_lag_on_failover, else it must have this position.
bool failover_possible(const PatroniConfig& config, const ClusterView& view,
                       const PeerStatuses& peers, Lsn cluster_lsn);
/// Whom is_failover_possible polls (get_failover_candidates).
MemberSet failover_candidates(const PatroniConfig& config, MemberId self, const ClusterView& view,
                              bool exclude_candidate);

/// A walsender as the choice of synchronous standbys sees it.
struct SyncCandidate {
  MemberId member = nobody;
  bool is_sync = false;  // sync_state = 'sync'
  Lsn position;          // by synchronous_commit: written, flushed or replayed
};
struct SyncCandidates {
  std::array<SyncCandidate, members_max> of{};
  std::size_t count = 0;
  void add(const SyncCandidate& candidate) { of[count++] = candidate; }
};
struct SyncChoice {
  MemberSet picked = 0;         // for synchronous_standby_names
  MemberSet allow_promote = 0;  // of those, the ones that are synchronous for sure
};
/// `eligible` holds walsenders of members that run and want to be synchronous; `ready` those that
/// have been verified. Present synchronous standbys come first, then the most advanced.
SyncChoice pick_sync(const PatroniConfig& config, const ClusterView& view,
                     const SyncCandidates& eligible, MemberSet ready, Lsn own_position);

}  // namespace predrill::models
