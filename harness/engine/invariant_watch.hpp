// Watches a world during a run and reports to the InvariantChecker: what the trace says, and what
// has changed since the last record in who writes, who is alive, /sync and the names in force.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/engine/world.hpp"
#include "harness/measure/measures.hpp"
#include "models/invariants.hpp"
#include "sim/trace.hpp"

namespace predrill::harness {

class InvariantWatch final : public sim::TraceSink, public models::PatroniObserver {
 public:
  /// Watches from now on; construct before World::settle(). The world outlives it.
  explicit InvariantWatch(World& world);
  ~InvariantWatch() override;
  InvariantWatch(const InvariantWatch&) = delete;
  InvariantWatch& operator=(const InvariantWatch&) = delete;

  void on_record(const sim::Trace& trace, const sim::Record& record) override;
  void on_cycle(models::MemberId member) override;
  void on_promote(models::MemberId member) override;
  void on_failsafe(models::MemberId member, bool active) override;

  /// At the end of the run, while the world still has its journal: checks what was acknowledged
  /// against what `survivor` has (nobody: no member accepts writes).
  void finish(models::MemberId survivor);
  /// Every broken rule once, as "I9 an old primary stops before its key expires (reason)".
  std::vector<Violation> violations() const;
  const models::InvariantChecker& checker() const { return checker_; }

 private:
  using Life = models::InvariantChecker::Life;
  struct Seen {
    Life life = Life::running;
    bool writable = false;
    bool down = false;
    bool promoting = false;  // Patroni has said so
    bool reset = false;      // Patroni is about to empty the names by its own start
    models::MemberSet names = 0;
    sim::Duration clock_error{};  // of the wall clock, by jumps
    // Of a server that is down: its directory.
    models::WalHistory history;
    models::Lsn end;
  };
  struct Promotion {
    models::Branch parent;
    models::Lsn received;
  };

  sim::Time now() const { return world_.sim().now(); }
  void poll(const sim::Record& record);
  void poll_member(models::MemberId id, const sim::Record& record);
  void poll_sync(models::MemberId id, models::MemberSet names);
  void poll_candidates();
  bool keeps_key(models::MemberId holder);
  bool may_lead(SimulatedMember& member);
  bool reaches_dcs(SimulatedMember& member);
  void on_key(const sim::Record& record, models::InvariantChecker::KeyChange change);
  void on_record_taken(const sim::Record& record);
  void on_postgres(const sim::Record& record, models::MemberId id);
  void promoted(models::MemberId id);
  void rejoined(models::MemberId id, std::uint64_t discarded);
  void read_journal();
  void check_transactions();
  std::uint64_t bytes_not_received(const models::WalHistory& survivor) const;

  World& world_;
  models::InvariantChecker checker_;
  std::vector<Seen> seen_;
  std::vector<std::int64_t> names_;                // of the hosts, as values of records
  std::vector<sim::EntityId> postgres_, patroni_;  // entities of the members
  models::MemberId sync_leader_ = models::nobody;
  models::MemberSet sync_standbys_ = 0;
  models::MemberId last_writer_ = models::nobody;
  models::MemberId record_holder_ = models::nobody;  // on Kubernetes
  bool candidates_ = true;
  std::vector<Promotion> promotions_;
  std::size_t attempts_read_ = 0;  // of the journal
};

}  // namespace predrill::harness
