// Something that will happen at one instant. Events are intrusive: they live in their owner (an
// awaiter inside a coroutine frame, a timer, a message), and the owner's destructor takes them
// back. So whatever dies leaves nothing behind that could still fire.
#pragma once

#include <cstdint>

namespace predrill::sim {

class Group;
class Simulation;
struct PromiseBase;

class Event {
 public:
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  bool pending() const { return place_ != not_pending; }

 protected:
  using Fire = void (*)(Event&);

  /// `self_owned`: nobody holds it; when the run ends while it is pending it is fired once more,
  /// with every host down, and must destroy itself.
  /// No function: it does nothing but resume its waiter.
  explicit Event(Fire fire, bool self_owned = false) : fire_(fire) {
    if (self_owned) waiter = its_own();
  }
  inline ~Event();  // cancels; defined in simulation.hpp

  PromiseBase* waiter = nullptr;  // the coroutine that it resumes, if any; fetched ahead of time
  Group* group_ = nullptr;        // whose freeze parks it; set when scheduled

 private:
  friend class Simulation;
  static constexpr std::uint32_t in_ring = 1U << 31;  // else in a slot; the number is below it
  static constexpr std::uint32_t not_pending = in_ring - 1;

  // A self-owned event resumes nobody: it is marked by standing where its waiter would.
  PromiseBase* its_own() { return reinterpret_cast<PromiseBase*>(this); }
  bool self_owned() { return waiter == its_own(); }

  Fire fire_;
  std::uint32_t place_ = not_pending;
  std::uint32_t cause_ = 0;  // trace record that led to its scheduling
};

}  // namespace predrill::sim
