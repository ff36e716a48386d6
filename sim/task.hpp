// Coroutines of the simulated world. A Task starts when it is awaited (it then belongs to the
// awaiting frame) or spawned (it then belongs to a Group). Destroying its owner destroys it, the
// innermost frame first.
//
//   Task<> patroni() { for (;;) { co_await run_cycle(); co_await sleep_for(10s); } }
//
// Rules for writing them, which avoid known miscompilations of g++ 12: name the result of a
// co_await before deciding on it; no lambda coroutines; nothing that owns memory is created inside
// a co_await expression; parameters by value, except references that outlive the process.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "sim/frame_pool.hpp"
#include "sim/simulation.hpp"

namespace predrill::sim {

/// Told when a task that it started has finished (with_timeout, race, all_of).
class Completion {
 public:
  /// The task to resume now, or nullptr to go on waiting.
  virtual PromiseBase* on_done(PromiseBase& finished) = 0;

 protected:
  ~Completion() = default;
};

struct PromiseBase : Pooled {
  Group* group = nullptr;
  Process* process = nullptr;
  PromiseBase* parent = nullptr;     // resumed when this task has finished
  Completion* completion = nullptr;  // or told
  bool waited_for = false;           // the starter has gone to sleep: tell it

  std::coroutine_handle<> handle() {
    return std::coroutine_handle<PromiseBase>::from_promise(*this);
  }
  Simulation& simulation() const { return group->simulation(); }

  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> h) noexcept {
      h.promise().finish();
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  /// Starts `child` inside this process and returns whether it has already finished.
  bool start_child(PromiseBase& child) {
    child.group = group;
    child.process = process;
    child.handle().resume();
    return child.handle().done();
  }

  /// Continues the coroutine; only from an Event's fire function.
  void resume() {
    simulation().running_ = this;
    handle().resume();
  }

 private:
  void finish() noexcept {
    if (!waited_for) return;  // the starter is looking (start_child), or nobody is
    Simulation& sim = simulation();
    if (completion != nullptr) {
      sim.next_ = completion->on_done(*this);
    } else if (parent != nullptr) {
      sim.next_ = parent;
    } else {
      sim.finished_ = process;
    }
    sim.chores_ = true;
  }
};

template <class T>
struct TaskResult : PromiseBase {
  static_assert(alignof(T) <= 16, "over-aligned results would move the promise");
  std::optional<T> value;
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct TaskResult<void> : PromiseBase {
  void return_void() {}
  void take() {}
};

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : TaskResult<T> {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };
  using value_type = T;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() { end(); }
  /// Destroys the coroutine, wherever it stands.
  void end() noexcept {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  promise_type& promise() const { return handle_.promise(); }

  struct Awaiter {
    std::coroutine_handle<promise_type> child;
    bool await_ready() const noexcept { return false; }
    // Runs the child at once and goes on without suspending if it has finished: a loop over short
    // tasks needs no stack. (Symmetric transfer overflows the stack at -O0 with g++.)
    template <class P>
    bool await_suspend(std::coroutine_handle<P> parent) {
      PromiseBase& self = parent.promise();
      promise_type& promise = child.promise();
      if (self.start_child(promise)) return false;
      promise.parent = &self;
      promise.waited_for = true;
      return true;
    }
    T await_resume() { return child.promise().take(); }
  };
  Awaiter operator co_await() const& noexcept { return Awaiter{handle_}; }
  Awaiter operator co_await() const&& noexcept { return Awaiter{handle_}; }

 private:
  friend class Group;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> release() { return std::exchange(handle_, nullptr); }
  std::coroutine_handle<promise_type> handle_;
};

/// An event that resumes the coroutine which waits in it.
class Wake : public Event {
 public:
  Wake() : Event(nullptr) {}
  using Event::waiter;

 protected:
  explicit Wake(Fire fire_function) : Event(fire_function) {}
};

/// Control block of a spawned process. The simulation keeps the blocks and uses them again, so that
/// a ProcessId finds its process, or sees that it has ended, in one step.
///
/// As an event it is the first resumption, which goes through the event set like every other.
struct alignas(64) Process : Wake {
  using Event::group_;
  Process* previous = nullptr;  // newer in the same group
  Process* next = nullptr;      // older; of a free block the next free one
  std::uint32_t number = 0;
  bool linked = false;  // in its group's list: not yet killed
  bool doomed = false;  // killed while running: ends at its next suspension

  ProcessId id() { return {this, number}; }
  PromiseBase& root() const { return *waiter; }
  void unlink() noexcept {  // from its group
    (previous != nullptr ? previous->next : group_->newest_) = next;
    if (next != nullptr) next->previous = previous;
    linked = false;
  }
  // The coroutine; the block becomes free. Its group may be gone by now.
  void destroy(Simulation& sim) noexcept {
    root().handle().destroy();
    if (pending()) sim.cancel(*this);
    next = sim.free_process_;
    sim.free_process_ = this;
  }
};

/// co_await sleep_for(10s): by the monotonic clock of the process's host.
class [[nodiscard]] sleep_for : Wake {
 public:
  explicit sleep_for(Duration length) : length_(length) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    PromiseBase& self = h.promise();
    waiter = &self;
    Group& group = *self.group;
    const Duration wait = group.to_virtual(length_ < Duration{} ? Duration{} : length_);
    group.simulation().schedule(*this, group, later(group.now(), wait));
  }
  void await_resume() const noexcept {}

 private:
  Duration length_;
};

/// co_await sleep_until(t): at virtual time t, or now if t has passed.
class [[nodiscard]] sleep_until : Wake {
 public:
  explicit sleep_until(Time at) : at_(at) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    PromiseBase& self = h.promise();
    waiter = &self;
    Simulation& sim = self.simulation();
    sim.schedule(*this, *self.group, at_ < sim.now() ? sim.now() : at_);
  }
  void await_resume() const noexcept {}

 private:
  Time at_;
};

/// co_await yield(): lets everything else that is due now go first.
class [[nodiscard]] yield : Wake {
 public:
  yield() = default;
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> h) {
    PromiseBase& self = h.promise();
    waiter = &self;
    self.simulation().schedule_now(*this, *self.group);
  }
  void await_resume() const noexcept {}
};

/// Group& g = co_await this_group();
struct [[nodiscard]] this_group {
  Group* group = nullptr;
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> h) {
    group = h.promise().group;
    return false;
  }
  Group& await_resume() const noexcept { return *group; }
};

}  // namespace predrill::sim
