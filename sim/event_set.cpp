#include "sim/event_set.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "sim/large_memory.hpp"

namespace predrill::sim {
namespace {

constexpr std::uint64_t time_end = std::uint64_t{1} << 63;
constexpr std::size_t bottom_only_max = 24;  // that few pending keys need no level
constexpr std::size_t direct_max = 1024;     // that many keys of one bucket are sorted at once
constexpr std::size_t bottom_max = 2 * direct_max;
constexpr std::size_t bottom_capacity = 2 * bottom_max;
constexpr std::size_t slots_max = 2 * direct_max;
// The following are the best of a grid of HOLD measurements from 10 to a million pending keys.
constexpr std::size_t insertion_max = 4;      // so few keys are not worth a counting sort
constexpr unsigned keys_per_bucket_bits = 4;  // wanted when a level is made, as a power of two
constexpr unsigned bucket_bits_min = 4;
constexpr unsigned bucket_bits_max = 12;  // more buckets would need more cache than they save
constexpr unsigned window_bits = 2;  // a level reaches that many doublings past 7/8 of its keys
constexpr std::size_t slab_chunks_min = 16;
constexpr std::size_t slab_chunks_max = 32768;  // 8 MiB

__extension__ using Packed = unsigned __int128;
Packed packed(const EventKey& key) {
  return Packed{static_cast<std::uint64_t>(key.at)} << 64 | key.order;
}
bool before(const EventKey& a, const EventKey& b) {
  return packed(a) < packed(b);
}

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a + b < a ? UINT64_MAX : a + b;
}

// Moves keys from `from` to `to`, by ascending slot_of(key) < slots, keys of one slot in the order
// in which they were.
template <class SlotOf>
void counting_sort(const EventKey* from, EventKey* to, std::size_t size, std::size_t slots,
                   std::uint16_t* counts, SlotOf slot_of) {
  assert(slots <= slots_max);
  std::memset(counts, 0, slots * sizeof(*counts));
  for (std::size_t i = 0; i < size; ++i) ++counts[slot_of(from[i])];
  // Each count becomes the sum of those before it, four at a time: the product's lanes are the sums
  // within the four. What stands behind the last slot is read and spoilt with them, for nothing.
  static_assert(std::endian::native == std::endian::little && slots_max % 4 == 0);
  constexpr std::uint64_t in_each_lane = 0x0001000100010001;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < slots; i += 4) {
    std::uint64_t four;
    std::memcpy(&four, counts + i, sizeof(four));
    const std::uint64_t sums = four * in_each_lane;
    four = (sums << 16) + sum * in_each_lane;
    std::memcpy(counts + i, &four, sizeof(four));
    sum += sums >> 48;
  }
  for (std::size_t i = 0; i < size; ++i) to[counts[slot_of(from[i])]++] = from[i];
}

// Insertion sort that gives up after a number of moves linear in the size.
bool insertion_sort(EventKey* keys, std::size_t size, std::size_t moves_max) {
  std::size_t moves = 0;
  for (std::size_t i = 1; i < size; ++i) {
    const EventKey key = keys[i];
    if (!before(key, keys[i - 1])) continue;
    std::size_t j = i;
    do {
      keys[j] = keys[j - 1];
      --j;
    } while (j > 0 && before(key, keys[j - 1]));
    keys[j] = key;
    moves += i - j;
    if (moves > moves_max) return false;
  }
  return true;
}

// Sorts keys that lie unevenly: cuts the range that they really occupy, then each part again. A
// round shrinks the range at least 64-fold, so there are at most 128 / 6 of them.
void sort_uneven(EventKey* keys, std::size_t size, EventKey* stage, std::uint16_t* counts) {
  if (size <= 16) {
    insertion_sort(keys, size, SIZE_MAX);
    return;
  }
  Packed least = packed(keys[0]);
  Packed greatest = least;
  for (std::size_t i = 1; i < size; ++i) {
    least = std::min(least, packed(keys[i]));
    greatest = std::max(greatest, packed(keys[i]));
  }
  const auto range = greatest - least;
  const auto high = static_cast<std::uint64_t>(range >> 64);
  const auto range_bits = static_cast<unsigned>(
      high != 0 ? 64 + std::bit_width(high) : std::bit_width(static_cast<std::uint64_t>(range)));
  const auto slot_bits = std::min(static_cast<unsigned>(std::bit_width(size - 1)) + 1, range_bits);
  const unsigned shift = range_bits - slot_bits;
  const auto slot_of = [least, shift](const EventKey& key) {
    return static_cast<std::size_t>((packed(key) - least) >> shift);
  };
  std::memcpy(stage, keys, size * sizeof(EventKey));
  counting_sort(stage, keys, size, std::size_t{1} << slot_bits, counts, slot_of);
  for (std::size_t begin = 0; begin < size;) {
    const std::size_t slot = slot_of(keys[begin]);
    std::size_t end = begin + 1;
    while (end < size && slot_of(keys[end]) == slot) ++end;
    if (end - begin > 1) sort_uneven(keys + begin, end - begin, stage, counts);
    begin = end;
  }
}

}  // namespace

EventSet::EventSet()
    : bottom_(new EventKey[bottom_capacity]),
      stage_(new EventKey[direct_max + Chunk::capacity]),
      counts_(new std::uint16_t[slots_max]) {
  levels_.reserve(8);
  levels_.resize(1);
  Level& all = levels_.front();
  all.last = UINT64_MAX;
  all.shift = 63;
  all.buckets.resize(1);
  all.occupied.resize(1);
  all.bucket_count = 1;
  all.direct_max = bottom_only_max;
  clear();
}

EventSet::~EventSet() {
  for (Chunk* slab : slabs_) release_large(slab);
}

void EventSet::clear() {
  for (std::size_t i = 0; i <= depth_; ++i) {
    Level& level = levels_[i];
    for (std::size_t index = level.next_occupied(0); index < level.bucket_count;
         index = level.next_occupied(index + 1)) {
      const Chain chain = detach(level, index);
      chain.last->next = free_;
      free_ = chain.first;
    }
  }
  depth_ = 0;
  popped_at_ = 0;
  head_ = tail_ = bottom_.get() + direct_max;
  effort_left_ = 8 * bottom_only_max;
  update_outer();
  update_near(true);
}

std::uint64_t EventSet::Level::coordinate_of(const EventKey& key) const {
  const auto at = static_cast<std::uint64_t>(key.at);
  if (!by_order) return at;
  return at < tie_at ? 0 : key.order;
}

bool EventSet::Level::covers(const EventKey& key) const {
  const auto at = static_cast<std::uint64_t>(key.at);
  if (!by_order) return at <= last;
  return at < tie_at || (at == tie_at && key.order <= last);
}

std::uint64_t EventSet::Level::current_last() const {
  return std::min(last, saturating_add(floor, (std::uint64_t{1} << shift) - 1));
}

std::size_t EventSet::Level::next_occupied(std::size_t from) const {
  if (from >= bucket_count) return bucket_count;
  std::size_t word = from / 64;
  std::uint64_t bits = occupied[word] & (UINT64_MAX << from % 64);
  const std::size_t words = (bucket_count + 63) / 64;
  while (bits == 0) {
    if (++word == words) return bucket_count;
    bits = occupied[word];
  }
  return word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
}

void EventSet::allocate_slab() {
  slab_chunks_ = std::clamp(2 * slab_chunks_, slab_chunks_min, slab_chunks_max);
  slabs_.push_back(static_cast<Chunk*>(allocate_large(slab_chunks_ * sizeof(Chunk))));
  for (std::size_t i = slab_chunks_; i-- > 0;) release(::new (slabs_.back() + i) Chunk);
}

void EventSet::append_to_new_chunk(Level& level, std::size_t index, EventKey key) {
  if (free_ == nullptr) allocate_slab();
  Chunk* const chunk = free_;
  free_ = chunk->next;
  EventKey* const tail = level.buckets[index];
  if (tail == nullptr) {
    level.occupied[index / 64] |= std::uint64_t{1} << index % 64;
    chunk->next = chunk;
    chunk->before = 0;
  } else {
    Chunk* const last = chunk_of(tail);
    chunk->next = last->next;
    chunk->before = last->before + Chunk::capacity;
    last->next = chunk;
  }
  chunk->keys[0] = key;
  level.buckets[index] = chunk->keys + 1;
  ++unsorted_;
}

EventSet::Chain EventSet::detach(Level& level, std::size_t index) {
  EventKey* const tail = level.buckets[index];
  level.buckets[index] = nullptr;
  level.occupied[index / 64] &= ~(std::uint64_t{1} << index % 64);
  Chunk* const last = chunk_of(tail);
  const std::size_t size = last->before + static_cast<std::size_t>(tail - last->keys);
  unsorted_ -= size;
  return {last->next, last, size};
}

// A key that belongs in the bottom or, while keys of one time are cut by order, in such a level.
void EventSet::push_near(EventKey key) {
  const auto at = static_cast<std::uint64_t>(key.at);
  if (at < bottom_end_at_ || (at == bottom_end_at_ && key.order < bottom_end_order_)) {
    return insert_into_bottom(key);
  }
  push_far(key);
}

void EventSet::push_far(EventKey key) {
  Level& level = find_level(key);
  append(level, level.index_of(level.coordinate_of(key)), key);
}

// The deepest level that covers the key. Each level covers what the deeper ones cover.
EventSet::Level& EventSet::find_level(EventKey key) {
  if (depth_ < 16) {
    Level* level = &levels_[depth_];
    while (!level->covers(key)) --level;
    return *level;
  }
  const auto first = levels_.begin();
  return *std::prev(std::partition_point(first + 1, first + static_cast<std::ptrdiff_t>(depth_ + 1),
                                         [&](const Level& level) { return level.covers(key); }));
}

void EventSet::insert_into_bottom(EventKey key) {
  const auto size = static_cast<std::size_t>(tail_ - head_);
  EventKey* const begin = bottom_.get();
  if (head_ == begin || tail_ == begin + bottom_capacity) {
    EventKey* const centred = begin + (bottom_capacity - size) / 2;
    std::memmove(centred, head_, size * sizeof(EventKey));
    head_ = centred;
    tail_ = centred + size;
  }
  if (size < bottom_only_max) {
    EventKey* place = tail_;
    if (size == 0) {
      ++tail_;
    } else if (before(key, head_[size / 2])) {  // it stands nearer to the head
      place = --head_;
      for (; before(place[1], key); ++place) *place = place[1];
    } else {
      ++tail_;
      for (; before(key, place[-1]); --place) *place = place[-1];
    }
    *place = key;
    return;
  }
  EventKey* place = head_;
  for (std::size_t rest = size; rest > 0;) {
    const std::size_t half = (rest + 1) / 2;
    place += before(place[half - 1], key) ? half : 0;
    rest -= half;
  }
  const auto left = static_cast<std::size_t>(place - head_);
  const std::size_t right = size - left;
  if (left < right) {
    std::memmove(head_ - 1, head_, left * sizeof(EventKey));
    --head_;
    place[-1] = key;
  } else {
    std::memmove(place + 1, place, right * sizeof(EventKey));
    ++tail_;
    *place = key;
  }
  // Spread the bottom once the moves in it have cost about as much as that.
  const std::size_t effort = std::min(left, right);
  effort_left_ -= std::min(effort_left_, effort);
  if (size >= bottom_only_max && (effort_left_ == 0 || size + 1 >= bottom_max)) spill();
}

// Puts the bottom back into the bucket it came from and makes a level of it.
void EventSet::spill() {
  Level& level = levels_[depth_];
  level.direct_max = bottom_only_max;
  for (const EventKey* key = head_; key != tail_; ++key) append(level, level.current, *key);
  head_ = tail_;
  split(depth_, detach(level, level.current));
  update_near(false);
}

// Makes the bottom of the next bucket. Precondition: the bottom is empty, some bucket is not.
void EventSet::refill() {
  for (;;) {
    Level& level = levels_[depth_];
    const std::size_t index = level.next_occupied(level.current);
    if (index == level.bucket_count) {
      --depth_;
      update_outer();
      continue;
    }
    if (index != level.current) {
      level.current = index;
      level.floor = level.base + (std::uint64_t{index} << level.shift);
      level.direct_max = direct_max;
    }
    const Chain chain = detach(level, index);
    if (chain.size <= level.direct_max) {
      load(level, chain);
      update_near(true);
      return;
    }
    split(depth_, chain);
  }
}

// Sorts a bucket into the bottom: a counting sort by the upper bits leaves keys that are nearly in
// order (in the order of insertion, where they are equal), an insertion sort does the rest.
void EventSet::load(const Level& level, const Chain& chain) {
  const std::size_t size = chain.size;
  EventKey* const keys = bottom_.get() + direct_max;
  head_ = keys;
  tail_ = keys + size;
  effort_left_ = 4 * size + 8 * bottom_only_max;
  const bool counting = size > insertion_max && &level != levels_.data();
  EventKey* const target = counting ? stage_.get() : keys;
  EventKey* to = target;
  for (Chunk* chunk = chain.first;;) {
    std::memcpy(to, chunk->keys, sizeof(chunk->keys));
    Chunk* const next = chunk->next;
    release(chunk);
    if (chunk == chain.last) break;
    to += Chunk::capacity;
    chunk = next;
  }
  if (counting) {
    const auto bits = static_cast<unsigned>(std::bit_width(size - 1)) + 1;
    const unsigned shift = level.shift > bits ? level.shift - bits : 0;
    const std::size_t slots = std::size_t{1} << std::min(bits, level.shift);
    counting_sort(target, keys, size, slots, counts_.get(), [&](const EventKey& key) {
      return (std::max(level.coordinate_of(key), level.floor) - level.floor) >> shift;
    });
  }
  if (!insertion_sort(keys, size, 8 * size)) sort_uneven(keys, size, stage_.get(), counts_.get());
}

// Makes a finer level of the keys of the current bucket of `parent`, which is the deepest level.
// The keys beyond the new level return to their bucket.
// NOLINTNEXTLINE(readability-function-size)
void EventSet::split(std::size_t parent, const Chain& chain) {
  const auto for_each = [&chain](auto&& f) {
    for (const Chunk* chunk = chain.first;; chunk = chunk->next) {
      const std::size_t count = chain.size_of(chunk);
      for (std::size_t i = 0; i < count; ++i) f(chunk->keys[i]);
      if (chunk == chain.last) break;
    }
  };
  // The number of bits that 7/8 of the coordinates need above the least.
  std::size_t histogram[65] = {};
  const auto quantile = [&histogram](std::size_t size) {
    std::size_t sum = 0;
    unsigned bits = 0;
    while ((sum += histogram[bits]) < size - size / 8) ++bits;
    return bits;
  };
  std::uint64_t least_at = UINT64_MAX;
  for_each([&](const EventKey& key) {
    least_at = std::min(least_at, static_cast<std::uint64_t>(key.at));
  });
  for_each([&](const EventKey& key) {
    ++histogram[std::bit_width(static_cast<std::uint64_t>(key.at) - least_at)];
  });
  std::size_t size = chain.size;
  unsigned bits = quantile(size);
  const bool by_order = bits == 0;
  std::uint64_t base = least_at;
  if (by_order) {
    size = histogram[0];
    std::uint64_t least = UINT64_MAX;
    for_each([&](const EventKey& key) {
      if (static_cast<std::uint64_t>(key.at) == least_at) least = std::min(least, key.order);
    });
    std::fill(std::begin(histogram), std::end(histogram), 0);
    for_each([&](const EventKey& key) {
      if (static_cast<std::uint64_t>(key.at) == least_at) {
        ++histogram[std::bit_width(key.order - least)];
      }
    });
    base = least;
    bits = quantile(size);
    assert(bits > 0);
  }

  const auto wanted = static_cast<unsigned>(std::bit_width(size >> keys_per_bucket_bits));
  const unsigned bucket_bits = std::min(std::clamp(wanted, bucket_bits_min, bucket_bits_max), bits);
  const std::size_t bucket_count = std::size_t{1} << (bucket_bits + window_bits);

  add_level();
  Level& level = levels_[depth_];
  Level& from = levels_[parent];
  level.by_order = by_order;
  level.tie_at = by_order ? least_at : 0;
  level.base = level.floor = base;
  level.shift = bits - bucket_bits;
  level.current = 0;
  level.direct_max = direct_max;
  // Not beyond the bucket that it is made of.
  const std::uint64_t width_less_1 = (std::uint64_t{1} << level.shift) - 1;
  std::uint64_t reach = (std::uint64_t{bucket_count - 1} << level.shift) + width_less_1;
  if (bits + window_bits >= 64) reach = UINT64_MAX;
  level.last = saturating_add(base, reach);
  if (from.by_order == by_order && from.tie_at == level.tie_at) {
    level.last = std::min(level.last, from.current_last());
  } else if (from.by_order && !by_order) {
    level.last = std::min(level.last, from.tie_at - 1);
  }
  level.bucket_count =
      std::min<std::uint64_t>(bucket_count, ((level.last - base) >> level.shift) + 1);
  if (level.buckets.size() < level.bucket_count) {
    level.buckets.resize(level.bucket_count);
    level.occupied.resize((level.bucket_count + 63) / 64);
  }
  for (Chunk* chunk = chain.first;;) {
    const std::size_t count = chain.size_of(chunk);
    for (std::size_t i = 0; i < count; ++i) {
      const EventKey key = chunk->keys[i];
      if (level.covers(key))
        append(level, level.index_of(level.coordinate_of(key)), key);
      else
        append(from, from.current, key);
    }
    Chunk* const next = chunk->next;
    release(chunk);
    if (chunk == chain.last) break;
    chunk = next;
  }
  update_outer();
}

void EventSet::add_level() {
  ++depth_;
  if (depth_ == levels_.size()) levels_.emplace_back();
}

// Sets outer_ after a change of depth_ or of levels_.
void EventSet::update_outer() {
  if (first_by_order_ > depth_) first_by_order_ = 0;
  if (first_by_order_ == 0 && levels_[depth_].by_order) first_by_order_ = depth_;
  outer_ = &levels_[first_by_order_ == 0 ? depth_ : first_by_order_ - 1];
}

// Sets the limits below which a key belongs in the bottom; loaded tells whether the bottom covers
// the current bucket of the deepest level or nothing.
void EventSet::update_near(bool loaded) {
  const Level& level = levels_[depth_];
  bottom_end_at_ = 0;
  bottom_end_order_ = 0;
  if (loaded && !level.by_order) {
    bottom_end_at_ = std::min(level.current_last(), time_end - 1) + 1;
  } else if (loaded) {
    const std::uint64_t last = level.current_last();
    bottom_end_at_ = last == UINT64_MAX ? level.tie_at + 1 : level.tie_at;
    bottom_end_order_ = last == UINT64_MAX ? 0 : last + 1;
  }
  const Level* const next = outer_ + 1;
  near_end_ = outer_ == &level ? bottom_end_at_ : next->tie_at + 1;
}

}  // namespace predrill::sim
