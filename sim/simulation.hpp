// One run: the clock, the pending events, the loop. Single-threaded, owns everything, no global
// state; many runs go in parallel, one per thread, and share nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/assert.hpp"
#include "sim/event.hpp"
#include "sim/event_set.hpp"
#include "sim/large_memory.hpp"
#include "sim/random.hpp"
#include "sim/time.hpp"
#include "sim/trace.hpp"

namespace predrill::sim {

class Host;
class Network;
struct PromiseBase;
struct Process;

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::uint64_t events_max = UINT64_MAX;  // a run that exceeds it stops with Stop::event_budget
  bool shuffle_ties = false;              // equal-time order drawn from the seed, to expose models
                                          // that depend on it
};

/// Told after every event: for checks of the kernel itself. It must not change the run.
class EventObserver {
 public:
  virtual void on_event() = 0;

 protected:
  ~EventObserver() = default;
};

enum class Stop : std::uint8_t { deadline, idle, requested, event_budget };

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options = {});
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  Time now() const { return now_; }
  std::uint64_t seed() const { return options_.seed; }
  std::uint64_t events_executed() const { return executed_; }
  /// Scheduled and not cancelled.
  std::size_t events_pending() const { return sequence_ - executed_ - idle_orders_; }

  /// Runs every event due up to and including `deadline`; the clock then stands at `deadline`
  /// unless the run was stopped earlier.
  Stop run_until(Time deadline);
  Stop run_for(Duration length) { return run_until(now_ + length); }
  /// Kills every process, the newest host first, and drops every message under way. Nothing runs
  /// afterwards. Happens by itself when the first host is destroyed.
  void shut_down();
  /// Ends run_until after the current event.
  void stop() {
    stop_requested_ = true;
    last_event_ = 0;
  }

  /// A stream of random numbers that belongs to (entity, purpose) alone.
  Stream stream(std::string_view entity, std::string_view purpose) const {
    return Stream(options_.seed, entity, purpose, &salt_);
  }
  /// From now on every stream draws other numbers: same past, another future.
  void fork(std::uint64_t salt) { salt_ = salt; }

  Trace& trace() { return trace_; }
  const Trace& trace() const { return trace_; }
  Network& network() { return *network_; }
  /// Processes that belong to no host: workloads, schedules of faults, measurements.
  Group& world();
  const std::vector<Host*>& hosts() const { return hosts_; }
  Host* find_host(std::string_view name) const;

  /// A command that repeats this run, for the report of an internal error.
  void set_how_to_repeat(std::string command) { how_to_repeat_ = std::move(command); }
  const std::string& how_to_repeat() const { return how_to_repeat_; }
  /// Whose process runs now; null outside of processes.
  const Group* running_group() const;
  /// At most one; null takes it away.
  void set_observer(EventObserver* observer) { observer_ = observer; }

  /// Digest of all event times and trace records so far.
  std::uint64_t fingerprint() const { return digest_ ^ trace_.digest(); }

  // Scheduling of events; model code uses sleep_for(), Timer and the primitives of sync.hpp.
  void schedule(Event& event, Group& group, Time at) {
    label(event, group);
    if (at <= now_ || options_.shuffle_ties || free_slot_ == no_slot) [[unlikely]]
      return enqueue(event, at);
    const std::uint64_t order = sequence_++ << 24;
    events_.push({at.time_since_epoch().count(), order | put_into_slot(event, order)});
  }
  void schedule_now(Event& event, Group& group) {
    label(event, group);
    if (options_.shuffle_ties || ring_full()) [[unlikely]]
      return enqueue(event, now_);
    ring_push(event, sequence_++ << 24);
  }
  void cancel(Event& event) noexcept;
  /// An order among equals at a later time, as if the event were scheduled now (Timer::arm).
  std::uint64_t reserve_order() {
    ++idle_orders_;
    return next_order();
  }
  /// Puts an event that has just surfaced back at (at, order); see Timer.
  void requeue(Event& event, Group& group, Time at, std::uint64_t order);

 private:
  friend class Group;
  friend class Host;
  friend struct PromiseBase;
  friend struct Process;

  struct Slot {
    std::uint64_t order;  // of the queued key that is valid for this slot; 0: the slot is free
    std::uintptr_t link;  // the event; of a free slot the next free one

    Event& event() const { return *reinterpret_cast<Event*>(link); }
    void set(std::uint64_t its_order, Event& event) {
      order = its_order;
      link = reinterpret_cast<std::uintptr_t>(&event);
    }
  };
  static constexpr std::uint32_t no_slot = 0xffffffU;

  // What is due now needs no slot: nothing but its own place leads to it.
  struct Due {
    Event* event;  // null: cancelled
    std::uint64_t order;
  };

  void free_slot(Slot& entry, std::uint32_t slot) noexcept {
    entry.order = 0;
    entry.link = free_slot_;
    free_slot_ = slot;
  }
  void grow_slots();
  void grow_processes();
  // Leaves the bits of the slot open.
  std::uint64_t next_order() {
    std::uint64_t sequence = sequence_++;
    if (options_.shuffle_ties) [[unlikely]]
      sequence = shuffled(sequence);
    return sequence << 24;
  }
  std::uint64_t shuffled(std::uint64_t sequence) const;
  // The slow paths of scheduling stay out of the coroutines that schedule, and with them the
  // registers that these would save at every resumption.
  void enqueue(Event& event, Time at);
  void label(Event& event, Group& group) const {
    SIM_ASSERT(!event.pending(), "an event can be scheduled once at a time");
    event.group_ = &group;
    event.cause_ = trace_.cause();
  }
  // Precondition: a slot is free.
  std::uint32_t put_into_slot(Event& event, std::uint64_t order) {
    const std::uint32_t slot = free_slot_;
    free_slot_ = static_cast<std::uint32_t>(slots_[slot].link);
    slots_[slot].set(order | slot, event);
    event.place_ = slot;
    return slot;
  }
  bool ring_full() const { return ring_tail_ - ring_head_ > ring_mask_; }
  void ring_push(Event& event, std::uint64_t order) {
    event.place_ = static_cast<std::uint32_t>(ring_tail_) | Event::in_ring;
    ring_[ring_tail_++ & ring_mask_] = {&event, order};
  }
  void grow_ring();
  Event* next_event(std::int64_t limit);
  bool set_comes_before(std::uint64_t order);
  void look_ahead() const;
  void prefetch_slot(const EventKey& key) const;
  void prefetch_event(const EventKey& key) const;
  void prefetch_waiter(const EventKey& key) const;
  template <bool observed>
  Stop run(std::int64_t deadline);
  void fire(Event& event);
  void park(Event& event, std::uint64_t order);
  void after_resume();
  void bury();
  void compact() noexcept;
  void unpark(std::uint32_t slot, std::uint64_t order);

  SimulationOptions options_;
  Time now_{};
  std::uint64_t sequence_ = 1;
  std::uint64_t executed_ = 0;
  std::uint64_t last_event_ = UINT64_MAX;  // stop when so many have been executed
  std::uint64_t parked_ = 0;               // tickets given to parked events
  std::uint32_t spawned_ = 0;              // numbers given to processes
  Process* free_process_ = nullptr;        // the first of a list
  std::vector<std::unique_ptr<Process[]>> process_blocks_;
  std::uint64_t digest_ = 0x9e3779b97f4a7c15ULL;
  std::uint64_t salt_ = 0;
  std::uint64_t idle_orders_ = 1;  // neither pending nor executed: cancelled or reserved
  std::size_t stale_ = 0;          // cancelled keys still in the set, or parked
  std::size_t stale_max_ = 1024;   // so many are worth a search for those in the set
  bool ended_ = false;
  bool set_due_ = true;  // the set may hold keys that are due now
  bool stop_requested_ = false;
  bool chores_ = false;  // something to do before the next event: finished or doomed processes
  PromiseBase* running_ = nullptr;
  PromiseBase* next_ = nullptr;      // continuation of the task that has just finished
  Process* finished_ = nullptr;      // root process that has just finished
  std::vector<Process*> graveyard_;  // killed while running: destroyed before the next event

  EventSet events_;
  std::vector<Due> ring_;  // events due now, in order of insertion
  std::size_t ring_mask_;  // its size, a power of two, less one
  std::size_t ring_head_ = 0;
  std::size_t ring_tail_ = 0;
  std::vector<Slot, LargeAllocator<Slot>> slots_;
  std::uint32_t free_slot_ = no_slot;  // the first of a list

  Trace trace_;
  EventObserver* observer_ = nullptr;
  std::string how_to_repeat_;
  std::vector<Host*> hosts_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Host> nowhere_;
};

}  // namespace predrill::sim

#include "sim/host.hpp"  // Group, which ~Event and the awaiters need
