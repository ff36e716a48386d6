#include "sim/simulation.hpp"

#include <algorithm>

#include "sim/network.hpp"
#include "sim/task.hpp"

namespace predrill::sim {

namespace {
constexpr std::uint64_t slot_mask = (1ULL << 24) - 1;
constexpr std::uint64_t sequence_bits = 40;
constexpr std::size_t small_bucket = 64;  // keys; the lead of the prefetches in a larger one
}  // namespace

Simulation::Simulation(const SimulationOptions& options)
    : options_(options), ring_(64), ring_mask_(63) {
  network_ = std::make_unique<Network>(*this);
  nowhere_ = std::make_unique<Host>(*this, "world");
}

Simulation::~Simulation() {
  shut_down();
}

void Simulation::shut_down() {
  if (ended_) return;
  ended_ = true;
  const AssertionScope scope(*this);
  const std::vector<Host*> hosts = hosts_;
  for (auto host = hosts.rbegin(); host != hosts.rend(); ++host) (*host)->crash();
  bury();
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].order == 0 || !slots_[slot].event().self_owned()) continue;
    Event& event = slots_[slot].event();
    cancel(event);
    event.fire_(event);
  }
  for (std::size_t i = ring_head_; i != ring_tail_; ++i) {
    Event* const event = ring_[i & ring_mask_].event;
    if (event == nullptr || !event->self_owned()) continue;
    cancel(*event);
    event->fire_(*event);
  }
}

Group& Simulation::world() {
  return nowhere_->kernel();
}

Host* Simulation::find_host(std::string_view name) const {
  for (Host* host : hosts_) {
    if (host->name() == name) return host;
  }
  return nullptr;
}

const Group* Simulation::running_group() const {
  return running_ == nullptr ? nullptr : running_->group;
}

inline void Simulation::prefetch_slot(const EventKey& key) const {
  __builtin_prefetch(&slots_[key.order & slot_mask]);
}

inline void Simulation::prefetch_event(const EventKey& key) const {
  __builtin_prefetch(reinterpret_cast<const void*>(slots_[key.order & slot_mask].link));
}

inline void Simulation::prefetch_waiter(const EventKey& key) const {
  const Slot& entry = slots_[key.order & slot_mask];
  if (entry.order != key.order || entry.event().waiter == nullptr) return;
  __builtin_prefetch(entry.event().waiter);
  __builtin_prefetch(reinterpret_cast<const void*>(entry.link + 48));  // what follows the awaiter
}

// With many processes nearly every event is a cache miss: fetch the slots of those to come, later
// the events themselves, then the coroutines that they resume; bucket by bucket, or, in a large
// bucket, at a distance.
void Simulation::look_ahead() const {
  if (events_.sorted() > small_bucket) {
    for (std::size_t i = 0; i < small_bucket; ++i) prefetch_slot(events_.ahead(i));
    for (std::size_t i = 0; i < small_bucket / 2; ++i) prefetch_event(events_.ahead(i));
    return;
  }
  for (std::size_t i = 0; i < events_.sorted(); ++i) prefetch_waiter(events_.ahead(i));
  events_.look_ahead([this](const EventKey& key) { prefetch_event(key); },
                     [this](const EventKey& key) { prefetch_slot(key); });
}

// Whether the set holds a key that is due now and comes before this order in the ring.
bool Simulation::set_comes_before(std::uint64_t order) {
  set_due_ = !events_.empty() && events_.peek().at == now_.time_since_epoch().count();
  return set_due_ && events_.peek().order < order;
}

// Takes out the event with the smallest (time, order): of the ring, which holds what is due now,
// and of the set. What is frozen is parked on the way. Null if nothing is due up to `limit`.
[[gnu::always_inline]] inline Event* Simulation::next_event(std::int64_t limit) {
  for (;;) {
    if (ring_head_ != ring_tail_) {
      const Due due = ring_[ring_head_ & ring_mask_];
      if (!set_due_ || !set_comes_before(due.order)) {
        ++ring_head_;
        if (due.event == nullptr) continue;
        due.event->place_ = Event::not_pending;
        if (due.event->group_->frozen_ == 0) [[likely]]
          return due.event;
        if (free_slot_ == no_slot) grow_slots();
        park(*due.event, due.order | put_into_slot(*due.event, due.order));
        continue;
      }
    } else {
      if (events_.must_sort()) [[unlikely]] {
        if (events_.empty()) return nullptr;
        events_.sort_next();
        look_ahead();
      }
      if (events_.peek().at > limit) return nullptr;
    }
    const EventKey key = events_.pop();
    if (events_.sorted() > small_bucket) {
      prefetch_slot(events_.ahead(small_bucket));
      prefetch_event(events_.ahead(small_bucket / 2));
      prefetch_waiter(events_.ahead(small_bucket / 4));
    }
    const auto slot = static_cast<std::uint32_t>(key.order & slot_mask);
    Slot& entry = slots_[slot];
    if (entry.order != key.order) {
      --stale_;
      continue;
    }
    Event& event = entry.event();
    now_ = Time(Duration(key.at));
    set_due_ = true;
    if (event.group_->frozen_ != 0) [[unlikely]] {
      park(event, key.order);
      continue;
    }
    free_slot(entry, slot);
    event.place_ = Event::not_pending;
    return &event;
  }
}

[[gnu::always_inline]] inline void Simulation::fire(Event& event) {
  ++executed_;
  digest_ = (digest_ ^ static_cast<std::uint64_t>(now_.time_since_epoch().count())) *
            0xff51afd7ed558ccdULL;
  digest_ ^= digest_ >> 32;
  trace_.set_cause(event.cause_);
  if (event.fire_ == nullptr) {
    running_ = event.waiter;
    running_->handle().resume();
  } else {
    event.fire_(event);
  }
  if (chores_) after_resume();
  running_ = nullptr;
}

template <bool observed>
Stop Simulation::run(std::int64_t deadline) {
  while (Event* const event = next_event(deadline)) {
    fire(*event);
    if constexpr (observed) {
      if (observer_ != nullptr) observer_->on_event();
    }
    if (executed_ >= last_event_) [[unlikely]]
      return stop_requested_ ? Stop::requested : Stop::event_budget;
  }
  return events_pending() == 0 ? Stop::idle : Stop::deadline;
}

Stop Simulation::run_until(Time deadline) {
  SIM_ASSERT(!ended_, "the run has been shut down");
  const AssertionScope scope(*this);
  stop_requested_ = false;
  last_event_ = options_.events_max;
  const std::int64_t limit = deadline.time_since_epoch().count();
  const Stop why = observer_ == nullptr ? run<false>(limit) : run<true>(limit);
  if (why == Stop::deadline || why == Stop::idle) now_ = deadline;
  return why;
}

void Simulation::park(Event& event, std::uint64_t order) {
  event.group_->parked_.push_back({event.place_, order, ++parked_});
}

// A finished task hands over to the one that awaited it from here, not from its own stack, so that
// the awaiting one may destroy it.
void Simulation::after_resume() {
  do {
    chores_ = false;
    while (next_ != nullptr) {
      running_ = std::exchange(next_, nullptr);
      running_->handle().resume();
    }
    if (finished_ != nullptr) {
      Process* process = std::exchange(finished_, nullptr);
      if (!process->doomed) {
        running_ = nullptr;
        process->unlink();
        process->destroy(*this);
      }
    }
    if (!graveyard_.empty()) bury();
  } while (chores_);
}

void Simulation::bury() {
  running_ = nullptr;
  while (!graveyard_.empty()) {
    Process* process = graveyard_.back();
    graveyard_.pop_back();
    process->destroy(*this);
  }
}

void Simulation::cancel(Event& event) noexcept {
  const std::uint32_t place = event.place_;
  event.place_ = Event::not_pending;
  ++idle_orders_;
  if ((place & Event::in_ring) != 0) {
    ring_[place & ring_mask_].event = nullptr;
    return;
  }
  free_slot(slots_[place], place);
  ++stale_;
  if (stale_ > 2 * events_pending() + stale_max_) compact();
}

void Simulation::compact() noexcept {
  const std::size_t before = events_.size();
  events_.compact(
      [this](EventKey key) { return slots_[key.order & slot_mask].order != key.order; });
  stale_ -= before - events_.size();
  stale_max_ = stale_ + 1024;  // what is left is parked
}

void Simulation::requeue(Event& event, Group& group, Time at, std::uint64_t order) {
  event.group_ = &group;
  --idle_orders_;
  set_due_ = true;
  if (free_slot_ == no_slot) grow_slots();
  events_.push(
      {std::max(at, now_).time_since_epoch().count(), order | put_into_slot(event, order)});
}

void Simulation::unpark(std::uint32_t slot, std::uint64_t order) {
  Slot& entry = slots_[slot];
  if (entry.order != order) {  // cancelled meanwhile
    --stale_;
    return;
  }
  Event& event = entry.event();
  free_slot(entry, slot);
  ++idle_orders_;  // its first one
  enqueue(event, now_);
}

void Simulation::enqueue(Event& event, Time at) {
  SIM_ASSERT(at >= now_, "an event lies in the past");
  const std::uint64_t order = next_order();
  if (at == now_ && !options_.shuffle_ties) {
    if (ring_full()) grow_ring();
    ring_push(event, order);
    return;
  }
  if (free_slot_ == no_slot) grow_slots();
  events_.push({at.time_since_epoch().count(), order | put_into_slot(event, order)});
}

void Simulation::grow_slots() {
  const std::size_t old = slots_.size();
  const std::size_t size = std::max<std::size_t>(64, old * 2);
  SIM_ASSERT(size <= slot_mask + 1, "more than 16 million pending events");
  slots_.resize(size);
  for (std::size_t slot = size; slot-- > old;) {
    if (slot != no_slot) free_slot(slots_[slot], static_cast<std::uint32_t>(slot));
  }
}

void Simulation::grow_processes() {
  const std::size_t count = std::size_t{16} << std::min<std::size_t>(process_blocks_.size(), 12);
  process_blocks_.push_back(std::make_unique<Process[]>(count));
  for (std::size_t i = count; i-- > 0;) {
    Process& process = process_blocks_.back()[i];
    process.next = free_process_;
    free_process_ = &process;
  }
}

void Simulation::grow_ring() {
  std::vector<Due> bigger(ring_.size() * 2);
  SIM_ASSERT(bigger.size() <= no_slot, "more than 8 million events due at one instant");
  const std::size_t mask = bigger.size() - 1;
  for (std::size_t i = ring_head_; i != ring_tail_; ++i) bigger[i & mask] = ring_[i & ring_mask_];
  ring_.swap(bigger);
  ring_mask_ = mask;
}

// A bijection of the 40-bit sequence numbers, keyed by the seed: equal times come in an order that
// no model can rely on, and no two keys collide.
std::uint64_t Simulation::shuffled(std::uint64_t sequence) const {
  constexpr std::uint64_t half_mask = (1ULL << (sequence_bits / 2)) - 1;
  std::uint64_t left = sequence >> (sequence_bits / 2);
  std::uint64_t right = sequence & half_mask;
  for (std::uint64_t round = 0; round < 4; ++round) {  // Feistel network
    const std::uint64_t f =
        (right * 0x9e3779b97f4a7c15ULL + options_.seed + round) * 0xff51afd7ed558ccdULL >> 44;
    const std::uint64_t mixed = left ^ (f & half_mask);
    left = right;
    right = mixed;
  }
  return left << (sequence_bits / 2) | right;
}

}  // namespace predrill::sim
