// Probers of a real cluster: what models/prober.hpp does in the simulated one, and the same
// journal.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "models/journal.hpp"
#include "sim/time.hpp"

namespace predrill::harness::live {

/// The zero of a drill's times, on the monotonic clock and on the wall's.
struct TimeBase {
  std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
  std::chrono::system_clock::time_point wall = std::chrono::system_clock::now();
  sim::Duration now() const { return std::chrono::steady_clock::now() - steady; }
  /// Of a time in a log.
  sim::Duration of(std::chrono::system_clock::time_point t) const { return t - wall; }
};

struct LiveProbe {
  std::string path;        // in the journal
  std::string connection;  // libpq's connection string
  bool write = true;
  sim::Duration interval = std::chrono::milliseconds(200);
  sim::Duration timeout = std::chrono::seconds(2);  // connection and statement together
  std::uint64_t run = 0;                            // of its rows in the table
};

/// How long the probers of all paths together sent nothing, at most, from this moment on: they are
/// independent of one another, so in that time the machine that observes stood still.
sim::Duration longest_pause(const models::Journal& journal, sim::Duration from);

/// The table that writes go to.
extern const char* const probe_table;

/// All probers of a drill. Threads: they stay in the network namespace of whoever starts them.
class Probers {
 public:
  /// `addresses`: of the members, by their number.
  Probers(const TimeBase& base, std::vector<std::string> addresses);
  ~Probers();
  Probers(const Probers&) = delete;
  Probers& operator=(const Probers&) = delete;

  void start(const LiveProbe& probe);
  /// Ends all; each at the latest after its time-out.
  void stop();
  /// What was written down so far.
  models::Journal journal() const;
  /// The last success of each writing path; -1: none yet.
  std::vector<std::int64_t> last_success() const;
  /// The last failure of any writing path; -1: none yet.
  std::int64_t last_failure() const;

 private:
  class Path;
  void add(const models::Attempt& attempt);

  TimeBase base_;
  std::vector<std::string> addresses_;
  mutable std::mutex mutex_;
  models::Journal journal_;
  std::vector<std::int64_t> successes_;  // by path
  std::vector<bool> writes_;
  std::int64_t failure_ = -1;
  std::vector<std::unique_ptr<Path>> paths_;
};

}  // namespace predrill::harness::live
