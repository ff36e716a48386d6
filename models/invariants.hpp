// What must hold in a PostgreSQL cluster under Patroni, checked while a run goes on. Whoever
// watches the run reports state changes; each broken rule becomes a Violation with the known
// mechanism that explains it, or Mechanism::none: then the model (or the real system) has a fault.
// Rules I1 to I16: uniqueness of the leader key and of writers, timelines, durability, rejoin,
// reads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "models/dcs.hpp"
#include "models/ledger.hpp"
#include "models/lsn.hpp"
#include "models/patroni_config.hpp"
#include "sim/time.hpp"

namespace predrill::models {

enum class Invariant : std::uint8_t {
  one_key_holder,        // I1: one holder of the leader key; it is created or compared-and-set
  promotes_with_key,     // I2: promotes only while holding the key
  one_writer,            // I3: no two members acknowledge writes at overlapping times
  own_timeline,          // I4: every promotion begins a timeline of its own, above its parent
  synchronous_survives,  // I5: synchronously acknowledged commits survive
  loss_bounded,          // I6: lost are at most the writes that the new primary had not received
  sync_key_is_true,      // I7: who is in /sync is named in synchronous_standby_names
  sync_member_promotes,  // I8: in synchronous mode only members of /sync are promoted
  stops_before_expiry,   // I9: an old primary stops acknowledging before its key expires
  failsafe_alone,        // I10: while failsafe mode keeps a leader nobody else takes the key
  laggard_stays,         // I11: a member that lags too far does not win by itself
  timeline_grows,        // I12: the timeline of the cluster never goes back
  rejoin_exact,          // I13: a rejoining primary discards exactly what follows the fork
  atomic,                // I14: a transaction is there or not, never in part
  leader_in_time,        // I15: with a legal candidate the cluster has a leader in bounded time
  reads_go_forward,      // I16: reads on one member never go back
};
constexpr std::size_t invariants = 16;
std::string_view to_text(Invariant invariant);

/// Why a rule may be broken though nothing is wrong with the model.
enum class Mechanism : std::uint8_t {
  none,
  patroni_dead,         // Patroni is dead, PostgreSQL lives
  frozen,               // the process or host had been stopped
  paused,               // maintenance mode
  failsafe,             // the leader went on by consent of all
  manual,               // a person promoted, or forced a failover
  unconditional_reput,  // Patroni before 3.1 overwrites the key
  no_alive_veto,        // Patroni before 3.1.0
  asynchronous,         // nothing was promised
  names_empty,          // no synchronous standby was named at the time
  names_reset,          // emptied by the start of Patroni (3.3.0 to 3.3.6, 4.0.0 to 4.0.5)
  former_primary,       // it ran as primary: no lag check
  stale_status,         // /status is up to loop_wait old
  timeline_unchecked,   // check_timeline is off
  history_lost,         // neither /history nor an archive could be read
  vetoed,               // others were ahead, round after round
  clock_jumped,         // the wall clock jumped back: Patroni sleeps longer by as much
  dcs_unavailable,
  demotion_waits,  // its demotion waited for the thread that had to carry it out
  cycle_overran,   // its cycle waited for requests that the timeouts' rule does not count
  rewound,
};
std::string_view to_text(Mechanism mechanism);

struct Violation {
  Invariant invariant = Invariant::one_key_holder;
  Mechanism mechanism = Mechanism::none;
  sim::Time at{};
  MemberId member = nobody;
};

class InvariantChecker {
 public:
  /// `commits_wait`: writers commit with synchronous_commit = on or remote_apply, so that
  /// synchronous mode promises them something.
  explicit InvariantChecker(const PatroniConfig& config, bool commits_wait = true);

  enum class KeyChange : std::uint8_t { created, swapped, overwritten, deleted, expired };
  /// The leader key changed in the store; `holder` is who has it now or had it.
  void on_key(sim::Time at, MemberId holder, KeyChange change);
  enum class Life : std::uint8_t { running, dead, frozen };
  /// The Patroni process of a member.
  void on_patroni(sim::Time at, MemberId member, Life life);
  /// A cycle of its Patroni begins.
  void on_cycle(sim::Time at, MemberId member) {
    members_[member].previous_cycle = members_[member].cycle;
    members_[member].cycle = at;
  }
  void on_pause(bool paused) { paused_ = paused; }
  /// The wall clock of a member's host jumped.
  void on_clock(sim::Time at, MemberId member, sim::Duration jump);
  /// pg_ctl promote is called. `received`: its position; `manual`: by a person.
  void on_promote(sim::Time at, MemberId member, Lsn received, bool manual = false);
  /// A promotion has ended on a new timeline.
  void on_timeline(sim::Time at, MemberId member, Timeline parent, Timeline timeline,
                   bool history_readable = true);
  /// A member begins or ends to accept writes.
  void on_writable(sim::Time at, MemberId member, bool writable);
  /// /status, /sync, and the names in force on a member that runs as primary.
  void on_status(Lsn lsn) { status_lsn_ = lsn; }
  void on_sync_key(sim::Time at, MemberId leader, MemberSet standbys);
  void on_names(sim::Time at, MemberId member, MemberSet names, bool by_start_of_patroni = false);
  void on_failsafe(sim::Time at, MemberId member, bool active);
  /// A leader that has lost the DCS says that it demotes itself, in a thread of its own that has to
  /// wait for the lock of the main loop: a cycle that comes late may take it first.
  void on_demotion(MemberId member) { members_[member].demoting = true; }
  /// A race round ended because another member was ahead or still alive.
  void on_veto() { vetoed_ = true; }
  void on_dcs(bool available) { dcs_lost_ = dcs_lost_ || !available; }
  /// Whether at least one member could lead by the rules. Time without any counts for nothing.
  void on_candidates(sim::Time at, bool any);
  /// A rejoin: where its history forks from the primary's, and where its WAL ends afterwards.
  void on_rejoin(sim::Time at, MemberId member, Lsn fork, Lsn end);
  /// A client read a position on a member.
  void on_read(sim::Time at, MemberId member, Lsn position);
  /// Of a transaction's rows, how many are there: all or none, and all if it was `acknowledged`.
  void on_transaction(sim::Time at, MemberId member, std::uint32_t rows, std::uint32_t found,
                      bool acknowledged = false);
  /// At the end: what was acknowledged, against what the surviving primary has. `received` is the
  /// position up to which the promoted member had received its former primary's WAL. Without a
  /// survivor (nobody) only what needs none is checked.
  void finish(sim::Time at, const Ledger& ledger, MemberId survivor, const WalHistory& history,
              Lsn end, Lsn last_acknowledged, Lsn received);

  const std::vector<Violation>& violations() const { return violations_; }
  /// Those that no known mechanism explains.
  std::size_t unexplained() const;

 private:
  struct MemberState {
    Life patroni = Life::running;
    bool was_dead = false;  // while PostgreSQL wrote
    bool was_frozen = false;
    sim::Time cycle{}, previous_cycle{};  // when they began
    bool writable = false;
    bool former_primary = false;
    bool failsafe = false;
    bool demoting = false;  // and still writes
    bool rewound = false;
    sim::Time oversleeps_until{};  // after a jump of the clock
    MemberSet names = 0;
    Lsn last_read;
  };
  /// A time in which a member accepted writes and named no synchronous standby.
  struct Unnamed {
    MemberId member;
    bool by_start_of_patroni;
    sim::Time from;
    sim::Time to;
  };
  void report(Invariant invariant, sim::Time at, MemberId member, Mechanism mechanism);
  void leaderless_until(sim::Time at, MemberId member);
  void note_unnamed(sim::Time at, MemberId member, bool by_start_of_patroni);
  Mechanism excuse_of_loss(const Ledger& ledger, const Loss& loss, const WalHistory& history,
                           Lsn end) const;
  Mechanism excuse_of(MemberId member, sim::Time at) const;
  bool overran(sim::Time at, MemberId member) const;
  Mechanism any_excuse() const;

  PatroniConfig config_;
  std::array<MemberState, members_max> members_{};
  std::vector<Violation> violations_;
  MemberId holder_ = nobody;
  bool paused_ = false;
  bool vetoed_ = false;
  bool dcs_lost_ = false;
  bool candidates_ = true;
  bool commits_wait_ = true;
  std::vector<Unnamed> unnamed_;
  bool manual_ = false;
  bool ever_dead_ = false;
  bool ever_frozen_ = false;
  bool sync_known_ = false;
  MemberId sync_leader_ = nobody;
  MemberSet sync_standbys_ = 0;
  Lsn status_lsn_;
  Timeline newest_ = 0;
  std::vector<Timeline> timelines_;
  sim::Time leaderless_since_ = sim::time_max;
  sim::Time promoted_at_{};  // when somebody was last told to promote
};

}  // namespace predrill::models
