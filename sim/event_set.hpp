// The pending events of a run, kept in the exact order (time, order).
//
// An integer ladder. The keys due next lie sorted in one small array, the bottom. All others wait
// unsorted in the buckets of a stack of levels: a level cuts a stretch of time into buckets whose
// width is a power of two, so a bucket is found by a subtraction and a shift. When the bottom runs
// out, the next bucket is sorted into it; a bucket that holds too many keys for that becomes a
// finer level of its own. Level 0 is one bucket without end. Each level looks at the keys it is
// made of and covers the stretch that holds 7/8 of them; the others stay behind in the bucket they
// came from, so a few timers far in the future do not widen the buckets of the present. Keys of
// one time are cut by `order` in the same way. A key moves a bounded number of times whatever the
// times are: about twice in the steady state of a simulation.
//
// After W. T. Tang, R. S. M. Goh, I. L.-J. Thng: Ladder Queue (ACM TOMACS 15(3), 2005).
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
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
  EventSet();
  ~EventSet();
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;

  bool empty() const { return head_ == tail_ && unsorted_ == 0; }
  std::size_t size() const { return unsorted_ + sorted(); }

  /// key.at must not lie before the last popped key; key.order may be anything unique.
  void push(EventKey key) {
    assert(key.at >= popped_at_);
    const auto at = static_cast<std::uint64_t>(key.at);
    if (at < near_end_) return push_near(key);
    if (at > outer_->last) return push_far(key);
    append(*outer_, outer_->index_of(at), key);
  }

  /// Removes and returns the smallest key. Precondition: !empty().
  EventKey pop() {
    assert(!empty());
    if (head_ == tail_) refill();
#ifndef NDEBUG
    popped_at_ = head_->at;
#endif
    return *head_++;
  }

  /// The smallest key. Precondition: !empty(). Valid until the next call that is not const.
  const EventKey& peek() {
    assert(!empty());
    if (head_ == tail_) refill();
    return *head_;
  }

  // Hints for prefetching.

  /// pop() or peek() would sort the next bucket first; do it now. Precondition: !empty().
  bool must_sort() const { return head_ == tail_; }
  void sort_next() { refill(); }
  /// How many keys are sorted, and the n-th of them.
  std::size_t sorted() const { return static_cast<std::size_t>(tail_ - head_); }
  const EventKey& ahead(std::size_t n) const { return head_[n]; }
  /// Calls near(key) for keys, in no order, of the bucket that follows the sorted keys, far(key)
  /// for those of the bucket after it, and prefetches the one after that; as far as they are known.
  template <class Near, class Far>
  void look_ahead(Near&& near, Far&& far) const {
    const Level& level = levels_[depth_];
    std::size_t index = level.next_occupied(level.current + 1);
    if (index == level.bucket_count) return;
    some_of(level.buckets[index], near);
    index = level.next_occupied(index + 1);
    if (index == level.bucket_count) return;
    some_of(level.buckets[index], far);
    index = level.next_occupied(index + 1);
    if (index == level.bucket_count) return;
    const Chunk* const chunk = chunk_of(level.buckets[index]);
    for (std::size_t i = 0; i < Chunk::capacity; i += 4) __builtin_prefetch(&chunk->keys[i]);
  }

  /// Removes every key for which dead(key) holds; visits each pending key once.
  template <class Dead>
  void compact(Dead&& dead);

  /// Removes every key and forgets the time of the last popped one; keeps the memory.
  void clear();

 private:
  // Keys of one bucket, 256 bytes at an address divisible by 256, so that a pointer behind the
  // last key tells by itself whether the chunk is full. A bucket's chunks form a ring in the order
  // of insertion; the bucket points behind the last key, and the last chunk's `next` is the first.
  struct alignas(256) Chunk {
    static constexpr std::size_t capacity = 15;
    Chunk* next;
    std::uint64_t before;  // keys in the chunks from the ring's first up to this one
    EventKey keys[capacity];
  };
  static_assert(sizeof(EventKey) == 16 && sizeof(Chunk) == 256);

  // A bucket's keys taken out of their level.
  struct Chain {
    Chunk* first = nullptr;
    Chunk* last = nullptr;
    std::size_t size = 0;
    std::size_t size_of(const Chunk* chunk) const {
      return chunk == last ? size - last->before : Chunk::capacity;
    }
  };

  // A stretch of time, or, among the keys of one time, a stretch of `order`, cut into buckets. The
  // coordinate of a key is accordingly its time or its order.
  struct Level {
    std::uint64_t last = 0;   // greatest coordinate inside
    std::uint64_t floor = 0;  // first coordinate of the current bucket; what lies before goes there
    std::uint64_t base = 0;   // first coordinate of bucket 0
    unsigned shift = 0;       // a bucket is 1 << shift wide
    bool by_order = false;
    std::vector<EventKey*> buckets;  // behind the last key; null: empty
    std::vector<std::uint64_t> occupied;
    std::size_t current = 0;  // the bucket the next level or the bottom was made of
    std::size_t bucket_count = 0;
    std::size_t direct_max = 0;  // up to so many keys of the current bucket go to the bottom
    std::uint64_t tie_at = 0;    // by_order: the time of the keys

    std::size_t index_of(std::uint64_t coordinate) const {
      return ((coordinate > floor ? coordinate : floor) - base) >> shift;
    }
    std::uint64_t coordinate_of(const EventKey& key) const;
    bool covers(const EventKey& key) const;
    std::uint64_t current_last() const;
    std::size_t next_occupied(std::size_t from) const;
  };

  static Chunk* chunk_of(EventKey* behind_last) {
    return reinterpret_cast<Chunk*>(reinterpret_cast<std::uintptr_t>(behind_last - 1) &
                                    ~(alignof(Chunk) - 1));
  }
  void append(Level& level, std::size_t index, EventKey key) {
    assert(index < level.bucket_count);
    EventKey*& tail = level.buckets[index];
    if (reinterpret_cast<std::uintptr_t>(tail) % alignof(Chunk) == 0) {
      return append_to_new_chunk(level, index, key);
    }
    *tail++ = key;
    ++unsorted_;
  }
  void append_to_new_chunk(Level& level, std::size_t index, EventKey key);
  Chain detach(Level& level, std::size_t index);
  void release(Chunk* chunk) {
    chunk->next = free_;
    free_ = chunk;
  }
  void allocate_slab();
  // The keys of the last chunk of a bucket and of the first ones.
  template <class F>
  static void some_of(EventKey* behind_last, F& f) {
    const Chunk* const last = chunk_of(behind_last);
    for (const EventKey* key = last->keys; key != behind_last; ++key) f(*key);
    const Chunk* chunk = last->next;
    for (int i = 0; i < 3 && chunk != last; ++i, chunk = chunk->next) {
      for (const EventKey& key : chunk->keys) f(key);
    }
  }

  void push_near(EventKey key);
  void push_far(EventKey key);
  void insert_into_bottom(EventKey key);
  Level& find_level(EventKey key);
  void spill();
  void refill();
  void load(const Level& level, const Chain& chain);
  void split(std::size_t parent, const Chain& chain);
  void add_level();
  void update_outer();
  void update_near(bool loaded);

  Level* outer_ = nullptr;      // the deepest level that has no level by order at or above it
  std::uint64_t near_end_ = 0;  // keys before this time need push_near
  EventKey* head_ = nullptr;    // the bottom: [head_, tail_), ascending
  EventKey* tail_ = nullptr;
  std::size_t unsorted_ = 0;  // keys in buckets
  Chunk* free_ = nullptr;
  std::int64_t popped_at_ = 0;  // kept up in debug builds only

  std::uint64_t bottom_end_at_ = 0;  // keys before (at, order) belong in the bottom
  std::uint64_t bottom_end_order_ = 0;
  std::size_t effort_left_ = 0;     // moves inside the bottom until it is spread instead
  std::size_t depth_ = 0;           // levels_[0 .. depth_] are in use
  std::size_t first_by_order_ = 0;  // the first of them that is by order; 0: none
  std::vector<Level> levels_;
  std::vector<Chunk*> slabs_;
  std::size_t slab_chunks_ = 0;  // in the newest slab
  std::unique_ptr<EventKey[]> bottom_;
  std::unique_ptr<EventKey[]> stage_;
  std::unique_ptr<std::uint16_t[]> counts_;
};

template <class Dead>
void EventSet::compact(Dead&& dead) {
  EventKey* kept = head_;
  for (const EventKey* key = head_; key != tail_; ++key) {
    if (!dead(*key)) *kept++ = *key;
  }
  tail_ = kept;
  for (std::size_t i = 0; i <= depth_; ++i) {
    Level& level = levels_[i];
    for (std::size_t index = level.next_occupied(0); index < level.bucket_count;
         index = level.next_occupied(index + 1)) {
      const Chain chain = detach(level, index);
      for (Chunk* chunk = chain.first; chunk != nullptr;) {
        const std::size_t count = chain.size_of(chunk);
        for (std::size_t k = 0; k < count; ++k) {
          if (!dead(chunk->keys[k])) append(level, index, chunk->keys[k]);
        }
        Chunk* const done = chunk;
        chunk = chunk == chain.last ? nullptr : chunk->next;
        release(done);
      }
    }
  }
}

}  // namespace predrill::sim
