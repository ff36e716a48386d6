#include "models/etcd.hpp"

#include <algorithm>

#include "models/etcd_member.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

EtcdConfig EtcdConfig::of(EtcdVersion version) {
  EtcdConfig config;
  config.version = version;
  config.pre_vote = version != EtcdVersion::v3_4;
  config.keepalive_proves_leadership = version != EtcdVersion::v3_4;
  return config;
}

std::vector<std::string> validate(const EtcdConfig& config) {
  std::vector<std::string> problems;
  if (config.heartbeat_interval <= 0s) problems.push_back("--heartbeat-interval must be positive");
  if (config.election_timeout < 5 * config.heartbeat_interval) {
    problems.push_back("--election-timeout must be at least 5 times --heartbeat-interval");
  }
  if (config.election_timeout > 50s) {
    problems.push_back("--election-timeout must not exceed 50 s");
  }
  return problems;
}

EtcdTimings::EtcdTimings()
    : fsync(
          sim::Distribution::lognormal_percentiles(0.5, 1500us, 0.99, 10ms)
              .with_source("etcd docs, Metrics: wal_fsync_duration p99 below 10 ms; the median is "
                           "an estimate for an SSD")),
      request(sim::Distribution::quantiles({{0.0, 1800us},
                                            {0.1, 2100us},
                                            {0.25, 2400us},
                                            {0.5, 2800us},
                                            {0.75, 3700us},
                                            {0.9, 5300us},
                                            {1.0, 17ms}})
                  .with_source("etcd 3.4.23, two processors at a load of 3: a linearizable range "
                               "over the JSON gateway, from Python on a kept connection with "
                               "TCP_NODELAY, 116 times")),
      boot(sim::Distribution::quantiles({{0.0, 22ms},
                                         {0.1, 34ms},
                                         {0.25, 44ms},
                                         {0.5, 68ms},
                                         {0.75, 110ms},
                                         {0.9, 175ms},
                                         {1.0, 233ms}})
               .with_source("etcd 3.4.23 with a small database, until \"peer became active\": 40 "
                            "starts on one machine (median 109 ms), 480 on another (44 ms), in "
                            "equal parts")) {}

Etcd::Etcd(const std::vector<sim::Host*>& hosts, const EtcdConfig& config,
           const EtcdTimings& timings)
    : sim_(hosts.front()->simulation()),
      config_(config),
      timings_(timings),
      lease_expiry_{sim::time_max},
      lease_revoking_{false},
      tick_(*this, sim_.world()) {
  for (sim::Host* host : hosts) {
    const std::size_t index = members_.size();
    members_.push_back(std::make_unique<Member>(*this, *host, index));
    host->on_boot([this, index] { start_member(index); });
  }
}

Etcd::~Etcd() = default;

ScopeId Etcd::add_scope(std::string_view name, const std::vector<std::string>& member_names) {
  const ScopeId id = store_.add_scope();
  Scope scope{sim_.trace().entity("dcs/" + std::string(name)), {}};
  for (std::size_t i = 0; i < members_max; ++i) {
    scope.names[i] =
        sim_.trace().name(i < member_names.size() ? member_names[i] : std::to_string(i));
  }
  scopes_.push_back(scope);
  return id;
}

// ---- life of the members -------------------------------------------------------------------

void Etcd::start(std::size_t leader) {
  for (auto& m : members_) {
    if (m->alive || !m->host.up()) continue;
    m->rise();
    m->deadline = sim_.now() + draw_timeout(*m);
    m->group.spawn(accept(*m));
  }
  tick_.arm(config_.heartbeat_interval);
  for (auto& m : members_) m->term = 1;
  lead(*members_[leader]);
  for (auto& m : members_) {
    if (m->alive && m->index != leader) hear(*m, *members_[leader]);
  }
}

void Etcd::start_member(std::size_t member) {
  Member& m = *members_[member];
  if (m.alive || m.booting || !m.host.up()) return;
  m.booting = true;
  m.group.spawn(boot(m));
}

sim::Task<> Etcd::boot(Member& m) {
  co_await sim::sleep_for(timings_.boot.sample_duration(m.boots));
  m.booting = false;
  m.rise();
  m.deadline = sim_.now() + draw_timeout(m);
  if (!tick_.armed()) tick_.arm(config_.heartbeat_interval);
  m.group.spawn(advance_ticks(m));
  // EtcdServer.publish: clients are served when its name has gone through the log. Until then their
  // connections wait.
  EtcdRequest name;
  name.op = EtcdOp::nothing;
  for (;;) {
    const EtcdReply published = co_await propose(m, name, sim_.now() + config_.request_timeout());
    if (published.error == EtcdError::none) break;
  }
  co_await accept(m);
}

void Etcd::kill_member(std::size_t member) {
  members_[member]->group.kill();
}

void Etcd::Member::rise() {
  alive = true;
  port.open();
  attach(group);
}

// Memory is gone; term, vote, log and applied index are on disk.
void Etcd::Member::on_group_death() {
  booting = false;
  if (!alive) return;
  alive = false;
  if (leading) {
    leading = false;
    cluster.sim_.trace().emit(cluster.sim_.now(), host.entity(), etcd_leader_lost,
                              static_cast<std::int64_t>(term));
  }
  lead = none;
  campaigning = false;
  pending.clear();
  arrivals.clear();
  watches.clear();
  commit_timer.disarm();
  lessor_timer.disarm();
  apply_timer.disarm();
}

void Etcd::stall_disk(std::size_t member, sim::Duration length) {
  members_[member]->stalled_until = sim_.now() + length;
}
void Etcd::slow_disk(std::size_t member, const sim::Distribution& extra) {
  members_[member]->extra_flush = extra;
}
void Etcd::slow_requests(std::size_t member, const sim::Distribution& extra) {
  members_[member]->extra_request = extra;
}
void Etcd::set_no_space(bool on) {
  store_.set_no_space(on);
  for (const Scope& scope : scopes_) sim_.trace().emit(sim_.now(), scope.entity, etcd_alarm, on);
}

void Etcd::write(const EtcdRequest& request) {
  const std::size_t l = leader();
  if (l != none) append(*members_[l], request, ++last_id_, l);
}

std::size_t Etcd::leader() const {
  std::size_t found = none;
  for (const auto& m : members_) {
    if (!m->leading) continue;
    if (found == none || m->term > members_[found]->term) found = m->index;
  }
  return found;
}

std::uint64_t Etcd::term() const {
  std::uint64_t term = 0;
  for (const auto& m : members_) term = std::max(term, m->term);
  return term;
}

bool Etcd::has_quorum() const {
  return std::any_of(members_.begin(), members_.end(),
                     [this](const auto& m) { return running(*m) && quorum_of(*m); });
}

Etcd::Port& Etcd::port(std::size_t member) {
  return members_[member]->port;
}
sim::Group& Etcd::group(std::size_t member) {
  return members_[member]->group;
}
sim::Host& Etcd::host(std::size_t member) {
  return members_[member]->host;
}

// ---- log -----------------------------------------------------------------------------------

// A flush that takes long stops the raft loop: no heartbeats go out and none are answered
// (etcdserver/raft.go, start).
sim::Duration Etcd::flush(Member& m) {
  sim::Duration d = m.extra_flush.sample_duration(m.flushes);
  d += timings_.fsync.sample_duration(m.flushes);
  if (m.stalled_until > sim_.now()) d += m.stalled_until - sim_.now();
  if (d >= config_.heartbeat_interval) {
    m.blocked_until = std::max(m.blocked_until, sim_.now() + d);
  }
  return d;
}

// The leader sends first and flushes then; it goes on when its own flush is done and a quorum has
// answered. sim::forever if too few can answer now.
sim::Duration Etcd::commit_latency(Member& leader) {
  const sim::Duration own = flush(leader);
  std::array<sim::Duration, 16> acks;
  std::size_t count = 0;
  for (auto& p : members_) {
    if (p.get() == &leader || !p->alive || p->group.frozen() || !linked(leader, *p)) continue;
    sim::Duration ack = sim_.network().delay(leader.host, p->host);
    ack += flush(*p);
    ack += sim_.network().delay(p->host, leader.host);
    acks[count++] = ack;
  }
  const std::size_t needed = members_.size() / 2;
  if (count < needed) return sim::forever;
  if (needed == 0) return own;
  std::sort(acks.begin(), acks.begin() + static_cast<std::ptrdiff_t>(count));
  return std::max(own, acks[needed - 1]);
}

// To a quorum and back without a flush: read-index, votes before the vote.
sim::Duration Etcd::round_trip(Member& leader) {
  std::array<sim::Duration, 16> acks;
  std::size_t count = 0;
  for (auto& p : members_) {
    if (p.get() == &leader || !running(*p) || !linked(leader, *p)) continue;
    sim::Duration ack = sim_.network().delay(leader.host, p->host);
    ack += sim_.network().delay(p->host, leader.host);
    acks[count++] = ack;
  }
  const std::size_t needed = members_.size() / 2;
  if (count < needed) return sim::forever;
  if (needed == 0) return sim::Duration{};
  std::sort(acks.begin(), acks.begin() + static_cast<std::ptrdiff_t>(count));
  return acks[needed - 1];
}

void Etcd::append(Member& leader, const EtcdRequest& request, std::uint64_t id,
                  std::size_t origin) {
  leader.pending.push_back({request, id, origin});
  ++leader.log_index;
  for (auto& p : members_) {
    if (p->lead == leader.index && running(*p) && linked(leader, *p)) p->take_log_of(leader);
  }
  const sim::Duration latency = commit_latency(leader);
  if (leader.pending.size() == 1 || leader.commit_at == sim::time_max) {
    leader.commit_at = sim::later(sim_.now(), latency);
  } else if (latency != sim::forever) {
    leader.commit_at = std::max(leader.commit_at, sim_.now() + latency);
  }
  if (leader.commit_at != sim::time_max) leader.commit_timer.arm(leader.commit_at - sim_.now());
}

void Etcd::Member::commit_pending() {
  cluster.commit(*this);
}

// Entries that wait together commit together, as they do in one raft Ready.
void Etcd::commit(Member& leader) {
  if (!leader.leading) {
    leader.pending.clear();
    return;
  }
  if (!quorum_of(leader)) {
    leader.commit_at = sim::time_max;  // tick() tries again
    return;
  }
  std::vector<Entry> batch;
  batch.swap(leader.pending);
  for (const Entry& entry : batch) {
    const std::size_t first = events_.size();
    const EtcdName key{EtcdKey::leader, nobody};
    const bool scoped = !scopes_.empty();
    const MemberId before = scoped ? store_.get(entry.request.scope, key).value.holder : nobody;
    const EtcdReply reply = store_.apply(entry.request, events_);
    if (entry.request.op == EtcdOp::lease_grant && reply.succeeded) {
      lease_expiry_.push_back(sim_.now() +
                              leader.group.to_virtual(std::chrono::seconds(entry.request.ttl_s)));
      lease_revoking_.push_back(false);
    }
    if (entry.request.op == EtcdOp::lease_revoke) revoked_.notify_all();
    log_.push_back({reply, entry.id, entry.origin, events_base_ + events_.size()});
    note(entry.request, first, before);
  }
  batch.clear();
  if (leader.pending.empty()) leader.pending.swap(batch);  // keeps its memory
  const std::uint64_t index = log_base_ + log_.size();
  for (auto& p : members_) {
    if (p.get() == &leader || !running(*p) || !linked(leader, *p)) continue;
    schedule_apply(*p, index, sim_.network().delay(leader.host, p->host));
  }
  apply(leader, index);
  arm_lessor(leader);
  trim();
}

void Etcd::schedule_apply(Member& m, std::uint64_t index, sim::Duration after) {
  sim::Time due = sim_.now() + after;
  if (!m.arrivals.empty()) due = std::max(due, m.arrivals.back().due);
  m.arrivals.push_back({index, due});
  if (!m.apply_timer.armed()) m.apply_timer.arm(due - sim_.now());
}

void Etcd::Member::apply_arrived() {
  std::size_t done = 0;
  while (done < arrivals.size() && arrivals[done].due <= cluster.sim_.now()) {
    cluster.apply(*this, arrivals[done++].index);
  }
  arrivals.erase(arrivals.begin(), arrivals.begin() + static_cast<std::ptrdiff_t>(done));
  if (!arrivals.empty()) apply_timer.arm(arrivals.front().due - cluster.sim_.now());
}

// The member executes what has been committed: its callers learn the result, its watchers the
// events.
void Etcd::apply(Member& m, std::uint64_t index) {
  if (index <= m.applied) return;
  if (m.applied < log_base_) m.applied = log_base_;  // by a snapshot
  const std::size_t from =
      m.applied == log_base_ ? events_base_ : log_[m.applied - log_base_ - 1].events_end;
  for (std::uint64_t i = m.applied; i < index; ++i) {
    const Committed& entry = log_[i - log_base_];
    if (entry.origin != m.index) continue;
    for (Call* call : m.calls) {
      if (call->id != entry.id) continue;
      call->reply = entry.reply;
      call->done.open();
    }
  }
  m.applied = index;
  deliver(m, from - events_base_, log_[index - log_base_ - 1].events_end - events_base_);
}

void Etcd::deliver(Member& m, std::size_t from, std::size_t to) {
  for (Watch& watch : m.watches) {
    for (std::size_t i = from; i < to; ++i) {
      const EtcdEvent& event = events_[i];
      if (event.scope != watch.scope || event.mod_revision <= watch.after) continue;
      EtcdReply reply;
      reply.revision = event.mod_revision;
      reply.event = event;
      watch.socket.send(reply);
    }
  }
  std::erase_if(m.watches, [](const Watch& watch) { return !watch.socket.is_open(); });
}

void Etcd::note(const EtcdRequest& request, std::size_t first, MemberId before) {
  const bool expiry = request.op == EtcdOp::lease_revoke;
  for (std::size_t i = first; i < events_.size(); ++i) {
    const EtcdEvent& event = events_[i];
    const Scope& scope = scopes_[event.scope];
    const auto emit = [&](const sim::Kind& kind, MemberId who, std::int64_t other = 0) {
      sim_.trace().emit(sim_.now(), scope.entity, kind, scope.names[who], other);
    };
    if (event.name.key == EtcdKey::member && event.deleted && expiry) {
      emit(member_expired, event.name.member);
    }
    if (event.name.key != EtcdKey::leader) continue;
    const MemberId who = event.value.holder;
    if (event.deleted) {
      emit(expiry ? key_expired : key_deleted, who);
    } else if (before == nobody) {
      emit(key_created, who);
    } else if (before != who) {
      emit(key_overwritten, who, scope.names[before]);
    }
  }
}

// What every living member has applied is forgotten; one that was down longer takes a snapshot.
void Etcd::trim() {
  constexpr std::size_t kept_max = 4096;
  if (log_.size() < kept_max) return;
  std::uint64_t lowest = log_base_ + log_.size();
  for (const auto& m : members_) {
    if (m->alive) lowest = std::min(lowest, m->applied);
  }
  if (lowest <= log_base_) return;
  const auto entries = static_cast<std::ptrdiff_t>(lowest - log_base_);
  const std::size_t events = log_[lowest - log_base_ - 1].events_end - events_base_;
  log_.erase(log_.begin(), log_.begin() + entries);
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(events));
  log_base_ = lowest;
  events_base_ += events;
}

// ---- leases --------------------------------------------------------------------------------

// lessor.go runLoop looks every 500 ms, counted from the start of the process.
void Etcd::arm_lessor(Member& leader) {
  if (!leader.leading) return;
  sim::Time first = sim::time_max;
  for (LeaseId id = 1; id < lease_expiry_.size(); ++id) {
    if (store_.ttl_s(id) != 0 && !lease_revoking_[id]) first = std::min(first, lease_expiry_[id]);
  }
  if (first == sim::time_max) {
    leader.lessor_timer.disarm();
    return;
  }
  constexpr sim::Duration scan = 500ms;
  const sim::Duration since = std::max<sim::Duration>(first - leader.scan_phase, 0s);
  const sim::Time at = leader.scan_phase + (since + scan - 1ns) / scan * scan;
  leader.lessor_timer.arm(std::max<sim::Duration>(at - sim_.now(), 0s));
}

void Etcd::Member::scan_leases() {
  cluster.expire(*this);
}

void Etcd::expire(Member& leader) {
  if (!leader.leading) return;
  for (LeaseId id = 1; id < lease_expiry_.size(); ++id) {
    if (store_.ttl_s(id) == 0 || lease_revoking_[id] || lease_expiry_[id] > sim_.now()) continue;
    lease_revoking_[id] = true;
    EtcdRequest revoke;
    revoke.op = EtcdOp::lease_revoke;
    revoke.lease = id;
    append(leader, revoke, ++last_id_, none);
  }
  arm_lessor(leader);
}

// lessor.go Promote: a new leader knows no renewal times, so everyone gets the full time again.
void Etcd::extend_all() {
  for (LeaseId id = 1; id < lease_expiry_.size(); ++id) {
    lease_expiry_[id] =
        sim_.now() + config_.election_timeout + std::chrono::seconds(store_.ttl_s(id));
    lease_revoking_[id] = false;
  }
}

}  // namespace predrill::models
