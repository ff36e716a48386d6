// The REST API and the requests of one Patroni to another. Source: patroni/api.py, ha.py
// (fetch_node_status, call_failsafe_member) of 3.3.2.
#include <algorithm>

#include "models/patroni.hpp"
#include "sim/combine.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Duration;
using sim::Task;
namespace kinds = patroni_kinds;

namespace {

constexpr Duration request_timeout = 2s;

// Everything that is answered by do_GET.
bool asks_server(RestPath path) {
  switch (path) {
    case RestPath::failsafe:
    case RestPath::switchover:
    case RestPath::failover:
    case RestPath::restart:
      return false;
    default:
      return true;
  }
}

}  // namespace

// One thread per connection, as in ThreadingHTTPServer.
Task<> Patroni::serve() {
  for (;;) {
    RestListener::Server socket = co_await rest_.accept();
    group_.spawn(serve_connection(std::move(socket)));
  }
}

Task<> Patroni::serve_connection(RestListener::Server socket) {
  for (;;) {
    const sim::Result<RestRequest> request = co_await socket.receive();
    if (!request) co_return;
    const RestRequest asked = *request;
    const RestReply reply = co_await answer(asked);
    if (!socket.send(reply)) co_return;
  }
}

RestReply Patroni::status_reply() const {
  RestReply reply;
  reply.state = m_.state;
  reply.nofailover = config_.nofailover();
  reply.failover_priority = config_.tags.failover_priority;
  reply.watchdog_failed =
      config_.watchdog.mode == WatchdogConfig::Mode::required && !config_.watchdog.device;
  reply.sync_standby =
      config_.synchronous_mode && contains(m_.cluster.sync.sync_standby, config_.member);
  reply.failsafe_active = failsafe_active();
  const bool primary = m_.role == Role::primary || m_.role == Role::promoted;
  reply.role = primary ? MemberData::Role::primary : MemberData::Role::replica;
  reply.has_position =
      m_.state == MemberData::State::running && postgres_.pg_isready() == Readiness::accepting;
  if (reply.has_position) {
    reply.in_recovery = postgres_.in_recovery();
    reply.role = reply.in_recovery ? MemberData::Role::replica : MemberData::Role::primary;
    reply.timeline = postgres_.timeline();
    reply.position = postgres_.whole_records();
  }
  return reply;
}

Task<RestReply> Patroni::answer(const RestRequest request) {
  const Duration length = slowness_.sample(timings_.rest_answer, rest_stream_);
  co_await sim::sleep_for(length);
  // get_postgresql_status, on the connection that the main loop uses, too.
  while (asks_server(request.path) && m_.state != MemberData::State::stopped &&
         postgres_.stands_still()) {
    co_await postgres_.changed().wait();
  }
  RestReply reply = status_reply();
  const bool up = reply.has_position;
  const bool lagging = m_.cluster.status_lsn != Lsn{} && request.lag != UINT64_MAX &&
                       m_.cluster.status_lsn - postgres_.replayed() > request.lag;
  const bool replica = up && !config_.tags.noloadbalance && !lagging &&
                       reply.role == MemberData::Role::replica && !is_leader();
  bool ok = false;
  switch (request.path) {
    case RestPath::patroni:
      ok = up;
      break;
    case RestPath::primary:
    case RestPath::leader:
      ok = is_leader();
      break;  // whether or not it is still in recovery
    case RestPath::replica:
      ok = replica;
      break;
    case RestPath::read_only:
      ok = is_leader() || replica;
      break;
    case RestPath::sync:
      ok = replica && reply.sync_standby;
      break;
    case RestPath::read_only_sync:
      ok = is_leader() || (replica && reply.sync_standby);
      break;
    case RestPath::async:
      ok = replica && !reply.sync_standby;
      break;
    case RestPath::health:
      ok = up;
      break;
    case RestPath::liveness: {
      const bool primary = m_.role == Role::primary && postgres_.is_running();
      ok = m_.cluster.pause || m_.next_run + config_.ttl * (primary ? 1 : 2) > wall();
      break;
    }
    case RestPath::readiness:
      ok = is_leader() || m_.state == MemberData::State::running;
      break;
    case RestPath::failsafe: {
      const bool leads = m_.state == MemberData::State::running && m_.role == Role::primary;
      ok = config_.failsafe_mode && !leads;
      if (ok) {
        m_.failsafe_leader = m_.failsafe_told = request.leader;
        m_.failsafe_until = wall() + config_.ttl;
      }
      break;
    }
    case RestPath::switchover:
    case RestPath::failover:
      reply = co_await manual_failover(request);
      co_return reply;
    case RestPath::restart:
      ok = begin(Action::restart, restart_as_action());
      break;
  }
  reply.status = ok ? 200 : 503;
  co_return reply;
}

// do_POST_failover: checks, writes /failover, wakes the main loop, waits for the outcome.
Task<RestReply> Patroni::manual_failover(const RestRequest request) {
  RestReply reply = status_reply();
  note(kinds::switchover);
  ClusterView view;
  const DcsAnswer loaded = co_await dcs_.get_cluster(view);
  if (loaded == DcsAnswer::error) co_return reply;
  const bool switchover = request.path == RestPath::switchover;
  reply.status = 412;
  if (switchover && (request.leader == nobody || view.leader != request.leader ||
                     request.leader == request.candidate)) {
    co_return reply;
  }
  if (!switchover && request.candidate == nobody) co_return reply;
  MemberSet candidates = 0;
  for (MemberId id = 0; id < members_max; ++id) {
    if (!contains(view.present, id) || id == view.leader) continue;
    if (request.candidate != nobody && request.candidate != id) continue;
    const bool must_be_sync =
        config_.synchronous_mode && (switchover || request.candidate == nobody);
    if (must_be_sync && !view.sync.matches(id)) continue;
    candidates |= only(id);
  }
  const PeerStatuses statuses = co_await poll(candidates);
  bool possible = false;
  for (std::size_t i = 0; i < statuses.count; ++i) possible |= statuses.of[i].may_lead();
  if (!possible) co_return reply;
  FailoverRequest wanted;
  wanted.present = true;
  wanted.leader = switchover ? request.leader : nobody;
  wanted.candidate = request.candidate;
  wanted.version = view.failover.version;
  const DcsAnswer written = co_await dcs_.write_failover(wanted);
  reply.status = 503;
  if (written != DcsAnswer::yes) co_return reply;
  dcs_.event.open();
  const Duration limit = 2 * std::max<Duration>(10s, config_.loop_wait);
  for (Duration waited{}; waited < limit; waited += 1s) {
    co_await sim::sleep_for(1s);
    ClusterView now;
    const DcsAnswer seen = co_await dcs_.get_cluster(now);
    if (seen == DcsAnswer::error) continue;
    if (now.leader != nobody && now.leader != view.leader) {
      const bool wished = request.candidate == nobody || now.leader == request.candidate;
      reply.status = wished ? 200 : 503;
      co_return reply;
    }
    if (now.leader == view.leader && !now.failover.present && waited > 2s) co_return reply;
  }
  co_return reply;
}

Task<sim::Result<RestReply>> Patroni::ask(const MemberId peer, const RestRequest request) {
  if (peer >= members_.size() || members_[peer] == nullptr) co_return sim::NetError::unreachable;
  RestListener& target = members_[peer]->rest_;
  const int tries = request.path == RestPath::failsafe ? 2 : 1;
  sim::Result<RestReply> reply = sim::NetError::timeout;
  for (int i = 0; i < tries && !reply; ++i) {
    reply = co_await sim::call(group_, target, request, request_timeout);
  }
  co_return reply;
}

// Ha.fetch_nodes_statuses: all at once, each for at most 2 s.
Task<PeerStatuses> Patroni::poll(const MemberSet peers) {
  RestRequest request;
  request.path = RestPath::patroni;
  PeerStatuses statuses;
  std::vector<Task<sim::Result<RestReply>>> calls;
  for (MemberId id = 0; id < members_max; ++id) {
    if (id == config_.member || !contains(peers, id)) continue;
    PeerStatus status;
    status.member = id;
    statuses.add(status);
    calls.push_back(ask(id, request));
  }
  const auto replies = co_await sim::all_in(std::move(calls));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto& reply = replies[i];
    // Without a WAL position the answer counts as none (_MemberStatus.from_api_response).
    if (!reply || !reply->has_position) continue;
    PeerStatus& status = statuses.of[i];
    status.reachable = true;
    status.in_recovery = reply->in_recovery;
    status.nofailover = reply->nofailover;
    status.watchdog_failed = reply->watchdog_failed;
    status.failover_priority = reply->failover_priority;
    status.timeline = reply->timeline;
    status.wal_position = reply->in_recovery ? reply->position : Lsn{};
  }
  co_return statuses;
}

}  // namespace predrill::models
