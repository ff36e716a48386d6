#include "models/workload.hpp"

#include <algorithm>
#include <utility>

#include "sim/combine.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

constexpr int tag_path_shift = 40;
constexpr std::size_t ring_size_first = 1024;

}  // namespace

Workload::Workload(sim::Host& host, AddressBook& book, DnsServer* resolver, WorkloadConfig config,
                   Journal* journal)
    : config_(std::move(config)),
      journal_(journal),
      arrival_stream_(host.simulation().stream(config_.name, "arrivals")),
      kind_stream_(host.simulation().stream(config_.name, "read or write")),
      work_stream_(host.simulation().stream(config_.name, "work")),
      retry_stream_(host.simulation().stream(config_.name, "retries")),
      queue_(ring_size_first),
      group_(host, "workload"),
      libpq_(group_, book, resolver, config_.target, config_.name) {
  SIM_ASSERT(!config_.journal || journal_ != nullptr, "a journal to write to");
  if (journal_ != nullptr) {
    path_ = journal_->path(config_.name);
    first_tag_ = (static_cast<std::uint64_t>(path_) + 1) << tag_path_shift;
  }
}

Workload::~Workload() = default;

void Workload::start() {
  if (group_.running()) return;
  idle_.clear();
  sessions_.clear();
  queue_head_ = queue_tail_ = 0;
  connected_ = 0;
  for (std::size_t i = 0; i < config_.sessions; ++i) {
    sessions_.push_back(std::make_unique<Session>());
    group_.spawn(serve(*sessions_.back()));
  }
  if (!config_.closed_loop) group_.spawn(arrivals());
}

sim::Task<> Workload::arrivals() {
  sim::Time next = group_.now();
  for (;;) {
    next += config_.between.sample_duration(arrival_stream_);
    co_await sim::sleep_until(next);
    arrive();
  }
}

void Workload::arrive() {
  ++stats_.arrived;
  if (queued() >= config_.queue_max) {
    ++stats_.dropped;
    return;
  }
  if (queued() == queue_.size()) {
    std::vector<sim::Time> larger(queue_.size() * 2);
    for (std::size_t i = queue_head_; i != queue_tail_; ++i) {
      larger[i & (larger.size() - 1)] = queue_[i & (queue_.size() - 1)];
    }
    queue_.swap(larger);
  }
  queue_[queue_tail_++ & (queue_.size() - 1)] = group_.now();
  stats_.queue_longest = std::max(stats_.queue_longest, queued());
  wake_one();
}

void Workload::wake_one() {
  if (idle_.empty()) return;
  Session* session = idle_.back();
  idle_.pop_back();
  session->work.notify_all();
}

void Workload::watch_connections() {
  watched_ = connected_;
  connected_again_ = group_.now();
}

void Workload::count(Session& session) {
  if (session.counted == session.socket.is_open()) return;
  session.counted = !session.counted;
  connected_ += session.counted ? 1 : 0;
  connected_ -= session.counted ? 0 : 1;
  if (connected_ < watched_) connected_again_ = sim::time_max;
  if (connected_ == watched_ && session.counted) connected_again_ = group_.now();
}

sim::Time Workload::deadline() const {
  return config_.timeout > 0s ? sim::later(group_.now(), config_.timeout) : sim::time_max;
}

SqlRequest Workload::statement(SqlOp op, bool write, std::uint64_t tag) {
  SqlRequest request;
  request.op = op;
  request.user = config_.target.user;
  request.database = config_.target.database;
  const bool works = op == SqlOp::read || op == SqlOp::write || op == SqlOp::statement;
  if (works) {
    const sim::Distribution& time = write ? config_.write_time : config_.read_time;
    request.work = time.sample_duration(work_stream_);
    request.wal_bytes = write ? config_.wal_bytes : 0;
  }
  if (write) request.tag = tag;
  return request;
}

// Programs do not start at one instant. That they need 3 s is an assumption which no measure sees:
// connections stand long before a fault.
sim::Duration Workload::start_delay() {
  return config_.hold_connections ? retry_stream_.uniform(sim::Duration{}, sim::Duration(3s))
                                  : sim::Duration{};
}

// The good case, a statement over an open connection, runs without a further coroutine.
sim::Task<> Workload::serve(Session& session) {
  const sim::Duration delay = start_delay();
  if (delay > 0s) co_await sim::sleep_for(delay);
  for (;;) {
    if (config_.hold_connections) {
      count(session);
      if (!session.socket.is_open()) co_await open(session);
    }
    sim::Time arrived = group_.now();
    if (config_.closed_loop) {
      co_await sim::sleep_for(config_.between.sample_duration(arrival_stream_));
      arrived = group_.now();
      ++stats_.arrived;
    } else if (queued() == 0) {
      idle_.push_back(&session);
      if (config_.hold_connections) {
        co_await rest(session);
      } else {
        co_await session.work.wait();
      }
      continue;
    } else {
      arrived = queue_[queue_head_++ & (queue_.size() - 1)];
    }
    const bool write = kind_stream_.below(1000) >= config_.read_permille;
    const std::uint64_t tag = write && config_.follow_writes ? first_tag_ | ++sequence_ : 0;
    const sim::Time sent = group_.now();
    StatementResult result;
    if (config_.statements == 1 && config_.timeout == 0s && session.socket.is_open()) {
      session.socket.send(statement(write ? SqlOp::write : SqlOp::read, write, tag));
      const auto answer = co_await session.socket.receive();
      result = answer ? answered(*answer) : failed(answer.error(), true);
      if (!answer || ends_connection(result.state)) session.socket.close();
    } else {
      result = co_await transact(session, write, tag, deadline());
    }
    note(sent, write, tag, 1, result);
    bool done = result.ok();
    if (!done) done = co_await retry(session, write, tag, result);
    if (done) {
      ++stats_.completed;
      stats_.response.add(group_.now() - arrived);
    } else {
      ++stats_.failed;
    }
  }
}

sim::Task<> Workload::open(Session& session) {
  if (queued() > 0) wake_one();  // in place of this one
  sim::Duration pause{};
  for (std::uint32_t number = 1;; ++number) {
    const StatementResult result = co_await libpq_.connect(session.socket, deadline());
    if (result.ok()) break;
    ++stats_.refused_connects;
    pause = config_.retry.wait(number, pause, retry_stream_);
    co_await sim::sleep_for(pause);
  }
  count(session);
}

// Until there is work, or the connection breaks.
sim::Task<> Workload::rest(Session& session) {
  const auto woken = co_await sim::race(work_for(session), end_of(session));
  if (woken.index() == 1) std::erase(idle_, &session);
}

sim::Task<> Workload::work_for(Session& session) {
  co_await session.work.wait();
}

sim::Task<> Workload::end_of(Session& session) {
  const auto said = co_await session.socket.receive();
  // A server says nothing unasked but its last words.
  if (said) session.socket.close();
}

sim::Task<StatementResult> Workload::transact(Session& session, bool write, std::uint64_t tag,
                                              sim::Time limit) {
  if (config_.statements == 1) {
    const SqlRequest only = statement(write ? SqlOp::write : SqlOp::read, write, tag);
    const StatementResult result = co_await libpq_.execute(session.socket, only, limit);
    co_return result;
  }
  const SqlRequest begin = statement(SqlOp::begin, write, 0);
  StatementResult result = co_await libpq_.execute(session.socket, begin, limit);
  for (std::uint32_t i = 0; result.ok() && i < config_.statements; ++i) {
    if (i > 0) co_await sim::sleep_for(config_.think.sample_duration(work_stream_));
    // A transaction whose connection is gone does not go on over another one.
    if (!session.socket.is_open()) co_return failed(sim::NetError::closed, false);
    const SqlRequest next = statement(SqlOp::statement, write, tag);
    result = co_await libpq_.execute(session.socket, next, limit);
  }
  if (!result.ok()) {
    result.in_flight = false;  // nothing is committed without COMMIT
    if (!session.socket.is_open()) co_return result;
    const SqlRequest rollback = statement(SqlOp::rollback, false, 0);
    co_await libpq_.execute(session.socket, rollback, limit);
    co_return result;
  }
  if (!session.socket.is_open()) co_return failed(sim::NetError::closed, false);
  const SqlRequest commit = statement(SqlOp::commit, write, tag);
  result = co_await libpq_.execute(session.socket, commit, limit);
  co_return result;
}

sim::Task<bool> Workload::retry(Session& session, bool write, std::uint64_t tag,
                                StatementResult result) {
  sim::Duration pause{};
  const RetryPolicy& policy = config_.retry;
  for (std::uint32_t number = 1; number < policy.attempts; ++number) {
    if (write && result.in_flight && !policy.retry_in_doubt) break;
    if (result.state == SqlState::read_only && policy.reconnect_if_read_only) {
      session.socket.close();
    }
    pause = policy.wait(number, pause, retry_stream_);
    co_await sim::sleep_for(pause);
    const sim::Time sent = group_.now();
    result = co_await transact(session, write, tag, deadline());
    note(sent, write, tag, number + 1, result);
    if (result.ok()) co_return true;
  }
  if (result.state == SqlState::read_only && policy.reconnect_if_read_only) session.socket.close();
  co_return false;
}

void Workload::note(sim::Time sent, bool write, std::uint64_t tag, std::uint32_t number,
                    const StatementResult& result) {
  ++stats_.attempts;
  if (!result.ok()) ++stats_.failed_attempts;
  if (write && result.in_flight) ++stats_.in_doubt;
  if (!config_.journal) return;
  Attempt attempt = attempt_of(result, sent, group_.now());
  attempt.tag = tag;
  attempt.path = path_;
  attempt.write = write;
  attempt.number = static_cast<std::uint8_t>(std::min<std::uint32_t>(number, UINT8_MAX));
  journal_->attempts.push_back(attempt);
}

}  // namespace predrill::models
