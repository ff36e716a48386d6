// Several tasks at once inside one process: with_timeout, race, all_of, all_in. The tasks belong to
// the waiting frame; those that have not finished when it goes on are destroyed.
#pragma once

#include <array>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "sim/task.hpp"

namespace predrill::sim {

/// What `void` becomes in a result that must hold something.
using Nothing = std::monostate;

namespace detail {

template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Nothing, T>;

template <class T>
Stored<T> take(Task<T>& task) {
  if constexpr (std::is_void_v<T>) {
    return Nothing{};
  } else {
    return task.promise().take();
  }
}

/// Destroys the tasks, the last one first; the order in which a tuple does it is not fixed.
template <class Tuple, std::size_t... I>
void end_all(Tuple& tasks, std::index_sequence<I...>) {
  (std::get<sizeof...(I) - 1 - I>(tasks).end(), ...);
}

}  // namespace detail

/// co_await with_timeout(5s, call()): nothing if the task has not finished in time.
template <class T>
class [[nodiscard]] with_timeout final : Completion, Wake {
 public:
  with_timeout(Duration limit, Task<T> task) : limit_(limit), task_(std::move(task)) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> h) {
    waiter = &h.promise();
    PromiseBase& child = task_.promise();
    if (waiter->start_child(child)) {
      finished_ = true;
      return false;
    }
    child.completion = this;
    child.waited_for = true;
    Group& group = *waiter->group;
    if (limit_ != forever) {
      const Duration limit = limit_ < Duration{} ? Duration{} : limit_;
      group.simulation().schedule(*this, group, later(group.now(), group.to_virtual(limit)));
    }
    return true;
  }
  std::optional<detail::Stored<T>> await_resume() {
    if (!finished_) return std::nullopt;
    return detail::take(task_);
  }

 private:
  PromiseBase* on_done(PromiseBase&) override {
    finished_ = true;
    if (pending()) waiter->simulation().cancel(*this);
    return waiter;
  }
  Duration limit_;
  Task<T> task_;
  bool finished_ = false;
};

/// co_await race(a(), b()): a variant with the result of the first to finish; index() tells which.
/// If several finish at one instant the first in the event order wins.
template <class... T>
class [[nodiscard]] race final : Completion {
 public:
  explicit race(Task<T>... tasks) : tasks_(std::move(tasks)...) {}
  ~race() { detail::end_all(tasks_, std::index_sequence_for<T...>{}); }

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> h) {
    waiter_ = &h.promise();
    start(std::index_sequence_for<T...>{});
    return winner_ == nobody;
  }
  std::variant<detail::Stored<T>...> await_resume() {
    return result(std::index_sequence_for<T...>{});
  }

 private:
  static constexpr std::size_t nobody = SIZE_MAX;
  using Result = std::variant<detail::Stored<T>...>;

  template <std::size_t... I>
  void start(std::index_sequence<I...>) {
    ((winner_ == nobody ? start_one<I>() : void()), ...);
  }
  template <std::size_t I>
  void start_one() {
    PromiseBase& child = std::get<I>(tasks_).promise();
    if (waiter_->start_child(child)) {
      winner_ = I;
      return;
    }
    child.completion = this;
    child.waited_for = true;
  }
  PromiseBase* on_done(PromiseBase& finished) override {
    if (winner_ != nobody) return nullptr;
    winner_ = index_of(finished, std::index_sequence_for<T...>{});
    return waiter_;
  }
  template <std::size_t... I>
  std::size_t index_of(PromiseBase& finished, std::index_sequence<I...>) {
    std::size_t index = nobody;
    ((&std::get<I>(tasks_).promise() == &finished ? void(index = I) : void()), ...);
    return index;
  }
  template <std::size_t... I>
  Result result(std::index_sequence<I...>) {
    std::optional<Result> out;
    ((I == winner_ ? void(out.emplace(std::in_place_index<I>, detail::take(std::get<I>(tasks_))))
                   : void()),
     ...);
    return std::move(*out);
  }

  std::tuple<Task<T>...> tasks_;
  PromiseBase* waiter_ = nullptr;
  std::size_t winner_ = nobody;
};

/// co_await all_of(a(), b()): a tuple of all results.
template <class... T>
class [[nodiscard]] all_of final : Completion {
 public:
  explicit all_of(Task<T>... tasks) : tasks_(std::move(tasks)...) {}
  ~all_of() { detail::end_all(tasks_, std::index_sequence_for<T...>{}); }

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> h) {
    waiter_ = &h.promise();
    left_ = sizeof...(T);
    std::apply([this](auto&... task) { (start_one(task.promise()), ...); }, tasks_);
    return left_ != 0;
  }
  std::tuple<detail::Stored<T>...> await_resume() {
    return std::apply([](auto&... task) { return std::tuple(detail::take(task)...); }, tasks_);
  }

 private:
  void start_one(PromiseBase& child) {
    if (waiter_->start_child(child)) {
      --left_;
      return;
    }
    child.completion = this;
    child.waited_for = true;
  }
  PromiseBase* on_done(PromiseBase&) override { return --left_ == 0 ? waiter_ : nullptr; }

  std::tuple<Task<T>...> tasks_;
  PromiseBase* waiter_ = nullptr;
  std::size_t left_ = 0;
};

/// co_await all_in(vector of equal tasks): a vector of results in the same order.
template <class T>
class [[nodiscard]] all_in final : Completion {
 public:
  explicit all_in(std::vector<Task<T>> tasks) : tasks_(std::move(tasks)) {}
  ~all_in() {
    while (!tasks_.empty()) tasks_.pop_back();
  }
  bool await_ready() const noexcept { return tasks_.empty(); }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> h) {
    waiter_ = &h.promise();
    left_ = tasks_.size();
    for (Task<T>& task : tasks_) {
      PromiseBase& child = task.promise();
      if (waiter_->start_child(child)) {
        --left_;
        continue;
      }
      child.completion = this;
      child.waited_for = true;
    }
    return left_ != 0;
  }
  std::vector<detail::Stored<T>> await_resume() {
    std::vector<detail::Stored<T>> out;
    out.reserve(tasks_.size());
    for (Task<T>& task : tasks_) out.push_back(detail::take(task));
    return out;
  }

 private:
  PromiseBase* on_done(PromiseBase&) override { return --left_ == 0 ? waiter_ : nullptr; }
  std::vector<Task<T>> tasks_;
  PromiseBase* waiter_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace predrill::sim
