// HOLD on the bare event set: pop the smallest key, push one at its time plus an exponential
// increment. The work is fixed: ten iterations of a million operations, which is a whole turn of
// the ladder with a million pending keys (about 8.6 mean increments). per_op is the time of one pop
// and one push.
#include "sim/event_set.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <queue>
#include <vector>

#include "bench/peers/works.hpp"

namespace {

using predrill::peers::Exponentials;
using predrill::sim::EventKey;
using predrill::sim::EventSet;

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

template <class Set>
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
    const auto increment = static_cast<std::int64_t>(increments_.next() * 1e9);
    set_.push({now + increment, sequence_++ << 24});
  }
  Set set_;
  std::uint64_t sequence_ = 0;
  Exponentials increments_{1};
};

template <class Set>
void hold(benchmark::State& state) {
  Hold<Set> hold(static_cast<std::size_t>(state.range(0)));
  constexpr std::size_t operations = 1'000'000;
  for (auto _ : state) hold.step(operations);
  // Seconds per operation, inverted; Google Benchmark prints it as "16.3n".
  state.counters["per_op"] = benchmark::Counter(
      static_cast<double>(operations),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->ArgName("pending")->RangeMultiplier(10)->Range(100, 1'000'000);
  b->Unit(benchmark::kMillisecond)->Iterations(10)->Repetitions(3)->ReportAggregatesOnly();
}
BENCHMARK(hold<EventSet>)->Apply(sizes);
BENCHMARK(hold<StdQueue>)->Apply(sizes);
BENCHMARK(hold<FourAryHeap>)->Apply(sizes);

}  // namespace
