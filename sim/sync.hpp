// What processes wait for: timers, signals, gates, semaphores, channels, futures. Everything is
// first in, first out. A waiter that dies leaves its queue by its destructor; what it had already
// been given (a permit, a message) goes back. Wake-ups go through the event set, never inline, so
// no process runs inside another's call.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sim/task.hpp"

namespace predrill::sim {

/// A function that is called at a given instant unless the timer dies or is cancelled before.
/// Re-arming to a later instant costs no queue operation, which makes time-outs cheap.
/// The group's freeze delays it; the group's death does not cancel it (its owner does).
template <class Owner, void (Owner::*function)()>
class Timer : Event {
 public:
  Timer(Owner& owner, Group& group) : Event(&Timer::fire), owner_(owner) { group_ = &group; }

  void arm(Duration after) {
    Simulation& sim = group_->simulation();
    const Time due = later(sim.now(), group_->to_virtual(std::max(after, Duration{})));
    if (pending() && due >= queued_at_) {  // let the queued entry surface and move on
      due_ = due;
      moved_to_ = sim.reserve_order();
      return;
    }
    disarm();
    due_ = queued_at_ = due;
    sim.schedule(*this, *group_, due);
  }
  void disarm() {
    moved_to_ = 0;
    if (pending()) group_->simulation().cancel(*this);
  }
  bool armed() const { return pending(); }
  Time due() const { return due_; }

 private:
  static void fire(Event& event) {
    Timer& self = static_cast<Timer&>(event);
    if (self.moved_to_ != 0) {
      self.queued_at_ = self.due_;
      const std::uint64_t order = std::exchange(self.moved_to_, 0);
      self.group_->simulation().requeue(self, *self.group_, self.due_, order);
      return;
    }
    (self.owner_.*function)();
  }

  Owner& owner_;
  Time queued_at_{};
  Time due_{};
  std::uint64_t moved_to_ = 0;  // the order at due_, if that lies behind queued_at_; else 0
};

class WaitList;

/// A process in a queue. Woken by WaitList::wake; leaves the queue when destroyed.
class Waiter : public Wake {
 public:
  Waiter() = default;
  ~Waiter() { leave(); }
  bool queued() const { return list_ != nullptr; }

 protected:
  explicit Waiter(Fire fire_function) : Wake(fire_function) {}
  inline void leave() noexcept;

 private:
  friend class WaitList;
  WaitList* list_ = nullptr;
  Waiter* previous_ = nullptr;
  Waiter* next_ = nullptr;
};

/// Processes waiting for one thing, in order of arrival.
class WaitList {
 public:
  WaitList() = default;
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList() {
    while (first_ != nullptr) remove(*first_);  // they wait on, for nothing
  }
  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  Waiter* front() const { return first_; }

  void push_back(Waiter& waiter) {
    waiter.list_ = this;
    waiter.previous_ = last_;
    waiter.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &waiter;
    last_ = &waiter;
    ++size_;
  }
  void remove(Waiter& waiter) noexcept {
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
    waiter.list_ = nullptr;
    --size_;
  }
  /// Takes the waiter out of the queue and lets it run at the present instant.
  void wake(Waiter& waiter) {
    remove(waiter);
    Group& group = *waiter.waiter->group;
    group.simulation().schedule_now(waiter, group);
  }
  bool wake_one() {
    if (first_ == nullptr) return false;
    wake(*first_);
    return true;
  }
  void wake_all() {
    while (first_ != nullptr) wake(*first_);
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::size_t size_ = 0;
};

inline void Waiter::leave() noexcept {
  if (list_ != nullptr) list_->remove(*this);
}

/// A Waiter that also gives up after a while.
class TimedWaiter : public Waiter {
 public:
  explicit TimedWaiter(Duration limit)
      : Waiter(&TimedWaiter::woken), expiry_(*this), limit_(limit) {}
  bool timed_out() const { return timed_out_; }

 protected:
  /// Call after the waiter has been queued.
  void start_clock() {
    if (limit_ == forever) return;
    Group& group = *waiter->group;
    const Duration limit = limit_ < Duration{} ? Duration{} : limit_;  // a deadline gone by
    group.simulation().schedule(expiry_, group, later(group.now(), group.to_virtual(limit)));
  }
  /// The wait is over: called once, before the process resumes.
  static void woken(Event& event) {
    auto& self = static_cast<TimedWaiter&>(event);
    if (self.expiry_.pending()) self.waiter->simulation().cancel(self.expiry_);
    self.waiter->resume();
  }

 private:
  struct Expiry : Event {
    explicit Expiry(TimedWaiter& owner_ref) : Event(&Expiry::fire), owner(owner_ref) {}
    ~Expiry() = default;
    static void fire(Event& event) {
      TimedWaiter& self = static_cast<Expiry&>(event).owner;
      if (self.pending()) return;  // woken at the same instant, before the time-out
      self.leave();
      self.timed_out_ = true;
      self.waiter->resume();
    }
    TimedWaiter& owner;
  };
  Expiry expiry_;
  Duration limit_;
  bool timed_out_ = false;
};

/// "Something changed": whoever waits at that moment is woken; nothing is remembered.
class Signal {
 public:
  struct [[nodiscard]] Wait : Waiter {
    explicit Wait(WaitList& l) : list(l) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      list.push_back(*this);
    }
    void await_resume() const noexcept {}
    WaitList& list;
  };
  struct [[nodiscard]] WaitFor : TimedWaiter {
    WaitFor(WaitList& l, Duration limit) : TimedWaiter(limit), list(l) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      list.push_back(*this);
      start_clock();
    }
    /// False after a time-out.
    bool await_resume() const noexcept { return !timed_out(); }
    WaitList& list;
  };

  Wait wait() { return Wait(list_); }
  WaitFor wait_for(Duration limit) { return WaitFor(list_, limit); }
  void notify_one() { list_.wake_one(); }
  void notify_all() { list_.wake_all(); }
  std::size_t waiting() const { return list_.size(); }

 private:
  WaitList list_;
};

/// Open or shut. Waiting at an open gate passes at once.
class Gate {
 public:
  explicit Gate(bool open = false) : open_(open) {}
  struct [[nodiscard]] Wait : Signal::Wait {
    Wait(WaitList& l, const bool& is_open) : Signal::Wait(l), open(is_open) {}
    bool await_ready() const noexcept { return open; }
    const bool& open;
  };
  struct [[nodiscard]] WaitFor : Signal::WaitFor {
    WaitFor(WaitList& l, const bool& is_open, Duration limit)
        : Signal::WaitFor(l, limit), open(is_open) {}
    bool await_ready() const noexcept { return open; }
    const bool& open;
  };
  Wait wait() { return Wait(list_, open_); }
  WaitFor wait_for(Duration limit) { return WaitFor(list_, open_, limit); }
  void open() {
    open_ = true;
    list_.wake_all();
  }
  void shut() { open_ = false; }
  bool is_open() const { return open_; }

 private:
  bool open_;
  WaitList list_;
};

/// Counted permits with a FIFO queue: pool connections, max_connections, CPUs, workers.
/// Must outlive its permits.
class Semaphore {
 public:
  explicit Semaphore(std::int64_t permits) : free_(permits) {}

  /// One held permit; gives it back when destroyed.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) release();
      if (this != &other) owner_ = std::exchange(other.owner_, nullptr);
      return *this;
    }
    ~Permit() { release(); }
    explicit operator bool() const { return owner_ != nullptr; }
    void release() {
      if (owner_ != nullptr) std::exchange(owner_, nullptr)->give_back();
    }

   private:
    friend class Semaphore;
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Semaphore* owner_ = nullptr;
  };

  struct [[nodiscard]] Acquire : TimedWaiter {
    Acquire(Semaphore& s, Duration limit) : TimedWaiter(limit), semaphore(s) {}
    ~Acquire() {
      if (granted) semaphore.give_back();  // killed between the grant and its wake-up
    }
    bool await_ready() {
      granted = semaphore.try_take();
      return granted;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      semaphore.list_.push_back(*this);
      start_clock();
    }
    /// An empty permit after a time-out.
    Permit await_resume() { return Permit(std::exchange(granted, false) ? &semaphore : nullptr); }
    Semaphore& semaphore;
    bool granted = false;
  };

  Acquire acquire() { return Acquire(*this, forever); }
  Acquire acquire_for(Duration limit) { return Acquire(*this, limit); }
  Permit try_acquire() { return Permit(try_take() ? this : nullptr); }
  /// More or fewer permits; may leave free() negative until enough have come back.
  void resize(std::int64_t by) {
    free_ += by;
    hand_out();
  }
  std::int64_t free() const { return free_; }
  std::size_t waiting() const { return list_.size(); }

 private:
  friend struct Acquire;
  bool try_take() {
    if (free_ <= 0 || !list_.empty()) return false;
    --free_;
    return true;
  }
  void give_back() {
    ++free_;
    hand_out();
  }
  void hand_out() {
    while (free_ > 0 && !list_.empty()) {
      auto& next = static_cast<Acquire&>(*list_.front());
      --free_;
      next.granted = true;
      list_.wake(next);
    }
  }
  std::int64_t free_;
  WaitList list_;
};

/// A queue of values between processes of one host or of the harness; bounded if wanted.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity = SIZE_MAX) : capacity_(capacity) {}

  /// False if the channel is full.
  bool try_send(T value) {
    if (size() >= capacity_) return false;
    if (head_ != 0 && items_.size() == items_.capacity()) make_room();
    items_.push_back(std::move(value));
    if (!list_.empty() && woken_ < size()) {
      ++woken_;
      auto& receiver = static_cast<Receive&>(*list_.front());
      receiver.granted = true;
      list_.wake(receiver);
    }
    return true;
  }

  struct [[nodiscard]] Receive : TimedWaiter {
    Receive(Channel& c, Duration limit) : TimedWaiter(limit), channel(c) {}
    ~Receive() {
      if (granted) channel.pass_on();
    }
    bool await_ready() {
      granted = channel.size() > channel.woken_;
      if (granted) ++channel.woken_;
      return granted;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      channel.list_.push_back(*this);
      start_clock();
    }
    /// Nothing after a time-out.
    std::optional<T> await_resume() {
      if (!std::exchange(granted, false)) return std::nullopt;
      --channel.woken_;
      return channel.pop();
    }
    Channel& channel;
    bool granted = false;
  };

  Receive receive() { return Receive(*this, forever); }
  Receive receive_for(Duration limit) { return Receive(*this, limit); }
  std::optional<T> try_receive() {
    if (size() <= woken_) return std::nullopt;
    return pop();
  }
  std::size_t size() const { return items_.size() - head_; }
  std::size_t waiting() const { return list_.size(); }
  void clear() {
    items_.clear();
    head_ = 0;
  }

 private:
  friend struct Receive;
  std::optional<T> pop() {
    if (size() == 0) return std::nullopt;  // cleared meanwhile
    std::optional<T> value(std::move(items_[head_++]));
    if (head_ == items_.size()) clear();
    return value;
  }
  void make_room() {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  void pass_on() {  // a receiver died after it was chosen: choose the next
    --woken_;
    if (list_.empty() || size() <= woken_) return;
    ++woken_;
    auto& receiver = static_cast<Receive&>(*list_.front());
    receiver.granted = true;
    list_.wake(receiver);
  }
  std::vector<T> items_;
  std::size_t head_ = 0;
  std::size_t woken_ = 0;  // items promised to receivers that have not run yet
  std::size_t capacity_;
  WaitList list_;
};

/// One value, later. The state lives as long as the promise or any future.
template <class T>
class Future;

template <class T>
class Promise {
 public:
  Promise() : state_(std::make_shared<State>()) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&&) noexcept = default;
  /// A promise that dies unfulfilled wakes the waiters with nothing.
  ~Promise() {
    if (state_ && !state_->done) finish();
  }
  void set(T value) {
    SIM_ASSERT(!state_->done, "a promise is fulfilled once");
    state_->value = std::move(value);
    finish();
  }
  bool fulfilled() const { return state_->done; }
  Future<T> future() const { return Future<T>(state_); }

 private:
  friend class Future<T>;
  struct State {
    bool done = false;
    std::optional<T> value;
    WaitList list;
  };
  void finish() {
    state_->done = true;
    state_->list.wake_all();
  }
  std::shared_ptr<State> state_;
};

template <class T>
class Future {
 public:
  struct [[nodiscard]] Wait : TimedWaiter {
    Wait(std::shared_ptr<typename Promise<T>::State> s, Duration limit)
        : TimedWaiter(limit), state(std::move(s)) {}
    ~Wait() { this->leave(); }  // before `state`, which may own the list
    bool await_ready() const noexcept { return state->done; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) {
      waiter = &h.promise();
      state->list.push_back(*this);
      start_clock();
    }
    /// Nothing after a time-out or if the promise died unfulfilled.
    std::optional<T> await_resume() const { return state->value; }
    std::shared_ptr<typename Promise<T>::State> state;
  };
  Wait get() const { return Wait(state_, forever); }
  Wait get_for(Duration limit) const { return Wait(state_, limit); }
  bool ready() const { return state_->done; }

 private:
  friend class Promise<T>;
  explicit Future(std::shared_ptr<typename Promise<T>::State> state) : state_(std::move(state)) {}
  std::shared_ptr<typename Promise<T>::State> state_;
};

}  // namespace predrill::sim
