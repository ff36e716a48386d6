// Leadership of an etcd cluster: raft/raft.go of etcd 3.5.
#include <algorithm>

#include "models/etcd_member.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

bool Etcd::running(const Member& m) const {
  return m.alive && !m.group.frozen() && m.blocked_until <= sim_.now();
}

bool Etcd::linked(const Member& a, const Member& b) const {
  return sim_.network().open(a.host, b.host) && sim_.network().open(b.host, a.host);
}

bool Etcd::quorum_of(const Member& leader) const {
  std::size_t count = 1;
  for (const auto& p : members_) {
    if (p.get() == &leader || !running(*p) || !linked(leader, *p)) continue;
    if (p->term <= leader.term) ++count;
  }
  return count > members_.size() / 2;
}

// resetRandomizedElectionTimeout: 10 to 19 ticks by default. The first tick comes anywhere within
// an interval after the leader was heard.
sim::Duration Etcd::draw_timeout(Member& m) {
  const auto ticks = config_.election_timeout / config_.heartbeat_interval;
  const auto more = static_cast<std::int64_t>(m.elections.below(static_cast<std::uint64_t>(ticks)));
  const sim::Duration phase = m.elections.uniform({}, config_.heartbeat_interval - 1ns);
  return (ticks + more) * config_.heartbeat_interval - phase;
}

void Etcd::set_lead(Member& m, std::size_t leader) {
  if (m.lead == leader) return;
  m.lead = leader;
  if (leader != none) m.lead_changed.notify_all();
}

// Once per heartbeat interval for the whole cluster: who hears the leader, who must campaign.
void Etcd::tick() {
  for (auto& m : members_) {
    if (m->leading && running(*m)) heartbeats(*m);
  }
  const sim::Time next = sim_.now() + config_.heartbeat_interval;
  for (auto& m : members_) {
    if (!m->alive || m->leading || m->campaigning) continue;
    if (!running(*m)) {
      m->deadline += config_.heartbeat_interval;  // its ticks do not come either
      continue;
    }
    if (m->deadline > next) continue;
    m->campaigning = true;
    m->group.spawn(campaign(*m));
  }
  tick_.arm(config_.heartbeat_interval);
}

void Etcd::heartbeats(Member& leader) {
  for (auto& p : members_) {
    if (p.get() == &leader || !running(*p)) continue;
    if (!sim_.network().open(leader.host, p->host)) continue;
    const bool answers = sim_.network().open(p->host, leader.host);
    if (p->term > leader.term) {  // it answers with its term, and the leader obeys
      if (!answers) continue;
      step_down(leader);
      leader.term = p->term;
      return;
    }
    hear(*p, leader);
    if (!answers) continue;
    leader.heard_from |= 1U << p->index;
    const std::uint64_t index = log_base_ + log_.size();
    if (p->applied < index && p->arrivals.empty()) {
      schedule_apply(*p, index, sim_.network().delay(leader.host, p->host));
    }
  }
  check_quorum(leader);
  if (leader.leading && !leader.pending.empty() && leader.commit_at == sim::time_max) {
    const sim::Duration latency = commit_latency(leader);
    leader.commit_at = sim::later(sim_.now(), latency);
    if (latency != sim::forever) leader.commit_timer.arm(latency);
  }
}

void Etcd::hear(Member& p, Member& leader) {
  if (p.term < leader.term || p.lead != leader.index || p.timeout == 0s) {
    if (p.leading) step_down(p);
    p.term = leader.term;
    p.timeout = draw_timeout(p);
    set_lead(p, leader.index);
  }
  p.take_log_of(leader);
  p.last_heard = sim_.now();
  p.deadline = sim_.now() + p.timeout;
}

// tickHeartbeat: every election timeout the leader asks whether a quorum was active since.
void Etcd::check_quorum(Member& leader) {
  if (++leader.ticks < config_.election_timeout / config_.heartbeat_interval) return;
  std::size_t count = 1;
  for (const auto& p : members_) count += (leader.heard_from >> p->index) & 1U;
  leader.ticks = 0;
  leader.heard_from = 0;
  if (count <= members_.size() / 2) step_down(leader);
}

void Etcd::step_down(Member& m) {
  m.leading = false;
  m.lead = none;
  m.pending.clear();
  m.commit_timer.disarm();
  m.commit_at = sim::time_max;
  m.lessor_timer.disarm();
  m.timeout = draw_timeout(m);
  m.deadline = sim_.now() + m.timeout;
  revoked_.notify_all();  // who waits for a revoke asks the next leader
  sim_.trace().emit(sim_.now(), m.host.entity(), etcd_leader_lost,
                    static_cast<std::int64_t>(m.term));
}

sim::Task<> Etcd::campaign(Member& m) {
  if (m.deadline > sim_.now()) co_await sim::sleep_until(m.deadline);
  if (m.deadline <= sim_.now()) {  // not heard since
    m.lead = none;
    m.timeout = draw_timeout(m);
    m.deadline = sim_.now() + m.timeout;
    bool wins = true;
    if (config_.pre_vote) wins = co_await poll(m, true, m.term + 1);
    if (wins && m.lead == none) {
      ++m.term;
      const std::uint64_t term = m.term;
      m.voted_term = term;
      m.voted_for = m.index;
      wins = co_await poll(m, false, term);
      if (wins && m.term == term && m.lead == none) lead(m);
    }
  }
  m.campaigning = false;
}

// Asks everyone; true after the answers of a quorum.
sim::Task<bool> Etcd::poll(Member& m, bool pre_vote, std::uint64_t term) {
  std::array<sim::Duration, 16> answers;
  std::size_t count = 0;
  for (auto& p : members_) {
    if (p.get() == &m || !running(*p) || !linked(m, *p)) continue;
    if (!grants(*p, m, pre_vote, term)) continue;
    sim::Duration answer = sim_.network().delay(m.host, p->host);
    if (!pre_vote) answer += flush(*p);  // term and vote go to disk first
    answer += sim_.network().delay(p->host, m.host);
    answers[count++] = answer;
  }
  const sim::Duration own = pre_vote ? 0s : flush(m);
  const std::size_t needed = members_.size() / 2;
  if (count < needed) co_return false;
  std::sort(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(count));
  const sim::Duration wait = needed == 0 ? own : std::max(own, answers[needed - 1]);
  co_await sim::sleep_for(wait);
  co_return running(m);
}

// raft.go Step: who hears a leader ignores candidates; a vote needs a log as new as one's own. A
// candidate of a higher term makes followers of all others and starts their time-outs anew, even if
// its log is too old to get their votes: a member that was alone for long and missed an entry of a
// short-lived leader so delays the election again and again.
bool Etcd::grants(Member& p, const Member& candidate, bool pre_vote, std::uint64_t term) {
  if (p.leading) return false;
  if (p.lead != none && sim_.now() - p.last_heard < config_.election_timeout) return false;
  if (term < p.term) return false;
  const bool newer = term > p.term;
  if (newer && !pre_vote) follow_nobody(p, term);
  if (p.has_newer_log_than(candidate)) return false;
  if (pre_vote) return newer;
  if (p.voted_term == term && p.voted_for != candidate.index) return false;
  p.voted_term = term;
  p.voted_for = candidate.index;
  p.deadline = sim_.now() + p.timeout;
  return true;
}

// becomeFollower(term, None)
void Etcd::follow_nobody(Member& p, std::uint64_t term) {
  p.term = term;
  p.lead = none;
  p.timeout = draw_timeout(p);
  p.deadline = sim_.now() + p.timeout;
}

void Etcd::lead(Member& m) {
  ++elections_;
  m.leading = true;
  m.lead = m.index;
  m.ticks = 0;
  m.heard_from = 0;
  m.pending.clear();
  m.commit_at = sim::time_max;
  m.log_term = m.term;
  sim_.trace().emit(sim_.now(), m.host.entity(), etcd_leader_elected,
                    static_cast<std::int64_t>(m.term));
  extend_all();
  EtcdRequest first;
  first.op = EtcdOp::nothing;
  append(m, first, ++last_id_, none);
  arm_lessor(m);
  m.lead_changed.notify_all();
  for (auto& p : members_) {
    if (p.get() != &m && running(*p) && sim_.network().open(m.host, p->host) && p->term <= m.term) {
      hear(*p, m);
    }
  }
  for (auto& p : members_) {  // its first message tells it of a higher term
    if (p->term <= m.term || !running(*p) || !linked(m, *p)) continue;
    step_down(m);
    m.term = p->term;
    return;
  }
}

// EtcdServer.adjustTicks: once two others are connected, all ticks of an election time-out but two
// have passed ("fast-forwarding election ticks", 8 of 10).
sim::Task<> Etcd::advance_ticks(Member& m) {
  constexpr sim::Duration looking = 50ms;
  constexpr int looks = 100;  // rafthttp.ConnReadTimeout, 5 s
  for (int i = 0; i < looks; ++i) {
    co_await sim::sleep_for(looking);
    std::size_t connected = 0;
    for (const auto& p : members_) {
      if (p.get() != &m && p->alive && linked(m, *p)) ++connected;
    }
    if (connected < 2) continue;
    if (!m.leading) m.deadline -= config_.election_timeout - 2 * config_.heartbeat_interval;
    co_return;
  }
}

}  // namespace predrill::models
