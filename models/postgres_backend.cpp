// Sessions: connecting, statements, commits and their waits.
#include <algorithm>
#include <utility>

#include "models/postgres.hpp"
#include "models/postgres_processes.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;

Session::Session(PostgresServer& owner, SqlServerSocket& connection)
    : server(owner), socket(connection), older(owner.newest_session_) {
  if (older != nullptr) older->newer = this;
  server.newest_session_ = this;
}

Session::~Session() {
  unlink();
  if (!counted) return;
  --server.sessions_;
  server.sessions_changed_.notify_all();
}

void Session::unlink() {
  if (!std::exchange(linked_, false)) return;
  (newer != nullptr ? newer->older : server.newest_session_) = older;
  if (older != nullptr) older->newer = newer;
}

// The postmaster forks one child after the other.
sim::Task<void> PostgresServer::accept_sessions() {
  for (;;) {
    SqlServerSocket socket = co_await sql_.accept();
    co_await sim::sleep_for(timings_.fork.sample_duration(forks_));
    group_.spawn(backend(std::move(socket)));
  }
}

sim::Task<void> PostgresServer::backend(SqlServerSocket socket) {
  Session session(*this, socket);
  session.process = co_await this_process();
  const auto startup = co_await socket.receive_for(config_.authentication_timeout);
  if (!startup || startup->op != SqlOp::startup) co_return;
  SqlAnswer hello = admit(*startup);
  if (hello.state == SqlState::ok) {
    session.counted = true;
    ++sessions_;
    co_await sim::sleep_for(timings_.authentication.sample_duration(authentications_));
    described(hello);
  }
  socket.send(hello);
  if (hello.state != SqlState::ok) co_return;
  for (;;) {
    const auto request = co_await socket.receive();
    if (!request) co_return;
    const SqlAnswer answer = co_await execute(session, *request);
    socket.send(answer);
  }
}

// postmaster.c, canAcceptConnections; postinit.c, InitPostgres.
SqlAnswer PostgresServer::admit(const SqlRequest& request) const {
  SqlAnswer answer;
  answer.tag = request.tag;
  described(answer);
  const bool serves = volatile_.phase == Phase::production ||
                      (config_.hot_standby &&
                       (volatile_.phase == Phase::standby || volatile_.phase == Phase::promoting));
  const std::int32_t slots = request.user == superuser
                                 ? config_.max_connections
                                 : config_.max_connections - config_.superuser_reserved_connections;
  if (!serves) {
    answer.state = SqlState::cannot_connect_now;
  } else if (sessions_ >= slots) {
    answer.state = SqlState::too_many_connections;
  }
  return answer;
}

void PostgresServer::described(SqlAnswer& answer) const {
  answer.server = config_.member;
  answer.in_recovery = in_recovery();
  answer.timeline = timeline();
  answer.lsn = replayed();
  answer.data_as_of = volatile_.source == Source::flow ? flow_.data_as_of(now()) : now();
}

sim::Task<void> PostgresServer::compute(Duration work) {
  const sim::Semaphore::Permit cpu = co_await cpus_.acquire();
  co_await sim::sleep_for(work);
}

sim::Task<SqlAnswer> PostgresServer::execute(Session& session, const SqlRequest request) {
  SqlAnswer answer;
  answer.tag = request.tag;
  const bool writes = request.op == SqlOp::write || request.wal_bytes != 0;
  std::uint64_t commits = 0;
  if (session.failed != SqlState::ok && session.in_block) {
    // "current transaction is aborted": the client learns again what failed, until the block ends.
    answer.state = session.failed;
  } else if (writes && (in_recovery() || default_transaction_read_only_)) {
    answer.state = SqlState::read_only;
  } else if (writes && data_disk_ != nullptr && data_disk_->full()) {
    answer.state = SqlState::disk_full;
  } else {
    if (request.work > 0s) co_await compute(request.work);
    session.block_bytes += request.wal_bytes;
    const bool ends = request.op == SqlOp::write || request.op == SqlOp::commit;
    if (ends && !(request.op == SqlOp::write && session.in_block)) {
      commits = std::exchange(session.block_bytes, 0);
      if (request.op == SqlOp::write && commits == 0) commits = 1;
    }
  }
  if (request.op == SqlOp::begin) session.in_block = true;
  if (session.in_block && answer.state != SqlState::ok) session.failed = answer.state;
  if (request.op == SqlOp::commit || request.op == SqlOp::rollback) {
    session.in_block = false;
    session.failed = SqlState::ok;
    if (request.op == SqlOp::rollback) answer.state = SqlState::ok;
    if (answer.state != SqlState::ok || request.op == SqlOp::rollback) session.block_bytes = 0;
  }
  Lsn lsn;
  if (commits != 0) lsn = co_await commit(session, request, commits);
  described(answer);
  if (commits != 0) answer.lsn = lsn;
  co_return answer;
}

// xact.c, RecordTransactionCommit, then syncrep.c, SyncRepWaitForLSN.
sim::Task<Lsn> PostgresServer::commit(Session& session, const SqlRequest request,
                                      std::uint64_t bytes) {
  const SynchronousCommit level = request.synchronous_commit;
  Lsn lsn;
  const Branch branch = durable_.history.branch();
  if (level == SynchronousCommit::off) {
    lsn = insert_unflushed(bytes);
  } else {
    lsn = co_await flush(bytes);
    if (waits_for_standby(level)) {
      session.waiting_sync = true;
      co_await sync_wait(lsn, level);
      session.waiting_sync = false;
    }
  }
  // Whom nobody hears any more is committed, but acknowledged to no one.
  if (ledger_ == nullptr || !session.socket.is_open()) co_return lsn;
  AcknowledgedWrite write;
  write.at = now();
  write.lsn = lsn;
  write.branch = branch;
  write.timeline = timeline();
  write.member = config_.member;
  write.tag = request.tag;
  ledger_->acknowledge(write);
  co_return lsn;
}

namespace {

// Shut by the destructor of the process that flushes.
class Turn {
 public:
  explicit Turn(bool& taken) : taken_(taken) { taken_ = true; }
  ~Turn() { taken_ = false; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  bool& taken_;
};

}  // namespace

// xlog.c, XLogFlush: whoever gets the lock flushes for all who came until then.
sim::Task<Lsn> PostgresServer::flush(std::uint64_t bytes) {
  volatile_.unflushed_bytes += bytes;
  const std::uint64_t mine = ++volatile_.inserted;
  while (volatile_.flushed < mine) {
    if (volatile_.flushing) {
      co_await flushed_.wait();
      continue;
    }
    Turn turn(volatile_.flushing);
    const std::uint64_t upto = volatile_.inserted;
    const std::uint64_t batch = volatile_.unflushed_bytes;
    const DiskResult written = co_await disk_.fsync();
    if (written != DiskResult::ok) {
      panic();
      co_await sim::sleep_for(sim::forever);  // ends here with all the others
    }
    settle_streams();
    curve_.jump(now(), batch);
    volatile_.unflushed_bytes -= batch;
    volatile_.flushed = upto;
    if (volatile_.unflushed_bytes == 0) volatile_.unflushed_acknowledged = false;
    flushed_.notify_all();
    checkpoint_if_due();
  }
  co_return curve_.at(now());
}

// synchronous_commit = off: acknowledged before it is flushed. Any later flush takes it along.
Lsn PostgresServer::insert_unflushed(std::uint64_t bytes) {
  if (curve_.rate() != 0 && background_.synchronous_commit != SynchronousCommit::off) {
    settle_streams();
    curve_.jump(now(), bytes);
    return curve_.at(now());
  }
  volatile_.unflushed_bytes += bytes;
  volatile_.unflushed_acknowledged = true;
  ++volatile_.inserted;
  if (!wal_writer_.armed()) wal_writer_.arm(config_.wal_writer_delay);
  return curve_.at(now()) + volatile_.unflushed_bytes;
}

void PostgresServer::wal_writer() {
  if (volatile_.source == Source::curve && volatile_.unflushed_bytes != 0) {
    group_.spawn(flush_in_background());
  }
}

sim::Task<void> PostgresServer::flush_in_background() {
  co_await flush(0);
}

// ---- synchronous replication ---------------------------------------------------------------

bool PostgresServer::waits_for_standby(SynchronousCommit level) const {
  return level >= SynchronousCommit::remote_write &&
         volatile_.sync_names.method != SynchronousStandbyNames::Method::none &&
         volatile_.sync_names.count != 0;
}

sim::Task<void> PostgresServer::sync_wait(Lsn lsn, SynchronousCommit level) {
  while (waits_for_standby(level)) {
    const Time due = sync_due(lsn, level);
    if (due == sim::time_max) {
      co_await sync_changed_.wait();
      continue;
    }
    if (due <= now()) co_return;
    const bool disturbed = co_await sync_changed_.wait_for(due - now());
    if (!disturbed) co_return;
  }
}

// Standbys that are connected and named, in order of priority.
std::size_t PostgresServer::sync_candidates(std::array<Walsender*, members_max>& candidates) const {
  std::size_t count = 0;
  if (volatile_.sync_names.method == SynchronousStandbyNames::Method::none) return 0;
  for (Walsender* sender : walsenders_) {
    if (sender == nullptr || !contains(volatile_.sync_names.members, sender->member)) continue;
    candidates[count++] = sender;
  }
  return count;
}

// When enough standbys will have confirmed, if nothing happens.
Time PostgresServer::sync_due(Lsn lsn, SynchronousCommit level) {
  std::array<Walsender*, members_max> candidates{};
  const std::size_t count = sync_candidates(candidates);
  const std::size_t needed = volatile_.sync_names.count;
  if (count < needed) return sim::time_max;
  std::array<Time, members_max> times{};
  for (std::size_t i = 0; i < count; ++i) times[i] = candidates[i]->confirmation(lsn, level);
  if (volatile_.sync_names.method == SynchronousStandbyNames::Method::any) {
    std::sort(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(count));
    return times[needed - 1];
  }
  return *std::max_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(needed));
}

// Whether commits get through at all, for the background load.
bool PostgresServer::sync_flows(SynchronousCommit level) const {
  std::array<Walsender*, members_max> candidates{};
  const std::size_t count = sync_candidates(candidates);
  const std::size_t needed = volatile_.sync_names.count;
  const bool any = volatile_.sync_names.method == SynchronousStandbyNames::Method::any;
  std::size_t flowing = 0;
  for (std::size_t i = 0; i < count && (any || i < needed); ++i) {
    const StandbyFlow& flow = candidates[i]->standby_flow();
    const bool moves = candidates[i]->flowing() &&
                       (level == SynchronousCommit::remote_write || !flow.stalled()) &&
                       (level != SynchronousCommit::remote_apply || !flow.replay_paused());
    if (moves) ++flowing;
  }
  return flowing >= needed;
}

Duration PostgresServer::sync_delay(SynchronousCommit level) const {
  std::array<Walsender*, members_max> candidates{};
  const std::size_t count = sync_candidates(candidates);
  std::array<Duration, members_max> delays{};
  std::size_t flowing = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (candidates[i]->flowing()) delays[flowing++] = candidates[i]->round_trip(level);
  }
  const std::size_t needed = std::min<std::size_t>(volatile_.sync_names.count, flowing);
  if (needed == 0) return Duration{};
  if (volatile_.sync_names.method == SynchronousStandbyNames::Method::any) {
    std::sort(delays.begin(), delays.begin() + static_cast<std::ptrdiff_t>(flowing));
    return delays[needed - 1];
  }
  return *std::max_element(delays.begin(), delays.begin() + static_cast<std::ptrdiff_t>(needed));
}

// ---- the end of sessions -------------------------------------------------------------------

// A session that waits for a standby closes without an answer: its commit is in the WAL, but nobody
// may say so (syncrep.c). All others say why.
void PostgresServer::end_sessions(SqlState state) {
  std::int64_t ended = 0;
  while (newest_session_ != nullptr) {
    Session& session = *newest_session_;
    SqlAnswer last;
    described(last);
    last.state = state;
    if (!session.waiting_sync && session.counted) session.socket.send(last);
    if (session.counted) ++ended;
    session.unlink();
    group_.kill(session.process);
  }
  if (ended != 0) emit(postgres_kinds::sessions_ended, ended);
}

sim::Task<QueryResult> PostgresServer::query_status(ServerStatus& status) {
  const Duration cost = timings_.query.sample_duration(queries_);
  if (!alive() || !sql_.is_open()) co_return QueryResult::no_connection;
  co_await sim::sleep_for(cost);
  while (stands_still()) co_await changed_.wait();
  if (!alive()) co_return QueryResult::no_connection;
  if (pg_isready() != Readiness::accepting) co_return QueryResult::rejected;
  if (sessions_ >= config_.max_connections) co_return QueryResult::too_many;
  status.in_recovery = in_recovery();
  status.timeline = timeline();
  const bool receives = walreceiver_ != nullptr;
  status.received_timeline = receives ? timeline() : 0;
  status.streaming = receives;
  status.written = flushed();
  status.received = whole_records();
  status.replayed = std::min(replayed(), status.received);
  co_return QueryResult::ok;
}

}  // namespace predrill::models
