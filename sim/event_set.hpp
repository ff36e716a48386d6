// The pending events of a run, kept in the exact order (time, order).
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace predrill::sim {

/// One pending event, 16 bytes.
struct EventKey {
  std::int64_t at;      // virtual time, ns, >= 0
  std::uint64_t order;  // sequence << 24 | slot; unique among the pending keys, decides ties

  friend constexpr bool operator==(const EventKey&, const EventKey&) = default;
  friend constexpr bool operator<(const EventKey& a, const EventKey& b) {
    return a.at != b.at ? a.at < b.at : a.order < b.order;
  }
};

class EventSet {
 public:
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }

  /// key.at must not lie before the last popped key; key.order may be anything unique.
  void push(EventKey key) {
    assert(key.at >= popped_at_);
    std::size_t i = heap_.size();
    heap_.push_back(key);
    for (; i > 0 && key < heap_[(i - 1) / 4]; i = (i - 1) / 4) heap_[i] = heap_[(i - 1) / 4];
    heap_[i] = key;
  }

  /// Removes and returns the smallest key. Precondition: !empty().
  EventKey pop() {
    assert(!empty());
    const EventKey top = heap_.front();
    const EventKey last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(0, last);
    popped_at_ = top.at;
    return top;
  }

  /// The smallest key. Precondition: !empty(). Valid until the next call that is not const.
  const EventKey& peek() {
    assert(!empty());
    return heap_.front();
  }

  /// A hint for prefetching: calls f with up to n keys, in order, that will probably follow the
  /// current minimum; perhaps with none.
  template <class F>
  void upcoming(std::size_t n, F&& f) const {
    for (std::size_t i = 1; i <= n && i < heap_.size(); ++i) f(heap_[i]);
  }

  /// Removes every key for which dead(key) holds; visits each pending key once.
  template <class Dead>
  void compact(Dead&& dead) {
    std::erase_if(heap_, dead);
    for (std::size_t i = heap_.size() / 4 + 1; i-- > 0;) {
      if (i < heap_.size()) sift_down(i, heap_[i]);
    }
  }

  /// Removes every key and forgets the time of the last popped one; keeps the memory.
  void clear() {
    heap_.clear();
    popped_at_ = 0;
  }

 private:
  void sift_down(std::size_t i, EventKey key) {
    const std::size_t size = heap_.size();
    for (std::size_t child = 4 * i + 1; child < size; child = 4 * i + 1) {
      std::size_t best = child;
      for (std::size_t c = child + 1; c < child + 4 && c < size; ++c) {
        if (heap_[c] < heap_[best]) best = c;
      }
      if (!(heap_[best] < key)) break;
      heap_[i] = heap_[best];
      i = best;
    }
    heap_[i] = key;
  }

  std::vector<EventKey> heap_;
  std::int64_t popped_at_ = 0;
};

}  // namespace predrill::sim
