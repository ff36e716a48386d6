// How many tasks or pods serve, looked at twice a second, and what that means to clients.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/measure/measures.hpp"
#include "sim/simulation.hpp"
#include "sim/task.hpp"

namespace predrill::harness {

class CapacityWatch {
 public:
  /// A stretch of trouble on a path while `bad` says so.
  struct Path {
    std::string name;
    std::function<bool()> bad;
    std::vector<std::pair<sim::Time, sim::Time>> troubles{};
    bool open = false;
  };
  static constexpr sim::Duration interval = std::chrono::milliseconds(500);

  CapacityWatch(sim::Simulation& sim, std::vector<Path> paths)
      : sim_(sim), paths_(std::move(paths)) {}
  void start() { sim_.world().spawn(run()); }
  /// Outages since the fault; a stretch that was open at the end is a lower bound.
  std::vector<PathRun> measure(sim::Time fault);

 private:
  sim::Task<> run();

  sim::Simulation& sim_;
  std::vector<Path> paths_;
};

}  // namespace predrill::harness
