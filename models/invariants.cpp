#include "models/invariants.hpp"

#include <algorithm>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Time;

std::string_view to_text(Invariant invariant) {
  static constexpr std::array<std::string_view, invariants> texts = {
      "I1 one holder of the leader key",
      "I2 promotes only with the key",
      "I3 one member acknowledges writes at a time",
      "I4 each promotion begins its own timeline",
      "I5 synchronously acknowledged commits survive",
      "I6 loss is bounded by what was not received",
      "I7 /sync lists only named standbys",
      "I8 only members of /sync are promoted",
      "I9 an old primary stops before its key expires",
      "I10 failsafe mode excludes another leader",
      "I11 a lagging member does not win",
      "I12 the timeline never goes back",
      "I13 a rejoin discards exactly what follows the fork",
      "I14 a transaction is whole",
      "I15 a leader in bounded time",
      "I16 reads never go back"};
  return texts[static_cast<std::size_t>(invariant)];
}

std::string_view to_text(Mechanism mechanism) {
  static constexpr std::array<std::string_view, 21> texts = {
      "unexplained",
      "Patroni is dead while PostgreSQL lives",
      "the process was stopped and went on",
      "maintenance mode",
      "failsafe mode",
      "a person did it",
      "Patroni before 3.1 overwrites the key",
      "Patroni before 3.1.0 ignores a living primary",
      "asynchronous replication promises nothing",
      "no synchronous standby was named",
      "the start of Patroni emptied synchronous_standby_names",
      "it ran as primary, which skips the lag check",
      "/status is up to loop_wait old",
      "check_timeline is off",
      "the history of timelines was not readable",
      "others were ahead, round after round",
      "the wall clock jumped back and Patroni slept through it",
      "the DCS was not available",
      "its demotion waited for the lock of the main loop",
      "its cycle waited for requests that loop_wait + 2*retry_timeout <= ttl does not count",
      "the member was rewound"};
  return texts[static_cast<std::size_t>(mechanism)];
}

InvariantChecker::InvariantChecker(const PatroniConfig& config, bool commits_wait)
    : config_(config), commits_wait_(commits_wait) {
  adjust(config_);
}

void InvariantChecker::report(Invariant invariant, Time at, MemberId member, Mechanism mechanism) {
  violations_.push_back({invariant, mechanism, at, member});
}

std::size_t InvariantChecker::unexplained() const {
  return static_cast<std::size_t>(
      std::count_if(violations_.begin(), violations_.end(),
                    [](const Violation& v) { return v.mechanism == Mechanism::none; }));
}

// What explains that this member writes without the right to.
Mechanism InvariantChecker::excuse_of(MemberId member, Time at) const {
  if (paused_) return Mechanism::paused;
  if (member >= members_max) return Mechanism::none;
  const MemberState& state = members_[member];
  if (state.was_dead) return Mechanism::patroni_dead;
  if (state.was_frozen) return Mechanism::frozen;
  if (state.failsafe) return Mechanism::failsafe;
  if (at <= state.oversleeps_until) return Mechanism::clock_jumped;
  return Mechanism::none;
}

Mechanism InvariantChecker::any_excuse() const {
  if (paused_) return Mechanism::paused;
  if (ever_dead_) return Mechanism::patroni_dead;
  if (ever_frozen_) return Mechanism::frozen;
  if (manual_) return Mechanism::manual;
  return features(config_.version).alive_veto ? Mechanism::none : Mechanism::no_alive_veto;
}

// The rule loop_wait + 2*retry_timeout <= ttl lets a cycle begin loop_wait after the renewal and
// lose the DCS while it loads and renews. A cycle that loses it just after the renewal waits for
// /status, /sync or its member key as well, retry_timeout each, and only then looks at the lock.
bool InvariantChecker::overran(Time expiry, MemberId member) const {
  const Time renewed = expiry - config_.ttl;  // or up to 0.5 s earlier: etcd's scan
  const MemberState& state = members_[member];
  const bool next_was_late =
      state.previous_cycle <= renewed && state.cycle > renewed + config_.loop_wait;
  return state.cycle <= renewed || next_was_late;
}

void InvariantChecker::on_key(Time at, MemberId holder, KeyChange change) {
  switch (change) {
    case KeyChange::created:
    case KeyChange::swapped:
    case KeyChange::overwritten: {
      const bool old_version = config_.version == PatroniVersion::v3_0_2;
      const Mechanism reput = change == KeyChange::overwritten && old_version
                                  ? Mechanism::unconditional_reput
                                  : Mechanism::none;
      if (holder_ != nobody && holder_ != holder) {
        report(Invariant::one_key_holder, at, holder, reput);
      }
      for (MemberId id = 0; id < members_max; ++id) {
        if (id == holder || !members_[id].failsafe) continue;
        report(Invariant::failsafe_alone, at, holder, Mechanism::none);
      }
      holder_ = holder;
      break;
    }
    case KeyChange::expired:
      if (holder < members_max && members_[holder].writable) {
        Mechanism excuse = excuse_of(holder, at);
        if (excuse == Mechanism::none && members_[holder].demoting) {
          excuse = Mechanism::demotion_waits;
        }
        if (excuse == Mechanism::none && overran(at, holder)) excuse = Mechanism::cycle_overran;
        report(Invariant::stops_before_expiry, at, holder, excuse);
      }
      holder_ = nobody;
      break;
    case KeyChange::deleted:
      holder_ = nobody;
      break;
  }
}

void InvariantChecker::on_patroni(Time, MemberId member, Life life) {
  MemberState& state = members_[member];
  state.patroni = life;
  // A stopped PostgreSQL may already count as not writable; it writes again when it goes on.
  if (life == Life::frozen && state.former_primary) state.was_frozen = ever_frozen_ = true;
  if (life == Life::dead && state.writable) state.was_dead = ever_dead_ = true;
}

// Patroni reckons its next cycle, and the deadline of requests under way, in time of day
// (schedule_next_run() of __main__.py, Retry of utils.py): set back by J it wakes J later.
void InvariantChecker::on_clock(Time at, MemberId member, sim::Duration jump) {
  if (jump >= sim::Duration{}) return;
  Time& until = members_[member].oversleeps_until;
  const sim::Duration cycle = config_.loop_wait + config_.retry_timeout;
  until = std::max(until, at + cycle) - jump;
}

void InvariantChecker::on_promote(Time at, MemberId member, Lsn received, bool manual) {
  manual_ = manual_ || manual;
  promoted_at_ = at;
  const Mechanism by_hand = manual ? Mechanism::manual : Mechanism::none;
  if (holder_ != member) {
    report(Invariant::promotes_with_key, at, member, paused_ ? Mechanism::paused : by_hand);
  }
  if (config_.synchronous_mode && sync_known_ && sync_leader_ != member &&
      !contains(sync_standbys_, member)) {
    report(Invariant::sync_member_promotes, at, member, by_hand);
  }
  if (status_lsn_ - received > config_.maximum_lag_on_failover) {
    report(Invariant::laggard_stays, at, member,
           members_[member].former_primary ? Mechanism::former_primary : by_hand);
  }
}

void InvariantChecker::on_timeline(Time at, MemberId member, Timeline parent, Timeline timeline,
                                   bool history_readable) {
  const Mechanism unread = history_readable ? Mechanism::none : Mechanism::history_lost;
  const bool taken = std::find(timelines_.begin(), timelines_.end(), timeline) != timelines_.end();
  if (timeline <= parent) {
    report(Invariant::own_timeline, at, member, Mechanism::none);
  } else if (taken) {
    report(Invariant::own_timeline, at, member, unread);
  }
  if (timeline < newest_) {
    const bool unchecked = !config_.check_timeline && !members_[member].former_primary;
    report(Invariant::timeline_grows, at, member,
           unchecked ? Mechanism::timeline_unchecked : unread);
  }
  timelines_.push_back(timeline);
  newest_ = std::max(newest_, timeline);
}

void InvariantChecker::on_writable(Time at, MemberId member, bool writable) {
  MemberState& state = members_[member];
  state.writable = writable;
  state.demoting = false;
  if (writable) {
    state.former_primary = true;
    leaderless_until(at, member);
    leaderless_since_ = sim::time_max;
    vetoed_ = false;
    dcs_lost_ = false;
    note_unnamed(at, member, false);
    return;
  }
  note_unnamed(at, member, false);
  if (state.patroni == Life::running) state.was_dead = state.was_frozen = false;
  const bool anybody = std::any_of(members_.begin(), members_.end(),
                                   [](const MemberState& m) { return m.writable; });
  if (!anybody) leaderless_since_ = at;
}

// ttl, expiry scan, poll of a dead member, one lost round, promotion. How long PostgreSQL asks an
// archive and replays after it has been told to promote is no matter of finding a leader.
void InvariantChecker::leaderless_until(Time at, MemberId member) {
  if (leaderless_since_ == sim::time_max || !candidates_) return;
  const sim::Duration bound = config_.ttl + 500ms + 2s + config_.loop_wait + 2s;
  const Time found = promoted_at_ > leaderless_since_ ? promoted_at_ : at;
  if (found - leaderless_since_ <= bound) return;
  const Mechanism known = vetoed_     ? Mechanism::vetoed
                          : dcs_lost_ ? Mechanism::dcs_unavailable
                          : paused_   ? Mechanism::paused
                                      : Mechanism::none;
  report(Invariant::leader_in_time, at, member, known);
}

void InvariantChecker::on_candidates(Time at, bool any) {
  if (any && !candidates_ && leaderless_since_ != sim::time_max) leaderless_since_ = at;
  candidates_ = any;
}

// Begins or ends the time in which this member writes without a named standby.
void InvariantChecker::note_unnamed(Time at, MemberId member, bool by_start_of_patroni) {
  const MemberState& state = members_[member];
  const auto open = std::find_if(unnamed_.begin(), unnamed_.end(), [member](const Unnamed& u) {
    return u.member == member && u.to == sim::time_max;
  });
  const bool now = config_.synchronous_mode && state.writable && state.names == 0;
  if (now && open == unnamed_.end()) {
    unnamed_.push_back({member, by_start_of_patroni, at, sim::time_max});
  } else if (!now && open != unnamed_.end()) {
    open->to = at;
  }
}

void InvariantChecker::on_sync_key(Time at, MemberId leader, MemberSet standbys) {
  sync_known_ = leader != nobody;
  sync_leader_ = leader;
  sync_standbys_ = standbys;
  if (leader >= members_max || !members_[leader].writable) return;
  if ((standbys & static_cast<MemberSet>(~members_[leader].names)) != 0) {
    report(Invariant::sync_key_is_true, at, leader, Mechanism::none);
  }
}

void InvariantChecker::on_names(Time at, MemberId member, MemberSet names,
                                bool by_start_of_patroni) {
  members_[member].names = names;
  note_unnamed(at, member, by_start_of_patroni);
  if (!config_.synchronous_mode || !members_[member].writable) return;
  if (member == sync_leader_ && (sync_standbys_ & static_cast<MemberSet>(~names)) != 0) {
    report(Invariant::sync_key_is_true, at, member,
           by_start_of_patroni ? Mechanism::names_reset : Mechanism::none);
  }
}

void InvariantChecker::on_failsafe(Time at, MemberId member, bool active) {
  members_[member].failsafe = active;
  if (active && holder_ != nobody && holder_ != member) {
    report(Invariant::failsafe_alone, at, member, Mechanism::none);
  }
}

void InvariantChecker::on_rejoin(Time at, MemberId member, Lsn fork, Lsn end) {
  members_[member].rewound = true;
  members_[member].former_primary = false;
  if (fork != end) report(Invariant::rejoin_exact, at, member, Mechanism::none);
}

void InvariantChecker::on_read(Time at, MemberId member, Lsn position) {
  MemberState& state = members_[member];
  if (position < state.last_read) {
    report(Invariant::reads_go_forward, at, member,
           state.rewound ? Mechanism::rewound : Mechanism::none);
  }
  state.last_read = position;
  state.rewound = false;
}

void InvariantChecker::on_transaction(Time at, MemberId member, std::uint32_t rows,
                                      std::uint32_t found, bool acknowledged) {
  const bool whole = found == rows || (found == 0 && !acknowledged);
  if (!whole) report(Invariant::atomic, at, member, Mechanism::none);
}

// Every lost row must have been acknowledged while nobody was named.
Mechanism InvariantChecker::excuse_of_loss(const Ledger& ledger, const Loss& loss,
                                           const WalHistory& history, Lsn end) const {
  if (!config_.synchronous_mode || !commits_wait_) return Mechanism::asynchronous;
  // A reload takes a moment until all sessions know the names.
  constexpr sim::Duration reload = 100ms;
  std::uint64_t rows = 0;
  bool reset = false;
  for (const Unnamed& u : unnamed_) {
    const Time to = u.to == sim::time_max ? u.to : u.to + reload;
    const Loss part = ledger.lost(history, end, u.from, to);
    rows += part.rows;
    if (part.rows != 0 && u.by_start_of_patroni) reset = true;
  }
  if (rows >= loss.rows) return reset ? Mechanism::names_reset : Mechanism::names_empty;
  return manual_ ? Mechanism::manual : Mechanism::none;
}

void InvariantChecker::finish(Time at, const Ledger& ledger, MemberId survivor,
                              const WalHistory& history, Lsn end, Lsn last_acknowledged,
                              Lsn received) {
  const DualWriters dual = ledger.dual_writers(1ms);
  if (dual.overlap > sim::Duration{}) {
    report(Invariant::one_writer, dual.first, nobody, any_excuse());
  }
  leaderless_until(at, nobody);
  if (survivor == nobody) return;
  const Loss loss = ledger.lost(history, end);
  if (loss.rows == 0) return;
  report(Invariant::synchronous_survives, at, survivor, excuse_of_loss(ledger, loss, history, end));
  if (loss.bytes > last_acknowledged - received) {
    report(Invariant::loss_bounded, at, survivor, Mechanism::none);
  }
}

}  // namespace predrill::models
