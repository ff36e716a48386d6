#include "sim/tcp.hpp"

#include <algorithm>
#include <new>

namespace predrill::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration rto_first = 204ms;
constexpr Duration rto_max = 120s;
constexpr Duration retransmission_limit = 924600ms;

}  // namespace

namespace detail {

// ---- segments ------------------------------------------------------------------------------

Segment::Segment(Connection& c, int to, Type t, std::size_t payload)
    : Event(&Segment::arrive, true),
      connection(c),
      to_incarnation(c.end(to).host_incarnation_),
      size(static_cast<std::uint16_t>(payload)),
      to_side(static_cast<std::uint8_t>(to)),
      type(t) {
  c.retain();
}

Segment* Segment::make(Connection& c, int to, Type t, const void* payload, std::size_t bytes) {
  auto* segment = ::new (FramePool::allocate(sizeof(Segment) + bytes)) Segment(c, to, t, bytes);
  if (bytes != 0) std::memcpy(segment->bytes(), payload, bytes);
  return segment;
}

void Segment::destroy() {
  Connection& c = connection;
  const std::size_t bytes_all = sizeof(Segment) + size;
  this->~Segment();
  FramePool::release(this, bytes_all);
  c.release();
}

// At the target host's network card: a living host delivers or answers RST, a dead one is silent.
void Segment::arrive(Event& event) {
  auto& self = static_cast<Segment&>(event);
  End& target = self.connection.end(self.to_side);
  End& sender = self.connection.end(1 - self.to_side);
  Host& host = target.host();
  if (!host.up()) {
    if (self.type == Type::rst || !sender.open_) return self.destroy();
    sender.unsent_.push(&self);
    sender.start_retransmission();
    return;
  }
  if (host.incarnation() == self.to_incarnation && target.open_) {
    target.deliver(self);
    return;
  }
  const bool answer = self.type == Type::data;
  if (answer && sender.open_ && host.simulation().network().open(host, sender.host())) {
    Segment* rst = make(self.connection, 1 - self.to_side, Type::rst, nullptr, 0);
    host.simulation().schedule(
        *rst, sender.host().kernel(),
        host.simulation().now() + host.simulation().network().delay(host, sender.host()));
  }
  self.destroy();
}

void Queue::push(Segment* s) {
  s->next = nullptr;
  (last != nullptr ? last->next : first) = s;
  last = s;
}

Segment* Queue::pop() {
  Segment* s = first;
  first = s->next;
  if (first == nullptr) last = nullptr;
  return s;
}

void Queue::clear() {
  while (!empty()) pop()->destroy();
}

// ---- ends ----------------------------------------------------------------------------------

End::End(Connection& connection, int side, Group& group, const TcpOptions& options)
    : connection_(connection),
      host_(group.host()),
      options_(options),
      side_(side),
      host_incarnation_(group.host().incarnation()),
      last_heard_(group.now()),
      last_arrival_(group.now()),
      retransmission_(*this, group.host().kernel()),
      keepalive_(*this, group.host().kernel()) {
  attach(group);
  if (options_.keepalive) keep_alive(options_.keepalive_idle);
}

End::~End() {
  inbox_.clear();
  unsent_.clear();
}

/// Its host still is in the life in which the socket was made.
bool End::alive() const {
  return host().up() && host().incarnation() == host_incarnation_;
}

void End::send(const void* payload, std::size_t bytes) {
  transmit(Segment::make(connection_, 1 - side_, Segment::Type::data, payload, bytes));
}

void End::transmit(Segment* segment) {
  End& peer = connection_.end(1 - side_);
  Simulation& sim = host_.simulation();
  Network& network = sim.network();
  if (!unsent_.empty() || !network.open(host(), peer.host()) || network.lost(host(), peer.host())) {
    unsent_.push(segment);
    start_retransmission();
    return;
  }
  if (!peer_answers()) start_retransmission();  // it may arrive, but nothing will confirm it
  peer.last_arrival_ = std::max(peer.last_arrival_, sim.now() + network.delay(host(), peer.host()));
  sim.schedule(*segment, peer.host().kernel(), peer.last_arrival_);
}

bool End::peer_answers() const {
  const Host& peer = connection_.end(1 - side_).host();
  const Network& network = host_.simulation().network();
  return peer.up() && !peer.frozen() && network.open(host(), peer) && network.open(peer, host());
}

void End::deliver(Segment& segment) {
  heard();
  probes_ = 0;
  switch (segment.type) {
    case Segment::Type::data:
      inbox_.push(&segment);
      wake();
      return;
    case Segment::Type::fin:
      fin_received_ = true;
      fail(NetError::closed);
      break;
    case Segment::Type::rst:
      fail(NetError::reset);
      break;
  }
  segment.destroy();
}

// The connection is over for this end; what has been received can still be read.
void End::fail(NetError error) {
  if (!open_) return;
  open_ = false;
  error_ = error;
  retransmission_.disarm();
  keepalive_.disarm();
  unsent_.clear();
  detach();
  wake();
}

void End::wake() {
  if (receiver == nullptr) return;
  TimedWaiter* waiter = std::exchange(receiver, nullptr);
  Group& group = *waiter->waiter->group;
  group.simulation().schedule_now(*waiter, group);
}

bool End::take(void* payload, std::size_t bytes) {
  if (inbox_.empty()) return false;
  Segment* segment = inbox_.pop();
  SIM_ASSERT(segment->size == bytes, "a message of another type");
  std::memcpy(payload, segment->bytes(), bytes);
  segment->destroy();
  return true;
}

// By the process, or by the kernel when the process has died.
void End::close() {
  detach();
  if (!open_) {
    inbox_.clear();
    return;
  }
  open_ = false;
  error_ = NetError::closed;
  keepalive_.disarm();
  const bool unread = !inbox_.empty();
  inbox_.clear();
  wake();
  if (!alive()) {
    retransmission_.disarm();
    unsent_.clear();
    return;
  }
  transmit(Segment::make(connection_, 1 - side_, unread ? Segment::Type::rst : Segment::Type::fin,
                         nullptr, 0));
  if (!unsent_.empty()) attach(host_.kernel());  // an orphan: the kernel goes on trying
}

void End::on_group_death() {
  if (open_) {
    close();
    return;
  }
  connection_.retain();  // the orphan's host has died: its last segments hold the connection
  retransmission_.disarm();
  unsent_.clear();
  connection_.release();
}

void End::start_retransmission() {
  if (!alive() || retransmission_.armed()) return;
  unacknowledged_since_ = now();
  probing_loss_ = true;
  rto_ = rto_first;
  retransmission_.arm(host_.simulation().network().timer(rto_));
}

void End::retransmit() {
  connection_.retain();  // its last segments may hold it
  send_again();
  connection_.release();
}

void End::send_again() {
  End& peer = connection_.end(1 - side_);
  Network& network = host_.simulation().network();
  if (network.open(host(), peer.host()) && peer.host().up() && !network.lost(host(), peer.host())) {
    Queue queue = std::exchange(unsent_, Queue{});
    while (!queue.empty()) {
      Segment* segment = queue.pop();
      peer.last_arrival_ = std::max(peer.last_arrival_, now() + network.delay(host(), peer.host()));
      host_.simulation().schedule(*segment, peer.host().kernel(), peer.last_arrival_);
    }
    if (!open_) detach();
    if (peer_answers()) {
      heard();
      return;
    }
    if (!open_) return;
  }
  const Duration waited = now() - unacknowledged_since_;
  const Duration limit = options_.user_timeout;
  if (waited >= retransmission_limit || (limit > 0s && waited >= limit)) {
    unsent_.clear();
    if (!open_) detach();
    fail(NetError::timeout);
    return;
  }
  if (!std::exchange(probing_loss_, false)) rto_ = std::min(rto_ * 2, rto_max);
  retransmission_.arm(network.timer(limit > 0s ? std::min(rto_, limit - waited) : rto_));
}

void End::keep_alive(Duration after) {
  keepalive_.arm(host_.simulation().network().timer(after));
}

// Keep-alive: after `idle` of silence a probe every `interval`; `count` without answer end it.
void End::probe() {
  if (!open_) return;
  const Duration quiet = now() - last_heard_;
  if (retransmission_.armed() || (probes_ == 0 && quiet < options_.keepalive_idle)) {
    keep_alive(std::max<Duration>(options_.keepalive_idle - quiet, options_.keepalive_interval));
    return;
  }
  const bool exhausted = options_.user_timeout > 0s ? probes_ > 0 && quiet >= options_.user_timeout
                                                    : probes_ >= options_.keepalive_count;
  if (exhausted) {
    fail(NetError::timeout);
    return;
  }
  if (peer_answers()) {
    const End& peer = connection_.end(1 - side_);
    if (!peer.alive() || !peer.open_) {
      fail(NetError::reset);
      return;
    }
    heard();
    probes_ = 0;
    keep_alive(options_.keepalive_idle);
    return;
  }
  ++probes_;
  keep_alive(options_.keepalive_interval);
}

// ---- connections ---------------------------------------------------------------------------

Connection::Connection(Group& client, Group& server, const TcpOptions& client_options,
                       const TcpOptions& server_options)
    : client_(*this, 0, client, client_options), server_(*this, 1, server, server_options) {}

void Handle::reset() {
  if (connection_ == nullptr) return;
  Connection* connection = std::exchange(connection_, nullptr);
  connection->end(side_).close();
  connection->release();
}

}  // namespace detail

// ---- listeners -----------------------------------------------------------------------------

void ListenerBase::close() {
  if (open_) detach();
  open_ = false;
  queue_.clear();
}

void ListenerBase::enqueue(detail::Handle server_end) {
  queue_.push_back(std::move(server_end));
  accepting_.wake_one();
}

detail::Handle ListenerBase::take() {
  SIM_ASSERT(!queue_.empty(), "one process accepts on a listener");
  detail::Handle handle = std::move(queue_.front());
  queue_.erase(queue_.begin());
  return handle;
}

Task<Result<detail::Handle>> connect_to(Group& from, ListenerBase& to, Duration timeout,
                                        TcpOptions options) {
  Simulation& sim = from.simulation();
  Network& network = sim.network();
  Host& client = from.host();
  Host& server = to.host();
  const Time deadline = later(sim.now(), timeout);
  const SynRetries& syn = network.syn_retries();
  for (int attempt = 0; attempt < syn.attempts(); ++attempt) {
    const Time sent = sim.now();
    if (network.open(client, server) && !network.lost(client, server)) {
      co_await sleep_until(std::min(deadline, sent + network.delay(client, server)));
      if (sim.now() >= deadline) co_return NetError::timeout;
      const bool answers = server.up() && !server.frozen() && network.open(server, client);
      if (answers && to.is_open() && to.queue_.size() < to.backlog_) {
        auto* connection = new detail::Connection(from, to.group(), options, to.options);
        detail::Handle client_end(*connection, 0);
        to.enqueue(detail::Handle(*connection, 1));
        const Time established = sim.now() + network.delay(server, client);
        co_await sleep_until(std::min(deadline, established));
        if (established > deadline) co_return NetError::timeout;
        co_return Result<detail::Handle>(std::move(client_end));
      }
      if (answers && !to.is_open()) {
        const Time refused = sim.now() + network.delay(server, client);
        co_await sleep_until(std::min(deadline, refused));
        if (refused > deadline) co_return NetError::timeout;
        co_return NetError::refused;
      }
    }
    const Time retry = network.timer_end(sent, syn.wait_after(attempt));
    co_await sleep_until(std::min(deadline, retry));
    if (sim.now() >= deadline) co_return NetError::timeout;
  }
  co_return NetError::timeout;
}

}  // namespace predrill::sim
