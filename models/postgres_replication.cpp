// Walsender and walreceiver. While the path is whole the stream flows without messages. When it
// breaks, the walsender sends one keepalive, which TCP delivers or not in its own time; the answer
// makes the stream flow again, its absence ends the connection after wal_sender_timeout or
// wal_receiver_timeout.
#include <algorithm>
#include <utility>

#include "models/postgres.hpp"
#include "models/postgres_processes.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Time;
namespace kinds = postgres_kinds;

// ---- primary -------------------------------------------------------------------------------

sim::Task<void> PostgresServer::accept_replication() {
  for (;;) {
    WalSenderSocket socket = co_await replication_.accept();
    co_await sim::sleep_for(timings_.fork.sample_duration(forks_));
    group_.spawn(walsender(std::move(socket)));
  }
}

sim::Task<void> PostgresServer::walsender(WalSenderSocket socket) {
  const auto request = co_await socket.receive_for(config_.authentication_timeout);
  if (!request || request->member >= members_.size()) co_return;
  ReplicationReply reply = admit(*request);
  // A standby's walsender has nothing new to send, and goes on if the standby is promoted.
  while (reply.op == ReplicationReply::Op::in_recovery) {
    co_await changed_.wait();
    if (!socket.is_open()) co_return;
    reply = admit(*request);
  }
  socket.send(reply);
  if (reply.op != ReplicationReply::Op::streaming) co_return;
  if (Walsender* old = walsenders_[request->member]) group_.kill(old->process);
  Walsender sender(*this, socket, request->member);
  sender.process = co_await this_process();
  for (;;) {
    const auto status = co_await socket.receive();
    if (!status) co_return;
    sender.on_status(status->op == ReplicationRequest::Op::reply);
  }
}

ReplicationReply PostgresServer::admit(const ReplicationRequest& request) {
  using Op = ReplicationReply::Op;
  ReplicationReply reply;
  reply.timeline = timeline();
  reply.position = flushed();
  const PostgresServer& standby = *members_[request.member];
  const Follow follow = standby.can_follow(*this);
  const bool slot_missing = request.slot && !contains(durable_.slots, request.member);
  const bool recovers = volatile_.phase == Phase::standby || volatile_.phase == Phase::promoting;
  if (!recovers && volatile_.phase != Phase::production) {
    reply.op = Op::not_ready;
  } else if (follow == Follow::behind) {
    reply.op = Op::behind;
  } else if (follow == Follow::diverged) {
    reply.op = Op::diverged;
  } else if (follow == Follow::ahead) {
    reply.op = Op::ahead;
  } else if (slot_missing) {
    reply.op = Op::no_slot;
  } else if (request.slot && walsenders_[request.member] != nullptr) {
    reply.op = Op::slot_active;
  } else if (standby.flushed() < oldest_kept()) {
    reply.op = Op::wal_removed;
  } else if (recovers) {
    reply.op = Op::in_recovery;
  }
  return reply;
}

// Checkpoints remove what neither recovery, nor wal_keep_size, nor a slot needs; with an archive a
// standby can still get it.
Lsn PostgresServer::oldest_kept() const {
  const Lsn end = flushed();
  if (config_.restore_command) return Lsn{};
  const Lsn kept{end.value - std::min(end.value, config_.wal_keep_size)};
  const Lsn held{end.value - std::min(end.value, wal_retained())};
  return std::min({kept, held, durable_.control.redo});
}

ReplicationView PostgresServer::pg_stat_replication() const {
  ReplicationView view;
  std::array<Walsender*, members_max> candidates{};
  const std::size_t count = sync_candidates(candidates);
  const SynchronousStandbyNames& names = volatile_.sync_names;
  for (Walsender* sender : walsenders_) {
    if (sender == nullptr) continue;
    ReplicationRow& row = view.rows[view.count++];
    row.member = sender->member;
    row.streaming = sender->streaming();
    row.flushed = row.sent = row.replayed = sender->confirmed_flush();
    if (sender->flowing()) {
      row.sent = sender->standby_flow().received(now());
      row.replayed = sender->standby_flow().replayed(now());
    }
    const auto place = std::find(candidates.begin(), candidates.begin() + count, sender);
    const auto rank = static_cast<std::size_t>(place - candidates.begin());
    if (rank == count) continue;
    if (names.method == SynchronousStandbyNames::Method::any) {
      row.sync_state = ReplicationRow::SyncState::quorum;
    } else {
      row.sync_state = rank < names.count ? ReplicationRow::SyncState::sync
                                          : ReplicationRow::SyncState::potential;
    }
  }
  return view;
}

Walsender::Walsender(PostgresServer& server, WalSenderSocket& connection, MemberId standby)
    : socket(connection),
      member(standby),
      server_(server),
      standby_(*server.members_[standby]),
      connected_(server.now()),
      timeout_(*this, server.group_) {
  server_.walsenders_[member] = this;
}

Walsender::~Walsender() {
  if (flowing_) {
    stop_flowing();
    standby_.flow_.disconnect(server_.now());
  }
  server_.durable_.slot_lsn[member] = confirmed_;
  if (receiver != nullptr) {
    receiver->start_clock(server_.now());
    receiver->start_reporting(server_.now());
    receiver->sender = nullptr;
  }
  if (server_.walsenders_[member] == this) server_.walsenders_[member] = nullptr;
  server_.senders_changed_.notify_all();
  server_.sync_moved();
}

StandbyFlow& Walsender::standby_flow() const {
  return standby_.flow_;
}

bool Walsender::streaming() const {
  return flowing_ ? standby_.flow_.caught_up(server_.now()) : streaming_;
}

bool Walsender::path_is_whole() const {
  if (receiver == nullptr || server_.group_.frozen() || standby_.group_.frozen()) return false;
  const sim::Network& network = server_.host_.simulation().network();
  return network.reaches(server_.host_, standby_.host_) &&
         network.reaches(standby_.host_, server_.host_);
}

void Walsender::refresh() {
  const bool whole = path_is_whole();
  if (flowing_ && whole) {  // the latency may have changed
    sim::Network& network = server_.host_.simulation().network();
    standby_.flow_.set_travel(server_.now(), network.delay(server_.host_, standby_.host_));
    back_ = network.delay(standby_.host_, server_.host_);
    return;
  }
  if (flowing_) break_flow();
  if (!server_.group_.frozen()) ask();
}

void Walsender::thawed() {
  if (!flowing_ && timeout_.armed()) start_clock(server_.now());
}

void Walsender::stop_flowing() {
  streaming_ = streaming();
  confirmed_ = confirmed_flush();
  flowing_ = false;
}

void Walsender::break_flow() {
  const Time reply = last_reply();
  const Time receipt = std::max(connected_, server_.curve_.last_moved(server_.now()));
  stop_flowing();
  standby_.flow_.disconnect(server_.now());
  start_clock(reply);
  if (receiver != nullptr) {
    receiver->start_clock(receipt);
    receiver->start_reporting(reply);
  }
  server_.emit(kinds::stream_broken, member,
               static_cast<std::int64_t>(standby_.flow_.received(server_.now()).value));
  server_.senders_changed_.notify_all();
  server_.sync_moved();
}

void Walsender::ask() {
  if (asked_) return;
  asked_ = true;
  ReplicationReply keepalive;
  keepalive.op = ReplicationReply::Op::keepalive;
  socket.send(keepalive);
}

// A standby answers to WAL at once, and without any every wal_receiver_status_interval.
Time Walsender::last_reply() const {
  const Duration interval = standby_.config_.wal_receiver_status_interval > 0s
                                ? standby_.config_.wal_receiver_status_interval
                                : server_.config_.wal_sender_timeout / 2;
  const Duration connected_for = server_.now() - connected_;
  const Time status = interval > 0s ? server_.now() - connected_for % interval : server_.now();
  return std::max({connected_, status, server_.curve_.last_moved(server_.now())});
}

void Walsender::start_clock(Time last) {
  const Duration limit = server_.config_.wal_sender_timeout;
  if (limit <= 0s) return;
  timeout_.arm(std::max(last + limit - server_.now(), Duration{}));
}

void Walsender::timed_out() {
  if (flowing_) return;
  server_.emit(kinds::walsender_timeout, member);
  server_.group_.spawn(server_.end_process(process));
}

// walsender.c, WalSndCheckTimeOut
void PostgresServer::clock_jumped(Duration by) {
  if (config_.wal_sender_timeout <= 0s || by < config_.wal_sender_timeout) return;
  for (const Walsender* sender : walsenders_) {
    if (sender == nullptr) continue;
    emit(kinds::walsender_timeout, sender->member);
    group_.spawn(end_process(sender->process));
  }
}

void Walsender::on_status(bool reply) {
  if (!reply) {  // heard from; whether it hears is another matter
    if (!flowing_) start_clock(server_.now());
    return;
  }
  asked_ = false;
  if (receiver == nullptr) {
    receiver = standby_.walreceiver_;
    if (receiver == nullptr || &receiver->primary != &server_) {
      receiver = nullptr;
      return;
    }
    receiver->sender = this;
  }
  if (flowing_) return;
  if (!path_is_whole()) {
    start_clock(server_.now());
    ask();
    return;
  }
  timeout_.disarm();
  receiver->stop_clocks();
  sim::Network& network = server_.host_.simulation().network();
  StandbyFlow::Path path;
  path.send = server_.timings_.walsender_delay.sample_duration(server_.sends_);
  if (server_.background_.synchronous_commit == SynchronousCommit::off) {
    path.send += server_.config_.wal_writer_delay;  // walsenders send what has been flushed
  }
  path.travel = network.delay(server_.host_, standby_.host_);
  path.flush = standby_.disk_.fsync_time();
  path.bytes_per_second = server_.config_.replication_bytes_per_second;
  back_ = network.delay(standby_.host_, server_.host_);
  standby_.durable_.history = server_.durable_.history;
  standby_.flow_.connect(server_.now(), server_.curve_, path);
  flowing_ = true;
  server_.emit(kinds::stream_resumed, member,
               static_cast<std::int64_t>(standby_.flow_.received(server_.now()).value));
  server_.senders_changed_.notify_all();
  server_.sync_moved();
}

void Walsender::receiver_gone() {
  receiver = nullptr;
  if (!flowing_) return;
  const Time reply = last_reply();
  stop_flowing();
  // A living host's kernel sends FIN. A dead one says nothing: TCP and the time-out decide.
  if (!standby_.host_.up()) {
    start_clock(reply);
    if (!server_.group_.frozen() && server_.host_.up()) ask();
  }
  server_.senders_changed_.notify_all();
  server_.sync_moved();
}

Time Walsender::confirmation(Lsn lsn, SynchronousCommit level) {
  const Time at = server_.now();
  const StandbyFlow& flow = standby_.flow_;
  if (confirmed_flush() >= lsn && level != SynchronousCommit::remote_apply) return at;
  if (!flowing_) return sim::time_max;
  const bool flushes = level == SynchronousCommit::on || level == SynchronousCommit::remote_apply;
  if (flushes && flow.stalled()) return sim::time_max;
  if (level == SynchronousCommit::remote_apply && flow.replay_paused()) return sim::time_max;
  const StandbyFlow::Path& path = flow.path();
  Duration wait = path.send + path.travel + back_;
  if (path.bytes_per_second != 0) {
    wait += time_for(lsn - flow.received(at), path.bytes_per_second);
  }
  if (flushes) wait += standby_.disk_.fsync_time();
  if (level == SynchronousCommit::remote_apply) {
    wait += time_for(lsn - flow.replayed(at), flow.replay_rate());
  }
  return at + wait;
}

Duration Walsender::round_trip(SynchronousCommit level) const {
  const StandbyFlow::Path& path = standby_.flow_.path();
  const Duration there = path.send + path.travel + back_;
  return level == SynchronousCommit::remote_write ? there : there + path.flush;
}

Lsn Walsender::confirmed_flush() const {
  return flowing_ ? standby_.flow_.flushed(server_.now() - back_) : confirmed_;
}

// ---- standby -------------------------------------------------------------------------------

void PostgresServer::start_receiving(bool failed) {
  group_.kill(volatile_.receiving);
  // SIGHUP ends the wait for the next attempt, which counts as a failure.
  if (volatile_.waits_to_receive) volatile_.receive_failed = now();
  volatile_.waits_to_receive = false;
  volatile_.refused = ReplicationReply::Op::streaming;
  volatile_.receiving = group_.spawn(receive_wal(failed));
}

sim::Task<void> PostgresServer::restart_receiving() {
  start_receiving(true);
  co_return;
}

// xlogrecovery.c, WaitForWALToBecomeAvailable: a failure is followed by the next attempt at once,
// but attempts that fail are at least wal_retrieve_retry_interval apart.
sim::Task<void> PostgresServer::receive_wal(bool failed) {
  for (;;) {
    if (failed) {
      const Time next = volatile_.receive_failed + config_.wal_retrieve_retry_interval;
      if (next > now()) {
        volatile_.waits_to_receive = true;
        co_await sim::sleep_for(next - now());
        volatile_.waits_to_receive = false;
      }
      volatile_.receive_failed = now();
    }
    failed = true;
    const MemberId target = durable_.follow;
    if (target >= members_.size() || members_[target] == this) co_return;  // until follow()
    PostgresServer& primary = *members_[target];
    const Duration start = slowness_.sample(timings_.walreceiver_start, receives_);
    co_await sim::sleep_for(start);
    auto connection = co_await connect(group_, primary.replication_, sim::forever);
    if (!connection) continue;
    WalReceiverSocket socket = std::move(*connection);
    co_await stream_from(primary, socket);
  }
}

sim::Task<void> PostgresServer::stream_from(PostgresServer& primary, WalReceiverSocket& socket) {
  using Op = ReplicationReply::Op;
  ReplicationRequest request;
  request.member = config_.member;
  request.slot = use_slot_;
  socket.send(request);
  const Duration limit =
      config_.wal_receiver_timeout > 0s ? config_.wal_receiver_timeout : sim::forever;
  const auto accepted = co_await socket.receive_for(limit);
  if (!accepted) co_return;
  if (accepted->op != Op::streaming) {
    if (accepted->op != volatile_.refused) {
      emit(kinds::walreceiver_refused, primary.member(), static_cast<std::int64_t>(accepted->op));
    }
    volatile_.refused = accepted->op;
    co_return;
  }
  volatile_.refused = Op::streaming;
  Walreceiver receiver(*this, primary, socket);
  emit(kinds::walreceiver_started, primary.member(), static_cast<std::int64_t>(flushed().value),
       accepted->timeline);
  const Duration known = resending(primary);
  co_await sim::sleep_for(known);
  request.op = ReplicationRequest::Op::reply;
  socket.send(request);
  for (;;) {
    const auto message = co_await socket.receive();
    if (!message || message->op == Op::end_of_wal) break;
    socket.send(request);
  }
  emit(kinds::walreceiver_ended, primary.member(), static_cast<std::int64_t>(flushed().value));
}

// walreceiverfuncs.c, RequestXLogStreaming: streaming begins at the start of a segment, so that
// what the standby has of it comes again, and all of one that was switched since.
Duration PostgresServer::resending(const PostgresServer& primary) {
  const Lsn switched = primary.durable_.switched;
  const std::uint64_t bytes =
      flushed() <= switched ? wal_segment_bytes
                            : std::min(flushed().value % wal_segment_bytes, flushed() - switched);
  const auto share = static_cast<double>(bytes) / static_cast<double>(wal_segment_bytes);
  const Duration segment = slowness_.sample(timings_.segment_resend, receives_);
  const Duration work =
      Duration(static_cast<std::int64_t>(share * static_cast<double>(segment.count())));
  const std::uint64_t rate = config_.replication_bytes_per_second;
  return rate == 0 ? work : std::max(work, time_for(bytes, rate));
}

Walreceiver::Walreceiver(PostgresServer& standby, PostgresServer& upstream,
                         WalReceiverSocket& connection)
    : server(standby),
      primary(upstream),
      socket(connection),
      connected(standby.now()),
      timeout_(*this, standby.group_),
      report_(*this, standby.group_) {
  server.walreceiver_ = this;
}

Walreceiver::~Walreceiver() {
  if (server.walreceiver_ == this) server.walreceiver_ = nullptr;
  if (sender != nullptr) sender->receiver_gone();
  server.flow_.disconnect(server.now(), !server.dying());
}

void Walreceiver::thawed() {
  if (timeout_.armed()) start_clock(server.now());
}

void Walreceiver::start_clock(Time last) {
  const Duration limit = server.config().wal_receiver_timeout;
  if (limit <= 0s) return;
  timeout_.arm(std::max(last + limit - server.now(), Duration{}));
}

void Walreceiver::start_reporting(Time last) {
  const Duration interval = server.config().wal_receiver_status_interval;
  if (interval > 0s) report_.arm(std::max(last + interval - server.now(), Duration{}));
}

// On a broken path it waits for TCP, and whatever is said later waits behind it.
void Walreceiver::report() {
  ReplicationRequest status;
  status.op = ReplicationRequest::Op::status;
  status.member = server.member();
  socket.send(status);
  start_reporting(server.now());
}

void Walreceiver::timed_out() {
  server.emit(kinds::walreceiver_timeout);
  server.group_.spawn(server.restart_receiving());
}

}  // namespace predrill::models
