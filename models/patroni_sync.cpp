// Who is a synchronous standby: synchronous_standby_names and the /sync key, in an order that never
// lists a member in /sync to which the primary does not replicate synchronously.
// Source: patroni/ha.py (process_sync_replication), postgresql/sync.py of 3.3.2.
#include <bit>

#include "models/patroni.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Task;
namespace kinds = patroni_kinds;

namespace {

SynchronousStandbyNames names_of(MemberSet members) {
  SynchronousStandbyNames names;
  if (members == 0) return names;
  names.method = SynchronousStandbyNames::Method::first;
  names.count =
      members == every_member ? std::uint8_t{1} : static_cast<std::uint8_t>(std::popcount(members));
  names.members = members;
  return names;
}

}  // namespace

Task<Patroni::Step> Patroni::process_sync_replication() {
  if (!config_.synchronous_mode) co_return Step::go_on;
  if (!m_.status_ok) co_return Step::postgres_error;
  SyncState sync = m_.cluster.sync;
  bool written = false;
  if (sync.is_empty()) {
    written = co_await write_sync(sync, 0);
    if (!written) co_return Step::go_on;
  }
  const MemberSet current = sync.sync_standby;
  const SyncChoice choice = current_sync_state();
  MemberSet picked = choice.picked;
  MemberSet allowed = choice.allow_promote;
  if (picked == current && current != allowed) {
    written = co_await write_sync(sync, allowed);
    co_return Step::go_on;
  }
  if (picked == current) co_return Step::go_on;

  // Removing comes first in /sync, …
  const MemberSet common = current & allowed;
  if (common != current) {
    note(kinds::sync_lost, std::popcount(common));
    written = co_await write_sync(sync, common);
    if (!written) co_return Step::go_on;
  }
  if (picked == 0 && config_.synchronous_mode_strict) picked = every_member;
  note(kinds::sync_names, picked == every_member ? 1 : std::popcount(picked));
  co_await set_sync_names(names_of(picked));
  // … adding comes last, once the new one is known to be synchronous.
  if (picked != 0 && picked != every_member && allowed != picked) {
    co_await sim::sleep_for(2s);
    const SyncChoice now = current_sync_state();
    allowed = now.allow_promote;
  }
  if (version_.keeps_foreign_sync && sync.leader != config_.member) co_return Step::go_on;
  if (allowed != 0 && allowed != common) {
    written = co_await write_sync(sync, allowed);
    if (written) note(kinds::sync_assigned, std::popcount(allowed));
  }
  co_return Step::go_on;
}

Task<bool> Patroni::write_sync(SyncState& sync, const MemberSet standbys) {
  sync.leader = config_.member;
  sync.sync_standby = standbys;
  const DcsAnswer answer = co_await dcs_.write_sync_state(sync);
  co_return answer == DcsAnswer::yes;
}

// SyncHandler.set_synchronous_standby_names
Task<> Patroni::set_sync_names(const SynchronousStandbyNames names) {
  if (postgres_.synchronous_standby_names() == names) co_return;
  postgres_.set_synchronous_standby_names(names);
  const bool primary = m_.state == MemberData::State::running && m_.status_ok &&
                       !m_.status.in_recovery && postgres_.is_running();
  if (!primary || names.members == every_member) co_return;
  co_await sim::sleep_for(100ms);  // usually it takes 1 ms to reload postgresql.conf
  names_changed();
}

// Names that are new count as synchronous only once they have reached this position.
void Patroni::names_changed() {
  const SynchronousStandbyNames& names = postgres_.synchronous_standby_names();
  if (names == m_.names_known) return;
  m_.names_known = names;
  m_.ready &= names.members;
  m_.names_changed_at = postgres_.flushed();
}

SyncChoice Patroni::current_sync_state() {
  names_changed();
  SyncCandidates eligible;
  const ReplicationView replication = postgres_.pg_stat_replication();
  for (std::size_t i = 0; i < replication.count; ++i) {
    const ReplicationRow& row = replication.rows[i];
    if (!contains(m_.cluster.present, row.member) || row.flushed == Lsn{}) continue;
    const MemberData& member = m_.cluster.members[row.member];
    if (member.state != MemberData::State::running || member.nosync) continue;
    const bool is_sync = row.sync_state == ReplicationRow::SyncState::sync;
    eligible.add({row.member, is_sync, row.flushed});
    const bool named = contains(m_.names_known.members, row.member);
    const bool verified =
        m_.cluster.sync.matches(row.member) || (is_sync && row.flushed >= m_.names_changed_at);
    if (named && verified) m_.ready |= only(row.member);
  }
  return pick_sync(config_, m_.cluster, eligible, m_.ready, postgres_.flushed());
}

}  // namespace predrill::models
