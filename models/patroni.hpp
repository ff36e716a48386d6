// A Patroni member: the process beside PostgreSQL that holds or wants the leader key.
//
// Real thing and version: Patroni 3.3.2 (patroni/ha.py, postgresql/, api.py, watchdog/); what other
//   versions do differently: PatroniFeatures.
// Modelled: the HA cycle in its order, wake-ups, asynchronous actions with renewal of the key
//   meanwhile, leader race with REST polls, promotion, the four demotions, DCS errors, failsafe
//   mode, watchdog, crash recovery, rewind and rejoin, synchronous bookkeeping, graceful shutdown,
//   switchover, pause, REST API, member slots, restart by a supervisor.
// Simplified (diverges from the real thing): bootstrap is a directory that exists everywhere; one
//   query per cycle answers everything; the REST API sees PostgreSQL without asking it; whoever has
//   to rewind reads the leader's pg_controldata, not what it publishes of checkpoint_after_promote.
//   A background load is a steady flow of bytes; a standby tells the end of its last whole row.
// Ignored: standby clusters, quorum commit of 4.x (synchronous_mode stays priority-based), custom
//   callbacks and pre_promote scripts, scheduled actions, permanent slots, Citus, Raft.
// Calibrated from: see PatroniTimings.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "models/dcs.hpp"
#include "models/patroni_api.hpp"
#include "models/patroni_config.hpp"
#include "models/patroni_race.hpp"
#include "models/postgres.hpp"
#include "models/slowness.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"
#include "sim/trace.hpp"

namespace predrill::models {

/// Told what a member does with its power; for checkers.
class PatroniObserver {
 public:
  /// A cycle of its loop begins.
  virtual void on_cycle(MemberId member) = 0;
  /// pg_ctl promote is about to be called.
  virtual void on_promote(MemberId member) = 0;
  /// A leader goes on without the DCS because all members agreed.
  virtual void on_failsafe(MemberId member, bool active) = 0;

 protected:
  ~PatroniObserver() = default;
};

class Patroni final : sim::GroupResource {
 public:
  /// `group` holds the process: kill() it for SIGKILL, freeze() it for SIGSTOP. `dcs` is this
  /// process's own client and runs in the same group.
  Patroni(sim::Group& group, PatroniConfig config, Dcs& dcs, PostgresServer& postgres,
          PatroniTimings timings = {});
  ~Patroni() override;

  /// Whom member numbers mean. Call once, before the first start; pointers outlive the run.
  void set_members(const std::vector<Patroni*>& members) { members_ = members; }
  void set_observer(PatroniObserver* observer) { observer_ = observer; }
  /// What the watchdog does to the host; by default it crashes it.
  void set_host_reset(std::function<void()> reset) { reset_host_ = std::move(reset); }

  /// Its supervisor starts it no more: "sv down", a crash loop. Until told otherwise.
  void hold_off_supervisor(bool held_off) { supervised_ = !held_off; }

  /// Starts the process; false if it runs or the host is down.
  bool start();
  /// SIGTERM: graceful shutdown of PostgreSQL, release of the key, exit.
  void sigterm();
  /// The process ends by an error of its own; PostgreSQL lives on.
  void fail();
  bool is_running() const { return running_; }

  /// What REST /primary goes by: the last successful renewal is younger than ttl, by the wall
  /// clock of this host.
  bool is_leader() const;
  /// patroni.postgresql.role.
  enum class Role : std::uint8_t { uninitialized, replica, primary, promoted, demoted };
  Role role() const { return m_.role; }
  MemberData::State state() const { return m_.state; }
  /// The cluster as this member last saw it.
  const ClusterView& cluster() const { return m_.cluster; }
  /// When the leader key was last renewed or taken by this process; time_max if never.
  sim::Time last_renewal() const { return m_.renewed_at; }
  /// When the last cycle ended; time_max if none has.
  sim::Time last_cycle() const { return m_.cycled_at; }
  /// When the next cycle is due, by the host's wall clock.
  sim::Time next_run() const { return m_.next_run; }
  bool failsafe_active() const;

  const PatroniConfig& config() const { return config_; }
  MemberId member() const { return config_.member; }
  sim::Host& host() const { return host_; }
  sim::Group& group() const { return group_; }
  PostgresServer& postgres() const { return postgres_; }
  RestListener& rest() { return rest_; }

 private:
  using Wall = sim::Time;  // of this host's wall clock

  enum class Action : std::uint8_t {
    none,
    promote,
    start_primary,  // "starting primary after failure"
    restart,        // "restarting after failure", "starting after demotion", POST /restart
    rewind,
    reinitialize,
    crash_recovery,  // single-user mode
    demote,          // graceful or offline
  };
  enum class Rewind : std::uint8_t { initial, check, need, not_needed, success, failed };
  /// Of the primary, after a promotion: published until it is done, so that others wait to rewind.
  enum class Checkpoint : std::uint8_t { none, requested, written, done };
  enum class Demotion : std::uint8_t { graceful, immediate, immediate_nolock, offline };
  enum class AtShutdown : std::uint8_t { nothing, release, exit };
  /// How a step ended: go on with the cycle, cycle done, or an error that ends it.
  enum class Step : std::uint8_t { go_on, done, dcs_error, postgres_error };

  /// What the process forgets when it dies.
  struct Memory {
    ClusterView cluster;
    ClusterView last_healthy;  // as long as there was a leader
    Role role = Role::uninitialized;
    MemberData::State state = MemberData::State::stopped;
    Wall state_since{};
    Wall next_run{};
    Wall leader_until{};
    sim::Time renewed_at = sim::time_max;
    sim::Time cycled_at = sim::time_max;
    Action action = Action::none;
    sim::ProcessId action_process;
    bool action_runs = false;  // it has had its turn, and does not only stand in line
    bool promote_signalled = false;
    bool demotion_released = false;  // by the stop that a demotion waits for
    bool recovering = false;
    bool crash_recovery_done = false;
    Wall crash_recovery_started{};
    bool was_paused = false;
    bool nosync = false;  // while this member shuts down
    Rewind rewind = Rewind::initial;
    Checkpoint checkpoint = Checkpoint::none;
    const sim::Kind* outcome = nullptr;  // of this cycle, said at its end
    MemberId failsafe_leader = nobody;
    MemberId failsafe_told = nobody;  // who was the last to say that it leads
    Wall failsafe_until{};
    ServerStatus status;  // of this cycle
    bool status_fresh = false;
    bool status_ok = false;
    PeerStatuses polled;
    // SyncHandler
    SynchronousStandbyNames names_known;
    MemberSet ready = 0;
    Lsn names_changed_at;
    std::array<Wall, members_max> member_seen{};
    Obstacle last_obstacle = Obstacle::none;
    MemberId last_obstacle_by = nobody;
    bool dcs_failing = false;
  };

  // patroni.cpp: the process and its cycle
  sim::Task<> main();
  sim::Task<> shutdown();
  sim::Task<> nosync_handshake();
  void on_group_death() override;
  void supervise();
  bool adopt_postgres();
  sim::Task<> run_cycle();
  sim::Task<Step> cycle();
  sim::Task<Step> handle_long_action();
  sim::Task<Step> handle_starting_instance();
  sim::Task<Step> process_healthy_cluster();
  sim::Task<Step> process_unhealthy_cluster();
  sim::Task<Step> handle_dcs_error();
  sim::Task<DcsAnswer> load_cluster();

  // patroni_state.cpp: what the steps use
  sim::Task<DcsAnswer> update_lock(bool write_status);
  sim::Task<bool> touch_member();
  sim::Task<bool> query();
  sim::Task<bool> is_primary();
  sim::Task<DcsAnswer> release_leader_key(Lsn last_lsn);
  void sync_slots();
  bool begin(Action action, sim::Task<> task);
  sim::Task<> run_action(sim::Task<> task);
  sim::Task<sim::Semaphore::Permit> executor_turn();
  sim::Task<> finish(bool wake);
  void set_state(MemberData::State state);
  void set_is_leader(bool value);
  bool has_lock() const { return m_.cluster.leader == config_.member; }
  bool is_unlocked() const { return m_.cluster.leader == nobody; }
  Wall wall() const { return host_.clock().now(); }
  bool watchdog_activate();
  void watchdog_keepalive();
  void watchdog_disable() { watchdog_.disarm(); }
  void watchdog_fires();

  // patroni_ha.cpp: race, promotion, demotion
  sim::Task<Step> is_healthiest_node(bool* yes);
  sim::Task<bool> manual_failover_no_leader();
  sim::Task<bool> is_healthiest_among(const MemberSet peers, const bool check_lag);
  sim::Task<bool> is_failover_possible(const Lsn cluster_lsn, const bool exclude_candidate);
  sim::Task<Step> enforce_primary_role(const bool just_acquired);
  sim::Task<Step> switchover_from_leader();
  sim::Task<Step> follow(const sim::Kind* reason, const bool refresh);
  sim::Task<> promote();
  sim::Task<> demote(const Demotion mode);
  sim::Task<> demote_as_action(const Demotion mode);
  sim::Task<> stop_postgres(const StopMode mode, const bool checkpoint, const AtShutdown then);
  sim::Task<> latest_checkpoint_location();
  sim::Task<> at_shutdown(const AtShutdown then);
  sim::Task<bool> failsafe_topology_agrees();
  void note_obstacle(Obstacle obstacle, MemberId by);
  RaceSelf race_self(bool primary) const;

  // patroni_rejoin.cpp: start, crash recovery, rewind
  sim::Task<Step> recover();
  sim::Task<Step> handle_rewind();
  sim::Task<> check_rewind(const MemberId leader);
  sim::Task<bool> start_postgres(const StartAs as, const MemberId node, const sim::Duration limit);
  sim::Task<> start_as_action(const StartAs as, const MemberId node, const sim::Duration limit);
  sim::Task<> restart_as_action();
  sim::Task<> crash_recovery();
  sim::Task<> run_rewind(const MemberId leader);
  sim::Task<> run_reinitialize(const MemberId leader);
  void ensure_checkpoint_after_promote();
  sim::Task<> checkpoint();
  bool check_startup_state_changed();
  MemberId node_to_follow() const;
  PostgresServer* reachable_primary(MemberId member) const;

  // patroni_sync.cpp
  sim::Task<Step> process_sync_replication();
  sim::Task<bool> write_sync(SyncState& sync, const MemberSet standbys);
  sim::Task<> set_sync_names(const SynchronousStandbyNames names);
  void names_changed();
  SyncChoice current_sync_state();

  // patroni_api.cpp
  sim::Task<> serve();
  sim::Task<> serve_connection(RestListener::Server socket);
  sim::Task<RestReply> answer(const RestRequest request);
  sim::Task<RestReply> manual_failover(const RestRequest request);
  sim::Task<PeerStatuses> poll(const MemberSet peers);
  sim::Task<sim::Result<RestReply>> ask(const MemberId peer, const RestRequest request);
  RestReply status_reply() const;

  void note(const sim::Kind& kind, std::int64_t a = 0, std::int64_t b = 0);
  std::int64_t entity_of(MemberId member) const;

  sim::Group& group_;
  sim::Host& host_;
  PatroniConfig config_;
  PatroniFeatures version_;
  PatroniTimings timings_;
  Dcs& dcs_;
  PostgresServer& postgres_;
  sim::EntityId entity_;
  std::vector<Patroni*> members_;
  PatroniObserver* observer_ = nullptr;
  std::function<void()> reset_host_;

  Memory m_;
  bool running_ = false;
  bool exiting_ = false;  // on SIGTERM
  bool failed_ = false;   // by itself
  bool supervised_ = true;
  std::int32_t exits_ = 0;
  sim::ProcessId main_;
  sim::ProcessId serving_;
  sim::Semaphore cycle_lock_{1};
  sim::Gate between_cycles_{true};
  sim::Stream start_stream_, rest_stream_, cycle_stream_, thread_stream_, command_stream_,
      jitter_stream_, exit_stream_;
  Slowness slowness_;
  RestListener rest_;
  sim::Timer<Patroni, &Patroni::watchdog_fires> watchdog_;
  sim::Timer<Patroni, &Patroni::supervise> supervisor_;
};

/// As an operator reads it in the log; {0:e} is the other member where there is one.
namespace patroni_kinds {
using sim::Kind;
inline constexpr Kind started{"patroni.started", "Patroni has started"};
inline constexpr Kind killed{"patroni.killed", "Patroni was killed"};
inline constexpr Kind sigterm{"patroni.sigterm", "Patroni received SIGTERM: stopping PostgreSQL"};
inline constexpr Kind exited{"patroni.exited", "Patroni has exited"};
inline constexpr Kind leader_gone{"patroni.leader_gone", "there is no leader any more"};
inline constexpr Kind acquired{"patroni.acquired", "acquired session lock as a leader"};
inline constexpr Kind lost_race{"patroni.lost_race",
                                "following new leader after trying and failing to obtain lock"};
inline constexpr Kind promoting{"patroni.promoting",
                                "promoted self to leader by acquiring session lock"};
inline constexpr Kind promoting_had_lock{"patroni.promoting_had_lock",
                                         "promoted self to leader because I had the session lock"};
inline constexpr Kind promoted{"patroni.promoted", "the promotion is complete"};
inline constexpr Kind promote_cancelled{"patroni.promote_cancelled", "lost leader before promote"};
inline constexpr Kind race_refused{"patroni.race_refused", "no leader race: {0:n}"};
inline constexpr Kind race_vetoed{"patroni.race_vetoed", "no leader race because of {1:e}: {0:n}"};
inline constexpr Kind postponed{
    "patroni.postponed",
    "Postponing promotion because synchronous replication state was updated by somebody else"};
inline constexpr Kind lock_lost{"patroni.lock_lost",
                                "demoting self because failed to update leader lock in DCS"};
inline constexpr Kind dcs_error{"patroni.dcs_error", "Error communicating with DCS"};
inline constexpr Kind dcs_back{"patroni.dcs_back", "the DCS is accessible again"};
inline constexpr Kind demoting_dcs{
    "patroni.demoting_dcs", "demoting self because DCS is not accessible and I was a leader"};
inline constexpr Kind demoting_not_leader{
    "patroni.demoting_not_leader", "demoting self because {0:e} has the lock and I was a leader"};
inline constexpr Kind demoting_lost_race{"patroni.demoting_lost_race",
                                         "demoted self after trying and failing to obtain lock"};
inline constexpr Kind demoting_unhealthy{"patroni.demoting_unhealthy",
                                         "demoting self because i am not the healthiest node"};
inline constexpr Kind demoting_during{"patroni.demoting_during",
                                      "lost leader lock during an action: demoting self"};
inline constexpr Kind demoting_start_timeout{
    "patroni.demoting_start_timeout", "Demoting self because primary startup is taking too long"};
inline constexpr Kind demoting_crash{"patroni.demoting_crash", "Primary crashed. Failing over."};
inline constexpr Kind demoting_watchdog{"patroni.demoting_watchdog",
                                        "Demoting self because watchdog could not be activated"};
inline constexpr Kind demoting_switchover{"patroni.demoting_switchover",
                                          "switchover: demoting myself"};
inline constexpr Kind demoted{"patroni.demoted", "demoted: PostgreSQL takes no more writes"};
inline constexpr Kind key_released{"patroni.key_released", "Leader key released"};
inline constexpr Kind failsafe{
    "patroni.failsafe",
    "continue to run as a leader because failsafe mode is enabled and all members are accessible"};
inline constexpr Kind crashed{"patroni.crashed", "found PostgreSQL dead"};
inline constexpr Kind starting_primary{"patroni.starting_primary",
                                       "starting primary after failure"};
inline constexpr Kind starting_readonly{"patroni.starting_readonly",
                                        "starting as readonly because i had the session lock"};
inline constexpr Kind starting_secondary{"patroni.starting_secondary", "starting as a secondary"};
inline constexpr Kind start_failed{"patroni.start_failed",
                                   "removed leader key after trying and failing to start postgres"};
inline constexpr Kind crash_recovery{"patroni.crash_recovery",
                                     "doing crash recovery in a single user mode"};
inline constexpr Kind rewinding{"patroni.rewinding", "running pg_rewind from {0:e}"};
inline constexpr Kind rewound{"patroni.rewound", "pg_rewind has finished"};
inline constexpr Kind rewind_failed{"patroni.rewind_failed", "pg_rewind has failed"};
inline constexpr Kind reinitializing{"patroni.reinitializing",
                                     "reinitializing due to diverged timelines"};
inline constexpr Kind following{"patroni.following", "following a new leader, {0:e}"};
inline constexpr Kind sync_names{"patroni.sync_names",
                                 "Assigning synchronous standby status to {0} standbys"};
inline constexpr Kind sync_assigned{"patroni.sync_assigned",
                                    "Synchronous standby status assigned to {0} standbys"};
inline constexpr Kind sync_lost{"patroni.sync_lost",
                                "Updating synchronous privilege: {0} standbys left"};
inline constexpr Kind sync_reset{"patroni.sync_reset",
                                 "synchronous_standby_names was emptied by the start of Patroni"};
inline constexpr Kind waiting_nosync{"patroni.waiting_nosync",
                                     "Waiting for primary to release us from synchronous standby"};
inline constexpr Kind switchover{"patroni.switchover", "received switchover request"};
inline constexpr Kind late{"patroni.late", "Loop time exceeded, rescheduling immediately"};
inline constexpr Kind watchdog{"patroni.watchdog", "the watchdog resets the host"};
}  // namespace patroni_kinds

}  // namespace predrill::models
