// Failure domains. A Host owns process groups; a Group owns processes (coroutines) and resources
// (sockets, listeners). Crashing a host or killing a group destroys every process in it, the newest
// first and within each the innermost frame first, so what a process holds or waits for is taken
// back by ordinary destructors.
//
//   crash   the whole host is gone: peers hear nothing more (silence)
//   kill    one group on a living host: its kernel closes the sockets, peers get FIN or RST
//   freeze  nothing runs, nothing is lost: wake-ups wait, in their order, until thaw
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/simulation.hpp"

namespace predrill::sim {

template <class T>
class Task;
class Host;
struct PromiseBase;

using ZoneId = std::uint16_t;
using HostId = std::uint16_t;

/// What a group owns besides processes; told when the group dies.
class GroupResource {
 public:
  GroupResource(const GroupResource&) = delete;
  GroupResource& operator=(const GroupResource&) = delete;

 protected:
  GroupResource() = default;
  virtual ~GroupResource() { detach(); }
  void attach(Group& group);
  void detach() noexcept;
  /// The group was killed (host alive) or its host crashed (group.host().up() is false).
  virtual void on_group_death() = 0;
  /// The group, or its host, was stopped or goes on.
  virtual void on_group_freeze(bool /*frozen*/) {}

 private:
  friend class Group;
  Group* owner_ = nullptr;
  GroupResource* previous_ = nullptr;
  GroupResource* next_ = nullptr;
};

struct Process;  // control block of a spawned process: task.hpp

/// Identifies one spawned process, also after its death.
struct ProcessId {
  Process* block = nullptr;  // its control block, which may serve another process by now
  std::uint32_t number = 0;
};

class Group {
 public:
  /// `name` must outlive the run (a literal, or a string that the model owns).
  Group(Host& host, std::string_view name);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// Starts a process at the present instant, after what is already due now. On a host that is
  /// down nothing starts.
  ProcessId spawn(Task<void> task);

  /// Destroys every process and closes every resource; the group can be used again at once.
  /// A process that kills its own group runs on to its next suspension point and ends there.
  void kill();
  /// Destroys one process, if it is still there.
  bool kill(ProcessId process);

  void freeze();
  void thaw();
  bool frozen() const { return frozen_ != 0; }

  bool running() const { return newest_ != nullptr; }
  std::size_t processes() const;
  /// Goes up at every kill: tells apart two lives of the same group.
  std::uint32_t incarnation() const { return incarnation_; }

  Host& host() const { return host_; }
  Simulation& simulation() const { return simulation_; }
  std::string_view name() const { return name_; }
  Time now() const { return simulation_.now(); }
  /// Virtual time that passes while this host's monotonic clock advances by `local`.
  inline Duration to_virtual(Duration local) const;

 private:
  friend class Host;
  friend class Simulation;
  friend class GroupResource;
  friend struct Process;
  friend struct PromiseBase;

  struct Parked {
    std::uint32_t slot;
    std::uint64_t order;
    std::uint64_t ticket;  // order of parking over all groups
  };
  void unpark();
  void tell_freeze(bool frozen);
  void end(Process& process);

  Host& host_;
  Simulation& simulation_;
  std::string_view name_;
  Process* newest_ = nullptr;
  GroupResource* resources_ = nullptr;
  std::uint32_t frozen_ = 0;  // own freezes + the host's
  std::uint32_t incarnation_ = 0;
  std::vector<Parked> parked_;
};

/// A host's own idea of time. Jumps move the wall clock only; drift moves both clocks.
class LocalClock {
 public:
  explicit LocalClock(const Simulation& simulation) : simulation_(simulation) {}
  /// Wall clock of the host (time of day), as virtual time plus its error.
  Time now() const;
  /// CLOCK_MONOTONIC: never jumps, runs at the host's rate.
  Duration monotonic() const;
  void jump(Duration by) { jumps_ += by; }
  /// Rate error in parts per million: +100 gains 100 µs a second.
  void set_drift(std::int32_t ppm);
  std::int32_t drift_ppm() const { return drift_ppm_; }
  /// Virtual time until the monotonic clock has advanced by `local`.
  Duration to_virtual(Duration local) const;

 private:
  const Simulation& simulation_;
  std::int32_t drift_ppm_ = 0;
  Duration jumps_{};
  Time drift_since_{};
  Duration gained_{};  // by drift, until drift_since_
};

class Host {
 public:
  Host(Simulation& simulation, std::string name, ZoneId zone = 0);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// Software that starts when the host boots, in order of registration.
  void on_boot(std::function<void()> start) { boot_.push_back(std::move(start)); }
  /// Runs the on_boot functions for the first time.
  void boot();
  /// Power off: every group dies, nobody is told.
  void crash();
  /// After a crash: comes up with a new incarnation and boots. (How long a boot takes is the
  /// caller's business.)
  void restart();
  void freeze();
  void thaw();

  bool up() const { return up_; }
  bool frozen() const { return frozen_; }
  std::uint32_t incarnation() const { return incarnation_; }
  HostId id() const { return id_; }
  ZoneId zone() const { return zone_; }
  const std::string& name() const { return name_; }
  EntityId entity() const { return entity_; }
  Simulation& simulation() const { return simulation_; }
  LocalClock& clock() { return clock_; }
  const LocalClock& clock() const { return clock_; }
  /// What the host's kernel runs: packets on their way in. Dies and freezes with the host.
  Group& kernel() { return kernel_; }
  Stream stream(std::string_view purpose) const { return simulation_.stream(name_, purpose); }

 private:
  friend class Group;
  Simulation& simulation_;
  std::string name_;
  ZoneId zone_;
  HostId id_ = 0;
  EntityId entity_{};
  bool up_ = true;
  bool frozen_ = false;
  std::uint32_t incarnation_ = 0;
  LocalClock clock_;
  std::vector<Group*> groups_;
  std::vector<std::function<void()>> boot_;
  Group kernel_;
};

inline Duration Group::to_virtual(Duration local) const {
  const LocalClock& clock = host_.clock();
  if (clock.drift_ppm() == 0) [[likely]]
    return local;
  return clock.to_virtual(local);
}

inline Event::~Event() {
  if (pending()) group_->simulation().cancel(*this);
}

}  // namespace predrill::sim
