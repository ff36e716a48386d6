// The lock queue of one table: who reads and writes shares it, ACCESS EXCLUSIVE excludes all, and
// whoever comes after a waiting ACCESS EXCLUSIVE waits behind it.
//
// Real thing and version: PostgreSQL 15 (storage/lmgr/proc.c, ProcSleep).
// Modelled: FIFO among conflicting requests, lock_timeout, the queue that forms behind a waiter.
// Simplified (diverges from the real thing): two strengths instead of eight; no deadlocks.
// Ignored: fast-path locks, row locks.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

class TableLock {
 public:
  /// A held lock; given back when destroyed.
  class Held {
   public:
    Held() = default;
    Held(TableLock* lock, bool exclusive) : lock_(lock), exclusive_(exclusive) {}
    Held(Held&& other) noexcept : lock_(other.lock_), exclusive_(other.exclusive_) {
      other.lock_ = nullptr;
    }
    Held& operator=(Held&& other) noexcept {
      release();
      lock_ = other.lock_;
      exclusive_ = other.exclusive_;
      other.lock_ = nullptr;
      return *this;
    }
    ~Held() { release(); }
    explicit operator bool() const { return lock_ != nullptr; }
    void release();

   private:
    TableLock* lock_ = nullptr;
    bool exclusive_ = false;
  };

  /// Nothing if `limit` passed first.
  sim::Task<Held> acquire(bool exclusive, sim::Duration limit = sim::forever);
  std::size_t waiting() const { return queue_.size(); }
  std::size_t holders() const { return shared_ + (exclusive_ ? 1U : 0U); }

 private:
  struct Request {
    std::uint64_t number;
    bool exclusive;
  };
  struct Queued {
    Queued(TableLock& lock_ref, std::uint64_t n) : lock(lock_ref), number(n) {}
    ~Queued() { lock.leave(number); }
    Queued(const Queued&) = delete;
    Queued& operator=(const Queued&) = delete;
    TableLock& lock;
    std::uint64_t number;
  };
  bool grantable(std::uint64_t number) const;
  void leave(std::uint64_t number);

  std::vector<Request> queue_;
  std::uint64_t next_ = 1;
  std::size_t shared_ = 0;
  bool exclusive_ = false;
  sim::Signal changed_;
};

}  // namespace predrill::models
