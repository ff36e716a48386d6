// TCP as far as failovers depend on it: connections between processes of hosts that carry small
// typed messages in order. A message is delivered once or the sender learns, late, that it was not:
//   the peer's process dies           its kernel sends FIN (or RST if data was left unread)
//   the peer's host dies              nothing; unacknowledged data is sent again until the
//                                     time-out; an idle connection notices only by keep-alive
//   the peer's host comes back        RST in answer to the next packet
//   the path is cut                   data waits for retransmission (204 ms, doubling to 120 s)
//
// Numbers are Linux's: SYNs after 0, 1, 2, 3, 4, 5, 7, 11 … s, 131 s in all (before Linux 6.5 after
// 0, 1, 3, 7 … s, 127 s; SynRetries); data again after 204 ms (tcp_rto_min and the round trip, in
// ticks), which is the tail loss probe, after 204 ms more, then after twice as long each time up to
// 120 s, until 924.6 s have passed (tcp_retries2 15); keep-alive off, else 7200/75 s/9 (ip-sysctl
// of the kernel documentation). Each of these times ends with a tick (Network::timer): 0.206,
// 0.414, 0.846, 1.678, 3.34, 6.80, 13.5, 26.8, 53.1 s were seen on the wire with Linux 6.18. Left
// out: windows and bandwidth, acknowledgements as packets of their own, half-closed connections.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "sim/network.hpp"
#include "sim/sync.hpp"

namespace predrill::sim {

constexpr std::size_t message_bytes_max = 96;

template <class M>
concept Message = std::is_trivially_copyable_v<M> && sizeof(M) <= message_bytes_max;

struct TcpOptions {
  bool keepalive = false;                                  // SO_KEEPALIVE
  Duration keepalive_idle = std::chrono::hours(2);         // TCP_KEEPIDLE
  Duration keepalive_interval = std::chrono::seconds(75);  // TCP_KEEPINTVL
  int keepalive_count = 9;                                 // TCP_KEEPCNT
  Duration user_timeout{0};  // TCP_USER_TIMEOUT, 0 = by retransmissions
};

namespace detail {

class Connection;
class Handle;

/// A message on its way or in a receive buffer; the payload follows the object in memory.
struct Segment : Event {
  enum class Type : std::uint8_t { data, fin, rst };
  Segment(Connection& c, int to, Type t, std::size_t payload);
  static Segment* make(Connection& c, int to, Type t, const void* payload, std::size_t bytes);
  void destroy();
  std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }

  Connection& connection;
  Segment* next = nullptr;
  std::uint32_t to_incarnation;
  std::uint16_t size;
  std::uint8_t to_side;
  Type type;

 private:
  static void arrive(Event& event);
};

struct Queue {
  Segment* first = nullptr;
  Segment* last = nullptr;
  bool empty() const { return first == nullptr; }
  void push(Segment* s);
  Segment* pop();
  void clear();
};

/// One end of a connection: what a socket is to the kernel of its host.
class End : GroupResource {
 public:
  End(Connection& connection, int side, Group& group, const TcpOptions& options);
  ~End() override;

  bool open() const { return open_; }
  NetError error() const { return error_; }
  bool readable() const { return !inbox_.empty() || !open_ || fin_received_; }
  void send(const void* payload, std::size_t bytes);
  bool take(void* payload, std::size_t bytes);
  void close();
  Host& host() const { return host_; }

  TimedWaiter* receiver = nullptr;

 private:
  friend class Connection;
  friend struct Segment;
  void on_group_death() override;
  bool alive() const;
  void transmit(Segment* segment);
  void deliver(Segment& segment);
  void fail(NetError error);
  void wake();
  void start_retransmission();
  void retransmit();
  void send_again();
  void keep_alive(Duration after);
  void probe();
  bool peer_answers() const;
  void heard() { last_heard_ = host_.simulation().now(); }
  Time now() const { return host_.simulation().now(); }

  Connection& connection_;
  Host& host_;
  TcpOptions options_;
  int side_;
  std::uint32_t host_incarnation_;
  bool open_ = true;
  bool fin_received_ = false;
  NetError error_ = NetError::none;
  bool probing_loss_ = false;  // the next retransmission is the tail loss probe
  int probes_ = 0;
  Duration rto_{};
  Time unacknowledged_since_{};
  Time last_heard_{};
  Time last_arrival_{};  // of what was sent towards this end: keeps the order
  Queue inbox_;
  Queue unsent_;  // waits for retransmission
  Timer<End, &End::retransmit> retransmission_;
  Timer<End, &End::probe> keepalive_;
};

class Connection : public Pooled {
 public:
  Connection(Group& client, Group& server, const TcpOptions& client_options,
             const TcpOptions& server_options);
  End& end(int side) { return side == 0 ? client_ : server_; }
  void retain() { ++references_; }
  void release() {
    if (--references_ == 0) delete this;
  }

 private:
  std::uint32_t references_ = 0;
  End client_;
  End server_;
};

/// A reference to one end; closes it when destroyed.
class Handle {
 public:
  Handle() = default;
  Handle(Connection& connection, int side) : connection_(&connection), side_(side) {
    connection.retain();
  }
  Handle(Handle&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)), side_(other.side_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this == &other) return *this;
    reset();
    connection_ = std::exchange(other.connection_, nullptr);
    side_ = other.side_;
    return *this;
  }
  ~Handle() { reset(); }
  void reset();
  End* end() const { return connection_ == nullptr ? nullptr : &connection_->end(side_); }

 private:
  Connection* connection_ = nullptr;
  int side_ = 0;
};

}  // namespace detail

/// One end of an established connection that sends Out and receives In. Belongs to the process (or
/// object) that holds it; closing, its death or its group's death tells the peer.
template <Message Out, Message In>
class Socket {
 public:
  Socket() = default;
  explicit Socket(detail::Handle handle) : handle_(std::move(handle)) {}

  /// Usable: neither closed here nor known to be closed or broken by the peer.
  bool is_open() const {
    const detail::End* end = handle_.end();
    return end != nullptr && end->open();
  }
  /// Not closed here. Whoever sends and then reads need not know that the peer has gone.
  bool is_held() const { return handle_.end() != nullptr; }
  /// Why it is not usable any more.
  NetError error() const {
    const detail::End* end = handle_.end();
    return end == nullptr ? NetError::closed : end->error();
  }
  /// Never blocks. False if the socket is known to be closed.
  bool send(const Out& message) {
    if (!is_open()) return false;
    handle_.end()->send(&message, sizeof(Out));
    return true;
  }
  void close() { handle_.reset(); }

  struct [[nodiscard]] Receive : TimedWaiter {
    Receive(detail::End* e, Duration limit) : TimedWaiter(limit), end(e) {}
    ~Receive() {
      if (end != nullptr && end->receiver == this) end->receiver = nullptr;
    }
    bool await_ready() const { return end == nullptr || end->readable(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      SIM_ASSERT(end->receiver == nullptr, "one receiver per socket");
      end->receiver = this;
      start_clock();
    }
    Result<In> await_resume() {
      if (end == nullptr) return NetError::closed;
      if (end->receiver == this) end->receiver = nullptr;
      In message;
      if (end->take(&message, sizeof(In))) return message;
      if (timed_out()) return NetError::timeout;
      return end->error();
    }
    detail::End* end;
  };
  /// The next message; an error once the connection has ended and everything has been read.
  Receive receive() { return Receive(handle_.end(), forever); }
  Receive receive_for(Duration limit) { return Receive(handle_.end(), limit); }
  /// A message has arrived, or the end of the connection: receive() will not wait.
  bool readable() const { return handle_.end() == nullptr || handle_.end()->readable(); }

 private:
  detail::Handle handle_;
};

/// The untyped part of connect().
Task<Result<detail::Handle>> connect_to(Group& from, class ListenerBase& to, Duration timeout,
                                        TcpOptions options);

/// A listening port of a group. It is shut when the group dies; open() it again at start.
class ListenerBase : GroupResource {
 public:
  ListenerBase(Group& group, std::string_view name, std::size_t backlog)
      : group_(group), name_(name), backlog_(backlog) {}
  ~ListenerBase() override { close(); }

  void open() {
    if (!open_) attach(group_);
    open_ = true;
  }
  /// Connections not yet accepted are reset.
  void close();
  bool is_open() const { return open_; }
  Group& group() const { return group_; }
  Host& host() const { return group_.host(); }
  std::string_view name() const { return name_; }
  std::size_t waiting() const { return queue_.size(); }
  TcpOptions options;  // of accepted connections

 protected:
  friend Task<Result<detail::Handle>> connect_to(Group& from, ListenerBase& to, Duration timeout,
                                                 TcpOptions options);
  struct [[nodiscard]] AcceptBase : Waiter {
    explicit AcceptBase(ListenerBase& l) : listener(l) {}
    ~AcceptBase() = default;
    bool await_ready() const { return !listener.queue_.empty(); }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      listener.accepting_.push_back(*this);
    }
    detail::Handle take() { return listener.take(); }
    ListenerBase& listener;
  };

 private:
  detail::Handle take();
  void on_group_death() override {
    open_ = false;
    queue_.clear();
  }
  void enqueue(detail::Handle server_end);

  Group& group_;
  std::string_view name_;
  std::size_t backlog_;
  bool open_ = false;
  std::vector<detail::Handle> queue_;
  WaitList accepting_;
};

/// Clients send Request and receive Reply.
template <Message Request, Message Reply>
class Listener : public ListenerBase {
 public:
  using Client = Socket<Request, Reply>;
  using Server = Socket<Reply, Request>;
  /// `backlog`: connections that may wait for accept(); further SYNs are dropped.
  Listener(Group& group, std::string_view name, std::size_t backlog = 128)
      : ListenerBase(group, name, backlog) {}

  struct [[nodiscard]] Accept : AcceptBase {
    using AcceptBase::AcceptBase;
    Server await_resume() { return Server(this->take()); }
  };
  /// The next connection. One process accepts.
  Accept accept() { return Accept(*this); }
};

/// Opens a connection from a process of `from`. Errors: refused, timeout (no answer within
/// `timeout`, at most 127 s), unreachable.
template <Message Request, Message Reply>
Task<Result<Socket<Request, Reply>>> connect(Group& from, Listener<Request, Reply>& to,
                                             Duration timeout, TcpOptions options = {}) {
  Result<detail::Handle> handle = co_await connect_to(from, to, timeout, options);
  if (!handle) co_return handle.error();
  co_return Socket<Request, Reply>(std::move(*handle));
}

/// One request and its reply over a connection of its own, within `timeout` in all.
template <Message Request, Message Reply>
Task<Result<Reply>> call(Group& from, Listener<Request, Reply>& to, Request request,
                         Duration timeout) {
  const Time deadline = later(from.now(), timeout);
  Result<detail::Handle> handle = co_await connect_to(from, to, timeout, TcpOptions{});
  if (!handle) co_return handle.error();
  Socket<Request, Reply> socket(std::move(*handle));
  socket.send(request);
  const Duration left = timeout == forever ? forever : deadline - from.now();
  Result<Reply> reply = co_await socket.receive_for(left);
  co_return reply;
}

}  // namespace predrill::sim
