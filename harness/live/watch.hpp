// What happens in a real cluster during a drill, as the events that cut its stages: the leader key
// through etcd's watch, and the logs of the programs, whose lines are the events of the models.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/live/delays.hpp"
#include "harness/live/lab_plan.hpp"
#include "harness/live/prober.hpp"
#include "harness/measure/measures.hpp"

namespace predrill::harness::live {

/// An event under the name that the simulator's trace gives it: "dcs.leader_key_expired",
/// "postgres.promotion_finished".
struct LiveEvent {
  sim::Duration at{};  // since the start of the observation
  std::string host;    // whose log, or who holds the key
  std::string kind;
  std::string text;  // the line
};

/// The leader key, as each etcd member tells it.
class KeyWatch {
 public:
  KeyWatch(const LabPlan& plan, const TimeBase& base);
  ~KeyWatch();
  KeyWatch(const KeyWatch&) = delete;
  KeyWatch& operator=(const KeyWatch&) = delete;
  std::vector<LiveEvent> events() const;

 private:
  void follow(const std::string& address);
  void take(std::string_view line);

  TimeBase base_;
  std::string prefix_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::map<long long, std::vector<LiveEvent>> by_revision_;
  std::string holder_;
  std::vector<std::jthread> threads_;
};

/// The logs of a lab from the moment of construction on.
class LogWatch {
 public:
  LogWatch(const LabPlan& plan, const TimeBase& base);
  /// Everything that is an event, in the order of time.
  std::vector<LiveEvent> events() const;
  /// What the members' logs hold of the delays that calibrate() fits.
  Delays delays() const;
  /// When the member's Patroni, the leader, last was done with the key in a cycle before `at`, also
  /// before the construction of this: its first line after that. nullopt: its log does not say.
  std::optional<sim::Duration> last_renewal(const std::string& host, sim::Duration at) const;

 private:
  LabPlan plan_;
  TimeBase base_;
  std::map<std::string, std::uintmax_t> begin_;  // size of each log
};

/// The time at the start of a line of Patroni, PostgreSQL, PgBouncer or HAProxy (UTC); nullopt: a
/// line that goes on.
std::optional<std::chrono::system_clock::time_point> time_of_line(std::string_view line);
/// The event that a line is; empty: none. `kind`: of the program that wrote it.
std::string event_of_line(HostKind kind, std::string_view line);

}  // namespace predrill::harness::live
