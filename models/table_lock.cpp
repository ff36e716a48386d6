#include "models/table_lock.hpp"

#include <utility>

namespace predrill::models {

void TableLock::Held::release() {
  if (lock_ == nullptr) return;
  TableLock& lock = *std::exchange(lock_, nullptr);
  if (exclusive_) {
    lock.exclusive_ = false;
  } else {
    --lock.shared_;
  }
  lock.changed_.notify_all();
}

bool TableLock::grantable(std::uint64_t number) const {
  if (exclusive_) return false;
  for (const Request& one : queue_) {
    if (one.number == number) return !one.exclusive || shared_ == 0;
    if (one.exclusive) return false;  // behind a waiter that conflicts
  }
  return false;
}

void TableLock::leave(std::uint64_t number) {
  std::erase_if(queue_, [&](const Request& one) { return one.number == number; });
  changed_.notify_all();
}

sim::Task<TableLock::Held> TableLock::acquire(bool exclusive, sim::Duration limit) {
  const Queued place(*this, next_);
  queue_.push_back({next_++, exclusive});
  sim::Group& group = co_await sim::this_group();
  const sim::Time deadline = sim::later(group.now(), limit);
  while (!grantable(place.number)) {
    const sim::Duration left = limit == sim::forever ? sim::forever : deadline - group.now();
    const bool in_time = co_await changed_.wait_for(left);
    if (!in_time) co_return Held{};
  }
  if (exclusive) {
    exclusive_ = true;
  } else {
    ++shared_;
  }
  co_return Held(this, exclusive);
}

}  // namespace predrill::models
