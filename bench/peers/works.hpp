// What the drivers of the C++ peers share: the generator, the list of works with their warm-ups,
// the meter and the line of JSON. Nothing here is part of predrill's program.

#pragma once

#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <vector>

namespace predrill::peers {

/// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014): the
/// same numbers in every driver, at a cost that is small beside one event.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// A number in (0, 1], so that its logarithm is finite.
  double unit() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

 private:
  std::uint64_t state_;
};

/// Exponential numbers with mean 1, drawn beforehand: a logarithm costs as much as a third of an
/// event, and what is to be measured is the simulator. They come again after a million.
class Exponentials {
 public:
  explicit Exponentials(std::uint64_t seed) : drawn_(count) {
    Generator generator(seed);
    for (double& number : drawn_) number = -std::log(generator.unit());
  }
  double next() { return drawn_[next_++ % count]; }

 private:
  static constexpr std::size_t count = 1 << 20;
  std::vector<double> drawn_;
  std::size_t next_ = 0;
};

/// One fixed work. The warm-up is the same for every peer, because the check value is taken at its
/// end; the number of measured operations is each peer's own and follows its speed.
struct Work {
  const char* name;
  std::uint32_t size;        // entities, processes, timers or nodes
  std::uint64_t warm_up;     // operations before the clock starts
  std::uint64_t operations;  // measured operations
};

constexpr std::uint32_t rearms_per_tick = 64;
/// A time-out is this many times as long as the mean gap between two re-arms of one timer, so one
/// in e^8 = 3,000 gaps lets it fire.
constexpr std::uint32_t timeout_gaps = 8;

/// CPU time of this process in seconds: unlike the wall clock it does not count the time in which
/// other programs held the processor.
inline double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// Counts operations, starts the clock after the warm-up, and after the last measured operation
/// prints the result and leaves the program (tearing down is not part of any work).
class Meter {
 public:
  Meter(const char* peer, const char* version, const Work& work)
      : peer_(peer), version_(version), work_(work), mark_(work.warm_up) {}

  /// Call once per operation. `check` returns a number that depends on the work done so far.
  template <class Check>
  void count(Check check) {
    if (++done_ == mark_) reached(check());
  }

 private:
  void reached(double check) {
    if (done_ == work_.warm_up) {
      check_ = check;
      mark_ = work_.warm_up + work_.operations;
      started_ = cpu_seconds();
      return;
    }
    const double ns = (cpu_seconds() - started_) * 1e9 / static_cast<double>(work_.operations);
    std::printf(
        "{\"work\":\"%s\",\"peer\":\"%s\",\"version\":\"%s\",\"ns_per_op\":%.2f,"
        "\"ops\":%" PRIu64 ",\"check\":%.9g}\n",
        work_.name, peer_, version_, ns, work_.operations, check_);
    std::fflush(stdout);
    std::_Exit(0);
  }

  const char* peer_;
  const char* version_;
  Work work_;
  std::uint64_t done_ = 0;
  std::uint64_t mark_;
  double started_ = 0;
  double check_ = 0;
};

/// Reads `WORK [--quick]` or `--list`. One work per process, because both libraries keep their
/// state in globals. Ends the program on bad usage.
template <std::size_t N>
Work chosen_work(int argc, char** argv, const Work (&works)[N]) {
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Work& work : works) std::puts(work.name);
    std::exit(0);
  }
  const bool quick = argc == 3 && std::strcmp(argv[2], "--quick") == 0;
  if (argc == 2 || quick) {
    for (Work work : works) {
      if (std::strcmp(argv[1], work.name) != 0) continue;
      if (quick) work.operations /= 10;
      return work;
    }
  }
  std::fprintf(stderr, "usage: %s WORK [--quick] | --list\n", argv[0]);
  std::exit(2);
}

}  // namespace predrill::peers
