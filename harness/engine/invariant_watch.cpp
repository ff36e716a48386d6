#include "harness/engine/invariant_watch.hpp"

#include <algorithm>
#include <limits>

#include "models/etcd.hpp"
#include "models/kubernetes_dcs.hpp"
#include "models/patroni.hpp"
#include "models/postgres.hpp"

namespace predrill::harness {

using models::InvariantChecker;
using models::Lsn;
using models::MemberId;
using models::MemberSet;
using models::nobody;
using Key = InvariantChecker::KeyChange;

namespace {

// Poolers and balancers change nothing that the rules are about, and speak most.
bool of_clients(const sim::Kind& kind) {
  return kind.name.starts_with("pg") || kind.name.starts_with("ha");
}

bool commits_wait(const SystemSpec& system) {
  return system.workload.synchronous_commit >= models::SynchronousCommit::on;
}

}  // namespace

InvariantWatch::InvariantWatch(World& world)
    : world_(world),
      checker_(world.system().patroni, commits_wait(world.system())),
      seen_(world.members()) {
  sim::Trace& trace = world.sim().trace();
  for (MemberId id = 0; id < world.members(); ++id) {
    const std::string& name = world.member(id).host.name();
    names_.push_back(trace.name(name));
    patroni_.push_back(trace.entity(name));
    postgres_.push_back(trace.entity("postgres/" + name));
  }
  trace.attach(*this);
  world.set_observer(this);
}

InvariantWatch::~InvariantWatch() {
  world_.sim().trace().detach(*this);
  world_.set_observer(nullptr);
}

void InvariantWatch::on_cycle(MemberId member) {
  checker_.on_cycle(now(), member);
}

void InvariantWatch::on_promote(MemberId member) {
  promoted(member);
  seen_[member].promoting = true;
}

void InvariantWatch::on_failsafe(MemberId member, bool active) {
  checker_.on_failsafe(now(), member, active);
}

void InvariantWatch::promoted(MemberId id) {
  models::PostgresServer& server = world_.member(id).postgres;
  promotions_.push_back({server.history().branch(), server.received()});
  checker_.on_promote(now(), id, server.received());
}

void InvariantWatch::on_record(const sim::Trace&, const sim::Record& record) {
  if (of_clients(*record.kind)) return;
  poll(record);
  const sim::Kind* kind = record.kind;
  if (kind == &models::key_created) on_key(record, Key::created);
  if (kind == &models::key_overwritten) on_key(record, Key::overwritten);
  if (kind == &models::key_expired) on_key(record, Key::expired);
  if (kind == &models::key_deleted || kind == &models::record_released) {
    on_key(record, Key::deleted);
    record_holder_ = nobody;
  }
  if (kind == &models::record_created) on_record_taken(record);
  if (kind == &models::etcd_leader_lost) checker_.on_dcs(false);
  if (kind == &models::patroni_kinds::dcs_error) checker_.on_dcs(false);
  if (kind == &models::patroni_kinds::race_vetoed) checker_.on_veto();
  for (MemberId id = 0; id < seen_.size(); ++id) {
    if (record.entity == postgres_[id]) on_postgres(record, id);
  }
  poll_candidates();
}

void InvariantWatch::on_key(const sim::Record& record, Key change) {
  const auto place = std::find(names_.begin(), names_.end(), record.values[0]);
  if (place == names_.end()) return;
  checker_.on_key(record.at, static_cast<MemberId>(place - names_.begin()), change);
}

// A record on Kubernetes expires for whoever takes it over.
void InvariantWatch::on_record_taken(const sim::Record& record) {
  if (record_holder_ != nobody) checker_.on_key(record.at, record_holder_, Key::expired);
  on_key(record, Key::created);
  record_holder_ = world_.leader();
}

// What the checker wants to know is compared at each record: states change with a record, or
// shortly before the next one.
void InvariantWatch::poll(const sim::Record& record) {
  for (MemberId id = 0; id < seen_.size(); ++id) poll_member(id, record);
  checker_.on_status(world_.dcs_value(models::EtcdKey::status).lsn);
  checker_.on_pause(world_.dcs_value(models::EtcdKey::config).pause);
}

void InvariantWatch::poll_member(MemberId id, const sim::Record& record) {
  SimulatedMember& member = world_.member(id);
  models::PostgresServer& server = member.postgres;
  Seen& seen = seen_[id];
  // Patroni says so first and empties the names then.
  if (record.kind == &models::patroni_kinds::sync_reset && record.entity == patroni_[id]) {
    seen.reset = true;
  }
  if (record.kind == &models::patroni_kinds::demoting_dcs && record.entity == patroni_[id]) {
    checker_.on_demotion(id);
  }
  poll_sync(id, server.synchronous_standby_names().members);
  // Who stops writing because the host is gone was not left alone by its Patroni: writes first.
  if (const bool writable = server.accepts_writes(); writable != seen.writable) {
    seen.writable = writable;
    if (writable) last_writer_ = id;
    checker_.on_writable(record.at, id, writable);
  }
  const bool frozen = member.group.frozen() || server.group().frozen();
  const Life life = !member.patroni.is_running() ? Life::dead
                    : frozen                     ? Life::frozen
                                                 : Life::running;
  if (life != seen.life) {
    seen.life = life;
    checker_.on_patroni(record.at, id, life);
  }
  const sim::LocalClock& clock = member.host.clock();
  const sim::Duration error = clock.now() - (sim::Time{} + clock.monotonic());
  if (error != seen.clock_error) checker_.on_clock(record.at, id, error - seen.clock_error);
  seen.clock_error = error;
  // A rewind has changed the directory when it says so; it is judged by what was there before.
  const bool rewound =
      record.kind == &models::postgres_kinds::rewound && record.entity == postgres_[id];
  if (rewound) return;
  if (const bool down = !server.is_running(); down) {
    if (!seen.down) seen.history = server.history();
    seen.end = server.flushed();
    seen.down = true;
  } else {
    seen.down = false;
  }
}

// Where both have changed since the last record nobody knows which went first: either order may
// have been right, so the checker sees one in which only the outcome counts.
void InvariantWatch::poll_sync(MemberId id, MemberSet names) {
  Seen& seen = seen_[id];
  const models::EtcdValue& sync = world_.dcs_value(models::EtcdKey::sync);
  const bool key_changed = sync.holder != sync_leader_ || sync.members != sync_standbys_;
  const bool names_changed = names != seen.names;
  if (!key_changed && !names_changed) return;
  if (key_changed && names_changed) checker_.on_sync_key(now(), sync.holder, 0);
  if (names_changed) {
    checker_.on_names(now(), id, names, seen.reset);
    seen.reset = false;
  }
  // The names of its leader must be known before the key is judged.
  if (key_changed && (sync.holder == id || sync.holder >= seen_.size())) {
    checker_.on_sync_key(now(), sync.holder, sync.members);
    sync_leader_ = sync.holder;
    sync_standbys_ = sync.members;
  }
  seen.names = names;
}

// Asked only while nobody writes.
void InvariantWatch::poll_candidates() {
  bool any = true;
  if (std::none_of(seen_.begin(), seen_.end(), [](const Seen& s) { return s.writable; })) {
    const MemberId holder = world_.leader();
    // The holder restarts in place: the cluster has a leader, which is busy.
    const bool in_place = holder != nobody && holder == last_writer_ && keeps_key(holder);
    any = false;
    for (MemberId id = 0; id < seen_.size() && !any && !in_place; ++id) {
      any = may_lead(world_.member(id));
    }
  }
  if (any != candidates_) checker_.on_candidates(now(), any);
  candidates_ = any;
}

// Its Patroni renews the key, whatever its PostgreSQL does.
bool InvariantWatch::keeps_key(MemberId holder) {
  SimulatedMember& member = world_.member(holder);
  return member.patroni.is_running() && !member.group.frozen() && reaches_dcs(member);
}

bool InvariantWatch::may_lead(SimulatedMember& member) {
  const models::PatroniConfig& config = member.patroni.config();
  const MemberId id = member.postgres.member();
  if (seen_[id].life != Life::running || config.tags.nofailover) return false;
  if (!member.postgres.is_running() || !reaches_dcs(member)) return false;
  const models::EtcdValue& sync = world_.dcs_value(models::EtcdKey::sync);
  const bool in_sync = sync.holder == id || models::contains(sync.members, id);
  if (config.synchronous_mode && sync.holder != nobody && !in_sync) return false;
  const Lsn status = world_.dcs_value(models::EtcdKey::status).lsn;
  return status - member.postgres.received() <= config.maximum_lag_on_failover;
}

bool InvariantWatch::reaches_dcs(SimulatedMember& member) {
  if (!world_.dcs().takes_writes()) return false;
  const sim::Network& network = world_.sim().network();
  for (const sim::Host* host : world_.dcs().hosts()) {
    if (network.reaches(member.host, *host) && network.reaches(*host, member.host)) return true;
  }
  return false;
}

void InvariantWatch::on_postgres(const sim::Record& record, MemberId id) {
  namespace kinds = models::postgres_kinds;
  models::PostgresServer& server = world_.member(id).postgres;
  if (record.kind == &kinds::promotion_started) {
    if (!seen_[id].promoting) promoted(id);  // not by Patroni
    seen_[id].promoting = false;
  }
  if (record.kind == &kinds::promotion_finished) {
    const auto& entries = server.history().entries();
    const models::Timeline parent = entries.size() > 1 ? entries[entries.size() - 2].timeline : 0;
    // Without a shared archive a member knows only the timelines that it followed.
    checker_.on_timeline(record.at, id, parent, server.timeline(), false);
  }
  if (record.kind == &kinds::rewound) rejoined(id, static_cast<std::uint64_t>(record.values[1]));
  if (record.kind == &kinds::copied) {
    read_journal();
    checker_.on_rejoin(record.at, id, server.flushed(), server.flushed());
  }
  if (record.kind == &kinds::walreceiver_started) {
    const MemberId from = server.following();
    if (from >= seen_.size()) return;
    models::PostgresServer& primary = world_.member(from).postgres;
    if (server.can_follow(primary) == models::Follow::yes) return;
    const Lsn fork = models::WalHistory::common_end(server.history(), server.flushed(),
                                                    primary.history(), primary.flushed());
    checker_.on_rejoin(record.at, id, fork, server.flushed());
  }
}

// What pg_rewind says that it discarded, against the directory as it was and as it is.
void InvariantWatch::rejoined(MemberId id, std::uint64_t discarded) {
  read_journal();
  const models::PostgresServer& server = world_.member(id).postgres;
  const Seen& seen = seen_[id];
  const Lsn fork =
      models::WalHistory::common_end(seen.history, seen.end, server.history(), server.flushed());
  checker_.on_rejoin(now(), id, fork, {seen.end.value - discarded});
}

// Reads on one member must not go back: none may be older than one that had been answered before
// it was sent.
void InvariantWatch::read_journal() {
  const std::vector<models::Attempt>& attempts = world_.journal().attempts;
  std::vector<const models::Attempt*> reads;  // answered, in the order of the journal
  for (; attempts_read_ < attempts.size(); ++attempts_read_) {
    const models::Attempt& attempt = attempts[attempts_read_];
    const bool answered = !attempt.write && attempt.outcome == models::Outcome::ok;
    if (answered && attempt.server < seen_.size()) reads.push_back(&attempt);
  }
  std::vector<std::int64_t> answered_until(seen_.size(), std::numeric_limits<std::int64_t>::min());
  for (const models::Attempt* read : reads) {
    // One that was under way together with an earlier answer may have looked before that one.
    if (read->sent < answered_until[read->server]) continue;
    answered_until[read->server] = read->finished;
    checker_.on_read(sim::Time{} + sim::Duration(read->finished), read->server, read->position);
  }
}

// A write is acknowledged once or not at all, and what a prober was told is in the ledger.
void InvariantWatch::check_transactions() {
  const models::Journal& journal = world_.journal();
  std::vector<std::vector<std::uint8_t>> found(journal.paths.size());
  for (const models::AcknowledgedWrite& write : world_.ledger().writes()) {
    const std::size_t path = models::path_of_tag(write.tag);
    if (path >= found.size()) continue;
    const std::size_t number = models::number_of_tag(write.tag);
    if (number >= found[path].size()) found[path].resize(number + 64);
    found[path][number] = static_cast<std::uint8_t>(found[path][number] + 1);
  }
  for (const models::Attempt& attempt : journal.attempts) {
    if (attempt.tag == 0) continue;
    const std::vector<std::uint8_t>& of_path = found[models::path_of_tag(attempt.tag)];
    const std::size_t number = models::number_of_tag(attempt.tag);
    const std::uint8_t count = number < of_path.size() ? of_path[number] : std::uint8_t{0};
    checker_.on_transaction(sim::Time{} + sim::Duration(attempt.finished), attempt.server, 1, count,
                            attempt.outcome == models::Outcome::ok);
  }
}

// Acknowledged WAL that no promoted member had received: what asynchronous replication may lose.
std::uint64_t InvariantWatch::bytes_not_received(const models::WalHistory& survivor) const {
  struct Branch {
    models::Branch branch;
    Lsn first, last;
  };
  std::vector<Branch> branches;
  const auto add = [&branches](models::Branch branch, Lsn first, Lsn last) {
    const auto place = std::find_if(branches.begin(), branches.end(),
                                    [branch](const Branch& b) { return b.branch == branch; });
    if (place == branches.end()) {
      branches.push_back({branch, first, last});
    } else {
      place->first = std::min(place->first, first);
      place->last = std::max(place->last, last);
    }
  };
  for (const auto& write : world_.ledger().writes()) add(write.branch, write.lsn, write.lsn);
  for (const auto& flow : world_.ledger().flows()) add(flow.branch, flow.from_lsn, flow.to_lsn);
  std::uint64_t bytes = 0;
  for (const Branch& b : branches) {
    if (b.branch == survivor.branch()) continue;
    Lsn received = b.last;
    for (const Promotion& promotion : promotions_) {
      if (promotion.parent == b.branch) received = std::min(received, promotion.received);
    }
    const auto& entries = survivor.entries();
    const bool known = std::any_of(entries.begin(), entries.end(),
                                   [&b](const auto& e) { return e.branch == b.branch; });
    bytes += b.last - (known ? received : std::min(received, b.first));
  }
  return bytes;
}

void InvariantWatch::finish(MemberId survivor) {
  for (MemberId id = 0; id < seen_.size(); ++id) world_.member(id).postgres.settle_ledger();
  read_journal();
  check_transactions();
  if (survivor == nobody) {
    checker_.finish(now(), world_.ledger(), nobody, {}, {}, {}, {});
    return;
  }
  const models::PostgresServer& server = world_.member(survivor).postgres;
  checker_.finish(now(), world_.ledger(), survivor, server.history(), server.flushed(),
                  {bytes_not_received(server.history())}, {});
}

std::vector<Violation> InvariantWatch::violations() const {
  std::vector<Violation> all;
  for (const models::Violation& v : checker_.violations()) {
    const std::string text =
        std::string(to_text(v.invariant)) + " (" + std::string(to_text(v.mechanism)) + ")";
    const bool known = std::any_of(all.begin(), all.end(),
                                   [&text](const Violation& other) { return other.text == text; });
    if (!known) all.push_back({text, v.mechanism != models::Mechanism::none});
  }
  return all;
}

}  // namespace predrill::harness
