// HOLD on the bare event set: pop the smallest key, push one at its time plus an exponential
// increment. The increments are drawn beforehand, but in hold_drawing, which draws each when it is
// needed. The work is fixed: ten iterations of a million operations, which is a whole turn of the
// ladder with a million pending keys (about 8.6 mean increments). per_op is the time of one pop and
// one push.
#include "sim/event_set.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <queue>
#include <vector>

#include "bench/peers/works.hpp"

namespace {

using predrill::sim::EventKey;
using predrill::sim::EventSet;

constexpr std::size_t increment_count = 1 << 16;

// Exponential with mean 1 s; libm is good enough for a measurement.
const std::vector<std::int64_t>& increments() {
  static const std::vector<std::int64_t> table = [] {
    std::vector<std::int64_t> t(increment_count);
    std::uint64_t state = 1;
    for (auto& increment : t) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const double u = (static_cast<double>(state >> 11) + 0.5) / 9007199254740992.0;
      increment = static_cast<std::int64_t>(-std::log(u) * 1e9);
    }
    return t;
  }();
  return table;
}

struct Beforehand {
  std::int64_t operator()(std::uint64_t number) { return table[number % increment_count]; }
  const std::int64_t* table = increments().data();
};

// As the works of kernel_bench.cpp and of the peers draw theirs.
struct WhenNeeded {
  std::int64_t operator()(std::uint64_t /*number*/) {
    return static_cast<std::int64_t>(generator.exponential() * 1e9);
  }
  predrill::peers::Generator generator{1};
};

struct Later {
  bool operator()(const EventKey& a, const EventKey& b) const { return b < a; }
};

class StdQueue {
 public:
  void push(EventKey key) { queue_.push(key); }
  EventKey pop() {
    const EventKey top = queue_.top();
    queue_.pop();
    return top;
  }

 private:
  std::priority_queue<EventKey, std::vector<EventKey>, Later> queue_;
};

class FourAryHeap {
 public:
  void push(EventKey key) {
    std::size_t i = heap_.size();
    heap_.push_back(key);
    for (; i > 0 && key < heap_[(i - 1) / 4]; i = (i - 1) / 4) heap_[i] = heap_[(i - 1) / 4];
    heap_[i] = key;
  }
  EventKey pop() {
    const EventKey top = heap_.front();
    const EventKey key = heap_.back();
    heap_.pop_back();
    const std::size_t size = heap_.size();
    if (size == 0) return top;
    std::size_t i = 0;
    for (std::size_t child = 1; child < size; child = 4 * i + 1) {
      std::size_t best = child;
      for (std::size_t c = child + 1; c < child + 4 && c < size; ++c) {
        if (heap_[c] < heap_[best]) best = c;
      }
      if (!(heap_[best] < key)) break;
      heap_[i] = heap_[best];
      i = best;
    }
    heap_[i] = key;
    return top;
  }

 private:
  std::vector<EventKey> heap_;
};

template <class Set, class Increment>
class Hold {
 public:
  explicit Hold(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) push(0);
    step(3 * size);
  }
  void step(std::size_t operations) {
    for (std::size_t i = 0; i < operations; ++i) push(set_.pop().at);
  }

 private:
  void push(std::int64_t now) {
    const std::uint64_t sequence = sequence_++;
    set_.push({now + increment_(sequence), sequence << 24});
  }
  Set set_;
  std::uint64_t sequence_ = 0;
  Increment increment_;
};

template <class Set, class Increment>
void measure_hold(benchmark::State& state) {
  Hold<Set, Increment> hold(static_cast<std::size_t>(state.range(0)));
  constexpr std::size_t operations = 1'000'000;
  for (auto _ : state) hold.step(operations);
  // Seconds per operation, inverted; Google Benchmark prints it as "16.3n".
  state.counters["per_op"] = benchmark::Counter(
      static_cast<double>(operations),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

template <class Set>
void hold(benchmark::State& state) {
  measure_hold<Set, Beforehand>(state);
}
template <class Set>
void hold_drawing(benchmark::State& state) {
  measure_hold<Set, WhenNeeded>(state);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("pending")->RangeMultiplier(10)->Range(100, 1'000'000);
  b->Unit(benchmark::kMillisecond)->Iterations(10)->Repetitions(3)->ReportAggregatesOnly();
}
BENCHMARK(hold<EventSet>)->Apply(sizes);
BENCHMARK(hold<StdQueue>)->Apply(sizes);
BENCHMARK(hold<FourAryHeap>)->Apply(sizes);
BENCHMARK(hold_drawing<StdQueue>)->Apply(sizes);

}  // namespace
