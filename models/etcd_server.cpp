// What an etcd member does for its clients: server/etcdserver/v3_server.go of etcd 3.5.
#include <algorithm>

#include "models/etcd_member.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

namespace {

EtcdReply failed(EtcdError error) {
  EtcdReply reply;
  reply.error = error;
  return reply;
}

}  // namespace

sim::Task<> Etcd::accept(Member& m) {
  for (;;) {
    auto socket = co_await m.port.accept();
    m.group.spawn(serve(m, std::move(socket)));
  }
}

sim::Task<> Etcd::serve(Member& m, sim::Socket<EtcdReply, EtcdRequest> socket) {
  for (;;) {
    const auto request = co_await socket.receive();
    if (!request) co_return;
    sim::Duration work = m.extra_request.sample_duration(m.requests);
    work += timings_.request.sample_duration(m.requests);
    co_await sim::sleep_for(work);
    if (request->op == EtcdOp::watch) {
      m.watches.push_back({std::move(socket), request->scope, request->revision});
      const std::size_t applied =
          m.applied <= log_base_ ? events_base_ : log_[m.applied - log_base_ - 1].events_end;
      Watch& watch = m.watches.back();
      for (std::size_t i = 0; i < applied - events_base_; ++i) {
        const EtcdEvent& event = events_[i];
        if (event.scope != watch.scope || event.mod_revision <= watch.after) continue;
        EtcdReply missed;
        missed.revision = event.mod_revision;
        missed.event = event;
        watch.socket.send(missed);
      }
      co_return;
    }
    const EtcdReply reply = co_await handle(m, *request);
    socket.send(reply);
    if (request->op != EtcdOp::range) continue;
    EtcdReply key = reply;
    for (std::size_t slot = 0; slot < etcd_slots && reply.following != 0; ++slot) {
      key.event = store_.get(request->scope, name_of(slot));
      if (key.event.mod_revision != 0) socket.send(key);
    }
  }
}

sim::Task<EtcdReply> Etcd::handle(Member& m, const EtcdRequest request) {
  const sim::Time deadline = sim_.now() + config_.request_timeout();
  EtcdReply reply;
  if (request.op == EtcdOp::member_list) {
    reply.succeeded = true;
  } else if (request.op == EtcdOp::lease_keepalive) {
    reply = co_await keepalive(m, request, deadline);
  } else if (request.op == EtcdOp::range) {
    // Serializable: from what this member has applied. The store is the cluster's, so a member that
    // is behind asks as if for a linearizable read.
    bool current = m.applied == log_base_ + log_.size();
    if (!current) current = co_await read_index(m, deadline);
    if (!current) co_return failed(EtcdError::timed_out);
    reply.succeeded = true;
    reply.revision = store_.revision();
    for (std::size_t slot = 0; slot < etcd_slots; ++slot) {
      if (store_.get(request.scope, name_of(slot)).mod_revision != 0) ++reply.following;
    }
  } else {
    reply = co_await propose(m, request, deadline);
  }
  co_return reply;
}

// Waits until this member knows a leader and the request has got there. False at the deadline.
sim::Task<bool> Etcd::reach_leader(Member& m, sim::Time deadline) {
  while (m.lead == none) {
    if (sim_.now() >= deadline) co_return false;
    co_await m.lead_changed.wait_for(deadline - sim_.now());
  }
  const std::size_t leader = m.lead;
  if (leader != m.index) {
    co_await sim::sleep_for(sim_.network().delay(m.host, members_[leader]->host));
  }
  co_return true;
}

// A proposal that gets lost on the way or with its leader is not repeated: the request times out.
// It waits where it is while there is no leader (raft/node.go takes none from its channel then),
// also with a leader that has just been deposed, and goes on to the next one. Lab: in ten elections
// after such a one 18 of 20 members had published their names 20 ms after the last, one 7 s.
sim::Task<EtcdReply> Etcd::propose(Member& m, const EtcdRequest request, sim::Time deadline) {
  Call call(m, ++last_id_);
  Member* at = &m;
  bool lost = false;
  while (!lost && !at->leading) {
    if (sim_.now() >= deadline) co_return failed(EtcdError::timed_out);
    if (at->lead == none) {
      co_await at->lead_changed.wait_for(deadline - sim_.now());
      continue;
    }
    Member& leader = *members_[at->lead];
    lost = !sim_.network().reaches(at->host, leader.host);
    co_await sim::sleep_for(sim_.network().delay(at->host, leader.host));
    at = &leader;
    lost = lost || !running(leader);
  }
  if (!lost) append(*at, request, call.id, m.index);
  const bool answered = co_await call.done.wait_for(deadline - sim_.now());
  if (!answered) co_return failed(EtcdError::timed_out);
  co_return call.reply;
}

// LeaseRenew: only the leader's lessor knows; a follower asks it over HTTP, again and again.
sim::Task<EtcdReply> Etcd::keepalive(Member& m, const EtcdRequest request, sim::Time deadline) {
  constexpr sim::Duration pause = 50ms;
  while (sim_.now() < deadline) {
    if (m.lead == none) {  // waitLeader looks again after an election time-out, and not before
      co_await sim::sleep_for(
          std::min<sim::Duration>(config_.election_timeout, deadline - sim_.now()));
      continue;
    }
    Member& leader = *members_[m.lead];
    if (&leader != &m) {
      if (!sim_.network().reaches(m.host, leader.host)) {
        const sim::Duration left = deadline - sim_.now();
        co_await m.lead_changed.wait_for(std::min<sim::Duration>(left, 1s));
        continue;
      }
      co_await sim::sleep_for(sim_.network().delay(m.host, leader.host));
    }
    // Without the proof the lessor answers even while the raft loop hangs on a disk.
    const bool answers =
        config_.keepalive_proves_leadership ? running(leader) : !leader.group.frozen();
    if (!leader.leading || !answers) {
      co_await sim::sleep_for(pause);
      continue;
    }
    if (config_.keepalive_proves_leadership) {
      const sim::Duration proof = round_trip(leader);
      if (proof == sim::forever) {
        co_await sim::sleep_for(pause);
        continue;
      }
      co_await sim::sleep_for(proof);
      if (!leader.leading) continue;
    }
    const std::int32_t ttl_s = store_.ttl_s(request.lease);
    if (ttl_s != 0 && lease_expiry_[request.lease] <= sim_.now()) {
      co_await revoked_.wait_for(deadline - sim_.now());  // expired: the revoke is under way
      continue;
    }
    if (ttl_s != 0) {
      lease_expiry_[request.lease] =
          sim_.now() + leader.group.to_virtual(std::chrono::seconds(ttl_s));
    }
    if (&leader != &m) {
      if (!sim_.network().reaches(leader.host, m.host)) break;
      co_await sim::sleep_for(sim_.network().delay(leader.host, m.host));
    }
    EtcdReply reply;
    reply.lease = request.lease;
    reply.revision = store_.revision();
    reply.succeeded = ttl_s != 0;
    if (ttl_s == 0) reply.error = EtcdError::lease_not_found;
    co_return reply;
  }
  if (sim_.now() < deadline) co_await sim::sleep_until(deadline);
  co_return failed(EtcdError::timed_out);
}

// linearizableReadNotify: the leader proves itself to a quorum, then the member catches up.
sim::Task<bool> Etcd::read_index(Member& m, sim::Time deadline) {
  constexpr sim::Duration retry = 500ms;
  while (sim_.now() < deadline) {
    const bool arrived = co_await reach_leader(m, deadline);
    if (!arrived) co_return false;
    if (m.lead != none) {
      Member& leader = *members_[m.lead];
      const bool link = &leader == &m || linked(m, leader);
      if (link && leader.leading && running(leader)) {
        const sim::Duration proof = round_trip(leader);
        if (proof != sim::forever) {
          sim::Duration rest = proof;
          if (&leader != &m) rest += sim_.network().delay(leader.host, m.host);
          co_await sim::sleep_for(rest);
          co_return true;
        }
      }
    }
    co_await sim::sleep_for(std::min<sim::Duration>(retry, deadline - sim_.now()));
  }
  co_return false;
}

}  // namespace predrill::models
